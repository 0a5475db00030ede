"""What this machine reaches at best: bandwidth of copies of several sizes, speed of products."""

import platform
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum
from functools import cache
from math import log
from time import perf_counter

import numpy as np

from arignote import lazy
from arignote.config import config
from arignote.errors import CompilerError
from arignote.execute.cache import KERNELS, key_of
from arignote.execute.compiler import cores, cpu_features
from arignote.execute.costs import Cost

MIB = 1 << 20
# Bytes read and written by one copy: from what stays in the cache of a core to what does not
# stay in any.
SIZES = (1 << 17, 1 << 19, 1 << 21, 1 << 23, 1 << 25, 1 << 27)
PRODUCT_ROWS = 768
SECONDS = 0.02
# Changed whenever what is measured is.
_FORMAT = 2


class Bound(Enum):
    """What limits a step."""

    MEMORY = "memory"
    CACHE = "cache"
    COMPUTE = "compute"


@dataclass(frozen=True)
class Peaks:
    """What this machine reaches at best, with so many threads.

    Attributes
    ----------
    threads : int
    copies : tuple of (int, float)
        Bytes read and written by one copy, and GB/s; smallest first.
    float32, float64 : float
        GFLOP/s of large products.

    Example
    -------
    >>> peaks = Peaks(1, ((1 << 20, 100.0), (1 << 28, 10.0)), 200.0, 100.0)
    >>> peaks.memory, peaks.cache, peaks.bandwidth(1 << 30)
    (10.0, 100.0, 10.0)
    """

    threads: int
    copies: tuple[tuple[int, float], ...]
    float32: float
    float64: float

    @property
    def memory(self) -> float:
        """GB/s of copies that no cache holds."""
        return self.copies[-1][1]

    @property
    def cache(self) -> float:
        """GB/s of the fastest copies."""
        return max(speed for _, speed in self.copies)

    def bandwidth(self, size: float) -> float:
        """GB/s for a step that reads and writes so many bytes."""
        sizes = [number for number, _ in self.copies]
        place = bisect_left(sizes, size)
        if place in (0, len(sizes)):
            return self.copies[min(place, len(sizes) - 1)][1]
        (low, slow), (high, fast) = self.copies[place - 1 : place + 1]
        part = log(size / low) / log(high / low)
        return slow + (fast - slow) * part

    def least(self, cost: Cost, calls: int, double: bool) -> tuple[Bound, float]:
        """What limits runs of a step, and for how many nanoseconds at least.

        Parameters
        ----------
        cost : Cost
            Of all runs.
        calls : int
            How many these are.
        double : bool
            Whether products of float64 are the measure, not those of float32.
        """
        speed = self.bandwidth(cost.bytes / calls)
        moving = cost.bytes / speed
        computing = cost.operations / (self.float64 if double else self.float32)
        if computing > moving:
            return Bound.COMPUTE, computing
        is_far = speed < (self.memory * self.cache) ** 0.5
        return Bound.MEMORY if is_far else Bound.CACHE, moving

    def __str__(self) -> str:
        return (
            f"{_threads(self.threads)} at best: {self.memory:.3g} GB/s in memory,"
            f" {self.cache:.3g} GB/s in cache, {self.float32:.3g} GFLOP/s of float32,"
            f" {self.float64:.3g} of float64"
        )


def measured_peaks(again: bool = False) -> Peaks:
    """The peaks of this machine with as many threads as `config.threads` says.

    They are measured once, in about 0.3 s, and kept beside the compiled kernels.

    Parameters
    ----------
    again : bool
        Whether they are measured even so, for instance since the machine was busy.
    """
    threads = config.threads or cores()
    key = key_of("peaks", str(_FORMAT), cpu_features(), platform.node(), str(threads))
    return _peaks(key, threads) if not again else _measure(key, threads)


@cache
def _peaks(key: str, threads: int) -> Peaks:
    return _kept(key) or _measure(key, threads)


def _kept(key: str) -> Peaks | None:
    text = KERNELS.read_note(key)
    if text is None:
        return None
    found = lazy.module("json").loads(text)
    copies = tuple([(size, speed) for size, speed in found.pop("copies")])
    return Peaks(copies=copies, **found)


def _measure(key: str, threads: int) -> Peaks:
    try:
        lazy.module("arignote.execute.runtime").runtime().use(threads)
        copy, product = _native(threads)
    except CompilerError:
        copy, product = _with_numpy, _product_with_numpy
    copies = tuple([(size, size / _best(copy(size)) / 1e9) for size in SIZES])
    rates = [
        2.0 * PRODUCT_ROWS**3 / _best(product(dtype)) / 1e9 for dtype in ("float32", "float64")
    ]
    peaks = Peaks(threads, copies, *rates)
    KERNELS.write_note(key, lazy.module("json").dumps(asdict(peaks)))
    _peaks.cache_clear()
    return peaks


def _best(run: Callable[[], object]) -> float:
    """The seconds that the fastest of some runs takes."""
    best, end = float("inf"), perf_counter() + SECONDS
    run()
    while True:
        start = perf_counter()
        run()
        now = perf_counter()
        best = min(best, now - start)
        if now > end:
            return best


def _with_numpy(size: int) -> Callable[[], object]:
    source, target = _arrays(size)
    return lambda: np.copyto(target, source)


def _product_with_numpy(dtype: str) -> Callable[[], object]:
    x = np.ones((PRODUCT_ROWS, PRODUCT_ROWS), dtype)
    out = np.empty_like(x)
    return lambda: np.matmul(x, x, out)


def _arrays(size: int) -> tuple[np.ndarray, np.ndarray]:
    return np.ones(size // 2, "uint8"), np.zeros(size // 2, "uint8")


def _native(
    threads: int,
) -> tuple[Callable[[int], Callable[[], object]], Callable[[str], Callable[[], object]]]:
    """What copies, and what multiplies, as compiled functions do it."""
    runtime = lazy.module("arignote.execute.runtime")
    run, ffi = runtime.runtime().run, lazy.module("arignote.execute.libraries").ffi()
    runtime.products()

    def ready(words: list[int], *arrays: np.ndarray) -> Callable[[], object]:
        table = ffi.new("int64_t[]", words)
        buffers = [ffi.from_buffer(array) for array in arrays]
        args = ffi.new("char*[]", buffers)
        kept = (table, buffers)
        return lambda: run(kept[0], 1, args, ffi.NULL)

    def copy(size: int) -> Callable[[], object]:
        source, target = _arrays(size)
        jobs = threads if size > MIB else 1
        return ready(runtime.copy_step((1, 0), (0, 0), size // 2, jobs=jobs), source, target)

    def product(dtype: str) -> Callable[[], object]:
        n = PRODUCT_ROWS
        x, out = np.ones((n, n), dtype), np.empty((n, n), dtype)
        operand, target = ((0, 0), n), ((1, 0), n)
        words = runtime.gemm_step(
            dtype == "float64", (False, False), (n, n, n), operand, operand, target, jobs=threads
        )
        return ready(words, x, out)

    return copy, product


def _threads(count: int) -> str:
    return f"{count} thread{'' if count == 1 else 's'}"
