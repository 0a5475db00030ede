"""From C text to loaded functions, by way of the kernel cache."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from arignote.execute.cache import KERNELS, KernelCache
from arignote.execute.compiler import find_compiler
from arignote.execute.crew import Crew, Job
from arignote.execute.libraries import Library, attempt, load

_loaded: dict[str, Library] = {}


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
    jobs = [Job(key, source) for source, key in keys.items() if found[key] is None]
    paths = {key: path for key, path in found.items() if path is not None}
    if jobs:
        paths |= Crew(compiler, options, cache, progress or _silent).run(jobs)
    return [paths[keys[source]] for source in sources]


def _silent(done: int, total: int) -> None:
    pass


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
            _loaded[keys[source]] = attempt(path)
        except OSError:
            cache.discard(keys[source])
            _loaded[keys[source]] = load(compile_c(source, options, cache))
    return [_loaded[keys[source]] for source in sources]
