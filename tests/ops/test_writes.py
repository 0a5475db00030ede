"""set_subtensor and inc_subtensor. Oracle: NumPy's assignment, and numpy.add.at for repeats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from arignote import tensor as T
from arignote.errors import DTypeError, GraphError, IndexingError
from ops.cases import Case, check, reals, whole
from ops.strategies import SHAPE, indices

I = np.array([2, 0])
ROWS = np.array([True, False, True])


def set_to(x: np.ndarray, index: Any, y: Any) -> np.ndarray:
    result = x.copy()
    result[index] = y
    return result


def added(x: np.ndarray, index: Any, y: Any) -> np.ndarray:
    result = x.copy()
    np.add.at(result, index, y)
    return result


def both(index: Any, y: Any, x: Any = None, order: int = 1) -> Case:
    """A write of both kinds at an index."""
    return Case(
        f"{index} {np.shape(y)}",
        lambda x, y: [T.set_subtensor(x[index], y), T.inc_subtensor(x[index], y)],
        lambda x, y: [set_to(x, index, y), added(x, index, y)],
        (reals(3, 4) if x is None else x, y),
        order,
    )


WRITES = [
    both(0, reals(4), order=2), both(-1, reals()), both((1, 2), reals()),
    both(slice(1, None), reals(2, 4)), both(slice(1, None), reals(1, 4)),
    both(slice(1, None), reals(4)), both(slice(None, None, -1), reals(3, 4)),
    both((slice(None), 1), reals(3)), both((slice(None), 1), reals(1)), both((..., 0), reals()),
    both((slice(None, None, 2), slice(3, 0, -2)), reals(2, 2)),
    both((None, 0), reals(1, 4)), both(..., reals(3, 4)), both((), reals(), reals()),
    both(slice(2, 2), reals(0, 4)), both(slice(2, 2), reals()),
    both(I, reals(2, 4), order=2), both(I, reals()), both(I, reals(4)), both(I, reals(2, 1)),
    both((I, I), reals(2)), both((slice(None), I), reals(3, 2)), both((I, 0), reals(2)),
    both((I[:, None], np.array([0, 3])), reals(2, 2)), both([], reals(0, 4)),
    both(ROWS, reals(2, 4)), both(ROWS, reals()), both(reals(3, 4) > 0, reals()),
    both((ROWS, 1), reals(2)), both((ROWS, slice(1, 3)), reals(2, 2)),
    both(slice(None), reals(1), reals(1)),
]  # fmt: skip

# An index that selects elements several times: the last value stays, sums take all of them.
REPEATED = [
    both(np.array([1, 1, 0]), reals(3, 4), order=2),
    both(np.array([1, 1, 1]), reals()),
    both(np.array([1, -2, 1]), reals(4)),
    both((np.array([0, 0, 2]), np.array([1, 1, 3])), reals(3)),
    both((slice(None), np.array([0, 0])), reals(3, 2)),
    both((slice(None), np.array([[0, 1], [1, 0]])), reals(3, 2, 2)),
    both((np.array([[0], [0]]), np.array([1, 1])), reals(2, 2)),
]

SYMBOLIC = [
    Case("symbolic bounds",
         lambda x, y, i, j: [T.set_subtensor(x[i:j], y), T.inc_subtensor(x[i:j], y)],
         lambda x, y, i, j: [set_to(x, slice(i, j), y), added(x, slice(i, j), y)],
         (reals(3, 4), reals(2, 4), np.array(1), np.array(3))),
    Case("symbolic arrays",
         lambda x, y, i, m: [T.inc_subtensor(x[i], y), T.set_subtensor(x[m], 0.5)],
         lambda x, y, i, m: [added(x, i, y), set_to(x, m, 0.5)],
         (reals(3, 4), reals(3, 4), np.array([0, 0, 2]), ROWS)),
    Case("of itself", lambda x: T.set_subtensor(x[0], x[1] * x[2]),
         lambda x: set_to(x, 0, x[1] * x[2]), (reals(3, 4),), 2),
    Case("one after the other", lambda x: T.inc_subtensor(T.set_subtensor(x[0], 1.0)[:, 0], 2.0),
         lambda x: added(set_to(x, 0, 1.0), (slice(None), 0), 2.0), (reals(3, 4),)),
]  # fmt: skip

DTYPES = [
    both(np.array([0, 0]), whole(2, high=2, dtype=value), whole(3, high=2, dtype=dtype), order=0)
    for dtype, value in [
        ("int8", "int8"), ("int8", "int64"), ("uint8", "uint8"), ("float32", "int64"),
        ("float32", "float64"), ("bool", "bool"), ("complex64", "float64"), ("float64", "bool"),
    ]
]  # fmt: skip
NUMBERS = [
    Case(f"{number} in {dtype}", lambda x, v=number: T.set_subtensor(x[0], v),
         lambda x, v=number: set_to(x, 0, v), (whole(3, high=2, dtype=dtype),), 0)
    for dtype, number in [
        ("uint8", 200), ("int8", -3), ("bool", True), ("uint64", 1), ("float32", 0.1),
        ("float32", 2), ("complex64", 1.5), ("float16", 1),
    ]
]  # fmt: skip
SPECIAL = [
    both(slice(0, 2), np.array([[np.nan], [-0.0]]), np.array([[np.inf, 1.0]] * 3), 0),
]

TABLES = [WRITES, REPEATED, SYMBOLIC, DTYPES, NUMBERS, SPECIAL]


@pytest.mark.parametrize("case", [case for table in TABLES for case in table], ids=str)
def test_case(case: Case) -> None:
    check(case)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(indices())
def test_any_index(index: tuple) -> None:
    x = reals(*SHAPE)
    check(both(index, reals(*x[index].shape, seed=5), x))


BAD = [
    (lambda x: T.set_subtensor(x, 0.0), IndexingError, "needs a part of a variable"),
    (lambda x: T.set_subtensor(x[0] * 2, 0.0), IndexingError, "needs a part of a variable"),
    (lambda x: T.set_subtensor(x[0], np.ones((2, 4))), IndexingError, "cannot write"),
    (lambda x: T.set_subtensor(x[0:2], np.ones((3, 4))), IndexingError, "cannot write shape"),
    (lambda x: T.inc_subtensor(x[0:1], np.ones((3, 4))), IndexingError, "cannot write shape"),
    (lambda x: T.set_subtensor(x[0], 1j), DTypeError, "cannot write complex128"),
    (lambda x: T.set_subtensor(x.astype("int64")[0], 0.5), DTypeError, "cannot write float64"),
]


@pytest.mark.parametrize(("build", "error", "text"), BAD)
def test_what_does_not_fit_raises_while_building(build: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        build(T.tensor("float64", (3, 4), "x"))


def test_assignment_says_what_to_write_instead() -> None:
    x = T.dvector("x")
    with pytest.raises(GraphError, match="set_subtensor"):
        x[0] = 1.0
