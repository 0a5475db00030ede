"""concatenate, stack, split; arrays made from shapes and values. Oracle: NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from arignote import config
from arignote import tensor as T
from arignote.errors import ShapeError
from ops.cases import Case, check, reals, whole


def joined(name: str, axis: int, *shapes: tuple, order: int = 1) -> Case:
    """A join of arrays of these shapes."""
    arrays = tuple(reals(*shape, seed=n) for n, shape in enumerate(shapes))
    build, reference = getattr(T, name), getattr(np, name)
    return Case(f"{name} {shapes} {axis}", lambda *xs: build(list(xs), axis=axis),
                lambda *xs: reference(list(xs), axis=axis), arrays, order)  # fmt: skip


JOINS = [
    joined("concatenate", 0, (2,), (3,), order=2), joined("concatenate", 0, (2, 3), (1, 3)),
    joined("concatenate", 1, (2, 3), (2, 1), (2, 2)), joined("concatenate", -1, (2, 3), (2, 1)),
    joined("concatenate", 0, (0, 3), (2, 3)), joined("concatenate", 0, (0,), (0,)),
    joined("concatenate", 1, (2, 1, 3), (2, 2, 3)), joined("concatenate", 0, (3,)),
    joined("stack", 0, (3,), (3,)), joined("stack", 1, (3,), (3,)),
    joined("stack", -1, (2, 3), (2, 3)),
    joined("stack", 0, (), ()), joined("stack", -2, (2, 3), (2, 3)), joined("stack", 0, (0,), (0,)),
    joined("stack", 1, (2, 1)),
    Case("one variable twice", lambda x: T.concatenate([x, x * x, x]),
         lambda x: np.concatenate([x, x * x, x]), (reals(3),), 2),
    Case("with a constant", lambda x: T.concatenate([x, [1.0, 2.0]]),
         lambda x: np.concatenate([x, [1.0, 2.0]]), (reals(3),)),
    Case("lists hold variables", lambda x, y: T.as_tensor_variable([x, y, 2.0]),
         lambda x, y: np.array([x, y, 2.0]), (reals(), reals(seed=1))),
    Case("nested lists", lambda x, y: T.as_tensor_variable([[x, y], [1.0, x]]),
         lambda x, y: np.array([[x, y], [1.0, x]]), (reals(), reals(seed=1))),
]  # fmt: skip
DTYPES = [
    Case(f"{build.__name__} {dtypes}", lambda x, y, f=build: f([x, y]),
         lambda x, y, f=reference: f([x, y]),
         tuple(whole(3, high=2, dtype=dtype) for dtype in dtypes), 0)
    for build, reference in [(T.concatenate, np.concatenate), (T.stack, np.stack)]
    for dtypes in [("bool", "int8"), ("int8", "uint8"), ("int32", "float32"),
                   ("float32", "float64"), ("uint64", "int64"), ("float16", "complex64")]
]  # fmt: skip

SPLITS = [
    Case(f"split {sizes} {axis}", lambda x, s=sizes, a=axis: T.split(x, s, len(s), a),
         lambda x, s=sizes, a=axis: np.split(x, np.cumsum(s)[:-1], a), (reals(4, 3),))
    for sizes, axis in [([1, 3], 0), ([0, 4], 0), ([2, 1], 1), ([1, 1, 1], -1), ([4], 0)]
] + [
    Case("split by a vector", lambda x, s: T.split(x, s, 2), lambda x, s: [x[:1], x[1:]],
         (reals(4, 3), np.array([1, 3]))),
    Case("split by sizes", lambda x: T.split(x, [x.shape[0] // 2, 2]),
         lambda x: [x[:2], x[2:]], (reals(4, 3),), 2),
]  # fmt: skip

CREATION = [
    *[Case(f"{build.__name__} {shape} {dtype}", lambda f=build, s=shape, d=dtype: f(s, dtype=d),
           lambda f=reference, s=shape, d=dtype: f(s, dtype=d), (), 0)
      for build, reference in [(T.zeros, np.zeros), (T.ones, np.ones)]
      for shape, dtype in [((2, 3), None), (3, "int8"), ((), "float32"), ((0, 2), "bool"),
                           ([2, 1], "complex64")]],
    *[Case(f"full {shape} {value!r} {dtype}", lambda s=shape, v=value, d=dtype: T.full(s, v, d),
           lambda s=shape, v=value, d=dtype: np.full(s, v, d), (), 0)
      for shape, value, dtype in [((2, 3), 1.5, None), (2, 3, None), ((), True, None),
                                  ((2,), 1.5, "int32"), ((2, 2), np.float32(0.5), None)]],
    Case("of symbolic shapes",
         lambda x: [T.zeros(x.shape), T.ones((x.shape[1], 2)), T.full(x.shape[0], x[0, 0])],
         lambda x: [np.zeros(x.shape), np.ones((x.shape[1], 2)), np.full(x.shape[0], x[0, 0])],
         (reals(2, 3),)),
    Case("alloc", lambda x, n: T.alloc(x, n, 2, 3), lambda x, n: np.broadcast_to(x, (n, 2, 3)),
         (reals(3), np.array(4))),
    *[Case(f"like {dtype}",
           lambda x, d=dtype: [T.zeros_like(x, d), T.ones_like(x, d), T.full_like(x, 3, d)],
           lambda x, d=dtype: [np.zeros_like(x, d), np.ones_like(x, d), np.full_like(x, 3, d)],
           (array,), 0)
      for dtype in (None, "int8", "float32")
      for array in (reals(2, 3), whole(3, dtype="uint8"), reals(), reals(0, 2))],
    Case("full_like a variable", T.full_like, lambda x, v: np.full_like(x, v),
         (reals(2, 3), reals())),
    Case("full_like broadcasts", T.full_like, lambda x, v: np.full_like(x, v),
         (reals(2, 3), reals(3))),
    *[Case(f"arange {arguments}", lambda a=arguments: T.arange(*a),
           lambda a=arguments: np.arange(*a), (), 0)
      for arguments in [(5,), (2, 7), (7, 2, -2), (0, 1, 0.25), (3.0,), (5, 1), (0,), (-2,),
                        (1.5, 4), (0, 10, 3)]],
    *[Case(f"arange {dtype}", lambda d=dtype: T.arange(4, dtype=d),
           lambda d=dtype: np.arange(4, dtype=d), (), 0)
      for dtype in ("int8", "float32", "uint64")],
    Case("arange of inputs", T.arange, np.arange, (np.array(2), np.array(11), np.array(3)), 0),
    Case("arange of floats", lambda start, step: T.arange(start, start + 4 * step, step),
         lambda start, step: start + step * np.arange(4), (np.array(0.7), np.array(0.5))),
    *[Case(f"eye {arguments}", lambda a=arguments: T.eye(*a), lambda a=arguments: np.eye(*a), (), 0)
      for arguments in [(3,), (2, 4), (3, 3, 1), (4, 2, -1), (0,), (2, 2, 5)]],
    Case("eye of inputs", lambda n: T.eye(n, n + 1, dtype="int32"),
         lambda n: np.eye(n, n + 1, dtype="int32"), (np.array(2),), 0),
]  # fmt: skip

TABLES = [JOINS, DTYPES, SPLITS, CREATION]


@pytest.mark.parametrize("case", [case for table in TABLES for case in table], ids=str)
def test_case(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("name", ["zeros", "ones", "eye"])
def test_floatx_is_the_default_dtype(name: str) -> None:
    with config.change(floatX="float32"):
        out = getattr(T, name)(2)
        assert out.dtype == out.eval().dtype == "float32"


BAD = [
    (lambda x, y: T.concatenate([x, y]), "sizes 3 and 4 differ on axis 1 of operand 1"),
    (lambda x, y: T.stack([x, y]), "cannot join"),
    (lambda x, y: T.concatenate([x, y[0]]), "different ranks"),
    (lambda x, y: T.concatenate([]), "needs an array"),
    (lambda x, y: T.stack([]), "needs an array"),
]


@pytest.mark.parametrize(("build", "text"), BAD)
def test_what_does_not_fit_raises_while_building(build: Any, text: str) -> None:
    x, y = T.tensor("float64", (2, 3), "first"), T.tensor("float64", (2, 4), "second")
    with pytest.raises(ShapeError, match=text):
        build(x, y)


def test_what_does_not_fit_raises_when_run() -> None:
    """A size of 1 is no exception: joins do not broadcast."""
    x, y = T.dmatrix("first"), T.dmatrix("second")
    with pytest.raises(ValueError, match="first"):
        T.concatenate([x, y]).eval({x: np.ones((1, 1)), y: np.ones((1, 3))})


def test_known_sizes_add_up() -> None:
    x, y = T.tensor("float64", (2, None)), T.tensor("float64", (3, 4))
    assert T.concatenate([x, y]).type.shape == (5, 4)
    assert T.concatenate([x, T.dmatrix()]).type.shape == (None, None)
    assert T.stack([y, y], axis=1).type.shape == (3, 2, 4)
