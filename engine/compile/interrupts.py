"""Interrupts that wait until a call is over, so that none lands between two of its stores."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from arignote import lazy

Receiver = Callable[[], None]

# Whoever asks again after this time means it: a call that hangs can be ended.
PATIENCE_S = 2.0


class Shield:
    """A context manager: interrupts of the main thread are delivered when the block is over.

    It does nothing unless somebody is `receiving` interrupts, and nothing in other threads, which
    get none. Blocks may nest.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._since: float | None = None
        self._receivers: list[Receiver] = []

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._depth += 1

    def __exit__(self, *error: object) -> None:
        if threading.current_thread() is threading.main_thread():
            self._depth -= 1
            if self._since is not None and not self._depth:
                self._deliver()

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The handler of the signal SIGINT."""
        now = time.monotonic()
        if self._depth and (self._since is None or now - self._since < PATIENCE_S):
            self._since = now if self._since is None else self._since
        else:
            self._deliver()

    def _deliver(self) -> None:
        self._since = None
        if self._receivers:
            self._receivers[-1]()

    @contextmanager
    def receiving(self, receiver: Receiver) -> Iterator[bool]:
        """Has a function called for each interrupt while the block runs; see `receiving`."""
        signal = lazy.module("signal")  # every program has calls, few have receivers
        before: Any = signal.getsignal(signal.SIGINT)
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main or not callable(before):
            yield False
            return
        if not self._receivers:
            # An interrupt that nobody received may have left a block half entered.
            self._depth, self._since = 0, None
        self._receivers.append(receiver)
        signal.signal(signal.SIGINT, self.handle)
        try:
            yield True
        finally:
            signal.signal(signal.SIGINT, before)
            self._receivers.remove(receiver)
            if self._since is not None and not self._receivers:
                self._since = None
                before(signal.SIGINT, None)


shield = Shield()


def receiving(receiver: Receiver) -> Any:
    """A context manager: while its block runs, a function is called for each interrupt.

    What it raises is raised where the interrupt came, though never inside a call of a function
    that is observed: there it is raised once the call is over and its locks are given back.

    Parameters
    ----------
    receiver : function
        Called without arguments in the main thread.

    Returns
    -------
    context manager of bool
        Whether interrupts come to the receiver: they do not outside of the main thread, nor where
        the process ignores them.

    Example
    -------
    >>> import signal
    >>> with receiving(lambda: print("an interrupt")) as is_asked:
    ...     if is_asked:
    ...         signal.raise_signal(signal.SIGINT)
    an interrupt
    """
    return shield.receiving(receiver)
