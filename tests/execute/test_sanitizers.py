"""Kernels and runtime under the address and undefined-behaviour sanitizers: no report.

A Python of its own gets a compiler with `-fsanitize=...`; ASan wants to be loaded first.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from arignote.config import config
from arignote.errors import CompilerError
from arignote.execute.compiler import find_compiler

TESTS = Path(__file__).parents[1]
FLAGS = "-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=all -g"


@pytest.fixture(scope="module")
def sanitizer():
    """The compiler's command, and the library to load first."""
    try:
        command = find_compiler().command
    except CompilerError:
        pytest.skip("no C compiler")
    found = {}
    for name in ("libasan.so", "libubsan.so"):
        asked = [*command, f"-print-file-name={name}"]
        path = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        if not os.path.isabs(path):
            pytest.skip(f"{command[0]} has no {name}")
        found[name] = path
    return " ".join(command), found["libasan.so"]


def run(sanitizer, what):
    command, library = sanitizer
    environment = {
        **os.environ,
        "LD_PRELOAD": library,
        # Python keeps much until its end.
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0:exitcode=66",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
        "PYTHONMALLOC": "malloc",
        "ARIGNOTE_FLAGS": f"cache_dir={config.cache_dir}",
    }
    return subprocess.run(
        [sys.executable, "-m", "execute.sanitized", f"{command} {FLAGS}", str(what)],
        capture_output=True, text=True, env=environment, cwd=TESTS, timeout=110, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("first", [400])
def test_no_report(sanitizer, first):
    done = run(sanitizer, first)
    assert "Sanitizer" not in done.stderr, done.stderr[-6000:]
    assert "runtime error" not in done.stderr, done.stderr[-6000:]
    assert done.returncode == 0, done.stderr[-6000:]
    assert done.stdout.splitlines()[-1] == "done"


def test_a_report_is_seen(sanitizer):
    done = run(sanitizer, "broken")
    assert "heap-buffer-overflow" in done.stderr
    assert done.returncode == 66
