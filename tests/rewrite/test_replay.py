"""Replays: each state of a graph on its way through the rewrites.

Oracles: the graph as built run node by node with NumPy, for the values of every state; the graph
that the function got when it was compiled, for the last state; its log, for the rules.
"""

from collections import Counter
from time import perf_counter

import numpy as np
import pytest

from arignote import function, grad, shared
from arignote import tensor as T
from arignote.compile import get_mode
from arignote.config import OptimizerLevel, config
from arignote.graph import Apply, Constant
from arignote.lower.steps import LoopProgram
from arignote.rewrite.mirror import ROOT
from arignote.rewrite.recorder import Stage
from arignote.rewrite.replay import StepKind, replay
from counting import calls
from execute.random_graphs import SIZES, agree, random_graph
from oracles import assert_arrays
from rewrite.test_random_graphs import everything, values_of

LEVELS = [(OptimizerLevel.O2, False), (OptimizerLevel.O3, False), (OptimizerLevel.O3, True)]


def shape_of(graph):
    """What a graph computes and by how many nodes of each kind, without names and identities."""
    numbers, table = {}, {}
    for place, x in enumerate(graph.inputs):
        numbers[x] = ("input", place)
    for node in graph.order:
        key = (node.op, *[_number(numbers, x) for x in node.inputs])
        found = table.setdefault(key, len(table))
        numbers.update({x: (found, x.index) for x in node.outputs})
    counts = Counter(numbers[node.outputs[0]][0] for node in graph.order)
    results = [_number(numbers, x) for x in graph.results]
    targets = [target for target, _ in graph.updates]
    return counts, {n: key for key, n in table.items()}, results, targets


def _number(numbers, x):
    if isinstance(x, Constant):
        return ("constant", x.type.dtype, x.data.shape, x.data.tobytes())
    return numbers.get(x, x)


def assert_same_graph(got, want):
    """Isomorphic: the same nodes as often, the same results, up to the order of nodes."""

    def canonical(graph):
        counts, keys, results, targets = shape_of(graph)
        memo = {}
        for n, key in keys.items():
            # Numbers differ between the graphs; what they stand for must not.
            memo[n] = hash((key[0], *[_value(memo, x) for x in key[1:]]))
        nodes = Counter({memo[n]: count for n, count in counts.items()})
        return nodes, [_value(memo, x) for x in results], targets

    assert canonical(got) == canonical(want)


def _value(memo, x):
    return (memo[x[0]], x[1]) if isinstance(x, tuple) and isinstance(x[0], int) else x


def run(graph, values):
    """The results of a graph, node by node with NumPy."""
    known = dict(zip(graph.inputs, values, strict=True))
    known.update({x: x.data for x in graph.constants})
    known.update({x: x.get_value() for x in graph.shared})
    for node in graph.order:
        with np.errstate(all="ignore"):
            results = node.op.perform(*[known[x] for x in node.inputs])
        known.update(zip(node.outputs, results, strict=True))
    return [known[x] for x in graph.results]


def replay_of(f):
    expand = isinstance(f.program, LoopProgram)
    return replay(f.graph, f.mode.optimizer, f.mode.excluded, True, expand, f.mode.included)


def mlp():
    """One step of training of two layers."""
    rng = np.random.default_rng(0)
    x, y = T.dmatrix("x"), T.ivector("y")
    w1, b1 = shared(rng.normal(size=(5, 4)), "w1"), shared(np.zeros(4), "b1")
    w2, b2 = shared(rng.normal(size=(4, 3)), "w2"), shared(np.zeros(3), "b2")
    h = T.tanh(x @ w1 + b1)
    loss = -T.mean(T.log(T.nnet.softmax(h @ w2 + b2))[T.arange(y.shape[0]), y])
    parameters = [w1, b1, w2, b2]
    pairs = zip(parameters, grad(loss, parameters), strict=True)
    f = function([x, y], [loss, h], updates=[(w, w - 0.1 * g) for w, g in pairs])
    return f, [rng.normal(size=(6, 5)), np.arange(6, dtype="int32") % 3]


@pytest.mark.parametrize("seed", range(60))
def test_every_state_of_a_random_graph_computes_the_same(seed):
    graph = random_graph(seed, steps=14)
    values = graph.values(graph.shapes(SIZES), seed)
    f = function(graph.inputs, graph.outputs, mode="FAST_COMPILE", on_unused_input="ignore")
    want = run(f.graph, values)
    level, expand = LEVELS[seed % 3]
    # Sizes of 1 that broadcast are not what the assumption of equal sizes holds for.
    equal = "1" not in "".join(graph.axes)
    found = replay(f.graph, level, (), equal, expand)
    for count in range(len(found.steps) + 1):
        state = found.graph(count)
        for got, expected in zip(run(state, values), want, strict=True):
            agree(got, expected, graph, f"seed {seed}, after {count} steps")


@pytest.mark.parametrize(("level", "expand"), LEVELS)
def test_every_state_of_a_graph_in_which_most_rules_fire_computes_the_same(level, expand):
    inputs, outputs = everything()
    f = function(inputs, outputs, mode="FAST_COMPILE")
    values = values_of("float64")
    want = run(f.graph, values)
    found = replay(f.graph, level, (), True, expand)
    kinds = Counter(step.kind for step in found.steps)
    assert kinds[StepKind.RULE] > 50
    assert kinds[StepKind.MERGE] > 3
    for count in range(0, len(found.steps) + 1, 7):
        for got, expected in zip(run(found.graph(count), values), want, strict=True):
            assert_arrays(got, expected, count)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("linker", ["numpy", "auto"])
def test_the_ends_are_the_graphs_of_the_function(seed, linker):
    graph = random_graph(seed, steps=14)
    with config.change(linker=linker):
        f = function(graph.inputs, graph.outputs, on_unused_input="ignore")
    found = replay_of(f)
    assert_same_graph(found.graph(0), f.graph)
    assert_same_graph(found.graph(len(found.steps)), f.fgraph)
    fired = [step.firing.name for step in found.steps if step.firing]
    assert fired == [firing.name for firing in f.rewrites]


@pytest.mark.parametrize("linker", ["numpy", "auto"])
def test_the_ends_are_the_graphs_of_a_function_in_which_most_rules_fire(linker):
    with config.change(linker=linker):
        f = function(*everything())
    found = replay_of(f)
    assert_same_graph(found.graph(0), f.graph)
    assert_same_graph(found.graph(len(found.steps)), f.fgraph)


def test_a_step_of_training_with_updates_and_two_outputs():
    f, values = mlp()
    found = replay_of(f)
    want = run(f.graph, values)
    assert found.original is f.graph
    for count in range(len(found.steps) + 1):
        state = found.graph(count)
        assert [target for target, _ in state.updates] == [target for target, _ in f.updates]
        for got, expected in zip(run(state, values), want, strict=True):
            assert_arrays(got, expected, count)
    assert_same_graph(found.graph(len(found.steps)), f.fgraph)


def test_replaying_leaves_the_function_alone():
    f, values = mlp()
    before = [str(node) for node in f.fgraph.order]
    names = [x.name for node in f.graph.order for x in node.outputs]
    replay_of(f)
    assert [str(node) for node in f.fgraph.order] == before
    assert [x.name for node in f.graph.order for x in node.outputs] == names
    assert np.isfinite(f(*values)[0])


def test_keys_stay_with_what_is_only_rebuilt():
    x = T.dvector("x")
    y = T.exp(T.log(1 + x))
    f = function([x], y)
    found = replay_of(f)
    kinds = {key: node.what.op.name for key, node in found.start.items() if _is_op(node)}
    exp = next(key for key, name in kinds.items() if name == "exp")
    (step,) = found.steps
    assert {kinds.get(key, "constant") for key in step.went} == {"add", "log", "constant"}
    after = found.nodes(1)
    assert [after[key].what.op.name for key in step.came] == ["log1p"]
    assert after[exp].inputs[0].key == step.came[0] == step.root
    assert after[ROOT].inputs[0].key == exp
    assert (step.before, step.after) == ("log(1 + x)", "log1p(x)")


def _is_op(node):
    return isinstance(node.what, Apply)


def test_equal_nodes_merge_in_a_step_of_their_own():
    x = T.dvector("x")
    found = replay_of(function([x], [T.tanh(x) + 1, T.tanh(x) * 2, T.tanh(x)]))
    (step,) = found.steps
    assert (step.kind, step.count, step.before) == (StepKind.MERGE, 2, "tanh(x)\ntanh(x)")
    assert len(step.went) == 2
    assert not step.came
    nodes = [node.what for node in found.nodes(1).values() if _is_op(node)]
    assert sorted(node.op.name for node in nodes) == ["add", "mul", "tanh"]


def test_what_equals_something_replaced_merges_with_what_took_its_place():
    x = T.dvector("x")
    found = replay_of(function([x], [T.log(1 + x), T.log(1 + x) * 2]))
    kinds = [(step.kind, step.count) for step in found.steps]
    assert sorted(kinds, key=str) == [(StepKind.MERGE, 2), (StepKind.RULE, 1)]
    nodes = [node.what for node in found.nodes(len(found.steps)).values() if _is_op(node)]
    assert sorted(node.op.name for node in nodes) == ["log1p", "mul"]


def test_constants_are_folded_in_a_step():
    x = T.dvector("x")
    two = T.exp(T.constant(0.0)) + 1
    found = replay_of(function([x], x * two))
    step = found.steps[0]
    assert (step.kind, step.stage, step.count) == (StepKind.FOLD, Stage.FOLD, 1)
    assert (step.before, step.after) == ("exp(0) + 1", "2")
    names = [found.start[key].what.op.name for key in step.went if _is_op(found.start[key])]
    assert sorted(names) == ["add", "exp"]


def test_a_rule_that_fires_on_what_a_rule_put_in():
    x = T.dmatrix("x")
    f = function([x], x.T.T + 1)
    found = replay_of(f)
    names = [step.firing.name for step in found.steps]
    assert names == ["shuffle_of_shuffle", "shuffle_of_nothing"]
    first, second = found.steps
    assert set(first.came) == set(second.went)


def test_names_move_to_what_takes_the_place_of_a_named_result():
    x = T.dvector("x")
    y = T.log(1 + x)
    y.name = "y"
    found = replay_of(function([x], T.exp(y)))
    (out,) = found.graph(len(found.steps)).outputs
    assert out.owner.inputs[0].name == "y"


def test_inputs_stay_though_nothing_needs_them():
    x, y = T.dvectors("x", "y")
    f = function([x, y], x + 0 * y.shape[0])
    assert f.graph.inputs == replay_of(f).graph(99).inputs


def test_what_is_left_out_does_not_fire():
    x = T.dvector("x")
    mode = get_mode("FAST_RUN").excluding("log_of_one_plus")
    assert not replay_of(function([x], T.log(1 + x), mode=mode)).steps
    assert not replay_of(function([x], T.log(1 + x), mode="FAST_COMPILE")).steps


def test_times_are_those_of_the_passes():
    f, _ = mlp()
    began = perf_counter()
    seconds = replay_of(f).seconds
    whole = perf_counter() - began
    assert {Stage.FOLD, Stage.SIZES, Stage.REWRITE, Stage.FOLD_AGAIN} <= set(seconds)
    assert all(value >= 0 for value in seconds.values())
    assert 0 < sum(seconds.values()) <= whole


def deep(count):
    """A chain of nodes at each third of which a rule fires."""
    x = T.dvector("x")
    y = x
    for _ in range(count):
        y = T.log(1 + T.exp(T.sin(y) * 0.1)) + y
    return function([x], y, mode="FAST_COMPILE")


def test_memory_and_work_grow_with_the_graph_not_with_its_square():
    sizes, work = [], []
    for count in (200, 1600):
        f = deep(count)
        work.append(calls(lambda f=f: replay(f.graph, OptimizerLevel.O3)))
        found = replay(f.graph, OptimizerLevel.O3)
        assert len(found.steps) >= count
        sizes.append(sum(len(step.changes) for step in found.steps))
        assert_same_graph(found.graph(len(found.steps)), _optimized(f))
    assert sizes[1] < 10 * sizes[0]
    assert work[1] < 10 * work[0]


def _optimized(f):
    return function(f.inputs, f.outputs, mode=_numpy_mode()).fgraph


def _numpy_mode():
    with config.change(linker="numpy"):
        return get_mode("FAST_RUN")
