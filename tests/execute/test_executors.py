"""The C executor gives what NumPy's gives: random graphs, all op cases, and rewrites left out.

The NumPy executor, whose ops are tested against NumPy in tests/ops/, is the oracle.
"""

import importlib

import numpy as np
import pytest

from arignote import config, function, grad
from arignote import tensor as T
from arignote.compile import get_mode
from arignote.compile.link import executor_name
from arignote.execute import geometry
from arignote.rewrite import Tag
from execute.random_graphs import SIZES, agree, calls, random_graph
from ops import cases
from oracles import assert_arrays
from rewrite.test_random_graphs import everything, values_of

needs_compiler = pytest.mark.skipif(executor_name(get_mode()) != "c", reason="no C compiler")


@pytest.fixture(autouse=True)
def c_is_ready():
    """No test compares NumPy with NumPy while the C code is being compiled."""
    with config.change(async_compile="off"):
        yield


def compiled(inputs, outputs, linker, mode=None):
    with config.change(linker=linker):
        f = function(inputs, outputs, on_unused_input="ignore", mode=mode and get_mode(mode))
    assert f.linker == linker
    return f


def outcome(f, values):
    """The results, or the error."""
    try:
        return f(*values)
    except (ValueError, IndexError) as error:
        return error


def replays_of(f):
    """A list that grows with each call for which native code does not fit."""
    native, seen = f._linked.native, []
    replay = native._replay

    def noted(values):
        seen.append(values)
        return replay(values)

    native._replay = noted
    return seen


def check(graph, seed, c, by_numpy):
    """Both functions give the same for each call, twice; the second time the sizes are known."""
    replays = replays_of(c)
    for name, shapes, special in calls(graph, seed):
        values = graph.values(shapes, seed, special)
        kept = [value.copy() for value in values]
        wanted = outcome(by_numpy, values)
        replays.clear()
        for _ in range(2):
            got = outcome(c, values)
            where = f"graph {seed}, {name}: {shapes}"
            # Where several nodes fail, executors need not meet the same one first.
            if isinstance(wanted, Exception) or isinstance(got, Exception):
                assert isinstance(got, Exception), f"{where}: no {wanted}"
                assert isinstance(wanted, Exception), f"{where}: {got}"
                continue
            for number, (a, b) in enumerate(zip(got, wanted, strict=True)):
                agree(a, b, graph, f"{where}, output {number}")
            assert name not in ("plain", "large") or not replays, f"{where}: NumPy computed it"
        for value, copy in zip(values, kept, strict=True):
            np.testing.assert_array_equal(value, copy, where)


# Steps of each graph, and how many graphs.
PLAN = [(4, 40), (9, 70), (18, 25), (40, 5)]
CHUNKS = [(steps, list(range(n, n + 5))) for steps, count in PLAN for n in range(0, count, 5)]


@needs_compiler
@pytest.mark.parametrize(("steps", "seeds"), CHUNKS, ids=str)
def test_random_graphs(steps, seeds):
    for seed in seeds:
        seed += 1000 * steps
        graph = random_graph(seed, steps)
        functions = [compiled(graph.inputs, graph.outputs, name) for name in ("c", "numpy")]
        check(graph, seed, *functions)


@needs_compiler
@pytest.mark.parametrize("seeds", [range(n, n + 5) for n in range(0, 40, 5)], ids=str)
def test_random_graphs_in_many_jobs(seeds, monkeypatch):
    """The same graphs, with each loop cut into as many jobs as it can be."""
    monkeypatch.setattr(geometry, "WORTH_SHARING_NS", 1e-3)
    monkeypatch.setattr(geometry, "BLOCK", 2)
    for seed in seeds:
        seed += 9000
        graph = random_graph(seed, 9)
        with config.change(threads=3):
            c = compiled(graph.inputs, graph.outputs, "c")
        check(graph, seed, c, compiled(graph.inputs, graph.outputs, "numpy"))


# Graphs in which something was wrong once, with the number of their steps.
KNOWN = {
    (337, 9): "a result that a product also looks at in another way",
    (366, 9): "a result that a reshape looks at",
    (5000629, 30): "two looks at one look at memory, in one product",
    (6940, 12): "numbers counted along an axis of size 1 that meets another",
}


@needs_compiler
@pytest.mark.parametrize(("seed", "steps"), KNOWN, ids=KNOWN.values())
def test_graphs_that_went_wrong(seed, steps):
    graph = random_graph(seed, steps)
    functions = [compiled(graph.inputs, graph.outputs, name) for name in ("c", "numpy")]
    check(graph, seed, *functions)


@needs_compiler
@pytest.mark.parametrize("level", ["o0", "o1", "o2", "o4"])
def test_random_graphs_at_other_levels(level):
    for seed in range(8):
        graph = random_graph(seed, 8)
        by_numpy = compiled(graph.inputs, graph.outputs, "numpy")
        with config.change(optimizer=level):
            c = compiled(graph.inputs, graph.outputs, "c")
        check(graph, seed, c, by_numpy)


@needs_compiler
@pytest.mark.parametrize("tag", [tag.value for tag in Tag])
def test_each_tag_can_be_left_out(tag):
    """Beside test_random_graphs.py, whose oracle is the graph as written: in C, and `expand`."""
    inputs, outputs = everything()
    values = values_of("float64")
    expected = function(inputs, outputs, mode="FAST_COMPILE")(*values)
    with config.change(linker="c"):
        f = function(inputs, outputs, mode=get_mode("FAST_RUN").excluding(tag))
    assert f.linker == "c"
    assert tag not in {firing.rule.tag.value for firing in f.rewrites}
    for got, want in zip(f(*values), expected, strict=True):
        assert_arrays(got, want, tag)


@needs_compiler
@pytest.mark.parametrize("tag", [tag.value for tag in Tag])
def test_random_graphs_without_a_tag(tag):
    for seed in range(100, 106):
        graph = random_graph(seed, 9)
        by_numpy = compiled(graph.inputs, graph.outputs, "numpy")
        with config.change(linker="c"):
            mode = get_mode("FAST_RUN").excluding(tag)
            c = function(graph.inputs, graph.outputs, mode=mode, on_unused_input="ignore")
        check(graph, seed, c, by_numpy)


@needs_compiler
@pytest.mark.parametrize("seeds", [range(n, n + 5) for n in range(0, 20, 5)], ids=str)
def test_gradients_and_updates(seeds):
    """Gradients with a step of descent, which BLAS and loops write to new arrays."""
    for seed in seeds:
        graph = random_graph(seed, 7)
        floats = [x for x in graph.inputs if x.dtype in ("float32", "float64")]
        costs = [x for x in graph.outputs if np.dtype(x.dtype).kind == "f"]
        cost = sum((T.tanh(x).sum() for x in costs), T.constant(0.0))
        gradients = grad(cost, floats, disconnected_inputs="ignore")
        values = graph.values(graph.shapes(SIZES), seed)
        found = []
        for linker in ("c", "numpy"):
            f = compiled(graph.inputs, [cost, *gradients], linker)
            found.append(outcome(f, values))
        for got, want in zip(*found, strict=True):
            agree(got, want, graph, f"graph {seed}")


# ---- op cases ------------------------------------------------------------------------------------

MODULES = ["elementwise", "indexing", "joins", "nnet", "order", "products", "reductions", "views"]
MODULES += ["writes"]


def cases_of(module):
    """All cases of a test module of tests/ops."""
    tables = vars(importlib.import_module(f"ops.test_{module}")).values()
    found = [case for table in tables if isinstance(table, list) for case in table]
    found += [case for table in found if isinstance(table, list) for case in table]
    return [case for case in {id(c): c for c in found}.values() if isinstance(case, cases.Case)]


@needs_compiler
def test_op_cases_run_as_c():
    """What tests/ops/ tests is the C executor, where there is a compiler."""
    case = cases.Case("", lambda x: x + 1, lambda x: x + 1, (np.ones(2),))
    assert cases._compiled(case, [(None,)])[0].linker == "c"


@pytest.mark.parametrize("module", MODULES)
def test_op_cases_with_numpy(module):
    """The same cases with the NumPy executor, in one layout each; the reference is the cases'."""
    found = cases_of(module)
    assert len(found) > 8
    for case in found:
        with np.errstate(all="ignore"):
            wanted = [np.asarray(x) for x in cases._as_list(case.reference(*case.inputs))]
        with config.change(linker="numpy"):
            run, outs = cases._compiled(case, [(None,) * x.ndim for x in case.inputs])
        assert run.linker == "numpy"
        cases._check_values(run, outs, case.inputs, wanted, f"{case} with NumPy")


def test_random_graphs_are_of_all_kinds():
    """What the seeds above make has native parts, NumPy's steps, views, products and reductions."""
    kinds = set()
    for seed in range(9000, 9070):
        graph = random_graph(seed, 9)
        f = function(graph.inputs, graph.outputs, mode="FAST_COMPILE", on_unused_input="ignore")
        kinds |= {type(node.op).__name__ for node in f.fgraph.order}
    wanted = {"Elemwise", "Reduce", "DimShuffle", "Subtensor", "Reshape", "Join", "Dot", "Softmax"}
    wanted |= {"MatMul", "AdvancedSubtensor", "LogSoftmax", "ARange", "Sort", "Flatten"}
    assert wanted <= kinds
