"""The extension in a real kernel, as JupyterLab and nbclient run it."""

from __future__ import annotations

import os
import re

import nbformat
import pytest
from nbclient import NotebookClient

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
TRAIN = """gW, gb = digits.grad("loss", [W, b])
train = digits.compile("loss", updates={W: W - 0.5 * gW, b: b - 0.5 * gb})
import numpy as np
float(train(np.eye(64, dtype="float32")[:10], np.arange(10, dtype="int32")))"""
PROGRESS = """from arignote.compile import progress
progress.DELAY_S = 0
with progress.progress_line() as report:
    report(3, 8)
    from IPython.display import display
    display(progress._display._handle is not None)
    report(8, 8)"""
CELLS = [
    "%load_ext arignote",
    "",  # the example of the manual
    TRAIN,
    "%%graph wrong\n\n# words\nx: fmatrix\ny = x +\n",
    "%%graph wrong\n\n# words\nx: fmatrix\ny = 1 / 0\nz = 3",
    "%%graph wrong\nx: fmatrx\n",
    "%%graph wrong --view pie\nx: fmatrix",
    "digits.loss.source.where",
    "%reload_ext arignote",
    "%graph loss\n%debugprint error --depth 2",
    PROGRESS,
]


@pytest.fixture(scope="module")
def cells(tmp_path_factory, digits_cell) -> list:
    """The cells after one kernel ran them all."""
    folder = tmp_path_factory.mktemp("jupyter")
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in [CELLS[0], digits_cell, *CELLS[2:]]]
    )
    monkeypatch = pytest.MonkeyPatch()
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(folder))
    client = NotebookClient(
        notebook, timeout=60, kernel_name="python3", allow_errors=True,
        resources={"metadata": {"path": os.fspath(folder)}},
    )  # fmt: skip
    client.execute()
    monkeypatch.undo()
    return notebook.cells


def outputs(cell, kind: str) -> list:
    return [output for output in cell.outputs if output.output_type == kind]


def error_text(cell) -> str:
    (error,) = outputs(cell, "error")
    return COLOURS.sub("", "\n".join(error.traceback))


def test_the_example(cells):
    assert cells[0].outputs[0].text.startswith("arignote ")
    (shown,) = outputs(cells[1], "display_data")
    assert set(shown.data) == {"text/plain", "text/html", "image/svg+xml"}
    (value,) = outputs(cells[2], "execute_result")
    assert float(value.data["text/plain"]) == pytest.approx(2.302585, rel=1e-5)


def test_errors_name_the_line(cells):
    plain = [error_text(cell) for cell in cells[3:6]]
    assert "Cell In[4], line 5" in plain[0]
    assert "SyntaxError" in plain[0]
    assert "Cell In[5], line 5" in plain[1]
    assert "ZeroDivisionError" in plain[1]
    assert "Cell In[6], line 2" in plain[2]
    assert "cell In[6], line 2" in plain[2]
    for text in plain:
        assert len(text.splitlines()) <= 20
        assert "/tmp" not in text
        assert "ipykernel" not in text
        assert "run_cell_magic" not in text


def test_bad_arguments(cells):
    (said,) = outputs(cells[6], "stream")
    assert said.name == "stderr"
    assert said.text.startswith("UsageError: argument --view: invalid choice: 'pie'")
    assert len(said.text.splitlines()) == 1


def test_lines_and_reload(cells):
    assert cells[7].outputs[0].data["text/plain"] == "'cell In[2], line 7'"
    assert len(outputs(cells[8], "error")) == 0
    assert len(outputs(cells[9], "display_data")) == 1
    assert len(outputs(cells[9], "stream")) == 1


def test_progress_ends_with_what_was_done(cells):
    """An output can't be taken out again; an empty one would leave a gap."""
    progress, shown = outputs(cells[10], "display_data")
    assert progress.data == {"text/plain": "compiled C: 8 of 8 files, 0.0 s"}
    assert shown.data["text/plain"] == "True"
    assert outputs(cells[10], "stream") == outputs(cells[10], "error") == []
