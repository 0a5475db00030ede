"""Names of variables. Oracle: the table, written by hand from what Python's assignments mean."""

from __future__ import annotations

import ast

import pytest

from arignote.graph import Variable

PLAIN = "x: fmatrix\n"

# Cell body, the names that variables must carry afterwards (Python name -> .name).
NAMED = {
    "plain": ("y = x + 1", {"y": "y"}),
    "chain of targets": ("y = z = x + 1", {"y": "y", "z": "y"}),
    "tuple": ("a, b = x + 1, x + 2", {"a": "a", "b": "b"}),
    "nested and starred": (
        "a, (b, *c) = x + 1, (x + 2, x + 3)\nd = c[0]",
        {"a": "a", "b": "b", "d": "d"},
    ),
    "augmented": ("y = x + 1\ny += x", {"y": "y"}),
    "annotated": ("y: fmatrix = x + 1", {"y": "y"}),
    "annotated with anything": ("y: 'what?' = x + 1", {"y": "y"}),
    "rebound": ("x = x + x", {"x": "x"}),
    "alias keeps the first name": ("y = x", {"y": "x"}),
    "own name is kept": ("y = T.fmatrix('given')", {"y": "given"}),
    "shared": ("W = shared(np.zeros(3))", {"W": "W"}),
    "constant": ("c = T.constant(3.0)", {"c": "c"}),
    "in a loop": ("h = x\nfor i in range(3):\n    h = h + i", {"h": "h"}),
    "loop variable": ("for v in [x + 1]:\n    w = v * 2", {"v": "v", "w": "w"}),
    "in branches": (
        "if True:\n    y = x + 1\nelse:\n    y = x\ntry:\n    z = y + 1\nfinally:\n    pass",
        {"y": "y", "z": "z"},
    ),
    "one-line suite": ("if True: y = x + 1; z = y * 2", {"y": "y", "z": "z"}),
    "walrus": ("(y := x + 1)", {"y": "y"}),
    "walrus in a comprehension": ("t = [(y := x + i) for i in range(2)][0]", {"t": "y"}),
    "with": (
        "import contextlib\nwith contextlib.nullcontext(x + 1) as y:\n    z = y + 1",
        {"y": "y", "z": "z"},
    ),
    "match": ("match [x + 1, 2]:\n    case [y, n]:\n        z = y + n", {"y": "y", "z": "z"}),
    "from a function": ("def f(v):\n    w = v + 1\n    return w\ny = f(x)", {"y": "y"}),
    "unicode": ("μ = x.mean()\nσ2 = ((x - μ) ** 2).mean()", {"μ": "μ", "σ2": "σ2"}),
    "semicolons": ("a = x + 1; b = a + 1", {"a": "a", "b": "b"}),
    "line continuation": ("y = x \\\n    + 1", {"y": "y"}),
    "multi-line string": ('s = """\nx: nonsense\n"""\ny = x + 1', {"y": "y"}),
    "decorator and class": (
        """import functools
@functools.cache
def f():
    a: int
    return 2
class C:
    a: int
    b: float = 1.0
y = x + f()""",
        {"y": "y"},
    ),
    "async function": ("async def f():\n    w = 1\n    return w\ny = x + 1", {"y": "y"}),
    "global": ("def f():\n    global g\n    g = x + 1\nf()\ny = g + 1", {"y": "y"}),
}


@pytest.mark.parametrize("case", NAMED)
def test_assigned_variables_carry_their_names(shell, case):
    body, expected = NAMED[case]
    shell.good(f"%%graph g --no-show\n{PLAIN}{body}")
    assert {name: shell.names[name].name for name in expected} == expected


@pytest.mark.parametrize("case", NAMED)
def test_the_namespace_holds_what_a_plain_cell_leaves_and_the_graph(shell, case):
    """Oracle: the same statements without the declaration, run by exec."""
    body = NAMED[case][0]
    before = shell.own_names()
    shell.good(f"%%graph g --no-show\n{PLAIN}{body}")
    stores = {n.id for n in ast.walk(ast.parse(body)) if isinstance(n, ast.Name)}
    added = shell.own_names() - before
    assert {"x", "g"} <= added
    assert added - {"x", "g"} <= stores | {"f", "C", "contextlib", "functools"}
    assert not {"T", "np", "shared", "fmatrix", "__annotations__"} & set(shell.names)
    assert "__arignote_cell__" not in shell.names


DECLARED = {
    "x: fmatrix": ("float32", 2),
    "x: T.fmatrix": ("float32", 2),
    "x: 'fmatrix'": ("float32", 2),
    'x: "T.ivector"': ("int32", 1),
    "x: matrix": ("float64", 2),
    "x: fmatrix.type": ("float32", 2),
    'x: tensor("int16", (None, 3, 4))': ("int16", 3),
    "x: bscalar  # with a remark": ("int8", 0),
    "y0 = T.zvector('y0')\nx: y0": ("complex128", 1),
    "(x): fmatrix": ("float32", 2),
    "if True:\n    x: fmatrix": ("float32", 2),
    "\n\n# words\n\n   # more words\nx: fmatrix": ("float32", 2),
    "from __future__ import annotations\nx: fmatrix": ("float32", 2),
    "MyInput = T.fmatrix\nx: MyInput": ("float32", 2),
}


@pytest.mark.parametrize("body", DECLARED)
def test_bare_annotations_declare_inputs(shell, body):
    shell.good(f"%%graph g --no-show\n{body}\n")
    x = shell.names["x"]
    assert (x.dtype, x.ndim) == DECLARED[body]
    assert x.name == "x"
    assert shell.names["g"].inputs["x"] is x


def test_floatX_is_read_when_the_cell_runs(shell):
    shell.good("from arignote import config")
    shell.good(
        'with config.change(floatX="float32"):\n    get_ipython().run_cell_magic('
        '"graph", "g --no-show", "x: matrix")'
    )
    assert shell.names["x"].dtype == "float32"


def test_a_name_of_the_user_wins(shell):
    shell.good("T = 3\nnp = 4\nimport arignote.tensor\nfmatrix = arignote.tensor.ivector")
    shell.good("%%graph g --no-show\nx: fmatrix\ny = x * T + np")
    assert shell.names["x"].dtype == "int32"
    assert (shell.names["T"], shell.names["np"]) == (3, 4)


def test_functions_of_the_cell_find_the_ready_names_later(shell):
    shell.good("%%graph g --no-show\nx: fmatrix\ndef f(v):\n    return T.tanh(v)\ny = f(x)")
    shell.good("z = f(x)")
    assert isinstance(shell.names["z"], Variable)
    assert isinstance(shell.run("T").error, NameError)


def test_the_ready_names_are_gone_after_an_error(shell):
    assert isinstance(shell.run("%%graph g\nx: fmatrix\n1 / 0").error, ZeroDivisionError)
    assert isinstance(shell.run("T").error, NameError)
    assert "g" not in shell.names
    assert isinstance(shell.names["x"], Variable)


def test_rebinding_an_input_keeps_the_input(shell):
    shell.good("%%graph g --no-show\nx: fmatrix\nx = x + x")
    graph = shell.names["g"]
    assert graph.inputs["x"].owner is None
    assert graph.x is shell.names["x"] is graph.outputs["x"]
    assert graph.compile("x")([[1.0, 2.0]]).tolist() == [[2.0, 4.0]]


def test_deleted_and_overwritten_names_are_forgotten(shell):
    shell.good("%%graph g --no-show\nx: fmatrix\na = x + 1\nb = x + 2\ndel a\nb = 3\nc = x + 4")
    assert set(shell.names["g"].variables) == {"x", "c"}
