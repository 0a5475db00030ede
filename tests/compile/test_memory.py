"""Plans of memory; oracles: tracemalloc and the kernel's count of resident pages."""

import gc
import itertools
import shutil
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from arignote import config, errors, function, grad, shared
from arignote import tensor as T
from arignote.compile.memory import UNUSED, Holding, MemoryPlan, Role, bytes_text

LINKERS = ["numpy"] + ["c"] * any(map(shutil.which, ("cc", "gcc", "clang")))


def named(variable, name):
    variable.name = name
    return variable


def learning():
    """Two layers, a softmax, gradients and updates."""
    x, y = T.fmatrix("x"), T.ivector("y")
    sizes = [(300, 200), (200,), (200, 10)]
    w, b, v = [shared(np.full(s, 0.01, "float32"), n) for s, n in zip(sizes, "wbv", strict=True)]
    h = named(T.tanh(x @ w + b), "h")
    p = named(T.nnet.softmax(h @ v), "p")
    loss = named(-T.log(p)[T.arange(y.shape[0]), y].mean(), "loss")
    steps = zip([w, b, v], grad(loss, [w, b, v]), strict=True)
    return [x, y], loss, {w: w - np.float32(0.1) * g for w, g in steps}


def learning_values(rows):
    return [np.ones((rows, 300), "float32"), np.zeros(rows, "int32")]


def chain():
    x = T.dmatrix("x")
    return [x], T.sqrt(T.exp(T.sort(T.tanh(x) * 2, axis=1)) + 1), {}


def products():
    x, y = T.dmatrices("x", "y")
    return [x, y], T.dot(T.dot(x, y), T.dot(y, x)) + x[:1], {}


def several():
    x = T.fmatrix("x")
    return [x], [x, x.T, T.exp(x), x.sum(axis=0), x[10:], T.nnet.sigmoid(x)], {}


def wide():
    x, y = T.fvector("x"), T.fvector("y")
    outer = x[:, None] * y[None, :]
    return [x, y], [T.nnet.softmax(outer).sum(axis=0), T.argmax(outer, axis=0)], {}


def writes():
    x, i = T.dmatrix("x"), T.lvector("i")
    return [x, i], T.set_subtensor(T.exp(x)[i], 0.0), {}


def square(n, dtype="float64"):
    return np.ones((n, n), dtype)


CASES = {
    "learning, few rows": (learning, learning_values(1000)),
    "learning, many rows": (learning, learning_values(6000)),
    "sort between loops": (chain, [square(700)]),
    "sort of a long row": (chain, [np.ones((2, 300_000))]),
    "products": (products, [square(600), square(600)]),
    "outputs of all kinds": (several, [np.ones((2000, 300), "float32")]),
    "outer": (wide, [np.ones(1500, "float32"), np.ones(900, "float32")]),
    "writes": (writes, [square(800), np.arange(100)]),
}


def measured(f, values):
    """The most bytes that a call allocates beyond what is there before it."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        results = f(*values)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    del results
    return peak - before


@pytest.mark.parametrize("linker", LINKERS)
@pytest.mark.parametrize("name", CASES)
def test_the_peak_is_what_tracemalloc_measures(name, linker):
    build, values = CASES[name]
    inputs, outputs, updates = build()
    with config.change(linker=linker):
        f = function(inputs, outputs, updates=updates)
        # What is made once, at the first call of a kind, is no memory of the call.
        f(*[value[tuple(slice(0, 11 if n < 2 else None) for n in range(value.ndim))]
            if build is not learning else value[:11] for value in values])  # fmt: skip
    plan = f.memory(*values)
    took = measured(f, values)
    assert plan.allocated == pytest.approx(took, rel=0.1)
    given = sum(value.nbytes for value in values) + sum(
        x.get_value().nbytes for x in f.get_shared()
    )
    assert plan.peak == pytest.approx(took + given, rel=0.1)
    shapes = f.memory(*[value.shape for value in values])
    assert shapes.peak == pytest.approx(plan.peak, rel=0.01)


RESIDENT = """
import numpy as np
from arignote import config, function, tensor as T
def kept(name):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))
config.linker = {linker!r}
x, w = T.fmatrices("x", "w")
h = T.tanh(x @ w)
f = function([x, w], [T.exp(h.T @ h), h])
a, b = np.ones((20000, 400), "float32"), np.ones((400, 2000), "float32")
f(a[:300], b)
open("/proc/self/clear_refs", "w").write("5")
before = kept("VmRSS")
f(a, b)
print(kept("VmHWM") - before, f.memory(a, b).allocated)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.parametrize("linker", LINKERS)
def test_resident_memory_grows_by_what_the_plan_allocates(linker):
    """A process of its own, whose pages the kernel counts."""
    code = RESIDENT.format(linker=linker)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    took, planned = map(int, done.stdout.split())
    assert planned > 1e8
    assert planned == pytest.approx(took, rel=0.1)


@pytest.mark.parametrize("linker", LINKERS)
def test_what_is_alive_sums_up_to_the_peak_and_has_names(linker):
    inputs, outputs, updates = learning()
    with config.change(linker=linker):
        f = function(inputs, outputs, updates=updates, name="learn")
    plan = f.memory((6000, 300), (6000,))
    alive = plan.alive_at_peak
    assert sum(x.bytes for x in alive) == plan.peak == max(plan.timeline)
    assert len(plan.timeline) == len(plan.steps)
    assert [x.bytes for x in alive] == sorted([x.bytes for x in alive], reverse=True)
    roles = {x.name: x.role for x in alive}
    assert roles["x"] is Role.INPUT
    assert roles["w"] is Role.SHARED
    assert roles["h"] is Role.INTERMEDIATE
    assert next(x.bytes for x in alive if x.name == "h") == 6000 * 200 * 4
    text = str(plan)
    assert "learn with" in text
    assert "test_memory.py" in text
    totals = [sum(sizes) for sizes in zip(*[plan.of_role(role) for role in Role], strict=True)]
    assert tuple(totals) == plan.timeline


def test_a_timeline_by_hand():
    holdings = [
        Holding("x", Role.INPUT, 10, 0, 2),
        Holding("a", Role.INTERMEDIATE, 100, 0, 1),
        Holding("b", Role.OUTPUT, 50, 1, 2),
    ]
    plan = MemoryPlan("f", ("one", "two", "three"), tuple(holdings))
    assert plan.timeline == (110, 160, 60)
    assert (plan.peak, plan.peak_step, plan.allocated) == (160, 1, 150)
    assert [x.name for x in plan.alive_at_peak] == ["a", "b", "x"]
    assert [x.name for x in plan.alive(2)] == ["b", "x"]


def test_nothing_runs_and_nothing_is_stored():
    total, x = shared(0.0, "total"), T.dvector("x")
    f = function([x], x * 2, updates={total: total + x.sum()})
    plan = f.memory((10_000_000,))
    assert plan.peak == pytest.approx(2 * 80_000_000, rel=0.01)
    assert total.get_value() == 0.0


@pytest.mark.parametrize("linker", LINKERS)
def test_inputs_by_name_shape_or_value(linker):
    x, n = T.dmatrix("x"), T.lscalar("n")
    with config.change(linker=linker):
        f = function([x, n], T.exp(x)[:n])
    known = f.memory(x=np.ones((100, 1000)), n=10)
    assert known.peak >= 100 * 1000 * 8 + 10 * 1000 * 8
    assert f.memory((100, 1000), n=10).peak == known.peak
    assert f.memory((100, 1000), ()).peak >= known.peak
    took = measured(f, [np.ones((100, 1000)), 10])
    assert known.allocated <= 1.1 * took + 20_000


@pytest.mark.parametrize("linker", LINKERS)
def test_sizes_that_values_decide_are_taken_at_their_largest(linker):
    x = T.dvector("x")
    with config.change(linker=linker):
        f = function([x], x[T.nonzero(x > 0)[0]] * 2)
    plan = f.memory((100_000,))
    assert plan.is_bound
    assert "at most" in str(plan)
    values = np.ones(100_000)
    f(values[:10])
    assert plan.allocated == pytest.approx(measured(f, [values]), rel=0.1)


@pytest.mark.parametrize("linker", LINKERS)
def test_inputs_that_lie_otherwise_in_memory(linker):
    x, y = T.dmatrices("x", "y")
    with config.change(linker=linker):
        f = function([x, y], T.exp(x) + y)
    values = [square(700).T, np.ones((700, 1400))[:, ::2]]
    f(values[0][:3, :3], values[1][:3, :3])
    plan = f.memory(*values)
    assert plan.allocated == pytest.approx(measured(f, values), rel=0.1)
    assert any(x.name == "copy of y" for x in plan.alive_at_peak) == (linker == "c")


@pytest.mark.parametrize("linker", LINKERS)
def test_sizes_that_broadcast(linker):
    x, y = T.dmatrices("x", "y")
    with config.change(linker=linker):
        f = function([x, y], T.exp(x) + y)
    values = [np.ones((900, 1)), np.ones((1, 900))]
    f(*values)
    plan = f.memory((900, 1), (1, 900))
    assert plan.allocated == pytest.approx(measured(f, values), rel=0.1)


def test_what_does_not_fit_is_told():
    x, y = T.dmatrices("x", "y")
    f = function([x, y], T.dot(x, y))
    with pytest.raises(errors.ArignoteError):
        f.memory((3, 4), (5, 6))
    with pytest.raises(errors.InputError, match=r"shape as a tuple|no shape"):
        f.memory((3,), (5, 6))
    with pytest.raises(errors.InputError, match="missing: y"):
        f.memory((3, 4))


def test_bytes_are_shown_with_three_digits():
    shown = [bytes_text(size) for size in (0, 999, 1024, 1.5 * 2**20, 3 * 2**40)]
    assert shown == ["0 bytes", "999 bytes", "1 KiB", "1.5 MiB", "3.07e+03 GiB"]


def test_room_that_is_not_in_use_is_told_apart():
    if "c" not in LINKERS:
        pytest.skip("no C compiler")
    inputs, outputs, updates = learning()
    plan = function(inputs, outputs, updates=updates).memory((6000, 300), (6000,))
    unused = [x for x in plan.holdings if x.name == UNUSED]
    assert all(x.bytes >= 0 for x in unused)
    # One native part: its workspace is there from its first step to its last.
    by_step = itertools.groupby(sorted(unused, key=lambda x: x.first), key=lambda x: x.first)
    assert all(len(list(group)) == 1 for _, group in by_step)
    assert min(plan.timeline) == max(plan.timeline)
