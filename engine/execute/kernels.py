"""The store of kernels: each is compiled once for all functions, threads and processes.

Kernels are compiled several to a file, since starting a compiler costs more than most of them. A
note in the cache says for each kernel which library it is in, so that a process finds it there,
whatever other kernels it was compiled with.
"""

import os
import sys
import threading
from collections.abc import Callable, Mapping

from arignote.execute.cache import KERNELS, KernelCache, key_of
from arignote.execute.compiler import Compiler, cores, find_compiler
from arignote.execute.crew import idle_cores
from arignote.execute.libraries import Library, attempt
from arignote.execute.toolchain import load_many

# Characters of C that take about as long as the start of a compiler, and about a second.
SMALL, LARGE = 6_000, 100_000
PATIENCE_S = 1.0
START_S, CHARACTER_S = 0.04, 1 / 110_000


class _Store:
    """What this process knows: addresses by name, for each compiler and header."""

    def __init__(self) -> None:
        self.turn = threading.Condition()
        self.known: dict[tuple[Compiler, str], dict[str, int]] = {}
        self.makers: dict[tuple[Compiler, str, str], threading.Thread] = {}

    def forget_threads(self) -> None:
        """A fork has none of its parent's threads, so that nobody holds its lock."""
        self.turn = threading.Condition()


_store = _Store()

if sys.platform != "win32":
    os.register_at_fork(after_in_child=lambda: _store.forget_threads())


def addresses(
    kernels: Mapping[str, str],
    header: str,
    progress: Callable[[int, int], None] | None = None,
    cache: KernelCache = KERNELS,
) -> dict[str, int]:
    """Where in memory each kernel is; what this process and the cache lack is compiled.

    Threads that ask for the same kernel wait for the one that compiles it.

    Parameters
    ----------
    kernels : mapping of str to str
        C text by name: one function of that name. A name stands for the same text wherever the
        header is the same.
    header : str
        C text that goes before the kernels in each file.
    progress : function, optional
        Called in this thread with the number of files compiled so far and of all to compile.
    cache : KernelCache
        By default the one that `config` describes.

    Raises
    ------
    CompilerMissingError
        There is no compiler.
    CompilerError
        The compiler fails, there is no room to write, or a library cannot be loaded.
    """
    compiler = find_compiler(cache)
    known = _store.known.setdefault((compiler, header), {})
    while kernels.keys() - known.keys():
        try:
            mine = _claim(kernels, compiler, header)
            _provide({name: kernels[name] for name in mine}, compiler, header, progress, cache)
        finally:
            _give_up(kernels, compiler, header)
    return {name: known[name] for name in kernels}


def seconds_to_compile(
    kernels: Mapping[str, str], header: str, cache: KernelCache = KERNELS
) -> float:
    """About how long `addresses` will take; 0.0 if this process or the cache has all kernels.

    Parameters
    ----------
    kernels, header, cache
        As `addresses` has them.
    """
    compiler = find_compiler(cache)
    known = _store.known.setdefault((compiler, header), {})
    missing = {name: text for name, text in kernels.items() if name not in known}
    _look_up(missing, _notes(missing, compiler, header), known, cache)
    files = _distribute({name: text for name, text in missing.items() if name not in known})
    work = sum(START_S + CHARACTER_S * sum(map(len, file.values())) for file in files)
    return work / max(1, min(len(files), cores()))


def _claim(kernels: Mapping[str, str], compiler: Compiler, header: str) -> list[str]:
    """The unknown kernels that no other thread compiles, now this one's.

    If there are none, waits for a change.
    """
    this = threading.current_thread()
    with _store.turn:
        known = _store.known[compiler, header]
        lacking = [name for name in kernels if name not in known]
        makers = {name: _store.makers.get((compiler, header, name), this) for name in lacking}
        # A thread that was interrupted at a bad moment may have left its name.
        free = [name for name in lacking if makers[name] is this or not makers[name].is_alive()]
        if lacking and not free:
            _store.turn.wait(PATIENCE_S)
        _store.makers |= {(compiler, header, name): this for name in free}
        return free


def _give_up(kernels: Mapping[str, str], compiler: Compiler, header: str) -> None:
    """Lets others see what this thread has done, or do what it has not."""
    this = threading.current_thread()
    with _store.turn:
        for name in kernels:
            if _store.makers.get((compiler, header, name)) is this:
                del _store.makers[compiler, header, name]
        _store.turn.notify_all()


def _provide(
    kernels: dict[str, str],
    compiler: Compiler,
    header: str,
    progress: Callable[[int, int], None] | None,
    cache: KernelCache,
) -> None:
    """Adds the addresses of kernels to the known ones."""
    known = _store.known[compiler, header]
    notes = _notes(kernels, compiler, header)
    _look_up(kernels, notes, known, cache)
    files = _distribute({name: text for name, text in kernels.items() if name not in known})
    sources = ["\n".join([header, *file.values()]) for file in files]
    for file, library in zip(files, load_many(sources, (), cache, progress), strict=True):
        for name in file:
            cache.write_note(notes[name], library.path.stem)
            known[name] = library.address(name)


def _notes(kernels: Mapping[str, str], compiler: Compiler, header: str) -> dict[str, str]:
    """The key of each kernel's note."""
    base = compiler.key(header)
    return {name: key_of("kernel", base, name, text) for name, text in kernels.items()}


def _look_up(
    kernels: Mapping[str, str], notes: dict[str, str], known: dict[str, int], cache: KernelCache
) -> None:
    """Adds the addresses of those kernels that are on disk to the known ones."""
    places = {name: cache.read_note(notes[name]) for name in kernels}
    libraries = {key: _open(key, cache) for key in dict.fromkeys(places.values()) if key}
    for name, key in places.items():
        if key and (library := libraries[key]) is not None:
            known[name] = library.address(name)


def _open(key: str, cache: KernelCache) -> Library | None:
    """The library of a key; None if it is gone, damaged, or refused by the system's loader."""
    path = cache.get(key)
    if path is None:
        return None
    try:
        return attempt(path)
    except OSError:
        cache.discard(key)
        return None


def _distribute(kernels: dict[str, str]) -> list[dict[str, str]]:
    """The kernels of each file to compile: about as much text in each.

    There is a file for each core without a compiler, but fewer if there is little text, and more
    if there is much, so that progress is seen.
    """
    total = sum(map(len, kernels.values()))
    if not kernels:
        return []
    number = min(len(kernels), max(min(idle_cores(), total // SMALL + 1), -(-total // LARGE)))
    files: list[dict[str, str]] = [{} for _ in range(number)]
    sizes = [0] * number
    for name in sorted(kernels, key=lambda name: (-len(kernels[name]), name)):
        shortest = sizes.index(min(sizes))
        files[shortest][name] = kernels[name]
        sizes[shortest] += len(kernels[name])
    return files
