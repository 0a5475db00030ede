"""A front end that presses the stop button of a monitor: messages to a kernel and back."""

from __future__ import annotations

import time
from typing import Any

from jupyter_client.blocking import BlockingKernelClient

LIMIT_S = 30
Json = dict[str, Any]


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
