"""What `import arignote` does, and what it leaves alone. Each test asks a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from package.tree import ROOT

HEAVY = [
    "IPython",
    "ipykernel",
    "ipywidgets",
    "anywidget",
    "traitlets",
    "cupy",
    "matplotlib",
    "scipy",
    "graphviz",
    "sklearn",
    "pandas",
    "mpmath",
]
IMPORT_LIMIT_S = 0.060  # what importing may cost beyond NumPy
NUMPY_S = 0.100  # what importing NumPy costs where that limit was set


def fresh(code: str, **environment: str) -> str:
    """What an interpreter of its own prints for the code, run from the repository's root."""
    command = [sys.executable, "-W", "error", "-c", code]
    env = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("name", ["arignote", "arignote.viz", "arignote.tensor"])
def test_import_loads_nothing_heavy(name: str):
    code = f"import sys, {name}; print(*[m for m in {HEAVY} if m in sys.modules])"
    assert fresh(code) == ""


def test_import_prints_nothing_and_starts_no_thread():
    assert fresh("import threading, arignote; print(threading.active_count())") == "1"


def test_import_leaves_numpy_as_it_was():
    code = "import numpy as np; a = np.geterr(); import arignote; print(a == np.geterr())"
    assert fresh(code) == "True"


@pytest.mark.parametrize("name", ["engine", "viz", "kernel_ext"])
def test_folder_names_cannot_be_imported(name: str):
    """From elsewhere than the root; there Python itself puts the folder on the path."""
    code = (
        "import importlib.util, sys\n"
        f"sys.path = [p for p in sys.path if p not in ('', {str(ROOT)!r})]\n"
        "import arignote, arignote.viz, arignote.kernel_ext\n"
        f"print({name!r} in sys.modules, importlib.util.find_spec({name!r}))"
    )
    assert fresh(code) == "False None"


def test_this_run_has_a_single_copy():
    """A second copy of a class under another name makes isinstance lie."""
    firsts = {name.split(".")[0] for name in sys.modules}
    assert firsts & {"engine", "viz", "kernel_ext"} == set()


def test_import_cost_over_numpy(tmp_path: Path):
    """The quickest of several fresh interpreters keeps the limit; the measure is NumPy's import.

    A busy machine slows both imports alike, so the limit grows with what NumPy takes. Only this
    thread's time counts: those of NumPy's BLAS spin for a while. Byte code is kept, as pip leaves
    it, also where PYTHONDONTWRITEBYTECODE is set.
    """
    code = (
        "from time import thread_time as clock; a = clock(); import numpy; b = clock(); "
        "import arignote; print(b - a, clock() - b)"
    )
    variables = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path)}
    fresh(code, **variables)  # writes the byte code
    seen = []
    for _ in range(12):
        numpy_s, arignote_s = map(float, fresh(code, **variables).split())
        seen.append(f"{arignote_s:.3f} s (NumPy: {numpy_s:.3f} s)")
        if arignote_s <= IMPORT_LIMIT_S * max(1, numpy_s / NUMPY_S):
            return
    pytest.fail(f"limit {IMPORT_LIMIT_S} s where NumPy takes {NUMPY_S} s; seen: {seen}")
