"""Python's garbage collector, paused while many nodes are made.

Nodes live on, so that each collection walks all of them for nothing: with the collector on, the
time for n nodes grows faster than n (4.4 s instead of 1.8 s for 80,000 nodes).
"""

import gc
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

# What may wait for a full collection, however little there is besides: objects (some 180 MB of
# them), and the bytes of the values that they hold.
LEAST_OBJECTS, LEAST_BYTES = 1_500_000, 1 << 28


def without_collector(build: Callable[P, R]) -> Callable[P, R]:
    """The function, run with the collector paused (if it was on)."""

    @wraps(build)
    def paused(*args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True
        if not gc.isenabled():
            return build(*args, **kwargs)
        gc.disable()
        try:
            return build(*args, **kwargs)
        finally:
            _waiting.age()
            gc.enable()

    return paused


class _Waiting:
    """What was made since the last full collection."""

    def __init__(self) -> None:
        self.bytes, self._objects, self._collections = 0, 0, 0

    def age(self) -> None:
        """Has what was made join the oldest objects at once.

        The collector would first walk it as young, then as middle-aged, and find nothing. There is
        a full collection when as many objects wait for it as there are others, or when they hold
        much memory.
        """
        made = gc.get_count()[0]
        # What somebody has frozen must stay so.
        if made <= gc.get_threshold()[0] or gc.get_freeze_count():
            return
        gc.freeze()
        gc.unfreeze()
        collections = gc.get_stats()[2]["collections"]
        if collections != self._collections:
            self.bytes, self._objects, self._collections = 0, 0, collections
        self._objects += made
        many = self._objects > LEAST_OBJECTS and 2 * self._objects > len(gc.get_objects())
        if many or self.bytes > LEAST_BYTES:
            gc.collect()


_waiting = _Waiting()


def note_memory(size: int) -> None:
    """Notes that nodes hold an array of so many bytes, for as long as they are not collected."""
    _waiting.bytes += size
