"""The monitor. Oracle: NumPy, by hand on a small regression; the same loop without a watch."""

from __future__ import annotations

import io
import itertools
import os
import random
import signal
import sys
import threading
import time
import warnings
import xml.etree.ElementTree as ET
from contextlib import ExitStack, suppress

import numpy as np
import pytest

import arignote.tensor as T
from arignote import config, function, grad, shared
from arignote.compile.observers import watching
from arignote.compile.probe import Probe
from arignote.compile.watched import Role, by_default, by_name
from arignote.errors import ConfigError, GraphError, NanError
from arignote.viz import watch
from arignote.viz.monitor_feed import CHANNELS, Batch, Feed
from arignote.viz.monitor_history import Points, Series, thinned
from arignote.viz.monitor_panels import LinePanel
from arignote.viz.monitor_picture import picture, text
from arignote.viz.monitor_session import OnNaN, Watch

RATE = 0.05


def regression(dtype: str = "float64", name: str = "loss"):
    """Data, weights, and a step of descent on the mean squared error."""
    rng = np.random.default_rng(0)
    data, truth = rng.normal(size=(30, 4)), np.array([1.0, -2.0, 0.5, 3.0])
    x, y = T.matrix("x", dtype=dtype), T.vector("y", dtype=dtype)
    w, b = shared(np.full(4, 0.1, dtype), "w"), shared(np.asarray(0.2, dtype), "b")
    h = T.dot(x, w) + b
    h.name = "h"
    loss = ((h - y) ** 2).mean()
    loss.name = name
    gw, gb = grad(loss, [w, b])
    lr = np.asarray(RATE, dtype)
    step = function([x, y], loss, updates={w: w - lr * gw, b: b - lr * gb})
    return data.astype(dtype), (data @ truth + 1.0).astype(dtype), w, b, step


def by_hand(data: np.ndarray, goal: np.ndarray, steps: int) -> dict[str, list]:
    """What happens in each step, computed with NumPy."""
    w, b = np.full(4, 0.1), 0.2
    rows: dict[str, list] = {key: [] for key in ("loss", "w", "h", "gw", "rw", "gb", "b")}
    for _ in range(steps):
        h = data @ w + b
        away = 2 * (h - goal) / len(goal)
        new, shift = w - RATE * data.T @ away, b - RATE * away.sum()
        rows["loss"].append(((h - goal) ** 2).mean())
        rows["h"].append(h)
        rows["gw"].append(np.linalg.norm(data.T @ away))
        rows["gb"].append(abs(away.sum()))
        rows["rw"].append(np.linalg.norm(new - w) / np.linalg.norm(w))
        w, b = new, shift
        rows["w"].append(w)
        rows["b"].append(b)
    return rows


def forever(step) -> None:
    while True:
        step()


def run(*parts) -> None:
    for part in parts:
        part()


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


class Recorder:
    """A panel that keeps what it is told."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.times: list[float] = []
        self.events: list[str] = []

    def open(self, seen) -> None:
        self.events.append("open")

    def send(self, batch: Batch) -> None:
        self.events.append(f"batch {batch.steps}")
        self.batches.append(batch)

    def alarm(self, first) -> None:
        self.events.append(f"alarm {first.step}")

    def close(self, seen) -> None:
        self.events.append("close")


class FakeClock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def recorded(panel: Recorder, clock=time.perf_counter, every: int = 1, nan=OnNaN.RECORD) -> Watch:
    stats = ("min", "max", "mean", "std", "nan", "inf", "norm")
    return Watch(None, every, None, stats, nan, True, False, panel, clock)


# ---- what is measured ---------------------------------------------------------------------------


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


# ---- steps --------------------------------------------------------------------------------------


def test_functions_compiled_before_and_within():
    data, goal, _, _, step = regression()
    with watch(every=1, show=False) as seen:
        step(data, goal)
        _, _, _, _, other = regression(name="cost")
        for _ in range(3):
            other(data, goal)
    assert seen.steps == 3
    assert len(seen.history["loss"]["mean"].steps) == 1
    assert len(seen.history["cost"]["mean"].steps) == 3
    assert "w (2)" in seen.history


def test_functions_without_updates_are_left_out_once_one_has_updates():
    data, goal, _w, _, step = regression()
    x = T.dmatrix("x")
    score = (x * 1.0).sum()
    score.name = "score"
    measure = function([x], score)
    with watch(every=1, show=False) as seen:
        measure(data)
        assert list(seen.history) == ["score"]
        step(data, goal)
        measure(data)
        measure(data)
    assert list(seen.history) == ["loss", "w", "b"]
    assert seen.steps == 1


def test_max_steps_ends_the_block_after_the_step():
    data, goal, w, _, step = regression()
    done = []
    with watch(max_steps=7, show=False) as seen:
        for n in range(100):
            step(data, goal)
            done.append(n)
    assert done == list(range(7))
    assert seen.steps == 7
    assert seen.stopped == "the limit of 7 steps"
    np.testing.assert_allclose(w.get_value(), by_hand(data, goal, 7)["w"][-1], rtol=1e-12)
    with watch(max_steps=7, show=False) as seen:
        for _ in range(7):
            step(data, goal)
    assert seen.stopped is None


def test_other_threads():
    data, goal, w, _, step = regression()

    def train() -> None:
        # What ends a thread without a word; pytest would have one.
        with suppress(SystemExit):
            forever(lambda: step(data, goal))

    with watch(every=2, show=False) as seen:
        threads = [threading.Thread(target=train) for _ in range(3)]
        for thread in threads:
            thread.start()
        while seen.steps < 200:
            time.sleep(0.001)
        seen.stop("the test")
        for thread in threads:
            thread.join(5)
            assert not thread.is_alive()
    assert seen.stopped == "the test"
    np.testing.assert_allclose(w.get_value(), by_hand(data, goal, seen.steps)["w"][-1], rtol=1e-9)
    steps = seen.history["loss"]["mean"].steps
    assert len(set(steps.tolist())) == len(steps)


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


# ---- stopping -----------------------------------------------------------------------------------


def test_stop_comes_at_a_step_and_leaves_names_bound():
    data, goal, w, _, step = regression()
    kept = 0
    with watch(show=False) as seen:
        timer = threading.Timer(0.05, seen.stop)
        timer.start()
        for n in range(10**9):
            step(data, goal)
            kept = n
    assert seen.stopped == "stop()"
    assert kept == seen.steps - 1
    np.testing.assert_allclose(w.get_value(), by_hand(data, goal, seen.steps)["w"][-1], rtol=1e-9)


def test_stop_ends_a_loop_that_makes_no_steps():
    with watch(show=False) as seen:
        timer = threading.Timer(0.02, seen.stop)
        timer.start()
        start = time.monotonic()
        time.sleep(30)
    assert time.monotonic() - start < 15
    assert seen.stopped == "stop()"


def test_an_interrupt_of_the_user_stays_one():
    data, goal, _, _, step = regression()
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt) as caught, watch(show=False) as seen:
        forever(lambda: (step(data, goal), interrupt() if seen.steps == 20 else None))
    assert type(caught.value) is KeyboardInterrupt
    assert seen.stopped is None
    assert seen.steps == 20
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("linker", ["c", "numpy"])
def test_interrupts_at_random_moments_leave_one_call_whole(linker):
    """All parameters count the calls; after an interrupt all have the same count."""
    with config.change(linker=linker):
        cells = [shared(np.zeros(50), f"c{n}") for n in range(12)]
        step = function([], [], updates=[(cell, cell + 1.0) for cell in cells])
    step.wait()
    seed = random.Random(5)
    for _ in range(120):
        timer = threading.Timer(seed.uniform(0.0005, 0.004), interrupt)
        with pytest.raises(KeyboardInterrupt), watch(every=50, show=False):
            run(timer.start, lambda: forever(step))
        counts = {float(cell.get_value()[0]) for cell in cells}
        assert len(counts) == 1, counts
        assert not any(cell.lock.locked() for cell in cells)


def interrupted_at(moment: int, call) -> bool:
    """Whether a call was interrupted before the end of the n-th instruction of our own code."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        if not frame.f_globals.get("__name__", "").startswith("arignote."):
            return None
        frame.f_trace_opcodes = True
        count += event == "opcode"
        if count == moment and event == "opcode":
            signal.raise_signal(signal.SIGINT)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


@pytest.mark.parametrize("every", [1, 1000])
def test_an_interrupt_at_each_instruction_leaves_one_call_whole_and_no_lock(every):
    cells = [shared(np.zeros(3), f"c{n}") for n in range(4)]
    step = function([], [], updates=[(cell, cell + 1.0) for cell in cells])
    step.wait()
    moments = 0
    with watch(every=every, show=False):
        step()
        for moment in itertools.count(1, 1 if every > 1 else 7):
            if not interrupted_at(moment, step):
                break
            moments += 1
            assert len({float(cell.get_value()[0]) for cell in cells}) == 1, moment
            assert not any(cell.lock.locked() for cell in cells), moment
    assert moments > 100


def test_an_interrupt_at_each_instruction_of_the_stores_leaves_all_or_none():
    cells = [shared(np.zeros(3), f"c{n}") for n in range(6)]
    with config.change(linker="numpy"):
        step = function([], [], updates=[(cell, cell + 1.0) for cell in cells])
    for moment in itertools.count(1):
        if not interrupted_at(moment, step):
            break
        assert len({float(cell.get_value()[0]) for cell in cells}) == 1, moment
        for cell in cells:
            if cell.lock.locked():
                cell.lock.release()
    assert moment > 100


def test_an_error_in_the_block_stays_one_and_ends_the_watch():
    data, goal, _, _, step = regression()
    with pytest.raises(ZeroDivisionError), watch(show=False) as seen:
        run(lambda: step(data, goal), lambda: 1 / 0)
    assert seen.state == "finished"
    step(data, goal)
    assert seen.steps == 1


# ---- NaN ----------------------------------------------------------------------------------------


def sick(every: int = 1):
    """A step whose loss becomes NaN once the weight is below 0: log(w)."""
    x, w = T.dscalar("x"), shared(1.0, "w")
    h = T.log(w)
    h.name = "h"
    loss = h * x
    loss.name = "loss"
    return w, function([x], loss, updates={w: w - 0.3})


def test_nan_raises_at_the_step_and_names_the_node():
    _, step = sick()
    with pytest.raises(NanError) as caught, watch(every=50, nan="raise", show=False) as seen:
        forever(lambda: step(1.0))
    first = seen.first_nan
    assert (first.name, first.step) == ("loss", 4)
    assert "loss has one NaN at step 4" in str(caught.value)
    assert "log" in str(caught.value)
    assert "h = T.log(w)" in str(caught.value)
    assert seen.steps == 5


def test_nan_found_before_the_updates_stores_none():
    x, w = T.dscalar("x"), shared(-1.0, "w")
    loss = T.sqrt(w) * x
    step = function([x], [], updates={w: w - 0.1 * grad(loss, w)})
    with pytest.raises(NanError), watch(every=1, nan="raise", show=False):
        step(1.0)
    assert float(w.get_value()) == -1.0


def test_nan_warns_once_pauses_or_is_only_recorded():
    _, step = sick()
    with warnings.catch_warnings(record=True) as said, watch(nan="warn", show=False) as seen:
        warnings.simplefilter("always")
        for _ in range(10):
            step(1.0)
    assert len(said) == 1
    assert said[0].filename == __file__
    assert seen.steps == 10
    _, step = sick()
    with watch(nan="pause", show=False) as seen:
        for n in range(10):
            step(1.0)
            last = n
    assert (seen.stopped, seen.steps, last) == ("NaN in loss", 5, 4)
    _, step = sick()
    with watch(nan="record", show=False) as seen:
        for _ in range(10):
            step(1.0)
    assert seen.steps == 10
    assert seen.first_nan.step == 4


# ---- messages -----------------------------------------------------------------------------------


def test_at_most_twenty_messages_a_second():
    clock, sent = FakeClock(), []
    feed = Feed(lambda batch: sent.append((clock.now, batch)), clock)
    for n in range(5000):
        clock.now += 0.001
        feed.offer(n, {"w": {"mean": float(n)}})
        feed.tick(("w",), (), n + 1)
    times = [moment for moment, _ in sent]
    assert 90 <= len(times) <= 100
    assert min(np.diff(times)) > 0.0499
    assert all(len(batch.samples) <= 17 for _, batch in sent)
    assert all(batch.samples[-1][0] == batch.steps - 1 for _, batch in sent)
    assert sent[-1][1].rate == pytest.approx(1000, rel=0.01)


def test_signs_of_life_without_samples():
    clock, sent = FakeClock(), []
    feed = Feed(lambda batch: sent.append(batch), clock)
    for n in range(1000):
        clock.now += 0.01
        feed.tick(("w",), (), n)
    assert 35 <= len(sent) <= 40


def test_the_last_step_and_the_first_nan_are_sent_at_once():
    panel, clock = Recorder(), FakeClock()
    _, step = sick()
    with recorded(panel, clock) as seen:
        for _ in range(8):
            step(1.0)
            clock.now += 0.0001
    assert panel.events == ["open", "batch 5", "alarm 4", "batch 8", "close"]
    assert panel.batches[0].samples[-1][0] == 4
    assert np.isnan(panel.batches[0].samples[-1][1]["loss"]["mean"])
    assert panel.batches[-1].samples[-1][0] == 7
    assert seen.first_nan.step == 4


def test_a_message_is_names_and_one_buffer_of_float32():
    batch = Batch(("loss", "w"), ("loss",), 5, 10.0, 0.5, ((4, {"w": {"mean": 2.0, "nan": 1.0}}),))
    numbers = batch.numbers
    assert numbers.dtype == np.float32
    assert numbers.shape == (1, 1 + 2 * len(CHANNELS))
    assert numbers[0, 0] == 4
    assert np.isnan(numbers[0, 1 : 1 + len(CHANNELS)]).all()
    assert numbers[0, 1 + len(CHANNELS) + CHANNELS.index("mean")] == 2.0
    assert set(batch.content) == {"names", "losses", "steps", "rate", "elapsed", "count"}


# ---- what is shown ------------------------------------------------------------------------------


def test_the_picture_and_the_text():
    data, goal, _, _, step = regression(name="<loss> & co")
    with watch(every=1, max_steps=40, show=False) as seen:
        while True:
            step(data, goal)
    svg = picture(seen)
    root = ET.fromstring(svg)
    words = ["".join(found.itertext()) for found in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"<loss> & co", "w", "b", "stopped by the limit of 40 steps", "40"} <= set(words)
    assert len(svg) < 30_000
    assert svg.count("<script") == svg.count("http") - 1 == 0
    lines = text(seen).splitlines()
    assert lines[0].startswith("watch stopped by the limit of 40 steps: 40 steps in ")
    assert lines[3].split()[0] == "w"
    assert repr(seen) == text(seen)
    assert set(seen._repr_mimebundle_()) == {"text/plain", "image/svg+xml"}


def test_the_picture_of_nothing_and_of_nan():
    with watch(show=False) as seen:
        pass
    ET.fromstring(picture(seen))
    assert text(seen).startswith("watch finished: 0 steps")
    _, step = sick()
    with watch(every=1, nan="record", show=False) as seen:
        for _ in range(9):
            step(1.0)
    ET.fromstring(picture(seen))
    assert "loss has one NaN at step 4." in picture(seen)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_one_line():
    stream = Terminal()
    panel, clock = LinePanel(stream), FakeClock()
    data, goal, _, _, step = regression()
    with recorded(panel, clock) as seen:
        for _ in range(9):
            step(data, goal)
            clock.now += 0.1
    assert stream.getvalue().count("\n") == 1
    shown = [line.rstrip() for line in stream.getvalue().split("\r")]
    assert all(len(line) <= 78 for line in shown)
    assert shown[1].startswith("step 2  20/s  loss ")
    assert shown[-1].startswith("finished: 9 steps in 0.9 s")
    quiet = io.StringIO()
    LinePanel(quiet).close(seen)
    assert quiet.getvalue() == ""


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"every": 0}, "every=0"),
        ({"max_steps": 0}, "max_steps=0"),
        ({"stats": ["mode"]}, "'mode'"),
        ({"nan": "panic"}, "'panic'"),
    ],
)
def test_wrong_options(options, word):
    with pytest.raises(ConfigError, match=word):
        watch(**options)


def test_a_name_that_no_function_has():
    data, goal, _, _, step = regression()
    with pytest.raises(GraphError) as caught, watch("lss", show=False):
        step(data, goal)
    assert "there is no variable lss to watch" in str(caught.value)
    assert "try:   loss" in str(caught.value)


def test_histograms():
    data, goal, w, _, step = regression()
    with watch("w", every=1, hist=True, show=False) as seen:
        for _ in range(3):
            step(data, goal)
    counts, edges = seen.histograms["w"]
    truth = np.histogram(w.get_value(), 24)
    np.testing.assert_array_equal(counts, truth[0])
    np.testing.assert_allclose(edges, truth[1])


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
