"""Statistics of arrays. Oracle: NumPy's own functions on the finite values, in double precision."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from arignote.statistics import Statistics, statistics

RNG = np.random.default_rng(1)
WITH_HOLES = np.where(RNG.random((40, 30)) < 0.2, np.nan, RNG.normal(size=(40, 30)))
WITH_HOLES[0, :3] = np.inf, -np.inf, np.inf
ARRAYS = {
    "floats": RNG.normal(size=(20, 30)),
    "float32": RNG.normal(size=1000).astype("float32"),
    "float16 whose sum overflows": np.full(100, 60000, "float16"),
    "holes": WITH_HOLES,
    "strided": np.arange(60.0).reshape(6, 10)[::2, ::3].T,
    "scalar": np.array(3.5),
    "huge": np.array([1e308, 1.2e308, -1e308]),
    "tiny": np.array([5e-324, 0.0]),
    "integers": RNG.integers(-9, 9, (4, 5)),
    "uint8": np.array([0, 255, 255], "uint8"),
    "int8": np.array([-128, 127, 127], "int8"),
    "bool": np.array([True, False, True, True]),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_agrees_with_numpy(name):
    array = ARRAYS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = statistics(array)
    finite = array[np.isfinite(array)].astype("longdouble")
    assert (found.shape, found.dtype) == (array.shape, str(array.dtype))
    assert found.nan == np.isnan(array).sum()
    assert found.inf == np.isinf(array).sum()
    assert found.min == finite.min()
    assert found.max == finite.max()
    np.testing.assert_allclose(float(finite.mean()), found.mean, rtol=1e-12)
    np.testing.assert_allclose(float(finite.std()), found.std, rtol=1e-9, atol=1e-320)
    assert found.finite == bool(np.isfinite(array).all())


def test_integers_stay_exact():
    ends = np.iinfo("int64")
    found = statistics(np.array([ends.min, ends.max]))
    assert (found.min, found.max) == (ends.min, ends.max)
    assert isinstance(statistics(np.array([True])).max, int)


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "complex128"])
def test_empty_arrays_have_no_numbers(dtype):
    assert statistics(np.zeros((0, 3), dtype)) == Statistics(
        (0, 3), dtype, None, None, None, None, 0, 0
    )


def test_nothing_finite():
    found = statistics(np.array([np.nan, np.inf, -np.inf]))
    assert (found.min, found.mean, found.nan, found.inf) == (None, None, 1, 2)


def test_complex_numbers_by_magnitude():
    found = statistics(np.array([3 + 4j, 0, complex(np.nan, 1), complex(1, np.inf)]))
    assert (found.min, found.max, found.mean, found.nan, found.inf) == (0, 5, 2.5, 1, 1)
