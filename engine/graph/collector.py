"""Python's garbage collector, paused while many nodes are made.

Nodes live on, so that each full collection walks all of them for nothing: with the collector on,
the time for n nodes grows faster than n (4.4 s instead of 1.8 s for 80,000 nodes).
"""

import gc
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


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
            gc.enable()

    return paused
