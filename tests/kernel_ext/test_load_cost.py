"""What `%load_ext arignote` costs beyond IPython, in function calls; `make bench` measures time."""

from __future__ import annotations

from pathlib import Path

from package.test_import import fresh
from package.tree import ROOT

CODE = f"""import sys
sys.path.insert(0, {str(ROOT / "tests")!r})
from counting import calls

def start():
    global shell
    from IPython.core.interactiveshell import InteractiveShell
    shell = InteractiveShell.instance()

print(calls(start), calls(lambda: shell.run_line_magic("load_ext", "arignote")))"""


def test_loading_costs_little(tmp_path: Path):
    """Its 0.3 s, NumPy's import and all, where IPython takes 0.17 s, in function calls."""
    told, counts = fresh(CODE, IPYTHONDIR=str(tmp_path)).splitlines()
    assert told.startswith("arignote ")
    ipython, load = map(int, counts.split())
    assert load < 1.7 * ipython
