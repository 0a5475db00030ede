"""Compiling in the background. Oracle: NumPy's arithmetic, whatever runs.

The compiler is a script that waits for a file before it is the real one, so that a test decides
when compiling is over.
"""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import arignote.tensor as T
from arignote import config, function, shared
from arignote.compile import background, link, progress
from arignote.errors import CompilerError
from arignote.execute import c

COMPILER = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
LIMIT_S = 60

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="no C compiler"),
    pytest.mark.skipif(sys.platform == "win32", reason="the compiler is a shell script"),
]

SCRIPT = """#!/bin/sh
case "$1" in --version) exec {compiler} --version ;; esac
echo $$ >> {folder}/started
until [ -e {folder}/go ] || [ -e {folder}/fail ]; do sleep 0.02; done
[ -e {folder}/fail ] && {{ echo "kernel.c:1: error: no luck" ; exit 3; }}
exec {compiler} "$@"
"""
X = np.linspace(-1, 2, 7)


@dataclass(frozen=True)
class Compiler:
    """A compiler that waits until it is told how to end."""

    folder: Path

    def go(self) -> None:
        """Lets all compile."""
        (self.folder / "go").touch()

    def fail(self) -> None:
        """Has all fail."""
        (self.folder / "fail").touch()

    def processes(self) -> list[int]:
        """The compilers that have been started, once there is one."""
        path = self.folder / "started"
        until(path.exists)
        return [int(line) for line in path.read_text().split()]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Compiler]:
    """A compiler for kernels that nobody has compiled yet, all of which take long."""
    with config.change(cache_dir=str(tmp_path / "first")):
        function([], T.constant(1.0) * shared(2.0))()  # the runtime, by the real compiler
    script = tmp_path / "cc"
    script.write_text(SCRIPT.format(compiler=COMPILER, folder=tmp_path))
    script.chmod(0o755)
    monkeypatch.setattr(link, "PATIENCE_S", 0.0)
    monkeypatch.setattr(link, "_told", set())
    monkeypatch.setattr(c, "KERNEL_TABLE", c.KernelTable())
    found = Compiler(tmp_path)
    with config.change(cc=str(script), cache_dir=str(tmp_path / "cache")):
        yield found
        found.go()
        for thread in list(background._threads):
            thread.join(LIMIT_S)


def example() -> tuple[T.Variable, T.Variable]:
    x = T.dvector("x")
    return x, T.tanh(x * 3) + T.exp(x).sum()


def expected(x: np.ndarray) -> np.ndarray:
    return np.tanh(x * 3) + np.exp(x).sum()


@pytest.mark.parametrize("linker", ["auto", "c"])
def test_results_before_during_and_after(compiler: Compiler, linker: str):
    with config.change(linker=linker):
        f = function(*example_args())
    assert f.linker == "numpy"
    np.testing.assert_allclose(f(X), expected(X))
    assert compiler.processes()
    np.testing.assert_allclose(f(X[:2]), expected(X[:2]))
    assert not f.wait(0.05)
    assert f.linker == "numpy"
    compiler.go()
    assert f.wait()
    assert f.linker == "c"
    assert f._quick is not None
    for size in (7, 7, 1, 0):
        np.testing.assert_allclose(f(X[:size]), expected(X[:size]))
    assert f.wait(0)


def example_args() -> tuple[list[T.Variable], T.Variable]:
    x, y = example()
    return [x], y


def test_off_waits(compiler: Compiler):
    compiler.go()
    with config.change(async_compile="off"):
        f = function(*example_args())
    assert f.linker == "c"
    np.testing.assert_allclose(f(X), expected(X))


def test_what_takes_no_time_is_waited_for(compiler: Compiler, monkeypatch):
    compiler.go()
    monkeypatch.setattr(link, "PATIENCE_S", 1.0)
    assert function(*example_args()).linker == "c"
    monkeypatch.setattr(link, "PATIENCE_S", 0.0)
    assert function(*example_args()).linker == "c", "the kernels are there"


def test_threads_call_while_it_switches(compiler: Compiler):
    """Every update is made once, whatever ran it."""
    total = shared(np.zeros(3), "total")
    x = T.dvector("x")
    f = function([x], T.sqrt(x) * 2, updates={total: total + x * x})
    stop, counts, wrong = threading.Event(), [0] * 4, []

    def call(number: int) -> None:
        values = np.full(3, 4.0)
        while not stop.is_set() or counts[number] < 50:
            if not np.array_equal(f(values), [4.0, 4.0, 4.0]):
                wrong.append(number)
            counts[number] += 1

    threads = [threading.Thread(target=call, args=(n,)) for n in range(len(counts))]
    for thread in threads:
        thread.start()
    until(lambda: min(counts) > 20)
    compiler.go()
    assert f.wait(LIMIT_S)
    seen = list(counts)
    until(lambda: all(now > then + 20 for now, then in zip(counts, seen, strict=True)))
    stop.set()
    for thread in threads:
        thread.join(LIMIT_S)
    assert wrong == []
    assert f.linker == "c"
    np.testing.assert_array_equal(total.get_value(), np.full(3, 16.0 * sum(counts)))


def test_sizes_that_differ_while_it_compiles(compiler: Compiler):
    x, y = T.dvector("x"), T.dvector("y")
    f = function([x, y], T.tanh(x + y) * 2)
    for _ in range(2):
        np.testing.assert_allclose(f(X, X[:1]), np.tanh(X + X[:1]) * 2)
        np.testing.assert_allclose(f(X, X), np.tanh(X + X) * 2)
        compiler.go()
        assert f.wait()


def test_flags_are_those_of_the_start(compiler: Compiler, tmp_path: Path):
    f = function(*example_args())
    compiler.processes()
    with config.change(cache_dir=str(tmp_path / "other"), cc="nonsense"):
        compiler.go()
        assert f.wait()
    assert f.linker == "c"
    assert not (tmp_path / "other").exists()


def test_failing_with_auto_stays_with_numpy(compiler: Compiler):
    f, g = function(*example_args()), function(*example_args())
    compiler.fail()
    with pytest.warns(UserWarning, match="functions run with NumPy") as told:
        assert f.wait()
    assert [Path(warning.filename).name for warning in told] == [Path(__file__).name]
    assert f.linker == "numpy"
    np.testing.assert_allclose(f(X), expected(X))
    assert g.wait()
    assert g.linker == "numpy"
    assert function(*example_args()).wait()


def test_a_missing_compiler_is_told_once(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(link, "_told", set())
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.warns(UserWarning, match="functions run with NumPy") as told:
        f = function(*example_args())
    assert [Path(warning.filename).name for warning in told] == [Path(__file__).name]
    assert str(told[0].message) == (
        "functions run with NumPy, which is slower than C. There is no C compiler on PATH. For"
        " native speed: install gcc or clang. arignote.doctor() says more."
    )
    g = function(*example_args())
    assert (f.linker, g.linker) == ("numpy", "numpy")
    assert f.wait()
    with config.change(linker="c"), pytest.raises(CompilerError, match="install gcc or clang"):
        function(*example_args())


def test_failing_with_auto_is_told_by_a_call(compiler: Compiler):
    f = function(*example_args())
    compiler.fail()
    until(f._running._done.is_set)
    with pytest.warns(UserWarning, match="functions run with NumPy"):
        np.testing.assert_allclose(f(X), expected(X))
    np.testing.assert_allclose(f(X), expected(X))


def test_failing_with_c_raises(compiler: Compiler):
    with config.change(linker="c"):
        f = function(*example_args())
    np.testing.assert_allclose(f(X), expected(X))
    compiler.fail()
    with pytest.raises(CompilerError, match="exit status 3"):
        f.wait()
    for _ in range(2):
        with pytest.raises(CompilerError, match="no luck"):
            f(X)


def test_an_interrupt_ends_the_waiting_only(compiler: Compiler):
    f = function(*example_args())
    timer = threading.Timer(0.2, signal.raise_signal, (signal.SIGINT,))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        f.wait(LIMIT_S)
    assert f.linker == "numpy"
    compiler.go()
    assert f.wait()
    np.testing.assert_allclose(f(X), expected(X))


def test_an_interrupt_of_function_leaves_nothing(compiler: Compiler, tmp_path: Path):
    def interrupt() -> None:
        compiler.processes()
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with config.change(async_compile="off"), pytest.raises(KeyboardInterrupt):
        function(*example_args())
    thread.join(LIMIT_S)
    assert not any(map(is_running, compiler.processes()))
    assert list((tmp_path / "cache").glob("build-*")) == []
    compiler.go()
    with config.change(async_compile="off"):
        np.testing.assert_allclose(function(*example_args())(X), expected(X))


def test_pickles_while_it_compiles(compiler: Compiler):
    f = function(*example_args())
    data = pickle.dumps(f)
    g = pickle.loads(data)
    assert {f.linker, g.linker} == {"numpy"}
    compiler.go()
    assert f.wait()
    assert g.wait()
    np.testing.assert_allclose(g(X), expected(X))


def test_a_function_that_is_gone_is_not_kept(compiler: Compiler):
    f = function(*example_args())
    work = f._running
    del f
    compiler.go()
    assert work.wait()
    assert work.linked.native is not None


def test_a_fork_goes_on_alone(compiler: Compiler):
    f = function(*example_args())
    np.testing.assert_allclose(f(X), expected(X))
    compiler.processes()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            right = np.allclose(f(X), expected(X)) and f.linker == "numpy"
            right = right and not f.wait(0.05)
            compiler.go()
            right = right and f.wait(LIMIT_S) and f.linker == "c"
            status = 0 if right and np.allclose(f(X), expected(X)) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert f.wait(LIMIT_S)
    np.testing.assert_allclose(f(X), expected(X))


@pytest.mark.parametrize("linker", ["auto", "c"])
def test_python_ends_in_the_middle(compiler: Compiler, tmp_path: Path, linker: str):
    code = f"""
        import numpy as np
        import arignote.tensor as T
        from arignote import config, function
        from arignote.compile import link
        from pathlib import Path
        import time
        link.PATIENCE_S = 0.0
        config.cc, config.cache_dir = {config.cc!r}, {config.cache_dir!r}
        config.linker = {linker!r}
        x = T.dvector("x")
        f = function([x], T.tanh(x * 3) + T.exp(x).sum())
        print(f.linker, f(np.zeros(2)).tolist(), flush=True)
        while not Path({str(tmp_path / "started")!r}).exists():
            time.sleep(0.01)
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "numpy [2.0, 2.0]\n"
    assert not any(map(is_running, compiler.processes()))
    assert list((tmp_path / "cache").glob("build-*")) == []


def test_progress_is_shown_up_to_the_end(compiler: Compiler, monkeypatch):
    shown: list[tuple[str, bool]] = []
    monkeypatch.setattr(progress, "_display", lambda *line: shown.append(line))
    monkeypatch.setattr(progress, "DELAY_S", 0.0)
    f = function(*example_args())
    compiler.processes()
    assert shown == [], "nobody waits"
    f.wait(0.5)
    assert shown[0][0].startswith("compiling C: 0 of ")
    assert [last for _, last in shown] == [False] * (len(shown) - 1) + [True]
    assert shown[-1][0].startswith("compiling C: 0 of "), "it is not over"
    del shown[:]
    threading.Timer(0.5, compiler.go).start()
    with config.change(async_compile="off"):
        x = T.dvector("x")
        function([x], T.cos(x) - 2)
    assert shown[0][0].startswith("compiling C: 0 of 1 files, ")
    assert shown[-1][0].startswith("compiled C: 1 of 1 files, ")
    assert [last for _, last in shown] == [False] * (len(shown) - 1) + [True]


class Terminal:
    """A stream that keeps what is written."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def test_progress_in_a_terminal(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "DELAY_S", 0.0)
    with progress.progress_line() as report:
        report(3, 8)
        report(4, 8)
    first, blank, last = stream.text.split("\r")[1:]
    assert first.startswith("compiling C: 3 of 8 files, 0.0 s")
    assert (blank.strip(), last) == ("", "")
    with progress.progress_line():
        pass
    assert stream.text.count("\r") == 3
