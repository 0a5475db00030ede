"""What functions say of their memory; oracles: tracemalloc, and `nbytes` of NumPy's arrays."""

from __future__ import annotations

import gc
import shutil
import tracemalloc

import numpy as np
import pytest

from arignote import Function, config, function, grad, shared
from arignote import tensor as T
from arignote.compile import planning
from arignote.compile.footprint import EXAMPLES, footprint, shapes_text

LINKERS = ["numpy"] + ["c"] * any(map(shutil.which, ("cc", "gcc", "clang")))
needs_compiler = pytest.mark.skipif(len(LINKERS) < 2, reason="no C compiler")


def learn(linker: str) -> Function:
    """A layer with updates; the sizes of the weights are known, that of the batch is not."""
    x, y = T.fmatrix("x"), T.fmatrix("y")
    w = shared(np.full((300, 40), 0.01, "float32"), "w")
    loss = T.square(T.tanh(x @ w) - y).mean()
    updates = {w: w - np.float32(0.1) * grad(loss, w)}
    with config.change(linker=linker):
        return function([x, y], loss, updates=updates, name="learn")


def batch(rows: int) -> list[np.ndarray]:
    return [np.ones((rows, 300), "float32"), np.zeros((rows, 40), "float32")]


def traced(make) -> tuple[int, int]:
    """How many bytes are allocated after a call that were not before it, and the most in it."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept = make()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    del kept
    return after - before, peak - before


@pytest.mark.parametrize("linker", LINKERS)
def test_what_is_held_is_what_arrays_take(linker: str):
    f = learn(linker)
    found = footprint(f)
    assert found.shared == sum(x.get_value().nbytes for x in f.get_shared()) == 300 * 40 * 4
    assert found.constants == sum(x.data.nbytes for x in f.fgraph.constants) > 0
    assert found.workspace == 0
    assert [size for _, size in found.held] == [found.shared, found.constants]


@pytest.mark.parametrize("linker", LINKERS)
def test_shared_memory_is_counted_once(linker: str):
    value = np.ones(1000)
    a, b = shared(value, "a", borrow=True), shared(value, "b", borrow=True)
    with config.change(linker=linker):
        f = function([], a + b)
    both = {x.get_value(borrow=True).__array_interface__["data"][0] for x in (a, b)}
    assert footprint(f).shared == len(both) * value.nbytes


@needs_compiler
def test_the_workspace_is_what_a_call_leaves_behind():
    f = learn("c")
    f(*batch(10))
    first, values = footprint(f).workspace, batch(5000)
    grown, _ = traced(lambda: f(*values))
    found = footprint(f)
    assert found.workspace > 500_000
    assert found.workspace - first == pytest.approx(grown, rel=0.1)
    assert ("workspace for later calls", found.workspace) in found.held


@pytest.mark.parametrize("linker", LINKERS)
def test_examples_fit_together_and_to_shared_variables(linker: str):
    """They are what a call with arrays of these shapes takes."""
    f = learn(linker)
    found = footprint(f)
    assert not found.was_called
    shapes = [f"x ({n}, 300), y ({n}, 40)" for n in EXAMPLES]
    assert [text for text, _ in found.calls] == shapes[: len(found.calls)] != []
    f(*batch(1))
    for rows, (_, plan) in zip(EXAMPLES, found.calls, strict=False):
        if rows >= 1000:
            values = batch(rows)
            _, took = traced(lambda values=values: f(*values))
            assert plan.allocated == pytest.approx(took, rel=0.1)
            given = sum(value.nbytes for value in values) + found.shared + found.constants
            assert plan.peak == pytest.approx(took + given, rel=0.1)


@needs_compiler
def test_calls_are_those_whose_sizes_were_met_last():
    f = learn("c")
    for rows in (20, 30, 20, 40, 50):
        f(*batch(rows))
    found = footprint(f)
    assert found.was_called
    assert [text for text, _ in found.calls] == [
        f"x ({n}, 300), y ({n}, 40)" for n in (50, 40, 30)[: len(found.calls)]
    ]
    _, plan = found.calls[0]
    assert plan.peak == f.memory(*batch(50)).peak
    assert "for x (50, 300), y (50, 40); kept: shared variables 46.9 KiB" in str(found)


@pytest.mark.parametrize("linker", LINKERS)
def test_sizes_that_are_known_need_no_example(linker: str):
    x = T.tensor(dtype="float64", shape=(7, 5), name="x")
    with config.change(linker=linker):
        f = function([x], T.exp(x))
    ((text, plan),) = footprint(f).calls
    assert (text, plan.peak) == ("x (7, 5)", 2 * 7 * 5 * 8)


@pytest.mark.parametrize("linker", LINKERS)
def test_examples_that_do_not_fit_are_left_out(linker: str):
    """All sizes are taken to be equal where nothing says that they differ; here they must."""
    x = T.dvector("x")
    with config.change(linker=linker):
        f = function([x], x.reshape((7, 3)) + 1)
    found = footprint(f)
    assert found.calls == ()
    assert str(found).startswith("f.memory(...) tells the peak")


def test_large_functions_are_not_planned(monkeypatch: pytest.MonkeyPatch):
    x = y = T.dvector("x")
    for _ in range(200):
        y = T.tanh(y) + 1
    with config.change(linker="numpy"):
        f = function([x], y)
    monkeypatch.setattr(planning, "_numpy_plan", None)
    assert footprint(f).calls == ()


@needs_compiler
def test_nothing_is_compiled_or_waited_for(monkeypatch: pytest.MonkeyPatch):
    """Sizes that broadcast would need code of their own, and unfinished code would need time."""
    f = learn("c")
    assert planning.memory_if_known(f, [(5, 300), (1, 40)]) is None
    assert f._general is None
    monkeypatch.setattr(Function, "wait", lambda self, timeout: timeout > 0)
    assert footprint(f).calls == ()


def test_many_inputs_are_cut():
    xs = [T.dvector(f"x{n}") for n in range(9)]
    text = shapes_text([*xs, T.dscalar("s")], [*[(2,)] * 9, ()])
    assert text == "x0 (2,), x1 (2,), x2 (2,), x3 (2,), ... (9 in all)"
