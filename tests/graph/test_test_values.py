"""Test values while a graph is built. Oracle: NumPy on the same values."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import arignote as ari
import arignote.tensor as T
from arignote import config
from arignote.errors import TestValueError


@pytest.fixture(autouse=True)
def raising():
    with config.change(compute_test_value="raise"):
        yield


def given(value, name="x"):
    array = np.asarray(value)
    x = T.tensor(str(array.dtype), (None,) * array.ndim, name)
    x.tag.test_value = array
    return x


def test_every_intermediate_has_its_value():
    a, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, -1.0])
    x, v = given(a), given(b, "v")
    h = T.tanh(x @ v + 1)
    y = h[0] * T.exp(h).sum()
    want = np.tanh(a @ b + 1)
    np.testing.assert_allclose(h.tag.test_value, want)
    np.testing.assert_allclose(y.tag.test_value, want[0] * np.exp(want).sum())


def test_constants_and_shared_variables_have_their_own():
    w = ari.shared(np.array([1.0, 2.0]), "w")
    y = (w * T.constant(np.array([3.0, 4.0]))).sum()
    assert y.tag.test_value == 11
    w.set_value([10.0, 20.0])
    assert (w * 2).tag.test_value.tolist() == [20, 40]


def test_gradients_have_values_too():
    a = np.array([0.1, 0.7])
    x = given(a)
    gradient = ari.grad(T.sin(x).sum(), x)
    np.testing.assert_allclose(gradient.tag.test_value, np.cos(a))


def test_all_outputs_of_a_node():
    rows, columns = T.nonzero(given([[0.0, 1.0], [1.0, 0.0]]))
    assert rows.tag.test_value.tolist() == [0, 1]
    assert columns.tag.test_value.tolist() == [1, 0]


def test_a_wrong_shape_names_the_line_that_builds_it():
    x, y = given(np.zeros((2, 3))), given(np.zeros((4, 5)), "y")
    with pytest.raises(TestValueError) as caught:
        T.dot(x, y)  # the line that builds
    text = str(caught.value)
    assert "T.dot(x, y)  # the line that builds" in text
    assert "x: float64 (2, 3)" in text
    assert "y: float64 (4, 5)" in text


def test_a_missing_value_names_the_variable():
    x = T.dvector("nothing")
    with pytest.raises(TestValueError, match=r"nothing has no test value"):
        x + 1


def test_a_value_of_another_type_is_refused():
    x = T.dvector("x")
    x.tag.test_value = np.zeros((2, 2))
    with pytest.raises(TestValueError, match="does not fit"):
        x + 1


def test_warn_goes_on():
    with config.change(compute_test_value="warn"):
        with pytest.warns(UserWarning, match="x has no test value"):
            y = T.dvector("x") + 1
        assert "test_value" not in vars(y.tag)


def test_off_computes_nothing():
    with config.change(compute_test_value="off"), warnings.catch_warnings():
        warnings.simplefilter("error")
        y = given([1.0]) + 1
    assert "test_value" not in vars(y.tag)


def test_what_was_built_before_gets_its_value_when_it_is_needed():
    a = np.array([1.0, 2.0])
    with config.change(compute_test_value="off"):
        x = given(a)
        h = T.exp(x)
        for _ in range(2000):
            h = h + 0
    y = h.sum()
    np.testing.assert_allclose(y.tag.test_value, np.exp(a).sum())
    np.testing.assert_allclose(h.tag.test_value, np.exp(a))


def test_compiling_is_not_disturbed():
    x = given([1.0, 2.0])
    f = ari.function([x], T.log(1 + T.exp(x)))
    np.testing.assert_allclose(f([0.0]), np.log(2))
