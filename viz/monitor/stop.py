"""Stopping a loop at a step: by a limit, by a button of the front end."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from arignote.compile.interrupts import receiving

# A loop has so long to come to its next step; then it is interrupted wherever it is.
GRACE_S = 0.15
# An interrupt that this process sent itself comes within that time.
DELIVERY_S = 0.5


class WatchStopped(KeyboardInterrupt):
    """Ends the block of a watch; the watch catches it."""


class Stopper:
    """Ends a block when it is asked to, at a step of its loop where that comes soon.

    An interrupt that it did not send itself stays a KeyboardInterrupt. None is delivered within a
    call of a function that is observed.

    Attributes
    ----------
    why : str or None
        What asked first.
    """

    def __init__(self) -> None:
        self.why: str | None = None
        self._thread = 0
        self._turn = threading.Lock()
        self._is_open = self._is_over = self._receives = self._leaves = False
        self._sent = 0
        self._timer: threading.Timer | None = None

    @contextmanager
    def block(self) -> Iterator[None]:
        """The block that is to be ended; to be entered by the thread that runs it."""
        self._thread = threading.get_ident()
        with receiving(self._interrupted) as self._receives:
            with self._turn:
                self._is_open = True
                # The button may have been pressed before there was a block to end.
                if self.why is not None:
                    self._interrupt_soon()
            try:
                yield
            finally:
                self._close()

    def ask(self, why: str) -> None:
        """Asks the block to end; from any thread."""
        with self._turn:
            if self.why is not None or self._is_over:
                return
            self.why = why
            if self._is_open:
                self._interrupt_soon()

    def is_stop(self, error: BaseException | None) -> bool:
        """Whether this is what ended the block, or a thread that the block waited for."""
        if isinstance(error, SystemExit):
            sender: object = error.code
            return sender is self
        return isinstance(error, WatchStopped)

    def check(self) -> None:
        """Ends the block if it was asked to; called before each step."""
        if self.why is not None:
            self._leave()

    def end(self, why: str) -> None:
        """Ends the block now, at a step."""
        self.why = self.why or why
        self._leave()

    def _leave(self) -> None:
        if threading.get_ident() != self._thread:
            # Python lets a thread end by this without a word.
            raise SystemExit(self)
        self._leaves = True
        raise WatchStopped

    def _interrupted(self) -> None:
        is_own = self._sent > 0
        self._sent -= is_own
        if not is_own:
            raise KeyboardInterrupt
        # The block may be over by now, or on its way out.
        if self._is_open and not self._leaves:
            self._leave()

    def _interrupt_soon(self) -> None:
        if self._receives:
            self._timer = threading.Timer(GRACE_S, self._interrupt)
            self._timer.daemon = True
            self._timer.start()

    def _interrupt(self) -> None:
        with self._turn:
            if self._is_open and not self._leaves:
                self._sent += 1
                signal.pthread_kill(self._thread, signal.SIGINT)

    def _close(self) -> None:
        """Sees to it that no interrupt of its own comes after the block."""
        with self._turn:
            self._is_open, self._is_over = False, True
        if self._timer is not None:
            self._timer.cancel()
            # It may be sending one right now.
            self._timer.join(DELIVERY_S)
        end = time.monotonic() + DELIVERY_S
        while self._sent and time.monotonic() < end:
            time.sleep(0.001)
