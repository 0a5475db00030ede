"""Vector versions of C's functions. Oracles: ctypes for what is there, `math` for its values."""

from __future__ import annotations

import ctypes
import math
import platform
import shutil
import sys
from pathlib import Path

import pytest

from arignote import config
from arignote.execute import compiler as compiler_module
from arignote.execute import libmvec
from arignote.execute.compiler import Compiler, find_compiler
from arignote.execute.libmvec import vector_functions
from arignote.execute.libraries import ffi
from arignote.execute.toolchain import load_c

GCC = shutil.which("gcc")
NAMES = [
    name + f
    for name in ("exp", "log", "sin", "tanh", "pow", "log1p", "erf", "atan2", "tgamma", "sqrt")
    for f in ("", "f")
]
SIMD = '__attribute__((simd("notinbranch"))) '
glibc = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64")
    or GCC is None
    or platform.libc_ver()[0] != "glibc",
    reason="needs gcc and glibc on x86-64",
)


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    with config.change(cc=GCC or "", cache_dir=tmp_path / "kernels"):
        yield


def has_all(name: str) -> bool:
    """Whether four instruction sets have it, by its number of arguments and what it is made of."""
    library = ctypes.CDLL("libmvec.so.1")
    size = 4 if name.endswith("f") and name != "erf" else 8
    arguments = "vv" if name.removesuffix("f") in {"pow", "atan2"} else "v"
    widths = {"b": 16, "c": 32, "d": 32, "e": 64}
    return all(
        hasattr(library, f"_ZGV{letter}N{width // size}{arguments}_{name}")
        for letter, width in widths.items()
    )


@glibc
def test_those_are_named_that_are_there():
    found = vector_functions(NAMES, find_compiler())
    assert found == [name for name in NAMES if has_all(name)]
    assert {"exp", "expf", "powf"} <= set(found)
    assert not {"tgamma", "sqrt", "sqrtf"} & set(found)


def test_others_have_none(monkeypatch):
    owner = compiler_module.GCC_OWNER
    gcc = Compiler(("/usr/bin/gcc",), f"gcc 12\nCopyright (C) 2022 {owner}, Inc.")
    clang = Compiler(
        ("/usr/bin/clang",), "Debian clang version 14.0.6\nTarget: x86_64-pc-linux-gnu"
    )
    assert vector_functions(NAMES, clang) == []
    with monkeypatch.context() as patch:
        patch.setattr(platform, "machine", lambda: "aarch64")
        assert vector_functions(NAMES, gcc) == []
    libmvec._libmvec.cache_clear()
    libmvec._has_all.cache_clear()
    monkeypatch.setattr(libmvec, "LIBRARY", "libarignote-none.so.1")
    assert vector_functions(NAMES, gcc) == []
    libmvec._libmvec.cache_clear()
    libmvec._has_all.cache_clear()


def source(name: str, declared: str, type_: str) -> str:
    return (
        f"#include <math.h>\n#include <stdint.h>\n{declared}{type_} {name}({type_});\n"
        f"void k(const {type_} *x, {type_} *y, int64_t n) {{\n"
        f"#pragma omp simd\nfor (int64_t i = 0; i < n; i++) y[i] = {name}(x[i]);\n}}\n"
    )


@glibc
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize(
    ("name", "type_", "epsilon"), [("expf", "float", 2**-23), ("exp", "double", 2**-52)]
)
def test_loops_call_them(monkeypatch, name: str, type_: str, epsilon: float, wide: bool):
    """A loop without the declaration does not: so the name in the file is a call of the loop's."""
    features = "avx512f" if wide and "avx512f" in compiler_module.cpu_features() else "sse2"
    monkeypatch.setattr(compiler_module, "cpu_features", lambda: features)
    library = load_c(source(name, SIMD, type_))
    called = library.path.read_bytes()
    assert f"v_{name}\0".encode() in called
    assert (b"_ZGVeN" in called) == (features == "avx512f")
    assert b"_ZGV" not in load_c(source(name, "", type_)).path.read_bytes()
    k = library.function("k", f"void(*)(const {type_} *, {type_} *, int64_t)")
    for size in range(40):
        values = [(-1.25) ** n / 100 for n in range(size)]
        x, y = ffi().new(f"{type_}[]", values), ffi().new(f"{type_}[]", size)
        k(x, y, size)
        assert list(y) == pytest.approx([math.exp(v) for v in x], rel=4 * epsilon)
