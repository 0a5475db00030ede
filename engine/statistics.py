"""What the values of an array are like, in a few numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Statistics:
    """A few numbers that tell what the values of an array are like.

    The four in the middle are over the finite values, of complex ones over their magnitudes; they
    are None where there is no finite value. `std` divides by the number of values.

    Attributes
    ----------
    shape : tuple of int
    dtype : str
    min, max : float, int or None
        Integers for arrays of integers or bool.
    mean, std : float or None
    nan, inf : int
        How many elements are NaN, how many are infinite.
    """

    shape: tuple[int, ...]
    dtype: str
    min: float | int | None
    max: float | int | None
    mean: float | None
    std: float | None
    nan: int
    inf: int

    @property
    def finite(self) -> bool:
        """Whether no element is NaN or infinite."""
        return self.nan == 0 and self.inf == 0


def statistics(array: Any) -> Statistics:
    """The statistics of an array.

    Parameters
    ----------
    array : array_like of any shape, dtype bool, integer, float or complex

    Returns
    -------
    Statistics

    Example
    -------
    >>> from arignote.statistics import statistics
    >>> import numpy as np
    >>> found = statistics(np.array([1.0, 3.0, np.nan]))
    >>> found.min, found.max, found.mean, found.std, found.nan
    (1.0, 3.0, 2.0, 1.0, 1)
    """
    given = np.asarray(array)
    shape, dtype = given.shape, str(given.dtype)
    if given.size == 0:
        return Statistics(shape, dtype, None, None, None, None, 0, 0)
    if given.dtype.kind in "biu":
        numbers = given.view("uint8") if given.dtype.kind == "b" else given
        return Statistics(
            shape, dtype, int(numbers.min()), int(numbers.max()), *_moments(numbers), 0, 0
        )
    with np.errstate(all="ignore"):
        values, nan, inf = _finite(given)
        if values.size == 0:
            return Statistics(shape, dtype, None, None, None, None, nan, inf)
        low, high = float(values.min()), float(values.max())
        return Statistics(shape, dtype, low, high, *_moments(values), nan, inf)


def _finite(given: np.ndarray) -> tuple[np.ndarray, int, int]:
    """The finite values, of complex ones the magnitudes, and how many are NaN and infinite."""
    # Both ends are finite only if every element is: the common case takes no mask.
    if given.dtype.kind == "f" and np.isfinite(given.min()) and np.isfinite(given.max()):
        return given, 0, 0
    is_finite = np.isfinite(given)
    nan = int(np.count_nonzero(np.isnan(given)))
    inf = given.size - int(np.count_nonzero(is_finite)) - nan
    values = given[is_finite]
    return (np.abs(values) if given.dtype.kind == "c" else values), nan, inf


def _moments(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation, computed in double precision."""
    mean = float(values.mean(dtype="float64"))
    std = _deviation(values, mean)
    if np.isfinite(mean) and np.isfinite(std):
        return mean, std
    # Sums and squares of very large numbers overflow; those of numbers up to 1 do not.
    scale = float(np.abs(values).max())
    scaled = values.astype("float64") / scale
    mean = float(scaled.mean())
    return mean * scale, _deviation(scaled, mean) * scale


def _deviation(values: np.ndarray, mean: float) -> float:
    away = np.subtract(values, mean, dtype="float64").ravel()
    return float(np.sqrt(away.dot(away) / away.size))
