"""The explorer as a value, and its widget. Oracles: the view, sizes in bytes, traitlets."""

from __future__ import annotations

import base64
import builtins
import json
import random
import sys
import types

import numpy as np
import pytest

import arignote as ari
import arignote.tensor as T
from arignote import lazy
from arignote.errors import GraphError
from arignote.kernel_ext.graph_cell import cell_graph
from arignote.viz import NodeKind, explore, view
from arignote.viz.drawing.boxes import Heat
from arignote.viz.explorer.explorer import mimebundle, node_of
from arignote.viz.output.d3 import d3_html, d3_page
from printing.graphs import chain, softmax_regression, train_function

PLAIN, SVG, HTML = "text/plain", "image/svg+xml", "text/html"
MAX_BYTES = 200_000


def size(forms: dict[str, str]) -> int:
    return sum(len(text.encode()) for text in forms.values())


def cell():
    x = T.dvector("x")
    y = T.exp(x) + 1
    return cell_graph("model", {"x": x}, {"y": y})


@pytest.mark.parametrize(
    "make",
    [
        lambda: chain(2),
        lambda: [chain(2), chain(3)],
        lambda: {"a": chain(2)},
        train_function,
        lambda: train_function().fgraph,
        lambda: view(chain(2)),
        cell,
    ],
)
def test_things(make):
    thing = make()
    made = explore(thing)
    assert len(made.document["nodes"]) == len(view(thing).nodes)
    forms = made._repr_mimebundle_()
    assert list(forms) == [PLAIN, SVG, HTML]
    assert forms[SVG] == made.view.svg


@pytest.mark.parametrize("thing", [3, "x", None, [1]])
def test_things_without_a_graph(thing):
    with pytest.raises(GraphError, match="no graph"):
        explore(thing)


def test_repr_is_short_and_stable():
    assert repr(explore(chain(1))) == "<Explorer: 3 nodes, 2 edges>"
    assert repr(explore(train_function())).startswith("<Explorer train: ")
    assert explore(chain(1))._repr_mimebundle_()[PLAIN] == "<Explorer: 3 nodes, 2 edges>"


def test_forms_that_are_asked_for():
    made = explore(chain(1))
    assert set(made._repr_mimebundle_(include={PLAIN})) == {PLAIN}
    assert set(made._repr_mimebundle_(exclude={HTML})) == {PLAIN, SVG}
    assert set(view(chain(1))._repr_mimebundle_(include={PLAIN})) == {PLAIN}


# ---- size ---------------------------------------------------------------------------------------


def wide(count: int):
    """A graph of about this many nodes whose texts have little in common."""
    generator = np.random.default_rng(1)
    values = []
    for number in range(count // 3):
        x = T.dvector(f"v{generator.integers(1 << 40):x}")
        values.append(T.tanh(x) if number % 2 else T.exp(x) * x)
    return values


@pytest.mark.parametrize("count", [3, 60, 150, 290, 500, 2_800, 9_000, 30_000])
def test_outputs_stay_small(count: int):
    forms = mimebundle(view(wide(count)), "a graph")
    assert size(forms) < MAX_BYTES
    assert forms[PLAIN].startswith("a graph")
    assert (SVG in forms) == ("too many" not in forms[PLAIN])
    assert (HTML in forms) == (count <= 9_000)


def test_what_there_is_no_room_for_goes_and_the_graph_stays():
    graph = view(chain(20_000))
    html = mimebundle(graph, "a graph").get(HTML)
    assert html is None or len(html) < MAX_BYTES


def test_a_page_of_500_nodes_is_small(tmp_path):
    graph = view(wide(620))
    assert 500 <= len(graph.nodes) <= 600
    path = explore(graph).save(tmp_path / "graph.html")
    assert path.stat().st_size <= 400_000
    assert path.read_text("utf-8").startswith("<!doctype html>")


# ---- options ------------------------------------------------------------------------------------


def test_boxes_that_are_shown_first():
    x = T.dvector("x")
    with ari.name_scope("net"):
        y = T.exp(x) - 1
    assert explore(y).document["start"]["grouping"] == "scope"
    assert explore(y, grouping="none").document["start"]["grouping"] is None
    with pytest.raises(GraphError, match="no boxes by 'kernel'") as error:
        explore(y, grouping="kernel")
    assert "'scope'" in str(error.value)


def test_depth():
    assert len(explore(chain(30), depth=2).document["nodes"]) < 8


@pytest.mark.parametrize("height", [0, -1, 10**6, "tall", 300.5])
def test_bad_heights(height):
    with pytest.raises(GraphError, match="height"):
        explore(chain(1), height=height)


def test_the_height_is_what_the_graph_needs():
    """Small graphs leave no empty room below, large ones no more than a screen holds."""
    small, middle, large = (explore(chain(count)).height for count in (1, 9, 200))
    assert 200 <= small < middle <= 640
    assert large == 480
    assert explore(chain(9), height=333).height == 333


def test_bad_themes():
    with pytest.raises(GraphError, match="no theme 'blue'") as error:
        explore(chain(1), theme="blue")
    assert "'dark'" in str(error.value)


def test_focus_by_variable_name_and_number():
    _, _, W, _, loss, _ = softmax_regression()
    graph = view(loss)
    for what in (loss, "loss"):
        place = explore(loss, focus=what).document["start"]["focus"]
        assert graph.nodes[place].name == "loss"
    assert node_of(graph, W) == next(node.id for node in graph.nodes if node.name == "W")
    assert explore(loss, focus=0).document["start"]["focus"] == 0
    for wrong, hint in (("losss", "loss"), (10**6, "the last is"), (T.dvector("z"), "not in this")):
        with pytest.raises(GraphError, match=hint):
            explore(loss, focus=wrong)
    for wrong in (1.5, True, [loss]):
        with pytest.raises(GraphError, match="a variable, its name or a number"):
            explore(loss, focus=wrong)


def test_focus_on_the_users_variable_in_a_compiled_graph():
    f = train_function()
    assert f.outputs[0] not in f.fgraph.outputs
    place = node_of(view(f), f.outputs[0])
    assert view(f).nodes[place].name == "loss"


def test_heat_of_numbers():
    x, *_, loss, _ = softmax_regression()
    made = explore(loss, heat={x: 2.0, "loss": 3})
    (heat,) = made.document["heats"]
    assert made.document["start"]["heat"] == "heat"
    assert {made.view.nodes[n].name: v for n, v in enumerate(heat["of"]) if v is not None} == {
        "x": 2.0,
        "loss": 3.0,
    }
    own = Heat("cost", "flop", [1.0] * len(made.view.nodes))
    assert explore(loss, heat=own).document["start"]["heat"] == "cost"
    with pytest.raises(GraphError, match="a number for each node"):
        explore(loss, heat=Heat("cost", "", [1.0]))
    with pytest.raises(GraphError, match="no heat 'time'") as error:
        explore(loss, heat="time")
    assert "profile=True" in str(error.value)
    with pytest.raises(GraphError, match="heat is"):
        explore(loss, heat=3)


def test_heat_of_a_profile():
    x = T.dmatrix("x")
    f = ari.function([x], T.exp(x).sum() + T.tanh(x).sum(), profile=True)
    f.wait()
    assert "heats" not in explore(f).document
    for _ in range(3):
        f(np.ones((50, 50)))
    made = explore(f, heat="time")
    (heat,) = made.document["heats"]
    assert (heat["name"], heat["unit"]) == ("time", "us")
    spent = sum(record.nanoseconds for record in f.profile.steps) / 1e3 / f.profile.calls
    assert sum(value for value in heat["of"] if value) == pytest.approx(spent, rel=1e-4)
    hot = {made.view.nodes[n].kind for n, value in enumerate(heat["of"]) if value}
    assert hot == {NodeKind.OP}


# ---- files --------------------------------------------------------------------------------------


def test_save(tmp_path):
    made = explore(chain(3))
    assert made.save(tmp_path / "a.svg").read_text("utf-8") == made.view.svg
    assert made.save(tmp_path / "a.dot").read_text("utf-8") == made.view.dot
    assert made.save(str(tmp_path / "a.html")).read_text("utf-8") == made.html
    with pytest.raises(GraphError, match=r"cannot write a\.txt") as error:
        made.save(tmp_path / "a.txt")
    assert ".html" in str(error.value)


# ---- the widget ---------------------------------------------------------------------------------


def test_the_widget_tells_what_is_selected():
    pytest.importorskip("anywidget")
    made = explore(train_function(), height=333, theme="dark")
    widget = made.widget()
    assert widget.selected is None
    assert widget.selected_node is None
    widget.set_state({"selected": 2})  # as the front end does
    assert widget.selected_node == made.view.nodes[2]
    state = widget.get_state()
    assert (state["height"], state["theme"]) == (333, "dark")
    assert state["document"]["nodes"]["count"] == len(made.view.nodes)
    json.dumps(state["document"], allow_nan=False)


def test_the_widget_is_the_explorer_where_there_is_no_kernel():
    """nbconvert takes the best form that is left when widgets are not."""
    pytest.importorskip("anywidget")
    made = explore(chain(5))
    widget = made.widget()
    data, _ = widget._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id
    assert data[HTML] == made._repr_mimebundle_()[HTML]
    assert data[PLAIN] == repr(widget)
    assert size({HTML: data[HTML], SVG: data[SVG]}) < MAX_BYTES
    widget.document = explore(chain(1)).document
    assert HTML not in widget._repr_mimebundle_()[0]


def test_the_widget_refuses_nodes_that_are_not_there():
    traitlets = pytest.importorskip("traitlets")
    pytest.importorskip("anywidget")
    widget = explore(chain(2)).widget()
    for name in ("selected", "focus"):
        with pytest.raises(traitlets.TraitError, match="no node 99"):
            setattr(widget, name, 99)


def test_the_widget_shows_another_graph():
    pytest.importorskip("anywidget")
    widget = explore(chain(5)).widget()
    widget.selected = 4
    widget.document = explore(chain(1)).document
    assert widget.selected is None
    assert widget.selected_node is None


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Makes packages look as if they were not installed."""
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.split(".")[0] in names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args, **kwargs)

    for name in (*names, "arignote.viz.explorer.widgets"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.setattr(builtins, "__import__", refuse)
    monkeypatch.setattr(lazy, "module", lazy.module.__wrapped__)
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)


def test_without_anywidget(monkeypatch: pytest.MonkeyPatch):
    made = explore(chain(1))
    without(monkeypatch, "anywidget")
    with pytest.raises(GraphError, match="anywidget") as error:
        made.widget()
    assert "pip install anywidget" in str(error.value)


# ---- d3graph ------------------------------------------------------------------------------------


def test_without_d3graph(monkeypatch: pytest.MonkeyPatch):
    without(monkeypatch, "d3graph", "sklearn")
    with pytest.raises(GraphError, match="not installed") as error:
        d3_page(view(chain(1)))
    assert "pip install d3graph scikit-learn" in str(error.value)


class Frame:
    """As much of a pandas table as d3graph is given."""

    def __init__(self, cells, index, columns):
        assert index == columns
        self.cells, self.columns = cells, columns


class Drawing:
    """What d3graph does with what it is given: names are sorted."""

    last: Drawing

    def __init__(self, support="text", verbose=20):
        self.support = support
        Drawing.last = self

    def graph(self, adjmat, **_):
        used = [n for n, name in enumerate(adjmat.columns) if any(adjmat.cells[n])]
        used += [n for row in adjmat.cells for n, cell in enumerate(row) if cell]
        assert set(used) == set(range(len(adjmat.columns))), "d3graph drops nodes without edges"
        self.adjmat = Frame(adjmat.cells, *[sorted(adjmat.columns)] * 2)

    def set_node_properties(self, **properties):
        self.properties = properties

    def set_edge_properties(self, **_):
        pass

    def show(self, **options):
        self.options = options
        return LOGO.join(["<!doctype html><p>drawn", json.dumps(self.properties), SCRIPT])


# As large as those of d3graph 3.2, and like them without anything that compresses further.
_IMAGE = base64.b64encode(random.Random(0).randbytes(80_000)).decode()
LOGO = (
    '<a href="https://d3blocks.github.io/d3blocks/" title="D3Blocks">\n'
    f'    <img src="data:image/png;base64,{_IMAGE}" alt="D3Blocks" />\n</a>'
)
SCRIPT = f"<script>/* {random.Random(1).randbytes(112_000).hex()} */</script>"


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch) -> type[Drawing]:
    for name, module in (
        ("d3graph", types.SimpleNamespace(d3graph=Drawing)),
        ("pandas", types.SimpleNamespace(DataFrame=Frame)),
        ("sklearn", types.SimpleNamespace()),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(lazy, "module", lazy.module.__wrapped__)
    return Drawing


def test_labels_follow_the_order_that_d3graph_makes(drawing):
    graph = view(chain(14))
    d3_page(graph)
    order = [int(name) for name in drawing.last.adjmat.columns]
    assert order != sorted(order)
    assert drawing.last.properties["tooltip"] == [graph.nodes[n].tooltip for n in order]
    assert drawing.last.properties["label"] == [graph.nodes[n].label for n in order]


def test_d3graph_is_asked_for_no_advertisement_and_no_browser(drawing):
    d3_page(view(chain(2)))
    assert drawing.last.support is False
    assert drawing.last.options["showfig"] is False


def test_nodes_without_edges_are_named_in_a_note(drawing):
    html = d3_html(view([chain(1), T.dvector("lonely<b>")]))
    assert "no edges: lonely&lt;b&gt;." in html
    assert "<iframe" in html
    assert "sandbox" in html
    with pytest.raises(GraphError, match="no"):
        d3_page(view(T.dvector("x")))


@pytest.mark.parametrize("nodes", [10, 300])
def test_outputs_of_d3graph_are_small(drawing, nodes: int):
    graph = view(chain(nodes))
    assert len(graph.nodes) >= nodes
    html = d3_html(graph)
    assert len(html.encode()) < MAX_BYTES
    # It is packed, and loads and links to nothing.
    assert len(d3_page(graph)) > MAX_BYTES
    assert "https:" not in d3_page(graph)
    assert "<img" not in d3_page(graph)


def test_a_small_graph_of_d3graph_is_seen_without_scripts(drawing):
    graph = view(chain(4))
    picture = base64.b64encode(graph.svg.encode()).decode()
    assert picture in d3_html(graph)


def test_pages_of_d3graph_that_are_too_large_are_refused(drawing, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "SCRIPT", random.Random(2).randbytes(150_000).hex())
    with pytest.raises(GraphError, match=r"takes 2\d\d kB; 200 kB is the limit"):
        d3_html(view(chain(10)))


def test_d3graph_texts_cannot_end_its_script(drawing):
    x = T.dvector("</script><b>")
    d3_page(view(x + 1, copies=False))
    for texts in (drawing.last.properties["label"], drawing.last.properties["tooltip"]):
        assert not any("<" in text or ">" in text for text in texts)


def test_large_graphs_are_not_for_d3graph(drawing):
    with pytest.raises(GraphError, match="too slow"):
        d3_page(view(chain(1_200)))
