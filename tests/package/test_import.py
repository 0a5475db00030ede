"""What `import arignote` does, and what it leaves alone. Each test asks a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys

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


def test_pictures_are_loaded_when_they_are_asked_for():
    code = (
        "import sys, arignote; before = 'arignote.viz' in sys.modules; "
        "print(before, 'viz' in dir(arignote), arignote.viz.explore.__name__)"
    )
    assert fresh(code) == "False True explore"


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


def test_import_costs_less_than_that_of_numpy():
    """Its 60 ms where NumPy takes 100, in function calls; `make bench` measures the time."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r}); from counting import calls; "
        "print(*(calls(lambda: __import__(name)) for name in ('numpy', 'arignote')))"
    )
    numpy, arignote = map(int, fresh(code).split())
    assert arignote < 0.6 * numpy
