"""Probes: what the variables of a function are like in a call, computed beside it.

A probe changes nothing that is computed: where statistics are computed together with the call, it
is because that was seen to give the same bits.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from arignote import tensor as T
from arignote.compile.guard import alarm_of, guarded_mode
from arignote.compile.mode import Guard, Mode
from arignote.compile.running import Running
from arignote.compile.watched import GRADIENT, RATIO, STATISTICS, Role, Watched, is_real
from arignote.errors import NanError
from arignote.graph import FunctionGraph, SharedVariable, Variable
from arignote.graph.replace import rebuild
from arignote.graph.variable import store_all
from arignote.lower.limits import Limits
from arignote.ops.dot import Dot

if TYPE_CHECKING:
    from arignote.compile.compiled import Function
    from arignote.execute.finding import Finding

Rows = dict[str, dict[str, float]]

# Elements of shared variables from which on a call is not made a second time for statistics, and
# how many calls have to give the same bits both ways before.
RIDES_FROM, TRIALS = 20_000, 2

# ---- statistics as expressions ------------------------------------------------------------------


def _is_complex(x: Any) -> bool:
    return str(x.type.dtype).startswith("complex")


def _wide(x: Any) -> Any:
    """The values in double precision; of complex ones the magnitudes."""
    return (abs(x) if _is_complex(x) else x).astype("float64")


def _masked(x: Any) -> list[Any]:
    """The statistics of a variable that may hold NaN and infinities, each a number."""
    wide = _wide(x)
    nan, inf = T.isnan(wide), T.isinf(wide)
    bad = T.or_(nan, inf)
    count = T.switch(bad, 0.0, 1.0).sum()
    mean = T.switch(bad, 0.0, wide).sum() / count
    away = T.switch(bad, 0.0, wide - mean)
    some = count > 0
    low = T.switch(some, T.switch(bad, np.inf, wide).min(), np.nan)
    high = T.switch(some, T.switch(bad, -np.inf, wide).max(), np.nan)
    std = T.sqrt((away * away).sum() / count)
    return [low, high, mean, std, nan.sum(), inf.sum(), T.sqrt((wide * wide).sum())]


def _first(x: Any) -> Any:
    """The first element of a variable."""
    return _wide(x[(0,) * x.type.ndim])


def _sums(x: Any, first: Any) -> list[Any]:
    """What the statistics of finite values follow from: one pass over the array.

    Sums are taken of distances to its first element, so that a spread that is small beside the
    mean is not lost in rounding.
    """
    wide = _wide(x)
    away = wide - first
    low, high = (wide.min(), wide.max()) if _is_complex(x) else (x.min(), x.max())
    return [low, high, first, away.sum(), (away * away).sum(), wide.size]


def _from_sums(numbers: Sequence[float]) -> list[float] | None:
    """The statistics in the order of `STATISTICS`; None if a value is NaN or infinite."""
    low, high, first, total, squares, count = numbers
    mean, away = total / count, squares / count
    power = count * (away + first * (2 * mean + first))
    if not math.isfinite(power):
        return None
    std = math.sqrt(max(away - mean * mean, 0.0))
    return [low, high, first + mean, std, 0.0, 0.0, math.sqrt(max(power, 0.0))]


_WIDTH = 6


def _change(new: Any, old: Any) -> list[Any]:
    """The squares of the sizes of a change and of the value before."""
    away = _wide(new - old) if _is_complex(new) else _wide(new) - _wide(old)
    return [(away * away).sum(), _power(old)]


def _power(x: Any) -> Any:
    wide = _wide(x)
    return (wide * wide).sum()


# ---- running ------------------------------------------------------------------------------------


class Measurement:
    """A graph that runs beside the calls of a function.

    Parameters
    ----------
    graph : FunctionGraph
        Its updates are computed, not stored.
    mode : Mode
    """

    def __init__(self, graph: FunctionGraph, mode: Mode) -> None:
        # What a mode does about NaN and at each node is for the function's own calls.
        self._mode = replace(mode, guard=None, monitor=None)
        self._graph = graph
        self._running = Running(self._graph, self._mode, self._graph.shared)
        self._running.start()
        self._general: Running | None = None

    @property
    def program(self) -> Any:
        """What runs."""
        return self._running.linked.program

    def arrays(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """All results for values of the inputs and of shared variables as they are now."""
        stored = [cell.get_value(borrow=True) for cell in self._graph.shared]
        linked, given = self._running.settled(), [*values, *stored]
        if linked.check is not None and not linked.check(given):
            if self._general is None:
                self._general = Running(self._graph, self._mode, self._graph.shared, False)
                self._general.start()
            linked = self._general.settled()
        return list(linked.run(given))


class _Statistics:
    """The statistics of several variables and further numbers, quick where all are finite.

    Parameters
    ----------
    inputs : sequence of Variable
    variables : dict of Variable to Variable
        Those that statistics are computed of, with the first element of each.
    more : sequence of Variable
        The further numbers.
    mode : Mode
    """

    def __init__(self, inputs: Sequence[Any], variables: dict[Any, Any], more: Sequence[Any],
                 mode: Mode):  # fmt: skip
        self._inputs, self._variables, self._mode = tuple(inputs), tuple(variables), mode
        self.expressions = [number for pair in variables.items() for number in _sums(*pair)]
        self.expressions += more
        self._quick: Measurement | None = None
        self._thorough: dict[int, Measurement] = {}

    def __call__(self, values: Sequence[np.ndarray]) -> tuple[list[list[float]], list[float]]:
        """For each variable its statistics; and the further numbers."""
        if self._quick is None:
            graph = FunctionGraph(self._inputs, tuple(self.expressions))
            self._quick = Measurement(graph, self._mode)
        return self.of(self._quick.arrays(values), values)

    def of(
        self, found: Sequence[np.ndarray], values: Sequence[np.ndarray]
    ) -> tuple[list[list[float]], list[float]]:
        """The same from the values of `expressions`."""
        numbers = [float(number) for number in found]
        rows = []
        for n in range(len(self._variables)):
            known = _from_sums(numbers[n * _WIDTH : (n + 1) * _WIDTH])
            rows.append(self._again(n, values) if known is None else known)
        return rows, numbers[len(rows) * _WIDTH :]

    def _again(self, n: int, values: Sequence[np.ndarray]) -> list[float]:
        if n not in self._thorough:
            graph = FunctionGraph(self._inputs, tuple(_masked(self._variables[n])))
            self._thorough[n] = Measurement(graph, self._mode)
        return [float(number) for number in self._thorough[n].arrays(values)]


@dataclass(frozen=True)
class Ride:
    """A call that was made together with its statistics, and stored nothing yet.

    Attributes
    ----------
    outputs, news : list of ndarray
        What the call gives and stores.
    rows : dict
        As `Probe.before` gives them.
    is_sure : bool
        Whether it is known to give the bits that the function's own call gives.
    """

    outputs: list[np.ndarray]
    news: list[np.ndarray]
    rows: Rows
    is_sure: bool


class Probe:
    """Measures the variables of a function that are watched.

    Parameters
    ----------
    f : Function
    watched : sequence of Watched
    """

    def __init__(self, f: "Function", watched: Sequence[Watched]) -> None:
        self._numbers = [w for w in watched if _is_number(w)]
        self._known = [w for w in watched if w.role is not Role.INNER and not _is_number(w)]
        self._inner = [w for w in watched if w.role is Role.INNER]
        self._by_gradient = [w for w in watched if w.gradient is not None]
        self._targets = [w for w in watched if w.update is not None]
        self._before = self._measured_before(f)
        self._after = self._measured_after(f.mode)
        self._riding: Measurement | None = None
        self._trials = 0

    def _measured_before(self, f: "Function") -> _Statistics | None:
        """What only the function's own graph can tell: a second one, with the same inputs."""
        powers = [_power(_apart(w.gradient, f.graph)) for w in self._by_gradient]
        inner = {w.variable: _first(w.variable) for w in self._inner}
        return _Statistics(f.graph.inputs, inner, powers, f.mode) if inner or powers else None

    def _measured_after(self, mode: Mode) -> _Statistics | None:
        """What the arrays that went in and came out tell."""
        new = {w: _free(w.variable) for w in self._known}
        old = {w: _free(w.variable) for w in self._targets}
        changes = [number for w in self._targets for number in _change(new[w], old[w])]
        # As inputs: computed in the graph they would cut the pass over an array in two.
        firsts = {x: T.dscalar() for x in new.values()}
        inputs = [*new.values(), *old.values(), *firsts.values()]
        return _Statistics(inputs, firsts, changes, mode) if inputs else None

    def before(self, values: Sequence[np.ndarray]) -> Rows:
        """Statistics of what a call with these inputs computes inside, before it is made."""
        return {} if self._before is None else self._rows(*self._before(values))

    def _rows(self, inner: Sequence[Sequence[float]], powers: Sequence[float]) -> Rows:
        found = {
            w.name: dict(zip(STATISTICS, row, strict=True))
            for w, row in zip(self._inner, inner, strict=True)
        }
        for w, power in zip(self._by_gradient, powers, strict=True):
            found[w.name] = {GRADIENT: math.sqrt(power)}
        return found

    def ride(self, f: "Function", values: Sequence[np.ndarray]) -> Ride | None:
        """A call of the function that computes `before` on the way; None where that is no gain.

        `settle` stores its updates, or sees whether that could be done.
        """
        if self._before is None or self._trials < 0 or not _can_ride(f):
            return None
        if self._riding is None:
            outputs = (*f.graph.outputs, *self._before.expressions)
            graph = FunctionGraph(f.graph.inputs, outputs, f.graph.updates, f.graph.origin)
            self._riding = Measurement(graph, f.mode)
        arrays = self._riding.arrays(values)
        count, more = len(f.graph.outputs), len(self._before.expressions)
        rows = self._rows(*self._before.of(arrays[count : count + more], values))
        news, is_sure = arrays[count + more :], self._trials >= TRIALS
        # Views and arrays that others hold are copied, as in every call.
        others = [*values, *[cell.get_value(borrow=True) for cell in f.graph.shared]]
        owned = f._own([*arrays[:count], *news], others)
        return Ride(owned[:count], owned[count:], rows, is_sure)

    def store(self, f: "Function", ride: Ride) -> list[np.ndarray]:
        """Stores the updates of a ride that is sure; its outputs."""
        store_all([target for target, _ in f.graph.updates], ride.news)
        return ride.outputs

    def compare(self, f: "Function", ride: Ride, outputs: Sequence[np.ndarray]) -> None:
        """Sees whether a ride gave the bits that the function's own call gave."""
        cells = [target.get_value(borrow=True) for target, _ in f.graph.updates]
        pairs = zip([*ride.outputs, *ride.news], [*outputs, *cells], strict=True)
        if all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in pairs):
            self._trials += 1
        else:
            self._trials = -1

    def after(
        self,
        values: Sequence[np.ndarray],
        outputs: Sequence[np.ndarray],
        stored: Mapping[SharedVariable, np.ndarray] | None = None,
    ) -> Rows:
        """Statistics of inputs, outputs and shared variables, after a call.

        Parameters
        ----------
        values, outputs : sequence of ndarray
            What the call took and gave.
        stored : mapping of SharedVariable to ndarray, optional
            Values before it; without them it is not known how far updates went.
        """
        found = {w.name: _of_number(w.value(values, outputs)) for w in self._numbers}
        arrays = {w: w.value(values, outputs) for w in self._known}
        if self._after is None or any(array.size == 0 for array in arrays.values()):
            return found
        olds = [arrays[w] if stored is None else stored[w.cell] for w in self._targets]
        # An update may change the size; then there is no telling how far it went.
        fits = [
            stored is not None and a.shape == arrays[w].shape
            for w, a in zip(self._targets, olds, strict=True)
        ]
        before = [
            a if fit else arrays[w] for w, a, fit in zip(self._targets, olds, fits, strict=True)
        ]
        firsts = [_first_of(array) for array in arrays.values()]
        rows, changes = self._after([*arrays.values(), *before, *firsts])
        for w, row in zip(self._known, rows, strict=True):
            found[w.name] = dict(zip(STATISTICS, row, strict=True))
        for n, (w, fit) in enumerate(zip(self._targets, fits, strict=True)):
            away, size = changes[2 * n : 2 * n + 2]
            if fit and size > 0.0:
                found[w.name][RATIO] = math.sqrt(away / size)
        return found


def _can_ride(f: "Function") -> bool:
    """Whether a call does nothing but compute, and takes long enough to matter."""
    if f.mode.guard is not None or f.mode.monitor is not None or f.is_profiled:
        return False
    sizes = [target.get_value(borrow=True).size for target, _ in f.graph.updates]
    return sum(sizes) >= RIDES_FROM


def _apart(x: Any, graph: FunctionGraph) -> Any:
    """A variable for statistics of it that leave the computing of the variable itself as it is.

    An update often is one call of BLAS, which adds a product to the weights; it stays one if
    nobody else wants that very product. The transposed one has the same elements. A product that
    several want is there anyway.
    """
    node = x.owner
    if node is None or sum(y is x for user in graph.order for y in user.inputs) > 1:
        return x
    if isinstance(node.op, Dot) and all(y.type.ndim == 2 for y in node.inputs):
        a, b = node.inputs
        return T.dot(b.T, a.T)
    return x


def _is_number(w: Watched) -> bool:
    """Whether its value is known and has one element, so that there is nothing to compute."""
    is_plain = w.role in (Role.OUTPUT, Role.INPUT)
    return is_plain and w.variable.type.ndim == 0 and is_real(w.variable)


def _free(x: Any) -> Any:
    """An input of the same type."""
    return T.tensor(x.type.dtype, x.type.shape)


def _first_of(array: np.ndarray) -> np.ndarray:
    """As `_first`, of an array."""
    first = array[(0,) * array.ndim]
    return np.asarray(abs(first) if array.dtype.kind == "c" else first, "float64")


def _of_number(value: Any) -> dict[str, float]:
    number = float(value)
    if math.isfinite(number):
        row = [number, number, number, 0.0, 0.0, 0.0, abs(number)]
    else:
        row = [math.nan] * 4 + [float(number != number), float(number == number), abs(number)]
    return dict(zip(STATISTICS, row, strict=True))


# ---- where NaN comes from -----------------------------------------------------------------------


def origin_of_nan(
    f: "Function", values: Sequence[np.ndarray], stored: Mapping[SharedVariable, np.ndarray]
) -> "Finding | None":
    """Where in a call the first NaN was born, found by making the call once more.

    Nothing is stored. None if there is no NaN this time: if the call has none, or draws other
    random numbers.

    Parameters
    ----------
    f : Function
    values : sequence of ndarray
        The inputs of the call.
    stored : mapping of SharedVariable to ndarray
        Values before the call; others are taken as they are now.
    """
    cells: dict[Variable, Variable] = {}
    for cell, array in stored.items():
        cells[cell] = twin = copy.copy(cell)
        twin.store(array)
    results = rebuild(f.graph.results, cells) if cells else list(f.graph.results)
    mode = guarded_mode(replace(f.mode, guard=Guard(Limits(True, False, False))), "raise")
    graph = FunctionGraph(f.graph.inputs, tuple(results))
    running = Running(graph, replace(mode, monitor=None), graph.shared, alarm=alarm_of(mode))
    running.start()
    given = [*values, *[cell.get_value(borrow=True) for cell in graph.shared]]
    try:
        running.settled().run(given)
    except NanError as error:
        found: Finding = error.finding
        return found
    return None
