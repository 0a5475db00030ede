"""Operands for scalar records: their domain, special values, all dtypes."""

from __future__ import annotations

import itertools
import zlib

import numpy as np

from arignote.scalar import RECORDS, ScalarOp, cast_to
from arignote.types import DTYPES, kind

# Casts are made when first asked for; all of them are asked for here.
CASTS = [cast_to(dtype) for dtype in DTYPES]
ALL = sorted(RECORDS.values(), key=lambda record: record.name)
NAMED = [record for record in ALL if record not in CASTS]

# Where operands differ in the sign of zero only, NumPy leaves open which of them comes back;
# SciPy's erfinv loses the sign.
SIGN_IS_OPEN = {"maximum", "minimum", "clip", "relu", "erfinv"}

# Beyond these the function is infinite, or mpmath needs seconds.
_LARGEST = {"gamma": 1e4, "gammaln": 1e8, "digamma": 1e8, "erfc": 1e3, "softplus": 1e6}


def taken(records: list[ScalarOp], kinds: str) -> list[tuple[ScalarOp, str]]:
    """Each record with each dtype of these kinds that it takes."""
    return [
        (record, dtype)
        for record in records
        for dtype in DTYPES
        if kind(dtype) in kinds and kind(dtype) in record.rule.takes
    ]


def label(value: object) -> str:
    """The name of a record or dtype in a test's name."""
    return str(value)


def draw(record: ScalarOp, dtype: str = "float64", count: int = 8) -> list[np.ndarray]:
    """Random operands from the record's domain; complex ones lie near the real domain."""
    rng = np.random.default_rng(zlib.crc32(record.name.encode()))
    operands = []
    for low, high in record.domain:
        values = rng.uniform(low, high, count)
        if kind(dtype) == "c":
            values = values + 1j * rng.uniform(-0.4, 0.4, count)
        operands.append(values.astype(dtype))
    return operands


def special(dtype: str) -> np.ndarray:
    """Values at which implementations go wrong."""
    if kind(dtype) == "b":
        return np.array([False, True])
    if kind(dtype) in "iu":
        info = np.iinfo(dtype)
        small = [value for value in (-7, -2, -1) if value >= info.min]
        return np.array([0, 1, 2, 3, 7, *small, info.min, info.max, info.max - 1], dtype)
    if kind(dtype) == "c":
        parts = [0.25, 1.0, -2.5, 0.5]
        return np.array([complex(x, y) for x in parts for y in parts], dtype)
    info = np.finfo(dtype)
    ordinary = [0.5, 1.0, 1.5, 2.0, 2.5, 30.0, 1e-3, 0.49999999999999994]
    extreme = [info.smallest_subnormal, info.tiny, info.max / 2, info.max]
    positive = np.array([0.0, *ordinary, *extreme, np.inf], dtype)
    return np.concatenate([positive, -positive, np.array([np.nan], dtype)])


def special_operands(record: ScalarOp, dtype: str) -> list[np.ndarray]:
    """All combinations of special values that the record is made for, one array per operand."""
    values = special(dtype)
    if record.nin == 3:
        values = values[:: max(1, len(values) // 9)]
    columns = zip(*itertools.product(values, repeat=record.nin), strict=True)
    arrays = [np.array(column, dtype) for column in columns]
    keep = _within_reach(record, arrays)
    return [array[keep] for array in arrays]


def _within_reach(record: ScalarOp, arrays: list[np.ndarray]) -> np.ndarray:
    last, name = arrays[-1], record.name
    keep = np.ones(last.shape, bool)
    if name == "wrap_index":
        i, n = (array.astype(object) for array in arrays)
        return np.array((-n <= i) & (i < n) & (n < 2**63), bool)
    if last.dtype.kind != "f":
        return (last >= 0) & (last < 7) if name == "power" and last.dtype.kind in "iu" else keep
    tiny, last = np.finfo(last.dtype).tiny, last.astype("float64")
    if name in _LARGEST:
        keep &= ~(np.abs(last) > _LARGEST[name]) | np.isinf(last)
    if name == "gammaln":  # SciPy's is infinite at subnormal numbers
        keep &= (np.abs(last) >= tiny) | (last == 0) | np.isnan(last)
    if name == "polygamma":
        n = arrays[0].astype("float64")
        keep &= (n >= 0) & (n == np.round(n)) & (n < 5) & (last > 1e-2) & (last < 1e3)
    if record in CASTS and kind(record.rule.gives("")) in "iu":
        keep &= (last >= 0) & (last <= 100)
    return keep
