"""TensorType.filter: which values a type takes. Oracles: NumPy's casts, and tables of the rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from arignote.errors import InputError
from arignote.types import DTYPES, TensorType

TAKEN = [
    ("int64", [1, 2], None), ("int64", range(3), None), ("int8", [1, -2], None),
    ("int8", range(-2, 2), False), ("uint8", [0, 255], False), ("float32", [1, 2], False),
    ("float64", [1.5, 2], False), ("float32", [0.5, 0.25], False), ("float32", [0.1], None),
    ("float16", [0.1, np.nan], None), ("float32", [np.inf, -np.inf, np.nan], False),
    ("complex64", [1, 2.5], None), ("complex64", [0.1], None), ("complex64", [1j, 0.1j + 1], None),
    ("int64", [2.0, -3.0], False),
    ("bool", [True, False], False), ("int32", [True, False], False), ("float64", (1, 2), None),
    ("int64", [], None), ("int8", [], False), ("float32", [], False), ("bool", [], None),
    ("float64", [np.float32(0.5), 1], None), ("int64", [np.int8(1), 2], None),
    ("complex128", np.arange(3.0), False), ("float64", np.arange(3, dtype="int32"), False),
    ("float32", np.arange(3, dtype="int16"), False), ("int16", np.arange(3, dtype="uint8"), False),
    ("int8", np.array([True, False]), False), ("float64", np.arange(3, dtype="float16"), False),
    ("int64", np.arange(3, dtype=">i4"), False), ("float64", np.arange(3, dtype=">f8"), False),
    ("float32", np.array([0.1, 0.2]), True), ("int8", np.array([1, 2]), True),
    ("int64", np.array([1.0, 2.0]), True), ("int64", np.array([1.5, 2.0]), True),
    ("float32", [0.1], True),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "value", "downcast"), TAKEN)
def test_taken(dtype: str, value: Any, downcast: bool | None) -> None:
    result = TensorType(dtype, (None,)).filter(value, downcast=downcast)
    assert type(result) is np.ndarray
    assert result.dtype == dtype
    assert result.dtype.isnative
    np.testing.assert_array_equal(result, np.asarray(value).astype(dtype))


# Each is refused for downcast False and None; the third entry says whether True takes it.
REFUSED: list[tuple[str, Any, bool]] = [
    ("int8", [300], True), ("uint8", [-1], True), ("int64", [1.5], True), ("bool", [0.5], False),
    ("bool", [2], False), ("float64", [1j], False),
    ("float32", np.array([0.1]), True), ("float32", np.array([0.5]), True),
    ("float32", np.array([1]), True), ("int32", np.array([1]), True),
    ("int64", np.array([1.0]), True), ("uint64", [-1], True), ("int64", [2**63], True),
    ("uint8", np.array([1], "int8"), True), ("int8", np.array([1], "uint8"), True),
    ("float64", np.array([1j]), False), ("bool", np.array([1]), False),
    ("complex64", np.array([1j]), True), ("complex64", np.array([0.5]), True),
    ("float32", [16777217], True),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "value", "forced"), REFUSED)
def test_refused_unless_downcast(dtype: str, value: Any, forced: bool) -> None:
    type_ = TensorType(dtype, (None,))
    for downcast in (False, None):
        with pytest.raises(InputError, match="without risking loss of precision"):
            type_.filter(value, downcast=downcast)
    if forced:
        assert type_.filter(value, downcast=True).dtype == dtype
    else:
        with pytest.raises(InputError):
            type_.filter(value, downcast=True)


def test_python_floats_round_unless_told_otherwise() -> None:
    type_ = TensorType("float32")
    assert type_.filter(0.1) == np.float32(0.1)
    assert type_.filter(0.1, downcast=True) == np.float32(0.1)
    with pytest.raises(InputError, match="without risking loss"):
        type_.filter(0.1, downcast=False)
    with pytest.raises(InputError, match="without risking loss"):
        type_.filter(np.float64(0.1))


@pytest.mark.parametrize("dtype", [name for name in DTYPES if np.dtype(name).kind in "iu"])
@pytest.mark.parametrize("value", [[np.nan], [1.0, np.inf], np.array([-np.inf])])
def test_not_a_number_is_no_integer(dtype: str, value: Any) -> None:
    for downcast in (True, False, None):
        with pytest.raises(InputError):
            TensorType(dtype, (None,)).filter(value, downcast=downcast)
    with pytest.raises(InputError, match=f"cannot store NaN or infinity as {dtype}"):
        TensorType(dtype, (None,)).filter(value, downcast=True)


@pytest.mark.parametrize(
    "value",
    ["text", ["a"], None, {}, object(), [[1, 2], [3]], [None], np.array(["a"]), lambda x: x],
)
def test_what_is_no_array_of_numbers(value: Any) -> None:
    with pytest.raises(InputError, match="cannot make an array"):
        TensorType("float64", (None,)).filter(value)


@pytest.mark.parametrize(
    ("shape", "value", "text"),
    [
        ((None,), 1.0, "wrong number of dimensions: expected 1, got 0"),
        ((), [1.0], "wrong number of dimensions: expected 0, got 1"),
        ((None, None), np.zeros(3), "expected 2, got 1"),
        ((None, 3), np.zeros((2, 4)), r"wrong size on axis 1: expected \(\?, 3\), got \(2, 4\)"),
        ((1, None), np.zeros((0, 4)), "wrong size on axis 0"),
        ((0,), np.zeros(1), "wrong size on axis 0"),
    ],
)
def test_shapes_that_do_not_fit(shape: tuple, value: Any, text: str) -> None:
    with pytest.raises(InputError, match=text):
        TensorType("float64", shape).filter(value)


def test_arrays_that_fit_are_taken_as_they_are() -> None:
    array = np.zeros((2, 3))
    for value in (array, array.T, array[::2], array[:, ::-1]):
        assert TensorType("float64", (None, None)).filter(value) is value
    array.flags.writeable = False
    assert TensorType("float64", (2, 3)).filter(array) is array


def test_without_borrow_nothing_is_shared() -> None:
    type_ = TensorType("float64", (None,))
    base = np.arange(4.0)
    for value in (base, base[::2], base.view(np.recarray), memoryview(base)):
        result = type_.filter(value, borrow=False)
        assert not np.may_share_memory(result, base)
        assert result.flags.writeable
        np.testing.assert_array_equal(result, np.asarray(value))


def test_other_byte_orders_become_native() -> None:
    value = np.array([1.5, -2.0], ">f4")
    result = TensorType("float32", (None,)).filter(value, downcast=False)
    assert result.dtype.isnative
    np.testing.assert_array_equal(result, [1.5, -2.0])


def test_subclasses_become_arrays() -> None:
    value = np.arange(4.0).view(np.recarray)
    assert type(TensorType("float64", (None,)).filter(value)) is np.ndarray


def test_the_value_is_not_changed() -> None:
    value = np.array([1, 2, 3])
    TensorType("float32", (None,)).filter(value, downcast=True)[0] = 9
    assert value.tolist() == [1, 2, 3]
