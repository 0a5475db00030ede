"""Running: a linked graph, with NumPy until C code that takes long to compile is there."""

import os
import threading
import time
from collections.abc import Callable, Sequence

from arignote.compile.background import in_background
from arignote.compile.guard import Alarm
from arignote.compile.link import Linked, link, link_numpy, tell
from arignote.compile.mode import Mode
from arignote.compile.progress import progress_line
from arignote.config import Linker, config
from arignote.errors import CompilerError
from arignote.graph import FunctionGraph, SharedVariable

_POLL_S = 0.1


class Running:
    """What runs a graph; see `link` for the parameters.

    Attributes
    ----------
    linked : Linked
        What runs now; replaced at once where it is replaced, so that a call that read it is done
        with it.
    """

    def __init__(
        self,
        graph: FunctionGraph,
        mode: Mode,
        shared: Sequence[SharedVariable],
        equal_sizes: bool = True,
        alarm: Alarm | None = None,
    ) -> None:
        self._graph, self._mode, self._shared = graph, mode, shared
        self._equal_sizes, self._alarm = equal_sizes, alarm
        self.linked: Linked = link(graph, mode, shared, equal_sizes, alarm)
        self._flags = config.snapshot()
        self._problem: BaseException | None = None
        self._done, self._turn = threading.Event(), threading.Lock()
        self._process = os.getpid()
        self._files = (0, 0)
        self._changed: Callable[[], None] = _nothing
        if self.linked.finish is None:
            self._done.set()

    def start(self, changed: Callable[[], None] | None = None) -> None:
        """Begins to compile in the background, if there is anything to.

        Parameters
        ----------
        changed : function, optional
            Called whenever `linked` was replaced, in the thread that did it.
        """
        self._changed = changed or _nothing
        if not self._done.is_set():
            in_background(self._work)

    def settled(self) -> Linked:
        """What runs now; where compiling failed, the user's thread is told so here.

        Raises
        ------
        CompilerError
            Compiling failed, and the mode asks for C by name.
        """
        if self._problem is not None:
            with self._turn:
                self._give_up()
        return self.linked

    def _give_up(self) -> None:
        """Stays with NumPy, or raises."""
        problem = self._problem
        if problem is None:  # another thread was first
            return
        if self._mode.linker is Linker.C or not isinstance(problem, CompilerError):
            raise problem.with_traceback(None)
        tell(problem)
        self.linked = link_numpy(
            self._graph, self._mode, self._shared, self._equal_sizes, self._alarm
        )
        self._problem = None
        self._changed()

    def wait(self, timeout: float | None = None) -> bool:
        """Whether nothing is left to compile, waiting for that at most `timeout` seconds."""
        if self._process != os.getpid():
            self._adopt()
        end = None if timeout is None else time.monotonic() + timeout
        with progress_line() as report:
            while not self._done.is_set():
                left = _POLL_S if end is None else min(_POLL_S, end - time.monotonic())
                if left <= 0:
                    return False
                self._done.wait(left)
                report(*self._files)
            report(*self._files)
        self.settled()
        return True

    def _adopt(self) -> None:
        """Has a thread in this process, a fork of the one whose thread was at it."""
        self._process = os.getpid()
        self._turn = threading.Lock()
        if not self._done.is_set():
            self._done = threading.Event()
            self.start(self._changed)

    def _work(self) -> None:
        finish = self.linked.finish
        assert finish is not None
        try:
            with config.as_of(self._flags):
                self.linked = finish(self._report)
            self._changed()
        except BaseException as error:  # noqa: BLE001 (whoever waits or calls is told)
            self._problem = error
        finally:
            self._done.set()

    def _report(self, done: int, total: int) -> None:
        self._files = (done, total)


def _nothing() -> None:
    pass
