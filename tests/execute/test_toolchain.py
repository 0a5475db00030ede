"""From C text to loaded functions. Oracles: Python's arithmetic, and compilers made of shell."""

from __future__ import annotations

import ctypes
import math
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from arignote import config
from arignote.errors import CompilerError, CompilerMissingError
from arignote.execute import compiler as compiler_module
from arignote.execute import crew, toolchain
from arignote.execute.cache import KernelCache
from arignote.execute.compiler import Compiler, cpu_features, find_compiler
from arignote.execute.libraries import Library, attempt, ffi, load
from arignote.execute.toolchain import compile_c, compile_many, load_c, load_many

REAL = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
needs_compiler = pytest.mark.skipif(REAL is None, reason="no C compiler")
TWICE = "int twice(int n) { return 2 * n; }\n"
COMPILERS = [path for path in map(shutil.which, ("gcc", "clang")) if path]


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch) -> Iterator[None]:
    """As in a new process, with an empty cache; no CC in the environment."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("private")))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(compiler_module, "_found", {})
    monkeypatch.setattr(toolchain, "_loaded", {})
    with config.change(cache_dir=tmp_path / "kernels"):
        yield
    cpu_features.cache_clear()


def script(path: Path, body: str, version: str = "fake 1.0") -> str:
    """A compiler of our own: answers to --version and then does what the body says."""
    path.parent.mkdir(exist_ok=True)
    answer = f'case " $* " in *" --version "*) echo "{version}"; exit;; esac'
    path.write_text(f"#!/bin/sh\n{answer}\n{body}")
    path.chmod(0o755)
    return str(path)


def kernels() -> Path:
    return Path(config.cache_dir)


def leftovers() -> list[str]:
    """What is in the cache's folder beside entries and notes."""
    return [p.name for p in kernels().iterdir() if p.suffix not in {".so", ".c", ".txt"}]


def new_process(monkeypatch) -> None:
    """Forgets what a process remembers."""
    monkeypatch.setattr(compiler_module, "_found", {})
    monkeypatch.setattr(toolchain, "_loaded", {})


@needs_compiler
def test_a_compiled_function_is_pythons_arithmetic():
    library = load_c(
        "#include <math.h>\n#include <stdint.h>\n"
        "double fma2(double a, double b, double c) { return a * b + c; }\n"
        "double root(double x) { return sqrt(x) + exp(-x); }\n"
        "int32_t wrap(int32_t a, int32_t b) { return a + b; }\n"
        "int grows(int32_t a) { return a + 1 > a; }\n"
        "int less(double a, double b) { return a < b; }\n"
    )
    fma2 = library.function("fma2", "double(*)(double, double, double)")
    numbers = [0.0, -0.0, 0.1, -1 / 3, 1e16, 1e-300, math.inf, math.nan]
    for a in numbers:
        for b in numbers:
            for c in numbers:
                got, wanted = fma2(a, b, c), a * b + c
                assert repr(got) == repr(wanted), "bit for bit, so never contracted"
    root = library.function("root", "double(*)(double)")
    assert root(2.0) == pytest.approx(math.sqrt(2) + math.exp(-2), rel=1e-15)
    assert math.isnan(root(-1.0))
    wrap = library.function("wrap", "int32_t(*)(int32_t, int32_t)")
    assert wrap(2**31 - 1, 5) == -(2**31) + 4
    grows = library.function("grows", "int(*)(int32_t)")
    assert (grows(1), grows(2**31 - 1)) == (1, 0)
    less = library.function("less", "int(*)(double, double)")
    assert (less(1, 2), less(2, 1), less(math.nan, 1)) == (1, 0, 0)


@needs_compiler
@pytest.mark.parametrize("compiler", COMPILERS)
def test_loops_that_say_simd_agree_with_python(compiler: str):
    source = (
        "#include <math.h>\n#include <stdint.h>\n"
        "void k(const double *x, double *y, int64_t n) {\n"
        "#pragma omp simd\n"
        "for (int64_t i = 0; i < n; i++) y[i] = x[i] > 0 ? x[i] * x[i] - 1 : fabs(x[i]);\n}\n"
    )
    with config.change(cc=compiler):
        k = load_c(source).function("k", "void(*)(const double *, double *, int64_t)")
    for size in range(40):
        values = [(-1.25) ** n for n in range(size)]
        x, y = ffi().new("double[]", values), ffi().new("double[]", size)
        k(x, y, size)
        assert list(y) == [v * v - 1 if v > 0 else abs(v) for v in values]


@needs_compiler
def test_addresses_are_those_that_can_be_called():
    library = load_c(TWICE)
    call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(library.address("twice"))
    assert call(21) == 42
    with pytest.raises(AttributeError, match="thrice"):
        library.address("thrice")
    with pytest.raises(AttributeError, match="thrice"):
        library.function("thrice", "int(*)(int)")


@needs_compiler
def test_many_sources_in_order_with_progress(monkeypatch):
    sources = [f"int f(void) {{ return {n}; }}\n" for n in (3, 1, 4, 1, 5)]
    seen = []
    libraries = load_many(sources, progress=lambda done, total: seen.append((done, total)))
    assert [library.function("f", "int(*)(void)")() for library in libraries] == [3, 1, 4, 1, 5]
    assert libraries[1] is libraries[3]
    assert seen[-1] == (4, 4)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {total for _, total in seen} == {4}
    assert leftovers() == []
    again: list = []
    monkeypatch.setattr(toolchain, "_loaded", {})
    paths = compile_many(sources, progress=lambda *at: again.append(at))
    assert (paths, again) == ([library.path for library in libraries], [])
    assert compile_many([]) == load_many([]) == []


@needs_compiler
def test_compilers_run_side_by_side(tmp_path: Path, monkeypatch):
    """Each of the two compilers waits until the other has begun; alone it would fail."""
    body = (
        f"touch {tmp_path}/$$.begun\n"
        f'for n in $(seq 600); do set -- "$@"; [ $(ls {tmp_path} | grep -c begun) -ge 2 ]'
        f' && exec {REAL} "$@"; sleep 0.05; done; exit 1\n'
    )
    monkeypatch.setattr(crew, "cores", lambda: 2)
    with config.change(cc=script(tmp_path / "cc", body)):
        assert len(compile_many([TWICE, TWICE + "\n"])) == 2


@needs_compiler
def test_no_more_compilers_than_cores(tmp_path: Path, monkeypatch):
    body = (
        f"mkdir {tmp_path}/at-work || exit 1\n"
        f'{REAL} "$@"; status=$?; rmdir {tmp_path}/at-work; exit $status\n'
    )
    monkeypatch.setattr(crew, "cores", lambda: 1)
    with config.change(cc=script(tmp_path / "cc", body)):
        assert len(compile_many([TWICE + "\n" * n for n in range(4)])) == 4


@needs_compiler
def test_a_second_process_needs_no_compiler_call(monkeypatch):
    compiler, path = find_compiler(), compile_c(TWICE)
    new_process(monkeypatch)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process is started")

    monkeypatch.setattr(subprocess, "run", refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert compile_c(TWICE) == path
    assert load_c(TWICE).function("twice", "int(*)(int)")(21) == 42
    assert find_compiler() == compiler


def test_the_version_is_asked_once(tmp_path: Path):
    log = tmp_path / "log"
    path = tmp_path / "cc"
    path.write_text(f"#!/bin/sh\necho asked >> {log}\necho fake 2.0\n")
    path.chmod(0o755)
    with config.change(cc=str(path)):
        assert find_compiler().name == find_compiler().name == "fake 2.0"
    assert log.read_text().split() == ["asked"]


@needs_compiler
def test_sources_that_are_wrong_say_so():
    source = "double f(double x) { return x + undeclared_thing; }\n"
    with pytest.raises(CompilerError, match="failed with exit status 1") as info:
        compile_c(source)
    text = str(info.value)
    assert "undeclared_thing" in text
    assert "error:" in text
    assert "-ffp-contract=off" in text
    assert "-ffast-math" not in text
    assert len(text.splitlines()) <= 20
    kept = re.search(r"kept as (\S+)", text)
    assert kept is not None
    assert Path(kept[1]).read_text() == source
    assert leftovers() == []
    with pytest.raises(CompilerError, match="undeclared_thing"):
        compile_c(source)


@needs_compiler
def test_one_wrong_source_of_many():
    sources = [f"int f(void) {{ return {n}; }}\n" for n in range(5)]
    with pytest.raises(CompilerError, match="nonsense"):
        compile_many([*sources[:2], "nonsense", *sources[2:]])
    assert leftovers() == []
    assert len(compile_many(sources)) == 5


def test_messages_are_english_and_fit_to_be_read(tmp_path: Path):
    body = (
        'printf "kernel.c: error: lang=$LC_ALL \\033[31mr\\351d\\033[0m\\n" >&2\n'
        "for n in $(seq 500); do echo line $n with much text; done\nexit 7\n"
    )
    with (
        config.change(cc=script(tmp_path / "cc", body)),
        pytest.raises(CompilerError, match="exit status 7") as info,
    ):
        compile_c(TWICE)
    text = str(info.value)
    assert "error: lang=C" in text
    assert "\033" not in text
    assert len(text.splitlines()) <= 20
    assert all(len(line) < 500 for line in text.splitlines())


def test_headers_that_are_missing_name_what_installs_them(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(crew, "install_command", lambda: "apt-get install gcc libc6-dev")
    body = 'echo "kernel.c:1:10: fatal error: math.h: No such file or directory" >&2; exit 1\n'
    with (
        config.change(cc=script(tmp_path / "cc", body)),
        pytest.raises(CompilerError, match=r"try: +apt-get install gcc libc6-dev"),
    ):
        compile_c(TWICE)


def test_a_compiler_that_writes_nothing(tmp_path: Path):
    with (
        config.change(cc=script(tmp_path / "cc", "exit 0\n")),
        pytest.raises(CompilerError, match="wrote no library"),
    ):
        compile_c(TWICE)


def test_a_compiler_that_is_killed(tmp_path: Path):
    with (
        config.change(cc=script(tmp_path / "cc", "kill -9 $$\n")),
        pytest.raises(CompilerError, match="ended by signal 9"),
    ):
        compile_c(TWICE)


def test_a_compiler_that_writes_rubbish(tmp_path: Path):
    """The checksum is right, so only the loader can say no."""
    with (
        config.change(cc=script(tmp_path / "cc", "echo rubbish > kernel.so\n")),
        pytest.raises(CompilerError, match="cannot be loaded") as info,
    ):
        load_c(TWICE)
    assert "noexec" in str(info.value)


def is_running(process: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        status = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status not in {"Z", "X"}


def all_end(processes: list[int]) -> bool:
    """Whether all have ended, soon: those that a signal ends need not do so at once."""
    for _ in range(400):
        if not any(map(is_running, processes)):
            return True
        threading.Event().wait(0.05)
    return False


def wait_for(path: Path) -> str:
    """The text of a file, once it is there and has a full line."""
    for _ in range(1200):
        if path.exists() and path.read_text().endswith("\n"):
            return path.read_text()
        threading.Event().wait(0.05)
    raise AssertionError(f"{path} never came")


linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@linux
def test_a_compiler_that_hangs_is_ended_with_its_children(tmp_path: Path):
    body = f"sleep 1000 &\necho $$ $! > {tmp_path}/pids\nsleep 1000\n"
    with (
        config.change(cc=script(tmp_path / "cc", body), cc_timeout=1),
        pytest.raises(CompilerError, match=r"ended after 1 s(.|\n)*kept as(.|\n)*cc_timeout"),
    ):
        compile_c(TWICE)
    assert all_end([*map(int, (tmp_path / "pids").read_text().split())])
    assert leftovers() == []


@linux
def test_a_compiler_that_closes_its_output_and_hangs(tmp_path: Path):
    body = f"echo $$ > {tmp_path}/pids\nexec >&- 2>&-\nsleep 1000\n"
    with (
        config.change(cc=script(tmp_path / "cc", body), cc_timeout=1),
        pytest.raises(CompilerError, match="ended after 1 s"),
    ):
        compile_c(TWICE)
    assert all_end([int((tmp_path / "pids").read_text())])


BUILD = (
    "import sys, threading; from arignote.execute.toolchain import compile_many\n"
    f"sources = [{TWICE!r} + chr(10) * n for n in range(6)]\n"
)


def hanging(tmp_path: Path, code: str) -> subprocess.Popen[str]:
    """A Python that runs `code` with a compiler that never ends."""
    compiler = script(tmp_path / "cc", f"echo $$ > {tmp_path}/pid.$$\nsleep 1000 & wait\n")
    flags = f"cc={compiler},cache_dir={config.cache_dir}"
    return subprocess.Popen(
        [sys.executable, "-c", BUILD + code],
        env={**os.environ, "ARIGNOTE_FLAGS": flags},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def first_compiler(tmp_path: Path) -> None:
    for _ in range(1200):
        if any(path.read_text().endswith("\n") for path in tmp_path.glob("pid.*")):
            return
        threading.Event().wait(0.05)
    raise AssertionError("no compiler started")


def compilers(tmp_path: Path) -> list[int]:
    return [int(path.read_text() or 0) for path in tmp_path.glob("pid.*")]


@linux
def test_an_interrupt_ends_the_compilers(tmp_path: Path):
    with hanging(tmp_path, "compile_many(sources)") as process:
        first_compiler(tmp_path)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert said.splitlines()[-1] == "KeyboardInterrupt"
    assert all_end(compilers(tmp_path))
    assert leftovers() == []


@linux
def test_the_end_of_python_ends_compilers_of_threads(tmp_path: Path):
    code = (
        "threading.Thread(target=compile_many, args=(sources,), daemon=True).start()\n"
        "sys.stdin.readline()\n"
    )
    with hanging(tmp_path, code) as process:
        first_compiler(tmp_path)
        process.communicate("\n")
    assert process.returncode == 0
    assert all_end(compilers(tmp_path))


@linux
def test_the_end_of_a_fork_leaves_its_parents_compilers_alone(tmp_path: Path):
    code = (
        "import os\n"
        "thread = threading.Thread(target=compile_many, args=(sources,), daemon=True)\n"
        "thread.start()\n"
        "sys.stdin.readline()\n"
        "if (child := os.fork()) == 0: sys.exit()\n"
        "os.waitpid(child, 0)\n"
        f"open({str(tmp_path / 'forked')!r}, 'w').write('done\\n')\n"
        "sys.stdin.readline()\n"
    )
    with hanging(tmp_path, code) as process:
        first_compiler(tmp_path)
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        wait_for(tmp_path / "forked")
        assert all(map(is_running, compilers(tmp_path)))
        process.communicate("\n")
    assert all_end(compilers(tmp_path))


@needs_compiler
def test_a_compiler_that_vanishes(tmp_path: Path, monkeypatch):
    path = Path(script(tmp_path / "bin" / "cc", f'exec {REAL} "$@"\n'))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    compile_c(TWICE)
    path.unlink()
    compile_c(TWICE)  # the cache needs none
    with pytest.raises(CompilerMissingError, match="is gone") as info:
        compile_c(TWICE + "\n")
    assert str(path) in str(info.value)
    assert leftovers() == []
    assert compile_c(TWICE + "\n").exists(), "another one is found"


def test_without_a_compiler_the_error_has_the_command(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    for tool, command in (
        ("xcode-select", "xcode-select --install"),
        ("apk", "apk add gcc"),
        ("apt-get", "apt-get install gcc"),
    ):
        script(tmp_path / tool, "")
        with pytest.raises(CompilerMissingError, match=f"no C compiler(.|\n)*{command}"):
            compile_c(TWICE)


def test_who_is_asked_by_name_is_never_replaced(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for name in ("gcc", "clang"):
        script(tmp_path / "bin" / name, "", version=name)
    assert find_compiler().name == "gcc"
    monkeypatch.setenv("CC", "clang -m64")
    assert find_compiler().name == "clang"
    assert find_compiler().command == (str(tmp_path / "bin" / "clang"), "-m64")
    with config.change(cc="gcc"):
        assert find_compiler().name == "gcc"
    for wrong in ("nope", "gcc 'unbalanced", str(tmp_path)):
        with config.change(cc=wrong), pytest.raises(CompilerMissingError, match=r"config\.cc"):
            find_compiler()
    monkeypatch.setenv("CC", "nope")
    with pytest.raises(CompilerMissingError, match="CC=nope in the environment"):
        find_compiler()
    monkeypatch.setenv("CC", "")
    script(tmp_path / "bin" / "cc", "", version="cc")
    monkeypatch.setattr(compiler_module, "_found", {})
    assert find_compiler().name == "cc"


def test_what_does_not_answer_is_passed_over(tmp_path: Path, monkeypatch):
    """As /usr/bin/cc on a Mac without its tools."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "cc").write_text("#!/bin/sh\necho no tools here >&2\nexit 69\n")
    (tmp_path / "cc").chmod(0o755)
    script(tmp_path / "gcc", "", version="gcc 99")
    assert find_compiler().name == "gcc 99"
    with config.change(cc="cc"), pytest.raises(CompilerMissingError, match="69 no tools here"):
        find_compiler()


def test_the_key_knows_source_flags_version_and_processor(tmp_path: Path, monkeypatch):
    """Model and feature list count; clock rates and the order of the list do not."""
    info = tmp_path / "cpuinfo"
    monkeypatch.setattr(compiler_module, "CPUINFO", info)

    def key(
        flags: str, mhz: str = "1", source: str = TWICE, version: str = "1", *options: str
    ) -> str:
        second = "\n\nprocessor\t: 1\nflags\t: other\n"
        info.write_text(f"processor\t: 0\nflags\t\t: {flags}\ncpu MHz\t: {mhz}{second}")
        cpu_features.cache_clear()
        return Compiler(("/bin/cc",), version).key(source, options)

    plain = key("sse avx")
    assert key("avx sse", mhz="2") == plain
    others = [
        key("sse avx avx512f"),
        key("sse avx", source=TWICE + " "),
        key("sse avx", version="2"),
        key("sse avx", "1", TWICE, "1", "-O3"),
        Compiler(("/bin/cc", "-m32"), "1").key(TWICE, ()),
    ]
    monkeypatch.setattr(compiler_module, "FLAGS", (*compiler_module.FLAGS, "-O2"))
    others.append(key("sse avx"))
    monkeypatch.setattr(compiler_module, "CPUINFO", tmp_path / "none")
    cpu_features.cache_clear()
    others.append(Compiler(("/bin/cc",), "1").key(TWICE, ()))
    assert len({plain, *others}) == len(others) + 1


@needs_compiler
def test_a_new_version_compiles_anew(tmp_path: Path, monkeypatch):
    paths = []
    for version in ("fake 1", "fake 2"):
        new_process(monkeypatch)
        with config.change(cc=script(tmp_path / "cc", f'exec {REAL} "$@"\n', version)):
            paths.append(compile_c(TWICE))
    assert paths[0] != paths[1]


@needs_compiler
def test_options_reach_the_compiler():
    source = "int f(void) { return ANSWER; }\n"
    got = [load_c(source, [f"-DANSWER={n}"]).function("f", "int(*)(void)")() for n in (1, 2)]
    assert got == [1, 2]


@needs_compiler
def test_what_is_loaded_stays_when_the_cache_is_cleared():
    library = load_c(TWICE)
    twice = library.function("twice", "int(*)(int)")
    cache = KernelCache(kernels())
    assert cache.clear() == 1
    assert not library.path.exists()
    assert twice(21) == 42
    assert load_c(TWICE) is library
    assert compile_c(TWICE) == library.path
    assert load(library.path) is library


@needs_compiler
def test_a_library_that_goes_before_it_is_loaded_is_compiled_again(monkeypatch):
    seen = []

    def late(path: Path) -> Library:
        seen.append(path)
        path.unlink()
        return attempt(path)

    monkeypatch.setattr(toolchain, "attempt", late)
    assert load_c(TWICE).function("twice", "int(*)(int)")(4) == 8
    assert [path.exists() for path in seen] == [True]


@needs_compiler
def test_a_truncated_library_is_compiled_again():
    path = compile_c(TWICE)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert load_c(TWICE).function("twice", "int(*)(int)")(4) == 8
    assert path.read_bytes() == whole


@needs_compiler
def test_a_disk_that_fills_while_compiling(tmp_path: Path):
    body = (
        f'case "$PWD" in {shlex.quote(config.cache_dir)}/*)\n'
        'echo "ld: final link failed: No space left on device" >&2; exit 1;; esac\n'
        f'exec {REAL} "$@"\n'
    )
    with (
        config.change(cc=script(tmp_path / "cc", body)),
        pytest.warns(UserWarning, match="cannot be written .No space") as said,
    ):
        libraries = load_many([TWICE + "\n" * n for n in range(4)])
    assert len(said) == 1
    assert [lib.function("twice", "int(*)(int)")(4) for lib in libraries] == [8] * 4
    assert leftovers() == []


def test_no_room_anywhere_is_an_error(tmp_path: Path):
    body = 'echo "ld: final link failed: No space left on device" >&2; exit 1\n'
    with (
        config.change(cc=script(tmp_path / "cc", body)),
        pytest.warns(UserWarning, match="cannot be written"),
        pytest.raises(CompilerError, match="no place to write compiled kernels: No space"),
    ):
        compile_c(TWICE)


@needs_compiler
def test_a_cache_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with (
        config.change(cache_dir=tmp_path / "file" / "x"),
        pytest.warns(UserWarning, match="cannot be written") as said,
    ):
        libraries = load_many([TWICE, TWICE + "\n"])
    assert len(said) == 1
    assert [lib.function("twice", "int(*)(int)")(4) for lib in libraries] == [8, 8]


CROWD = """
import os, sys
from arignote.execute.toolchain import load_many
ready, go = os.pipe()
children = []
for _ in range(20):
    if (child := os.fork()) == 0:
        os.close(go)
        os.read(ready, 1)
        sources = [f"int f(void) {{ return {n}; }}" for n in range(3)]
        got = [library.function("f", "int(*)(void)")() for library in load_many(sources)]
        os._exit(0 if got == [0, 1, 2] else 3)
    children.append(child)
os.close(go)
print(*[os.waitpid(child, 0)[1] for child in children])
"""


@needs_compiler
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_twenty_processes_compile_once(tmp_path: Path):
    compiler = script(tmp_path / "cc", f'echo $$ >> {tmp_path}/log\nexec {REAL} "$@"\n')
    env = {**os.environ, "ARIGNOTE_FLAGS": f"cc={compiler},cache_dir={config.cache_dir}"}
    done = subprocess.run(
        [sys.executable, "-c", CROWD], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0"] * 20, done.stderr
    assert len((tmp_path / "log").read_text().split()) == 3
    assert leftovers() == []


@needs_compiler
def test_threads_compile_once(tmp_path: Path):
    compiler = script(tmp_path / "cc", f'echo $$ >> {tmp_path}/log\nexec {REAL} "$@"\n')
    results = []
    with config.change(cc=compiler):
        find_compiler()
        threads = [
            threading.Thread(target=lambda: results.append(compile_c(TWICE))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(results) == 8
    assert len(set(results)) == 1
    assert len((tmp_path / "log").read_text().split()) == 1


def test_importing_is_light():
    code = (
        "import sys, arignote.execute.toolchain, arignote.doctor\n"
        "print({'hashlib', 'tempfile', 'cffi', '_cffi_backend', 'importlib.metadata'}"
        " & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
