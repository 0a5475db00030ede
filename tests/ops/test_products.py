"""dot, matmul, tensordot, inner and outer of all ranks, with sizes 0 and 1. Oracle: NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from arignote import tensor as T
from arignote.errors import DTypeError, ShapeError
from arignote.ops.dot import Gemm, Gemv
from ops.cases import Case, check, reals, whole


def case(
    build: Callable[..., Any], reference: Callable[..., Any], *shapes: tuple, order: int = 1
) -> Case:
    """A function of two arrays of these shapes."""
    arrays = tuple(reals(*shape, seed=n) for n, shape in enumerate(shapes))
    return Case(f"{build.__name__} {shapes[0]} {shapes[1]}", build, reference, arrays, order)


DOT = [
    case(T.dot, np.dot, x, y, order=2 if 2 in (len(x), len(y)) else 1)
    for x, y in [
        ((), ()), ((), (3,)), ((2, 3), ()),
        ((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((2, 3), (3, 4)),
        ((3,), (2, 3, 2)), ((2, 2, 3), (3,)), ((2, 3), (2, 3, 2)), ((2, 2, 3), (3, 2)),
        ((2, 1, 3), (2, 3, 1)),
        ((1,), (1,)), ((1, 1), (1, 1)), ((3, 1), (1, 4)), ((1, 3), (3, 1)),
        ((0,), (0,)), ((2, 0), (0, 3)), ((0, 3), (3, 2)), ((2, 3), (3, 0)), ((0,), (0, 2)),
        ((2, 0), (0,)), ((2, 0, 3), (3,)), ((0, 2, 3), (2, 3, 2)),
    ]
]  # fmt: skip
MATMUL = [
    case(T.matmul, np.matmul, x, y)
    for x, y in [
        ((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((2, 3), (3, 4)),
        ((2, 2, 3), (2, 3, 2)), ((2, 2, 3), (1, 3, 2)), ((1, 2, 3), (2, 3, 1)),
        ((2, 3), (2, 3, 2)), ((2, 2, 3), (3, 2)), ((3,), (2, 3, 2)), ((2, 2, 3), (3,)),
        ((2, 1, 2, 3), (3, 3, 2)), ((1, 1, 1, 1), (2, 1, 1)),
        ((0, 2, 3), (0, 3, 2)), ((0, 2, 3), (1, 3, 2)), ((2, 0, 3), (2, 3, 2)),
        ((2, 2, 0), (2, 0, 2)), ((2, 0), (0,)),
    ]
]  # fmt: skip
TENSORDOT = [
    Case(f"tensordot {x} {y} {axes}", lambda a, b, n=axes: T.tensordot(a, b, n),
         lambda a, b, n=axes: np.tensordot(a, b, n), (reals(*x), reals(*y, seed=1)))
    for x, y, axes in [
        ((2, 3), (2, 3), 2), ((2, 3), (3, 2), 1), ((2,), (3,), 0), ((2, 3), (2,), 0),
        ((2, 3, 4), (4, 3), ([2, 1], [0, 1])), ((2, 3), (3, 2), ((0,), (1,))),
        ((2, 3), (3, 2), ([1, 0], [0, 1])), ((2, 3, 2), (3,), ([-2], [-1])),
        ((2, 3), (4, 3), (1, 1)), ((0, 3), (3, 2), 1), ((2, 0), (0, 3), 1), ((2,), (2,), 1),
    ]
]  # fmt: skip
OTHERS = [
    *[case(T.outer, np.outer, x, y)
      for x, y in [((3,), (2,)), ((2, 2), (3,)), ((), (3,)), ((0,), (2,)), ((1,), (1,))]],
    *[case(T.inner, np.inner, x, y)
      for x, y in [((3,), (3,)), ((2, 3), (3,)), ((2, 3), (4, 3)), ((2, 2, 3), (2, 3)),
                   ((), (3,)), ((2, 0), (0,)), ((0, 3), (2, 3))]],
    Case("operators", lambda x, y: [x @ y, x.dot(y), y.T @ x.T],
         lambda x, y: [x @ y, x.dot(y), y.T @ x.T], (reals(2, 3), reals(3, 4, seed=1)), 2),
    Case("array on the left", lambda x: np.arange(6.0).reshape(2, 3) @ x,
         lambda x: np.arange(6.0).reshape(2, 3) @ x, (reals(3, 4),)),
    Case("one matrix twice", lambda x: x @ x, lambda x: x @ x, (reals(3, 3),), 2),
    Case("matrix with its transpose", lambda x: T.dot(x, x.T), lambda x: x @ x.T,
         (reals(2, 3),), 2),
    Case("complex", T.dot, np.dot,
         (reals(2, 3) + 1j * reals(2, 3, seed=1), reals(3, 2) - 1j * reals(3, 2, seed=2))),
    Case("complex with real", T.matmul, np.matmul,
         (reals(2, 3) + 1j * reals(2, 3, seed=1), reals(3, 2))),
]  # fmt: skip
DTYPES = [
    Case(f"{build.__name__} {first} {second}", build, reference,
         (whole(2, 3, high=4, dtype=first), whole(3, 2, high=4, dtype=second)), 0)
    for build, reference in [(T.dot, np.dot), (T.matmul, np.matmul)]
    for first, second in [
        ("bool", "bool"), ("int8", "int8"), ("int32", "int64"), ("uint8", "int8"),
        ("float32", "float32"), ("float32", "float64"), ("int32", "float32"),
        ("float16", "float16"), ("complex64", "float32"),
    ]
]  # fmt: skip
SPECIAL = [
    Case("NaN and infinity", T.dot, np.dot,
         (np.array([[np.nan, 1.0], [np.inf, 0.0], [1.0, -np.inf]]), np.array([2.0, 3.0])), 0),
    Case("infinity times 0", T.dot, np.dot, (np.array([[np.inf, 1.0]]), np.zeros((2, 2))), 0),
]  # fmt: skip

ADDED = [
    Case(f"{op} {x} {y} {dtype}", op, lambda z, a, x, y: z + a * np.dot(x, y),
         (reals(*z, dtype=dtype), reals(seed=4, dtype=dtype), reals(*x, seed=2, dtype=dtype),
          reals(*y, seed=3, dtype=dtype)), order if dtype == "float64" else 1)
    for op, z, x, y, order in [
        (Gemm(), (2, 4), (2, 3), (3, 4), 2), (Gemm(), (1, 1), (1, 1), (1, 1), 1),
        (Gemm(), (2, 4), (2, 0), (0, 4), 1), (Gemm(), (0, 3), (0, 2), (2, 3), 1),
        (Gemv(), (2,), (2, 3), (3,), 2), (Gemv(), (2,), (2, 0), (0,), 1),
        (Gemv(), (0,), (0, 3), (3,), 1),
    ]
    for dtype in ("float32", "float64")
]  # fmt: skip

TABLES = [DOT, MATMUL, TENSORDOT, OTHERS, DTYPES, SPECIAL, ADDED]


@pytest.mark.parametrize("case", [case for table in TABLES for case in table], ids=str)
def test_case(case: Case) -> None:
    check(case)


MISMATCHES = [
    (T.dot, (2, 3), (4, 2), "not aligned"),
    (T.dot, (3,), (4,), "not aligned"),
    (T.matmul, (2, 2, 3), (2, 4, 2), "not aligned"),
    (T.matmul, (2, 2, 3), (3, 3, 2), "do not broadcast"),
    (T.matmul, (), (3,), "does not take scalars"),
    (lambda x, y: Gemm()(x, T.constant(1.0), x, y), (2, 3), (3, 4), "sizes 3 and 4 differ"),
    (lambda x, y: Gemm()(x, T.constant(1.0), x, y), (2, 3), (2, 3), "not aligned"),
    (lambda x, y: Gemv()(y, T.constant(1.0), x, y), (2, 3), (3,), "sizes 3 and 2 differ"),
    (lambda x, y: Gemv()(x, T.constant(1.0), x, y), (2, 3), (3,), "adds what has rank 1, not 2"),
    (lambda x, y: Gemv()(y, y, x, y), (3, 3), (3,), "and a scalar"),
    (lambda x, y: T.tensordot(x, y, ([0, 1], [0])), (2, 3), (2, 3), "pairs of axes"),
]


@pytest.mark.parametrize(("build", "x", "y", "text"), MISMATCHES)
def test_mismatches_raise_while_building(build: Any, x: tuple, y: tuple, text: str) -> None:
    first, second = T.tensor("float64", x, "first"), T.tensor("float64", y, "second")
    with pytest.raises(ShapeError, match=text) as caught:
        build(first, second)
    assert "test_products.py" in str(caught.value)


@pytest.mark.parametrize("build", [T.dot, T.matmul, T.inner], ids=lambda f: f.__name__)
def test_mismatches_raise_when_run(build: Any) -> None:
    """A size of 1 is no exception: products do not broadcast."""
    x, y = T.dvector("first"), T.dvector("second")
    with pytest.raises(ValueError, match="first"):
        build(x, y).eval({x: np.ones(1), y: np.ones(3)})


def test_added_products_do_not_broadcast_and_take_one_dtype() -> None:
    x, z, one = T.dmatrix("x"), T.dmatrix("z"), T.constant(1.0)
    with pytest.raises(ValueError, match="does not fit"):
        Gemm()(z, one, x, x).eval({x: np.ones((2, 2)), z: np.ones((1, 2))})
    with pytest.raises(DTypeError, match="takes float32 or float64, not float32, float64"):
        Gemm()(T.fmatrix(), one, x, x)
    with pytest.raises(DTypeError, match="not int64"):
        Gemv()(T.lvector(), T.lscalar(), T.lmatrix(), T.lvector())
