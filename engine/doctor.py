"""What a machine has of all that Arignote can use: a line each, with the command that fixes it."""

import importlib.util
import os
import platform
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from arignote import lazy
from arignote.compile.mode import get_mode
from arignote.config import Linker, config
from arignote.errors import CompilerError, CompilerMissingError
from arignote.execute.blas import blas
from arignote.execute.cache import MIB, KernelCache, default_folder
from arignote.execute.compiler import cores, find_compiler
from arignote.execute.libraries import load
from arignote.execute.toolchain import compile_c

PROBE = "double arn_probe(double x, double y) { return x * y + 1; }\n"


class Item(NamedTuple):
    """One line of the report: what was looked at, whether it is well, what is there, what to do."""

    item: str
    ok: bool
    text: str
    fix: str = ""


def doctor() -> None:
    """None; prints what this machine has of all that Arignote can use, a line each.

    A line that does not begin with `ok` ends with what to do about it. Graphics cards are looked
    for, never touched.

    Example
    -------
    >>> import arignote
    >>> arignote.doctor()  # doctest: +SKIP
    ok  Python        3.11.7 with NumPy 2.4.6
    ok  C compiler    cc (Debian 12.2.0-14) 12.2.0, /usr/bin/cc
    --  dot           not found; graphs are drawn without it  ->  apt-get install graphviz
    """
    lines = [
        f"{'ok' if item.ok else '--'}  {item.item:<13} {item.text}"
        + (f"  ->  {item.fix}" if item.fix else "")
        for item in report()
    ]
    sys.stdout.write("\n".join([*lines, ""]))


def report() -> list[Item]:
    """What `doctor` prints, as tuples (item, ok, text, fix)."""
    compiler, kernel = _compiler(), _kernel()
    return [
        Item("Python", True, f"{platform.python_version()} with NumPy {np.__version__}"),
        compiler,
        kernel,
        _blas(),
        _threads(),
        _executor(compiler, kernel),
        _cache(default_folder()),
        _gpu(),
        _dot(),
        _package("jupyterlab", "JupyterLab", "notebooks need it"),
        _package("anywidget", "anywidget", "displays stay static without it"),
    ]


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _hint(error: Exception) -> str:
    """The first line of what an error's message says to try."""
    return str(error).partition("  try: ")[2].partition("\n")[0].strip()


def _compiler() -> Item:
    try:
        compiler = find_compiler()
    except CompilerMissingError as error:
        return Item("C compiler", False, _first_line(error), _hint(error))
    return Item("C compiler", True, f"{compiler.name}, {compiler.command[0]}")


def _kernel() -> Item:
    """Compiles for real: in a folder of its own, so that no cache answers."""
    try:
        with lazy.module("tempfile").TemporaryDirectory(prefix="arignote-") as folder:
            start = time.perf_counter()
            library = load(compile_c(PROBE, cache=KernelCache(Path(folder))))
            value = library.function("arn_probe", "double(*)(double, double)")(2.5, 4.0)
            seconds = time.perf_counter() - start
    except CompilerMissingError as error:
        return Item("kernel", False, "none without a compiler", _hint(error))
    except (CompilerError, OSError) as error:
        return Item("kernel", False, _first_line(error), _hint(error))
    if value != 11.0:
        return Item("kernel", False, f"2.5 * 4 + 1 gives {value}", "another compiler: config.cc")
    return Item("kernel", True, f"compiled, loaded and run in {1000 * seconds:.0f} ms")


def _blas() -> Item:
    try:
        return Item("BLAS", True, blas().describe())
    except CompilerError as error:
        return Item("BLAS", False, _first_line(error), _hint(error))


def _threads() -> Item:
    number = f"{config.threads} by config.threads" if config.threads else str(cores())
    text = f"{number}; this process may use {cores()} of {os.cpu_count()} cores"
    return Item("threads", True, text)


def _executor(compiler: Item, kernel: Item) -> Item:
    """What runs functions, in view of what was found out about the compiler."""
    linker = get_mode().linker
    if linker is Linker.NUMPY:
        flag = "linker" if config.member("linker") is linker else "mode"
        return Item("executor", True, f"functions run with NumPy, by config.{flag}")
    by_name = linker is Linker.C
    text = "functions cannot be made, by config.linker" if by_name else "functions run with NumPy"
    if not compiler.ok:
        return Item("executor", False, f"{text}: no C compiler", compiler.fix)
    if not kernel.ok:
        fix = "config.linker = 'numpy' until that is mended"
        return Item("executor", False, f"{text}: see kernel", fix)
    return Item("executor", True, "functions run as C")


def _is_installed(module: str) -> bool:
    """Whether a module can be imported; looking does not import it."""
    return importlib.util.find_spec(module) is not None


def _version(package: str) -> str:
    metadata = lazy.module("importlib.metadata")
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _from_home(path: Path) -> str:
    """A path with `~` for the home folder, whose name is nobody's business in a report."""
    home = os.path.expanduser("~")
    return str(Path("~", path.relative_to(home)) if path.is_relative_to(home) else path)


def _cache(folder: Path) -> Item:
    cache = KernelCache(folder)
    text = f"{_from_home(folder)}, {len(cache.list())} kernels, {cache.size / MIB:.1f} MiB"
    draft = folder / f"build-{os.getpid()}-{os.urandom(8).hex()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.write_bytes(b"")
        draft.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        fix = "config.cache_dir = a folder that can be written"
        return Item("kernel cache", False, f"{text}; cannot be written: {reason}", fix)
    return Item("kernel cache", True, text)


def _gpu() -> Item:
    tool, cupy = lazy.module("shutil").which("nvidia-smi"), _is_installed("cupy")
    if tool is None:
        return Item("GPU", True, "no NVIDIA driver; functions run on the CPU")
    if not cupy:
        return Item("GPU", False, f"{tool} is there, CuPy is not", "pip install cupy-cuda12x")
    return Item("GPU", True, f"{tool} and CuPy are there")


def _dot() -> Item:
    path = lazy.module("shutil").which("dot")
    if path is None:
        tools = ("apt-get", "dnf", "pacman", "zypper", "brew", "conda")
        tool = next((tool for tool in tools if lazy.module("shutil").which(tool)), None)
        fix = {None: "install graphviz", "pacman": "pacman -S graphviz", "apk": "apk add graphviz"}
        text = "not found; graphs are drawn without it"
        return Item("dot", False, text, fix.get(tool, f"{tool} install graphviz"))
    return Item("dot", True, path)


def _package(package: str, name: str, without: str) -> Item:
    version = _version(package)
    if not version:
        return Item(name, False, f"not found; {without}", f"pip install {package}")
    return Item(name, True, version)
