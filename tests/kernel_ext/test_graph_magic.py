"""`%%graph`: the example of the manual, outputs and inputs, what is shown."""

from __future__ import annotations

import numpy as np
import pytest

from arignote.kernel_ext.graph_cell import CellGraph


def test_digits(shell, digits_cell):
    """The example, trained. Oracle: log 10 at the start; SGD computed by NumPy."""
    outcome = shell.good(digits_cell)
    assert len(outcome.displays) == 1
    assert outcome.svgs[0].startswith("<svg")
    names = shell.names
    digits = names["digits"]
    assert isinstance(digits, CellGraph)
    assert list(digits.inputs) == ["x", "y"]
    assert list(digits.outputs) == ["loss", "error"]
    assert digits.loss is names["loss"]
    assert list(digits.shared) == ["W", "b"]
    assert digits.parameters == [names["W"], names["b"]]
    assert {name: names[name].name for name in ("W", "b", "p", "loss", "error")} == {
        name: name for name in ("W", "b", "p", "loss", "error")
    }
    shell.good('gW, gb = digits.grad("loss", [W, b])')
    shell.good('train = digits.compile("loss", updates={W: W - 0.5 * gW, b: b - 0.5 * gb})')
    shell.good('test = digits.compile("error")')
    assert [v.name for v in names["train"].inputs] == ["x", "y"]
    rng = np.random.default_rng(0)
    pixels = rng.random((50, 64)).astype("float32")
    labels = rng.integers(0, 10, 50).astype("int32")
    assert names["train"](pixels, labels) == pytest.approx(np.log(10), rel=1e-5)
    step = (np.eye(10)[labels] - 0.1) / 50
    np.testing.assert_allclose(names["W"].get_value(), 0.5 * pixels.T @ step, rtol=1e-4, atol=1e-6)
    losses = [float(names["train"](pixels, labels)) for _ in range(50)]
    assert losses[-1] < 0.7 * losses[0]
    assert 0 <= float(names["test"](pixels, labels)) < 0.5


def test_texts_of_digits(shell, digits_cell):
    shell.good(digits_cell)
    assert "digraph" in shell.names["digits"].dot
    assert shell.names["digits"].svg.startswith("<svg")
    printed = shell.good("digits.debugprint()").stdout
    assert "W" in printed
    assert "loss" in printed


OUTPUTS = {
    # Body -> names of the outputs.
    "x: fmatrix\ny = x + 1\nz = x * 2": ["y", "z"],
    "x: fmatrix\ny = x + 1\nz = y * 2": ["z"],
    "x: fmatrix\ny = x + 1\nz = y * 2\ny": ["y"],
    "x: fmatrix\ny = x + 1\nz = y * 2\ny, z": ["y", "z"],
    "x: fmatrix\n[x + 1, x + 2]": ["output", "output_2"],
    "x: fmatrix\ny = x + 1\n{'first': y, 'second': y * 2}": ["first", "second"],
    "x: fmatrix\nx": ["x"],
    "x: fmatrix\nx.sum()": ["output"],
    "x: fmatrix\nh = x\nfor i in range(3):\n    h = h + 1": ["h"],
    "x: fmatrix\nw = shared(np.zeros(2))\ny = x + w": ["y"],
    "x: fmatrix\ny = x + 1\nprint('hello')": ["y"],
}


@pytest.mark.parametrize("body", OUTPUTS)
def test_outputs(shell, body):
    shell.good(f"%%graph --no-show\n{body}")
    assert list(shell.names["_graph"].outputs) == OUTPUTS[body]


def test_options_choose_outputs_and_inputs(shell):
    body = "x: fmatrix\ny: fmatrix\nh = x + y\nz = h * y\nw = z + 1\n"
    shell.good(f"%%graph g --outputs z, h -i y,x --no-show\n{body}")
    graph = shell.names["g"]
    assert list(graph.outputs) == ["z", "h"]
    assert list(graph.inputs) == ["y", "x"]
    assert [v.name for v in graph.compile("z").inputs] == ["y", "x"]


def test_an_intermediate_variable_can_be_an_input(shell):
    shell.good("%%graph g -i h,y --no-show\nx: fvector\ny: fvector\nh = x * 2\nz = h + y")
    compiled = shell.names["g"].compile("z")
    assert [v.name for v in compiled.inputs] == ["h", "y"]
    np.testing.assert_array_equal(compiled([1, 2], [10, 20]), [11, 22])


def test_variables_of_other_cells_become_inputs(shell):
    shell.good("import arignote.tensor as T\nu = T.fvector('u')\nv = T.fvector()")
    shell.good("%%graph g --no-show\nx: fvector\nw = T.fvector('w')\nz = x + v + u + w")
    graph = shell.names["g"]
    assert list(graph.inputs) == ["x", "w", "input", "u"]
    assert float(graph.compile("z")([1], [2], [3], [4])[0]) == 10.0


def test_without_a_name_the_graph_is_bound_to_graph(shell):
    shell.good("%%graph\nx: fmatrix\ny = x + 1")
    assert list(shell.names["_graph"].outputs) == ["y"]
    assert repr(shell.names["_graph"]) == "<CellGraph _graph: x -> y>"


def test_a_plain_last_value_is_shown_as_in_any_cell(shell):
    outcome = shell.good("%%graph g --no-show\nx: fmatrix\ny = x + 1\n40 + 2")
    assert outcome.result == 42
    assert list(shell.names["g"].outputs) == ["y"]
    assert shell.good("%%graph g --no-show\nx: fmatrix\nx + 1").result is None


@pytest.mark.parametrize(
    ("options", "pictures", "words"),
    [
        ("", 1, ""),
        ("--view svg", 1, ""),
        ("--view text", 0, "y"),
        ("--view html", 1, ""),
        ("--view none", 0, ""),
        ("--no-show", 0, ""),
    ],
)
def test_what_is_shown(shell, options, pictures, words):
    outcome = shell.good(f"%%graph g {options}\nx: fmatrix\ny = x + 1")
    assert len(outcome.svgs) == pictures
    assert words in outcome.stdout
    assert (outcome.stdout == "") == (words == "")


def test_the_display_holds_text_and_picture(shell):
    (shown,) = shell.good("%%graph g\nx: fmatrix\ny = x + 1").displays
    assert set(shown.data) == {"text/plain", "text/html", "image/svg+xml"}


def test_declarations_alone_are_no_error(shell):
    outcome = shell.good("%%graph g\nx: fmatrix\ny: fmatrix")
    assert outcome.stdout.startswith("%%graph g: no outputs yet")
    assert list(shell.names["g"].inputs) == ["x", "y"]
    assert set(shell.names["g"]._repr_mimebundle_()) == {"text/plain"}


def test_magics_and_shell_commands_work_in_the_cell(shell):
    outcome = shell.good(
        "%%graph g --no-show\nx: fmatrix\n%timeit -n1 -r1 x + 1\n!echo shell here\n"
        "files = !echo one two\ny = x + 1"
    )
    assert "1 loop each" in outcome.stdout
    assert "shell here" in outcome.stdout
    assert shell.names["files"] == ["one two"]
    assert list(shell.names["g"].outputs) == ["y"]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("%%graph a b\nx: fmatrix", "unrecognized arguments: b"),
        ("%%graph a --mode fast\nx: fmatrix", "unrecognized arguments: --mode fast"),
        ("%%graph a --view pie\nx: fmatrix", "argument --view: invalid choice: 'pie'"),
        ("%%graph a --view\nx: fmatrix", "argument --view: expected one argument"),
        ("%%graph 3a\nx: fmatrix", "'3a' cannot be the name of a variable"),
        ("%%graph class\nx: fmatrix", "'class' cannot be the name of a variable"),
        ("%%graph x\nx: fmatrix", "the cell assigns x too"),
        ("%%graph a -o q\nx: fmatrix", "-o: no variable 'q'; the cell's variables: x"),
        ("%%graph a -i q\nx: fmatrix", "-i: no variable 'q'; the cell's variables: x"),
        ("%%graph a\n\n%%time\nx: fmatrix", "%%time cannot stand in the cell; write it above"),
        ("%%graph a\n", "the cell body is empty"),
        ("%%graph a\n\n  \n# words\n", "%%graph: the cell body holds no statement."),
        ("%%debugprint x\nx", "line magic `%debugprint` exists"),
    ],
)
def test_bad_arguments_give_one_line(shell, cell, words):
    assert words in shell.usage_error(cell)
    assert "a" not in shell.names


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("magic", ["%%graph a {}\nx: nonsense", "%graph {}", "%debugprint {}"])
def test_help_prints_the_docstring_and_does_nothing(shell, magic, flag):
    outcome = shell.good(magic.format(flag))
    assert outcome.stdout.lstrip().startswith("%")
    assert "options:" in outcome.stdout
    assert "a" not in shell.names


def test_question_mark_shows_usage(shell):
    assert "%%graph [-o A,B]" in shell.good("%%graph?").stdout
    assert "%graph [--view" in shell.good("%graph?").stdout


def test_another_cell_magic_above(shell):
    outcome = shell.good("%%time\n%%graph g --no-show\nx: fmatrix\ny = x + 1")
    assert "Wall time" in outcome.stdout
    assert list(shell.names["g"].outputs) == ["y"]


@pytest.mark.parametrize("cell", ["%%graph -h", "%%graph --help\n", "\n%%graph name -h"])
def test_help_needs_no_body(shell, cell):
    """IPython itself refuses a cell magic without a body."""
    outcome = shell.good(cell)
    assert outcome.stdout.lstrip().startswith("%%graph [-o A,B]")
