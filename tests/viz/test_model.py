"""GraphView. Oracle: an independent walk from outputs to leaves."""

from __future__ import annotations

import pytest

import arignote as ari
import arignote.tensor as T
from arignote.errors import GraphError
from arignote.viz import GraphView, NodeKind, view
from arignote.viz.drawing.model import MAX_PICTURE_BYTES
from printing.graphs import chain, counted, softmax_regression, train_function


def kinds(graph, original: bool = False):
    """How many nodes there are of each kind, copies left out if asked."""
    found = dict.fromkeys(NodeKind, 0)
    for node in graph.nodes:
        found[node.kind] += not (original and node.copy_of is not None)
    return found


def test_every_node_and_edge_is_there():
    *_, loss, gradients = softmax_regression()
    expected = counted([loss, *gradients])
    for copies in (False, True):
        graph = view([loss, *gradients], copies=copies)
        found = kinds(graph, original=True)
        assert found[NodeKind.OP] == expected["ops"]
        assert found[NodeKind.INPUT] == expected["inputs"]
        assert found[NodeKind.SHARED] == expected["shared"]
        assert len(graph.edges) == expected["edges"]


def test_constants_are_drawn_for_each_use():
    x = T.dvector("x")
    two = T.constant(2.0)
    graph = view(T.exp(x * two) + two)
    assert kinds(graph)[NodeKind.CONSTANT] == 2
    assert kinds(view(T.exp(x * two) + two, copies=False))[NodeKind.CONSTANT] == 1


def test_inputs_are_repeated_only_where_far():
    x = T.dscalar("x")
    near, far = x, x
    for _ in range(3):
        near = T.tanh(near)
    for _ in range(30):
        far = T.tanh(far)
    assert kinds(view(near + x))[NodeKind.INPUT] == 1
    graph = view(far + x)
    assert kinds(graph)[NodeKind.INPUT] == 2
    (copy,) = [node for node in graph.nodes if node.copy_of is not None]
    assert graph.nodes[copy.copy_of].label == copy.label == "x"


def test_edges_follow_arguments():
    x, y = T.dvectors("x", "y")
    graph = view(x - y)
    names = [graph.nodes[edge.start].label for edge in graph.edges]
    assert names == ["x", "y"]
    assert [edge.port for edge in graph.edges] == [0, 1]
    assert all(edge.ordered for edge in graph.edges)
    assert not any(edge.ordered for edge in view(x + y).edges)


def test_what_a_node_says():
    x = T.fmatrix("x")
    y = x.sum(axis=1)
    y.name = "y"
    node = view(y).nodes[-1]
    assert (node.kind, node.name, node.label) == (NodeKind.OP, "y", "Sum axes=1")
    assert node.type_text == "float32 (?,)"
    assert node.outputs == (0,)
    assert "test_model.py" in node.source
    assert "y = x.sum(axis=1)" in node.tooltip
    leaf = view(y).nodes[0]
    assert (leaf.kind, leaf.label, leaf.type_text) == (NodeKind.INPUT, "x", "float32 (?, ?)")


def test_gradient_nodes_are_marked():
    *_, loss, gradients = softmax_regression()
    forward = counted([loss])["ops"]
    marked = [node for node in view([loss, *gradients]).nodes if node.is_gradient]
    assert len(marked) == counted([loss, *gradients])["ops"] - forward
    assert not any(node.is_gradient for node in view(loss).nodes)


def test_of_a_function_the_compiled_graph_with_updates():
    f = train_function()
    graph = view(f)
    ops = [node for node in graph.nodes if node.kind is NodeKind.OP]
    assert sorted(node.step for node in ops) == list(range(len(f.fgraph.order)))
    updates = [node for node in graph.nodes if node.kind is NodeKind.UPDATE]
    assert [node.values[0].name for node in updates] == ["W", "b"]
    assert [root.update_of for root in graph.roots] == [None, "W", "b"]
    assert graph.title == "train"


def test_unused_and_returned_inputs_of_a_function():
    x, y = T.dscalars("x", "y")
    f = ari.function([x, y], x, on_unused_input="ignore")
    graph = view(f)
    assert [(node.label, node.outputs) for node in graph.nodes] == [("x", (0,)), ("y", ())]
    assert graph.edges == ()


@pytest.mark.parametrize("make", [list, tuple, lambda vs: {"a": vs[0], "b": vs[1]}])
def test_collections_of_variables(make):
    x = T.dscalar("x")
    graph = view(make([x + 1, x * 2]))
    assert len(graph.roots) == 2
    assert len([node for node in graph.nodes if node.outputs]) == 2


def test_things_with_outputs():
    x = T.dscalar("x")
    z = x + 1
    assert view(z.owner) == view(z)

    class Thing:
        outputs = (z,)

    assert view(Thing()) == view(z)
    assert view(view(z)) == view(z)


@pytest.mark.parametrize("thing", [3, "x", None, [1, 2], {"a": 1}])
def test_things_without_a_graph(thing):
    with pytest.raises(GraphError, match="no graph"):
        view(thing)


def test_results_as_nodes():
    x = T.dscalar("x")
    y = T.exp(x)
    y.name = "y"
    graph = view(y + 1, compact=False)
    found = kinds(graph)
    assert found[NodeKind.VARIABLE] == 1
    assert found[NodeKind.OUTPUT] == 1
    assert found[NodeKind.OP] == 2
    (variable,) = [node for node in graph.nodes if node.kind is NodeKind.VARIABLE]
    assert variable.label == "y"


def test_small_pictures_only():
    assert view(chain(10)).picture is not None
    large = view(chain(400))
    assert large.picture is None
    bundle = large._repr_mimebundle_()
    assert "image/svg+xml" not in bundle
    assert "too many" in bundle["text/plain"]
    medium = view(chain(190))
    assert len(medium.svg.encode()) <= MAX_PICTURE_BYTES


def test_save(tmp_path):
    graph = view(chain(3))
    assert graph.save(tmp_path / "a.svg").read_text("utf-8") == graph.svg
    assert graph.save(str(tmp_path / "a.gv")).read_text("utf-8") == graph.dot


def test_repr():
    assert repr(view(chain(1))) == "<GraphView: 3 nodes, 2 edges>"


def test_a_chain_of_20000():
    graph = GraphView.from_variables([chain(20_000)])
    assert kinds(graph)[NodeKind.OP] == 20_000
    assert len(graph.edges) == 30_000
