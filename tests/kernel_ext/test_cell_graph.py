"""CellGraph: gradients, functions, names, pickles."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from arignote.errors import ArignoteError, DisconnectedInputError, MissingInputError
from arignote.kernel_ext.graph_cell import CellGraph

CELL = """%%graph g --no-show
x: dvector
y: dvector
unused: dvector
w = shared(np.arange(3.0))
k = shared(np.int64(2))
v = shared(np.ones(3))
a = x * w
loss = ((a - y) ** 2).sum()
size = (v ** 2).sum() + k
"""
X, Y = np.array([1.0, 2.0, 3.0]), np.array([0.5, -1.0, 2.0])
W = np.arange(3.0)


@pytest.fixture
def g(shell) -> CellGraph:
    shell.good(CELL)
    return shell.names["g"]


def test_gradients(g):
    """Oracle: the derivative by hand, 2 (x w - y) x."""
    expected = 2 * (X * W - Y) * X
    one = g.grad("loss", "w")
    np.testing.assert_allclose(g.compile(one)(X, Y), expected)
    (by_variable,) = g.grad(g.loss, [g.w])
    np.testing.assert_allclose(g.compile(by_variable)(X, Y), expected)
    by_w, by_v = g.grad("loss")
    np.testing.assert_allclose(g.compile(by_w)(X, Y), expected)
    np.testing.assert_allclose(g.compile(by_v)(), np.zeros(3))


def test_default_gradients_go_with_the_parameters(g):
    assert g.parameters == [g.w, g.v]
    assert len(g.grad("size")) == 2
    assert list(g.shared) == ["w", "k", "v"]


def test_parameters_are_those_of_the_whole_cell(shell):
    shell.good("import arignote, numpy\nold = arignote.shared(numpy.ones(2), 'old')")
    shell.good(
        "%%graph h --no-show\nx: dvector\nw = shared(np.ones(2))\nn = shared(np.arange(2))\n"
        "p = x * w\nloss = (p * old).sum()\np"
    )
    h = shell.names["h"]
    assert list(h.outputs) == ["p"]
    assert [v.name for v in h.parameters] == ["w", "old"]
    assert len(h.grad("loss")) == 2


def test_a_gradient_asked_for_by_name_must_exist(g):
    with pytest.raises(DisconnectedInputError):
        g.grad("loss", "v")


COMPILED = [
    ("loss", {}, ["x", "y"]),
    ("a", {}, ["x"]),
    ("size", {}, []),
    (["a", "loss"], {}, ["x", "y"]),
    (None, {}, ["x", "y"]),
    ("size", {"updates": {"w": "a"}}, ["x"]),
    ("loss", {"givens": {"y": "a"}}, ["x"]),
    ("loss", {"givens": {"a": "y"}}, ["y"]),
    ("loss", {"givens": {"x": "w", "y": "v"}}, []),
    ("a", {"givens": {"unused": "y"}}, ["x"]),
]


@pytest.mark.parametrize(("outputs", "more", "inputs"), COMPILED)
def test_compiled_functions_take_the_inputs_they_need(g, outputs, more, inputs):
    more = {key: {n: g[v] for n, v in pairs.items()} for key, pairs in more.items()}
    function = g.compile(outputs, **more)
    assert [variable.name for variable in function.inputs] == inputs


def test_values_of_compiled_functions(g):
    """Oracle: NumPy."""
    loss = ((X * W - Y) ** 2).sum()
    np.testing.assert_allclose(g.compile("loss")(X, Y), loss)
    first, second = g.compile()(X, Y)
    np.testing.assert_allclose(first, loss)
    np.testing.assert_allclose(second, 5.0)
    (only,) = g.compile(["a"])(X)
    np.testing.assert_allclose(only, X * W)
    np.testing.assert_allclose(g.compile({"twice": "a"})(X)["twice"], X * W)
    np.testing.assert_allclose(g.compile(g.a * 2)(X), 2 * X * W)
    np.testing.assert_allclose(g.compile("loss", givens=[(g.y, g.a * 0)])(X), ((X * W) ** 2).sum())


def test_updates_by_name_variable_and_pairs(g):
    for updates in ({"w": g.w + 1}, {g.w: g.w + 1}, [("w", g.w + 1)], [(g.w, g.w + 1)]):
        before = g.w.get_value()
        g.compile("loss", updates=updates)(X, Y)
        np.testing.assert_array_equal(g.w.get_value(), before + 1)


def test_updates_alone(g):
    step = g.compile([], updates={"w": g.w + g.x})
    assert [v.name for v in step.inputs] == ["x"]
    step(X)
    np.testing.assert_array_equal(g.w.get_value(), W + X)


def test_a_variable_from_elsewhere_becomes_an_input(g, shell):
    shell.good("import arignote.tensor as T\nrate = T.dscalar('rate')")
    rate = shell.names["rate"]
    step = g.compile("loss", updates={"w": g.w - rate})
    assert [v.name for v in step.inputs] == ["x", "y", "rate"]
    shell.good("%%graph h -i x --no-show\nx: dvector\ny: dvector\nz = x + y")
    with pytest.raises(MissingInputError):
        shell.names["h"].compile("z")
    assert [v.name for v in shell.names["h"].compile("z", givens={"y": g.w}).inputs] == ["x"]


def test_names_and_modes_of_functions(g):
    assert g.compile("loss").name == "g.loss"
    assert g.compile().name == "g"
    assert g.compile("loss", name="train").name == "train"
    np.testing.assert_allclose(g.compile("a", mode="FAST_COMPILE")(X), X * W)


def test_names_that_do_not_exist(g):
    for attempt in (lambda: g.los, lambda: g["los"], lambda: g.compile("los"),
                    lambda: g.grad("los"), lambda: g.grad("loss", "los"),
                    lambda: g.compile("loss", updates={"los": 1})):  # fmt: skip
        with pytest.raises(ArignoteError, match=r"(?s)no variable 'los'.*loss; its variables"):
            attempt()
    assert not hasattr(g, "los")
    assert not hasattr(g, "_repr_html_")
    with pytest.raises(TypeError):
        iter(g)


def test_dir_holds_the_variables(g):
    assert {"loss", "w", "compile", "grad", "inputs"} <= set(dir(g))


def test_a_variable_with_the_name_of_a_method_is_reached_by_index(shell):
    shell.good("%%graph h --no-show\nx: fvector\ngrad = x + 1\nname = x + 2")
    h = shell.names["h"]
    assert h["grad"] is shell.names["grad"]
    assert h.name == "h"


def test_a_graph_cannot_be_written(g):
    with pytest.raises(AttributeError):
        g.loss = 3


@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_pickles(g, protocol):
    again = pickle.loads(pickle.dumps(g, protocol))
    assert repr(again) == repr(g)
    assert list(again.variables) == list(g.variables)
    assert again.loss is again.outputs["loss"]
    np.testing.assert_allclose(again.compile("loss")(X, Y), g.compile("loss")(X, Y))
    again.w.set_value(W + 1)
    np.testing.assert_array_equal(g.w.get_value(), W)


def test_copies(g):
    assert copy.copy(g).loss is g.loss
    np.testing.assert_allclose(copy.deepcopy(g).compile("a")(X), X * W)


def test_a_long_cell(shell):
    """A chain of 5,000 nodes under the default recursion limit."""
    shell.good("%%graph g --no-show\nx: dscalar\nh = x\nfor i in range(5000):\n    h = h + 1")
    g = shell.names["g"]
    assert float(g.compile("h")(1.0)) == 5001.0
    assert pickle.loads(pickle.dumps(g)).h.name == "h"
    (shown,) = shell.good("%graph g").displays
    assert sum(len(str(text)) for text in shown.data.values()) <= 200_000


def test_the_text_names_each_node_once_and_is_cut(shell):
    shell.good("%%graph g --no-show\nx: dscalar\ny = T.exp(x)\nz = y + y\nw = y * 2")
    text = shell.names["g"]._repr_mimebundle_(include=["text/plain"])["text/plain"]
    assert text.startswith("<CellGraph g: x -> z, w>\n")
    assert text.count("'y'") == 3
    assert text.count("x [id") == 1
    body = "x: dscalar\n" + "\n".join(f"y{n} = T.exp(x + {n})" for n in range(50))
    shell.good(f"%%graph h --no-show\n{body}")
    lines = shell.names["h"]._repr_mimebundle_()["text/plain"].splitlines()
    assert len(lines) <= 45
    assert "more lines: h.debugprint()" in "\n".join(lines)
