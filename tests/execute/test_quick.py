"""The written way into a function: which calls take it, and that the others lose nothing.

Oracle: NumPy, and the general way.
"""

import numpy as np
import pytest

from arignote import function, grad, shared
from arignote import tensor as T
from arignote.errors import InputError
from arignote.execute.c import Native
from arignote.execute.quick import MAX_WRITTEN, MISS, quick_caller

RANDOM = np.random.default_rng(0)


@pytest.fixture
def general(monkeypatch):
    """The calls that took the general way through native code."""
    seen, run = [], Native._run

    def noted(self, values):
        seen.append([value.shape for value in values])
        return run(self, values)

    monkeypatch.setattr(Native, "_run", noted)
    return seen


@pytest.mark.parametrize("count", [1, MAX_WRITTEN])
def test_new_sizes_take_it(general, count):
    x = T.dmatrix("x")
    weights = [RANDOM.standard_normal((3, 2)) for _ in range(count)]
    f = function([x], [T.tanh(x @ shared(w)) for w in weights])
    f.wait()
    for rows in (4, 1, 0, 7, 4):
        value = RANDOM.standard_normal((rows, 3))
        for result, w in zip(f(value), weights, strict=True):
            np.testing.assert_allclose(result, np.tanh(value @ w), rtol=1e-13)
    assert general == []


def test_sizes_that_do_not_fit_are_told_in_the_general_way():
    x = T.tensor("float64", (None, 3), name="x")
    w = shared(np.ones((3, 2)), "w")
    y = T.dmatrix("y")
    f, g = function([x], x @ w), function([x, y], grad(T.sum(x * y), y))
    f(np.ones((4, 3)))
    g(np.ones((4, 3)), np.ones((4, 3)))
    for wrong in (np.ones(3), np.array(1.0), np.ones((4, 3, 1))):
        with pytest.raises(InputError, match="wrong number of dimensions"):
            g(np.ones((4, 3)), wrong)
    with pytest.raises(InputError, match=r"input x .*wrong size on axis 1.*\(\?, 3\)"):
        f(np.ones((4, 2)))
    with pytest.raises(InputError, match="wrong number of dimensions"):
        f(np.ones(3))
    w.set_value(np.ones((2, 2)))
    with pytest.raises(ValueError, match="x"):
        f(np.ones((5, 3)))


def test_sizes_that_differ_from_what_was_assumed(general):
    x, y = T.dvectors("x", "y")
    f = function([x, y], grad(T.sum(T.exp(x * y)), y))
    for shapes in ((3, 3), (3, 1), (5, 1), (5, 5)):
        a, b = (RANDOM.standard_normal(n) for n in shapes)
        wanted = a * np.exp(a * b)
        got = f(a, b)
        assert got.shape == b.shape
        np.testing.assert_allclose(got, wanted if shapes[0] == shapes[1] else [wanted.sum()])
    # These sizes run another program, whose calls come from the general way.
    assert general == [[(3,), (1,)], [(5,), (1,)]]


def test_a_program_is_not_given_values_that_it_is_wrong_for():
    x = T.dvector("x")
    native = function([x], x + 1)._linked.native
    if native is None:
        pytest.skip("no compiler")
    asked = []

    def check(values):
        asked.append(values[0].shape)
        return values[0].size != 3

    quick = quick_caller(native, check, [], None)
    assert quick((np.ones(3),)) is MISS
    for _ in range(2):
        np.testing.assert_array_equal(quick((np.ones(4),)), np.full(4, 2.0))
    assert asked == [(3,), (4,)]
