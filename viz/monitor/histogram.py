"""Histograms of arrays that a watch looks at."""

import math
from typing import NamedTuple

import numpy as np

# Values of an array that a histogram is made of, and its bars.
SAMPLE, BARS = 20_000, 24
# The least width of a scale, and that as a share of what stands at its ends: below, NumPy has no
# edges that are apart.
NARROWEST, NARROWEST_SHARE = 1e-300, 1e-12


class Histogram(NamedTuple):
    """How often values lie in intervals of the same width.

    Attributes
    ----------
    counts : ndarray of int64, shape (n,)
    edges : ndarray of float64, shape (n + 1,)
    """

    counts: np.ndarray
    edges: np.ndarray

    @property
    def scale(self) -> tuple[float, float]:
        """The ends of the scale."""
        return float(self.edges[0]), float(self.edges[-1])

    @property
    def peak(self) -> float:
        """The middle of the interval that most values lie in."""
        most = int(self.counts.argmax())
        return float(self.edges[most] / 2 + self.edges[most + 1] / 2)


def histogram(array: np.ndarray) -> Histogram:
    """The histogram of the finite values, of a large array of every n-th only.

    Of complex values it is that of the magnitudes; the counts are 0 where there are no values.
    """
    flat = np.asarray(abs(array) if array.dtype.kind == "c" else array, "float64").ravel()
    flat = flat[:: max(1, flat.size // SAMPLE)]
    flat = flat[np.isfinite(flat)]
    low, high = (float(flat.min()), float(flat.max())) if flat.size else (0.0, 1.0)
    if not math.isfinite(high - low):
        counts, edges = np.histogram(flat / 4, BARS)
        return Histogram(counts, edges * 4)
    size = max(abs(low), abs(high))
    if high - low <= max(NARROWEST, NARROWEST_SHARE * size):
        room = max(0.5, 1e-6 * size)
        low, high = low - room, high + room
    return Histogram(*np.histogram(flat, BARS, (low, high)))
