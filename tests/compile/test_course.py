"""What the public Theano 0.9 course prints for its first expressions, to the last digit shown."""

import numpy as np
import pytest

from arignote import config, function, grad, pp, shared
from arignote import tensor as T


def test_adding_matrices_of_floatx():
    with config.change(floatX="float32"):
        x, y = T.matrix("x"), T.matrix("y")
    z = x + y
    assert pp(z) == "(x + y)"
    value = z.eval({x: [[1, 2], [1, 3]], y: [[1, 0], [3, 4]]})
    assert value.tolist() == [[2, 2], [4, 7]]
    assert value.dtype == np.float32


def test_printing_unnamed_and_rebound_variables():
    with config.change(floatX="float32"):
        a, b, x = T.matrix(), T.matrix(), T.matrix("x")
    assert pp(a + b) == "(<TensorType(float32, matrix)> + <TensorType(float32, matrix)>)"
    x = x + x
    assert pp(x) == "(x + x)"


def test_types_of_scalars():
    assert repr(T.iscalar()) == "<TensorType(int32, scalar)>"
    assert repr(T.scalar()) == "<TensorType(float64, scalar)>"
    with config.change(floatX="float32"):
        assert repr(T.scalar()) == "<TensorType(float32, scalar)>"


class Layer:
    """The course's layer of three sigmoid units, its cost and its training step."""

    def __init__(self) -> None:
        random = np.random.RandomState(42)
        self.W = shared(random.randn(4, 3), "W")
        self.b = shared(np.ones(3), "b")
        self.x_val, self.y_val = random.rand(4), random.uniform(size=3)
        self.x, self.y = T.dvector("x"), T.dvector("y")
        self.out = T.nnet.sigmoid(T.dot(self.x, self.W) + self.b)
        self.C = ((self.out - self.y) ** 2).sum()


@pytest.fixture
def layer() -> Layer:
    return Layer()


def test_output_of_the_layer(layer):
    (out,) = function([layer.x], [layer.out])(layer.x_val)
    np.testing.assert_allclose(out, [0.9421594, 0.73722395, 0.67606977], rtol=0, atol=5e-9)


def test_output_and_cost(layer):
    _, cost = function([layer.x, layer.y], [layer.out, layer.C])(layer.x_val, layer.y_val)
    assert abs(cost - 0.6137821438190066) < 1e-15


def test_cost_from_a_given_intermediate_variable(layer):
    cost = function([layer.out, layer.y], layer.C)([0.942, 0.737, 0.676], layer.y_val)
    assert abs(cost - 0.613355628529845) < 1e-15


def test_one_training_step(layer):
    dW, db = grad(layer.C, [layer.W, layer.b])
    train = function(
        [layer.x, layer.y],
        layer.C,
        updates=[(layer.W, layer.W - 0.1 * dW), (layer.b, layer.b - 0.1 * db)],
    )
    train(layer.x_val, layer.y_val)
    b, W = layer.b.get_value(), layer.W.get_value()
    np.testing.assert_allclose(b, [0.99639999, 0.97684097, 0.98318412], rtol=0, atol=5e-9)
    np.testing.assert_allclose(W[0], [0.49561888, -0.14531026, 0.64257244], rtol=0, atol=5e-9)
