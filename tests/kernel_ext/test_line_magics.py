"""`%graph` and `%debugprint`."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

CELL = """%%graph g --no-show
x: fvector
w = shared(np.ones(3, "float32"))
y = T.tanh(x * w)
z = y.sum()
"""


@pytest.fixture
def made(shell):
    shell.good(CELL)
    shell.good("f = g.compile('z')")
    return shell


THINGS = ["z", "g", "f", "[y, z]", "(y, z)", "{'a': y}", "g.view", "-x", "x + 2 * y", "T.sqrt(z)",
          'g["z"]', "g.z", "grad(z, w)"]  # fmt: skip


@pytest.mark.parametrize("thing", THINGS)
def test_graph_shows_a_picture(made, thing):
    (svg,) = made.good(f"%graph {thing}").svgs
    assert ET.fromstring(svg).tag.endswith("svg")


@pytest.mark.parametrize("thing", THINGS)
def test_graph_shows_texts(made, thing):
    before = made.own_names()
    assert "digraph" in made.good(f"%graph {thing} --view dot").stdout
    assert made.good(f"%graph --view text {thing}").stdout.strip()
    assert made.good(f"%graph {thing} --view none").stdout == ""
    assert made.good(f"%debugprint {thing}").stdout.strip()
    assert made.own_names() == before


@pytest.mark.parametrize(
    ("suffix", "start"), [(".svg", "<"), (".dot", "digraph"), (".gv", "digraph")]
)
def test_export_writes_a_file(made, tmp_path, suffix, start):
    file = tmp_path / f"a graph{suffix}"
    outcome = made.good(f'%graph z --export "{file}"')
    assert outcome.stdout.strip() == f"wrote {file}"
    assert file.read_text("utf-8").lstrip().startswith(start)


def test_debugprint_options(made):
    whole = made.good("%debugprint z").stdout
    assert "w" in whole
    cut = made.good("%debugprint z --depth 1").stdout
    assert len(cut.splitlines()) < len(whole.splitlines())
    assert "float32" in made.good("%debugprint z --types").stdout
    assert "y = T.tanh(x * w)" in made.good("%debugprint z --source").stdout
    assert "[id A]" in whole
    assert "[id 0]" in made.good("%debugprint z --ids int").stdout
    assert "[id" not in made.good("%debugprint z --ids none").stdout


def test_local_names_of_a_function(made):
    outcome = made.good(
        "def inside(v):\n    get_ipython().run_line_magic('graph', 'v --view dot')\n    "
        "%graph v + 1 --view dot\ninside(z)"
    )
    assert outcome.stdout.count("digraph") == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%graph", "%graph needs an expression"),
        ("%debugprint", "%debugprint needs an expression"),
        ("%graph x +", "'x +' is no expression"),
        ("%graph q: fmatrix", "'q: fmatrix' is no expression"),
        ("%graph 3", "no graph in an object of type int"),
        ("%graph [1, 2]", "no graph in an object of type list"),
        ("%graph []", "no graph in an object of type list"),
        ("%graph x --view pie", "argument --view: invalid choice: 'pie'"),
        ("%graph x --vieww svg", "unrecognized arguments: --vieww"),
        ("%graph x --export a.txt", "the suffix is one of .svg, .dot, .gv, .png, .pdf"),
        ("%debugprint x --depth much", "argument --depth: invalid int value"),
    ],
)
def test_bad_arguments_give_one_line(made, line, words):
    assert words in made.usage_error(line)


def test_an_error_in_the_expression_is_shown_alone(made):
    outcome = made.run("%graph zz + 1")
    assert isinstance(outcome.error, NameError)
    assert len(outcome.marked) == 1
    assert "zz + 1" in outcome.marked[0]
    assert "run_line_magic" not in outcome.stdout


def test_words_in_quotes_and_braces_reach_python(made):
    made.good("names = {'a  b': z}")
    assert len(made.good("%graph names['a  b']").svgs) == 1
    assert len(made.good("%graph {'k': z}['k']").svgs) == 1
