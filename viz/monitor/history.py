"""What a monitor saw: statistics of variables by step."""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from arignote.compile.watched import OF_VALUES
from arignote.errors import message
from arignote.graph.source import SourceLine

if TYPE_CHECKING:
    from arignote.execute.finding import Finding

# How many samples are kept of a variable whose whole history is not wanted.
KEPT = 1024


class Points(NamedTuple):
    """A statistic over the steps.

    Attributes
    ----------
    steps : ndarray of int64, shape (n,)
        Counted from 0.
    values : ndarray of float64, shape (n,)
        NaN where there was nothing to measure.
    """

    steps: np.ndarray
    values: np.ndarray


class OnNaN(Enum):
    """What is done about the first NaN."""

    RAISE = "raise"
    PAUSE = "pause"
    WARN = "warn"
    RECORD = "record"


@dataclass(frozen=True, repr=False)
class FirstNaN:
    """Where NaN was seen first.

    Attributes
    ----------
    name : str
        The variable.
    step : int
    what : str
        What has it, in words.
    source : SourceLine or None
        The user's line that computes the variable.
    finding : Finding or None
        The node in which it was born, where making the call again brought it up.
    """

    name: str
    step: int
    what: str
    source: SourceLine | None
    finding: "Finding | None" = None

    def born(self, finding: "Finding") -> "FirstNaN":
        """The same, with its origin."""
        return replace(self, finding=finding)

    @property
    def origin(self) -> str:
        """The line of the user's that it comes from; empty if that is not known."""
        line = self.source if self.finding is None else self.finding.line or self.source
        return "" if line is None else str(line)

    def __str__(self) -> str:
        title = f"{self.what} at step {self.step}."
        if self.finding is not None:
            return f"{title}\n{self.finding}"
        return message(title, where=self.origin or None)

    __repr__ = __str__


class Series(Mapping[str, Points]):
    """The statistics of one variable, by name: `series["mean"]` has `steps` and `values`."""

    def __init__(self, channels: tuple[str, ...], is_whole: bool = True) -> None:
        self._is_whole = is_whole
        self._steps = array("q")
        self._values = {channel: array("d") for channel in channels}

    def add(self, step: int, row: Mapping[str, float]) -> None:
        """Takes the statistics of a step; those it does not have are NaN."""
        if not self._is_whole and len(self._steps) >= KEPT:
            self._steps = self._steps[::2]
            self._values = {channel: values[::2] for channel, values in self._values.items()}
        self._steps.append(step)
        for channel, values in self._values.items():
            values.append(row.get(channel, np.nan))

    def last(self, channel: str) -> float:
        """The newest value; NaN where there is none, or where all elements were NaN."""
        values = self._values.get(channel, array("d"))
        counts = self._values.get("nan", values)
        # Not every sample has every number, but one that has counted NaN has the others too.
        for value, count in zip(reversed(values), reversed(counts), strict=False):
            if value == value or (channel in OF_VALUES and count > 0):
                return value
        return float("nan")

    def __getitem__(self, channel: str) -> Points:
        values = self._values[channel]
        return Points(np.array(self._steps, "int64"), np.array(values, "float64"))

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<Series of {len(self._steps)} samples: {', '.join(self._values)}>"


class History(Mapping[str, Series]):
    """The series of all variables that were watched, by name."""

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}

    def open(self, name: str, channels: tuple[str, ...], is_whole: bool) -> str:
        """Begins a series; gives its name, which has a number where another variable has it."""
        label = self._free(name)
        self._series[label] = Series(channels, is_whole)
        return label

    def drop(self, names: Iterable[str]) -> None:
        """Forgets series."""
        for name in names:
            self._series.pop(name, None)

    def _free(self, name: str) -> str:
        """The name, with a number where it is taken."""
        if name not in self._series:
            return name
        return next(f"{name} ({n})" for n in range(2, 10**9) if f"{name} ({n})" not in self._series)

    def __getitem__(self, name: str) -> Series:
        return self._series[name]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._series))

    def __len__(self) -> int:
        return len(self._series)

    def __repr__(self) -> str:
        return f"<History of {', '.join(self._series) or 'nothing yet'}>"


def thinned(points: Points, most: int) -> Points:
    """At most this many of the points, evenly, the last one among them."""
    count = len(points.steps)
    if count <= most:
        return points
    places = np.unique(np.linspace(0, count - 1, most).astype(int))
    return Points(points.steps[places], points.values[places])
