"""`profiling`: where the time of a block of code goes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter_ns
from typing import TYPE_CHECKING

from arignote import lazy
from arignote.compile.observers import watching
from arignote.execute.building import hearing

if TYPE_CHECKING:
    from arignote.compile.report import ProfileReport


@contextmanager
def profiling(clock: Callable[[], int] = perf_counter_ns) -> "Iterator[ProfileReport]":
    """Measures a block: each step of each function called in it, compiling, and Python around.

    Functions need not be made with `profile=True`, nor in the block; calls in other threads are
    counted too. What measuring takes has a row of its own.

    Parameters
    ----------
    clock : function
        The time in nanoseconds.

    Yields
    ------
    ProfileReport
        `print` shows it as a table, a notebook as a page. It is filled while the block runs, and
        also holds if the block ends with an error.

    Example
    -------
    >>> from arignote import function, profiling, tensor as T
    >>> x = T.dvector("x")
    >>> f = function([x], T.exp(x) + 1)
    >>> with profiling() as report:
    ...     for _ in range(3):
    ...         result = f([1.0, 2.0])
    >>> report.calls, [row.kind.value for row in report.rows("kernel")].count("kernel")
    (3, 1)
    """
    profiler = lazy.module("arignote.compile.report").BlockProfiler(clock)
    with hearing(profiler.hear), watching(profiler):
        profiler.start()
        try:
            yield profiler.report
        finally:
            profiler.stop()
