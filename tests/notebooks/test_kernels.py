"""The stop button and interrupts against the kernel that is installed, as a front end sees it.

Oracle: the messages of the kernel.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import ipykernel
import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

from arignote.viz.monitor_stop import Stopper, WatchStopped

LIMIT_S = 30
# The best of a few times counts: other work on the machine makes messages late.
STOP_S, TIMES = 0.5, 4
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
Json = dict[str, Any]

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


def panel(client: BlockingKernelClient) -> Json:
    """What a front end is told of the panel when it opens."""
    while True:
        message = client.get_iopub_msg(timeout=LIMIT_S)
        state = message["content"].get("data", {}).get("state", {})
        if state.get("stop_message"):
            return state


def wait_for_batches(client: BlockingKernelClient, count: int) -> None:
    """Until the panel got so many messages of statistics."""
    while count:
        message = client.get_iopub_msg(timeout=LIMIT_S)
        count -= message["content"].get("data", {}).get("method") == "custom"


def reply_to(client: BlockingKernelClient, asked: str) -> Json:
    """The reply to a cell, with the errors that it showed."""
    while True:
        reply = client.get_shell_msg(timeout=LIMIT_S)
        if reply["parent_header"].get("msg_id") == asked:
            content: Json = reply["content"]
            return content


def seconds_to_stop(client: BlockingKernelClient, cell: str, batches: int) -> float:
    """How long a cell goes on once its button is pressed."""
    asked = client.execute(cell)
    state = panel(client)
    wait_for_batches(client, batches)
    start = time.monotonic()
    client.control_channel.send(client.session.msg(state["stop_message"], {}))
    assert reply_to(client, asked)["status"] == "ok"
    return time.monotonic() - start


def ended(client: BlockingKernelClient) -> tuple[str, int, set[float]]:
    """Why the watch stopped, after how many steps, and the counts that the arrays hold."""
    why, steps, *counts = value(client, ENDED).strip("'").split("|")
    return why, int(steps), set(map(float, counts))


def test_the_stop_button_ends_a_loop_between_two_steps(kernel):
    _, client = kernel
    seen = []
    for _ in range(TIMES):
        seen.append(seconds_to_stop(client, LOOP, batches=3))
        why, steps, counts = ended(client)
        assert why == "the stop button"
        assert steps > 0
        # Both arrays were counted up by the same calls: none was torn.
        assert len(counts) == 1
        if seen[-1] < STOP_S:
            return
    pytest.fail(f"limit {STOP_S} s; seen {seen}")


def test_the_stop_button_ends_a_cell_without_steps(kernel):
    _, client = kernel
    seen = [seconds_to_stop(client, WAITING, batches=1) for _ in range(2)]
    assert min(seen) < 10 * STOP_S, seen
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
