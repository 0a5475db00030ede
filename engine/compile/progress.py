"""The line that says how far compiling is, while somebody waits for it."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

DELAY_S, PERIOD_S = 0.5, 0.2
_WIDTH = 60


def _terminal(text: str) -> None:
    """Writes the line over the last one; only where somebody looks at a terminal."""
    stream = sys.stderr
    if stream is not None and stream.isatty():
        stream.write(f"\r{text:<{_WIDTH}}" if text else f"\r{'':<{_WIDTH}}\r")
        stream.flush()


_display: Callable[[str], None] = _terminal


def set_progress_display(display: Callable[[str], None] | None) -> None:
    """Sets what shows the line: it is called with each new text, and with "" to take it away.

    None is the line at the bottom of a terminal.
    """
    global _display
    _display = display or _terminal


@contextmanager
def progress_line() -> Iterator[Callable[[int, int], None]]:
    """A function to call with the number of files done and of all, shown if the block takes long.

    Example
    -------
    >>> with progress_line() as report:
    ...     report(0, 8)
    """
    start, shown = time.monotonic(), 0.0

    def report(done: int, total: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - start >= DELAY_S and now - shown >= PERIOD_S:
            shown = now
            _display(f"compiling C: {done} of {total} files done, {now - start:.1f} s")

    try:
        yield report
    finally:
        if shown:
            _display("")
