"""Profiles: how often and for how long steps ran, and what bandwidth and speed that makes."""

import threading
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from time import perf_counter_ns

from arignote.execute.costs import Cost, Shares
from arignote.graph import Apply
from arignote.lower.names import line_of, where_text

OFF = "This function is not profiled; function(..., profile=True) makes one that is."
MAX_ROWS = 30
MAX_WHAT = 60
_HEAD = " share       time    calls    us/call    GB/s  GFLOP/s  step"


@dataclass(frozen=True, eq=False)
class StepInfo:
    """A step of a program.

    Attributes
    ----------
    number : int
        As `print(f.program)` counts.
    kind : str
        `loops`, `blas` or `numpy`.
    what : str
        What it computes, in the user's names.
    nodes : tuple of Apply
    """

    number: int
    kind: str
    what: str
    nodes: tuple[Apply, ...]

    @property
    def where(self) -> str:
        """The user's lines that the step comes from."""
        return ", ".join(dict.fromkeys(filter(None, map(where_text, self.nodes))))


@dataclass(frozen=True)
class StepRecord:
    """A step with what was measured.

    Attributes
    ----------
    info : StepInfo
    calls : int
        How often it ran.
    nanoseconds : int
        How long that took in all.
    cost : Cost
        Of all runs together: bytes read and written, operations on floats.
    """

    info: StepInfo
    calls: int
    nanoseconds: int
    cost: Cost

    @property
    def us_per_call(self) -> float:
        """Microseconds for each run."""
        return self.nanoseconds / 1e3 / self.calls

    @property
    def gb_per_s(self) -> float:
        """Bytes read and written in a second, in units of 1e9."""
        return (self.cost.read + self.cost.written) / max(self.nanoseconds, 1)

    @property
    def gflop_per_s(self) -> float:
        """Operations on floats in a second, in units of 1e9."""
        return self.cost.operations / max(self.nanoseconds, 1)


@dataclass(frozen=True)
class ShareRecord:
    """The time that an op, or a line, is taken to have had, and of how many nodes."""

    name: str
    nanoseconds: float
    nodes: int


@dataclass(eq=False)
class Meter:
    """Where the runs of a step are counted in which its nodes share the time alike."""

    info: StepInfo
    shares: Shares
    calls: int = 0
    nanoseconds: int = 0
    cost: Cost = field(default_factory=Cost)


class Profile:
    """What the calls of one function took; `print` shows tables.

    Attributes
    ----------
    is_on : bool
        Whether the function is profiled.
    calls, nanoseconds : int
        How many calls there were, and how long they took in all.

    Example
    -------
    >>> from arignote import function, tensor as T
    >>> x = T.dvector("x")
    >>> f = function([x], T.exp(x) + 1, profile=True)
    >>> f([1.0, 2.0]).shape
    (2,)
    >>> f.profile.calls, sum(record.cost.operations for record in f.profile.steps)
    (1, 4)
    """

    def __init__(self, is_on: bool = True, clock: Callable[[], int] = perf_counter_ns) -> None:
        self.is_on, self.clock = is_on, clock
        self._lock = threading.Lock()
        self._known: dict[Hashable, Meter] = {}
        self.calls = self.nanoseconds = 0

    # ---- measuring ----------------------------------------------------------------------------

    def meter(self, info: StepInfo, shares: Shares) -> Meter:
        """The meter of a step for sizes with which its nodes share its time so."""
        key = (info, frozenset((node, round(share, 2)) for node, share in shares.items()))
        with self._lock:
            known = self._known.get(key)
            if known is None:
                known = self._known[key] = Meter(info, shares)
        return known

    def add(self, runs: Iterable[tuple[Meter, int, Cost]]) -> None:
        """Counts runs of steps, with their times in nanoseconds and their costs."""
        with self._lock:
            for meter, nanoseconds, cost in runs:
                meter.calls += 1
                meter.nanoseconds += nanoseconds
                meter.cost += cost

    def add_call(self, nanoseconds: int) -> None:
        """Counts a call of the function."""
        with self._lock:
            self.calls += 1
            self.nanoseconds += nanoseconds

    def reset(self) -> None:
        """Forgets all calls so far."""
        with self._lock:
            self.calls = self.nanoseconds = 0
            for meter in self._known.values():
                meter.calls = meter.nanoseconds = 0
                meter.cost = Cost()

    # ---- what was measured --------------------------------------------------------------------

    @property
    def steps(self) -> list[StepRecord]:
        """The steps that ran, those that took longest first."""
        found: dict[StepInfo, StepRecord] = {}
        with self._lock:
            for meter in self._known.values():
                calls, ns, cost = meter.calls, meter.nanoseconds, meter.cost
                if (known := found.get(meter.info)) is not None:
                    calls, ns, cost = calls + known.calls, ns + known.nanoseconds, cost + known.cost
                if calls:
                    found[meter.info] = StepRecord(meter.info, calls, ns, cost)
        return sorted(found.values(), key=lambda record: -record.nanoseconds)

    @property
    def outside(self) -> int:
        """Nanoseconds of calls outside of steps: checks of inputs, making arrays, updates."""
        return self.nanoseconds - sum(record.nanoseconds for record in self.steps)

    def by_op(self) -> list[ShareRecord]:
        """Time by op, longest first; nodes share a kernel's time by about how long each takes."""
        return self._shared(_op_name)

    def by_line(self) -> list[ShareRecord]:
        """Time by line of the user's code, that of gradients apart, shared as by op."""
        return self._shared(_line_name)

    def _shared(self, name: Callable[[Apply], str]) -> list[ShareRecord]:
        sums: defaultdict[str, float] = defaultdict(float)
        nodes: defaultdict[str, set[Apply]] = defaultdict(set)
        with self._lock:
            for meter in self._known.values():
                for node, share in meter.shares.items() if meter.calls else ():
                    sums[name(node)] += meter.nanoseconds * share
                    nodes[name(node)].add(node)
        records = [ShareRecord(text, ns, len(nodes[text])) for text, ns in sums.items()]
        return sorted(records, key=lambda record: -record.nanoseconds)

    # ---- text ---------------------------------------------------------------------------------

    def __str__(self) -> str:
        if not self.is_on:
            return OFF
        if not self.calls:
            return "There was no call yet."
        records, whole = self.steps, max(self.nanoseconds, 1)
        each = _time(self.nanoseconds / self.calls)
        calls = f"{self.calls} call{'' if self.calls == 1 else 's'}"
        lines = [f"{calls}, {each} each, {_time(self.nanoseconds)} in all", "", _HEAD]
        lines += [f"{_share(r.nanoseconds, whole)}  {_row(r)}" for r in records[:MAX_ROWS]]
        lines += _rest(len(records), "steps")
        lines.append(
            f"{_share(self.outside, whole)} {_time(self.outside):>10}{'':38}outside of steps:"
            " checks, new arrays, updates"
        )
        for title, shares in (("op", self.by_op()), ("line", self.by_line())):
            lines += ["", f"by {title}; a kernel's time is shared out by the weights of its nodes"]
            for share in shares[:MAX_ROWS]:
                lines.append(
                    f"{_share(share.nanoseconds, whole)} {_time(share.nanoseconds):>10}"
                    f" {share.nodes:8} node{' ' if share.nodes == 1 else 's'}  {share.name}"
                )
            lines += _rest(len(shares), f"{title}s")
        return "\n".join(lines)

    __repr__ = __str__


def _row(record: StepRecord) -> str:
    info, cost = record.info, record.cost
    rate = f"{record.gb_per_s:7.2f}" if cost.read + cost.written else f"{'':7}"
    speed = f"{record.gflop_per_s:8.2f}" if cost.operations else f"{'':8}"
    what = info.what if len(info.what) <= MAX_WHAT else f"{info.what[: MAX_WHAT - 3]}..."
    text = f"{info.number} {info.kind} {what}"
    return (
        f"{_time(record.nanoseconds):>9} {record.calls:8} {record.us_per_call:10.2f} {rate}"
        f" {speed}  {text}{f'  [{info.where}]' if info.where else ''}"
    )


def _rest(number: int, what: str) -> list[str]:
    return [f"  ... and {number - MAX_ROWS} more {what}"] if number > MAX_ROWS else []


def _share(nanoseconds: float, whole: int) -> str:
    return f"{100 * nanoseconds / whole:5.1f}%"


def _time(nanoseconds: float) -> str:
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if abs(nanoseconds) >= size:
            return (
                f"{nanoseconds / size:.3g} {unit}"
                if nanoseconds < 999 * size
                else (f"{nanoseconds / size:.0f} {unit}")
            )
    return f"{nanoseconds:.0f} ns"


def _op_name(node: Apply) -> str:
    return str(node.op)


def _line_name(node: Apply) -> str:
    line = line_of(node)
    if line is None:
        return "unknown"
    return f"{where_text(node)}: {line.text}" if line.text else where_text(node)
