"""The kernel cache: whole entries only, whoever else is at it. Oracle: the bytes that were put."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import arignote
from arignote import config
from arignote.execute import cache as module
from arignote.execute.cache import KernelCache, Place, default_folder, key_of

KEY, OTHER = key_of("one"), key_of("two")
CONTENT = bytes(range(256)) * 8


def writer(content: bytes = CONTENT) -> Callable[[Place], None]:
    """What builds an entry of given bytes."""

    def build(place: Place) -> None:
        place.source.write_text("int x;\n")
        place.library.write_bytes(content)

    return build


def never(place: Place) -> None:
    raise AssertionError(f"{place.key} is built again")


def leftovers(folder: Path) -> list[str]:
    """What is in a cache's folder beside entries."""
    return [path.name for path in folder.iterdir() if path.suffix not in {".so", ".c"}]


@pytest.fixture(autouse=True)
def private_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch) -> None:
    """Private folders go where pytest cleans up: its workers do not end as Python ends."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("private")))


@pytest.fixture
def cache(tmp_path: Path) -> KernelCache:
    return KernelCache(tmp_path / "deep" / "kernels")


def test_what_was_put_is_found_by_all(cache: KernelCache):
    assert cache.get(KEY) is None
    path = cache.put(KEY, writer())
    assert path == cache.folder / f"{KEY}.so"
    assert path.read_bytes() == CONTENT
    assert path.with_suffix(".c").read_text().startswith("int x;\n")
    assert cache.put(KEY, never) == KernelCache(cache.folder).get(KEY) == path
    assert cache.get(OTHER) is None
    assert leftovers(cache.folder) == []
    assert cache.folder.stat().st_mode & 0o077 == 0


def test_list_size_clear(cache: KernelCache):
    assert (list(cache.list()), cache.size, cache.clear()) == ([], 0, 0)
    for key in (KEY, OTHER):
        cache.put(key, writer())
    os.utime(cache.folder / f"{OTHER}.so", (1, 1))
    os.utime(cache.folder / f"{OTHER}.c", (1, 1))
    assert [entry.key for entry in cache.list()] == [OTHER, KEY]
    size = len(CONTENT) + (cache.folder / f"{OTHER}.c").stat().st_size
    told = (
        rf"<Entry {OTHER[:12]}: {size / 1024:.1f} KiB, used (1970-01-01|1969-12-31) \d\d:\d\d:01>"
    )
    assert re.fullmatch(told, repr(cache.list()[0]))
    files = [*cache.folder.iterdir()]
    assert sum(entry.size for entry in cache.list()) == sum(f.stat().st_size for f in files)
    assert cache.size == sum(f.stat().st_size for f in files)
    assert "2 kernels" in repr(cache)
    stranger = cache.folder / "thesis.c"
    stranger.write_text("mine")
    assert cache.clear() == 2
    assert [*cache.folder.iterdir()] == [stranger]
    assert cache.get(KEY) is None
    cache.put(KEY, writer())


def damage_truncate(library: Path) -> None:
    library.write_bytes(library.read_bytes()[:-1])


def damage_empty(library: Path) -> None:
    library.write_bytes(b"")


def damage_flip(library: Path) -> None:
    data = bytearray(library.read_bytes())
    data[1000] ^= 1
    library.write_bytes(data)


def damage_source(library: Path) -> None:
    library.with_suffix(".c").write_text("")


def damage_no_source(library: Path) -> None:
    library.with_suffix(".c").unlink()


def damage_no_library(library: Path) -> None:
    library.unlink()


@pytest.mark.parametrize(
    "damage",
    [
        damage_truncate,
        damage_empty,
        damage_flip,
        damage_source,
        damage_no_source,
        damage_no_library,
    ],
)
def test_damaged_entries_are_built_again(cache: KernelCache, damage: Callable[[Path], None]):
    path = cache.put(KEY, writer())
    damage(path)
    assert cache.get(KEY) is None
    assert cache.put(KEY, writer()).read_bytes() == CONTENT
    assert cache.get(KEY) == path


def test_a_failed_build_leaves_nothing(cache: KernelCache):
    def failing(place: Place) -> None:
        place.library.write_bytes(b"half")
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            cache.put(KEY, failing)
    assert (cache.get(KEY), leftovers(cache.folder), list(cache.list())) == (None, [], [])
    assert cache.put(KEY, writer()).read_bytes() == CONTENT


def test_a_kept_source_is_no_entry(cache: KernelCache):
    place = cache.begin(KEY)
    assert place is not None
    writer()(place)
    kept = cache.keep_source(place)
    cache.leave(place)
    assert kept.read_text() == "int x;\n"
    assert (cache.get(KEY), list(cache.list())) == (None, [])


def test_threads_wait_for_the_one_that_builds(cache: KernelCache):
    """Building ends only once all others have asked; one that built too would be counted."""
    built, results = [], []
    begun, go = threading.Event(), threading.Event()

    def build(place: Place) -> None:
        built.append(place)
        begun.set()
        assert go.wait(30)
        writer()(place)

    first = threading.Thread(target=lambda: results.append(cache.put(KEY, build)))
    first.start()
    assert begun.wait(30)
    assert cache.begin(KEY) is None
    others = [
        threading.Thread(target=lambda: results.append(cache.put(KEY, build))) for _ in range(4)
    ]
    for thread in others:
        thread.start()
    alone = cache.begin(OTHER)
    assert alone is not None, "another key is not held up"
    cache.leave(alone)
    impatient = cache.begin(KEY, wait=False)
    assert impatient is not None
    cache.leave(impatient)
    go.set()
    for thread in (first, *others):
        thread.join()
    assert len(built) == 1
    assert results == [cache.folder / f"{KEY}.so"] * 5


@pytest.mark.parametrize("damaged", [False, True])
def test_nobody_begins_between_the_two_files(cache: KernelCache, monkeypatch, damaged: bool):
    if damaged:
        damage_source(cache.put(KEY, writer()))
    real, seen = os.replace, []

    def replace(source: Path, target: Path) -> None:
        for _ in range(2):
            seen.append((cache.get(KEY), cache.begin(KEY)))
            if len(seen) % 2:
                real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    path = cache.put(KEY, writer())
    assert seen == [(None, None)] * 3 + [(path, None)]


def test_who_dies_while_building_holds_nobody_up(cache: KernelCache):
    code = (
        "import sys, time; from pathlib import Path\n"
        "from arignote.execute.cache import KernelCache\n"
        f"KernelCache(Path({str(cache.folder)!r})).begin({KEY!r}); print('begun', flush=True)\n"
        "time.sleep(100)"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        assert cache.begin(KEY) is None
        process.kill()
        process.wait()
    assert cache.put(KEY, writer()).read_bytes() == CONTENT
    assert len(leftovers(cache.folder)) == 1
    (left,) = (cache.folder / name for name in leftovers(cache.folder))
    cache.clear()
    assert left.exists(), "another process may still be at work there"
    os.utime(left, (1, 1))
    cache.clear()
    assert not left.exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_does_not_keep_the_lock(cache: KernelCache):
    place = cache.begin(KEY)
    assert place is not None
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(go)
        os.read(ready, 1)
        os._exit(0)
    os.close(ready)
    cache.leave(place)
    again = cache.begin(KEY)
    os.close(go)
    os.waitpid(child, 0)
    assert again is not None
    cache.leave(again)


def test_without_locks_all_build_and_all_is_well(cache: KernelCache, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(module.fcntl, "flock", refuse)
    first, second = cache.begin(KEY), cache.begin(KEY)
    assert first is not None
    assert second is not None
    for place in (first, second):
        writer()(place)
        cache.finish(place)
        cache.leave(place)
    assert cache.get(KEY) is not None


CROWD = """
import os, sys
from pathlib import Path
from arignote.execute import cache as module
module.fcntl.flock = eval(sys.argv[2]) or module.fcntl.flock
folder = Path(sys.argv[1])
ready, go = os.pipe()

def build(place):
    with open(folder / "log", "a") as log:
        log.write(f"{os.getpid()}\\n")
    place.source.write_text("int x;")
    with place.library.open("wb") as file:
        for _ in range(2000):
            file.write(bytes(range(256)))
            file.flush()

children = []
for _ in range(20):
    if (child := os.fork()) == 0:
        os.close(go)
        os.read(ready, 1)
        path = module.KernelCache(folder / "kernels").put(sys.argv[3], build)
        os._exit(0 if path.read_bytes() == bytes(range(256)) * 2000 else 3)
    children.append(child)
os.close(go)
print(*[os.waitpid(child, 0)[1] for child in children])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("locks", [True, False])
def test_twenty_processes_start_on_an_empty_cache(tmp_path: Path, locks: bool):
    """Each reads all bytes. With locks one of them builds; without, as many as happen to."""
    flock = "None" if locks else "lambda *_: None"
    command = [sys.executable, "-c", CROWD, str(tmp_path), flock, KEY]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0"] * 20
    builders = (tmp_path / "log").read_text().split()
    assert len(builders) == 1 if locks else len(builders) >= 1
    assert KernelCache(tmp_path / "kernels").get(KEY) is not None
    assert leftovers(tmp_path / "kernels") == []


def keys(number: int) -> list[str]:
    return [key_of(str(n)) for n in range(number)]


def test_the_cap_removes_what_was_unused_for_longest(tmp_path: Path):
    cache = KernelCache(tmp_path, limit=10 * 2200)
    first = keys(9)
    for age, key in enumerate(first):
        path = cache.put(key, writer())
        for file in (path, path.with_suffix(".c")):
            os.utime(file, (1000 + age, 1000 + age))
    assert len(cache.list()) == 9
    assert cache.get(first[0]) is not None  # now the one used last
    cache.put(KEY, writer())
    cache.put(OTHER, writer())
    left = {entry.key for entry in cache.list()}
    assert {first[0], KEY, OTHER} <= left
    assert cache.size <= cache.limit
    gone = [key for key in first if key not in left]
    assert gone == first[1 : 1 + len(gone)]
    assert gone


def test_the_cap_counts_what_other_processes_left(tmp_path: Path):
    for key in keys(9):
        KernelCache(tmp_path).put(key, writer())
    small = KernelCache(tmp_path, limit=5000)
    small.put(KEY, writer())
    assert small.size <= 5000
    assert small.get(KEY) is not None


def test_an_entry_larger_than_the_cap_stays(tmp_path: Path):
    cache = KernelCache(tmp_path, limit=100)
    cache.put(OTHER, writer())
    cache.put(KEY, writer())
    assert [entry.key for entry in cache.list()] == [KEY]


def test_the_public_cache_is_that_of_config(tmp_path: Path):
    with config.change(cache_dir=tmp_path / "kernels"):
        assert arignote.cache.folder == tmp_path / "kernels"
        assert repr(arignote.cache) == f"<KernelCache {tmp_path}/kernels: 0 kernels, 0.0 MiB>"
        path = arignote.cache.put(KEY, writer())
        assert [entry.library for entry in arignote.cache.list()] == [path]
        assert arignote.cache.size == arignote.cache.list()[0].size > len(CONTENT)
        assert arignote.cache.clear() == 1
        assert (list(arignote.cache.list()), arignote.cache.size) == ([], 0)


def test_the_cap_is_the_flag():
    with config.change(cache_size=3):
        assert KernelCache().limit == 3 << 20


def test_a_folder_that_cannot_be_made_gives_way_to_a_private_one(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    base = tmp_path / "file" / "kernels"
    cache = KernelCache(base)
    with pytest.warns(UserWarning, match=rf"{base} cannot be written .*arignote-") as said:
        path = cache.put(KEY, writer())
    assert len(said) == 1
    assert path.read_bytes() == CONTENT
    assert path.parent == cache.folder != base
    assert cache.folder.stat().st_mode & 0o077 == 0
    cache.put(OTHER, writer())  # a second warning would be an error
    assert cache.put(KEY, never) == path
    assert len(cache.list()) == 2
    assert cache.clear() == 2


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
@pytest.mark.parametrize("name", ["replace", "open"])
def test_a_full_or_read_only_folder(tmp_path: Path, monkeypatch, number: int, name: str):
    """Entries that are there are still read; root may write anywhere, so the calls are replaced."""
    cache = KernelCache(tmp_path)
    there = cache.put(OTHER, writer())
    real = getattr(os, name)

    def refuse(path: str | Path, *rest: object, **named: object) -> object:
        if str(path).startswith(str(tmp_path)):
            raise OSError(number, os.strerror(number), str(path))
        return real(path, *rest, **named)

    monkeypatch.setattr(os, name, refuse)
    with pytest.warns(UserWarning, match=os.strerror(number)) as said:
        path = cache.put(KEY, writer())
    assert len(said) == 1
    assert path.read_bytes() == CONTENT
    assert not path.is_relative_to(tmp_path)
    assert cache.put(OTHER, never) == there
    assert cache.get(KEY) == path
    monkeypatch.undo()
    assert leftovers(tmp_path) == []


def test_a_build_that_runs_out_of_room_is_called_again(cache: KernelCache):
    base = cache.folder

    def build(place: Place) -> None:
        if place.home == base:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        writer()(place)

    with pytest.warns(UserWarning, match="No space"):
        assert cache.put(KEY, build).read_bytes() == CONTENT
    assert leftovers(base) == []

    def full(place: Place) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space"):
        cache.put(OTHER, full)


def test_the_private_folder_goes_with_the_process(tmp_path: Path):
    (tmp_path / "file").write_text("")
    code = (
        "from pathlib import Path; from arignote.execute.cache import *\n"
        f"cache = KernelCache(Path({str(tmp_path / 'file' / 'x')!r}))\n"
        "place = cache.begin(key_of('one')); print(cache.folder, cache.folder.is_dir())"
    )
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    folder, existed = done.stdout.split()
    assert existed == "True"
    assert Path(folder).parent == tmp_path
    assert not Path(folder).exists()
    assert done.stderr.count("cannot be written") == 1


def test_the_place(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    config.cache_dir = ""
    assert default_folder() == tmp_path / ".cache" / "arignote"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_folder() == tmp_path / ".cache" / "arignote"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_folder() == KernelCache().folder == tmp_path / "xdg" / "arignote"
    with config.change(cache_dir=tmp_path / "mine"):
        assert default_folder() == KernelCache().folder == tmp_path / "mine"


def test_no_home_is_a_place_that_cannot_be_written(tmp_path: Path, monkeypatch):
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with config.change(cache_dir=""), pytest.warns(UserWarning, match="cannot be written"):
        assert KernelCache().put(KEY, writer()).read_bytes() == CONTENT


def test_notes(cache: KernelCache):
    assert cache.read_note(KEY) is None
    cache.write_note(KEY, "two\nlines é")
    assert cache.read_note(KEY) == "two\nlines é"
    assert list(cache.list()) == []
    file = cache.folder / f"{KEY}.txt"
    os.utime(file, (1, 1))
    cache.read_note(KEY)
    assert file.stat().st_mtime > 1, "it was used, so it is not the first to go"
    for damaged in (file.read_bytes()[:-1], b"", b"\xff\xfe"):
        file.write_bytes(damaged)
        assert cache.read_note(KEY) is None
    cache.clear()
    assert [*cache.folder.iterdir()] == []


def test_a_note_that_cannot_be_written_is_no_matter(tmp_path: Path):
    (tmp_path / "file").write_text("")
    cache = KernelCache(tmp_path / "file" / "x")
    cache.write_note(KEY, "text")
    assert cache.read_note(KEY) is None


def test_keys():
    parts = [("a", "b"), ("ab",), ("", "ab"), ("a", "b", ""), ("1:a", "b"), ("b", "a")]
    assert len({key_of(*some) for some in parts}) == len(parts)
    assert key_of("a", "b") == key_of("a", "b")
    assert len(key_of("é")) == 64


def test_entries_know_when_they_were_used(cache: KernelCache):
    before = time.time() - 1
    path = cache.put(KEY, writer())
    os.utime(path, (1, 1))
    os.utime(path.with_suffix(".c"), (1, 1))
    assert cache.list()[0].used == 1
    cache.get(KEY)
    assert cache.list()[0].used >= before
