"""From C text to loaded functions: the compiler, its processes, and the libraries that it makes."""

import atexit
import contextlib
import errno
import functools
import os
import platform
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from arignote import lazy
from arignote.config import config
from arignote.errors import CompilerError, CompilerMissingError, message
from arignote.execute.cache import KERNELS, KernelCache, Place, key_of

if TYPE_CHECKING:
    import subprocess

CPUINFO = Path("/proc/cpuinfo")
NAMES = ("cc", "gcc", "clang")
# As fast as -O3 on loops that say `omp simd`, and 2-5 times quicker to compile; integers wrap as
# NumPy's do.
FLAGS = (
    "-O1",
    # Apple's clang knows the other spelling only.
    "-mcpu=native"
    if (sys.platform, platform.machine()) == ("darwin", "arm64")
    else "-march=native",
    "-fopenmp-simd",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=off",
    "-fwrapv",
    "-std=c99",
    "-fPIC",
    "-shared",
)
INSTALL = (
    ("apt-get", "apt-get install gcc libc6-dev"),
    ("dnf", "dnf install gcc"),
    ("pacman", "pacman -S gcc"),
    ("zypper", "zypper install gcc"),
    ("apk", "apk add gcc musl-dev"),
    ("xcode-select", "xcode-select --install"),
)
MISSING_HEADERS = r"fatal error: '?[a-z/]+\.h'?|cannot find (-lm|-lc|\S*crt)\b"
FULL_DISK = r"No space left on device|Read-only file system|Disk quota exceeded"
# Programs that are what their name says, so that their file tells their version.
COMPILER_NAME = r"([\w.]+-)*(cc|gcc|clang)(-[\d.]+)?"
VERSION_TIMEOUT_S = 30
OUTPUT_LIMIT = 1 << 16
SHOWN_LINES = 8
POLL_S = 0.01


@dataclass(frozen=True)
class Compiler:
    """A C compiler: its command, the program's full path first, and what `--version` says."""

    command: tuple[str, ...]
    version: str

    @property
    def name(self) -> str:
        """The first line of its version."""
        return self.version.partition("\n")[0] or self.command[0]

    def key(self, source: str, options: Sequence[str]) -> str:
        """The cache's key of a source compiled by this compiler on this machine."""
        arguments = (*self.command, *FLAGS, *options)
        return key_of("1", source, "\0".join(arguments), self.version, cpu_features())


_found: dict[tuple[str, str, str], Compiler] = {}


def install_command() -> str:
    """What installs a C compiler on this machine."""
    commands = (command for tool, command in INSTALL if lazy.module("shutil").which(tool))
    return next(commands, "install gcc or clang")


def find_compiler(cache: KernelCache = KERNELS) -> Compiler:
    """The C compiler: that of `config.cc`, else that of CC, else the first of cc, gcc and clang.

    It is looked for once, and asked for its version once; processes share the answer through the
    cache.

    Raises
    ------
    CompilerMissingError
        There is none, or the one that was asked for by name is not there or does not work.
    """
    variable = os.environ.get("CC", "").strip()
    asked = (config.cc, variable, os.environ.get("PATH", ""))
    if asked not in _found:
        if config.cc:
            _found[asked] = _named(config.cc, f"config.cc = {config.cc!r}", cache)
        elif variable:
            _found[asked] = _named(variable, f"CC={variable} in the environment", cache)
        else:
            _found[asked] = _first(cache)
    return _found[asked]


def _named(text: str, origin: str, cache: KernelCache) -> Compiler:
    try:
        return _ask(lazy.module("shlex").split(text), cache)
    except (ValueError, OSError, lazy.module("subprocess").SubprocessError) as error:
        raise CompilerMissingError(
            message(
                f"The C compiler asked for by {origin} cannot be used.",
                got=[_reason(error)],
                hint=f"another command, or none, to take what is on PATH; {install_command()}",
            )
        ) from None


def _first(cache: KernelCache) -> Compiler:
    got = []
    for name in NAMES:
        try:
            return _ask([name], cache)
        except (OSError, lazy.module("subprocess").SubprocessError) as error:
            got.append(f"{name}: {_reason(error)}")
    raise CompilerMissingError(
        message("There is no C compiler on PATH.", got=got, hint=install_command())
    )


def _reason(error: Exception) -> str:
    if isinstance(error, lazy.module("subprocess").CalledProcessError):
        lines = _clean(error.output or b"")
        return " ".join([f"--version fails with exit status {error.returncode}", *lines[:1]])
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)


def _ask(words: list[str], cache: KernelCache) -> Compiler:
    """The compiler of a command that answers to --version."""
    program = lazy.module("shutil").which(words[0]) if words else None
    if program is None:
        raise FileNotFoundError(errno.ENOENT, "there is no such program on PATH")
    command = (os.path.abspath(program), *words[1:])
    note = _identity(command)
    version = cache.read_note(note) if note else None
    if version is None:
        done = lazy.module("subprocess").run(
            [*command, "--version"],
            stdin=lazy.module("subprocess").DEVNULL,
            stdout=lazy.module("subprocess").PIPE,
            stderr=lazy.module("subprocess").STDOUT,
            env=_environment(),
            timeout=VERSION_TIMEOUT_S,
            check=True,
        )
        version = "\n".join(_clean(done.stdout))
        if note:
            cache.write_note(note, version)
    return Compiler(command, version)


def _identity(command: tuple[str, ...]) -> str | None:
    """The key of a compiler by its file; None where the file may stand for another compiler."""
    path = os.path.realpath(command[0])
    if sys.platform != "linux" or not re.fullmatch(COMPILER_NAME, os.path.basename(path)):
        return None
    with open(path, "rb") as file:
        if file.read(4) != b"\x7fELF":
            return None
        status = os.fstat(file.fileno())
    return key_of("compiler", *command, path, str(status.st_size), str(status.st_mtime_ns))


@functools.cache
def cpu_features() -> str:
    """What `-march=native` depends on: the processor's model and its list of features."""
    wanted = {"vendor_id", "cpu family", "model", "flags", "Features", "CPU implementer"}
    wanted |= {"CPU architecture", "CPU variant", "CPU part", "isa"}
    seen = {}
    with contextlib.suppress(OSError), CPUINFO.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            name, _, value = (part.strip() for part in line.partition(":"))
            if name in wanted:
                seen[name] = " ".join(sorted(value.split()))
            elif not name and seen:  # the first processor speaks for all
                break
    lines = [f"{name}: {seen[name]}" for name in sorted(seen)]
    return "\n".join([platform.machine(), *(lines or [platform.processor()])])


def cores() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def compile_c(source: str, options: Sequence[str] = (), cache: KernelCache = KERNELS) -> Path:
    """The shared library of a C source, compiled if the cache does not have it.

    Parameters
    ----------
    source : str
        C99.
    options : sequence of str
        Arguments for the compiler after `FLAGS`.
    cache : KernelCache
        By default the one that `config` describes.

    Raises
    ------
    CompilerMissingError
        There is no compiler.
    CompilerError
        The compiler fails, or there is no room to write.
    """
    return compile_many([source], options, cache)[0]


def compile_many(
    sources: Iterable[str],
    options: Sequence[str] = (),
    cache: KernelCache = KERNELS,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """The shared libraries of several C sources, as many compiled at once as there are cores.

    When one of them fails, or the call is interrupted, the other compilers are ended.

    Parameters
    ----------
    sources, options, cache
        As `compile_c` has them.
    progress : function, optional
        Called in this thread with the number of sources compiled so far and of all to compile.
    """
    sources = list(sources)
    if not sources:
        return []
    compiler = find_compiler(cache)
    keys = {source: compiler.key(source, options) for source in sources}
    found = {key: cache.get(key) for key in keys.values()}
    jobs = [_Job(key, source) for source, key in keys.items() if found[key] is None]
    paths = {key: path for key, path in found.items() if path is not None}
    if jobs:
        paths |= _Crew(compiler, options, cache, progress or _silent).run(jobs)
    return [paths[keys[source]] for source in sources]


def _silent(done: int, total: int) -> None:
    pass


@dataclass
class _Job:
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


class _Crew:
    """The compiler processes of one call."""

    def __init__(
        self,
        compiler: Compiler,
        options: Sequence[str],
        cache: KernelCache,
        progress: Callable[[int, int], None],
    ) -> None:
        self.cache, self.progress = cache, progress
        self.total = self.reported = 0
        self.command = [*compiler.command, *FLAGS, *options]
        self.command += ["-o", "kernel.so", "kernel.c", "-lm"]
        self.active: dict[subprocess.Popen[bytes], _Job] = {}
        self.closed: set[subprocess.Popen[bytes]] = set()
        self.paths: dict[str, Path] = {}
        self.selector = lazy.module("selectors").DefaultSelector()

    def run(self, jobs: list[_Job]) -> dict[str, Path]:
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
                elsewhere = bool(waiting) and len(self.active) < width
                ready = self.selector.select(POLL_S if elsewhere or self.closed else 1)
                with _uninterrupted():
                    waiting.extend(self._read(ready))
                self._report()
            return self.paths
        finally:
            with _uninterrupted():
                for process in list(self.active):
                    _end(process)
                    self._close(process)
                self.selector.close()

    def _settled(self, job: _Job) -> bool:
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

    def _start(self, job: _Job, place: Place) -> None:
        try:
            with _children.lock:
                if _children.ending:
                    raise CompilerError("Python ends: no compiler is started any more.")
                process = lazy.module("subprocess").Popen(
                    self.command,
                    cwd=place.folder,
                    env={**_environment(), "TMPDIR": str(place.folder)},
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

    def _read(self, ready: list) -> list[_Job]:
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

    def _ended(self, process: "subprocess.Popen[bytes]", job: _Job) -> bool:
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

    def _report(self) -> None:
        if len(self.paths) > self.reported:
            self.reported = len(self.paths)
            self.progress(self.reported, self.total)

    def _failure(self, job: _Job, what: str, hint: str) -> CompilerError:
        assert job.place is not None
        lines = _clean(bytes(job.output))
        first = next((n for n, line in enumerate(lines) if "error" in line.lower()), 0)
        try:
            kept = f"kernel.c is kept as {self.cache.keep_source(job.place)}"
        except OSError as error:
            kept = f"kernel.c cannot be kept: {_reason(error)}"
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
    os.register_at_fork(after_in_child=_forget_all)


def _environment() -> dict[str, str]:
    """The environment of compilers: messages in English, without colours."""
    return {**os.environ, "LC_ALL": "C", "LANGUAGE": "C", "GCC_COLORS": ""}


def _clean(output: bytes) -> list[str]:
    """The lines of what a compiler says, fit to be shown."""
    lines = output.decode("utf-8", "replace").splitlines()
    shown = ["".join(c if c.isprintable() else " " for c in line)[:200].rstrip() for line in lines]
    return [line for line in shown if line]


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
            message(f"The C compiler cannot be started: {_reason(error)}.", got=[command[0]])
        )
    _found.clear()
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
            f"There is no place to write compiled kernels: {_reason(error)}.",
            got=[str(error.filename)] if error.filename else [],
            hint="free some room, or config.cache_dir = a folder that can be written",
        )
    )


@dataclass(frozen=True)
class Library:
    """A loaded shared library; it stays loaded as long as the process lives."""

    path: Path
    handle: Any

    def function(self, name: str, signature: str) -> Any:
        """A function of the library as a cffi object that can be called or passed to others.

        Parameters
        ----------
        name : str
            Its name in C; AttributeError if the library has none of that name.
        signature : str
            The type of a pointer to it, such as `"double(*)(double, int64_t)"`.
        """
        return self.handle.load_function(ffi().typeof(signature), name)

    def address(self, name: str) -> int:
        """Where a function of the library is in memory."""
        return int(ffi().cast("uintptr_t", self.function(name, "void(*)(void)")))


@functools.cache
def ffi() -> Any:
    """The one cffi object of the executor.

    It is the one that cffi's own generated modules use. `cffi.FFI()` would load a parser for C,
    which takes longer than all else that a program from the cache needs.
    """
    return lazy.module("_cffi_backend").FFI()


_libraries: dict[Path, Library] = {}
_loaded: dict[str, Library] = {}


def load(path: Path) -> Library:
    """The library of a file, loaded once and kept for the process.

    Raises
    ------
    CompilerError
        The system's loader refuses it.
    """
    try:
        return _load(path)
    except OSError as error:
        raise _cannot_load(path, error) from None


def _load(path: Path) -> Library:
    if path not in _libraries:
        _libraries[path] = Library(path, lazy.module("_cffi_backend").load_library(str(path)))
    return _libraries[path]


def _cannot_load(path: Path, error: OSError) -> CompilerError:
    return CompilerError(
        message(
            "A compiled kernel cannot be loaded.",
            got=[str(path), str(error).rpartition(f"{path}: ")[2]],
            hint="config.cache_dir = another folder, if that one may not hold programs (noexec)",
        )
    )


def load_c(source: str, options: Sequence[str] = (), cache: KernelCache = KERNELS) -> Library:
    """The loaded library of a C source; see `load_many`.

    Example
    -------
    >>> import tempfile
    >>> from arignote import config
    >>> with tempfile.TemporaryDirectory() as folder, config.change(cache_dir=folder):
    ...     library = load_c("int twice(int n) { return 2 * n; }")
    >>> library.function("twice", "int(*)(int)")(21)
    42
    """
    return load_many([source], options, cache)[0]


def load_many(
    sources: Iterable[str],
    options: Sequence[str] = (),
    cache: KernelCache = KERNELS,
    progress: Callable[[int, int], None] | None = None,
) -> list[Library]:
    """The loaded libraries of C sources, compiled where the cache does not have them.

    What this process has loaded before needs neither the disk nor the compiler's file. A library
    that another process removed between being found and being loaded is compiled again.

    Parameters
    ----------
    sources, options, cache, progress
        As `compile_many` has them.

    Raises
    ------
    CompilerMissingError
        There is no compiler.
    CompilerError
        The compiler fails, there is no room to write, or a library cannot be loaded.
    """
    compiler = find_compiler(cache)
    sources = list(sources)
    keys = {source: compiler.key(source, options) for source in sources}
    new = [source for source, key in keys.items() if key not in _loaded]
    for source, path in zip(new, compile_many(new, options, cache, progress), strict=True):
        try:
            _loaded[keys[source]] = _load(path)
        except OSError:
            cache.discard(keys[source])
            _loaded[keys[source]] = load(compile_c(source, options, cache))
    return [_loaded[keys[source]] for source in sources]
