"""Where in the user's code a variable was made."""

import linecache
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from types import FrameType
from typing import TYPE_CHECKING

from arignote.errors import GraphError, message

if TYPE_CHECKING:
    from contextlib import _GeneratorContextManager

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
    scope : str
        The name scopes that were open, `encoder/layer1`; empty outside of any.
    """

    filename: str
    lineno: int
    function: str
    scope: str = ""

    @property
    def text(self) -> str:
        """The line itself, without indentation; empty if it cannot be read."""
        return linecache.getline(self.filename, self.lineno).strip()

    @property
    def file(self) -> str:
        """The file or cell for people: `model.py` or `cell In[3]`."""
        return _formatter(self.filename) or os.path.basename(self.filename)

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


# Many nodes are made in few lines.
_line = lru_cache(maxsize=4096)(SourceLine)


def user_line() -> SourceLine | None:
    """The innermost line on the stack that is not in this package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module != _PACKAGE and not module.startswith(_PREFIX):
            code = frame.f_code
            return _line(code.co_filename, frame.f_lineno, code.co_name, _scope.get())
        frame = frame.f_back
    return None


_PREFIX = f"{_PACKAGE}."


# ---- name scopes --------------------------------------------------------------------------------

_scope: ContextVar[str] = ContextVar("arignote_name_scope", default="")


def name_scope(name: str) -> "_GeneratorContextManager[str]":
    """A block, or a decorator of a function, whose nodes belong together under a name.

    Scopes nest: what is made in `layer1` within `encoder` belongs to `encoder/layer1`. The graph
    explorer draws a box for each. Nothing that is computed depends on them.

    Parameters
    ----------
    name : str
        Not empty; slashes make several scopes, each within the one before.

    Returns
    -------
    context manager and decorator
        `with` gives the whole path of scopes.

    Raises
    ------
    GraphError
        The name is no string, or a part of it is empty.

    Example
    -------
    >>> from arignote import name_scope, tensor as T
    >>> x = T.fmatrix("x")
    >>> with name_scope("encoder"), name_scope("layer1"):
    ...     h = T.tanh(x)
    >>> h.source.scope
    'encoder/layer1'
    """
    if not isinstance(name, str) or not all(part.strip() for part in name.split("/")):
        raise GraphError(
            message(f"a name scope needs a name, not {name!r}.", hint="name_scope('layer1')")
        )
    return _opened(name)


@contextmanager
def _opened(name: str) -> Iterator[str]:
    outer = _scope.get()
    token = _scope.set(f"{outer}/{name}" if outer else name)
    try:
        yield _scope.get()
    finally:
        _scope.reset(token)
