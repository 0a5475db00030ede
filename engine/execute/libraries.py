"""Shared libraries that this process has loaded, and the functions in them."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arignote import lazy
from arignote.errors import CompilerError, message


@dataclass(frozen=True)
class Library:
    """A loaded shared library; it stays loaded as long as the process lives."""

    path: Path
    handle: Any

    def function(self, name: str, signature: str) -> Any:
        """A function of the library as a cffi object that can be called or passed to others.

        Parameters
        ----------
        name : str
            Its name in C; AttributeError if the library has none of that name.
        signature : str
            The type of a pointer to it, such as `"double(*)(double, int64_t)"`.
        """
        return self.handle.load_function(ffi().typeof(signature), name)

    def address(self, name: str) -> int:
        """Where a function of the library is in memory."""
        return int(ffi().cast("uintptr_t", self.function(name, "void(*)(void)")))


@functools.cache
def ffi() -> Any:
    """The one cffi object of the executor.

    It is the one that cffi's own generated modules use. `cffi.FFI()` would load a parser for C,
    which takes longer than all else that a program from the cache needs.
    """
    return lazy.module("_cffi_backend").FFI()


_libraries: dict[Path, Library] = {}


def load(path: Path) -> Library:
    """The library of a file, loaded once and kept for the process.

    Raises
    ------
    CompilerError
        The system's loader refuses it.
    """
    try:
        return attempt(path)
    except OSError as error:
        raise _cannot_load(path, error) from None


def attempt(path: Path) -> Library:
    """As `load`; the OSError of the system's loader comes through."""
    if path not in _libraries:
        _libraries[path] = Library(path, lazy.module("_cffi_backend").load_library(str(path)))
    return _libraries[path]


def _cannot_load(path: Path, error: OSError) -> CompilerError:
    return CompilerError(
        message(
            "A compiled kernel cannot be loaded.",
            got=[str(path), str(error).rpartition(f"{path}: ")[2]],
            hint="config.cache_dir = another folder, if that one may not hold programs (noexec)",
        )
    )
