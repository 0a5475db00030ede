"""The store of kernels. Oracles: Python's arithmetic, and a compiler that writes down its work."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from arignote import config, errors
from arignote.execute import compiler, kernels, libraries, toolchain
from arignote.execute.cache import KERNELS, key_of
from arignote.execute.kernels import addresses, seconds_to_compile
from arignote.execute.libraries import ffi

REAL = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
pytestmark = pytest.mark.skipif(REAL is None, reason="no C compiler")
HEADER = "static int base(void) { return 100; }\n"


def new_process(monkeypatch) -> None:
    """Forgets what a process remembers."""
    monkeypatch.setattr(kernels, "_store", kernels._Store())
    monkeypatch.setattr(compiler, "_found", {})
    monkeypatch.setattr(toolchain, "_loaded", {})
    monkeypatch.setattr(libraries, "_libraries", {})


@pytest.fixture(autouse=True)
def log(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch) -> Iterator[Path]:
    """As in a new process, with an empty cache and a compiler that keeps all that it is given."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("private")))
    monkeypatch.setattr(kernels, "cores", lambda: 2)
    new_process(monkeypatch)
    path, log = tmp_path / "cc", tmp_path / "log"
    log.write_text("")
    path.write_text(
        '#!/bin/sh\ncase " $* " in *" --version "*) echo "fake 1.0"; exit;; esac\n'
        f'cat kernel.c >> {log}\nexec {REAL} "$@"\n'
    )
    path.chmod(0o755)
    with config.change(cc=str(path), cache_dir=tmp_path / "kernels"):
        yield log


def some(*numbers: int, length: int = 0) -> dict[str, str]:
    """Kernels `k3`... that add their number, with a comment of a length."""
    return {
        f"k{n}": f"int k{n}(int x) {{ return x + {n} + base(); }} /*{' ' * length}*/\n"
        for n in numbers
    }


def call(address: int, x: int) -> int:
    return ffi().cast("int(*)(int)", address)(x)


def compiled(log: Path) -> list[int]:
    """The numbers of the kernels that were compiled since this was asked last."""
    text = log.read_text()
    log.write_text("")
    return sorted(map(int, re.findall(r"int k(\d+)\(", text)))


def test_kernels_are_where_it_says(log: Path):
    found = addresses(some(1, 2, 3), HEADER)
    assert {name: call(at, 1000) for name, at in found.items()} == {
        "k1": 1101,
        "k2": 1102,
        "k3": 1103,
    }
    assert len(KERNELS.list()) == 1, "little text is one file"
    assert compiled(log) == [1, 2, 3]
    assert addresses(some(1, 2, 3), HEADER) == found
    assert addresses(some(3), HEADER) == {"k3": found["k3"]}
    assert addresses({}, HEADER) == {}
    assert compiled(log) == []
    more = addresses(some(3, 4), HEADER)
    assert more["k3"] == found["k3"]
    assert call(more["k4"], 0) == 104
    assert compiled(log) == [4]


def test_headers_and_compilers_are_kept_apart(log: Path):
    first = addresses(some(1), HEADER)
    second = addresses(some(1), HEADER.replace("100", "200"))
    assert (call(first["k1"], 0), call(second["k1"], 0)) == (101, 201)
    with config.change(cc=REAL):
        third = addresses(some(1), HEADER)
    assert call(third["k1"], 0) == 101
    assert len(KERNELS.list()) == 3


def test_a_second_process_needs_no_compiler(log: Path, monkeypatch):
    addresses(some(1, 2), HEADER)
    addresses(some(3), HEADER)
    new_process(monkeypatch)
    compiler.find_compiler()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process is started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert seconds_to_compile(some(1, 2, 3), HEADER) == 0
    found = addresses(some(2, 3), HEADER)
    assert [call(at, 0) for at in found.values()] == [102, 103]


def test_what_was_compiled_for_one_function_is_found_for_another(log: Path, monkeypatch):
    addresses(some(1, 2), HEADER)
    new_process(monkeypatch)
    compiled(log)
    found = addresses(some(2, 3), HEADER)
    assert compiled(log) == [3]
    assert [call(at, 0) for at in found.values()] == [102, 103]


def lose_library() -> None:
    KERNELS.list()[0].library.unlink()


def damage_library() -> None:
    library = KERNELS.list()[0].library
    library.write_bytes(library.read_bytes()[:100])


def damage_notes() -> None:
    for note in KERNELS.folder.glob("*.txt"):
        note.write_text("nonsense")


def unloadable() -> None:
    """The checksum is right, so only the loader can say no."""
    (entry,) = KERNELS.list()
    KERNELS.discard(entry.key)
    KERNELS.put(
        entry.key,
        lambda place: (place.source.write_text("?"), place.library.write_bytes(b"?"), None)[-1],
    )


def clear() -> None:
    KERNELS.clear()


IMPORT = "from arignote.execute.kernels import addresses\n"


@pytest.mark.parametrize("harm", [lose_library, damage_library, damage_notes, unloadable, clear])
def test_what_is_gone_or_damaged_is_compiled_again(log: Path, monkeypatch, harm):
    """The loader takes a file that was loaded before for the same: so another process made it."""
    flags = f"cc={config.cc},cache_dir={config.cache_dir}"
    subprocess.run(
        [sys.executable, "-c", f"{IMPORT}addresses({some(1, 2)}, {HEADER!r})"],
        env={**os.environ, "ARIGNOTE_FLAGS": flags},
        check=True,
    )
    assert compiled(log) == [1, 2]
    harm()
    found = addresses(some(2), HEADER)
    assert call(found["k2"], 0) == 102
    assert compiled(log) == [2]
    new_process(monkeypatch)
    assert call(addresses(some(2), HEADER)["k2"], 0) == 102
    assert compiled(log) == []


def test_what_is_loaded_stays_when_the_cache_is_cleared(log: Path):
    found = addresses(some(1, 2), HEADER)
    assert KERNELS.clear() == 1
    assert addresses(some(1, 2), HEADER) == found
    assert call(found["k1"], 0) == 101
    assert compiled(log) == [1, 2]


@pytest.mark.parametrize(
    ("sizes", "cores", "files"),
    [
        ([], 4, 0),
        ([100], 4, 1),
        ([1_000] * 5, 4, 1),
        ([1_000] * 7, 4, 2),
        ([1_000] * 100, 4, 4),
        ([1_000] * 100, 1, 1),
        ([50_000], 4, 1),
        ([1_000] * 950, 4, 10),
        ([9_000, *[1_000] * 9], 2, 2),
    ],
)
def test_files_hold_about_as_much_each(monkeypatch, sizes: list[int], cores: int, files: int):
    monkeypatch.setattr(kernels, "idle_cores", lambda: cores)
    texts = {f"k{n}": "x" * size for n, size in enumerate(sizes)}
    parts = kernels._distribute(texts)
    assert len(parts) == files
    assert {name: text for part in parts for name, text in part.items()} == texts
    assert sum(map(len, parts)) == len(texts)
    loads = [sum(map(len, part.values())) for part in parts]
    assert max(loads, default=0) - min(loads, default=0) <= max(sizes, default=0)
    assert kernels._distribute(dict(reversed(texts.items()))) == parts


def test_much_text_is_several_files_with_progress(log: Path):
    seen: list[tuple[int, int]] = []
    found = addresses(
        some(*range(6), length=4_000), HEADER, lambda done, total: seen.append((done, total))
    )
    assert [call(at, 0) for at in found.values()] == [100, 101, 102, 103, 104, 105]
    assert len(KERNELS.list()) == 2
    assert seen[-1] == (2, 2)
    assert compiled(log) == [*range(6)]


def test_the_estimate_counts_what_is_not_there_yet(log: Path):
    one = seconds_to_compile(some(1), HEADER)
    many = seconds_to_compile(some(*range(100), length=3_000), HEADER)
    assert 0.01 < one < 0.5 < many < 10
    assert compiled(log) == [], "nothing is compiled to find out"
    addresses(some(1), HEADER)
    assert seconds_to_compile(some(1), HEADER) == 0
    assert seconds_to_compile(some(1, 2), HEADER) == pytest.approx(one, rel=0.1)


def test_threads_compile_each_kernel_once(log: Path):
    """Their sets overlap; each gets all of its own."""
    wanted = [some(n, n + 1, n + 2) for n in range(8)]
    results: dict[int, dict[str, int]] = {}
    start = threading.Barrier(8)

    def work(n: int) -> None:
        start.wait()
        results[n] = addresses(wanted[n], HEADER)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert compiled(log) == [*range(10)]
    for n in range(8):
        assert [call(at, 0) for at in results[n].values()] == [100 + n, 101 + n, 102 + n]
    assert kernels._store.makers == {}


def test_after_an_error_others_can_go_on(log: Path):
    wrong = {**some(1), "k2": "nonsense"}
    for _ in range(2):
        with pytest.raises(errors.CompilerError, match="nonsense"):
            addresses(wrong, HEADER)
    assert kernels._store.makers == {}
    assert call(addresses(some(1, 2), HEADER)["k2"], 0) == 102


def test_a_thread_that_waits_for_one_that_fails_takes_over(log: Path, monkeypatch):
    """The first fails only once the second waits for it."""
    begun, failing = threading.Event(), threading.Event()
    real = kernels.load_many
    caught: list[BaseException] = []

    def fails(*arguments: object) -> list:
        monkeypatch.setattr(kernels, "load_many", real)
        begun.set()
        assert failing.wait(30)
        raise errors.CompilerError("by chance")

    def first() -> None:
        try:
            addresses(some(1), HEADER)
        except errors.CompilerError as error:
            caught.append(error)

    monkeypatch.setattr(kernels, "load_many", fails)
    found: dict[str, int] = {}
    threads = [
        threading.Thread(target=first),
        threading.Thread(target=lambda: found.update(addresses(some(1), HEADER))),
    ]
    threads[0].start()
    assert begun.wait(30)
    threads[1].start()
    threading.Event().wait(0.1)
    assert found == {}
    failing.set()
    for thread in threads:
        thread.join()
    assert len(caught) == 1
    assert call(found["k1"], 0) == 101


def test_who_died_while_compiling_holds_nobody_up(log: Path):
    thread = threading.Thread(target=str)
    thread.start()
    thread.join()
    key = (compiler.find_compiler(), HEADER, "k1")
    kernels._store.makers[key] = thread
    assert call(addresses(some(1), HEADER)["k1"], 0) == 101


FORK = """
import os, sys, threading
from arignote.execute import kernels
kernel = {"k1": "int k1(int x) { return x; }"}
begun = threading.Event()

def forever(*_):
    with kernels._store.turn:
        begun.set()
        threading.Event().wait()

real, kernels.load_many = kernels.load_many, forever
threading.Thread(target=kernels.addresses, args=(kernel, ""), daemon=True).start()
begun.wait()
kernels.load_many = real
if (child := os.fork()) == 0:
    os._exit(0 if kernels.addresses(kernel, "")["k1"] else 3)
print(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_waits_for_no_thread_of_its_parent():
    env = {**os.environ, "ARIGNOTE_FLAGS": f"cache_dir={config.cache_dir}"}
    command = [sys.executable, "-W", "ignore", "-c", FORK]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["0"], done.stderr


def test_notes_go_with_the_cache(log: Path):
    addresses(some(1, 2), HEADER)
    assert len([*KERNELS.folder.glob("*.txt")]) == 2
    assert KERNELS.clear() == 1
    assert [*KERNELS.folder.iterdir()] == []


def test_a_cache_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with (
        config.change(cache_dir=tmp_path / "file" / "x"),
        pytest.warns(UserWarning, match="cannot be written"),
    ):
        found = addresses(some(1, 2), HEADER)
    assert [call(at, 0) for at in found.values()] == [101, 102]


def test_the_key_of_a_note_is_not_that_of_a_library():
    one = compiler.find_compiler()
    notes = kernels._notes(some(1), one, HEADER)
    assert notes["k1"] not in {one.key(HEADER), one.key(HEADER + some(1)["k1"]), key_of("kernel")}
    assert notes != kernels._notes(some(1), one, "")
    assert notes != kernels._notes(some(1, length=1), one, HEADER)
