"""What a watch measures. Oracle: NumPy, by hand on a small regression; the loop without a watch."""

from __future__ import annotations

import itertools
from contextlib import ExitStack

import numpy as np
import pytest

import arignote.tensor as T
from arignote import config, function, grad, shared
from arignote.compile.observers import watching
from arignote.compile.probe import Probe
from arignote.compile.watched import Role, by_default, by_name
from arignote.viz import watch
from arignote.viz.monitor.history import Points, Series, thinned
from monitored import by_hand, regression


def test_history_is_what_numpy_computes():
    data, goal, w, _, step = regression()
    with watch(every=3, show=False) as seen:
        for _ in range(11):
            step(data, goal)
    truth = by_hand(data, goal, 11)
    at = [0, 3, 6, 9, 10]
    assert seen.steps == 11
    assert seen.stopped is None
    assert list(seen.history) == ["loss", "w", "b"]
    loss = seen.history["loss"]["mean"]
    assert loss.steps.tolist() == at
    np.testing.assert_allclose(loss.values, np.array(truth["loss"])[at], rtol=1e-12)
    for channel, value in {
        "min": np.min, "max": np.max, "mean": np.mean, "std": np.std, "norm": np.linalg.norm,
    }.items():  # fmt: skip
        expected = [value(truth["w"][n]) for n in at]
        np.testing.assert_allclose(seen.history["w"][channel].values, expected, rtol=1e-9)
    for channel, key in {"gradient": "gw", "ratio": "rw"}.items():
        values = seen.history["w"][channel].values
        np.testing.assert_allclose(values[:4], np.array(truth[key])[at[:4]], rtol=1e-9)
        assert np.isnan(values[4])  # the last step was no sample: it is over when that is known
    gb = seen.history["b"]["gradient"].values[:4]
    np.testing.assert_allclose(gb, np.array(truth["gb"])[at[:4]], rtol=1e-9)
    np.testing.assert_allclose(w.get_value(), truth["w"][-1], rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_watching_changes_no_bit(dtype):
    values = []
    for is_watched in (False, True):
        data, goal, w, b, step = regression(dtype)
        if is_watched:
            with watch(["h", "w", "x"], every=1, show=False):
                losses = [step(data, goal) for _ in range(20)]
        else:
            losses = [step(data, goal) for _ in range(20)]
        values.append([*losses, *w.get_value(), b.get_value()])
    np.testing.assert_array_equal(*values)


def layers(sizes=(60, 200, 150, 10)):
    """A step of training with weights enough for samples to be taken in the call itself."""
    rng = np.random.default_rng(2)
    x, y = T.fmatrix("x"), T.ivector("y")
    h, cells = x, []
    for n, (a, b) in enumerate(itertools.pairwise(sizes)):
        w = shared((rng.normal(size=(a, b)) * 0.1).astype("float32"), f"W{n}")
        c = shared(np.zeros(b, "float32"), f"b{n}")
        cells += [w, c]
        z = T.dot(h, w) + c
        h = T.tanh(z) if n < len(sizes) - 2 else z
    loss = -T.log(T.nnet.softmax(h))[T.arange(y.shape[0]), y].mean()
    loss.name = "loss"
    lr = np.float32(0.1)
    updates = {c: c - lr * g for c, g in zip(cells, grad(loss, cells), strict=True)}
    data = rng.normal(size=(32, sizes[0])).astype("float32")
    return cells, updates, function([x, y], loss, updates=updates), data, rng.integers(0, 10, 32)


@pytest.mark.parametrize("names", [None, ["loss", "W1", "b2"]])
def test_samples_taken_within_the_call_change_no_bit_and_are_the_same(names):
    found = []
    for is_watched, others in ((False, ()), (True, ()), (True, (Quiet(),))):
        cells, _, step, data, goal = layers()
        goal = goal.astype("int32")
        with ExitStack() as stack:
            seen = stack.enter_context(watch(names, every=2, show=False)) if is_watched else None
            for other in others:
                stack.enter_context(watching(other))
            losses = [float(step(data, goal)) for _ in range(21)]
        found.append((losses, [cell.get_value() for cell in cells], seen))
    for losses, values, _ in found[1:]:
        assert losses == found[0][0]
        for value, plain in zip(values, found[0][1], strict=True):
            np.testing.assert_array_equal(value, plain)
    within, beside = found[1][2], found[2][2]
    assert list(within.history) == list(beside.history)
    for name, series in within.history.items():
        for channel, points in series.items():
            other = beside.history[name][channel]
            np.testing.assert_array_equal(points.steps, other.steps)
            np.testing.assert_allclose(points.values, other.values, rtol=1e-6)


class Quiet:
    """An observer that does nothing; while it looks on every call is made as it is."""

    def around(self, f, values, compute):
        return compute(values)


def test_samples_are_taken_within_the_call_once_that_was_seen_to_be_the_same():
    cells, _, step, data, goal = layers()
    probe = Probe(step, by_default(step))
    values = [data, goal.astype("int32")]
    for trial in range(3):
        ride = probe.ride(step, values)
        assert ride.is_sure == (trial == 2)
        before = [cell.get_value() for cell in cells]
        outputs = [step(*values)]
        probe.compare(step, ride, outputs)
        for cell, value, new in zip(cells, before, ride.news, strict=True):
            assert not np.array_equal(value, new)
            np.testing.assert_array_equal(cell.get_value(), new)
    probe.compare(step, probe.ride(step, values), [outputs[0] + 1])
    assert probe.ride(step, values) is None


def test_arrays_are_read_once_after_a_call_and_no_copy_is_stored():
    cells, _, step, data, goal = layers()
    probe = Probe(step, by_default(step))
    values = [data, goal.astype("int32")]
    before = {cell: cell.get_value() for cell in cells}
    probe.after(values, [step(*values)], before)
    program = probe._after._quick.program
    assert str(program).count(" loops over ") == len(cells)
    assert " -> piece" not in str(program)


def test_the_gradient_is_no_second_product_where_several_want_it():
    rng = np.random.default_rng(3)
    x, w = T.fmatrix("x"), shared(rng.normal(size=(200, 150)).astype("float32"), "w")
    m, v = (shared(np.zeros((200, 150), "float32")) for _ in range(2))
    g = grad((T.dot(x, w) ** 2).mean(), w)
    keep, rate = np.float32(0.9), np.float32(0.1)
    slow, size = keep * m + rate * g, keep * v + rate * g * g
    updates = {m: slow, v: size, w: w - rate * slow / T.sqrt(size + rate)}
    with config.change(linker="c", async_compile="off"):
        step = function([x], [], updates=updates)
        probe = Probe(step, by_default(step))
        values = [rng.normal(size=(32, 200)).astype("float32")]
        for trial in range(3):
            ride = probe.ride(step, values)
            assert ride.is_sure == (trial == 2)
            plain = w.get_value(), values[0]
            step(*values)
            probe.compare(step, ride, [])
    assert str(probe._riding.program).count(" blas ") == str(step.program).count(" blas ")
    truth = 2 * plain[1].T @ (plain[1] @ plain[0]) / (32 * 150)
    assert ride.rows["w"]["gradient"] == pytest.approx(np.linalg.norm(truth), rel=1e-5)


def test_chosen_names_inputs_and_inner_variables():
    data, goal, w, _, step = regression()
    with watch(["h", "x", w], every=1, stats=["mean", "max"], show=False) as seen:
        for _ in range(3):
            step(data, goal)
    truth = by_hand(data, goal, 3)
    assert list(seen.history) == ["h", "x", "w"]
    assert set(seen.history["h"]) == {"mean", "max"}
    np.testing.assert_allclose(seen.history["h"]["max"].values, [h.max() for h in truth["h"]])
    np.testing.assert_allclose(seen.history["x"]["mean"].values, [data.mean()] * 3)


def test_statistics_leave_non_finite_values_out():
    x = T.dmatrix("x")
    f = function([x], x * 2)
    f.outputs[0].name = "y"
    value = np.array([[1.0, np.nan, 3.0], [np.inf, -5.0, np.nan]])
    with watch("y", every=1, nan="record", show=False) as seen:
        f(value)
    found = {channel: points.values[0] for channel, points in seen.history["y"].items()}
    finite = 2 * np.array([1.0, 3.0, -5.0])
    assert found["min"] == finite.min()
    assert found["max"] == finite.max()
    assert found["mean"] == pytest.approx(finite.mean())
    assert found["std"] == pytest.approx(finite.std())
    assert (found["nan"], found["inf"]) == (2.0, 1.0)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "bool", "complex128"])
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 4), (2, 3, 4), (0,), (3, 0)])
def test_statistics_of_all_kinds_of_arrays(dtype, shape):
    rng = np.random.default_rng(1)
    value = (rng.normal(size=shape) * 3 + 1000).astype(dtype)
    if dtype == "complex128":
        value = value + 1j * rng.normal(size=shape)
    x = T.tensor(dtype, (None,) * len(shape), "x")
    f = function([x], x.astype("float64").sum() if dtype != "complex128" else abs(x).sum())
    probe = Probe(f, by_name(f, ["x"]))
    found = probe.after([value], [np.zeros(())]).get("x")
    if value.size == 0:
        assert found is None
        return
    plain = np.abs(value) if dtype == "complex128" else value.astype("float64")
    assert found["min"] == pytest.approx(plain.min(), rel=1e-12)
    assert found["max"] == pytest.approx(plain.max(), rel=1e-12)
    assert found["mean"] == pytest.approx(plain.mean(), rel=1e-12)
    assert found["std"] == pytest.approx(plain.std(), rel=1e-6, abs=1e-12)
    assert found["norm"] == pytest.approx(np.linalg.norm(plain), rel=1e-12)


def test_gradients_are_found_also_after_givens_and_clipping():
    data, goal, _, _, _ = regression()
    x, y, z = T.dmatrix("x"), T.dvector("y"), T.dmatrix("z")
    w = shared(np.full(4, 0.1), "w")
    loss = ((T.dot(x, w) - y) ** 2).mean()
    g = grad(loss, w)
    step = function([z, y], [], updates={w: w - 0.1 * T.clip(g, -0.01, 0.01)}, givens={x: z})
    (watched,) = [w for w in by_default(step) if w.role is Role.SHARED]
    assert watched.gradient is not None
    with watch(every=1, show=False) as seen:
        step(data, goal)
    truth = np.linalg.norm(2 * data.T @ (data @ np.full(4, 0.1) - goal) / 30)
    assert seen.history["w"]["gradient"].values[0] == pytest.approx(truth)


def test_no_gradient_is_shown_where_it_is_not_clear():
    x, w = T.dscalar("x"), shared(1.0, "w")
    one, two = (w * x) ** 2, (w + x) ** 2
    step = function([x], one, updates={w: w - 0.1 * grad(one, w) - 0.2 * grad(two, w)})
    plain = function([x], w * x, updates={w: w + 1.0})
    for f in (step, plain):
        assert [found.gradient for found in by_default(f) if found.update is not None] == [None]


def test_the_cost_is_watched_where_no_output_is_a_number():
    x, w = T.dscalar("x"), shared(2.0, "w")
    loss = (w * x) ** 2
    loss.name = "loss"
    step = function([x], [], updates={w: w - 0.1 * grad(loss, w)})
    with watch(every=1, show=False) as seen:
        step(3.0)
    assert seen.history["loss"]["mean"].values.tolist() == [36.0]
    assert seen.losses == ("loss",)


@pytest.mark.parametrize("linker", ["c", "numpy"])
def test_a_variable_that_is_all_nan_has_no_numbers_left(linker):
    """Its least and greatest values are NaN, not the neutral elements of min and max."""
    x, w = T.dvector("x"), shared(np.ones(3), "w")
    with config.change(linker=linker):
        step = function([x], (w * x).sum(), updates={w: w * x})
    with watch("w", every=1, nan="record", show=False) as seen:
        step(np.ones(3))
        step(np.full(3, np.nan))
        step(np.ones(3))
    series = seen.history["w"]
    assert {key: series.last(key) for key in ("nan", "inf")} == {"nan": 3.0, "inf": 0.0}
    assert all(np.isnan(series.last(key)) for key in ("min", "max", "mean", "std"))
    assert repr(seen.first_nan) == str(seen.first_nan)
    rows = [line.split() for line in repr(seen).splitlines()]
    assert ["NaN"] * 4 in [row[1:5] for row in rows if row[0] == "w"]


def test_a_history_can_be_thinned():
    series = Series(("mean",), is_whole=False)
    for n in range(10_000):
        series.add(n, {"mean": float(n)})
    steps, values = series["mean"]
    assert len(steps) <= 1024
    assert steps[0] == 0
    assert steps[-1] == 9999
    assert np.array_equal(steps, values)
    points = thinned(Points(np.arange(1000), np.arange(1000.0)), 10)
    assert len(points.steps) == 10
    assert points.steps[-1] == 999
