"""The kernel cache on disk: shared libraries and their sources, found by key.

An entry is KEY.so and KEY.c. Both are made in a folder of their own and moved into place, so that
a file is either whole or not there; the last line of KEY.c holds the checksum of KEY.so, so that
a damaged entry is seen and built again. Nothing is needed to share a folder between processes:
who builds an entry holds the advisory lock of its KEY.c, which ends with the process, and others
wait for the result; where a file system has no locks, several build the same and the last wins.
"""

import atexit
import contextlib
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from arignote import lazy
from arignote.config import config

if sys.platform != "win32":
    import fcntl

KIB, MIB = 1 << 10, 1 << 20
STALE_S = 3600
KEPT_OF_LIMIT = 0.9
FILE = r"([0-9a-f]{64})\.(so|c|txt)"
BUILD_FOLDER = r"build-\d+-[0-9a-f]{16}"


def _sha256(data: bytes) -> str:
    return lazy.module("hashlib").sha256(data).hexdigest()


def key_of(*parts: str) -> str:
    """The key of what is made from these texts: 64 hexadecimal digits.

    Example
    -------
    >>> key_of("a", "bc") == key_of("ab", "c")
    False
    """
    return _sha256("".join(f"{len(part)}:{part}" for part in parts).encode())


@dataclass(frozen=True, repr=False)
class Entry:
    """Compiled kernels on disk: `size` in bytes, `used` as seconds since 1970."""

    key: str
    library: Path
    source: Path
    size: int
    used: float

    def __repr__(self) -> str:
        used = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.used))
        return f"<Entry {self.key[:12]}: {self.size / KIB:.1f} KiB, used {used}>"


@dataclass(frozen=True)
class Place:
    """Where one process builds one entry: `source` is written, then `library` made from it."""

    key: str
    home: Path
    folder: Path
    lock: int

    @property
    def source(self) -> Path:
        """The file that takes the C text."""
        return self.folder / "kernel.c"

    @property
    def library(self) -> Path:
        """The file that the compiler writes."""
        return self.folder / "kernel.so"


def default_folder() -> Path:
    """`config.cache_dir`, else `arignote` in $XDG_CACHE_HOME, else ~/.cache/arignote."""
    if config.cache_dir:
        return Path(config.cache_dir)
    base = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(base):
        return Path(base, "arignote")
    try:
        return Path.home() / ".cache" / "arignote"
    except RuntimeError:  # no home: a place that cannot be written, so that a private one is taken
        return Path(os.devnull, "arignote")


class KernelCache:
    """Compiled kernels in a folder, which any number of processes may share.

    Parameters
    ----------
    folder : Path, optional
        By default what `config.cache_dir` says when the cache is used.
    limit : int, optional
        Bytes from which on the entries that were unused for longest are removed; by default
        `config.cache_size` MiB.

    Notes
    -----
    Where the folder cannot be written, one warning says so, and entries go to a folder that only
    this process uses and that goes with it. Entries already in the folder are still found.
    """

    def __init__(self, folder: Path | None = None, limit: int | None = None) -> None:
        self._folder, self._limit = folder, limit
        self._spares: dict[tuple[int, Path], Path] = {}
        self._filled: dict[Path, int] = {}

    def _base(self) -> Path:
        return self._folder or default_folder()

    @property
    def folder(self) -> Path:
        """Where new entries go."""
        base = self._base()
        return self._spares.get((os.getpid(), base), base)

    @property
    def limit(self) -> int:
        """Bytes that the folder may hold."""
        return config.cache_size * MIB if self._limit is None else self._limit

    @property
    def size(self) -> int:
        """Bytes that the folder holds now."""
        return sum(entry.size for entry in _scan(self.folder))

    def get(self, key: str) -> Path | None:
        """The library of a key, from now on the one used last; None if it is not there or damaged.

        Parameters
        ----------
        key : str
            From `key_of`.
        """
        for folder in dict.fromkeys((self._base(), self.folder)):
            library = folder / f"{key}.so"
            if _is_whole(library):
                with contextlib.suppress(OSError):
                    os.utime(library)
                return library
        return None

    def put(self, key: str, build: Callable[[Place], None]) -> Path:
        """The library of a key, which `build` makes if it is not there; others wait meanwhile.

        Parameters
        ----------
        key : str
            From `key_of`.
        build : function
            Writes `place.source` and `place.library`. What it raises comes through, and nothing
            is kept; an OSError lets it be called again in the private folder.

        Raises
        ------
        OSError
            The private folder cannot be written either.
        """
        while (found := self.get(key)) is None:
            place = self.begin(key)
            if place is None:
                time.sleep(0.01)
                continue
            try:
                build(place)
                return self.finish(place)
            except OSError as error:
                self.retreat(place.home, error)
            finally:
                self.leave(place)
        return found

    def begin(self, key: str, *, wait: bool = True) -> Place | None:
        """A place to build an entry in; None while another thread or process builds it, or has.

        Parameters
        ----------
        key : str
            From `key_of`.
        wait : bool
            False gives a place also while another builds the entry.

        Raises
        ------
        OSError
            No folder can be written.
        """
        home = self.folder
        try:
            return self._place(home, key, wait)
        except OSError as error:
            self.retreat(home, error)
            return self._place(self.folder, key, wait)

    def _place(self, home: Path, key: str, wait: bool) -> Place | None:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(home / f"{key}.c", os.O_RDWR | os.O_CREAT, 0o644)
        place = Place(key, home, home / f"build-{os.getpid()}-{os.urandom(8).hex()}", lock)
        try:
            if (_take(lock) or not wait) and self.get(key) is None:
                place.folder.mkdir(mode=0o700)
                return place
        except OSError:
            _release(lock)
            raise
        _release(lock)
        return None

    def finish(self, place: Place) -> Path:
        """The library that was built in a place, moved to where others find it."""
        seal = _sha256(place.library.read_bytes())
        with place.source.open("a", encoding="utf-8") as file:
            file.write(f"\n/* {seal} */\n")
        library = place.home / f"{place.key}.so"
        size = place.library.stat().st_size + place.source.stat().st_size
        # The source last: it has the seal, and until then others meet the lock of the one before.
        os.replace(place.library, library)
        os.replace(place.source, library.with_suffix(".c"))
        self._grown(place.home, size, place.key)
        return library

    def keep_source(self, place: Place) -> Path:
        """The source of what could not be built, moved to where its user can read it."""
        kept = place.home / f"{place.key}.c"
        os.replace(place.source, kept)
        return kept

    def leave(self, place: Place) -> None:
        """Gives a place up: what is left in it is removed, and others may build the entry."""
        lazy.module("shutil").rmtree(place.folder, ignore_errors=True)
        _release(place.lock)

    def retreat(self, home: Path, error: OSError) -> None:
        """Has new entries go to a private folder from now on, with a warning the first time.

        Parameters
        ----------
        home : Path
            The folder that could not be written.
        error : OSError
            Why; raised again where the folder is the private one.
        """
        base, process = self._base(), os.getpid()
        if self._spares.get((process, base)) == home:
            raise error
        if (process, base) in self._spares:
            return
        spare = Path(lazy.module("tempfile").mkdtemp(prefix="arignote-"))
        self._spares[process, base] = spare
        atexit.register(_remove, spare, process)
        warnings.warn(
            f"the kernel cache {base} cannot be written ({error.strerror or error}): this process"
            f" keeps its kernels in {spare}; config.cache_dir names another folder",
            UserWarning,
            stacklevel=3,
        )

    def _grown(self, home: Path, size: int, key: str) -> None:
        """Counts what was added; other processes' additions are seen when this one's first is."""
        if home in self._filled:
            self._filled[home] += size
        else:
            self._filled[home] = sum(entry.size for entry in _scan(home))
        if self._filled[home] > self.limit:
            self._filled[home] = _evict(home, int(KEPT_OF_LIMIT * self.limit), key)

    def read_note(self, key: str) -> str | None:
        """A text that `write_note` left; None if it is not there or damaged."""
        for folder in dict.fromkeys((self._base(), self.folder)):
            note = folder / f"{key}.txt"
            with contextlib.suppress(OSError, UnicodeDecodeError):
                text, _, seal = note.read_text("utf-8").rpartition("\n")
                if seal == _sha256(text.encode()):
                    with contextlib.suppress(OSError):
                        os.utime(note)
                    return text
        return None

    def write_note(self, key: str, text: str) -> None:
        """Keeps a text beside the kernels, if that can be done."""
        home = self.folder
        draft = home / f"build-{os.getpid()}-{os.urandom(8).hex()}"
        with contextlib.suppress(OSError):
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.write_text(f"{text}\n{_sha256(text.encode())}", "utf-8")
            os.replace(draft, home / f"{key}.txt")

    def discard(self, key: str) -> None:
        """Removes one entry from the disk."""
        for folder in dict.fromkeys((self._base(), self.folder)):
            with contextlib.suppress(OSError):
                (folder / f"{key}.so").unlink(missing_ok=True)

    def clear(self) -> int:
        """The number of kernels removed from the disk: all. What is loaded stays loaded.

        Files that are not the cache's are left alone.
        """
        gone = 0
        for folder in dict.fromkeys((self._base(), self.folder)):
            for entry in _scan(folder):
                gone += entry.library.exists()
                _remove_entry(entry)
            _remove_stale(folder)
            self._filled.pop(folder, None)
        return gone

    def __repr__(self) -> str:
        entries = self.list()
        size = sum(entry.size for entry in entries) / MIB
        return f"<KernelCache {self.folder}: {len(entries)} kernels, {size:.1f} MiB>"

    # Last: within the class, `list` means this from here on.
    def list(self) -> Sequence[Entry]:
        """The kernels on disk, the one used last at the end."""
        return [entry for entry in _scan(self.folder) if entry.library.exists()]


def _is_whole(library: Path) -> bool:
    """Whether a library is there and is what its source's last line says."""
    try:
        source, data = library.with_suffix(".c").read_bytes(), library.read_bytes()
    except OSError:
        return False
    return source.endswith(f"\n/* {_sha256(data)} */\n".encode())


def _take(lock: int) -> bool:
    """Whether the lock is ours now; also where the file system has no locks."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _release(lock: int) -> None:
    # Said aloud: a process forked meanwhile has a copy of the descriptor, which would hold on.
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_UN)
    os.close(lock)


def _scan(folder: Path) -> list[Entry]:
    """What is in a folder by key, whole or not, the one used longest ago first."""
    sizes: dict[str, int] = {}
    used: dict[str, float] = {}
    with contextlib.suppress(OSError), os.scandir(folder) as files:
        for file in files:
            matched = re.fullmatch(FILE, file.name)
            if matched is None:
                continue
            with contextlib.suppress(FileNotFoundError):
                status, key = file.stat(), matched[1]
                sizes[key] = sizes.get(key, 0) + status.st_size
                used[key] = max(used.get(key, 0), status.st_mtime_ns / 1e9)
    return [
        Entry(key, folder / f"{key}.so", folder / f"{key}.c", sizes[key], used[key])
        for key in sorted(used, key=lambda key: used[key])
    ]


def _evict(folder: Path, target: int, keep: str) -> int:
    """The bytes left after removing what was unused for longest until `target` is met."""
    entries = _scan(folder)
    total = sum(entry.size for entry in entries)
    for entry in entries:
        if total <= target:
            break
        if entry.key != keep:
            with contextlib.suppress(OSError):
                _remove_entry(entry)
                total -= entry.size
    _remove_stale(folder)
    return total


def _remove_entry(entry: Entry) -> None:
    for path in (entry.library, entry.source, entry.library.with_suffix(".txt")):
        path.unlink(missing_ok=True)


def _remove_stale(folder: Path) -> None:
    """Removes what processes left that died while they built."""
    with contextlib.suppress(OSError), os.scandir(folder) as found:
        for item in found:
            if not re.fullmatch(BUILD_FOLDER, item.name):
                continue
            old = time.time() - item.stat().st_mtime > STALE_S
            if old and item.is_dir(follow_symlinks=False):
                lazy.module("shutil").rmtree(item.path, ignore_errors=True)
            elif old:
                os.unlink(item.path)


def _remove(folder: Path, process: int) -> None:
    """Removes a private folder when the process that made it ends; a fork of it does not."""
    if os.getpid() == process:
        lazy.module("shutil").rmtree(folder, ignore_errors=True)


KERNELS = KernelCache()
"""The cache of this process: where it lies and what it may hold is what `config` says."""
