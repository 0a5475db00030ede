"""Vector versions of C's mathematical functions, from the libmvec that comes with glibc."""

import functools
import os
import platform
import sys
from collections.abc import Iterable
from typing import Any

from arignote import lazy
from arignote.execute.compiler import Compiler
from arignote.execute.libraries import ffi

LIBRARY = "libmvec.so.1"
# The vector ABI's letter for SSE, AVX, AVX2 and AVX-512, with the numbers in a vector: of doubles,
# and of floats. gcc calls whichever its target has, also a narrower one for a loop's last turns.
VARIANTS = (("bN2", "cN4", "dN4", "eN8"), ("bN4", "cN8", "dN8", "eN16"))
# A letter for each argument.
ARGUMENTS = ("v", "vv")


def vector_functions(names: Iterable[str], compiler: Compiler) -> list[str]:
    """The C functions among `names` that loops may call for a whole vector at once.

    These may be declared with `__attribute__((simd("notinbranch")))`; a loop that says `omp simd`
    then calls libmvec. Clang does not know the attribute, and other C libraries have no libmvec.

    Parameters
    ----------
    names : iterable of str
        Such as `"expf"`, `"pow"`.
    compiler : Compiler
        What is to compile the declarations.
    """
    system = (sys.platform, platform.machine())
    if system != ("linux", "x86_64") or not compiler.is_gcc:
        return []
    return [name for name in names if _has_all(name)]


@functools.cache
def _has_all(name: str) -> bool:
    """Whether all variants are there that gcc might call, for a function of one or two numbers."""
    library = _libmvec()
    return library is not None and any(
        all(_has(library, f"_ZGV{variant}{arguments}_{name}") for variant in variants)
        for variants in VARIANTS
        for arguments in ARGUMENTS
    )


def _has(library: Any, symbol: str) -> bool:
    try:
        library.load_function(ffi().typeof("void(*)(void)"), symbol)
    except AttributeError:
        return False
    return True


@functools.cache
def _libmvec() -> Any:
    """The library; None if there is none.

    Its names are visible to all that is loaded later: a compiler with a C library of its own, such
    as conda's, links kernels without naming libmvec.
    """
    try:
        return lazy.module("_cffi_backend").load_library(LIBRARY, os.RTLD_NOW | os.RTLD_GLOBAL)
    except OSError:
        return None
