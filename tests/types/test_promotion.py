"""Dtype rules. Oracle: NumPy's promotion, and what NumPy 2 gives for arrays with Python numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from arignote import config
from arignote.errors import DTypeError
from arignote.types import (
    DTYPES,
    check_dtype,
    complex_of,
    float_of,
    is_float,
    kind,
    promote,
    quotient_of,
    real_of,
    scalar_dtype,
)

every = pytest.mark.parametrize("dtype", DTYPES)
NUMBERS = [True, 0, 3, -1, 1.5, float("inf"), 2j]


def test_promotion_is_numpys() -> None:
    for dtypes in itertools.product(DTYPES, repeat=2):
        assert promote(*dtypes) == np.result_type(*dtypes).name, dtypes
    for dtypes in itertools.product(("bool", "uint8", "int8", "int64", "float16"), repeat=3):
        assert promote(*dtypes) == np.result_type(*dtypes).name, dtypes


def test_a_narrow_floatx_is_not_widened_by_integers() -> None:
    with config.change(floatX="float32"):
        for integer, inexact in itertools.product(DTYPES, ("float16", "float32", "complex64")):
            if not is_float(integer):
                assert promote(integer, inexact) == promote(inexact, integer) == inexact
        assert promote("float32", "float64") == "float64"
        assert promote("int8", "uint8") == "int16"
        assert promote("int64", "float64") == "float64"


@every
@pytest.mark.parametrize("number", NUMBERS, ids=str)
def test_python_numbers_beside_arrays(dtype: str, number: complex) -> None:
    try:
        wanted = (np.ones(2, dtype) + number).dtype.name
    except OverflowError:  # -1 beside uint8; the dtype is that of the array all the same
        wanted = dtype
    assert scalar_dtype(number, [dtype]) in (wanted, _narrower(wanted, number))
    assert promote(scalar_dtype(number, [dtype]), dtype) == wanted


def _narrower(wanted: str, number: complex) -> str:
    """A bool may also stay what it is; the result has the array's dtype either way."""
    return "bool" if number is True else wanted


def test_python_numbers_alone() -> None:
    assert [scalar_dtype(number) for number in (True, 3, 1.5, 2j)] == [
        np.asarray(number).dtype.name for number in (True, 3, 1.5, 2j)
    ]
    assert scalar_dtype(2**63) == "uint64"
    with config.change(floatX="float32"):
        assert [scalar_dtype(number) for number in (True, 3, 1.5, 2j)] == [
            "bool", "int64", "float32", "complex64",
        ]  # fmt: skip


def test_python_floats_beside_integers_follow_floatx() -> None:
    with config.change(floatX="float32"):
        for dtype in DTYPES:
            wanted = dtype if is_float(dtype) else "float32"
            assert scalar_dtype(1.5, [dtype]) == wanted


@every
def test_results_of_functions_of_real_numbers(dtype: str) -> None:
    ones = np.ones(1, dtype)
    assert float_of(dtype) == np.exp(ones).dtype.name
    assert quotient_of(dtype) == (ones / ones).dtype.name
    assert real_of(dtype) == ones.real.dtype.name
    assert complex_of(dtype) == np.result_type(dtype, "complex64").name
    assert kind(dtype) == ones.dtype.kind
    assert is_float(dtype) == np.issubdtype(dtype, np.inexact)


@pytest.mark.parametrize("floatx", ["float16", "float32"])
def test_functions_of_integers_give_a_narrow_floatx(floatx: str) -> None:
    with config.change(floatX=floatx):
        for dtype in DTYPES:
            if not is_float(dtype):
                assert float_of(dtype) == quotient_of(dtype) == floatx


@every
def test_names_of_dtypes(dtype: str) -> None:
    for spelling in (dtype, np.dtype(dtype), np.dtype(dtype).type, np.dtype(dtype).str):
        assert check_dtype(spelling) == dtype
    assert check_dtype(np.dtype(dtype).newbyteorder()) == dtype


def test_floatx_is_a_dtype() -> None:
    assert check_dtype("floatX") == "float64"
    with config.change(floatX="float32"):
        assert check_dtype("floatX") == "float32"


@pytest.mark.parametrize("name", ["flaot32", "object", "U5", "datetime64", "no such thing", object])
def test_what_is_no_dtype(name: object) -> None:
    with pytest.raises(DTypeError, match="is no dtype that arrays here can have"):
        check_dtype(name)


def test_misspelt_dtypes_get_a_suggestion() -> None:
    with pytest.raises(DTypeError, match="did you mean 'float32'"):
        check_dtype("flaot32")
