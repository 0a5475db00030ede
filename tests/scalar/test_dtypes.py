"""Dtypes of scalar records. Oracle: what NumPy's function of that name takes and gives."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from arignote import config
from arignote import tensor as T
from arignote.errors import DTypeError
from arignote.scalar import ScalarOp
from arignote.types import DTYPES, is_float, kind, promote
from oracles import reference
from scalar.samples import ALL, CASTS, NAMED, draw, label

# The dtype rule of another function stands for functions that NumPy does not have.
RULE_OF = {
    **dict.fromkeys(["erf", "erfc", "erfinv", "gamma", "gammaln", "digamma"], np.rad2deg),
    **dict.fromkeys(["softplus", "relu", "log1mexp"], np.rad2deg),
    **dict.fromkeys(["round_half_to_even", "round_half_away_from_zero"], np.rad2deg),
    "polygamma": np.arctan2,
    "sigmoid": np.exp,
    "angle": lambda x: np.angle(x) if x.dtype.kind == "c" else np.rad2deg(x),
    "complex": lambda x, y: np.arctan2(x, y) + np.ones(1, "complex64"),
    "wrap_index": lambda i, n: np.negative(np.bitwise_or(i, n)).astype("int64"),
}
# NumPy orders complex numbers by their real parts; here they have no order.
NEEDS_ORDER = {"maximum", "minimum", "clip"}
# NumPy looks for a float that holds each operand; here they are promoted first, so that int8 and
# uint8 compute as int16.
PROMOTES_FIRST = {"arctan2", "polygamma", "complex"}


def numpy_dtype(record: ScalarOp, dtypes: tuple[str, ...]) -> str | None:
    """The dtype of the result by NumPy; None where NumPy refuses the operands."""
    function = RULE_OF.get(record.name) or reference(record.name)
    if record.name in PROMOTES_FIRST:
        dtypes = (np.result_type(*dtypes).name,) * len(dtypes)
    if record.name in NEEDS_ORDER and np.result_type(*dtypes).kind == "c":
        return None
    try:
        with np.errstate(all="ignore"):
            return np.asarray(function(*[np.ones(1, dtype) for dtype in dtypes])).dtype.name
    except TypeError:
        return None


def own_dtype(record: ScalarOp, dtypes: tuple[str, ...]) -> str | None:
    """The dtype of the result by the record, in its declaration and in its values."""
    try:
        declared = record.rule.gives(record.common_dtype(dtypes))
    except DTypeError:
        return None
    if record.checks:
        drawn = zip(draw(record, count=1), dtypes, strict=True)
        values = [array.astype(dtype) for array, dtype in drawn]
    else:
        values = [np.ones(1, dtype) for dtype in dtypes]
    assert record(*values).dtype == declared
    return declared


@pytest.mark.parametrize("record", ALL, ids=label)
def test_numpy_takes_and_gives_the_same(record: ScalarOp) -> None:
    pairs = DTYPES if record.nin < 3 else ("bool", "uint8", "int64", "float32", "complex64")
    different = {
        dtypes: (own_dtype(record, dtypes), numpy_dtype(record, dtypes))
        for dtypes in itertools.product(pairs, repeat=record.nin)
        if own_dtype(record, dtypes) != numpy_dtype(record, dtypes)
    }
    assert not different


@pytest.mark.parametrize("record", NAMED, ids=label)
def test_narrow_floatx_keeps_float64_out(record: ScalarOp) -> None:
    """With floatX=float32 no float64 comes of integers, or of integers and float32."""
    narrow = [name for name in DTYPES if name not in ("float16", "float64", "complex128")]
    with config.change(floatX="float32"):
        for dtypes in itertools.product(narrow, repeat=min(record.nin, 2)):
            operands = (*dtypes, *dtypes[-1:] * (record.nin - len(dtypes)))
            if np.result_type(*operands) == "float64" and not any(map(is_float, operands)):
                continue  # int64 with uint64, which only float64 holds
            assert own_dtype(record, operands) not in ("float64", "complex128"), operands


@pytest.mark.parametrize("record", NAMED, ids=label)
def test_refused_dtypes_raise_while_building(record: ScalarOp) -> None:
    for dtype in DTYPES:
        if kind(dtype) in record.rule.takes:
            continue
        operands = [T.tensor(dtype, (None,), name=f"operand{n}") for n in range(record.nin)]
        with pytest.raises(DTypeError, match=f"{record.name} does not take {dtype}") as caught:
            record(*operands)
        assert "operand0" in str(caught.value)
        assert "test_dtypes.py" in str(caught.value)


@pytest.mark.parametrize("record", CASTS, ids=label)
def test_casts_give_their_dtype(record: ScalarOp) -> None:
    target = record.name.removeprefix("cast_")
    for dtype in DTYPES:
        assert record(np.ones(2, dtype)).dtype == target
        out = record(T.tensor(dtype, (None,)))
        assert out.dtype == target


def test_not_a_number_has_no_integer() -> None:
    x = T.dvector("x")
    with pytest.raises(ValueError, match="cannot convert NaN or infinity to int32: 2"):
        x.astype("int32").eval({x: [1.0, np.nan, np.inf]})


def test_promotion_uses_the_operands_that_share_a_dtype() -> None:
    """The condition of a switch has no part in the dtype of the result."""
    condition, x, y = T.dvector(), T.bvector(), T.wvector()
    assert T.switch(condition, x, y).dtype == promote("int8", "int16")
    assert T.second(T.dvector(), x).dtype == "int8"
