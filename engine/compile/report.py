"""What `profiling` measured of a block, as rows by line, step, op or function."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from arignote import lazy
from arignote.compile.compiled import Function
from arignote.compile.memory import MemoryPlan
from arignote.compile.observers import Compute
from arignote.compile.planning import memory_of_shapes
from arignote.compile.profiled import Profiler
from arignote.compile.report_rows import (
    STEP_KINDS,
    By,
    Row,
    RowKind,
    group_of,
    least_time,
    merged,
    way,
)
from arignote.compile.timing import in_call
from arignote.errors import ArignoteError, InputError, message
from arignote.execute.building import READY, Built
from arignote.execute.peaks import Peaks, measured_peaks
from arignote.execute.profile import Profile, StepInfo
from arignote.graph import Apply, hooks

# Of tuples of shapes that a function was called with so many are remembered.
MAX_SHAPES = 1000
# So many of them, those with the largest inputs, are planned to find the most demanding call.
MAX_PLANS = 3


class BlockProfile(Profile):
    """The profile of a function for one block; of calls that Python waits for, apart from others.

    `waited` are nanoseconds of calls in the thread of the block that are not part of others.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        super().__init__(clock=clock)
        self._owner = threading.get_ident()
        self.waited = 0

    def add_call(self, nanoseconds: int, building: int = 0) -> None:
        super().add_call(nanoseconds, building)
        if threading.get_ident() == self._owner and not in_call():
            self.waited += nanoseconds


class BlockProfiler(Profiler):
    """Measures a block."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.clock = clock
        self.report = ProfileReport(clock)
        self._owner = threading.get_ident()
        self._lock = threading.Lock()

    def start(self) -> None:
        """The block begins."""
        self.report.began = self.clock()

    def stop(self) -> None:
        """The block is over."""
        self.report.ended = self.clock()
        for f, profile in list(self.report.profiles.items()):
            if not profile.calls:
                del self.report.profiles[f]

    def profile_of(self, function: Function) -> Profile:
        with self._lock:
            return self.report.profiles.setdefault(function, BlockProfile(self.clock))

    def around(
        self, function: Function, values: Sequence[np.ndarray], compute: Compute
    ) -> list[np.ndarray]:
        __tracebackhide__ = True
        met = self.report.met[function]
        shapes = tuple([value.shape for value in values])
        if len(met) < MAX_SHAPES or shapes in met:
            met[shapes] = met.get(shapes, 0) + 1
        return compute(values)

    def hear(self, built: Built) -> None:
        """Notes what was compiled."""
        report = self.report
        if in_call():
            report.built_in_calls.append(built)
        elif threading.get_ident() == self._owner:
            report.built.append(built)
        else:
            report.built_meanwhile.append(built)


class ProfileReport:
    """Where the time of a block went; `print` shows a table, a notebook a page.

    Attributes
    ----------
    built, built_in_calls, built_meanwhile : list of Built
        What was compiled: by the block, in calls of functions, and by other threads.
    profiles : mapping of Function to Profile
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.began = clock()
        self.ended: int | None = None
        self.profiles: dict[Function, BlockProfile] = {}
        self.met: defaultdict[Function, dict[Any, int]] = defaultdict(dict)
        self.built: list[Built] = []
        self.built_in_calls: list[Built] = []
        self.built_meanwhile: list[Built] = []

    # ---- sums ---------------------------------------------------------------------------------

    @property
    def functions(self) -> list[Function]:
        """The functions that were called, those that took longest first."""
        called = [(f, p.nanoseconds) for f, p in list(self.profiles.items()) if p.calls]
        return [f for f, _ in sorted(called, key=lambda pair: -pair[1])]

    @property
    def wall(self) -> int:
        """Nanoseconds from the beginning of the block to its end, or to now."""
        return (self._clock() if self.ended is None else self.ended) - self.began

    @property
    def overlapping(self) -> int:
        """Nanoseconds of calls in other threads, or within other calls: beyond the wall time."""
        return sum(p.nanoseconds - p.waited for p in list(self.profiles.values()))

    @property
    def whole(self) -> int:
        """What all rows sum up to: `wall` and `overlapping`."""
        return self.wall + self.overlapping

    @property
    def calls(self) -> int:
        """How many calls of functions there were."""
        return sum(profile.calls for profile in list(self.profiles.values()))

    @property
    def python(self) -> int:
        """Nanoseconds of the block outside of calls and of compiling."""
        waited = sum(profile.waited for profile in list(self.profiles.values()))
        return self.wall - waited - sum(built.nanoseconds for built in self.built)

    @property
    def summary(self) -> dict[RowKind, float]:
        """Nanoseconds by what they were spent on."""
        sums = dict.fromkeys([*STEP_KINDS.values(), *_REST], 0.0)
        for row in self._rows(By.KERNEL, None):
            sums[row.kind] += row.nanoseconds
        return sums

    @cached_property
    def peaks(self) -> Peaks:
        """What this machine reaches; measured, in about 0.3 s, where that was not done before."""
        return measured_peaks()

    # ---- rows ---------------------------------------------------------------------------------

    def rows(self, by: By | str = By.LINE, sort: str = "time") -> list[Row]:
        """Rows that sum up to `whole`.

        Parameters
        ----------
        by : {'line', 'kernel', 'op', 'function'}
        sort : {'time', 'calls', 'memory'}
            What is largest in the first row; memory is the bytes read and written.

        Raises
        ------
        InputError
            There is no such way.
        """
        order = _ORDERS.get(sort)
        if order is None:
            raise InputError(message(f"sort is one of {', '.join(_ORDERS)}, not {sort!r}."))
        return sorted(self._rows(way(by), self.peaks), key=order, reverse=True)

    def _rows(self, by: By, peaks: Peaks | None) -> list[Row]:
        labels = self.labels
        rows = [row for f in self.functions for row in self._of_function(f, by, labels[f], peaks)]
        rest = [*self._compiling(labels), *self._measuring(), self._python()]
        return [*merged(rows, by), *rest]

    def _of_function(self, f: Function, by: By, label: str, peaks: Peaks | None) -> Iterable[Row]:
        """The rows of a function."""
        profile = self.profiles[f]
        outside = profile.overhead
        if by is By.FUNCTION:
            whole = Row(RowKind.FUNCTION, label, repr(f), _where(f), label, profile.calls, outside)
            for use, meter in profile.meters():
                whole.count(meter, 1.0, least_time(use, meter, peaks))
            return [whole]
        rows: dict[object, Row] = {}
        calls: defaultdict[object, dict[StepInfo, int]] = defaultdict(dict)
        for use, meter in profile.meters():
            least, found = least_time(use, meter, peaks), dict[object, None]()
            for node, share in [(None, 1.0)] if by is By.KERNEL else use.shares.items():
                key, empty = group_of(by, use, node, label)
                found[key] = None
                rows.setdefault(key, empty).count(meter, share, least)
            for key in found:
                calls[key][use.info] = calls[key].get(use.info, 0) + meter.calls
        for key, row in rows.items():
            row.calls = max(calls[key].values())
        text = "checks, new arrays, updates"
        head = Row(
            RowKind.OVERHEAD, f"{label}: {text}", _OVERHEAD, _where(f), label, profile.calls,
            outside,
        )  # fmt: skip
        return [*rows.values(), head]

    def _compiling(self, labels: dict[Function, str]) -> list[Row]:
        rows: dict[str, Row] = {}
        for built in [*self.built, *self.built_in_calls]:
            f = built.what if isinstance(built.what, Function) else None
            name = labels.get(f) or _label(f) if f is not None else str(built.what)
            where, detail = (_where(f), repr(f)) if f is not None else ("", "")
            row = rows.setdefault(
                name, Row(RowKind.COMPILING, _compiled(name), detail, where, name)
            )
            row.calls += 1
            row.nanoseconds += built.nanoseconds
        return list(rows.values())

    def _measuring(self) -> list[Row]:
        spent = sum(profile.measuring for profile in list(self.profiles.values()))
        text = "What goes into this profile, and what calls do not have that nobody measures."
        return [Row(RowKind.MEASURING, "measuring", text, nanoseconds=spent)] if spent else []

    def _python(self) -> Row:
        return Row(
            RowKind.PYTHON,
            "Python around the calls",
            "All that the block does outside of calls of functions and of compiling.",
            nanoseconds=self.python,
        )

    @property
    def labels(self) -> dict[Function, str]:
        """A short name of each function that was called, no two alike."""
        labels: dict[Function, str] = {}
        for f in self.functions:
            base = label = _label(f)
            number = 1
            while label in labels.values():
                number += 1
                label = f"{base} #{number}"
            labels[f] = label
        return labels

    # ---- memory, nodes ------------------------------------------------------------------------

    def memory_of(self, f: Function) -> MemoryPlan | None:
        """The memory of the most demanding call of a function; None if it cannot be known."""
        sizes = [*self.met.get(f, {})]
        sizes.sort(key=lambda shapes: -sum(float(np.prod(shape)) for shape in shapes))
        plans = []
        for shapes in sizes[:MAX_PLANS]:
            try:
                plans.append(memory_of_shapes(f, shapes))
            except ArignoteError:
                continue
        return max(plans, key=lambda plan: plan.peak, default=None)

    @cached_property
    def memory(self) -> MemoryPlan | None:
        """The memory of the most demanding call of all functions; None if there was none."""
        plans = [plan for f in self.functions if (plan := self.memory_of(f)) is not None]
        return max(plans, key=lambda plan: plan.peak, default=None)

    def lines_of(self, f: Function) -> list[tuple[Row, Row]]:
        """For each line of a function and each step that it has a part in: both as rows."""
        label = self.labels[f]
        lines: dict[object, Row] = {}
        found: dict[tuple[object, StepInfo], tuple[Row, Row]] = {}
        for use, meter in self.profiles[f].meters():
            least = least_time(use, meter, self.peaks)
            for node, share in use.shares.items():
                key, empty = group_of(By.LINE, use, node, label)
                line = lines.setdefault(key, empty)
                line.count(meter, share, least)
                step = group_of(By.KERNEL, use, node, label)[1]
                row = found.setdefault((key, use.info), (line, step))[1]
                row.count(meter, share, least)
                row.calls = max(row.calls, meter.calls)
        return list(found.values())

    def json(self) -> str:
        """The rows of all tables, the sums and the memory as JSON."""
        text: str = lazy.module("arignote.compile.report_text").report_json(self)
        return text

    def nodes(self, f: Function) -> dict[Apply, Row]:
        """What each node of the graph that runs took, and cost."""
        rows: dict[Apply, Row] = {}
        for use, meter in self.profiles[f].meters():
            least = least_time(use, meter, self.peaks)
            for node, share in use.shares.items():
                row = rows.setdefault(node, Row(RowKind.OP, node.op.name, use.info.what))
                row.count(meter, share, least)
                row.calls = max(row.calls, meter.calls)
        return rows

    # ---- display ------------------------------------------------------------------------------

    def __str__(self) -> str:
        text: str = lazy.module("arignote.compile.report_text").report_text(self)
        return text

    def __repr__(self) -> str:
        return f"<ProfileReport: {self.calls} calls in {self.wall / 1e6:.3g} ms>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return hooks.mimebundle(self, include, exclude)


_REST = (RowKind.OVERHEAD, RowKind.COMPILING, RowKind.MEASURING, RowKind.PYTHON)
_OVERHEAD = (
    "Inputs checked and converted, outputs and workspace allocated, tables made for new sizes,"
    " updates stored. Calls that are measured take a way that is some microseconds longer."
)
_ORDERS: dict[str, Callable[[Row], float]] = {
    "time": lambda row: row.nanoseconds,
    "calls": lambda row: row.calls,
    "memory": lambda row: row.cost.bytes,
}


def _compiled(name: str) -> str:
    return name if name == READY else f"compiling {name}"


def _label(f: Function) -> str:
    if f.name:
        return f.name
    ins = ", ".join(str(x) for x in f.inputs[:4]) + (", ..." if len(f.inputs) > 4 else "")
    outs = [str(x.name) for x in f.outputs if x.name][:2]
    return f"({ins}) \u2192 {', '.join(outs)}" if outs else f"function of ({ins})"


def _where(f: Function) -> str:
    return "" if f.source is None else f.source.where
