"""grad: its arguments, errors and identities; finite differences and calculus are the oracles."""

import numpy as np
import pytest

from arignote import clone, config, errors, function, grad, shared, verify_grad
from arignote import tensor as T
from arignote.ops.base import Op, Undefined


def test_containers_dtypes_and_shapes_match_wrt():
    x, y = T.fvector("x"), T.dmatrix("y")
    cost = (x.sum() * y).sum()
    assert isinstance(grad(cost, [x, y]), list)
    assert isinstance(grad(cost, (x, y)), tuple)
    gx, gy = grad(cost, [x, y])
    assert (gx.type, gy.type) == (x.type, y.type)
    assert grad(cost, x).dtype == "float32"


def test_derivatives_of_any_order():
    x = T.dscalar("x")
    derivative = T.sin(x) * x**3
    # Leibniz: the n-th derivative of sin(x) x^3, from the table of derivatives of each factor.
    at = 0.7
    sines = [np.sin(at), np.cos(at), -np.sin(at), -np.cos(at), np.sin(at)]
    cubes = [at**3, 3 * at**2, 6 * at, 6, 0]
    binomials = [[1], [1, 1], [1, 2, 1], [1, 3, 3, 1], [1, 4, 6, 4, 1]]
    for row in binomials:
        n = len(row) - 1
        expected = sum(c * sines[k] * cubes[n - k] for k, c in enumerate(row))
        np.testing.assert_allclose(derivative.eval({x: at}), expected, rtol=1e-12)
        derivative = grad(derivative, x)


def test_gradients_are_ordinary_expressions():
    x = T.dvector("x")
    g = grad((x**3).sum(), x)
    np.testing.assert_allclose(
        grad((g * g).sum(), x).eval({x: [1.0, 2.0]}), 2 * 9 * 2 * np.array([1.0, 2.0]) ** 3
    )


def test_known_grads_replace_the_cost():
    x = T.dvector("x")
    y = T.exp(x)
    weights = T.dvector("weights")
    g = grad(None, x, known_grads={y: weights})
    np.testing.assert_allclose(g.eval({x: [0.0, 1.0], weights: [2.0, 3.0]}), [2, 3 * np.e])
    with pytest.raises(errors.GradientError, match="axes"):
        grad(None, x, known_grads={y: T.dscalar()})
    with pytest.raises(errors.GradientError, match="cost"):
        grad(None, x)


def test_known_grads_stop_what_would_be_derived():
    x = T.dscalar("x")
    y = x * x
    cost = y * 3
    assert grad(cost, x, known_grads={y: T.constant(100.0)}).eval({x: 2.0}) == 400


def test_consider_constant():
    x = T.dscalar("x")
    y = x * x
    assert grad(x * y, x, consider_constant=[y]).eval({x: 3.0}) == 9
    with pytest.raises(errors.DisconnectedInputError):
        grad(y, x, consider_constant=[y])


def test_gradient_by_an_intermediate_result():
    x = T.dvector("x")
    h = T.tanh(x)
    cost = (h**2).sum() + x.sum()
    gh, gx = grad(cost, [h, x])
    value = np.array([0.3, -0.5])
    np.testing.assert_allclose(gh.eval({x: value}), 2 * np.tanh(value))
    expected = 2 * np.tanh(value) * (1 - np.tanh(value) ** 2) + 1
    np.testing.assert_allclose(gx.eval({x: value}), expected)


def test_cost_itself_and_shared_subexpressions():
    x = T.dscalar("x")
    assert grad(x, x).eval({x: 3.0}) == 1
    h = x * 2
    assert grad(h * h + h, x).eval({x: 3.0}) == 2 * (2 * 6 + 1)


@pytest.mark.parametrize("order", [lambda a, b: a + b, lambda a, b: b + a])
def test_contributions_from_deep_and_shallow_paths_add_up(order):
    x = T.dscalar("x")
    deep = x
    for _ in range(5):
        deep = T.sin(deep)
    verify_grad(lambda v: clone(order(deep, x * x), {x: v}), [np.array(0.4)])


def test_zero_gradients_are_zeros_not_errors():
    x = T.dvector("x")
    for cost in (T.floor(x).sum(), (x > 0).astype("float64").sum(), T.sign(x).sum()):
        assert grad(cost, x).eval({x: [0.5, 1.5]}).tolist() == [0, 0]
    assert grad(x.argmax().astype("float64"), x).eval({x: [0.5, 1.5]}).tolist() == [0, 0]


def test_non_scalar_cost():
    x = T.dvector("x")
    with pytest.raises(errors.NonScalarCostError, match=r"x \* 2|mul.*\n.*\n.*|mean"):
        grad(x * 2, x)
    with pytest.raises(TypeError):
        grad(x * 2, x)


def test_integer_wrt_and_cost():
    i, x = T.ivector("i"), T.dvector("x")
    with pytest.raises(errors.GradientError, match=r"i.*int32"):
        grad((i * x).sum(), i)
    with pytest.raises(errors.GradientError, match=r"int64|bool"):
        grad((x > 0).sum(), x)
    # Integers on the way are fine.
    assert grad((i * x).sum(), x).eval({i: [2, 3], x: [1.0, 1.0]}).tolist() == [2, 3]


def test_disconnected_inputs():
    x, y = T.dvectors("x", "y")
    cost = (x * y.shape[0]).sum()
    with pytest.raises(errors.DisconnectedInputError, match="does not depend on y"):
        grad(cost, y)
    with pytest.raises(ValueError):
        grad(cost, [x, y])
    assert grad(cost, y, disconnected_inputs="ignore").eval({y: [1.0, 2.0]}).tolist() == [0, 0]
    with pytest.warns(UserWarning, match="does not depend on y"):
        grad(cost, y, disconnected_inputs="warn")


class Rough(Op):
    """An op whose gradient does not exist."""

    def infer(self, x):
        return (x,)

    def perform(self, x):
        return (x * 1,)

    def grad(self, inputs, outputs, gradients):
        return (Undefined("it is rough everywhere"),)


def test_undefined_gradients_are_errors_only_where_they_are_used():
    x, y = T.dvectors("x", "y")
    cost = (Rough()(x) * y).sum()
    with pytest.raises(errors.NullTypeGradError, match="rough everywhere"):
        grad(cost, x)
    with pytest.raises(errors.NullTypeGradError, match="rough"):
        grad((Rough()(T.exp(x)) * y).sum(), x)
    assert grad(cost, y).eval({x: [2.0], y: [1.0]}).tolist() == [2]


def test_gradients_are_named_after_cost_and_variable():
    x, y = T.dvectors("x", "y")
    cost = (x * y).sum()
    cost.name = "cost"
    gx, gy = grad(cost, [x, y])
    assert (gx.name, gy.name) == ("(dcost/dx)", "(dcost/dy)")
    # One expression that is the gradient by two variables is named after neither.
    a, b = T.exp(x), T.sin(x)
    both = (a + b).sum()
    both.name = "both"
    assert [g.name for g in grad(both, [a, b])] == [None, None]


def test_gradient_nodes_know_their_forward_node_and_the_users_line():
    x = T.dvector("x")
    y = T.exp(x)
    g = grad(y.sum(), x)
    assert g.owner.gradient_of is y.owner
    assert g.owner.source.text == "g = grad(y.sum(), x)"
    assert y.owner.gradient_of is None


def test_complex_gradients():
    # dC/dRe + 1j dC/dIm of C = |z|^2 is 2 z; of Re(z^2) it is 2 conj(z).
    z = T.zvector("z")
    value = np.array([1 + 2j, -0.5 + 0.3j])
    np.testing.assert_allclose(grad((abs(z) ** 2).sum(), z).eval({z: value}), 2 * value)
    np.testing.assert_allclose(grad((z**2).real.sum(), z).eval({z: value}), 2 * value.conj())
    verify_grad(lambda a, b: T.exp(a * b) / (a + 3), [value, value * 0.5])
    verify_grad(lambda a, b: T.dot(a, b), [value.reshape(1, 2), value.reshape(2, 1)])
    verify_grad(lambda a, b: a * b, [value, value.real])


def test_float32_chains_stay_float32():
    x = T.fvector("x")
    cost = T.nnet.softmax(T.tanh(x) * 2.5 + 1)[0] ** 2
    f = function([x], grad(cost, x))
    assert {out.dtype for node in f.fgraph.order for out in node.outputs} <= {"float32", "bool"}


def test_broadcasting_at_run_time_sums_the_gradient():
    x, y = T.dmatrices("x", "y")
    cost = ((x * y) ** 2).sum()
    f = function([x, y], grad(cost, [x, y]))
    for shapes in [((2, 3), (2, 3)), ((1, 3), (2, 3)), ((2, 1), (1, 3)), ((1, 1), (2, 3))]:
        a, b = (np.arange(1.0, 1 + np.prod(s)).reshape(s) for s in shapes)
        ga, gb = f(a, b)
        full_a, full_b = np.broadcast_arrays(a, b)

        def reduced(g, shape):
            axes = tuple(n for n in range(2) if shape[n] == 1)
            return g.sum(axis=axes, keepdims=True)

        np.testing.assert_allclose(ga, reduced(2 * full_a * full_b**2, a.shape))
        np.testing.assert_allclose(gb, reduced(2 * full_b * full_a**2, b.shape))


def test_known_equal_sizes_need_no_sum():
    x = T.dmatrix("x")
    h = T.tanh(x)
    g = grad((h * x * h).sum(), x)
    ops = {str(node.op) for node in function([x], g).fgraph.order}
    assert "SumTo" not in ops


def test_verify_grad_catches_a_wrong_gradient():
    class Wrong(Rough):
        def grad(self, inputs, outputs, gradients):
            return (gradients[0] * 1.01,)

    with pytest.raises(errors.VerifyGradError, match="finite differences"):
        verify_grad(lambda x: Wrong()(x), [np.array([1.0, 2.0])])
    verify_grad(lambda x, i: x[i], [np.array([1.0, 2.0]), np.array([0, 0])])
    verify_grad(T.tanh, [np.array([0.3], "float32")])


def test_power_at_its_corners():
    x, y = T.dscalars("x", "y")
    gx, gy = grad(x**y, [x, y])
    assert gx.eval({x: 0.0, y: 0.0}) == 0
    assert gx.eval({x: 0.0, y: 1.0}) == 1
    assert gx.eval({x: 0.0, y: 2.0}) == 0
    assert gy.eval({x: 0.0, y: 2.0}) == 0


def test_policy_names_are_checked():
    x = T.dscalar("x")
    with pytest.raises(ValueError, match="loud"):
        grad(x, x, disconnected_inputs="loud")


def test_logistic_regression_by_hand():
    with config.change(floatX="float64"):
        W, x, y = shared(np.zeros((4, 3)), "W"), T.dmatrix("x"), T.ivector("y")
    p = T.nnet.softmax(x @ W)
    loss = -T.log(p)[T.arange(y.shape[0]), y].mean()
    random = np.random.default_rng(0)
    data, target = random.normal(size=(5, 4)), random.integers(0, 3, 5).astype("int32")
    expected = data.T @ (np.full((5, 3), 1 / 3) - np.eye(3)[target]) / 5
    np.testing.assert_allclose(grad(loss, W).eval({x: data, y: target}), expected, atol=1e-15)
