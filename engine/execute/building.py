"""Building: for how long functions and kernels are being made, told to who measures that."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from time import perf_counter_ns
from typing import Any, ParamSpec, TypeVar

READY = "getting ready to measure"

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Built:
    """Something that was made.

    Attributes
    ----------
    what : object
        A Function, or a few words.
    nanoseconds : int
        How long that took, all that was made on the way included.
    """

    what: Any
    nanoseconds: int


class _State(threading.local):
    depth = 0
    spent = 0


_state = _State()
_listeners: tuple[Callable[[Built], None], ...] = ()
_changing = threading.Lock()


def time_spent() -> int:
    """For how many nanoseconds the calling thread has been building since it began."""
    return _state.spent


@contextmanager
def building(what: Any) -> Iterator[list[Any]]:
    """A block that makes something; what the list that it gets holds in the end is what was made.

    Blocks within it, in the same thread, count as part of it.
    """
    made = [what]
    state = _state
    state.depth += 1
    start = perf_counter_ns()
    try:
        yield made
    finally:
        state.depth -= 1
        if not state.depth:
            nanoseconds = perf_counter_ns() - start
            state.spent += nanoseconds
            for listener in _listeners:
                listener(Built(made[0], nanoseconds))


def builder(build: Callable[P, R]) -> Callable[P, R]:
    """A function whose calls are blocks that make what it returns."""

    @wraps(build)
    def measured(*args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True
        with building("a function that cannot be made") as made:
            result = made[0] = build(*args, **kwargs)
        return result

    return measured


@contextmanager
def hearing(listener: Callable[[Built], None]) -> Iterator[None]:
    """While the block runs, a listener is told of what was made, in the thread that made it.

    Example
    -------
    >>> heard = []
    >>> with hearing(heard.append), building("a kernel"):
    ...     pass
    >>> heard[0].what, heard[0].nanoseconds > 0
    ('a kernel', True)
    """
    global _listeners
    with _changing:
        _listeners = (*_listeners, listener)
    try:
        yield
    finally:
        with _changing:
            _listeners = tuple([other for other in _listeners if other is not listener])
