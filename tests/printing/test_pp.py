"""pp. Oracles: the printed forms of the public Theano course material; Python's own
evaluation of the text."""

from __future__ import annotations

import numpy as np
import pytest

import arignote as ari
import arignote.tensor as T
from arignote import pp
from arignote.errors import GraphError
from printing.graphs import chain


@pytest.fixture
def float32():
    with ari.config.change(floatX="float32"):
        yield


def test_forms_of_the_course(float32):
    x, y = T.matrix("x"), T.matrix("y")
    z = x + y
    assert pp(z) == "(x + y)"
    a, b = T.matrix(), T.matrix()
    assert pp(a + b) == "(<TensorType(float32, matrix)> + <TensorType(float32, matrix)>)"
    x = x + x
    assert pp(x) == "(x + x)"


X, Y = T.dmatrix("x"), T.dmatrix("y")
V = T.dvector("v")


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (X, "x"),
        ((X + Y) * X, "((x + y) * x)"),
        (-X, "(-x)"),
        (T.exp(-X), "exp(-x)"),
        (T.exp(X + Y), "exp(x + y)"),
        (T.exp((X + Y).T), "exp((x + y).T)"),
        ((X + Y).T, "(x + y).T"),
        (X.T, "x.T"),
        (X[:, 0], "x[:, 0]"),
        ((X * Y)[1:3], "(x * y)[1:3]"),
        (X.sum(axis=1), "sum(x, axis=1)"),
        ((X + Y).sum(axis=0), "sum(x + y, axis=0)"),
        (X**Y, "(x ** y)"),
        (X > Y, "(x > y)"),
        (T.switch(X > Y, X, -Y), "switch(x > y, x, -y)"),
        (T.clip(X, Y, X + Y), "clip(x, y, x + y)"),
        (T.dot(X, V), "dot(x, v)"),
        (T.dot(X + Y, V), "dot(x + y, v)"),
        (X.shape, "x.shape"),
        (T.nnet.sigmoid(X) - 1, "(sigmoid(x) - 1)"),
        (-T.tanh(-X), "(-tanh(-x))"),
    ],
    ids=str,
)
def test_forms(expression, text: str):
    assert pp(expression).replace("1.0", "1") == text


def test_results_are_written_out_whatever_their_name():
    x = T.dscalar("x")
    y = T.tanh(x)
    y.name = "y"
    z = y * y
    z.name = "z"
    assert pp(z) == "(tanh(x) * tanh(x))"


def test_shared_variables_by_name():
    W = ari.shared(np.ones((2, 2)), name="W")
    assert pp(T.dot(X, W)) == "dot(x, W)"


MAKERS = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / b,
    lambda a, b: -a,
    lambda a, b: a**b,
    lambda a, b: T.exp(-a),
    lambda a, b: a.T,
    lambda a, b: T.tanh(a + b).T,
    lambda a, b: T.maximum(a - b, -b),
    lambda a, b: T.clip(-a, b - 1.0, b),
    lambda a, b: (a + b)[::-1, :],
]


@pytest.mark.parametrize("seed", range(20))
def test_the_text_means_the_graph(seed: int):
    """Oracle: Python evaluates the text to the value of the graph."""
    draw = np.random.default_rng(seed)
    values = {X: draw.uniform(0.5, 2, (3, 3)), Y: draw.uniform(0.5, 2, (3, 3))}
    names = {"x": values[X], "y": values[Y], "tanh": np.tanh, "exp": np.exp, "clip": np.clip}
    names["maximum"] = np.maximum
    pool = [X, Y]
    for _ in range(10):
        first, second = draw.integers(len(pool), size=2)
        pool.append(MAKERS[draw.integers(len(MAKERS))](pool[first], pool[second]))
        expression = pool[-1]
        with np.errstate(all="ignore"):
            expected = expression.eval({v: values[v] for v in leaves_of(expression)})
            found = eval(pp(expression), dict(names))
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def leaves_of(expression):
    found, waiting = set(), [expression]
    while waiting:
        variable = waiting.pop()
        if variable.owner is not None:
            waiting.extend(variable.owner.inputs)
        elif variable.name is not None:
            found.add(variable)
    return found


def test_exponential_sharing_stays_short():
    x = T.dscalar("x")
    for _ in range(200):
        x = x + x
    text = pp(x)
    assert len(text) <= 10_000
    assert "..." in text
    assert text.count("(") == text.count(")")


def test_a_chain_of_20000():
    text = pp(chain(20_000))
    assert len(text) <= 10_000
    assert text.startswith(("tanh(", "("))


def test_only_variables():
    x = T.dscalar("x")
    assert pp((x + 1).owner) == pp(x + 1)
    with pytest.raises(GraphError, match="debugprint"):
        pp([x])
