"""The stop button and interrupts against the kernel that is installed, as a front end sees it.

Oracle: the messages of the kernel.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import ipykernel
import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

from arignote.viz.monitor.stop import Stopper, WatchStopped
from bench.stopping import LIMIT_S, panel, reply_to, seconds_to_stop, wait_for_batches

SETUP = """%load_ext arignote
import time
import numpy as np
from arignote import function, shared
v, w = shared(np.zeros(1000), "v"), shared(np.zeros(1000), "w")
train = function([], v.sum(), updates={v: v + 1, w: w + 1})"""
LOOP = "%%watch v w\nwhile True:\n    train()"
WAITING = "%%watch v w\nfor _ in range(200):\n    train(); time.sleep(0.001)\ntime.sleep(60)"
ENDED = """"|".join(map(str, (
    _watch.stopped, _watch.steps, v.get_value()[0], w.get_value()[0], w.get_value()[-1])))"""
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::UserWarning")


@pytest.fixture(scope="module")
def kernel() -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    """A kernel with a function that counts twice."""
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=LIMIT_S)
    try:
        client.execute_interactive(SETUP, timeout=LIMIT_S, output_hook=lambda message: None)
        told = value(client, "__import__('ipykernel').__version__")
        assert told == repr(ipykernel.__version__)
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def value(client: BlockingKernelClient, expression: str) -> str:
    """The repr of an expression in the kernel."""
    while True:
        reply = client.execute_interactive(
            "",
            user_expressions={"it": expression},
            timeout=LIMIT_S,
            output_hook=lambda message: None,
        )["content"]
        # Older kernels refuse what comes within 0.1 s after an error.
        if reply["status"] != "aborted":
            found: str = reply["user_expressions"]["it"]["data"]["text/plain"]
            return found


def ended(client: BlockingKernelClient) -> tuple[str, int, set[float]]:
    """Why the watch stopped, after how many steps, and the counts that the arrays hold."""
    why, steps, *counts = value(client, ENDED).strip("'").split("|")
    return why, int(steps), set(map(float, counts))


def test_the_stop_button_ends_a_loop_between_two_steps(kernel):
    _, client = kernel
    for _ in range(3):
        seconds_to_stop(client, LOOP, batches=3)
        why, steps, counts = ended(client)
        assert why == "the stop button"
        assert steps > 0
        # Both arrays were counted up by the same calls: none was torn.
        assert len(counts) == 1


def test_the_stop_button_ends_a_cell_without_steps(kernel):
    _, client = kernel
    assert seconds_to_stop(client, WAITING, batches=1) < 30, "it would sleep for a minute"
    assert ended(client)[0] == "the stop button"


def test_an_interrupt_stays_an_interrupt(kernel):
    manager, client = kernel
    asked = client.execute(LOOP)
    panel(client)
    wait_for_batches(client, 3)
    manager.interrupt_kernel()
    reply = reply_to(client, asked)
    assert reply["status"] == "error"
    assert reply["ename"] == "KeyboardInterrupt"
    assert len(ended(client)[2]) == 1


def test_the_kernel_goes_on_as_before(kernel):
    """After stops and interrupts no late interrupt comes, and the next cell runs."""
    _, client = kernel
    before = float(value(client, "float(v.get_value()[0])"))
    asked = client.execute("time.sleep(1.0)\ntrain()")
    assert reply_to(client, asked)["status"] == "ok"
    assert float(value(client, "float(v.get_value()[0])")) == before + 1


def test_a_stop_before_the_block_is_not_lost():
    """The panel is there a moment before the block that its button ends."""
    stopper = Stopper()
    stopper.ask("early")
    start = time.monotonic()
    with pytest.raises(WatchStopped), stopper.block():
        time.sleep(30)
    assert time.monotonic() - start < 10
    assert stopper.why == "early"
