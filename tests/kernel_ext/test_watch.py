"""`%%watch`. Oracle: the same loop with the plain function."""

from __future__ import annotations

import os

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from arignote.kernel_ext.watch_magics import ACTIONS

SETUP = """import numpy as np
import arignote.tensor as T
from arignote import function, grad, shared
x, w = T.dscalar("x"), shared(1.0, "w")
loss = (w * x - 3.0) ** 2
loss.name = "loss"
train = function([x], loss, updates={w: w - 0.1 * grad(loss, w)})
"""
LOOP = """values = []
for step in range(100):
    values.append(float(train(1.0)))
"""
SICK_LOOP = """w.set_value(1.0)
for step in range(8):
    train(float("nan") if step == 5 else 1.0)
"""


@pytest.fixture
def made(shell):
    shell.good(SETUP)
    return shell


def expected(count: int) -> list[float]:
    w, found = 1.0, []
    for _ in range(count):
        found.append((w - 3.0) ** 2)
        w -= 0.2 * (w - 3.0)
    return found


def test_a_plain_loop(made):
    outcome = made.good(f"%%watch --every 3\n{LOOP}")
    assert outcome.result is None
    seen = made.names["_watch"]
    assert seen.steps == 100
    loss = seen.history["loss"]["mean"]
    np.testing.assert_allclose(loss.values, np.array(expected(100))[loss.steps], rtol=1e-9)
    np.testing.assert_allclose(made.names["values"], expected(100), rtol=1e-9)
    assert set(loss.steps) == set(range(0, 100, 3))


def test_max_steps_ends_the_cell_without_an_error(made):
    made.good(f"%%watch loss --max-steps 7 --name seen\n{LOOP}")
    assert len(made.names["values"]) == 7
    assert made.names["step"] == 7
    assert made.names["seen"].stopped == "the limit of 7 steps"
    assert list(made.names["seen"].history) == ["loss"]


def test_options(made):
    made.good(f"%%watch loss, w --every 1 --stats max,norm --nan record --hist\n{LOOP}")
    seen = made.names["_watch"]
    assert list(seen.history) == ["loss", "w"]
    assert set(seen.history["loss"]) == {"max", "norm"}
    assert set(seen.histograms) == {"loss", "w"}


def test_the_last_expression_is_the_result(made):
    assert made.good("%%watch\ntrain(1.0)\n6 * 7").result == 42
    assert made.good("%%watch\n%time y = 3\n!true").error is None


def test_errors_name_the_line(made):
    outcome = made.run("%%watch\n\n# a remark\ntrain(1.0)\n1 / 0\n")
    assert isinstance(outcome.error, ZeroDivisionError)
    assert len(outcome.marked) == 1
    assert "line 5" in outcome.stdout
    assert "watch_magics" not in outcome.stdout
    assert made.names["_watch"].steps == 1
    assert "SyntaxError" in made.run("%%watch\nx = = 3").stdout


def test_nan_raises_at_the_line(made):
    outcome = made.run("%%watch --nan raise\nfor k in range(5):\n    train(float('nan'))\n")
    assert "line 3" in outcome.stdout
    assert "NaN" in str(outcome.error)
    assert made.names["k"] == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%%watch --every 0", "--every: 0 is no number of steps"),
        ("%%watch --max-steps -3", "--max-steps"),
        ("%%watch --stats mode", "--stats: no 'mode'; there are min, max"),
        ("%%watch --nan panic", "argument --nan: invalid choice: 'panic'"),
        ("%%watch --evry 3", "unrecognized arguments: --evry"),
    ],
)
def test_bad_arguments_give_one_line(made, line, words):
    assert words in made.usage_error(f"{line}\ntrain(1.0)")


def test_an_unknown_name(made):
    outcome = made.run("%%watch lss\ntrain(1.0)")
    assert "there is no variable lss to watch" in str(outcome.error)


def test_help_and_completion(made):
    assert "--max-steps N" in made.good("%%watch -h").stdout
    assert made.completions("%%watch lo") == ["loss"]
    assert "w" in made.completions("%%watch loss,")
    assert made.completions("%%watch --nan ra") == ["raise"]
    assert "--max-steps" in made.completions("%%watch --m")


@pytest.fixture(scope="module")
def cells(tmp_path_factory) -> list:
    """Cells that a real kernel ran, without a front end."""
    folder = tmp_path_factory.mktemp("jupyter")
    sources = [
        "%load_ext arignote",
        SETUP,
        f"%%watch --every 2 --max-steps 50\n{LOOP}",
        "len(values)",
        *[f"%%watch --nan {nan}\n{SICK_LOOP}" for nan in ACTIONS],
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    notebook.cells[4 + ACTIONS.index("raise")].metadata["tags"] = ["raises-exception"]
    monkeypatch = pytest.MonkeyPatch()
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(folder))
    client = NotebookClient(
        notebook,
        timeout=60,
        kernel_name="python3",
        resources={"metadata": {"path": os.fspath(folder)}},
    )
    client.execute()
    monkeypatch.undo()
    return notebook.cells


def test_a_notebook_without_a_front_end_keeps_a_picture_and_a_text(cells):
    (shown,) = cells[2].outputs
    assert set(shown.data) == {"text/plain", "text/html", "image/svg+xml"}
    assert shown.data["text/plain"].startswith("watch stopped by the limit of 50 steps: 50 steps")
    assert cells[3].outputs[0].data["text/plain"] == "50"
    assert len(nbformat.writes(nbformat.v4.new_notebook(cells=cells[:4]))) < 60_000


@pytest.mark.parametrize("nan", ACTIONS)
def test_a_notebook_is_told_of_nan_once(cells, nan):
    """By the picture, which has it as a text too, or by the error that ends the cell."""
    outputs = cells[4 + ACTIONS.index(nan)].outputs
    shown = next(output for output in outputs if output.output_type == "display_data")
    errors = [output.evalue for output in outputs if output.output_type == "error"]
    said = [output.text for output in outputs if output.output_type == "stream"]
    for form in ("text/plain", "image/svg+xml"):
        told = "\n".join([shown.data[form], *errors, *said])
        assert told.count(" NaN at step 5.") == 1
        assert told.count("NaN in x, given by the caller") == 1
    assert len(errors) == (nan == "raise")
    ends = nan in ("raise", "pause")
    state = "stopped by NaN in loss: 6 steps" if ends else "finished: 8 steps"
    assert shown.data["text/plain"].startswith(f"watch {state}")
