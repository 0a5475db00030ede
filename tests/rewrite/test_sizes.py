"""The equal-size assumption: compiled without sums, and right also where a size of 1 meets n."""

import itertools

import numpy as np
import pytest

from arignote import config, function, grad, shared
from arignote import tensor as T
from arignote.rewrite.sizes import EqualSizes
from arignote.types import Dim
from oracles import ARRAY_RTOL


def ops(f) -> list[str]:
    return [str(node.op) for node in f.fgraph.order]


def test_a_gradient_compiles_without_sums_for_sizes_that_meet():
    x, W, b = T.dmatrix("x"), shared(np.ones((3, 2)), "W"), shared(np.zeros(2), "b")
    cost = T.tanh(x @ W + b).sum()
    f = function([x], grad(cost, [W, b]))
    assert "SumTo" not in ops(f)
    assert "sum_to_same" in [firing.name for firing in f.rewrites]
    plain = function([x], grad(cost, [W, b]), mode="FAST_COMPILE")
    value = np.linspace(-1, 1, 12).reshape(4, 3)
    for a, c in zip(f(value), plain(value), strict=True):
        # The rows of x are symmetric, so that some sums are 0 but for their rounding.
        np.testing.assert_allclose(a, c, rtol=1e-15, atol=1e-16)


@pytest.mark.parametrize("sizes", list(itertools.product((0, 1, 4), (0, 1, 4, 5), (1, 4))), ids=str)
def test_values_and_gradients_are_numpys_for_all_pairs_of_sizes(sizes):
    """The graph as written, run node by node, is the oracle, and NumPy for what fits."""
    x, y, z = T.dvectors("x", "y", "z")
    cost = (T.sin(x) * y[::-1] + z * x).sum()
    outputs = [cost, *grad(cost, [x, y, z])]
    fast, plain = (function([x, y, z], outputs, mode=mode) for mode in (None, "FAST_COMPILE"))
    values = [np.arange(1.0, size + 1) for size in sizes]
    for _ in range(2):
        try:
            np.broadcast_shapes(*[value.shape for value in values])
        except ValueError:
            with pytest.raises(ValueError, match=r"add|mul"):
                fast(*values)
            continue
        for a, b, shape in zip(
            fast(*values), plain(*values), [(), *(v.shape for v in values)], strict=True
        ):
            assert a.shape == shape
            np.testing.assert_allclose(a, b, rtol=1e-14)


def test_sizes_of_shared_variables_may_change():
    x, b = T.dmatrix("x"), shared(np.zeros(3), "b")
    f = function([x], grad(((x + b) ** 2).sum(), b))
    value = np.ones((2, 3))
    assert f(value).tolist() == [4, 4, 4]
    b.set_value(np.zeros(1))
    assert f(value).tolist() == [12]
    b.set_value(np.zeros(3))
    assert f(value).tolist() == [4, 4, 4]


def test_a_known_size_meets_an_unknown_one():
    x, y = T.tensor("float64", (3,), "x"), T.dvector("y")
    f = function([x, y], grad((x * y).sum(), y))
    assert "SumTo" not in ops(f)
    assert f([1.0, 2.0, 3.0], [1.0, 1.0, 1.0]).tolist() == [1, 2, 3]
    assert f([1.0, 2.0, 3.0], [1.0]).tolist() == [6]


def test_sizes_that_no_input_has_keep_their_sums():
    x, y = T.dvectors("x", "y")
    f = function([x, y], grad((x[x > 0] * y).sum(), y))
    assert "SumTo" in ops(f)
    assert f([1.0, -1.0, 2.0], [3.0]).tolist() == [3]


def test_functions_that_need_no_assumption_check_nothing():
    x, y = T.dvectors("x", "y")
    with config.change(linker="numpy"):
        assert function([x, y], x + y)._linked.check is None
        assert function([x], grad(T.tanh(x).sum(), x))._linked.check is None


def test_sizes_that_are_equal_through_others():
    """The union is closed: x meets y, y meets z, so x and z are equal; w stays apart."""
    x, y, z, w = T.dvectors("x", "y", "z", "w")
    graph = function([x, y, z, w], [x + y, y * z, T.exp(w)]).graph
    sizes = EqualSizes(graph)
    assert sizes.same(x.type.dims, z.type.dims)
    assert sizes.used
    assert not sizes.same(x.type.dims, w.type.dims)
    assert not sizes.same(x.type.dims, (Dim(),))
    assert not sizes.same(x.type.dims, ())
    (group,) = [axes for axes, _ in sizes.check().groups]
    assert sorted(group) == [(0, 0), (1, 0), (2, 0)]


def test_sizes_that_very_many_meet_in_are_still_equal():
    """A sum of many arrays has a size of its own; its gradient needs no sum for all that."""
    x = T.dmatrix("x")
    weights = [shared(np.ones((2, 2)), f"w{n}") for n in range(30)]
    h = x
    for w in weights:
        h = h + 0.01 * T.tanh(h @ w)
    gradients = grad((h**2).sum(), weights)
    f = function([x], gradients)
    assert "SumTo" not in ops(f)
    plain = function([x], gradients, mode="FAST_COMPILE")
    value = np.eye(2) * 0.1
    for a, b in zip(f(value), plain(value), strict=True):
        np.testing.assert_allclose(a, b, rtol=ARRAY_RTOL["float64"])
    rows = T.dmatrices(12)
    total = sum(rows)
    f = function(list(rows), grad((total**2).sum(), list(rows)))
    plain = function(list(rows), f.outputs, mode="FAST_COMPILE")
    assert "SumTo" not in ops(f)
    values = [np.ones((1, 3)), *[np.full((2, 3), n) for n in range(11)]]
    for a, b in zip(f(*values), plain(*values), strict=True):
        np.testing.assert_array_equal(a, b)


def test_numbers_counted_from_0_are_as_many_as_there_are_rows():
    """Also without the assumption; with it, x[arange(n), y] reads each row of x."""
    x, y = T.dmatrix("x"), T.lvector("y")
    for stop, equal in ((x.shape[0], [True, True]), (y.shape[0], [True, False])):
        numbers = T.arange(stop)
        graph = function([x, y], x[numbers, y], mode="FAST_COMPILE").graph
        for assume, same in zip((True, False), equal, strict=True):
            sizes = EqualSizes(graph, assume)
            assert sizes.same(numbers.type.dims, x.type.dims[:1]) == same
            assert not sizes.same(numbers.type.dims, x.type.dims[1:])
    for other in (T.arange(1, x.shape[0]), T.arange(0, x.shape[0], 2), T.arange(y[0])):
        graph = function([x, y], [other, x[y, y]], mode="FAST_COMPILE").graph
        assert not EqualSizes(graph).same(other.type.dims, x.type.dims[:1])
