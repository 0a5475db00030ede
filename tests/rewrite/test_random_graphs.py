"""Random graphs with their gradients, rewritten and as written, give the same.

The graph as written, run node by node with NumPy, is the oracle. Functions are bounded and values
near 1, so that terms that cancel do not amplify rounding.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arignote import function, grad
from arignote import tensor as T
from arignote.compile import get_mode
from arignote.rewrite import RULES
from oracles import assert_arrays
from rewrite.expanded import Expanded
from rewrite.test_node_rules import check_weight

UNARY = [
    T.tanh, T.sigmoid, T.sin, T.nnet.softplus, T.nnet.softmax, T.nnet.log_softmax,
    lambda x: -x, lambda x: x * 0.5, lambda x: x / 4, lambda x: 1 - T.sigmoid(x),
    lambda x: T.tanh(x) ** 2, lambda x: T.tanh(x) ** 3, lambda x: T.exp(-(x**2)),
    lambda x: T.log(1 + T.exp(T.tanh(x))), lambda x: T.log(T.sigmoid(x)),
    lambda x: T.second(x, x.mean()), lambda x: x - x.mean(axis=0), lambda x: x.T.T,
    lambda x: T.switch(x > 0, x, 0.1 * x), lambda x: T.concatenate([x[:, 1:], x[:, :1]], axis=1),
    lambda x: T.set_subtensor(x[0], 0.5), lambda x: T.inc_subtensor(x[:, 0], x[:, 1]),
    lambda x: x[::-1][:, ::-1], lambda x: x.T[::-1].T, lambda x: 1 / (1 + T.exp(x)),
    lambda x: x / (2 + T.cos(x)), lambda x: T.nnet.relu(x), lambda x: T.abs(-x),
]  # fmt: skip
BINARY = [
    lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * T.tanh(y), lambda x, y: x - (-y),
    lambda x, y: (-x) * T.sin(y), lambda x, y: T.tanh(x @ y.T) @ (y * 0.2),
    lambda x, y: T.maximum(x, y), lambda x, y: x + y.sum(axis=0) * 0.1,
    lambda x, y: T.second(x, T.tanh(y).sum()) * x * 0.1, lambda x, y: (x.T + y.T).T,
    lambda x, y: -(x / T.exp(T.tanh(y))), lambda x, y: x * y[0] * 0.5,
    lambda x, y: x - 0.1 * (T.tanh(x @ y.T) @ y), lambda x, y: x + y[:, :1] * (x @ y[0])[:, None],
    lambda x, y: T.inc_subtensor(x[0], 0.1 * (y @ x[0])[0]),
]  # fmt: skip
COSTS = [
    lambda x: x.sum(), lambda x: x.mean(), lambda x: T.tanh(x).sum(axis=1).sum(),
    lambda x: -T.log(T.nnet.softmax(x))[[0, 1], [1, 0]].mean(), lambda x: (x**2).sum(axis=0)[0],
    lambda x: -T.log(T.nnet.softmax(x)[[0, 1], [1, 0]]).sum(), lambda x: T.sqrt((x**2).mean() + 1),
    lambda x: T.nnet.log_softmax(x)[T.arange(x.shape[0]), T.arange(x.shape[0]) % 2].mean(),
    lambda x: T.logsumexp(x, 1).mean(), lambda x: T.dot(x[0], T.tanh(x[-1])),
]  # fmt: skip
# Rows of x and of y, and columns: with 1 and 0, and where a size of 1 meets another.
OTHER_SIZES = [(2, 1, 4), (1, 3, 2), (1, 1, 4), (3, 3, 1), (0, 0, 4), (3, 2, 4)]
SHAPES = {"x": (3, 4), "y": (3, 4), "b": (4,), "s": ()}


@st.composite
def graphs(draw):
    """Inputs, and a cost, its gradients and a value in between, in one dtype."""
    dtype = draw(st.sampled_from(["float32", "float64"]))
    known = draw(st.booleans())
    inputs = [
        T.tensor(dtype, shape if known else (None,) * len(shape), name)
        for name, shape in SHAPES.items()
    ]
    x, y, b, s = inputs
    pool = [x, y, x + b, y * s]
    for _ in range(draw(st.integers(1, 5))):
        left, right = (draw(st.sampled_from(pool)) for _ in range(2))
        if draw(st.booleans()):
            pool.append(draw(st.sampled_from(UNARY))(left))
        else:
            pool.append(draw(st.sampled_from(BINARY))(left, right))
    cost = draw(st.sampled_from(COSTS))(pool[-1])
    gradients = grad(cost, inputs, disconnected_inputs="ignore")
    return dtype, inputs, [cost, *gradients, draw(st.sampled_from(pool))]


def values_of(dtype, sizes=(3, 3, 4)):
    """Values for sizes of rows of x, rows of y, and columns."""
    random = np.random.default_rng(1)
    rows, others, columns = sizes
    shapes = [(rows, columns), (others, columns), (columns,), ()]
    return [np.asarray(random.uniform(0.2, 1.2, shape), dtype) for shape in shapes]


def outcome(f, values):
    """The results, or the class of the error."""
    try:
        return f(*values)
    except (ValueError, IndexError) as error:
        return type(error)


@settings(max_examples=150, deadline=None)
@given(graphs(), st.data())
def test_rewritten_graphs_give_the_same(case, data):
    dtype, inputs, outputs = case
    options = {"on_unused_input": "ignore"}
    plain = function(inputs, outputs, mode="FAST_COMPILE", **options)
    fast = function(inputs, outputs, **options)
    fired = sorted({firing.name for firing in fast.rewrites})
    expanded = Expanded(inputs, outputs)
    functions = [fast, expanded]
    if fired:
        mode = get_mode("FAST_RUN").excluding(data.draw(st.sampled_from(fired)))
        functions.append(function(inputs, outputs, mode=mode, **options))
    unknown = inputs[0].type.shape[0] is None
    for sizes in [(3, 3, 4), *(OTHER_SIZES if unknown else [])]:
        values = values_of(dtype, sizes)
        copies = [value.copy() for value in values]
        expected = outcome(plain, values)
        for f in functions:
            got = outcome(f, values)
            if isinstance(expected, type):
                assert isinstance(got, type), (sizes, fired)
                continue
            for a, b in zip(got, expected, strict=True):
                assert_arrays(a, b, (sizes, fired))
        for value, copy in zip(values, copies, strict=True):
            np.testing.assert_array_equal(value, copy)
    for f in functions:
        assert [out.type for out in f.fgraph.outputs] == [out.type for out in outputs]
        if dtype == "float32":
            assert not [v for n in f.fgraph.order for v in n.outputs if v.type.dtype == "float64"]
    for firing in [*fast.rewrites, *expanded.rewrites]:
        check_weight(firing)


def everything():
    """One graph in which most rules fire."""
    x, y, b, s = inputs = [T.tensor("float64", (None,) * len(c), n) for n, c in SHAPES.items()]
    parts = [f(x) for f in UNARY] + [f(x, y * s + b) for f in BINARY]
    cost = sum(
        f(part) for part in parts for f in (lambda p: p.mean(), lambda p: T.tanh(p[0]).sum())
    )
    return inputs, [cost + sum(f(x + b) for f in COSTS), *grad(cost, inputs)]


def test_each_rule_can_be_left_out():
    inputs, outputs = everything()
    values = values_of("float64")
    expected = function(inputs, outputs, mode="FAST_COMPILE")(*values)
    fast = function(inputs, outputs)
    fired = {firing.name for firing in fast.rewrites}
    assert len(fired) > 30
    for name in sorted(fired):
        f = function(inputs, outputs, mode=get_mode("FAST_RUN").excluding(name))
        assert name not in {firing.name for firing in f.rewrites}
        for got, want in zip(f(*values), expected, strict=True):
            assert_arrays(got, want, name)


@pytest.mark.parametrize("tag", ["useless", "canonicalize", "stabilize", "specialize"])
def test_each_tag_can_be_left_out(tag):
    inputs, outputs = everything()
    values = values_of("float64")
    expected = function(inputs, outputs, mode="FAST_COMPILE")(*values)
    f = function(inputs, outputs, mode=get_mode("FAST_RUN").excluding(tag))
    assert tag not in {firing.rule.tag.value for firing in f.rewrites}
    for got, want in zip(f(*values), expected, strict=True):
        assert_arrays(got, want, tag)


def test_rules_have_names_of_their_own():
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
