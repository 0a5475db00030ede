"""The line that says how far compiling is, while somebody waits for it."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

DELAY_S, PERIOD_S = 1.0, 0.2
_WIDTH = 60


def _terminal(text: str, last: bool) -> None:
    """Writes the line over the one before and takes the last away; only where it is looked at."""
    stream = sys.stderr
    if stream is not None and stream.isatty():
        stream.write(f"\r{'':<{_WIDTH}}\r" if last else f"\r{text:<{_WIDTH}}")
        stream.flush()


Display = Callable[[str, bool], None]
_display: Display = _terminal


def set_progress_display(display: Display | None) -> None:
    """Sets what shows the line: it is called with each new text, and whether it is the last.

    None is the line at the bottom of a terminal, which is gone in the end.
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
    at = (0, 0)

    def report(done: int, total: int) -> None:
        nonlocal shown, at
        at, now = (done, total), time.monotonic()
        if now - start >= DELAY_S and now - shown >= PERIOD_S:
            shown = now
            _display(text(), False)

    def text() -> str:
        done, total = at
        verb = "compiled" if 0 < done == total else "compiling"
        return f"{verb} C: {done} of {total} files, {time.monotonic() - start:.1f} s"

    try:
        yield report
    finally:
        if shown:
            _display(text(), True)
