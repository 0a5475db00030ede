"""Reference values and tolerances. Tests compare with these, never with the code under test.

The tolerances of all tests are in this file, by dtype. They follow from the dtypes' precision and
the accuracy that NumPy, SciPy and libm state; a test that needs more has found an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import mpmath
import numpy as np

# For one operation on an element: a few units in the last place. Below the smallest normal number
# there are no relative digits left, so that number is the absolute tolerance.
ELEMENT_RTOL = {
    "float16": 2e-3,
    "float32": 1e-6,
    "float64": 1e-13,
    "complex64": 2e-6,
    "complex128": 1e-13,
}
# For operations that add up to a few hundred numbers of size 1, where terms may cancel.
ARRAY_RTOL = {
    "float16": 1e-2,
    "float32": 1e-5,
    "float64": 1e-12,
    "complex64": 1e-5,
    "complex128": 1e-12,
}
ARRAY_ATOL = {
    "float16": 1e-2,
    "float32": 1e-5,
    "float64": 1e-12,
    "complex64": 1e-5,
    "complex128": 1e-12,
}


def assert_elements(
    actual: Any, expected: Any, where: object = "", *, zero_signs: bool = True
) -> None:
    """Equal dtype, shape and elements: NaN and infinities in place, zeros with their signs."""
    _assert_same_form(actual, expected, where)
    if expected.dtype.kind in "biu":
        np.testing.assert_array_equal(actual, expected, err_msg=str(where))
        return
    name = expected.dtype.name
    tiny = np.finfo(expected.dtype).tiny
    _assert_close(actual, expected, ELEMENT_RTOL[name], tiny, where)
    if zero_signs and expected.dtype.kind == "f":
        zeros = (expected == 0) & (actual == 0)
        np.testing.assert_array_equal(
            np.signbit(actual[zeros]), np.signbit(expected[zeros]), f"signs of zeros {where}"
        )


def assert_arrays(actual: Any, expected: Any, where: object = "") -> None:
    """Equal dtype and shape, and elements that agree to the precision of sums."""
    _assert_same_form(actual, expected, where)
    if expected.dtype.kind in "biu":
        np.testing.assert_array_equal(actual, expected, err_msg=str(where))
        return
    name = expected.dtype.name
    _assert_close(actual, expected, ARRAY_RTOL[name], ARRAY_ATOL[name], where)


def _assert_same_form(actual: Any, expected: Any, where: object) -> None:
    assert type(actual) is np.ndarray, f"{where}: not an array but {type(actual)}"
    assert actual.dtype == expected.dtype, f"{where}: {actual.dtype}, not {expected.dtype}"
    assert actual.shape == expected.shape, f"{where}: {actual.shape}, not {expected.shape}"


def _assert_close(actual: Any, expected: Any, rtol: float, atol: float, where: object) -> None:
    np.testing.assert_allclose(
        actual, expected, rtol=rtol, atol=float(atol), equal_nan=True, err_msg=str(where)
    )


def _mp(
    function: Callable[..., Any], limits: Mapping[str, float], pole: float = np.nan
) -> Callable[..., np.ndarray]:
    """A function of mpmath for arrays, with its values at poles and at points such as "-0.0"."""

    def of_numbers(*numbers: float) -> float:
        last = str(float(numbers[-1]))
        if any(np.isnan(number) for number in numbers):
            return np.nan
        if last in limits:
            return limits[last]
        try:
            return float(function(*[mpmath.mpf(float(number)) for number in numbers]))
        except ValueError:
            return pole

    return lambda *arrays: np.vectorize(of_numbers, otypes=["float64"])(*arrays)


def _half_away(x: np.ndarray) -> np.ndarray:
    def of_number(number: float) -> float:
        if not abs(number) < 2**53:  # whole, infinite or NaN
            return number
        return float(Decimal(float(number)).quantize(Decimal(1), ROUND_HALF_UP))

    with_signs = np.vectorize(of_number, otypes=["float64"])(x)
    return np.copysign(with_signs, x)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    if x.dtype.kind == "c":
        return np.exp(x) / (1 + np.exp(x))
    return _mp(lambda v: 1 / (1 + mpmath.exp(-v)), {"inf": 1.0, "-inf": 0.0})(x)


def _log_of_one_minus_exp(v: mpmath.mpf) -> mpmath.mpf:
    if v > 0:
        return mpmath.nan
    return mpmath.log(-mpmath.expm1(v)) if v > -1 else mpmath.log1p(-mpmath.exp(v))


_INF = np.inf
# Records whose name is not that of the NumPy function that says what they compute.
_SPELLED: dict[str, Callable[..., Any]] = {
    "sub": np.subtract,
    "true_div": np.true_divide,
    "mul": np.multiply,
    "mod": np.remainder,
    "floor_div": np.floor_divide,
    "neg": np.negative,
    "lt": np.less,
    "gt": np.greater,
    "le": np.less_equal,
    "ge": np.greater_equal,
    "eq": np.equal,
    "neq": np.not_equal,
    "and_": np.bitwise_and,
    "or_": np.bitwise_or,
    "xor": np.bitwise_xor,
    "switch": np.where,
    "second": lambda x, y: np.broadcast_arrays(x, y)[1],
    "complex": np.vectorize(complex, otypes=["complex128"]),
    "reciprocal": lambda x: np.true_divide(1, x),
    "relu": lambda x: np.clip(x, 0, None),
    "round_half_to_even": np.round,
    "round_half_away_from_zero": _half_away,
    "sigmoid": _sigmoid,
    "softplus": _mp(lambda v: mpmath.log1p(mpmath.exp(v)), {"inf": _INF, "-inf": 0.0}),
    "log1mexp": _mp(_log_of_one_minus_exp, {"-inf": -0.0, "0.0": -_INF, "-0.0": -_INF}),
    "erf": _mp(mpmath.erf, {"-0.0": -0.0}),
    "erfc": _mp(mpmath.erfc, {"inf": 0.0, "-inf": 2.0}),
    "erfinv": _mp(mpmath.erfinv, {"-0.0": -0.0, "1.0": _INF, "-1.0": -_INF}),
    "gamma": _mp(mpmath.gamma, {"0.0": _INF, "-0.0": -_INF, "inf": _INF, "-inf": np.nan}),
    # SciPy documents the value at -inf.
    "gammaln": _mp(
        lambda v: mpmath.log(abs(mpmath.gamma(v))),
        {"inf": _INF, "-inf": -_INF},
        pole=_INF,
    ),
    "digamma": _mp(mpmath.digamma, {"0.0": -_INF, "-0.0": _INF, "inf": _INF, "-inf": np.nan}),
    "polygamma": _mp(lambda n, v: mpmath.psi(int(n), v), {}),
    "wrap_index": np.vectorize(lambda i, n: range(int(n))[int(i)], otypes=["int64"]),
}


def _cast(dtype: str) -> Callable[..., np.ndarray]:
    def cast(x: np.ndarray) -> np.ndarray:
        return (x if np.dtype(dtype).kind in "bc" else x.real).astype(dtype)

    return cast


def reference(name: str) -> Callable[..., Any]:
    """The function of NumPy, mpmath or the standard library that says what a record computes."""
    if name.startswith("cast_"):
        return _cast(name.removeprefix("cast_"))
    return _SPELLED.get(name) or getattr(np, name)
