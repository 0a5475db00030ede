"""gradcheck. Oracles: gradients known in closed form, and a gradient that is wrong on purpose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import arignote as ari
import arignote.tensor as T
from arignote import errors
from arignote.compile.looking import gradcheck
from arignote.ops.base import Opaque


@dataclass(frozen=True, repr=False)
class WrongSquare(Opaque):
    """x ** 2 with a gradient that is off in element 1."""

    def infer(self, x):
        return (x,)

    def perform(self, x):
        return (x**2,)

    def grad(self, inputs, outputs, gradients):
        return (gradients[0] * 2 * inputs[0] * T.constant(np.array([1.0, 1.001, 1.0])),)


def test_good_gradients():
    x, w = T.dmatrix("x"), ari.shared(np.array([[0.3], [-1.0]]), "w")
    checked = gradcheck(T.tanh(x @ w).sum(), None, {x: [[1.0, 2.0], [0.1, 0.2]]})
    assert checked.good
    assert checked
    assert [r.variable.name for r in checked.records] == ["x", "w"]
    assert [r.checked for r in checked.records] == [4, 2]
    assert max(r.max_abs for r in checked.records) < 1e-8
    assert checked.table.marked == frozenset()


def test_the_values_of_the_worst_element_are_those_of_calculus():
    x = T.dvector("x")
    (record,) = gradcheck(T.exp(x).sum(), x, {x: [0.0, 1.0]}).records
    np.testing.assert_allclose(record.symbolic, np.exp([0.0, 1.0][record.worst[0]]))
    np.testing.assert_allclose(record.numeric, record.symbolic, rtol=1e-8)


def test_a_wrong_gradient_is_found_where_it_is():
    x, y = T.dvector("x"), T.dvector("y")
    cost = (WrongSquare()(x) * y).sum()
    checked = gradcheck(cost, [x, y], {x: [1.0, 2.0, 3.0], y: [1.0, 1.0, 1.0]})
    assert not checked
    wrong, right = checked.records
    assert (wrong.worst, wrong.wrong, right.wrong) == ((1,), 1, 0)
    np.testing.assert_allclose(wrong.max_abs, 0.004, rtol=1e-4)
    assert checked.table.marked == {0}
    assert checked.table.rows[0][-1] == "WRONG in 1"


def test_tolerance_and_step_are_options():
    x = T.dvector("x")
    cost = WrongSquare()(x).sum()
    assert gradcheck(cost, x, {x: [1.0, 2.0, 3.0]}, tol=1e-2)
    assert gradcheck(cost, x, {x: [1.0, 2.0, 3.0]}, eps=1e-4).step == 1e-4


def test_single_precision_takes_its_rounding_into_account():
    rng = np.random.default_rng(0)
    x, y = T.fmatrix("x"), T.ivector("y")
    w = ari.shared(rng.normal(size=(64, 10)).astype("float32"), "w")
    loss = -T.log(T.nnet.softmax(x @ w))[T.arange(y.shape[0]), y].mean()
    checked = gradcheck(loss, w, {x: rng.random((20, 64)), y: rng.integers(0, 10, 20)})
    assert checked
    assert checked.records[0].checked == 200
    assert checked.table.rows[0][2] == "200 of 640"


def test_complex_variables():
    z = T.zvector("z")
    assert gradcheck((abs(z) ** 2).sum(), z, {z: [1 + 2j, -0.5j]})


def test_test_values_are_taken():
    x = T.dscalar("x")
    x.tag.test_value = 2.0
    (record,) = gradcheck(x**3).records
    np.testing.assert_allclose(record.symbolic, 12)


def test_a_nan_is_wrong():
    x = T.dvector("x")
    assert not gradcheck(T.sqrt(x).sum(), x, {x: [-1.0, 1.0]})


@pytest.mark.parametrize(
    ("wrt", "inputs", "error", "words"),
    [
        (None, {}, errors.MissingInputError, "no value is given for x"),
        ("other", {"x": 1.0}, errors.GradientError, "cannot move other"),
        (None, {"x": [1.0]}, errors.InputError, "the value of x"),
    ],
)
def test_bad_arguments(wrt, inputs, error, words):
    x, other = T.dscalar("x"), T.dscalar("other")
    with pytest.raises(error, match=words):
        gradcheck(x**2, {"other": other}.get(wrt), {x: inputs["x"]} if inputs else {})
