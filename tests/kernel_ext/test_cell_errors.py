"""Errors in a `%%graph` cell. Oracle: the number of the line, counted by hand from `%%graph` on."""

from __future__ import annotations

import re

import pytest

from arignote.errors import ArignoteError, ShapeError
from arignote.kernel_ext.naming import DeclarationError
from arignote.kernel_ext.tracebacks import CellSyntaxError

MAX_LINES = 20

# Body (its first line is line 2 of the cell), the line at fault, its text.
RUN_TIME = [
    ("1 / 0", 2, "1 / 0"),
    ("x: fmatrix\ny = 1 / 0\nz = 3", 3, "y = 1 / 0"),
    ("\n\n# words\n\nx: fmatrix\n\ny = 1 / 0", 8, "y = 1 / 0"),
    ("    x: fmatrix\n    y = 1 / 0", 3, "y = 1 / 0"),
    ("s = '''\n\n'''\ny = 1 / 0", 5, "y = 1 / 0"),
    ("y = (1 +\n     1 / 0)", 3, "1 / 0)"),
    ("y = 1 \\\n  / 0", 2, "y = 1 \\"),
    ("for i in [0]:\n    y = 1 / i", 3, "y = 1 / i"),
    ("é = '日本'; y = 1 / 0", 2, "é = '日本'; y = 1 / 0"),
    ("%timeit -n1 -r1 1 + 1\n!true\ny = 1 / 0", 4, "y = 1 / 0"),
    ("y: fmatrix = 1 / 0", 2, "y: fmatrix = 1 / 0"),
    ("(y := 1 / 0)", 2, "(y := 1 / 0)"),
]


@pytest.mark.parametrize(("body", "line", "text"), RUN_TIME)
def test_the_arrow_points_at_the_users_line(shell, body, line, text):
    outcome = shell.run(f"%%graph g\n{body}")
    assert isinstance(outcome.error, ZeroDivisionError)
    assert re.search(rf"Cell In\[\d+\], line {line}\n", outcome.stdout), outcome.stdout
    (marked,) = outcome.marked
    assert re.match(rf"-+> {line} +{re.escape(text)}$", marked), marked
    assert outcome.stdout.count("Cell In[") == 1
    assert "run_cell_magic" not in outcome.stdout
    assert "kernel_ext" not in outcome.stdout


def test_the_cell_number_is_the_one_of_the_prompt(shell):
    for _ in range(2):
        number = shell.ip.execution_count
        assert f"Cell In[{number}], line 3\n" in shell.run("%%graph g\n\n1 / 0").stdout


def test_functions_of_the_user_are_shown(shell):
    outcome = shell.run("%%graph g\ndef f():\n    return 1 / 0\ny = f()")
    assert len(outcome.marked) == 2
    assert "line 4" in outcome.stdout
    assert "line 3, in f()" in outcome.stdout


def test_an_exception_without_room_for_attributes_is_shown_too(shell):
    outcome = shell.run(
        "%%graph g\nclass Tight(Exception):\n    def __setattr__(self, *_):\n"
        "        raise AttributeError\nraise Tight('words')"
    )
    assert "Tight: words" in outcome.stdout


SYNTAX = [
    ("x: fmatrix\ny = (x +\nz = 3", 3, "'(' was never closed"),
    ("x: fmatrix\nreturn 5", 3, "'return' outside function"),
    ("\n\nx = = 3", 4, "invalid syntax"),
    ("x: fmatrix\nx.data: fvector", 3, "only a plain name can be declared as an input"),
    ("x[0]: fvector", 2, "only a plain name can be declared as an input"),
    ("x, y: fmatrix", 2, "only single target"),
    ("x: fmatrix\nawait x", 3, "'await' outside function"),
    ("if True:\ny = 3", 3, "expected an indented block"),
    ("x: fmatrix\n  y = 3", 3, "unexpected indent"),
]


@pytest.mark.parametrize(("body", "line", "words"), SYNTAX)
def test_syntax_errors_are_shown_as_in_a_plain_cell(shell, body, line, words):
    """Oracle: IPython's own display of the same fault at the same line of a plain cell."""
    outcome = shell.run(f"%%graph g\n{body}")
    assert isinstance(outcome.error, CellSyntaxError)
    assert re.match(rf"\s*(File )?Cell In\[\d+\], line {line}\n", outcome.stdout), outcome.stdout
    assert words in outcome.stdout
    assert len(outcome.stdout.strip().splitlines()) <= 6
    assert "^" in outcome.stdout
    assert "g" not in shell.names


UNKNOWN = [
    ("x: fmatrx", "fmatrx is not defined", "x: fmatrix"),
    ("x: T.fmatrx", "fmatrx", "fmatrix"),
    ("x: 'fmatrx'", "fmatrx is not defined", "x: fmatrix"),
    ("x: 'two words'", "two words is not a tensor type", "scalar, vector, row, col, matrix"),
    ("x: float", "float is not a tensor type", "x: dscalar"),
    ("x: int", "int is not a tensor type", "x: lscalar"),
    ("x: 3", "3 is not a tensor type", "scalar, vector, row, col, matrix"),
    ("x: np.float32", "np.float32 is not a tensor type", "dtype prefix"),
    ("x: qqqq", "qqqq is not defined", 'tensor("float32", (None, 3))'),
]


@pytest.mark.parametrize(("body", "words", "hint"), UNKNOWN)
def test_an_annotation_that_declares_nothing(shell, body, words, hint):
    outcome = shell.run(f"%%graph g\n\n# words\n{body}\ny = 3")
    assert isinstance(outcome.error, ArignoteError)
    assert words in outcome.stdout
    assert hint in outcome.stdout
    assert f"cell In[{shell.ip.execution_count - 1}], line 4" in outcome.stdout
    assert len(outcome.marked) == 1
    assert "-> 4 x: " in outcome.marked[0]
    assert len(outcome.stdout.strip().splitlines()) <= MAX_LINES
    assert not {"x", "y"} & set(shell.names)


def test_an_error_inside_a_function_of_the_annotation_is_its_own(shell):
    outcome = shell.run("%%graph g\ndef kind():\n    return missing\nx: kind()")
    assert isinstance(outcome.error, NameError)
    assert "name 'missing' is not defined" in outcome.stdout
    assert outcome.error.__class__ is not DeclarationError


def test_errors_of_arignote_are_short_and_name_the_line(shell):
    outcome = shell.run(
        '%%graph g\na: tensor("float32", (2, 3))\nb: tensor("float32", (4, 5))\nc = a + a\n'
        "y = a + b\nz = 3"
    )
    assert isinstance(outcome.error, ShapeError)
    number = shell.ip.execution_count - 1
    assert f"Cell In[{number}], line 5\n" in outcome.stdout
    assert re.search(rf"cell In\[{number}\], line [345]", outcome.stdout)
    assert len(outcome.stdout.strip().splitlines()) <= MAX_LINES
    assert len(outcome.marked) == 1
    assert {"a", "b", "c"} <= set(shell.names)
    assert "y" not in shell.names


def test_errors_of_arignote_are_short_in_plain_cells(shell):
    shell.good("%%graph g --no-show\nx: fvector\nw = shared(np.zeros(3, 'float32'))\ny = x + w")
    for cell in ("f = g.compile('y'); f([1, 2])", "g.compile('nothing')", "g.yy", "f(1, 2, 3)"):
        outcome = shell.run(cell)
        assert isinstance(outcome.error, ArignoteError), cell
        assert len(outcome.stdout.strip().splitlines()) <= MAX_LINES, outcome.stdout
        assert len(outcome.marked) == 1, outcome.stdout


def test_variables_know_the_line_of_their_cell(shell):
    number = shell.ip.execution_count
    shell.good("%%graph g --no-show\n\nx: fmatrix\ny = x + 1")
    assert shell.names["x"].source.where == f"cell In[{number}], line 3"
    assert shell.names["y"].source.where == f"cell In[{number}], line 4"
    assert shell.names["y"].source.text == "y = x + 1"
    shell.good("z = y + 1")
    assert shell.names["z"].source.where == f"cell In[{number + 1}], line 1"


def test_interrupting_a_cell_shows_the_users_line(shell):
    outcome = shell.run("%%graph g\nx: fmatrix\nraise KeyboardInterrupt")
    assert isinstance(outcome.error, KeyboardInterrupt)
    assert "-> 3 raise KeyboardInterrupt" in outcome.stdout
    assert len(outcome.marked) == 1
