"""Functions whose calls are measured."""

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from arignote.compile.function import Function
from arignote.compile.link import Linked
from arignote.execute import Executable
from arignote.execute.profile import Profile
from arignote.execute.timed import TimedNative, timed_numpy, timed_whole
from arignote.lower import Program


class ProfiledFunction(Function):
    """A function that measures each step of its calls; made by `function(..., profile=True)`."""

    def _load(self) -> None:
        self._profile = Profile()
        self._timed: WeakKeyDictionary[Linked, Executable] = WeakKeyDictionary()
        super()._load()

    @property
    def profile(self) -> Profile:
        """What the calls so far took."""
        return self._profile

    def take_over(self) -> None:
        super().take_over()
        self._quick = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        start = self._profile.clock()
        try:
            return super().__call__(*args, **kwargs)
        finally:
            self._profile.add_call(self._profile.clock() - start)

    def _execute(self, linked: Linked, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        __tracebackhide__ = True
        run = self._timed.get(linked)
        if run is None:
            run = self._timed.setdefault(linked, self._measured(linked))
        return run(values)

    def _measured(self, linked: Linked) -> Executable:
        profile = self._profile
        if linked.native is not None:
            return TimedNative(linked.native, profile)
        if isinstance(linked.program, Program):
            return timed_numpy(linked.program, linked.graph, profile)
        return timed_whole(linked.run, linked.graph, "with NumPy until its C is ready", profile)
