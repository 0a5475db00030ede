"""Where in the user's code a variable was made."""

import linecache
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

_PACKAGE = __name__.partition(".")[0]


@dataclass(frozen=True)
class SourceLine:
    """A line of the user's code.

    Attributes
    ----------
    filename : str
        As Python gives it; for a notebook cell the name under which the cell was compiled.
    lineno : int
        Counted from 1.
    function : str
        The function that the line is in, `<module>` outside of any.
    """

    filename: str
    lineno: int
    function: str

    @property
    def text(self) -> str:
        """The line itself, without indentation; empty if it cannot be read."""
        return linecache.getline(self.filename, self.lineno).strip()

    @property
    def where(self) -> str:
        """For people: `model.py:12` or `cell In[3], line 4`."""
        shown = _formatter(self.filename)
        if shown is not None:
            return f"{shown}, line {self.lineno}"
        return f"{os.path.basename(self.filename)}:{self.lineno}"

    def __str__(self) -> str:
        text = self.text
        return f"{self.where}: {text}" if text else self.where


def _plain(filename: str) -> str | None:
    return None


_formatter: Callable[[str], str | None] = _plain


def set_filename_formatter(formatter: Callable[[str], str | None] | None) -> None:
    """Sets how file names are shown; a formatter returns None for files it does not know."""
    global _formatter
    _formatter = formatter or _plain


def user_line() -> SourceLine | None:
    """The innermost line on the stack that is not in this package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module != _PACKAGE and not module.startswith(_PREFIX):
            code = frame.f_code
            return SourceLine(code.co_filename, frame.f_lineno, code.co_name)
        frame = frame.f_back
    return None


_PREFIX = f"{_PACKAGE}."
