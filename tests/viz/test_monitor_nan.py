"""The first NaN of a watch. Oracle: the step at which log has a number below 0, by hand."""

from __future__ import annotations

import warnings
from contextlib import suppress

import pytest

import arignote.tensor as T
from arignote import function, grad, shared
from arignote.errors import NanError
from arignote.viz import watch
from arignote.viz.monitor.history import OnNaN
from arignote.viz.monitor.panels import LinePanel
from monitored import Recorder, Terminal, forever, recorded, sick


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


@pytest.mark.parametrize("nan", OnNaN)
def test_a_terminal_is_told_once(nan):
    """By the line, by a warning or by the error that ends the block."""
    stream, error = Terminal(), ""
    _, step = sick()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            with recorded(LinePanel(stream), nan=nan) as seen:
                for _ in range(8):
                    step(1.0)
        except NanError as raised:
            error = str(raised)
    told = "".join([stream.getvalue(), error, *[str(one.message) for one in said]])
    assert told.count("loss has one NaN at step 4.") == 1
    assert told.count("h = T.log(w)") == 1
    assert len(said) == (nan is OnNaN.WARN)
    assert "loss has one NaN at step 4." in repr(seen)


@pytest.mark.parametrize("nan", OnNaN)
def test_nothing_more_is_said_where_a_panel_shows_it(nan):
    _, step = sick()
    with suppress(NanError), recorded(Recorder(is_seen=True), nan=nan) as seen:
        for _ in range(8):
            step(1.0)
    assert (seen.untold_nan is None) == (nan is OnNaN.RAISE)
    ends = nan in (OnNaN.RAISE, OnNaN.PAUSE)
    assert seen.stopped == ("NaN in loss" if ends else None)


def test_an_error_that_the_block_caught_does_not_end_it():
    _, step = sick()
    with recorded(Recorder(), nan=OnNaN.RAISE) as seen:
        for _ in range(8):
            with suppress(NanError):
                step(1.0)
    assert seen.state == "finished"
    assert seen.untold_nan is seen.first_nan
