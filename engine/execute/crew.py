"""The compiler's processes: several at once, and none that outlives what wanted it."""

import atexit
import contextlib
import errno
import os
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from arignote import lazy
from arignote.config import config
from arignote.errors import CompilerError, CompilerMissingError, message
from arignote.execute.cache import KernelCache, Place
from arignote.execute.compiler import (
    Compiler,
    clean,
    cores,
    environment,
    forget,
    install_command,
    reason,
)

if TYPE_CHECKING:
    import subprocess

MISSING_HEADERS = r"fatal error: '?[a-z/]+\.h'?|cannot find (-lm|-lc|\S*crt)\b"
FULL_DISK = r"No space left on device|Read-only file system|Disk quota exceeded"
OUTPUT_LIMIT = 1 << 16
SHOWN_LINES = 8
POLL_S, REPORT_S = 0.01, 0.2


@dataclass
class Job:
    """One source to compile, and how far it is."""

    key: str
    source: str
    since: float = field(default_factory=time.monotonic)
    place: Place | None = None
    output: bytearray = field(default_factory=bytearray)


class _Children:
    """The compilers that run for this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running: set[subprocess.Popen[bytes]] = set()
        self.ending = False


_children = _Children()


def idle_cores() -> int:
    """How many cores have none of this process's compilers to run; at least 1."""
    return max(1, cores() - len(_children.running))


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Holds an interrupt back until the block is done.

    One that came while a process is started would leave a compiler that nobody knows of.
    """
    signal = lazy.module("signal")
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield
        return
    held: list[tuple] = []
    signal.signal(signal.SIGINT, lambda *arguments: held.append(arguments))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if held:
            signal.raise_signal(signal.SIGINT)


class Crew:
    """The compiler processes of one call."""

    def __init__(
        self,
        compiler: Compiler,
        options: Sequence[str],
        cache: KernelCache,
        progress: Callable[[int, int], None],
    ) -> None:
        self.cache, self.progress = cache, progress
        self.total = 0
        self.command = compiler.arguments(options)
        self.command += ["-o", "kernel.so", "kernel.c", "-lm"]
        self.active: dict[subprocess.Popen[bytes], Job] = {}
        self.closed: set[subprocess.Popen[bytes]] = set()
        self.paths: dict[str, Path] = {}
        self.selector = lazy.module("selectors").DefaultSelector()

    def run(self, jobs: list[Job]) -> dict[str, Path]:
        """The libraries by key, once all are there."""
        waiting, width, self.total = deque(jobs), cores(), len(jobs)
        try:
            while len(self.paths) < self.total:
                with _uninterrupted():
                    for _ in range(len(waiting)):
                        if len(self.active) >= width:
                            break
                        job = waiting.popleft()
                        if not self._settled(job):
                            waiting.append(job)
                self.progress(len(self.paths), self.total)
                if self.active or waiting:
                    elsewhere = bool(waiting) and len(self.active) < width
                    ready = self.selector.select(POLL_S if elsewhere or self.closed else REPORT_S)
                    with _uninterrupted():
                        waiting.extend(self._read(ready))
            self.progress(self.total, self.total)
            return self.paths
        finally:
            with _uninterrupted():
                for process in list(self.active):
                    _end(process)
                    self._close(process)
                self.selector.close()

    def _settled(self, job: Job) -> bool:
        """Whether a job runs or is done; else another process is at it, and this one asks again."""
        if (path := self.cache.get(job.key)) is not None:
            self.paths[job.key] = path
            return True
        try:
            patient = time.monotonic() - job.since < config.cc_timeout
            job.place = self.cache.begin(job.key, wait=patient)
        except OSError as error:
            raise _no_room(error) from None
        if job.place is None:
            return False
        started = False
        try:
            job.place.source.write_text(job.source, "utf-8")
            self._start(job, job.place)
            started = True
        except OSError as error:
            self._retreat(job.place, error)
        finally:
            if not started:
                self.cache.leave(job.place)
        return started

    def _retreat(self, place: Place, error: OSError) -> None:
        """Has the job done again in the private folder, or says that this fails too."""
        try:
            self.cache.retreat(place.home, error)
        except OSError as final:
            raise _no_room(final) from None

    def _start(self, job: Job, place: Place) -> None:
        try:
            with _children.lock:
                if _children.ending:
                    raise CompilerError("Python ends: no compiler is started any more.")
                process = lazy.module("subprocess").Popen(
                    self.command,
                    cwd=place.folder,
                    env={**environment(), "TMPDIR": str(place.folder)},
                    stdin=lazy.module("subprocess").DEVNULL,
                    stdout=lazy.module("subprocess").PIPE,
                    stderr=lazy.module("subprocess").STDOUT,
                    start_new_session=True,
                )
                _children.running.add(process)
        except OSError as error:
            if place.folder.is_dir():
                raise _cannot_start(self.command, error) from None
            raise
        job.since, job.output = time.monotonic(), bytearray()
        self.active[process] = job
        self.selector.register(_pipe(process), lazy.module("selectors").EVENT_READ, (process, job))

    def _read(self, ready: list) -> list[Job]:
        """The jobs that ended without a library and are to be done again."""
        for item, _ in ready:
            process, job = item.data
            if data := os.read(item.fd, OUTPUT_LIMIT):
                job.output += data[: OUTPUT_LIMIT - len(job.output)]
            else:  # it has closed its output, so it ends about now
                self.selector.unregister(item.fileobj)
                self.closed.add(process)
        again = []
        for process in list(self.closed):
            with contextlib.suppress(lazy.module("subprocess").TimeoutExpired):
                process.wait(POLL_S)
                job = self.active[process]
                if not self._ended(process, job):
                    again.append(job)
        limit = config.cc_timeout
        for process, job in list(self.active.items()):
            if time.monotonic() - job.since > limit:
                _end(process)
                raise self._failure(
                    job,
                    f"The C compiler was ended after {limit} s.",
                    f"config.cc_timeout = {10 * limit}, or a smaller function",
                )
        return again

    def _ended(self, process: "subprocess.Popen[bytes]", job: Job) -> bool:
        """Whether a process that has ended left a library; CompilerError if it failed."""
        place = job.place
        assert place is not None
        try:
            text = job.output.decode("utf-8", "replace")
            if process.returncode and re.search(FULL_DISK, text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if process.returncode or not place.library.exists():
                raise self._failure(job, _ending(process.returncode), _what_to_try(text))
            self.paths[job.key] = self.cache.finish(place)
        except OSError as error:
            self._retreat(place, error)
        finally:
            self._close(process)
        return job.key in self.paths

    def _failure(self, job: Job, what: str, hint: str) -> CompilerError:
        assert job.place is not None
        lines = clean(bytes(job.output))
        first = next((n for n, line in enumerate(lines) if "error" in line.lower()), 0)
        try:
            kept = f"kernel.c is kept as {self.cache.keep_source(job.place)}"
        except OSError as error:
            kept = f"kernel.c cannot be kept: {reason(error)}"
        got = [lazy.module("shlex").join(self.command), kept, *lines[first : first + SHOWN_LINES]]
        return CompilerError(message(what, got=got, hint=hint))

    def _close(self, process: "subprocess.Popen[bytes]") -> None:
        """Lets go of a process that has ended, and of its place."""
        job = self.active.pop(process)
        pipe = _pipe(process)
        if process not in self.closed:
            self.selector.unregister(pipe)
        self.closed.discard(process)
        pipe.close()
        _children.running.discard(process)
        if job.place is not None:
            self.cache.leave(job.place)


def _pipe(process: "subprocess.Popen[bytes]") -> IO[bytes]:
    assert process.stdout is not None
    return process.stdout


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ends a compiler and the programs that it started, which clean up after themselves."""
    for number in (lazy.module("signal").SIGTERM, lazy.module("signal").SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(lazy.module("subprocess").TimeoutExpired):
            process.wait(1)
            return


@atexit.register
def _end_all() -> None:
    """A thread that compiles in the background may still be at it when Python ends."""
    with _children.lock:
        _children.ending = True
    for process in list(_children.running):
        _end(process)


def _forget_all() -> None:
    """A fork has no children yet, and must not end its parent's."""
    global _children
    _children = _Children()


if sys.platform != "win32":
    # No fork while a compiler is being started: it would hold the pipe open on which its parent
    # waits for that, and the parent the lock that the fork waits for.
    os.register_at_fork(
        before=lambda: _children.lock.acquire(),
        after_in_parent=lambda: _children.lock.release(),
        after_in_child=_forget_all,
    )


def _ending(status: int) -> str:
    if status < 0:
        return f"The C compiler was ended by signal {-status}."
    if status:
        return f"The C compiler failed with exit status {status}."
    return "The C compiler wrote no library, though it says that it did."


def _what_to_try(output: str) -> str:
    if re.search(MISSING_HEADERS, output):
        return f"{install_command()}: headers or libraries of C are missing"
    return "another compiler by config.cc, or none by config.linker = 'numpy'"


def _cannot_start(command: Sequence[str], error: OSError) -> CompilerError:
    if os.access(command[0], os.X_OK):
        return CompilerError(
            message(f"The C compiler cannot be started: {reason(error)}.", got=[command[0]])
        )
    forget()
    return CompilerMissingError(
        message(
            "The C compiler is gone that was there before.",
            got=[command[0]],
            hint=f"{install_command()}; the next call looks for a compiler again",
        )
    )


def _no_room(error: OSError) -> CompilerError:
    return CompilerError(
        message(
            f"There is no place to write compiled kernels: {reason(error)}.",
            got=[str(error.filename)] if error.filename else [],
            hint="free some room, or config.cache_dir = a folder that can be written",
        )
    )
