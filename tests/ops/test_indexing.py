"""Reading `x[index]`, in every mixture that NumPy allows. Oracle: NumPy's indexing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from arignote import tensor as T
from arignote.errors import IndexingError, ShapeError
from ops.cases import Case, check, reals, whole
from ops.strategies import SHAPE, indices

X = reals(3, 4, 2)
I, J = np.array([0, -1, 2]), np.array([[1], [0]])
ROWS, GRID = np.array([True, False, True]), X[..., 0] > 0
S, BACK = slice, slice(None, None, -1)


def read(text: str, index: Any, array: np.ndarray = X, order: int = 1) -> Case:
    """An index of numbers, slices and arrays that are known while building."""
    return Case(f"x[{text}]", lambda x: x[index], lambda x: x[index], (array,), order)


BASIC = [
    read("0", 0), read("-1", -1), read("1, -2", (1, -2)), read("1, 2, 0", (1, 2, 0)),
    read("()", ()), read("...", ...), read("..., 0", (..., 0)), read("0, ...", (0, ...)),
    read("0, ..., 1", (0, ..., 1)), read("1, 2, 0, ...", (1, 2, 0, ...)),
    read(":", S(None)), read("1:", S(1, None)), read(":-1", S(None, -1)), read("::-1", BACK),
    read("::2, ::-2", (S(None, None, 2), S(None, None, -2))), read("2:0:-1", S(2, 0, -1)),
    read("1:1", S(1, 1)), read("5:9", S(5, 9)), read("-9:9", S(-9, 9)), read("2:1", S(2, 1)),
    read("-1:-9:-1", S(-1, -9, -1)), read("100::-3", S(100, None, -3)),
    read("None", None), read("None, :, None", (None, S(None), None)),
    read("..., None", (..., None)),
    read("None, 0, None, 1:3, None", (None, 0, None, S(1, 3), None)),
    read("np.int32", np.int32(1)), read("np.uint8 slice", S(np.uint8(1), np.int64(3))),
    read("() of a scalar", (), reals()), read("None of a scalar", None, reals()),
    read("... of nothing", ..., reals(0, 2)), read("::-1 of nothing", BACK, reals(0)),
]  # fmt: skip

ADVANCED = [
    read("I", I, order=2), read("list", [0, 0, 1]), read("empty list", []), read("J", J),
    read("I, I", (I, np.array([1, 0, 3]))), read("I, J broadcast", (I, J)),
    read("I, :, I", (I, S(None), np.array([0, 1, 1]))), read(":, I", (S(None), I)),
    read("..., J", (..., np.array([[1], [0]]))), read("I, 0", (I, 0)), read("0, I", (0, I)),
    read("0, :, I", (0, S(None), np.array([0, 1, 1]))), read("I, None, I", (I, None, I)),
    read("None, I", (None, I)), read("I, None", (I, None)),
    read("1:, I, ::-1", (S(1, None), I, BACK)),
    read("I, ..., I", (I, ..., np.array([0, 1, 1]))), read("I, 1:3, 0", (I, S(1, 3), 0)),
    read(":, 0, I", (S(None), 0, np.array([0, 1]))), read("unsigned", np.array([0, 2], "uint8")),
    read("int8", np.array([-1, 0], "int8")), read("0-d array", np.array(1)),
    read("size 1 array", np.array([1])), read("I, size 1", (I, np.array([1]))),
    read("empty 2-d", np.zeros((2, 0), "int64")), read("repeated", np.array([1, 1, 1]), order=2),
]  # fmt: skip
MASKS = [
    read("mask", ROWS), read("mask list", [True, False, True]), read("mask, :", (ROWS, S(None))),
    read("2-d mask", GRID), read("mask, 0", (ROWS, 0)),
    read("0, mask", (0, np.array([True, False, True, True]))),
    read("mask, I", (ROWS, np.array([0, 1]))), read("mask, size 1", (ROWS, np.array([1]))),
    read(":, mask", (S(None), np.array([True, False, False, True]))),
    read("..., mask", (..., np.array([True, False]))), read("3-d mask", X > 0),
    read("2-d mask, None", (GRID, None)), read("None, mask", (None, ROWS)),
    read("all False", np.zeros(3, bool)), read("2-d mask, 0", (GRID, 0)),
    read("mask, :, mask", (ROWS, S(None), np.array([True, True]))),
    read("mask of nothing", np.zeros(0, bool), reals(0, 2)),
]  # fmt: skip


def symbolic(text: str, function: Any, *inputs: Any, order: int = 1) -> Case:
    """An index that holds inputs."""
    return Case(text, function, function, (X, *inputs), order)


SYMBOLIC = [
    symbolic("x[i]", lambda x, i: x[i], np.array(1)),
    symbolic("x[-i]", lambda x, i: x[-i], np.array(1)),
    symbolic("x[i, :, j]", lambda x, i, j: x[i, :, j], np.array(1), np.array(-1)),
    symbolic("x[i:j]", lambda x, i, j: x[i:j], np.array(1), np.array(3)),
    symbolic("x[i:]", lambda x, i: x[i:], np.array(-2)),
    symbolic("x[:i:k]", lambda x, i, k: x[:i:k], np.array(0), np.array(-1)),
    symbolic("x[:, i:j:k]", lambda x, i, j, k: x[:, i:j:k], *map(np.array, (0, 4, 2))),
    symbolic("x[:x.shape[1] // 2]", lambda x: x[: x.shape[1] // 2]),
    symbolic("x[x.shape[0] - 1]", lambda x: x[x.shape[0] - 1]),
    symbolic("x[int8]", lambda x, i: x[i], np.array(-1, "int8")),
    symbolic("x[I]", lambda x, i: x[i], I, order=2),
    symbolic("x[I, :, j]", lambda x, i, j: x[i, :, j], I, np.array(1)),
    symbolic("x[:, J]", lambda x, i: x[:, i], J),
    symbolic("x[I, J]", lambda x, i, j: x[i, j], I, J),
    symbolic("x[mask]", lambda x, m: x[m], ROWS),
    symbolic("x[mask, I]", lambda x, m, i: x[m, i], ROWS, np.array([0, 1])),
    symbolic("x[x > 0]", lambda x: x[x > 0]),
    symbolic("x[i][j]", lambda x, i, j: x[i][j], np.array(1), np.array([1, 1])),
    Case("x[argmax]", lambda x: x[T.arange(x.shape[0]), T.argmax(x, 1)], lambda x: x.max(1),
         (reals(3, 4),)),
    Case("take", lambda x, i: [T.take(x, i), T.take(x, i, 1), x.take(0, -1), x.take([[1]], 0)],
         lambda x, i: [np.take(x, i), np.take(x, i, 1), x.take(0, -1), x.take([[1]], 0)],
         (X, np.array([[0, -1], [1, 1]]))),
    Case("nonzero", lambda x: list(T.nonzero(x)), lambda x: list(np.nonzero(x)),
         (whole(3, 4, high=2),), 0),
    Case("nonzero of a vector", lambda x: x.nonzero()[0], lambda x: x.nonzero()[0],
         (np.array([0.0, np.nan, -0.0, 2.0]),), 0),
    Case("read with nonzero", lambda x: x[(x > 0).nonzero()], lambda x: x[(x > 0).nonzero()], (X,)),
]  # fmt: skip

DTYPES = [
    Case(f"{dtype}", lambda x: [x[1:], x[I], x[ROWS]], lambda x: [x[1:], x[I], x[ROWS]],
         (whole(3, 2, high=2, dtype=dtype),), 0)
    for dtype in ("bool", "int8", "uint64", "float16", "float32", "complex64")
]  # fmt: skip

TABLES = [BASIC, ADVANCED, MASKS, SYMBOLIC, DTYPES]


@pytest.mark.parametrize("case", [case for table in TABLES for case in table], ids=str)
def test_case(case: Case) -> None:
    check(case)


def _with_inputs(index: tuple) -> tuple[list[np.ndarray], Any]:
    """The arrays and numbers of an index as inputs, and what puts variables in their place."""
    spots = [n for n, e in enumerate(index) if isinstance(e, np.ndarray | int)]

    def rebuild(values: Any) -> tuple:
        entries = list(index)
        for spot, value in zip(spots, values, strict=True):
            entries[spot] = value
        return tuple(entries)

    return [np.asarray(index[spot]) for spot in spots], rebuild


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(indices())
def test_any_index(index: tuple) -> None:
    """Known while building, then with its numbers and arrays as inputs; also as a write."""
    x = reals(*SHAPE)
    inputs, rebuild = _with_inputs(index)
    build = lambda x, *values: x[rebuild(values)]
    check(Case(f"x[{index}]", build, build, (x, *inputs)))
    check(Case(f"x[{index}] known", lambda x: x[index], lambda x: x[index], (x,), 0))


BAD = [
    (3, "index 3 is out of range for axis 0"),
    ((0, -3), "index -3 is out of range for axis 1"),
    ((0, 0, 0), "too many indices"),
    ((..., ...), "only one"),
    (1.5, "whole number"),
    (np.array([0.5]), "whole number"),
    ("name", "is no index"),
    (True, "single boolean"),
    (np.array([True, False]), "boolean index of size 2"),
    (slice(1.0, None), "one whole number"),
    ((np.array([0, 1]), np.array([0, 1, 1])), "do not broadcast"),
]


@pytest.mark.parametrize(("index", "text"), BAD)
def test_what_is_no_index_raises_while_building(index: Any, text: str) -> None:
    x = T.tensor("float64", (3, 2), "x")
    with pytest.raises((IndexingError, ValueError), match=text) as caught:
        x[index]
    assert "test_indexing.py" in str(caught.value)


@pytest.mark.parametrize(
    ("build", "value"),
    [
        (lambda x, i: x[i], 5),
        (lambda x, i: x[T.stack([i, i])], -4),
        (lambda x, i: x[:, 2], 0),
    ],
)
def test_positions_that_are_not_there_raise_when_run(build: Any, value: int) -> None:
    x, i = T.dmatrix("x"), T.lscalar("i")
    with pytest.raises(IndexError, match="out of bounds") as caught:
        build(x, i).eval({x: np.ones((3, 2)), i: value})
    assert "test_indexing.py" in str(caught.value)


def test_a_scalar_has_no_positions() -> None:
    with pytest.raises(ShapeError, match="a scalar has no positions"):
        T.nonzero(T.dscalar())


def test_sizes_that_follow_from_the_index() -> None:
    """What a type says where sizes are known, so that mistakes show early."""
    x = T.tensor("float64", (6, None, 3))
    found = [x[1:4], x[::-1], x[:, 0], x[2], x[:, None], x[::2, ..., -1], x[[0, 1]], x[:, [0], 0]]
    assert [out.type.shape for out in found] == [
        (3, None, 3), (6, None, 3), (6, 3), (None, 3), (6, 1, None, 3), (3, None), (2, None, 3),
        (6, 1),
    ]  # fmt: skip
