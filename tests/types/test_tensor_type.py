"""TensorType and Dim: what is known of shapes. Oracle: NumPy's broadcasting of sample sizes."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arignote.errors import DTypeError, ShapeError
from arignote.types import Dim, TensorType, broadcast_sizes, equal_sizes


def test_attributes() -> None:
    type_ = TensorType("float32", (None, 3, 1))
    assert (type_.dtype, type_.shape, type_.ndim) == ("float32", (None, 3, 1), 3)
    assert type_.broadcastable == (False, False, True)
    assert type_.is_float
    assert not TensorType("int8").is_float
    assert TensorType("int8").shape == ()


def test_the_older_broadcastable_pattern() -> None:
    assert TensorType("int8", (True, False)).shape == (1, None)
    assert TensorType("int8", np.array([False, True])).shape == (None, 1)


def test_sizes_of_numpy_are_ints() -> None:
    shape = TensorType("int8", (np.int32(3), np.uint8(0))).shape
    assert shape == (3, 0)
    assert {type(size) for size in shape} == {int}


@pytest.mark.parametrize(
    "shape", [(-1,), (1.5,), ("3",), (3, True), (None, False), (np.int64(-2),)]
)
def test_what_is_no_size(shape: tuple) -> None:
    with pytest.raises(ShapeError, match="is no size"):
        TensorType("int8", shape)


def test_what_is_no_dtype() -> None:
    with pytest.raises(DTypeError, match="is no dtype"):
        TensorType("float31", (3,))


NAMES = [
    ((), "scalar"), ((None,), "vector"), ((None, None), "matrix"), ((None,) * 3, "tensor3"),
    ((None,) * 4, "tensor4"), ((None,) * 5, "tensor5"), ((1, None), "row"), ((None, 1), "col"),
    ((None,) * 6, "(?, ?, ?, ?, ?, ?)"), ((3,), "(3,)"), ((None, 3), "(?, 3)"), ((0, 1), "(0, 1)"),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "name"), NAMES)
def test_text(shape: tuple, name: str) -> None:
    assert repr(TensorType("float32", shape)) == f"TensorType(float32, {name})"
    assert str(TensorType("float32", shape).with_dims()) == f"TensorType(float32, {name})"


def test_equality_sees_dtype_and_known_sizes_only() -> None:
    plain = TensorType("int8", (None, 3))
    assert plain == plain.with_dims() == TensorType("int8", (Dim(), 3))
    assert hash(plain) == hash(plain.with_dims())
    assert plain != TensorType("int8", (2, 3))
    assert plain != TensorType("int16", (None, 3))
    assert plain != "TensorType(int8, (?, 3))"


def test_types_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="cannot be changed"):
        TensorType("int8").dtype = "int16"


def test_with_dims_gives_each_unknown_size_a_dim_of_its_own() -> None:
    type_ = TensorType("int8", (None, 3, None)).with_dims()
    first, size, last = type_.dims
    assert size == 3
    assert isinstance(first, Dim)
    assert first != last
    assert type_.with_dims() is type_


def test_astype_keeps_the_dims() -> None:
    type_ = TensorType("int8", (None, 3)).with_dims()
    assert type_.astype("float32").dims == type_.dims
    assert type_.astype("float32").dtype == "float32"
    assert type_.astype("int8") is type_


def test_pickle_keeps_what_is_equal() -> None:
    dim = Dim()
    type_ = TensorType("int8", (dim, 3, dim, None))
    again, same = pickle.loads(pickle.dumps((type_, dim)))
    assert again == type_
    assert again.dims[0] == again.dims[2] == same


# ---- sizes -----------------------------------------------------------------------------------


def test_dims_are_equal_to_themselves_only() -> None:
    dim, other = Dim(), Dim()
    assert dim == dim.broadcast(dim)
    assert dim != other
    assert dim.broadcast(other) == other.broadcast(dim)
    assert hash(dim.broadcast(other)) == hash(other.broadcast(dim))
    assert dim.broadcast(other) != dim
    assert dim.broadcast(other).broadcast(dim) == dim.broadcast(other)


def test_broadcasting_many_dims_forgets_where_they_came_from() -> None:
    """A dim does not grow without bound in a long chain of additions."""
    total = Dim()
    for _ in range(100):
        total = total.broadcast(Dim())
        assert len(total.atoms) < 20


KNOWN = [[3, 3], [1, 3], [3, 1], [1, 1], [0, 1], [1, 0], [0, 0], [1, 5, 1], [4]]


@pytest.mark.parametrize("sizes", KNOWN)
def test_known_sizes_broadcast_as_in_numpy(sizes: list[int]) -> None:
    assert broadcast_sizes(sizes) == np.broadcast_shapes(*[(size,) for size in sizes])[0]


@pytest.mark.parametrize("sizes", [[3, 4], [0, 2], [1, 2, 3], [2, 0]])
def test_known_sizes_that_differ(sizes: list[int]) -> None:
    with pytest.raises(ShapeError, match="do not broadcast together"):
        broadcast_sizes(sizes)


@given(st.lists(st.sampled_from([0, 1, 2, 3, "a", "b", None]), min_size=1, max_size=4))
def test_what_is_inferred_holds_for_all_sizes_that_fit(symbols: list) -> None:
    """For each choice of the unknown sizes that NumPy can broadcast, the result is as inferred."""
    dims = {"a": Dim(), "b": Dim()}
    try:
        inferred = broadcast_sizes([dims.get(symbol, symbol) for symbol in symbols])
    except ShapeError:
        inferred = ShapeError
    results = set()
    for a, b, c in itertools.product((0, 1, 2, 3), repeat=3):
        sizes = [{"a": a, "b": b, None: c}.get(symbol, symbol) for symbol in symbols]
        try:
            (result,) = np.broadcast_shapes(*[(size,) for size in sizes])
        except ValueError:
            continue
        results.add(result)
        if inferred == dims["a"]:
            assert result == a
        if inferred == dims["b"]:
            assert result == b
    if inferred is ShapeError:
        assert not results
    elif isinstance(inferred, int):
        assert results <= {inferred}


def test_sizes_that_must_be_equal() -> None:
    dim = Dim()
    assert equal_sizes(3, 3) == 3
    assert equal_sizes(3, dim) == equal_sizes(dim, 3) == equal_sizes(None, 3) == 3
    assert equal_sizes(dim, None) == equal_sizes(None, dim) == dim
    for first, second in [(3, 4), (1, 3), (0, 1)]:
        with pytest.raises(ShapeError, match="differ"):
            equal_sizes(first, second)
