"""Without a C compiler, or with one that fails: NumPy, said once; an error, where C was asked for.

Each case is a Python of its own, started by its path, with a PATH that leads nowhere.
"""

import os
import subprocess
import sys

import pytest

WORK = """
import warnings
import numpy as np
from arignote import config, errors, function, grad, shared
from arignote import tensor as T

x, i, w = T.dmatrix("x"), T.lvector("i"), shared(np.ones((3, 2)), "w")

def work():
    loss = -T.log(T.nnet.softmax(x @ w))[T.arange(x.shape[0]), i].mean()
    f = function([x, i], [loss, T.tanh(x).sum(0)], updates={w: w - 0.1 * grad(loss, w)})
    value = np.linspace(-1, 1, 12).reshape(4, 3)
    for _ in range(3):
        found, columns = f(value, np.array([0, 1, 1, 0]))
    np.testing.assert_allclose(columns, np.tanh(value).sum(0), rtol=1e-13)
    y = T.dvector("y")
    g = function([y], [T.sort(y), y.max(), T.exp(y)[::-1]])
    g(np.ones(3)), g(np.ones(5))
    try:
        f(value, np.array([0, 1, 1, 7]))
    except IndexError:
        pass
    else:
        raise AssertionError
    print(f.linker, g.linker, f"{found:.12f}")
"""
QUIET = WORK + "work()\n"
NAMED = """
try:
    work()
except errors.CompilerError as error:
    print(type(error).__name__)
    print(error)
"""


def run(script, tmp_path, **environment):
    """What a new interpreter prints, and its warnings, in lines."""
    (tmp_path / "empty").mkdir(exist_ok=True)
    kept = {k: v for k, v in os.environ.items() if k in ("PYTHONPATH", "LD_LIBRARY_PATH", "HOME")}
    kept |= {"PATH": str(tmp_path / "empty"), "ARIGNOTE_FLAGS": f"cache_dir={tmp_path / 'cache'}"}
    kept |= environment
    path = tmp_path / "script.py"
    path.write_text(script)
    command = [sys.executable, "-W", "always::UserWarning", str(path)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=kept, cwd=tmp_path, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr.splitlines()


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The same with NumPy by name: the oracle, which says nothing."""
    folder = tmp_path_factory.mktemp("numpy")
    flags = f"linker=numpy,cache_dir={folder / 'cache'}"
    out, err = run(QUIET, folder, ARIGNOTE_FLAGS=flags)
    assert out[0].startswith("numpy numpy ")
    assert not err
    return out


@pytest.mark.parametrize("cc", [None, "no-such-compiler"])
def test_all_runs_with_numpy_and_is_said_once(tmp_path, expected, cc):
    out, err = run(QUIET, tmp_path, **({} if cc is None else {"CC": cc}))
    assert out == expected
    (said,) = [line for line in err if "Warning" in line]
    assert "script.py" in said
    assert "functions run with NumPy, which is slower than C" in said
    assert "For native speed: " in said
    assert len([line for line in err if line and not line.startswith("  ")]) == 1


def test_c_by_name_is_an_error_with_the_command(tmp_path):
    out, err = run(WORK + "config.linker = 'c'\n" + NAMED, tmp_path)
    assert out[0] == "CompilerMissingError"
    assert any("try: " in line and "install" in line for line in out)
    assert len(out) <= 21
    assert not err


@pytest.fixture
def failing(tmp_path):
    path = tmp_path / "cc"
    path.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo "cc 1.0" && exit 0\necho "boom" >&2\nexit 1\n'
    )
    path.chmod(0o755)
    return f"config.cc = {str(path)!r}\n"


def test_a_compiler_that_fails_gives_way_to_numpy(tmp_path, expected, failing):
    out, err = run(WORK + failing + "work()\n", tmp_path)
    assert out == expected
    (said,) = [line for line in err if "Warning" in line]
    assert "functions run with NumPy" in said


def test_a_compiler_that_fails_is_an_error_for_c(tmp_path, failing):
    out, err = run(WORK + failing + "config.linker = 'c'\n" + NAMED, tmp_path)
    assert out[0] == "CompilerError"
    assert any("boom" in line for line in out)
    assert not err


def test_modes_that_need_no_compiler_say_nothing(tmp_path, expected):
    script = WORK + "config.mode = 'FAST_COMPILE'\nwork()\n"
    out, err = run(script, tmp_path)
    assert out[0].split()[:2] == ["numpy", "numpy"]
    assert not err
