"""Limits: which values of a graph are errors."""

from dataclasses import dataclass
from enum import Enum

import numpy as np

BIG = 1e10


class Watch(Enum):
    """Which of the values that a step writes are told of."""

    NAN = "NaN"
    NON_FINITE = "NaN, Inf"
    BIG = "NaN, Inf, beyond 1e10"


@dataclass(frozen=True)
class Limits:
    """Which values are errors: NaN, Inf, or what is further from 0 than 1e10.

    Attributes
    ----------
    nan, inf, big : bool
    """

    nan: bool = True
    inf: bool = True
    big: bool = False

    @property
    def watch(self) -> Watch:
        """What steps have to tell of."""
        if self.big:
            return Watch.BIG
        return Watch.NON_FINITE if self.inf else Watch.NAN

    def are_met(self, array: np.ndarray) -> bool:
        """Whether there is nothing in an array that has to be looked into."""
        if array.dtype.kind not in "fc":
            return True
        with np.errstate(all="ignore"):
            if self.big:
                return bool((np.abs(array) <= BIG).all())
            return bool(np.isfinite(array).all() if self.inf else not np.isnan(array).any())

    def huge(self, array: np.ndarray) -> np.ndarray:
        """Where an array is infinite or, if that is an error, big."""
        if array.dtype.kind not in "fc":
            return np.zeros(array.shape, "bool")
        with np.errstate(all="ignore"):
            return np.asarray(np.abs(array) > BIG if self.big else np.isinf(array))


def is_nan(array: np.ndarray) -> np.ndarray:
    """Where an array of any dtype is NaN."""
    if array.dtype.kind not in "fc":
        return np.zeros(array.shape, "bool")
    return np.asarray(np.isnan(array))
