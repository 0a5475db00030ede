"""Every tutorial runs from top to bottom, and what is saved of it is fit to be published.

nbval passes cells that end in a UsageError, so each notebook is run by nbclient as well.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
EXPECTED = [
    "00_start",
    "01_symbolic_expressions",
    "02_logistic_regression",
    "03_what_the_compiler_does",
    "04_seeing_graphs",
    "05_finding_the_nan",
]
RUN_LIMIT_S = 30
SIZE_LIMIT = 1_000_000
# The tag of cells that end in an error to show it; nbclient and nbval go on after them.
RAISES = "raises-exception"
STDERR_FAULTS = re.compile(r"UsageError|Warning\b|Traceback")
# The one thing that a machine without a C compiler is told, with the line that it is told at.
NO_COMPILER = re.compile(r".*UserWarning: functions run with NumPy, .*\n(  .*\n?)?")
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(home|root|work|Users|tmp|opt|var)/\w|[A-Z]:\\+Users")

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The code cells that hold code."""
    return [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]


def faults(notebook: nbformat.NotebookNode, allowed: re.Pattern[str] | None = None) -> list[str]:
    """What should not be among a notebook's outputs.

    These are errors, complaints on stderr other than the allowed one, and cells without the error
    that they are there for.
    """
    found = []
    for cell in code_cells(notebook):
        errors = [output for output in cell.outputs if output.output_type == "error"]
        if RAISES not in cell.metadata.get("tags", []):
            found += [f"{error.ename}: {error.evalue}\n{cell.source}" for error in errors]
        elif not errors:
            found.append(f"no error\n{cell.source}")
        for output in cell.outputs:
            if output.get("name") == "stderr":
                text = output.text if allowed is None else allowed.sub("", output.text)
                if STDERR_FAULTS.search(text):
                    found.append(f"{text}\n{cell.source}")
    return found


def texts(notebook: nbformat.NotebookNode) -> list[str]:
    """Sources and textual outputs (not the base64 of pictures)."""
    found = [cell.source for cell in notebook.cells]
    for output in (output for cell in code_cells(notebook) for output in cell.outputs):
        found.append(str(output.get("text", "")))
        data = output.get("data", {})
        found += [str(value) for kind, value in data.items() if kind not in PICTURES]
    return found


PICTURES = {"image/png", "image/jpeg"}


def test_the_tutorials_are_there():
    assert {path.stem for path in NOTEBOOKS} >= set(EXPECTED)


@every_notebook
def test_runs_from_top_to_bottom(path: Path):
    notebook = nbformat.read(path, as_version=4)
    start = time.monotonic()
    NotebookClient(
        notebook,
        timeout=60,
        kernel_name="python3",
        resources={"metadata": {"path": str(FOLDER)}},
    ).execute()
    took = time.monotonic() - start
    assert faults(notebook, allowed=NO_COMPILER) == []
    assert took < RUN_LIMIT_S


@every_notebook
def test_outputs_are_saved(path: Path):
    notebook = nbformat.read(path, as_version=4)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert any(cell.outputs for cell in cells)
    assert faults(notebook) == []


@every_notebook
def test_shows_a_graph_without_a_kernel(path: Path):
    outputs = [o for cell in code_cells(nbformat.read(path, 4)) for o in cell.outputs]
    assert any("image/svg+xml" in output.get("data", {}) for output in outputs)


@every_notebook
def test_is_small(path: Path):
    assert path.stat().st_size < SIZE_LIMIT


@every_notebook
def test_names_no_path_of_a_machine(path: Path):
    hits = [m.group() for t in texts(nbformat.read(path, 4)) for m in MACHINE_PATH.finditer(t)]
    assert hits == []


@every_notebook
def test_stores_no_widget_state(path: Path):
    assert "widgets" not in nbformat.read(path, as_version=4).metadata


@every_notebook
def test_is_valid_and_names_the_common_kernel(path: Path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
