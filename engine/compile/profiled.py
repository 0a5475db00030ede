"""Functions whose calls are measured, from the start or for as long as somebody wants to know."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from arignote.compile.compiled import Function
from arignote.compile.observers import Compute, observers
from arignote.compile.timing import Timing
from arignote.execute.profile import Profile


class Profiler(ABC):
    """An observer that has a profile of each function."""

    @abstractmethod
    def profile_of(self, function: Function) -> Profile:
        """Where the calls of a function are counted."""

    @abstractmethod
    def around(
        self, function: Function, values: Sequence[np.ndarray], compute: Compute
    ) -> list[np.ndarray]:
        """As all observers have it."""


class ProfiledFunction(Function):
    """A function that measures each step of its calls; made by `function(..., profile=True)`."""

    is_profiled = True

    def _load(self) -> None:
        self._profile = Profile()
        super()._load()

    @property
    def profile(self) -> Profile:
        """What the calls so far took."""
        return self._profile


def timing_of(function: Function, before: Timing | None) -> Timing | None:
    """The measured way for all who want to know of a function now; None if nobody does.

    Parameters
    ----------
    function : Function
    before : Timing or None
        What the function had so far.
    """
    profilers = [observer for observer in observers() if isinstance(observer, Profiler)]
    profiles = [profiler.profile_of(function) for profiler in profilers]
    if isinstance(function, ProfiledFunction):
        profiles.insert(0, function.profile)
    if not profiles:
        return None
    timing = before or Timing(profiles[0].clock)
    timing.profiles = tuple(profiles)
    return timing
