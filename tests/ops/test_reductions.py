"""Reductions over one, several, all and negative axes. Oracle: NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from arignote import config, grad, scalar
from arignote import tensor as T
from arignote.errors import ShapeError
from arignote.ops.reduce import Reduce
from ops.cases import Case, check, reals, whole
from oracles import assert_arrays

AXES = [None, 0, -1, 1, (0, 2), (-1, 0), (0, 1, 2), ()]


def position(find: Callable[..., Any]) -> Callable[..., Any]:
    """argmax or argmin over several axes: the position in C order over them."""

    def over(x: np.ndarray, axis: Any = None, keepdims: bool = False) -> np.ndarray:
        axes = tuple(range(x.ndim)) if axis is None else np.atleast_1d(np.array(axis, int)) % x.ndim
        kept = [a for a in range(x.ndim) if a not in axes]
        sizes = [*(x.shape[a] for a in kept), math.prod(x.shape[a] for a in axes)]
        moved = x.transpose([*kept, *sorted(axes)]).reshape(sizes)
        return np.expand_dims(find(moved, axis=-1), tuple(axes) if keepdims else ())

    return over


REDUCTIONS: list[tuple[Callable[..., Any], Callable[..., Any], int]] = [
    (T.sum, np.sum, 2),
    (T.prod, np.prod, 2),
    (T.mean, np.mean, 1),
    (T.var, np.var, 2),
    (T.std, np.std, 1),
    (T.max, np.max, 2),
    (T.min, np.min, 1),
    (T.ptp, np.ptp, 1),
    (T.all, np.all, 0),
    (T.any, np.any, 0),
    (T.argmax, position(np.argmax), 0),
    (T.argmin, position(np.argmin), 0),
]


def case(
    build: Callable[..., Any], reference: Callable[..., Any], x: Any, order: int = 0, **options: Any
) -> Case:
    """`build(x, **options)` against `reference(x, **options)`."""
    text = ", ".join(f"{key}={value}" for key, value in options.items())
    x = np.asarray(x)
    return Case(
        f"{build.__name__} {x.dtype}{list(x.shape)} {text}",
        lambda v: build(v, **options),
        lambda a: reference(a, **options),
        (x,),
        order,
    )


# With a single axis left out the mean differs from each element; a variance of one element is 0
# and its root has no gradient.
def _order(build: Callable[..., Any], order: int, axis: Any) -> int:
    if build is T.std and axis == ():
        return 0
    return order if axis in (None, 1, (0, 2)) else min(order, 1)


CASES = [
    case(build, reference, reals(2, 3, 2), _order(build, order, axis), axis=axis, keepdims=keepdims)
    for build, reference, order in REDUCTIONS
    for axis in AXES
    for keepdims in ((False, True) if axis in (0, None, (-1, 0)) else (False,))
]

DTYPES = [
    case(build, reference, whole(3, 4, high=5, dtype=dtype), axis=0)
    for build, reference, _ in REDUCTIONS
    for dtype in ("bool", "int8", "uint8", "int32", "uint64", "float16", "float32")
    if not (dtype == "bool" and build is T.ptp)
]

NAN, INF = np.nan, np.inf
SPECIAL = [
    case(build, reference, x, axis=-1)
    for build, reference, _ in REDUCTIONS
    for x in (
        np.array([[1.0, NAN, 3.0], [NAN, NAN, NAN], [-INF, 2.0, INF], [0.0, -0.0, 0.0]]),
        np.array([[-0.0, -0.0], [INF, INF], [-INF, -INF]]),
    )
]
EMPTY = [
    case(build, reference, np.zeros(shape), axis=axis)
    for build, reference, _ in REDUCTIONS
    for shape, axis in [((0, 3), 1), ((2, 0, 3), 2), ((0, 3), (1,))]
] + [
    case(build, reference, np.zeros(shape, dtype), axis=axis)
    for build, reference in [(T.sum, np.sum), (T.prod, np.prod), (T.all, np.all), (T.any, np.any)]
    for dtype in ("float64", "int8", "bool")
    for shape, axis in [((0, 3), 0), ((0,), None), ((2, 0), (0, 1)), ((2, 0), -1)]
]
RANK_0 = [
    case(build, reference, np.array(2.5), min(order, 1) if build is not T.std else 0)
    for build, reference, order in REDUCTIONS
]
COMPLEX = [
    case(build, reference, reals(2, 3) + 1j * reals(2, 3, seed=1), axis=0)
    for build, reference in [(T.sum, np.sum), (T.prod, np.prod), (T.mean, np.mean), (T.var, np.var)]
]

MORE = [
    *[case(build, reference, reals(3, 4), 1, axis=axis, ddof=ddof)
      for build, reference in [(T.var, np.var), (T.std, np.std)]
      for axis in (None, 0, (0, 1)) for ddof in (0, 1)],
    *[case(build, reference, whole(3, 4, dtype=given), axis=1, dtype=dtype)
      for build, reference in [(T.sum, np.sum), (T.prod, np.prod)]
      for given, dtype in [("int8", "int8"), ("int8", "float32"), ("float32", "float64"),
                           ("uint8", "int64"), ("int64", "complex64")]],
    case(T.mean, np.mean, whole(3, 4, dtype="int16"), axis=1, dtype="float32"),
    case(T.mean, np.mean, reals(3, 4, dtype="float32"), axis=1, dtype="float64"),
    Case("max_and_argmax", lambda x: T.max_and_argmax(x, axis=1),
         lambda x: (x.max(1), x.argmax(1)), (reals(3, 4),)),
    Case("methods", lambda x: [x.sum(0), x.mean(), x.max(1), x.std(), x.argmin(0), x.ptp(1)],
         lambda x: [x.sum(0), x.mean(), x.max(1), x.std(), x.argmin(0), np.ptp(x, 1)],
         (reals(3, 4),)),
    Case("mean of many float16", lambda x: T.mean(x), lambda x: np.mean(x),
         (np.full(3000, 30, "float16"),), 0),
]  # fmt: skip

# Products of elements some of which are 0, whose gradient is no quotient.
ZEROS = [
    Case(f"prod with zeros at {where}", T.prod, np.prod,
         (np.where(where, 0.0, [1.5, -2.0, 0.7]),), 2)
    for where in ([0, 1, 0], [1, 1, 0], [1, 1, 1])
] + [
    Case(f"prod over {axis} with zeros", lambda x, axis=axis: T.prod(x, axis=axis),
         lambda x, axis=axis: np.prod(x, axis=axis),
         (np.array([[1.5, 0.0, 2.0], [0.0, 0.0, -1.2]]),), 2)
    for axis in (0, 1, (0, 1))
]  # fmt: skip

NORMS = [
    Case(f"norm {power} {axis}", lambda x, p=power, a=axis: T.norm(x, p, a),
         lambda x, p=power, a=axis: np.linalg.norm(x.ravel() if a is None else x, p, a),
         (x,), order)
    for power in (0, 1, 2, 3, 0.5, np.inf, -np.inf)
    for axis in (None, 0, -1)
    for x, order in [(reals(3, 4), 0 if power == 0 else 2 if power == 2 else 1)]
] + [
    Case(f"norm {power} {dtype}", lambda x, p=power: x.norm(p),
         lambda x, p=power: np.linalg.norm(x, p),
         (np.array([100, 101, 3], dtype),), 0)
    for power in (1, 2, 3)
    for dtype in ("int8", "uint8", "int64", "float32", "complex128")
] + [
    Case("norm, keepdims", lambda x: T.norm(x, 2, 1, keepdims=True),
         lambda x: np.linalg.norm(x, 2, 1, keepdims=True), (reals(3, 4),)),
]  # fmt: skip

TABLES = [CASES, DTYPES, SPECIAL, EMPTY, RANK_0, COMPLEX, MORE, ZEROS, NORMS]


@pytest.mark.parametrize("case", [case for table in TABLES for case in table], ids=str)
def test_case(case: Case) -> None:
    check(case)


def test_equal_largest_elements_share_the_gradient() -> None:
    x = T.dvector()
    assert grad(T.max(x), x).eval({x: [3.0, 1.0, 3.0]}).tolist() == [0.5, 0.0, 0.5]


@pytest.mark.parametrize("build", [T.max, T.min, T.argmax, T.argmin], ids=lambda f: f.__name__)
def test_extrema_of_nothing_raise(build: Callable[..., Any]) -> None:
    """When the size is known already while building, else when run."""
    x = T.tensor("float64", (3, 0), "nothing")
    with pytest.raises(ShapeError, match="axis 1, which is empty, has no value"):
        build(x, axis=1)
    y = T.dmatrix("nothing")
    with pytest.raises(ValueError, match="nothing"):
        build(y, axis=0).eval({y: np.zeros((0, 3))})


@pytest.mark.parametrize("record", [scalar.maximum, scalar.minimum], ids=str)
def test_extrema_of_nothing_may_be_the_unit(record: scalar.ScalarOp) -> None:
    """Only that is different: the values are those of the reduction without it."""
    op, plain = Reduce(record, (1,), "float64", True), Reduce(record, (1,), "float64")
    for shape in [(3, 0), (None, None)]:
        x = T.tensor("float64", shape, "x")
        assert op(x).eval({x: np.zeros((3, 0))}).tolist() == [record.unit] * 3
    values = np.array([[1.0, np.nan], [np.inf, -np.inf], [2.0, 3.0]])
    assert_arrays(op(values), plain(values))


@pytest.mark.parametrize("axis", [2, -3, (0, 2)])
def test_axes_that_are_not_there(axis: Any) -> None:
    with pytest.raises(np.exceptions.AxisError, match="out of range for 2 axes"):
        T.sum(T.dmatrix("x"), axis=axis)


def test_an_axis_given_twice() -> None:
    with pytest.raises(np.exceptions.AxisError, match="an axis is given twice"):
        T.sum(T.dmatrix("x"), axis=(0, -2))


def test_narrow_floatx_gives_narrow_means() -> None:
    with config.change(floatX="float32"):
        x = T.ivector("x")
        assert [f(x).dtype for f in (T.mean, T.var, T.std)] == ["float32"] * 3
        assert T.mean(x).eval({x: [1, 2]}).dtype == "float32"
