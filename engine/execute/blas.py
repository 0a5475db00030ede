"""A private copy of OpenBLAS: its products, one thread inside, apart from NumPy's and SciPy's."""

import contextlib
import functools
import importlib.util
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arignote import lazy
from arignote.errors import CompilerError, CompilerMissingError, message
from arignote.execute.compiler import cpu_features
from arignote.execute.libraries import ffi

PACKAGE = "scipy_openblas32"
INSTALL = "pip install scipy-openblas32"
PREFIX = "scipy_"
AVX512 = frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl"})


@dataclass(frozen=True)
class Blas:
    """A loaded OpenBLAS that counts with 32 bits, and where its products are in memory."""

    path: Path
    handle: Any
    sgemm: int
    dgemm: int
    sgemv: int
    dgemv: int

    def describe(self) -> str:
        """Its version and the processor that its kernels were written for."""
        config = self._text("openblas_get_config")
        version = re.match(r"OpenBLAS (\d+(\.\d+){0,2})", config)
        name = version[0] if version else "OpenBLAS"
        return f"{name}, {self._text('openblas_get_corename')} kernels"

    def _text(self, name: str) -> str:
        function = self.handle.load_function(ffi().typeof("char*(*)(void)"), PREFIX + name)
        return ffi().string(function()).decode("ascii", "replace")


# Who has its addresses may not see it go.
_handles: list[Any] = []


@functools.cache
def blas() -> Blas:
    """The OpenBLAS of the package scipy-openblas32, loaded once and kept for the process.

    Raises
    ------
    CompilerMissingError
        The package is not installed.
    CompilerError
        The system's loader refuses its library.

    Example
    -------
    >>> from arignote.execute.blas import blas
    >>> blas().describe()  # doctest: +SKIP
    'OpenBLAS 0.3.34, SkylakeX kernels'
    """
    path = _find()
    try:
        return _load(path)
    except (OSError, AttributeError) as error:
        raise CompilerError(
            message(
                "OpenBLAS cannot be loaded.",
                got=[str(path), str(error).rpartition(f"{path}: ")[2]],
                hint=f"{INSTALL} --force-reinstall",
            )
        ) from None


def _find() -> Path:
    """The library's file; importing the package would load it, for all to see."""
    spec = importlib.util.find_spec(PACKAGE)
    suffix = "dylib" if sys.platform == "darwin" else "so"
    folders = spec.submodule_search_locations or [] if spec else []
    for folder in folders:
        path = Path(folder) / "lib" / f"libscipy_openblas.{suffix}"
        if path.is_file():
            return path
    raise CompilerMissingError(
        message("Matrix products need OpenBLAS, and it is not installed.", hint=INSTALL)
    )


def _load(path: Path) -> Blas:
    with _environment({"OPENBLAS_NUM_THREADS": "1", **_core_type(os.environ, cpu_features())}):
        flags = os.RTLD_NOW | os.RTLD_LOCAL
        handle = lazy.module("_cffi_backend").load_library(str(path), flags)
    _handles.append(handle)
    handle.load_function(ffi().typeof("void(*)(int)"), f"{PREFIX}openblas_set_num_threads")(1)
    return Blas(
        path, handle, *(_address(handle, name) for name in ("sgemm", "dgemm", "sgemv", "dgemv"))
    )


def _core_type(environment: Mapping[str, str], features: str) -> dict[str, str]:
    """What to set so that OpenBLAS takes its AVX-512 kernels.

    On Intel's processors it does so by itself; on AMD's it takes the AVX2 ones, which are half as
    fast. A choice of the user stands.
    """
    words = dict(line.split(": ", 1) for line in features.splitlines() if ": " in line)
    able = set(words.get("flags", "").split()) >= AVX512
    own = "OPENBLAS_CORETYPE" in environment
    if own or not able or words.get("vendor_id") == "GenuineIntel":
        return {}
    return {"OPENBLAS_CORETYPE": "SkylakeX"}


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables that hold in the block only."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _address(handle: Any, name: str) -> int:
    function = handle.load_function(ffi().typeof("void(*)(void)"), f"{PREFIX}cblas_{name}")
    return int(ffi().cast("uintptr_t", function))
