"""Documents. Oracles: JSON's own reader, the view, the program, and rules that are left out."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import arignote as ari
import arignote.tensor as T
from arignote.graph import Apply
from arignote.viz import NodeKind, view
from arignote.viz.drawing.boxes import Heat
from arignote.viz.drawing.options import PictureOptions
from arignote.viz.explorer.document import document
from arignote.viz.explorer.firings import rules_of
from counting import calls
from printing.graphs import chain, softmax_regression, train_function

HOSTILE = "</script><b>\ud800\x00'\"&"


def loss_and_gradients():
    *_, loss, gradients = softmax_regression()
    return [loss, *gradients]


@pytest.mark.parametrize("make", [loss_and_gradients, train_function, lambda: T.dvector(HOSTILE)])
def test_it_is_plain_data_that_says_what_the_view_says(make):
    graph = view(make())
    shown = document(graph)
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    assert [node["kind"] for node in shown["nodes"]] == [n.kind.value for n in graph.nodes]
    assert [node.get("type", "") for node in shown["nodes"]] == [n.type_text for n in graph.nodes]
    edges = [[e.start, e.end, e.label, e.port, e.output, int(e.ordered)] for e in graph.edges]
    assert shown.get("edges", []) == edges


def test_every_reference_leads_somewhere():
    f = train_function()
    f.wait()
    shown = document(view(f))
    count = len(shown["nodes"])
    for start, end, *_ in shown["edges"]:
        assert 0 <= start < count
        assert 0 <= end < count
    for one in shown["groupings"]:
        assert len(one["of"]) == count
        assert all(box is None or 0 <= box < len(one["boxes"]) for box in one["of"])
        assert all(box.get("kernel", 0) < len(shown.get("kernels", [0])) for box in one["boxes"])
    assert all(node.get("kernel", 0) < len(shown.get("kernels", [0])) for node in shown["nodes"])


def test_nothing_empty_is_kept():
    shown = document(view(T.exp(T.dvector("x"))))
    assert set(shown) == {"nodes", "edges", "start", "places"}
    for node in shown["nodes"]:
        assert all(value not in ("", None, False, [], ()) for value in node.values())


def test_places_are_those_of_the_picture():
    graph = view(loss_and_gradients())
    places = document(graph)["places"]
    centres = [f"translate({x:g} {y:g})" for x, y in places["nodes"]]
    drawn = re.findall(r'<g class="\w[\w ]*" transform="(translate\([^"]*\))">', graph.svg)
    assert drawn[: len(centres)] == centres
    for (start, end, *_), path in zip(document(graph)["edges"], places["edges"], strict=True):
        assert path[0][1] < path[-1][1]
        assert places["nodes"][start][1] < path[0][1]
        assert path[-1][1] < places["nodes"][end][1]


def test_no_places_for_boxes_large_graphs_and_other_texts():
    small = view(loss_and_gradients())
    assert "places" not in document(small, start={"grouping": small.groupings[0].name})
    assert "places" not in document(view(train_function()))
    assert "places" not in document(small.with_options(PictureOptions(types=False)))
    assert "places" not in document(view(chain(400)))


def test_what_a_node_says():
    x, w = T.fmatrices("x", "w")
    with ari.name_scope("net"):
        h = T.tanh(x @ w)
    h.name = "h"
    nodes = document(view([h, ari.grad(h.sum(), w)]))["nodes"]
    (node,) = [node for node in nodes if node.get("name") == "h"]
    assert node["label"] == "tanh"
    assert node["text"] == "tanh(dot(x, w))"
    assert node["line"] == "h = T.tanh(x @ w)"
    assert node["where"].startswith("test_document.py:")
    assert node["scope"] == "net"
    assert node["of_output"] is True
    assert node["outputs"] == [0]
    assert node["doc"] == "Hyperbolic tangent." or "tangent" in node["doc"].lower()
    gradients = [node for node in nodes if node.get("gradient")]
    assert {node["gradient_of"] for node in gradients} >= {"tanh(dot(x, w))", "dot(x, w)"}
    of_tanh = [n for n in gradients if n["gradient_of"] == "tanh(dot(x, w))"]
    assert {n["line"] for n in of_tanh} == {"h = T.tanh(x @ w)"}


def test_long_texts_are_cut():
    x = T.dvector("x" * 500)
    for node in document(view(T.exp(x)))["nodes"]:
        assert all(len(text) <= 140 for text in node.values() if isinstance(text, str))


# ---- kernels ------------------------------------------------------------------------------------


def test_the_code_of_each_kernel_is_there_once():
    f = train_function()
    f.wait()
    if f.linker != "c":
        pytest.skip("no C compiler")
    shown = document(view(f))
    codes = [kernel["code"] for kernel in shown["kernels"]]
    assert len(set(codes)) == len(codes)
    assert all(code in f.code() for code in codes)
    (one,) = [one for one in shown["groupings"] if one["name"] == "kernel"]
    names = {
        box["label"].split(":")[0]: codes[box["kernel"]] for box in one["boxes"] if "kernel" in box
    }
    for name, code in names.items():
        own = f.code(step=int(name.removeprefix("kernel ")))
        # Comments differ where several steps run one kernel.
        assert function_name(own) == function_name(code)
    for node, box in zip(shown["nodes"], one["of"], strict=True):
        assert node.get("kernel") == (None if box is None else one["boxes"][box].get("kernel"))


def function_name(code: str) -> str:
    (name,) = set(re.findall(r"\barn_[0-9a-f]+", code))
    return name


# ---- rules --------------------------------------------------------------------------------------


def rules(f) -> dict[str, tuple[str, ...]]:
    found = rules_of(f.rewrites, f.fgraph.order)
    return {str(node.op): names for node, names in found.items()}


def test_rules_of_what_they_made():
    x = T.dvector("x")
    f = ari.function([x], [T.log(1 + x), T.exp(x * 1)])
    assert rules(f) == {"log1p": ("log_of_one_plus",)}


def test_rules_of_what_several_made_and_of_what_lies_between():
    x = T.dmatrix("x")
    f = ari.function([x], T.log(T.nnet.softmax(x)))
    f.wait()
    if f.linker != "c":
        pytest.skip("no C compiler: composite ops stay")
    found = rules_of(f.rewrites, f.fgraph.order)
    assert set(found) == set(f.fgraph.order)
    last = f.fgraph.outputs[0].owner
    assert found[last] == ("log_of_softmax", "expand_log_softmax")
    assert all(names[-1] == "expand_log_softmax" for names in found.values())


def test_rules_are_found_across_passes_and_folded_constants():
    f = train_function()
    f.wait()
    if f.linker != "c":
        pytest.skip("no C compiler: updates are not expanded")
    found = rules_of(f.rewrites, f.fgraph.order)
    gemms = [node for node in f.fgraph.order if node.op.name == "Gemm"]
    assert gemms
    assert all("added_product" in found[node] for node in gemms)


def test_rules_of_nodes_whose_inputs_change_later():
    """A gradient is found to need no sum; afterwards what it is computed from is expanded."""
    x, y = T.fmatrix("x"), T.ivector("y")
    W = ari.shared(np.zeros((4, 4), "float32"), name="W")
    b = ari.shared(np.zeros(4, "float32"), name="b")
    h = T.tanh(x @ W + b)
    loss = -T.log(T.nnet.softmax(h))[T.arange(y.shape[0]), y].mean()
    f = ari.function([x, y], ari.grad(loss, [W, b]))
    f.wait()
    if f.linker != "c":
        pytest.skip("no C compiler: softmax is not expanded")
    found = rules_of(f.rewrites, f.fgraph.order)
    (sums,) = [node for node in f.fgraph.order if node.op.name == "dot" and node.gradient_of]
    assert "sum_to_same" in found[sums.inputs[1].owner]


@pytest.mark.parametrize("rule", ["log_of_one_plus", "log_of_softmax"])
def test_a_rule_that_is_left_out_makes_nothing(rule: str):
    x = T.dmatrix("x")
    outputs = [T.log(1 + x), T.log(T.nnet.softmax(x))]
    mode = ari.compile.get_mode(None)
    named = {name for names in rules(ari.function([x], outputs)).values() for name in names}
    without = rules(ari.function([x], outputs, mode=mode.excluding(rule)))
    assert rule in named
    assert rule not in {name for names in without.values() for name in names}


def test_untouched_nodes_have_no_rules():
    x, y = T.dvectors("x", "y")
    f = ari.function([x, y], [T.exp(x) * y, T.log(1 + y)])
    found = rules_of(f.rewrites, f.fgraph.order)
    assert {node.op.name for node in found} == {"log1p"}
    nodes = document(view(f))["nodes"]
    assert [n["label"] for n in nodes if "rules" in n] == ["log1p"]


# ---- heats, statistics, start -------------------------------------------------------------------


def test_heats_hold_finite_numbers():
    graph = view(chain(2))
    heat = Heat("time", "us", [None, 1.23456789, np.nan, float("inf"), 0.0][: len(graph.nodes)])
    (shown,) = document(graph, heats=[heat])["heats"]
    assert shown == {"name": "time", "unit": "us", "of": [None, 1.23457, None, None]}


def test_statistics_and_alarms():
    shown = document(
        view(chain(1)), stats={2: {"min": float("nan"), "nan": 3}}, alarms={2: "NaN is born here"}
    )
    assert shown["nodes"][2]["stats"] == {"min": "nan", "nan": 3}
    assert shown["nodes"][2]["alarm"] == "NaN is born here"
    json.dumps(shown, allow_nan=False)


def test_what_is_shown_first():
    f = train_function()
    f.wait()
    if f.linker == "c":
        assert document(view(f))["start"]["grouping"] == "kernel"
    assert document(view(chain(3)))["start"] == {"grouping": None, "open": "all"}
    assert document(view(chain(200)))["start"]["open"] == "none"
    given = document(view(chain(3)), start={"open": [0], "focus": 1})["start"]
    assert given == {"grouping": None, "open": [0], "focus": 1}


# ---- size, time, determinism --------------------------------------------------------------------

SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from printing.graphs import train_function
from arignote.viz import view
from arignote.viz.explorer.document import document
f = train_function()
f.wait()
print(json.dumps(document(view(f))))
"""


def test_equal_graphs_give_equal_documents_in_other_processes():
    tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    texts = set()
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", SCRIPT, tests]
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=True)
        texts.add(done.stdout)
    assert len(texts) == 1


def test_work_grows_with_the_number_of_nodes():
    work = []
    for length in (600, 6_000):
        graph = chain(length)
        assert len(document(view(graph))["nodes"]) > length
        work.append(calls(lambda graph=graph: document(view(graph))))
    assert work[1] < 12 * work[0]


def test_nodes_stand_for_what_they_were_made_of():
    graph = view(train_function())
    assert len(graph.stands_for) == len(graph.nodes)
    for node, thing in zip(graph.nodes, graph.stands_for, strict=True):
        assert isinstance(thing, Apply) == (node.kind is NodeKind.OP)
