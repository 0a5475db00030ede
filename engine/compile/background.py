"""Threads that compile; Python waits for them, a little, before it ends."""

import atexit
import threading
import time
from collections.abc import Callable

_EXIT_S = 2.0

_threads: set[threading.Thread] = set()


def in_background(work: Callable[[], None]) -> None:
    """Has a function called by a thread of its own."""

    def run() -> None:
        try:
            work()
        finally:
            _threads.discard(threading.current_thread())

    thread = threading.Thread(target=run, name="arignote-compile", daemon=True)
    _threads.add(thread)
    thread.start()


@atexit.register
def _await_threads() -> None:
    """Lets threads put away what their compilers leave, which have been ended by now.

    That is so since what is registered later is called earlier.
    """
    end = time.monotonic() + _EXIT_S
    for thread in list(_threads):
        thread.join(max(0.0, end - time.monotonic()))
