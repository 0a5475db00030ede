"""Groupings. Oracles: the program that runs, and Kahn's algorithm for convexity."""

from __future__ import annotations

import numpy as np
import pytest

import arignote as ari
import arignote.tensor as T
from arignote import name_scope
from arignote.errors import GraphError
from arignote.graph import Apply
from arignote.viz import NodeKind, view
from arignote.viz.explorer.groups import path_of
from printing.graphs import chain, softmax_regression, train_function


def grouping(graph, name: str):
    (found,) = [one for one in graph.groupings if one.name == name]
    return found


def held(graph, one) -> dict[int, set]:
    """For each box the nodes and variables directly in it."""
    boxes: dict[int, set] = {number: set() for number in range(len(one.boxes))}
    for thing, box in zip(graph.stands_for, one.of, strict=True):
        if box is not None:
            boxes[box].add(thing)
    return boxes


def labels(one, node: int) -> list[str]:
    return [one.boxes[box].label for box in path_of(one, node)]


def is_acyclic(graph, of, hosts=()) -> bool:
    """Whether the graph with each box drawn as one node has no cycle (Kahn).

    What leads to a node that needs only sizes is left out.
    """
    name = [f"box {box}" if box is not None else f"node {n}" for n, box in enumerate(of)]
    edges = {
        (name[e.start], name[e.end]) for e in graph.edges if graph.stands_for[e.end] not in hosts
    } - {(n, n) for n in name}
    waiting = set(name)
    while waiting:
        entered = {end for start, end in edges if start in waiting}
        free = waiting - entered
        if not free:
            return False
        waiting -= free
    return True


def test_kahn_sees_a_cycle():
    graph = view(chain(3))
    of = [None] * len(graph.nodes)
    ops = [node.id for node in graph.nodes if node.kind is NodeKind.OP]
    of[ops[0]] = of[ops[2]] = 0
    assert not is_acyclic(graph, of)


def sized_by_what_comes_later():
    """exp and mul are one kernel, and mul needs a size of a product of exp's result."""
    x, w = T.dmatrices("x", "w")
    a = T.exp(x)
    out = T.dot(a, w)
    rules = ("size_of_result", "shape_of_result")
    mode = ari.compile.get_mode(None).excluding(*rules)
    return ari.function([x, w], [a * out.shape[1], out], mode=mode)


def native(f):
    f.wait()
    if f.linker != "c":
        pytest.skip("no C compiler")
    return f


def two_layers():
    x, y = T.fmatrix("x"), T.ivector("y")
    W = [ari.shared(np.zeros((8, 8), "float32"), name=f"layer{n}/W") for n in range(2)]
    h = T.tanh(T.tanh(x @ W[0]) @ W[1])
    p = T.nnet.softmax(h)
    loss = -T.log(p)[T.arange(y.shape[0]), y].mean()
    updates = {w: w - 0.1 * g for w, g in zip(W, ari.grad(loss, W), strict=True)}
    return ari.function([x, y], loss, updates=updates)


@pytest.mark.parametrize("make", [train_function, two_layers])
def test_boxes_are_the_steps_that_compute(make):
    f = native(make())
    graph = view(f)
    one = grouping(graph, "kernel")
    steps = [
        set(getattr(step, "loops", None).nodes if hasattr(step, "loops") else [step.node])
        for step in f.program.computing
    ]
    computing = set().union(*steps)
    found = [things & computing for things in held(graph, one).values()]
    assert found == steps
    kinds = [box.kind.value for box in one.boxes]
    assert kinds == [
        {"LoopStep": "kernel", "ProductStep": "product", "NodeStep": "numpy"}[type(step).__name__]
        for step in f.program.computing
    ]


@pytest.mark.parametrize("make", [train_function, two_layers, sized_by_what_comes_later])
@pytest.mark.parametrize("copies", [False, True])
def test_kernels_are_convex(make, copies: bool):
    f = native(make())
    graph = view(f, copies=copies)
    of = grouping(graph, "kernel").of
    if make is sized_by_what_comes_later:
        assert not is_acyclic(graph, of)
    assert is_acyclic(graph, of, set(f.program.hosts))


def test_what_no_step_computes_is_with_its_users():
    graph = view(native(train_function()))
    of = grouping(graph, "kernel").of
    for node in graph.nodes:
        users = {of[edge.end] for edge in graph.edges if edge.start == node.id}
        if node.kind is NodeKind.CONSTANT and len(users) == 1:
            assert {of[node.id]} == users


def test_a_function_that_numpy_runs_has_no_kernels():
    x = T.dvector("x")
    f = ari.function([x], T.exp(x) + 1, mode="FAST_COMPILE")
    if f.linker == "numpy":
        assert "kernel" not in [one.name for one in view(f).groupings]
    assert "kernel" not in [one.name for one in view(T.exp(x) + 1).groupings]


# ---- name scopes --------------------------------------------------------------------------------


def scoped():
    x = T.fmatrix("x")
    with name_scope("encoder"):
        with name_scope("one"):
            h = T.tanh(x @ ari.shared(np.zeros((4, 4), "float32"), name="W"))
        with name_scope("two"):
            h = T.tanh(h - 2 + 1)
    return x, (h * h).sum()


def test_scopes_nest():
    _, cost = scoped()
    graph = view(cost)
    one = grouping(graph, "scope")
    assert [(box.label, box.parent) for box in one.boxes] == [
        ("encoder", None),
        ("one", 0),
        ("two", 0),
    ]
    ways = {node.label: labels(one, node.id) for node in graph.nodes}
    assert ways["W"] == ways["dot"] == ["encoder", "one"]
    assert ways["x"] == ways["mul"] == []
    assert [labels(one, n.id) for n in graph.nodes if n.kind is NodeKind.CONSTANT] == [
        ["encoder", "two"]
    ] * 2


def test_gradients_are_in_a_box_of_their_own_in_the_scope_they_belong_to():
    _, cost = scoped()
    (W,) = [x for x in ari.graph.leaves([cost]) if x.name == "W"]
    graph = view([cost, ari.grad(cost, W)])
    one = grouping(graph, "scope")
    ways = {tuple(labels(one, node.id)) for node in graph.nodes if node.is_gradient}
    assert {("encoder", "one", "gradient"), ("encoder", "two", "gradient")} <= ways
    assert all(way == () or way[-1] == "gradient" for way in ways)
    forward = [node for node in graph.nodes if node.kind is NodeKind.OP and not node.is_gradient]
    assert all("gradient" not in labels(one, node.id) for node in forward)


def test_scopes_survive_compiling():
    x, cost = scoped()
    graph = view(ari.function([x], cost))
    one = grouping(graph, "scope")
    assert {box.label for box in one.boxes} >= {"encoder", "two"}
    for node, thing in zip(graph.nodes, graph.stands_for, strict=True):
        if isinstance(thing, Apply) and thing.source and thing.source.scope:
            assert labels(one, node.id)[0] == "encoder"


@pytest.mark.parametrize(
    ("scope", "name", "expected"),
    [
        ("", "W", ""),
        ("", "layer1/W", "layer1"),
        ("", "layer1.W", "layer1"),
        ("", "net/layer1.2/W", "net/layer1.2"),
        ("", "a.b.W", "a/b"),
        ("enc", "layer1/W", "enc/layer1"),
        ("enc", "enc/layer1/W", "enc/layer1"),
        ("enc/layer1", "layer1/W", "enc/layer1"),
        ("enc", "W", "enc"),
        ("", "/W", ""),
        ("", ".5", ""),
        ("enc", None, "enc"),
    ],
)
def test_scopes_of_leaves(scope: str, name: str | None, expected: str):
    if scope:
        with name_scope(scope):
            x = T.dvector(name)
    else:
        x = T.dvector(name)
    assert view(x + 1).nodes[0].scope == expected


# ---- functions and lines ------------------------------------------------------------------------


def dense(x, n: int):
    W = ari.shared(np.zeros((4, 4), "float32"), name=f"W{n}")
    return T.tanh(x @ W)


def test_functions_of_the_user():
    x = T.fmatrix("x")
    out = dense(x, 0)
    out = dense(out, 1) * 2
    graph = view(out)
    one = grouping(graph, "function")
    # One file holds every op: its box would tell nothing.
    assert [box.label for box in one.boxes] == ["test_functions_of_the_user()", "dense()"]
    ways = {node.name or node.label: labels(one, node.id) for node in graph.nodes}
    assert ways["W0"] == ways["W1"] == ways["tanh"] == ["dense()"]
    assert ways["mul"] == ["test_functions_of_the_user()"]


def test_lines_of_the_user():
    x = T.fmatrix("x")
    y = T.exp(x) + T.exp(-x)
    graph = view(y.sum() * 2)
    one = grouping(graph, "line")
    assert [box.label for box in one.boxes] == [
        "y = T.exp(x) + T.exp(-x)",
        "graph = view(y.sum() * 2)",
    ]
    assert all(box.note.startswith("test_groups.py:") for box in one.boxes)
    ops = [node for node in graph.nodes if node.kind is NodeKind.OP]
    assert [labels(one, node.id)[0][0] for node in ops] == ["y"] * 4 + ["g"] * 2


def test_gradients_are_with_the_line_they_belong_to():
    x = T.fmatrix("x")
    y = T.tanh(T.exp(x))
    g = ari.grad(y.sum(), x)
    graph = view([y, ari.grad(g.sum(), x)])
    one = grouping(graph, "line")
    depths = set()
    for node, thing in zip(graph.nodes, graph.stands_for, strict=True):
        depth, forward = 0, thing
        while isinstance(forward, Apply) and forward.gradient_of is not None:
            depth, forward = depth + 1, forward.gradient_of
        if depth and forward.op.name in ("tanh", "exp"):
            assert labels(one, node.id) == ["y = T.tanh(T.exp(x))", "gradient"]
            depths.add(depth)
    assert depths == {1, 2}


def test_parents_come_first_and_boxes_hold_two_nodes_or_more():
    *_, loss, gradients = softmax_regression()
    for graph in (view([loss, *gradients]), view(train_function())):
        for one in graph.groupings:
            sizes = [0] * len(one.boxes)
            for node in range(len(graph.nodes)):
                for box in path_of(one, node):
                    sizes[box] += 1
            assert len(one.of) == len(graph.nodes)
            assert all(box.parent is None or box.parent < n for n, box in enumerate(one.boxes))
            assert one.name == "kernel" or min(sizes) >= 2
            assert max(sizes) >= 2


def test_graphs_without_boxes_have_no_groupings():
    assert view(T.exp(T.dvector("x"))).groupings == ()


@pytest.mark.parametrize("name", ["", "a//b", "/a", " ", None, 3])
def test_bad_scopes(name):
    with pytest.raises(GraphError, match="name scope"):
        name_scope(name)


def test_scopes_of_threads_and_after_errors():
    from concurrent.futures import ThreadPoolExecutor

    def elsewhere() -> str:
        return (T.dvector("x") + 1).source.scope

    with name_scope("here"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(elsewhere).result() == ""
        assert elsewhere() == "here"
    with pytest.raises(ZeroDivisionError), name_scope("a"):
        1 / 0
    assert elsewhere() == ""


def test_a_scope_decorates_functions_that_call_themselves():
    @name_scope("deep")
    def build(x, levels: int):
        return T.exp(x) if levels == 1 else build(T.tanh(x), levels - 1)

    first = build(T.dvector("x"), 3)
    assert first.source.scope == "deep/deep/deep"
    assert build(T.dvector("x"), 1).source.scope == "deep"
