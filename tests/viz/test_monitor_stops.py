"""How a watch ends. Oracle: NumPy, a small regression by hand; counts of calls in all cells."""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import threading
import time

import numpy as np
import pytest

from arignote import config, function, shared
from arignote.viz import watch
from monitored import by_hand, forever, regression


def run(*parts) -> None:
    for part in parts:
        part()


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


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
        # The first trace of a process sees no instructions in Python 3.12.1.
        interrupted_at(-1, step)
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
