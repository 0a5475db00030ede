"""`%compile`, `%passes`, `%ccode` and `%gradcheck`. Oracles: the plain calls they stand for."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from arignote.compile import Function

CELL = """%%graph g --no-show
x: dvector
y: dvector
w = shared(np.array([0.5, -1.0, 2.0]))
h = T.tanh(x * w)
loss = ((h - y) ** 2).mean()
"""
X, Y, W = np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, -1.0]), np.array([0.5, -1.0, 2.0])
LOSS = ((np.tanh(X * W) - Y) ** 2).mean()
needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler"
)


@pytest.fixture
def made(shell):
    shell.good(CELL)
    return shell


def display(outcome) -> dict[str, str]:
    (shown,) = outcome.displays
    return shown.data


# ---- %compile -----------------------------------------------------------------------------------


@pytest.mark.parametrize("expression", ["loss", "g", "g.loss", "g['loss']", "loss + 0"])
def test_compile_binds_a_function(made, expression):
    data = display(made.good(f"%compile {expression}"))
    f = made.names["f"]
    assert isinstance(f, Function)
    assert [v.name for v in f.inputs] == ["x", "y"]
    np.testing.assert_allclose(f(X, Y), LOSS)
    assert set(data) == {"text/plain", "text/html"}
    assert "2 " not in data["text/plain"].splitlines()[0]
    assert f"{len(f.graph.order)} as built" in data["text/plain"]
    assert "cell In[" in data["text/plain"]
    assert f"%compile {expression}" in data["text/plain"]


def test_options_of_compile(made):
    made.good("updates = {w: w - 0.1 * g.grad('loss', w)}")
    made.good(
        "%compile [loss, h] --inputs y, x --name train --updates updates --mode FAST_COMPILE"
        " --profile"
    )
    train = made.names["train"]
    assert train.name == "train"
    assert [v.name for v in train.inputs] == ["y", "x"]
    assert train.linker == "numpy"
    loss, _ = train(Y, X)
    np.testing.assert_allclose(loss, LOSS)
    slope = 2 / 3 * (np.tanh(X * W) - Y) * (1 - np.tanh(X * W) ** 2) * X
    np.testing.assert_allclose(made.names["w"].get_value(), W - 0.1 * slope)
    assert train.profile.calls == 1
    assert "f" not in made.names


def test_compile_with_a_guard(made):
    made.good("%compile T.log(x) --name logs --nan record")
    f = made.names["logs"]
    f([1.0, -1.0])
    assert [finding.count for finding in f.nan_records] == [1]


def test_compile_a_cell(shell):
    shell.good("%%compile double\nz: dvector\ntwice = 2 * z")
    np.testing.assert_array_equal(shell.names["double"]([1, 2]), [2, 4])
    assert "_graph" not in shell.names
    shell.good("%%compile --name triple\nz: dvector\nthrice = 3 * z")
    np.testing.assert_array_equal(shell.names["triple"]([1, 2]), [3, 6])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%compile", "%compile needs an expression"),
        ("%compile 3", "no graph in an object of type int"),
        ("%compile loss --inputs q", "--inputs: no variable 'q'"),
        ("%compile loss --name 3x", "'3x' cannot be the name of a variable"),
        ("%compile loss --mode fast", "argument --mode: invalid choice: 'fast'"),
        ("%compile loss +", "'loss +' is no expression"),
        ("%%compile a\nq = 3", "the cell computes nothing from its inputs"),
    ],
)
def test_bad_arguments_of_compile(made, line, words):
    assert words in made.usage_error(line)


def test_errors_of_the_compiler_are_errors(made):
    outcome = made.run("%compile loss --inputs x")
    assert "y is needed but not given" in str(outcome.error)


# ---- %ccode -------------------------------------------------------------------------------------


@needs_compiler
def test_ccode(made):
    made.good("%compile [loss, h]")
    f = made.names["f"]
    assert display(made.good("%ccode f"))["text/plain"] == str(f.code())
    steps = {str(f.code(step=n + 1)) for n in range(len(f.program.computing))}
    for line in ("%ccode f h", "%ccode f loss", "%ccode f 'h'", "%ccode f 1", "%ccode f g.h"):
        data = display(made.good(line))
        assert data["text/plain"] in steps
        assert '<span class="kt">double</span>' in data["text/html"]
    assert "tanh" in display(made.good("%ccode f h"))["text/plain"]
    assert "int arn_" in display(made.good("%ccode loss"))["text/plain"]


def test_ccode_in_numpy(made):
    made.good("%compile [loss, h] --mode FAST_COMPILE --name k")
    text = display(made.good("%ccode k --lang numpy"))["text/plain"]
    assert text.startswith("def k(x, y):")
    assert "h = tanh(" in text
    assert "NumPy runs this function" in str(made.run("%ccode k").error)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%ccode", "%ccode needs a function"),
        ("%ccode 3", "nothing to compile in an object of type int"),
        ("%ccode f hh", "no variable 'hh' in f; did you mean h?"),
        ("%ccode f h loss", "%ccode takes a function and one variable"),
        ("%ccode f [1]", "[1] is no variable and no step"),
    ],
)
def test_bad_arguments_of_ccode(made, line, words):
    made.good("%compile loss")
    assert words in made.usage_error(line)


# ---- %passes ------------------------------------------------------------------------------------


def test_passes(made):
    made.good("%compile loss")
    assert "rewrite" in display(made.good("%passes f"))["text/plain"]
    assert "%passes needs a function" in made.usage_error("%passes")


# ---- %gradcheck ---------------------------------------------------------------------------------


@pytest.mark.parametrize("wrt", ["w", "[w, x]", "w,x", "", "w, x"])
def test_gradcheck(made, wrt):
    data = display(made.good(f'%gradcheck loss {wrt} --values "x=[1.0, 2, 3], y=[0, 1.0, -1]"'))
    assert set(data) == {"text/plain", "text/html"}
    assert data["text/plain"].count("good") == {"w": 1, "": 3}.get(wrt, 2)


def test_gradcheck_of_a_cell_and_options(made):
    outcome = made.good(
        "%%gradcheck --values a=[1.0,2.0] --eps 1e-4 --tol 1e-5\na: dvector\n(a ** 3).sum()"
    )
    assert "step 0.0001, tolerance 1e-05" in display(outcome)["text/plain"]
    assert "good" in display(outcome)["text/plain"]


def test_a_wrong_gradient_is_shown(made):
    made.good("import arignote.tensor as T\ncost = (T.round(w * 1e6) * 1e-6).sum()")
    assert "WRONG" in display(made.good("%gradcheck cost w"))["text/plain"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%gradcheck", "%gradcheck needs an expression"),
        ("%gradcheck 3", "a cost is a variable, not a int"),
        ("%gradcheck loss w --values 3", "'3' is not of the form x=value, y=value"),
        ("%gradcheck loss w --values q=3", "--values: no variable 'q'"),
        ("%gradcheck loss w --eps much", "argument --eps: invalid float value"),
    ],
)
def test_bad_arguments_of_gradcheck(made, line, words):
    assert words in made.usage_error(line)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("f h", ["f", "h"]),
        ("loss [W, b]", ["loss", "[W, b]"]),
        ("(x ** 2).sum() x", ["(x ** 2).sum()", "x"]),
        ("f(a)[0]", ["f(a)[0]"]),
        ("x if y else z w", ["x if y else z", "w"]),
        ("a + b not_a", ["a + b", "not_a"]),
        ("not a", ["not a"]),
        ("loss W,b", ["loss", "W,b"]),
        ("loss W, b", ["loss", "W, b"]),
        ("f None", ["f", "None"]),
        ("g['a b'] 3", ["g['a b']", "3"]),
        ("lambda q: q + 1", ["lambda q: q + 1"]),
        ("f(", ["f("]),
        ("", []),
    ],
)
def test_expressions_one_after_the_other(text, parts):
    from arignote.kernel_ext.arguments import expressions

    assert expressions(text) == parts
