"""`gradcheck`: the gradients of a cost against finite differences, variable by variable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from arignote.autodiff import grad
from arignote.autodiff.verify import STEPS, TOLERANCES, difference
from arignote.compile.function import function
from arignote.errors import (
    GradientError,
    InputError,
    MissingInputError,
    join_names,
    message,
)
from arignote.graph import Constant, SharedVariable, Variable, hooks, leaves
from arignote.graph.describe import describe, describe_all
from arignote.graph.replace import rebuild
from arignote.graph.variable import classes_of
from arignote.tables import Table, number, table
from arignote.types import is_float, real_of, shape_text

# How many roundings of the cost a difference may be off.
ROUNDINGS = 10


@dataclass(frozen=True, eq=False)
class GradientRecord:
    """How the gradient by one variable compares with finite differences.

    Attributes
    ----------
    variable : Variable
    shape : tuple of int
    checked : int
        How many elements were compared.
    wrong : int
        How many of them differ by more than the tolerance and the rounding of the cost.
    max_abs, max_rel : float
        The largest differences; the relative one to the sum of both magnitudes, or to the rounding
        of the cost where that is larger.
    worst : tuple of int
        The element that is furthest off, for its tolerance.
    symbolic, numeric : float or complex
        Both values there.
    """

    variable: Variable
    shape: tuple[int, ...]
    checked: int
    wrong: int
    max_abs: float
    max_rel: float
    worst: tuple[int, ...]
    symbolic: complex
    numeric: complex

    @property
    def good(self) -> bool:
        """Whether every element that was compared agrees."""
        return self.wrong == 0


@dataclass(frozen=True, eq=False, repr=False)
class GradientCheck:
    """The outcome of `gradcheck`; `print` and notebooks show a table, `bool` tells the verdict.

    Attributes
    ----------
    records : tuple of GradientRecord
        One for each variable.
    step, tolerance : float
    """

    records: tuple[GradientRecord, ...]
    step: float
    tolerance: float

    @property
    def good(self) -> bool:
        """Whether all gradients agree."""
        return all(record.good for record in self.records)

    def __bool__(self) -> bool:
        return self.good

    @property
    def table(self) -> Table:
        """A row for each variable; wrong ones are marked."""
        titles = ("variable", "shape", ">checked", ">max abs error", ">max rel error",
                  "worst at", ">gradient", ">differences", "verdict")  # fmt: skip
        marked = [n for n, record in enumerate(self.records) if not record.good]
        note = f"central differences of step {self.step:g}, tolerance {self.tolerance:g}"
        return table(titles, map(_row, self.records), note=note, marked=marked)

    def __str__(self) -> str:
        return str(self.table)

    __repr__ = __str__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return hooks.mimebundle(self.table, include, exclude)


def _row(record: GradientRecord) -> list[object]:
    size = int(np.prod(record.shape))
    return [
        record.variable,
        shape_text(record.shape),
        record.checked if record.checked == size else f"{record.checked} of {size}",
        f"{record.max_abs:.2e}",
        f"{record.max_rel:.2e}",
        record.worst if record.shape and record.checked else "",
        _value(record.symbolic),
        _value(record.numeric),
        "good" if record.good else f"WRONG in {record.wrong}",
    ]


def _value(value: complex) -> str:
    return f"{value:.4g}" if isinstance(value, complex) else number(float(value))


def gradcheck(
    cost: Variable,
    wrt: Variable | Sequence[Variable] | None,
    inputs: Mapping[Variable, Any] | None,
    eps: float | None,
    tol: float | None,
    max_elements: int,
) -> GradientCheck:
    """See `arignote.gradcheck`."""
    points = _points(cost, inputs or {})
    wanted = _wanted(points, wrt)
    stand_ins = {x: classes_of(x.type).variable(x.type, x.name) for x in points}
    (moved,) = rebuild([cost], stand_ins)
    entries = list(stand_ins.values())
    gradients = grad(moved, [stand_ins[x] for x in wanted], disconnected_inputs="ignore")
    evaluate = function(entries, moved, on_unused_input="ignore", no_default_updates=True)
    derive = function(entries, gradients, on_unused_input="ignore", no_default_updates=True)
    values = list(points.values())
    narrow = min(
        (real_of(x.type.dtype) for x in (*wanted, cost)), key=lambda name: np.dtype(name).itemsize
    )
    step = STEPS[narrow] if eps is None else eps
    tolerance = TOLERANCES[narrow] if tol is None else tol
    rounding = ROUNDINGS * float(np.finfo(narrow).eps) * abs(float(evaluate(*values))) / step
    records = []
    for x, symbolic in zip(wanted, derive(*values), strict=True):
        position = list(points).index(x)
        places = _places(symbolic.shape, max_elements)
        numeric = np.array(
            [difference(lambda v: float(evaluate(*v)), values, position, i, step) for i in places]
        )
        found = np.array([symbolic[i] for i in places])
        records.append(_record(x, symbolic.shape, places, found, numeric, tolerance, rounding))
    return GradientCheck(tuple(records), step, tolerance)


def _points(cost: Variable, inputs: Mapping[Variable, Any]) -> dict[Variable, np.ndarray]:
    """A value for each input and shared variable that a cost needs."""
    found, missing = {}, []
    for x in leaves([cost], inputs):
        if isinstance(x, Constant):
            continue
        if x in inputs:
            value = inputs[x]
        elif isinstance(x, SharedVariable):
            value = x.get_value()
        elif "test_value" in vars(x.tag):
            value = x.tag.test_value
        else:
            missing.append(x)
            continue
        try:
            found[x] = x.type.filter(value, downcast=True)
        except InputError as error:
            raise InputError(message(f"the value of {x}: {error}", got=[describe(x)])) from None
    if missing:
        raise MissingInputError(
            message(
                f"no value is given for {join_names(map(str, missing))}.",
                got=describe_all(missing),
                hint=f"gradcheck(cost, wrt, {{{', '.join(f'{x}: ...' for x in missing)}}})",
            )
        )
    return found


def _wanted(
    points: Mapping[Variable, np.ndarray], wrt: Variable | Sequence[Variable] | None
) -> list[Variable]:
    if wrt is None:
        return [x for x in points if is_float(x.type.dtype)]
    wanted = [wrt] if isinstance(wrt, Variable) else list(wrt)
    for x in wanted:
        if x not in points or not is_float(x.type.dtype):
            raise GradientError(
                message(
                    f"gradcheck cannot move {x}: it is no input or shared variable of float dtype"
                    " that the cost depends on.",
                    got=[describe(x)] if isinstance(x, Variable) else [repr(x)],
                    hint=join_names(str(y) for y in points if is_float(y.type.dtype)) or None,
                )
            )
    return wanted


def _places(shape: tuple[int, ...], limit: int) -> list[tuple[int, ...]]:
    """The elements that are compared: all, or as many as the limit, spread at random."""
    size = int(np.prod(shape))
    chosen: Any = range(size)
    if size > limit:
        chosen = np.sort(np.random.default_rng(0).choice(size, limit, replace=False))
    return [tuple(int(k) for k in np.unravel_index(n, shape)) for n in chosen]


def _record(
    x: Variable,
    shape: tuple[int, ...],
    places: Sequence[tuple[int, ...]],
    symbolic: np.ndarray,
    numeric: np.ndarray,
    tolerance: float,
    rounding: float,
) -> GradientRecord:
    if not places:
        return GradientRecord(x, shape, 0, 0, 0.0, 0.0, (), 0.0, 0.0)
    away = np.abs(symbolic - numeric)
    scale = np.abs(symbolic) + np.abs(numeric)
    allowed = tolerance * scale + rounding
    excess = np.where(np.isnan(away), np.inf, away - allowed)
    relative = away / np.maximum(scale, max(rounding, np.finfo("float64").tiny))
    worst = int(np.argmax(excess))
    return GradientRecord(
        x,
        shape,
        len(places),
        int(np.count_nonzero(~(away <= allowed))),
        float(away.max()),
        float(relative.max()),
        places[worst],
        symbolic[worst].item(),
        numeric[worst].item(),
    )
