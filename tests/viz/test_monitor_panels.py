"""What a watch shows. Oracle: messages and pictures read again; NumPy's histogram; known rates."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from arignote.compile.watched import CHANNELS
from arignote.viz import watch
from arignote.viz.monitor.feed import Batch, Feed
from arignote.viz.monitor.histogram import histogram
from arignote.viz.monitor.panels import LinePanel
from arignote.viz.monitor.picture import picture, text
from monitored import FakeClock, Recorder, Terminal, recorded, regression, sick

SVG = "{http://www.w3.org/2000/svg}"


def test_at_most_twenty_messages_a_second():
    clock, sent = FakeClock(), []
    feed = Feed(lambda batch: sent.append((clock.now, batch)), clock)
    for n in range(5000):
        clock.now += 0.001
        feed.offer(n, {"w": {"mean": float(n)}}, {})
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


def test_a_message_is_names_and_buffers_of_float32():
    batch = Batch(("loss", "w"), ("loss",), 5, 10.0, 0.5, ((4, {"w": {"mean": 2.0, "nan": 1.0}}),))
    numbers = batch.numbers
    assert numbers.dtype == np.float32
    assert numbers.shape == (1, 1 + 2 * len(CHANNELS))
    assert numbers[0, 0] == 4
    assert np.isnan(numbers[0, 1 : 1 + len(CHANNELS)]).all()
    assert numbers[0, 1 + len(CHANNELS) + CHANNELS.index("mean")] == 2.0
    assert set(batch.content) == {
        "names", "losses", "steps", "rate", "elapsed", "count", "histograms",
    }  # fmt: skip


def test_the_picture_and_the_text():
    data, goal, _, _, step = regression(name="<loss> & co")
    with watch(every=1, max_steps=40, show=False) as seen:
        while True:
            step(data, goal)
    svg = picture(seen, seen.first_nan)
    root = ET.fromstring(svg)
    words = ["".join(found.itertext()) for found in root.iter(f"{SVG}text")]
    assert {"<loss> & co", "w", "b", "stopped by the limit of 40 steps", "40"} <= set(words)
    assert len(svg) < 30_000
    assert svg.count("<script") == svg.count("http") - 1 == 0
    lines = text(seen, seen.first_nan).splitlines()
    assert lines[0].startswith("watch stopped by the limit of 40 steps: 40 steps in ")
    assert lines[3].split()[0] == "w"
    assert repr(seen) == text(seen, seen.first_nan)
    assert set(seen._repr_mimebundle_()) == {"text/plain", "text/html", "image/svg+xml"}


def test_the_picture_of_nothing_and_of_nan():
    with watch(show=False) as seen:
        pass
    ET.fromstring(picture(seen, seen.first_nan))
    assert text(seen, seen.first_nan).startswith("watch finished: 0 steps")
    _, step = sick()
    with watch(every=1, nan="record", show=False) as seen:
        for _ in range(9):
            step(1.0)
    ET.fromstring(picture(seen, seen.first_nan))
    assert "loss has one NaN at step 4." in picture(seen, seen.first_nan)


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


def test_histograms():
    data, goal, w, _, step = regression()
    with watch("w", every=1, hist=True, show=False) as seen:
        for _ in range(3):
            step(data, goal)
    counts, edges = seen.histograms["w"]
    truth = np.histogram(w.get_value(), 24)
    np.testing.assert_array_equal(counts, truth[0])
    np.testing.assert_allclose(edges, truth[1])


VALUES = {
    "none": np.zeros(0),
    "no number": np.array([np.nan, np.inf]),
    "one": np.array(2.5),
    "equal and large": np.full(5, 1e20),
    "hardly apart": np.array([1.0, np.nextafter(1.0, 2.0)]),
    "far apart": np.array([-1.7e308, 0.0, 1.7e308]),
    "next to 0": np.array([0.0, 5e-324]),
    "some numbers": np.array([[1.0, np.nan], [-np.inf, 3.0]]),
    "ints": np.arange(10),
    "complex": np.array([3 + 4j, 5j]),
}


@pytest.mark.parametrize("name", VALUES)
def test_histograms_of_all_kinds_of_arrays(name):
    """Each finite value is counted where it lies, and no array is refused."""
    values = np.abs(VALUES[name]) if name == "complex" else VALUES[name]
    finite = np.sort(values[np.isfinite(values)].astype("float64"))
    counts, edges = histogram(VALUES[name])
    assert counts.sum() == len(finite)
    assert np.isfinite(edges).all()
    assert (np.diff(edges / 4) > 0).all()
    places = np.clip(np.searchsorted(edges, finite, "right") - 1, 0, len(counts) - 1)
    np.testing.assert_array_equal(np.bincount(places, minlength=len(counts)), counts)


def test_histograms_are_sent_once_and_drawn():
    panel, clock = Recorder(), FakeClock()
    data, goal, _, _, step = regression()
    with recorded(panel, clock, hist=True) as seen:
        for _ in range(4):
            step(data, goal)
            clock.now += 0.03
    first, *_, last = panel.batches
    assert list(last.histograms) == ["loss", "w", "b"]
    assert first.content["histograms"] == ["loss", "w", "b"]
    low, high, *counts = last.bars[1]
    assert (low, high) == tuple(np.float32(seen.histograms["w"].edges[[0, -1]]))
    assert counts == seen.histograms["w"].counts.tolist()
    root = ET.fromstring(picture(seen, None))
    (said,) = [x.text for x in root.iter(f"{SVG}title") if x.text.startswith("values of w ")]
    assert said.startswith(f"values of w from {low:.4g} to {high:.4g}, most near ")
    bars = [x.get("d") for x in root.iter(f"{SVG}path") if x.get("class") == "bar"]
    assert [path.count("M") for path in bars] == [np.count_nonzero(counts), 1]
    assert said in seen._repr_mimebundle_()["text/html"]
    plain = recorded(Recorder())
    assert "values now" in picture(seen, None)
    assert "values now" not in picture(plain, None)
