"""Ops that only look at an array in another way: axes permuted, merged, split, repeated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from arignote import function
from arignote import tensor as T
from arignote.errors import ArignoteError, ShapeError
from ops.cases import Case, check, reals, whole


def same(text: str, function: Callable[..., Any], *inputs: Any, order: int = 1) -> Case:
    """One expression that works on variables and on arrays."""
    return Case(text, function, function, inputs, order)


X = reals(2, 3, 4)
AXES = [
    same("T", lambda x: [x.T, x.T.T], X, order=2),
    same("T of a vector", lambda x: x.T, reals(3)),
    same("T of a scalar", lambda x: x.T, reals()),
    same("transpose(2, 0, 1)", lambda x: x.transpose(2, 0, 1), X),
    same("transpose([-1, 0, 1])", lambda x: x.transpose([-1, 0, 1]), X),
    same("transpose(None)", lambda x: x.transpose(None), X),
    same("swapaxes", lambda x: x.swapaxes(0, -1), X),
    Case("functions", lambda x: [T.transpose(x), T.transpose(x, (1, 0, 2)), T.swapaxes(x, 1, 2)],
         lambda x: [np.transpose(x), np.transpose(x, (1, 0, 2)), np.swapaxes(x, 1, 2)], (X,)),
    *[Case(f"dimshuffle {order}", lambda x, o=order: x.dimshuffle(*o), reference, (array,))
      for order, reference, array in [
          ((1, 0), lambda x: x.T, reals(2, 3)),
          ((0, "x"), lambda x: x[:, None], reals(3)),
          (("x", 1, "x", 0), lambda x: x.T[None, :, None, :], reals(2, 3)),
          (("x", "x"), lambda x: x[None, None], reals()),
          ((), lambda x: x.reshape(()), reals(1)),
          ((1,), lambda x: x[0], reals(1, 3)),
          ((1, "x"), lambda x: x.reshape(3, 1), reals(1, 3)),
          ((2, 0), lambda x: x[:, 0].T, reals(2, 1, 3)),
          ((-1, -2), lambda x: x.T, reals(2, 3)),
          ((0, 1), lambda x: x, reals(0, 3)),
      ]],
    Case("dimshuffle of a list", lambda x: T.dimshuffle(x, [1, "x", 0]), lambda x: x.T[:, None],
         (reals(2, 3),)),
    *[Case(f"expand_dims {axis}", lambda x, a=axis: T.expand_dims(x, a),
           lambda x, a=axis: np.expand_dims(x, a), (reals(2, 3),))
      for axis in (0, 1, -1, (0, 2), (0, -1), ())],
    Case("expand_dims of a scalar", lambda x: T.expand_dims(x, 0), lambda x: x[None], (reals(),)),
    *[Case(f"squeeze {axis}", lambda x, a=axis: T.squeeze(x, a),
           lambda x, a=axis: np.squeeze(x, a), (reals(1, 3, 1),)) for axis in (0, -1, (0, 2))],
    Case("padding", lambda x: [T.shape_padleft(x, 2), T.shape_padright(x), T.shape_padleft(x)],
         lambda x: [x[None, None], x[..., None], x[None]], (reals(2, 3),)),
]  # fmt: skip

RESHAPE = [
    same(f"reshape {given} to {shape}", lambda x, s=shape: x.reshape(s), reals(*given))
    for given, shape in [
        ((2, 3), (3, 2)), ((2, 3), (-1,)), ((2, 3), -1), ((2, 3), (6, 1, -1)), ((2, 3), [2, -1]),
        ((6,), (2, -1)), ((1,), ()), ((), (1, 1)), ((), (-1,)), ((0, 3), (3, 0)), ((0, 3), (-1, 3)),
        ((2, 0), (0,)), ((1, 1), (1,)),
    ]
]  # fmt: skip
RESHAPE += [
    same("sizes as arguments", lambda x: x.reshape(3, -1), reals(2, 3)),
    same("sizes from another variable", lambda x, y: x.reshape((y.shape[0], -1)),
         reals(6), reals(3)),
    same("a shape vector", lambda x, y: x.reshape(y.shape), reals(2, 3), reals(3, 2)),
    same("all sizes symbolic", lambda x, y: x.reshape((y.shape[1], y.shape[0])), reals(3, 2),
         reals(3, 2)),
    same("sizes as inputs", lambda x, n: x.reshape((n, 2)), reals(6), np.array(3)),
    same("-1 as an input", lambda x, n: x.reshape((2, n)), reals(6), np.array(-1)),
    Case("a vector input", lambda x, s: x.reshape(s, ndim=2), lambda x, s: x.reshape(s),
         (reals(6), np.array([2, 3]))),
    Case("a constant vector", lambda x: T.reshape(x, T.constant([2, 3])),
         lambda x: x.reshape(2, 3), (reals(6),)),
    Case("a mixed stack", lambda x: x.reshape(T.stack([x.shape[1], 2])),
         lambda x: x.reshape(3, 2), (reals(2, 3),)),
    same("there and back", lambda x: x.reshape((-1,)).reshape(x.shape) * x, reals(2, 3), order=2),
    *[Case(f"flatten {shape} {ndim}", lambda x, n=ndim: T.flatten(x, n),
           lambda x, n=ndim: x.reshape((*x.shape[: n - 1], int(np.prod(x.shape[n - 1 :])))),
           (reals(*shape),))
      for shape, ndim in [((2, 3, 4), 1), ((2, 3, 4), 2), ((2, 3, 4), 3), ((), 1), ((3,), 1),
                          ((2, 0, 3), 1), ((0, 2, 3), 2), ((1, 1), 1)]],
    same("ravel", lambda x: [x.ravel(), x.flatten()], X),
]  # fmt: skip

BROADCAST = [
    Case(f"broadcast {given} to {shape}", lambda x, s=shape: T.broadcast_to(x, s),
         lambda x, s=shape: np.broadcast_to(x, s), (reals(*given),))
    for given, shape in [
        ((3,), (2, 3)), ((1,), (3,)), ((), (2, 3)), ((2, 1), (2, 3)), ((1, 1), (2, 3)),
        ((2, 3), (2, 3)), ((1, 3), (0, 3)), ((1,), (2, 0)), ((0,), (2, 0)), ((), ()),
        ((3, 1), (2, 3, 1)), ((1,), (1, 1)),
    ]
]  # fmt: skip
BROADCAST += [
    Case("broadcast to a variable's shape", lambda x, y: T.broadcast_to(x, y.shape) * y,
         lambda x, y: np.broadcast_to(x, y.shape) * y, (reals(1, 3), reals(2, 3)), 2),
    Case("broadcast to symbolic sizes", lambda x, y: x.broadcast_to((y.shape[0], x.shape[0])),
         lambda x, y: np.broadcast_to(x, (2, 3)), (reals(3), reals(2))),
]  # fmt: skip

SHAPES = [
    Case("shape", lambda x: [x.shape, T.shape(x), x.shape[1], x.size, x.shape.sum()],
         lambda x: [np.array(x.shape), np.array(x.shape), np.array(x.shape[1]), np.array(x.size),
                    np.array(sum(x.shape))], (X,), 0),
    Case("shape of a scalar", lambda x: [x.shape, x.size],
         lambda x: [np.array([], "int64"), np.array(1)], (reals(),), 0),
    Case("shape of nothing", lambda x: [x.shape, x.size],
         lambda x: [np.array([0, 3]), np.array(0)], (reals(0, 3),), 0),
    Case("shape in an expression", lambda x: x * x.shape[0], lambda x: x * x.shape[0],
         (reals(2, 3),)),
]  # fmt: skip

TABLES = [AXES, RESHAPE, BROADCAST, SHAPES]


@pytest.mark.parametrize("case", [case for table in TABLES for case in table], ids=str)
def test_case(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float32", "complex64"])
def test_views_keep_dtypes(dtype: str) -> None:
    check(same(f"views of {dtype}", lambda x: [x.T, x.reshape((3, 2)), x.flatten()],
               whole(2, 3, high=2, dtype=dtype), order=0))  # fmt: skip


def test_results_can_be_written_without_touching_inputs() -> None:
    """A broadcast or transposed result is an array of its own."""
    x, array = T.dmatrix(), reals(2, 3)
    kept = array.copy()
    outs = [x.T, x.broadcast_to((2, 2, 3)), x[::-1], x.reshape((-1,)), x]
    for result in function([x], outs)(array):
        result[...] = 7.0
    np.testing.assert_array_equal(array, kept)


BAD = [
    (lambda x: x.reshape((4, 2)), "cannot reshape"),
    (lambda x: x.reshape((-1, 4)), "cannot reshape"),
    (lambda x: x.reshape((-1, -1)), "only one size"),
    (lambda x: x.reshape((2.0, 3)), "sizes are whole numbers"),
    (lambda x: x.reshape(T.lvector("sizes")), "vector of unknown length"),
    (lambda x: x.dimshuffle(0), "drops axis 1, whose size is 3"),
    (lambda x: x.dimshuffle(0, 0), "does not fit"),
    (lambda x: x.dimshuffle(0, 1, 2), "out of range"),
    (lambda x: x.transpose(0), "needs 2 axes"),
    (lambda x: x.transpose(0, 0), "does not fit"),
    (lambda x: x.flatten(3), "cannot flatten"),
    (lambda x: x.flatten(0), "cannot flatten"),
    (lambda x: x.broadcast_to((2, 4)), "cannot broadcast"),
    (lambda x: x.broadcast_to((3,)), "cannot broadcast"),
    (lambda x: x.broadcast_to((-1, 3)), "negative"),
    (lambda x: x.squeeze(1), "drops axis 1"),
    (lambda x: T.expand_dims(x, 5), "out of range"),
]


@pytest.mark.parametrize(("build", "text"), BAD)
def test_what_does_not_fit_raises_while_building(build: Any, text: str) -> None:
    with pytest.raises((ArignoteError, np.exceptions.AxisError), match=text):
        build(T.tensor("float64", (2, 3), "x"))


LATE = [
    (lambda x: x.reshape((4, 2)), "Reshape"),
    (lambda x: x.dimshuffle(0), "drops axis 1"),
    (lambda x: x.broadcast_to((2, 4)), "BroadcastTo"),
]


@pytest.mark.parametrize(("build", "text"), LATE)
def test_what_does_not_fit_raises_when_run(build: Any, text: str) -> None:
    x = T.dmatrix("x")
    out = build(x)
    with pytest.raises(ValueError, match=text) as caught:
        out.eval({x: np.ones((2, 3))})
    assert not isinstance(caught.value, ShapeError)
    assert "test_views.py" in str(caught.value)
