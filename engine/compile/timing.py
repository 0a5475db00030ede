"""The measured way through a function: how long each call takes, and each step of it."""

import threading
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from arignote.compile.link import Linked
from arignote.execute import Executable
from arignote.execute.building import READY, time_spent
from arignote.execute.building import building as block_that_builds
from arignote.execute.profile import Recorder
from arignote.execute.timed import TimedNative, timed_numpy, timed_whole
from arignote.lower import Program


class _State(threading.local):
    depth = 0
    # Nanoseconds of compiling that calls so far have been told of.
    building = 0


_state = _State()


def in_call() -> bool:
    """Whether the calling thread is within a call that is measured."""
    return _state.depth > 0


class Timing(Recorder):
    """The measured way through one function."""

    def __init__(self, clock: Callable[[], int]) -> None:
        super().__init__(clock)
        self._timed: WeakKeyDictionary[Linked, Executable] = WeakKeyDictionary()

    def call(self, compute: Callable[[tuple, dict], Any], args: tuple, kwargs: dict) -> Any:
        """The result of a whole call, whose time is taken."""
        __tracebackhide__ = True
        state, clock = _state, self.clock
        state.depth += 1
        built, told, start = time_spent(), state.building, clock()
        try:
            return compute(args, kwargs)
        finally:
            nanoseconds = clock() - start
            state.depth -= 1
            # Of calls within this one each is told of its own.
            building = time_spent() - built - (state.building - told)
            state.building += building
            for profile in self.profiles:
                profile.add_call(nanoseconds, building)

    def run(self, linked: Linked, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What `linked.run` gives, with the time of each step taken."""
        __tracebackhide__ = True
        run = self._timed.get(linked)
        if run is None:
            with block_that_builds(READY):
                run = self._timed.setdefault(linked, self._measured(linked))
        return run(values)

    def _measured(self, linked: Linked) -> Executable:
        if linked.native is not None:
            return TimedNative(linked.native, self)
        if isinstance(linked.program, Program) and linked.watched:
            return timed_whole(linked.run, linked.graph, "with NumPy, node by node", self)
        if isinstance(linked.program, Program):
            return timed_numpy(linked.program, linked.graph, self)
        return timed_whole(linked.run, linked.graph, "with NumPy until its C is ready", self)
