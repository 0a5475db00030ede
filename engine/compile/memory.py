"""How much memory a call takes, by name, before it runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import accumulate
from typing import Any

from arignote import lazy
from arignote.graph import hooks

MIB = 1 << 20
MAX_ROWS = 20
Shape = tuple[int, ...]


class Role(Enum):
    """What an array is to a call."""

    INPUT = "input"
    SHARED = "shared variable"
    CONSTANT = "constant"
    OUTPUT = "output"
    INTERMEDIATE = "intermediate"


# What is there before the call; the rest it allocates.
GIVEN = (Role.INPUT, Role.SHARED, Role.CONSTANT)


@dataclass(frozen=True)
class Holding:
    """Memory that an array takes during some of the steps of a call.

    Attributes
    ----------
    name : str
    role : Role
    bytes : int
    first, last : int
        The steps, counted from 0, from the beginning of which and to the end of which it is there.
    type : str
        Dtype and shape.
    where : str
        The user's line that it comes from, or nothing.
    """

    name: str
    role: Role
    bytes: int
    first: int
    last: int
    type: str = ""
    where: str = ""


@dataclass(frozen=True)
class MemoryPlan:
    """The memory of one call; `print` shows what is alive at the peak, a notebook a chart.

    Counted are the elements of inputs, shared variables, constants and outputs, what lies between
    the steps (with C: the workspace, which is there as a whole while the steps that use it run),
    and copies of inputs that lie otherwise in memory than the steps need it. Not counted are
    compiled code and its tables, the buffers of BLAS, and Python's objects.

    Attributes
    ----------
    title : str
        The function and its executor.
    steps : tuple of str
        Each step in a few words.
    holdings : tuple of Holding
    is_bound : bool
        Whether sizes that only values decide were taken at their largest.

    Example
    -------
    >>> from arignote import function, tensor as T
    >>> x = T.dvector("x")
    >>> f = function([x], T.exp(x))
    >>> plan = f.memory((1000,))
    >>> plan.peak, plan.allocated
    (16000, 8000)
    """

    title: str
    steps: tuple[str, ...]
    holdings: tuple[Holding, ...]
    is_bound: bool = False

    @cached_property
    def timeline(self) -> tuple[int, ...]:
        """The bytes that are alive at each step."""
        return self._sums(self.holdings)

    def of_role(self, role: Role) -> tuple[int, ...]:
        """The bytes that arrays of a role take at each step."""
        return self._sums([holding for holding in self.holdings if holding.role is role])

    def _sums(self, holdings: Sequence[Holding]) -> tuple[int, ...]:
        changes = [0] * (len(self.steps) + 1)
        for holding in holdings:
            changes[holding.first] += holding.bytes
            changes[holding.last + 1] -= holding.bytes
        return tuple(accumulate(changes[:-1]))

    @property
    def peak(self) -> int:
        """The most bytes that are alive at once, inputs and shared variables included."""
        return max(self.timeline, default=0)

    @property
    def peak_step(self) -> int:
        """The first step, counted from 0, at which most of the peak is in use."""
        used = self._sums([holding for holding in self.holdings if holding.name != UNUSED])
        steps = [n for n, size in enumerate(self.timeline) if size == self.peak]
        return max(steps, key=lambda n: used[n], default=0)

    @property
    def allocated(self) -> int:
        """How much of the peak the call itself allocates."""
        given = sum(holding.bytes for holding in self.holdings if holding.role in GIVEN)
        return self.peak - given

    @property
    def alive_at_peak(self) -> list[Holding]:
        """What is alive at the peak, the largest first; together it is the peak."""
        return self.alive(self.peak_step)

    def alive(self, step: int) -> list[Holding]:
        """What is alive at a step, counted from 0, the largest first."""
        found = [x for x in self.holdings if x.first <= step <= x.last and x.bytes]
        return sorted(found, key=lambda holding: -holding.bytes)

    def __str__(self) -> str:
        alive, step = self.alive_at_peak, self.peak_step
        rows = [
            (bytes_text(x.bytes), x.name, x.role.value, x.type, x.where) for x in alive[:MAX_ROWS]
        ]
        rest = alive[MAX_ROWS:]
        if rest:
            size = bytes_text(sum(x.bytes for x in rest))
            rows.append((size, f"{len(rest)} more", "", "", ""))
        where = (
            f" at step {step + 1} of {len(self.steps)}: {self.steps[step]}" if self.steps else ""
        )
        bound = "at most " if self.is_bound else ""
        made = lazy.module("arignote.tables").table(
            [">bytes", "name", "role", "type", "where"],
            rows,
            f"{self.title}: peak {bound}{bytes_text(self.peak)}, {bytes_text(self.allocated)} of it"
            f" allocated by the call,{where}",
        )
        return str(made)

    __repr__ = __str__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return hooks.mimebundle(self, include, exclude)


UNUSED = "workspace, not in use"


def bytes_text(size: float) -> str:
    """A number of bytes with three digits: `1.25 MiB`."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1000 or unit == "GiB":
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.3g} {unit}"
        size /= 1024
    raise AssertionError


class Plan:
    """Holdings while they are being found."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.holdings: list[Holding] = []
        self.is_bound = False

    def hold(
        self, name: str, role: Role, size: int, first: int, last: int, type_text: str = "",
        where: str = "",
    ) -> None:  # fmt: skip
        """Notes memory; what is not there at any step is left out."""
        if first <= last and size:
            self.holdings.append(Holding(name, role, size, first, last, type_text, where))

    def finished(self, title: str) -> MemoryPlan:
        """All that was noted."""
        if not self.steps:
            self.steps.append("results")
        return MemoryPlan(title, tuple(self.steps), tuple(self.holdings), self.is_bound)
