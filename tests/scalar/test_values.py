"""Values of scalar records. Oracles: NumPy by public name, mpmath, `decimal` (tests/oracles.py)."""

from __future__ import annotations

import numpy as np
import pytest

from arignote import tensor as T
from arignote.scalar import ScalarOp, cast_to, complex_, round_half_away_from_zero
from arignote.types import kind
from oracles import assert_elements, reference
from scalar.samples import ALL, CASTS, SIGN_IS_OPEN, draw, label, special_operands, taken

INTEGERS = [
    (record, dtype)
    for record, dtype in taken(ALL, "bui")
    if kind(record.rule.compute(dtype)) in "bui"
]


def expected(record: ScalarOp, arrays: list[np.ndarray]) -> np.ndarray:
    """The reference; for floats computed in double precision and rounded once."""
    dtype = arrays[-1].dtype
    with np.errstate(all="ignore"):
        if record in CASTS or dtype.kind != "f":
            return np.asarray(reference(record.name)(*arrays))
        value = np.asarray(reference(record.name)(*[a.astype("float64") for a in arrays]))
        if value.dtype.kind == "b":
            return value
        if value.dtype.kind == "c":
            return value.astype(np.result_type(dtype, "complex64"))
        return value.astype(dtype)


@pytest.mark.parametrize(("record", "dtype"), taken(ALL, "fc"), ids=label)
def test_domain(record: ScalarOp, dtype: str) -> None:
    arrays = draw(record, dtype, 50)
    assert_elements(record(*arrays), expected(record, arrays), record)


@pytest.mark.parametrize(("record", "dtype"), taken(ALL, "f"), ids=label)
def test_special_values(record: ScalarOp, dtype: str) -> None:
    arrays = special_operands(record, dtype)
    signs = record.name not in SIGN_IS_OPEN
    assert_elements(record(*arrays), expected(record, arrays), record, zero_signs=signs)


@pytest.mark.parametrize(("record", "dtype"), INTEGERS, ids=label)
def test_integers(record: ScalarOp, dtype: str) -> None:
    """Integers as NumPy computes them: wrapping around, with 0 for a division by 0."""
    arrays = special_operands(record, dtype)
    assert_elements(record(*arrays), expected(record, arrays), record)


@pytest.mark.parametrize("record", ALL, ids=label)
def test_graph_computes_the_same(record: ScalarOp) -> None:
    """A matrix with one size known. Oracle: the record applied to each element alone."""
    dtype = "float64" if "f" in record.rule.takes else "int64"
    arrays = [array.reshape(2, 4) for array in draw(record, dtype)]
    inputs = [T.tensor(dtype, (None, 4)) for _ in arrays]
    out = record(*inputs)
    value = out.eval(dict(zip(inputs, arrays, strict=True)))
    assert out.type.shape == (None, 4)
    single = [[record(*[a[i, j] for a in arrays]) for j in range(4)] for i in range(2)]
    assert_elements(value, np.array(single, out.dtype), record)


def test_large_odd_numbers_are_whole_already() -> None:
    """Adding a half to them, or to the number below a half, would round to another number."""
    x = np.array([2.0**52 + 1, 0.49999999999999994, -0.49999999999999994, 2.5, -2.5])
    wanted = np.array([2.0**52 + 1, 0.0, -0.0, 3.0, -3.0])
    assert_elements(round_half_away_from_zero(x), wanted)


def test_an_imaginary_number_is_true() -> None:
    z = np.array([0, 1j, 1, np.nan * 1j])
    assert_elements(cast_to("bool")(z), z.astype("bool"))


def test_an_infinite_imaginary_part_leaves_the_real_part() -> None:
    z = complex_(np.array([1.0, -0.0]), np.array([np.inf, -np.inf]))
    assert_elements(z.real, np.array([1.0, -0.0]))
    assert_elements(z.imag, np.array([np.inf, -np.inf]))
