"""Broadcasting of elementwise ops, operators and methods. Oracle: NumPy."""

from __future__ import annotations

import itertools
import operator

import numpy as np
import pytest

from arignote import function, grad
from arignote import tensor as T
from arignote.errors import DTypeError, ShapeError
from ops.cases import Case, check, reals, whole
from oracles import assert_arrays

SHAPES = [
    [(3, 4), (4,)],
    [(3, 1), (1, 4)],
    [(1,), (5,)],
    [(5,), (1,)],
    [(1, 1), (2, 3)],
    [(1,), (1,)],
    [(), (3,)],
    [(2, 1, 3), ()],
    [(2, 3, 2), (3, 1)],
    [(1, 3, 1), (2, 1, 2)],
    [(), ()],
    [(0, 3), (1, 3)],
    [(0,), (1,)],
    [(3, 1), (1, 0)],
    [(0, 0), (0, 1)],
]

BROADCAST = [
    Case(f"{record.name} {shapes[0]} {shapes[1]}", record, reference, tuple(
        np.abs(reals(*shape, seed=n)) + 0.1 for n, shape in enumerate(shapes)
    ), order=2)
    for record, reference in [(T.mul, np.multiply), (T.power, np.power)]
    for shapes in SHAPES
]  # fmt: skip

THREE = [
    Case(f"where {shapes}", T.where, np.where, (
        whole(*shapes[0], high=2, dtype="bool"), reals(*shapes[1]), reals(*shapes[2], seed=1)
    ))
    for shapes in [
        [(3,), (3,), (3,)],
        [(1,), (3,), (1,)],
        [(3, 1), (1, 4), ()],
        [(), (2, 1), (3,)],
        [(2, 3), (), ()],
        [(0,), (1,), ()],
    ]
]  # fmt: skip
THREE += [
    Case("clip, bounds broadcast", T.clip, np.clip,
         (reals(3, 4), np.full((3, 1), -0.7), np.full(4, 0.9)), order=2),
    Case("clip method", lambda x: x.clip(-0.7, 0.9), lambda x: np.clip(x, -0.7, 0.9),
         (reals(3, 4),)),
    Case("second", T.second, lambda x, y: np.broadcast_arrays(x, y)[1], (reals(3, 1), reals(4))),
    Case("one variable twice", lambda x: x * x.T, lambda x: x * x.T, (reals(3, 3),), order=2),
    Case("column against row of one vector", lambda v: v.dimshuffle(0, "x") * v,
         lambda v: v[:, None] * v, (reals(3),), order=2),
]  # fmt: skip

OPERATORS = [
    Case(f"{function.__name__} {dtype}", function, function, (
        whole(4, low=1, dtype=dtype), whole(3, 1, low=1, high=4, dtype=dtype)
    ), order=0)
    for dtype in ("int32", "uint8", "float64")
    for function in (
        operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv,
        operator.mod, operator.pow, operator.lt, operator.le, operator.gt, operator.ge,
    )
]  # fmt: skip
OPERATORS += [
    Case(f"{function.__name__} {dtype}", function, function, (
        whole(4, high=2, dtype=dtype), whole(3, 1, high=2, dtype=dtype)
    ), order=0)
    for dtype in ("bool", "int8", "uint64")
    for function in (operator.and_, operator.or_, operator.xor)
]  # fmt: skip
OPERATORS += [
    Case("shifts", lambda x, y: [x << y, x >> y], lambda x, y: [x << y, x >> y],
         (whole(4), whole(4, high=4)), order=0),
    Case("inversions", lambda x, y: [~x, ~y, abs(-y), +y], lambda x, y: [~x, ~y, abs(-y), +y],
         (whole(4, high=2, dtype="bool"), whole(4, low=-5)), order=0),
    Case("divmod", divmod, divmod, (reals(4), np.abs(reals(3, 1)) + 0.1), order=0),
    Case("numbers on the left",
         lambda x: [2 + x, 2 - x, 2 * x, 2 / x, 2 // x, 2 % x, 2**x, x > 1, x <= 1],
         lambda x: [2 + x, 2 - x, 2 * x, 2 / x, 2 // x, 2 % x, 2**x, x > 1, x <= 1],
         (np.abs(reals(4)) + 0.1,), order=0),
    Case("arrays on the left", lambda x: [np.arange(3.0) - x, np.ones((2, 1)) / x],
         lambda x: [np.arange(3.0) - x, np.ones((2, 1)) / x], (np.abs(reals(3)) + 0.1,), order=2),
]  # fmt: skip


@pytest.mark.parametrize("case", [*BROADCAST, *THREE, *OPERATORS], ids=str)
def test_case(case: Case) -> None:
    check(case)


# A Python number with an array of each dtype; the dtype is NumPy's.
WEAK = [
    (dtype, number)
    for dtype in ("bool", "int8", "uint8", "int64", "float16", "float32", "float64", "complex64")
    for number in (True, 3, 1.5, 2j)
]


@pytest.mark.parametrize(("dtype", "number"), WEAK)
def test_python_numbers_are_weak(dtype: str, number: complex) -> None:
    array = np.ones(2, dtype)
    check(Case("weak", lambda x: [x + number, number * x], lambda x: [x + number, number * x],
               (array,), order=0))  # fmt: skip


def test_python_numbers_that_do_not_fit() -> None:
    x = T.tensor("uint8", (None,), "x")
    for build in (lambda: x + 256, lambda: x * -1):
        with pytest.raises(DTypeError, match="does not fit uint8"):
            build()


@pytest.mark.parametrize("number", [300, -1, 255])
def test_comparisons_with_numbers_outside_the_dtype(number: int) -> None:
    """As in NumPy 2 these have an answer, though the number does not fit."""

    def compare(x: np.ndarray) -> list:
        return [x < number, x >= number, number > x]

    check(Case("compare", compare, compare, (whole(4, dtype="uint8"),), order=0))


def test_sizes_that_cannot_meet_raise_while_building() -> None:
    x, y = T.tensor("float64", (None, 3), "left"), T.tensor("float64", (4,), "right")
    with pytest.raises(ShapeError, match="sizes 3 and 4 do not broadcast") as caught:
        x + y
    for part in ("left", "right", "axis 1", "test_elementwise.py"):
        assert part in str(caught.value)


def test_one_function_for_all_shapes() -> None:
    """Calls in which sizes are equal, 1 or 0 take turns. Oracle: NumPy, and sums of the weights."""
    x, y = T.dmatrices("x", "y")
    cost = (x * y).sum()
    run = function([x, y], [x * y, *grad(cost, [x, y])])
    for shapes in itertools.product([(3, 4), (1, 4), (3, 1), (1, 1)], repeat=2):
        a, b = reals(*shapes[0]), reals(*shapes[1], seed=1)
        value, by_x, by_y = run(a, b)
        np.testing.assert_array_equal(value, a * b)
        assert_arrays(by_x, _summed_to(np.broadcast_to(b, value.shape), a), shapes)
        assert_arrays(by_y, _summed_to(np.broadcast_to(a, value.shape), b), shapes)
    assert run(np.ones((0, 4)), np.ones((1, 4)))[2].tolist() == [[0.0] * 4]


def _summed_to(g: np.ndarray, like: np.ndarray) -> np.ndarray:
    axes = tuple(axis for axis, size in enumerate(like.shape) if size == 1)
    return g.sum(axis=axes, keepdims=True)


def test_sizes_that_cannot_meet_raise_when_run() -> None:
    x, y = T.dvector("left"), T.dvector("right")
    run = function([x, y], x + y)
    with pytest.raises(ValueError, match="left"):
        run([1.0, 2.0], [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(run([1.0], [1.0, 2.0]), [2.0, 3.0])
