"""What the steps of a watch are. Oracle: NumPy, by hand on a small regression."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import numpy as np
import pytest

import arignote.tensor as T
from arignote import function
from arignote.errors import ConfigError, GraphError
from arignote.viz import watch
from monitored import by_hand, forever, regression


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
