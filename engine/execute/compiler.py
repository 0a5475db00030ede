"""The C compiler: which one it is, the arguments it is called with, and the machine it is for."""

import contextlib
import errno
import functools
import os
import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arignote import lazy
from arignote.config import config
from arignote.errors import CompilerMissingError, message
from arignote.execute.cache import KERNELS, KernelCache, key_of

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
    # sin(atan(x)) would become x / sqrt(x * x + 1) or 1, and NaN with it.
    "-fno-builtin-atan",
    "-fno-builtin-atanf",
    "-std=c99",
    "-fPIC",
    "-shared",
)
# Loops that call exp, tanh, sin... take a fifth to two fifths less time; others as long as before.
# Compilers would take vectors half as wide, for processors that slowed down.
WIDE = "-mprefer-vector-width=512"
# Among what these are is to leave the vector registers clean behind, without which SSE code that
# runs next crawls. Clang does so anyway, and warns of the flag.
GCC_FLAGS = ("-fexpensive-optimizations",)
GCC_OWNER = "Free Software Foundation"
INSTALL = (
    ("apt-get", "apt-get install gcc libc6-dev"),
    ("dnf", "dnf install gcc"),
    ("pacman", "pacman -S gcc"),
    ("zypper", "zypper install gcc"),
    ("apk", "apk add gcc musl-dev"),
    ("xcode-select", "xcode-select --install"),
)
# Programs that are what their name says, so that their file tells their version.
COMPILER_NAME = r"([\w.]+-)*(cc|gcc|clang)(-[\d.]+)?"
VERSION_TIMEOUT_S = 30


@dataclass(frozen=True)
class Compiler:
    """A C compiler: its command, the program's full path first, and what `--version` says."""

    command: tuple[str, ...]
    version: str

    @property
    def name(self) -> str:
        """The first line of its version."""
        return self.version.partition("\n")[0] or self.command[0]

    @property
    def is_gcc(self) -> bool:
        """Whether it is GNU's, whatever its command is called."""
        return GCC_OWNER in self.version

    def arguments(self, options: Sequence[str]) -> list[str]:
        """The command with all that decides what it makes of a source."""
        wide = (WIDE,) if "avx512f" in cpu_features().split() else ()
        own = GCC_FLAGS if self.is_gcc else ()
        return [*self.command, *FLAGS, *own, *wide, *options]

    def key(self, source: str, options: Sequence[str] = ()) -> str:
        """The cache's key of a source compiled by this compiler on this machine."""
        arguments = "\0".join(self.arguments(options))
        return key_of("1", source, arguments, self.version, cpu_features())


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
    if (known := _found.get(asked)) is not None:
        return known
    if config.cc:
        found = _named(config.cc, f"config.cc = {config.cc!r}", cache)
    elif variable:
        found = _named(variable, f"CC={variable} in the environment", cache)
    else:
        found = _first(cache)
    _found[asked] = found
    return found


def forget() -> None:
    """Has the next call look for a compiler again."""
    _found.clear()


def _named(text: str, origin: str, cache: KernelCache) -> Compiler:
    try:
        return _ask(lazy.module("shlex").split(text), cache)
    except (ValueError, OSError, lazy.module("subprocess").SubprocessError) as error:
        raise CompilerMissingError(
            message(
                f"The C compiler asked for by {origin} cannot be used.",
                got=[reason(error)],
                hint=f"another command, or none, to take what is on PATH; {install_command()}",
            )
        ) from None


def _first(cache: KernelCache) -> Compiler:
    got = []
    for name in NAMES:
        try:
            return _ask([name], cache)
        except (OSError, lazy.module("subprocess").SubprocessError) as error:
            got.append(f"{name}: {reason(error)}")
    raise CompilerMissingError(
        message("There is no C compiler on PATH.", got=got, hint=install_command())
    )


def reason(error: Exception) -> str:
    """Why a program cannot be used, in a few words."""
    if isinstance(error, lazy.module("subprocess").CalledProcessError):
        lines = clean(error.output or b"")
        return " ".join([f"--version fails with exit status {error.returncode}", *lines[:1]])
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)


def _ask(words: list[str], cache: KernelCache) -> Compiler:
    """The compiler of a command that answers to --version."""
    program = _program(words[0]) if words else None
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
            env=environment(),
            timeout=VERSION_TIMEOUT_S,
            check=True,
        )
        version = "\n".join(clean(done.stdout))
        if note:
            cache.write_note(note, version)
    return Compiler(command, version)


def _program(name: str) -> str | None:
    """The file that a command names; as `shutil.which`, the import of which takes some ms."""
    if sys.platform == "win32":
        return lazy.module("shutil").which(name)  # type: ignore[no-any-return]
    folders = [""] if os.path.dirname(name) else os.get_exec_path()
    paths = (os.path.join(folder, name) for folder in folders)
    return next((p for p in paths if os.path.isfile(p) and os.access(p, os.X_OK)), None)


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


def environment() -> dict[str, str]:
    """The environment of compilers: messages in English, without colours."""
    return {**os.environ, "LC_ALL": "C", "LANGUAGE": "C", "GCC_COLORS": ""}


def clean(output: bytes) -> list[str]:
    """The lines of what a compiler says, fit to be shown."""
    lines = output.decode("utf-8", "replace").splitlines()
    shown = ["".join(c if c.isprintable() else " " for c in line)[:200].rstrip() for line in lines]
    return [line for line in shown if line]
