"""Functions of hundreds of arrays, which have a way of their own into native code.

Oracle: NumPy on the values that went in.
"""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import arignote as ari
from arignote import tensor as T
from arignote.errors import InputError
from arignote.execute.quick import MAX_WRITTEN

COUNT = MAX_WRITTEN + 1


def _weights():
    random = np.random.default_rng(0)
    return [random.standard_normal((2 + n % 3, 3)) for n in range(COUNT)]


@pytest.fixture
def sums():
    """A function that gives x + w for each of many shared w, and counts its calls in another."""
    x, calls = T.drow("x"), ari.shared(0, "calls")
    shared = [ari.shared(value) for value in _weights()]
    f = ari.function([x], [x + w for w in shared], updates={calls: calls + 1})
    f.wait()
    return f, shared, calls


def _check(results, x, weights):
    assert len(results) == len(weights)
    for result, w in zip(results, weights, strict=True):
        np.testing.assert_array_equal(result, x + w)


def test_results_and_updates_in_every_call(sums):
    f, _, calls = sums
    kept = []
    for n in range(4):
        x = np.full((1, 3), float(n))
        kept.append((x, f(x)))
        assert calls.get_value() == n + 1
    for x, results in kept:  # no call has written over the results of one before
        _check(results, x, _weights())


def test_new_values_and_new_sizes_of_shared_variables(sums):
    f, shared, _ = sums
    x = np.ones((1, 3))
    for rows in (2, 2, 5, 2):
        for w in shared:
            w.set_value(np.full((rows, 3), float(rows)))
        for _ in range(2):
            _check(f(x), x, [w.get_value() for w in shared])


def test_operands_of_any_layout_and_wrong_ones(sums):
    f, _, calls = sums
    x = np.arange(6.0).reshape(1, 6)
    for _ in range(3):
        _check(f(x[:, ::2]), x[:, ::2], _weights())
        _check(f(x[:, :3].astype("float32")), x[:, :3], _weights())
    before = calls.get_value()
    with pytest.raises(InputError):
        f(np.ones(3))
    with pytest.raises(InputError):
        f()
    assert calls.get_value() == before


def test_arguments_are_let_go(sums):
    f, _, _ = sums
    gone = []
    for n in range(3):
        x = np.full((1, 3), float(n))
        gone.append(weakref.ref(x))
        f(x)
        del x
    gc.collect()
    # The general way, which met the sizes first, may keep what it was given until the next call.
    assert [ref() for ref in gone] == [None] * 3


def test_threads(sums):
    f, _, calls = sums
    values = [np.full((1, 3), float(n)) for n in range(16)]
    with ThreadPoolExecutor(8) as pool:
        for x, results in zip(values, pool.map(f, values), strict=True):
            _check(results, x, _weights())
    assert calls.get_value() == len(values)
