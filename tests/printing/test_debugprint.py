"""debugprint. Oracles: texts written by hand; an independent walk over the graph."""

from __future__ import annotations

import io

import pytest

import arignote as ari
import arignote.tensor as T
from arignote import debugprint
from arignote.errors import GraphError
from arignote.viz import view
from printing.graphs import chain, counted, softmax_regression, train_function


def text_of(thing, **options) -> str:
    text = debugprint(thing, file="str", **options)
    assert isinstance(text, str)
    return text


@pytest.fixture
def graph():
    x, y = T.fmatrix("x"), T.fmatrix("y")
    z = T.exp(x + y)
    z.name = "z"
    return z * z.T - y


EXPECTED = """\
sub [id A]
 ├─ mul [id B]
 │   ├─ exp [id C] 'z'
 │   │   └─ add [id D]
 │   │       ├─ x [id E]
 │   │       └─ y [id F]
 │   └─ DimShuffle{1,0} [id G]
 │       └─ exp [id C] 'z' ···
 └─ y [id F]"""


def test_a_tree(graph, capsys):
    assert text_of(graph) == EXPECTED
    assert debugprint(graph) is None
    assert capsys.readouterr().out == EXPECTED + "\n"
    file = io.StringIO()
    debugprint(graph, file=file)
    assert file.getvalue() == EXPECTED + "\n"
    assert text_of(view(graph)) == EXPECTED


def test_depth(graph):
    assert text_of(graph, depth=1) == "sub [id A]"
    assert text_of(graph, depth=2) == "sub [id A]\n ├─ mul [id B]\n └─ y [id C]"
    assert text_of(graph, depth=-1) == text_of(graph, depth=None) == EXPECTED


def test_what_was_cut_off_is_opened_later():
    x = T.dscalar("x")
    y = T.exp(x)
    text = text_of([T.tanh(T.sin(y)), y], depth=3)
    assert text.splitlines()[-2:] == ["exp [id C]", " └─ x [id D]"]


def test_ids(graph):
    assert "[id 0]" in text_of(graph, ids="int")
    assert "[id" not in text_of(graph, ids="")
    assert text_of(graph, ids="char") == EXPECTED
    with pytest.raises(GraphError, match="ids"):
        debugprint(graph, ids="letters")


def test_types(graph):
    lines = text_of(graph, print_type=True).splitlines()
    assert lines[2] == " │   ├─ exp [id C] <TensorType(float32, matrix)> 'z'"
    assert text_of(T.fmatrix(), print_type=True) == "<TensorType(float32, matrix)> [id A]"


def test_stop_on_name(graph):
    lines = text_of(graph, stop_on_name=True).splitlines()
    assert len(lines) == 6
    named = T.exp(graph)
    named.name = "root"
    assert len(text_of(named, stop_on_name=True).splitlines()) == 7


def test_sources(graph):
    lines = text_of(graph, print_source=True).splitlines()
    assert all("test_debugprint.py:" in line for line in lines)
    assert lines[0].endswith("return z * z.T - y")


def test_outputs_of_a_dict():
    x = T.dscalar("x")
    assert text_of({"twice": x * 2}).splitlines()[0] == "mul [id A]  (output twice)"


def test_a_function_prints_its_compiled_graph():
    f = train_function()
    lines = text_of(f).splitlines()
    roots = [line for line in lines if line[0] != " "]
    assert len(roots) == 3
    assert " [id A] 'loss' #" in roots[0]
    assert [line.partition("  (")[2] for line in roots[1:]] == [
        "new value of W)",
        "new value of b)",
    ]
    steps = {line.partition(" #")[2].split()[0] for line in lines if " #" in line}
    assert steps == {str(n) for n in range(len(f.fgraph.order))}


def test_every_node_is_opened_once():
    *_, loss, gradients = softmax_regression()
    lines = text_of([loss, *gradients]).splitlines()
    expected = counted([loss, *gradients])
    assert len(lines) == expected["edges"] + 3
    opened = [line for line in lines if not line.endswith("···")]
    ops = [line.split("[id ")[1] for line in opened if not is_leaf(line)]
    assert len(ops) == len(set(ops)) == expected["ops"]


def is_leaf(line: str) -> bool:
    word = line.lstrip(" │├└─").partition(" ")[0]
    return word in {"x", "y", "W", "b"} or word.lstrip("-")[0].isdigit()


def test_several_outputs_of_one_op():
    x = T.dmatrix("x")
    parts = T.nonzero(x)
    lines = text_of(list(parts)).splitlines()
    assert lines[0].startswith("Nonzero.0 [id A]")
    assert lines[-1].startswith("Nonzero.1 [id A]")


def test_depth_cuts_the_whole_text():
    """Oracle: the whole text, its deeper lines taken out, where nothing is shared."""
    x = [T.dscalar(f"x{n}") for n in range(8)]
    tree = T.exp((x[0] + T.tanh(x[1] * x[2])) * (x[3] / (x[4] - T.sin(x[5])))) + x[6] ** x[7]
    whole = text_of(tree, ids="").splitlines()
    for depth in range(1, 8):
        level = [(len(line) - len(line.lstrip(" │├└─"))) // 4 for line in whole]
        kept = [line for line, lev in zip(whole, level, strict=True) if lev < depth]
        assert text_of(tree, ids="", depth=depth).splitlines() == kept


def test_a_chain_of_20000():
    end = chain(20_000)
    whole = text_of(end)
    assert len(whole.splitlines()) == 20_001 + 10_000
    assert len(whole) < 2.3 * len(text_of(chain(10_000)))
    assert max(map(len, whole.splitlines())) < 250
    assert any(line.startswith(" ┆20000 ├─ x ") for line in whole.splitlines())
    assert len(text_of(end, depth=5).splitlines()) < 12


def test_depth_counts_the_shortest_way():
    y = T.exp(T.dscalar("x"))
    text = text_of(y + T.tanh(T.sin(y)), depth=3)
    assert text.splitlines()[1:3] == [" ├─ exp [id B]", " │   └─ x [id C]"]


def test_depth_keeps_large_graphs_quick():
    small, large = (view(chain(count), copies=False, depth=5) for count in (100, 2000))
    assert len(small.nodes) == len(large.nodes) < 20


@pytest.mark.parametrize("thing", [3, None, "x"])
def test_no_graph(thing):
    with pytest.raises(GraphError, match="no graph"):
        debugprint(thing)


def test_file_names_are_not_opened(tmp_path):
    with pytest.raises(GraphError, match="str"):
        ari.debugprint(T.dscalar("x"), file=str(tmp_path / "x"))
