"""Profiles: how often and for how long steps ran, and what bandwidth and speed that makes."""

import threading
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter_ns

from arignote.execute.costs import Cost, Shares
from arignote.graph import Apply
from arignote.lower.names import line_of, where_text

OFF = "This function is not profiled; function(..., profile=True) makes one that is."
MAX_ROWS = 30
MAX_WHAT = 60
MAX_FEW = 4
MAX_BRIEF = 40
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

    @property
    def brief(self) -> str:
        """The step in a few words: what it computes that has a name, and by which ops."""
        equations = [part.partition(" = ") for part in self.what.split("; ")]
        made = [name.rpartition(" ")[2] for name, found, _ in equations if found]
        named = list(dict.fromkeys(name for name in made if not name.startswith("%")))
        if len(self.nodes) == 1 and equations[0][1]:
            how = _cut(equations[0][2])
        else:
            how = _few(list(dict.fromkeys(node.op.name for node in self.nodes)))
        return f"{_few(named)} = {how}" if named else how or self.what


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


@dataclass(frozen=True, eq=False)
class Use:
    """A step for sizes with which its nodes share its time in one way."""

    info: StepInfo
    shares: Shares


Run = tuple[Use, int, Cost]
"""A run of a step, how many nanoseconds it took, and what it cost."""


@dataclass(slots=True)
class Meter:
    """Where the runs of a step are counted: how many, how long, and what they cost."""

    calls: int = 0
    nanoseconds: int = 0
    read: int = 0
    written: int = 0
    operations: int = 0

    @property
    def cost(self) -> Cost:
        """What all runs together cost."""
        return Cost(self.read, self.written, self.operations)


class Recorder:
    """Where executors that measure leave what they measured, for all who want to know.

    Parameters
    ----------
    clock : function
        The time in nanoseconds.

    Attributes
    ----------
    profiles : tuple of Profile
        Who wants to know.
    """

    def __init__(self, clock: Callable[[], int] = perf_counter_ns) -> None:
        self.clock = clock
        self.profiles: tuple[Profile, ...] = ()
        self._uses: dict[Hashable, Use] = {}

    def use(self, info: StepInfo, shares: Shares) -> Use:
        """A step as it is for some sizes; the same one for about the same shares."""
        key = (info, frozenset((node, round(share, 2)) for node, share in shares.items()))
        return self._uses.setdefault(key, Use(info, shares))

    def add(self, runs: Sequence[Run], since: int) -> None:
        """Tells of runs of steps, the last of which ended at a time: what is after it is measuring.

        Calls that nobody measures do not have it, so it is no part of their overhead.
        """
        for profile in self.profiles:
            profile.add(runs)
        spent = self.clock() - since
        for profile in self.profiles:
            profile.measuring += spent


class Profile:
    """What the calls of one function took; `print` shows tables.

    Attributes
    ----------
    is_on : bool
        Whether the function is profiled.
    calls, nanoseconds, building, measuring : int
        How many calls there were, how long they took in all, and how much of that something was
        compiled, and went into this profile.

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
        self._known: dict[Use, Meter] = {}
        self.calls = self.nanoseconds = self.building = self.measuring = 0

    # ---- measuring ----------------------------------------------------------------------------

    def add(self, runs: Sequence[Run]) -> None:
        """Counts runs of steps."""
        with self._lock:
            for use, nanoseconds, cost in runs:
                meter = self._known.get(use)
                if meter is None:
                    meter = self._known[use] = Meter()
                meter.calls += 1
                meter.nanoseconds += nanoseconds
                meter.read += cost.read
                meter.written += cost.written
                meter.operations += cost.operations

    def add_call(self, nanoseconds: int, building: int = 0) -> None:
        """Counts a call of the function, and how long something was compiled in it."""
        with self._lock:
            self.calls += 1
            self.nanoseconds += nanoseconds
            self.building += building

    def reset(self) -> None:
        """Forgets all calls so far."""
        with self._lock:
            self.calls = self.nanoseconds = self.building = self.measuring = 0
            self._known.clear()

    # ---- what was measured --------------------------------------------------------------------

    @property
    def steps(self) -> list[StepRecord]:
        """The steps that ran, those that took longest first."""
        found: dict[StepInfo, StepRecord] = {}
        for use, meter in self.meters():
            calls, ns, cost = meter.calls, meter.nanoseconds, meter.cost
            if (known := found.get(use.info)) is not None:
                calls, ns, cost = calls + known.calls, ns + known.nanoseconds, cost + known.cost
            found[use.info] = StepRecord(use.info, calls, ns, cost)
        return sorted(found.values(), key=lambda record: -record.nanoseconds)

    @property
    def outside(self) -> int:
        """Nanoseconds of calls outside of steps."""
        return self.nanoseconds - sum(record.nanoseconds for record in self.steps)

    @property
    def overhead(self) -> int:
        """What is `outside` and neither compiling nor measuring."""
        return self.outside - self.building - self.measuring

    def by_op(self) -> list[ShareRecord]:
        """Time by op, longest first; nodes share a kernel's time by about how long each takes."""
        return self._shared(_op_name)

    def by_line(self) -> list[ShareRecord]:
        """Time by line of the user's code, that of gradients apart, shared as by op."""
        return self._shared(_line_name)

    def meters(self) -> list[tuple[Use, Meter]]:
        """What was counted of each step, for each way in which its nodes share its time."""
        with self._lock:
            return [(use, replace(meter)) for use, meter in self._known.items()]

    def _shared(self, name: Callable[[Apply], str]) -> list[ShareRecord]:
        sums: defaultdict[str, float] = defaultdict(float)
        nodes: defaultdict[str, set[Apply]] = defaultdict(set)
        for use, meter in self.meters():
            for node, share in use.shares.items():
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
        each = time_text(self.nanoseconds / self.calls)
        calls = f"{self.calls} call{'' if self.calls == 1 else 's'}"
        lines = [f"{calls}, {each} each, {time_text(self.nanoseconds)} in all", "", _HEAD]
        lines += [f"{_share(r.nanoseconds, whole)}  {_row(r)}" for r in records[:MAX_ROWS]]
        lines += _rest(len(records), "steps")
        rest = {"checks, new arrays, updates": self.overhead, "compiling": self.building}
        for what, spent in {**rest, "measuring": self.measuring}.items():
            if spent:
                lines.append(f"{_share(spent, whole)} {time_text(spent):>10}{'':38}{what}")
        for title, shares in (("op", self.by_op()), ("line", self.by_line())):
            lines += ["", f"by {title}; a kernel's time is shared out by the weights of its nodes"]
            for share in shares[:MAX_ROWS]:
                lines.append(
                    f"{_share(share.nanoseconds, whole)} {time_text(share.nanoseconds):>10}"
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
        f"{time_text(record.nanoseconds):>9} {record.calls:8} {record.us_per_call:10.2f} {rate}"
        f" {speed}  {text}{f'  [{info.where}]' if info.where else ''}"
    )


def _rest(number: int, what: str) -> list[str]:
    return [f"  ... and {number - MAX_ROWS} more {what}"] if number > MAX_ROWS else []


def _share(nanoseconds: float, whole: int) -> str:
    return f"{100 * nanoseconds / whole:5.1f}%"


def time_text(nanoseconds: float) -> str:
    """A time with three digits: `1.25 ms`."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if abs(nanoseconds) >= size:
            return (
                f"{nanoseconds / size:.3g} {unit}"
                if nanoseconds < 999 * size
                else (f"{nanoseconds / size:.0f} {unit}")
            )
    return f"{nanoseconds:.0f} ns"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_BRIEF else f"{text[: MAX_BRIEF - 1]}…"


def _few(names: Sequence[str]) -> str:
    """Names, the last of many left out."""
    if len(names) <= MAX_FEW:
        return ", ".join(names)
    return f"{', '.join(names[: MAX_FEW - 1])} +{len(names) - MAX_FEW + 1}"


def _op_name(node: Apply) -> str:
    return str(node.op)


def _line_name(node: Apply) -> str:
    line = line_of(node)
    if line is None:
        return "unknown"
    return f"{where_text(node)}: {line.text}" if line.text else where_text(node)
