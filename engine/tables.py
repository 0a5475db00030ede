"""`Table`: rows of text under titles, for terminals and notebooks."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from arignote import lazy

MAX_WIDTH = 48


@dataclass(frozen=True)
class Table:
    """Rows of text under titles; `print` aligns them, notebooks show a table that can be sorted.

    Attributes
    ----------
    columns : tuple of str
        The titles; one that begins with `>` has its cells at the right.
    rows : tuple of tuple of str
    title, note : str
        One line above, and one below.
    marked : frozenset of int
        Rows to draw attention to.

    Example
    -------
    >>> from arignote.tables import table
    >>> print(table(["name", ">size"], [["x", "3"], ["loss", "10"]]))
    name  size
    x        3
    loss    10
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    note: str = ""
    marked: frozenset[int] = field(default_factory=frozenset)

    @property
    def titles(self) -> list[str]:
        """The titles of the columns."""
        return [column.removeprefix(">") for column in self.columns]

    @property
    def is_number(self) -> list[bool]:
        """Which columns have their cells at the right."""
        return [column.startswith(">") for column in self.columns]

    def __str__(self) -> str:
        rows = [[_cut(cell) for cell in row] for row in (self.titles, *self.rows)]
        widths = [max(map(_width, cells)) for cells in zip(*rows, strict=True)]
        lines = [self._line(row, widths) for row in rows]
        return "\n".join([*([self.title] if self.title else []), *lines,
                          *([self.note] if self.note else [])])  # fmt: skip

    __repr__ = __str__

    def _line(self, cells: Sequence[str], widths: Sequence[int]) -> str:
        padded = [
            " " * (width - _width(cell)) + cell if right else cell + " " * (width - _width(cell))
            for cell, width, right in zip(cells, widths, self.is_number, strict=True)
        ]
        return "  ".join(padded).rstrip()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = lazy.module("arignote.graph.hooks").mimebundle(
            self, include, exclude
        )
        return bundle


def table(
    columns: Iterable[str],
    rows: Iterable[Iterable[object]],
    title: str = "",
    note: str = "",
    marked: Iterable[int] = (),
) -> Table:
    """A table of anything; cells are shown by `str`, None as an empty cell."""
    texts = tuple(tuple("" if cell is None else str(cell) for cell in row) for row in rows)
    return Table(tuple(columns), texts, title, note, frozenset(marked))


def number(value: float | None, digits: int = 4) -> str:
    """A number in a cell: 4 digits, whole numbers whole, an empty text for None."""
    if value is None:
        return ""
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 10**digits):
        return str(int(value))
    return f"{value:.{digits}g}"


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MAX_WIDTH else f"{text[: MAX_WIDTH - 1]}…"


def _width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide if wide else len(text)
