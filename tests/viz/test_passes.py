"""`passes`: the rewrites of a function in words, as a table, and as a page.

Oracles: the log of the rewrites that the compiler kept; the engine's replay, for what the page's
script makes of the changes; counts and sizes by hand.
"""

import json
import shutil
import subprocess
from collections import Counter

import numpy as np
import pytest

from arignote import function, grad, shared
from arignote import tensor as T
from arignote.config import config
from arignote.errors import GraphError
from arignote.rewrite.replay import StepKind
from arignote.viz import files, passes
from arignote.viz.timeline import rewriting
from arignote.viz.timeline.rewriting import MAX_OUTPUT_BYTES
from arignote.viz.timeline.timeline import timeline_document
from rewrite.test_random_graphs import everything

STATIC = files.STATIC
CHECK = """
import { readFileSync } from "node:fs";
import { graphAfter, sceneOfPlace, timelineOf } from "%s";
const { data, expected } = JSON.parse(readFileSync(0, "utf8"));
const timeline = timelineOf(data);
const plain = (graph) => [...graph].sort((a, b) => a[0] - b[0]);
const places = [...expected.keys(), ...[...expected.keys()].reverse()];
for (const place of places) {
  const got = JSON.stringify(plain(graphAfter(timeline, place)));
  const want = JSON.stringify(expected[place]);
  if (got !== want) throw new Error(`after ${place} steps: ${got} is not ${want}`);
}
for (let place = 0; place <= expected.length; place++) {
  for (const split of [false, true]) {
    for (const levels of [null, 1]) {
      const scene = sceneOfPlace(timeline, place, { levels, split });
      for (const part of [scene.both, scene.before, scene.after].filter(Boolean)) {
        const inside = (n) => Number.isInteger(n) && n >= 0 && n < part.nodes.length;
        const whole = part.edges.every(([start, end]) => inside(start) && inside(end));
        if (!whole) throw new Error(`a broken edge in place ${place}`);
        const marks = [...part.came, ...part.went].every(inside);
        if (!marks) throw new Error(`a broken mark in place ${place}`);
        if (part.nodes.some((node) => !node.kind)) throw new Error(`an empty node in ${place}`);
      }
    }
  }
}
"""


def softplus():
    x = T.dvector("x")
    y = T.log(1 + T.exp(x))
    y.name = "y"
    return function([x], [y * 2, T.exp(x)], name="f")


def mlp(layers=2):
    """A step of training of some layers, in float32."""
    rng = np.random.default_rng(0)
    x, y = T.fmatrix("x"), T.ivector("y")
    parameters, h = [], x
    for n in range(layers):
        w = shared(rng.normal(size=(8, 8)).astype("float32"), f"w{n}")
        b = shared(np.zeros(8, "float32"), f"b{n}")
        parameters += [w, b]
        h = T.tanh(h @ w + b)
    loss = -T.mean(T.log(T.nnet.softmax(h))[T.arange(y.shape[0]), y])
    pairs = zip(parameters, grad(loss, parameters), strict=True)
    with config.change(floatX="float32"):
        return function([x, y], loss, updates=[(w, w - 0.1 * g) for w, g in pairs], name="train")


def test_steps_are_the_log_in_words():
    f = mlp()
    found = passes(f)
    fired = [step for step, done in zip(found, found.replay.steps, strict=True) if done.firing]
    assert [step.rule for step in fired] == [firing.name for firing in f.rewrites]
    tags = [firing.rule.tag.value for firing in f.rewrites]
    contracts = [firing.rule.contract.value for firing in f.rewrites]
    assert [(step.tag, step.contract) for step in fired] == list(zip(tags, contracts, strict=True))
    assert len(found) == len(found.steps)


def test_a_step_says_what_was_there_and_where():
    (step,) = [step for step in passes(softplus()) if step.rule == "log1p_of_exp"]
    assert (step.before, step.after) == ("log1p(exp(x))", "softplus(x)")
    assert (step.equation, step.stage) == ("log1p(exp(x)) → softplus(x)", "rewrite")
    assert step.where.startswith("test_passes.py:")
    assert step.line == "y = T.log(1 + T.exp(x))"


def test_a_step_on_a_gradient_is_on_the_line_of_its_forward_node():
    x = T.dvector("x")
    cost = T.sum(T.square(x) * 2)
    g = grad(cost, x)
    found = passes(function([x], g))
    lines = {step.line for step in found.steps if step.tag != "fold"}
    assert lines == {"cost = T.sum(T.square(x) * 2)"}


def test_counts_and_times_add_up():
    f = mlp()
    found = passes(f)
    counts = Counter(firing.name for firing in f.rewrites)
    others = {"merge equal nodes": StepKind.MERGE, "fold constants": StepKind.FOLD}
    for name, kind in others.items():
        counts[name] += sum(step.count for step in found.replay.steps if step.kind is kind)
    assert found.counts == {name: count for name, count in counts.items() if count}
    assert [*found.counts.values()] == sorted(found.counts.values(), reverse=True)
    assert all(seconds >= 0 for seconds in found.times.values())
    assert {"fold constants", "rewrite"} <= set(found.times)


def test_the_table_counts_by_pass_and_rule():
    found = passes(mlp())
    assert found.table.columns == ("pass", "rule", "tag", ">count", "what")
    assert sum(int(row[3]) for row in found.table.rows) == sum(found.counts.values())
    assert len({row[:2] for row in found.table.rows}) == len(found.table.rows)
    assert str(found) == found._repr_mimebundle_()["text/plain"]
    assert str(found).startswith("train: ")


def test_graphs_of_single_steps():
    f = softplus()
    found = passes(f)
    labels = [node.label for node in found.graph(0).nodes]
    assert labels.count("exp") == 2
    assert "softplus" in [node.label for node in found.graph(-1).nodes]
    assert len(found.graph(len(found)).nodes) == len(found.graph(-1).nodes)
    for place in (len(found) + 1, -len(found) - 2):
        with pytest.raises(GraphError, match="no graph after"):
            found.graph(place)


def test_what_is_no_function_is_refused():
    with pytest.raises(GraphError, match="rewrites of a function"):
        passes(T.dvector("x"))


def test_a_function_without_rewrites_shows_its_graph():
    x = T.dvector("x")
    found = passes(function([x], x + 1, mode="FAST_COMPILE"))
    assert (found.steps, found.counts) == ([], {})
    assert "0 rewrites" in str(found)
    assert "<iframe" in found.html


@pytest.mark.parametrize("make", [softplus, mlp, lambda: function(*everything())])
def test_the_script_sees_the_graphs_of_the_engine(make):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine")
    found = passes(make())
    data = timeline_document(found.title, found.replay, found.steps)
    expected = [
        [
            [key, [[ref.key, ref.output] for ref in mirrored.inputs]]
            for key, mirrored in sorted(found.replay.nodes(count).items())
        ]
        for count in range(len(found) + 1)
    ]
    if len(found) > 60:
        data["steps"], expected = data["steps"][:60], expected[:61]
    script = CHECK % (STATIC / "steps.js").as_uri()
    done = subprocess.run(
        [node, "--input-type=module", "--eval", script],
        input=json.dumps({"data": data, "expected": expected}),
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_document_describes_every_node_that_is_ever_there():
    found = passes(mlp())
    data = timeline_document(found.title, found.replay, found.steps)
    keys = {key for count in range(len(found) + 1) for key in found.replay.nodes(count)}
    assert {key for key, node in enumerate(data["nodes"]) if node} == keys - {0}
    ops = [node for node in data["nodes"] if node and node["kind"] == "op"]
    assert all(node["label"] and node["type"] for node in ops)
    assert not any("of_output" in node for node in ops)
    assert data["updates"] == [str(target) for target, _ in found.replay.original.updates]
    json.dumps(data, allow_nan=False)


def test_a_notebook_keeps_at_most_200_kb():
    assert len(passes(mlp(3)).html.encode()) <= MAX_OUTPUT_BYTES


def test_what_is_too_long_for_a_notebook_is_cut_with_a_note(monkeypatch, tmp_path):
    found = passes(mlp(3))
    whole = len(found.html)
    below = len(found.html.partition("<details")[2])
    monkeypatch.setattr(rewriting, "MAX_OUTPUT_BYTES", whole - 1000)
    cut = passes(mlp(3))
    assert len(cut.html.encode()) <= whole - 1000
    steps = len(cut)
    note = cut.html.partition("</p>")[0]
    assert f"of {steps} steps" in note
    assert "save(" in note
    page = cut.save(tmp_path / "all.html").read_text()
    assert len(page) > whole - below - 5000
    monkeypatch.setattr(rewriting, "MAX_OUTPUT_BYTES", 1000)
    table = passes(mlp(3)).html
    assert "<iframe" not in table
    assert "too large" in table
    assert "log_of_softmax" in table
