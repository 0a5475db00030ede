"""What is left of the displays when a notebook is exported as HTML, and what all of them weigh.

Oracles: nbformat, an HTML parser, sizes in bytes.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import nbformat
import numpy as np
import pytest
from nbconvert import HTMLExporter

from arignote import Function, function, grad, inspect_values, profiling, shared, viz
from arignote import tensor as T
from arignote.viz.output.code import Language, source
from arignote.viz.explorer.summary import summary
from notebooks.showcase import EXPLORERS, FAILING, VIEWS, executed

MAX_BYTES = 200_000
ADDRESS = re.compile(r"""(?:src|href|url|action|data)\s*[=(]\s*["']?\s*(?:https?:)?//[\w.-]+""")


@pytest.fixture(scope="module", params=["explorers", "views"])
def notebook(request: pytest.FixtureRequest) -> tuple[list[str], nbformat.NotebookNode]:
    """The names of the cells, and the notebook after nbclient ran it."""
    cells = EXPLORERS if request.param == "explorers" else VIEWS
    return list(cells), executed(cells, FAILING)


def displays(notebook: nbformat.NotebookNode) -> list[dict[str, str]]:
    return [output.data for cell in notebook.cells for output in cell.outputs if "data" in output]


def test_every_output_is_small(notebook):
    names, made = notebook
    for name, cell in zip(names, made.cells, strict=True):
        for output in cell.outputs:
            size = sum(len(str(text).encode()) for text in output.get("data", {}).values())
            assert size <= MAX_BYTES, name


def test_every_display_has_a_text(notebook):
    _, made = notebook
    for data in displays(made):
        assert data["text/plain"].strip() or data["text/html"] == ""
        assert not re.match(r"<\S+ object at 0x", data["text/plain"])


def test_no_output_names_an_address(notebook):
    """Links of SVG's name spaces are no addresses; scripts are looked at in the browser."""
    _, made = notebook
    for data in displays(made):
        for text in data.values():
            assert ADDRESS.findall(str(text)) == []


class Frames(HTMLParser):
    """The frames of a page and the pictures beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[dict[str, str | None]] = []
        self.pictures: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "iframe":
            self.frames.append(dict(attrs))
        if tag == "img":
            self.pictures.append(dict(attrs).get("src") or "")


def test_exported_html_holds_frames_and_pictures(notebook):
    _, made = notebook
    text, _ = HTMLExporter().from_notebook_node(made)
    page = Frames()
    page.feed(text)
    wanted = sum("<iframe" in data.get("text/html", "") for data in displays(made))
    assert len(page.frames) == wanted > 0
    for frame in page.frames:
        assert set((frame["sandbox"] or "").split()) == {"allow-scripts", "allow-downloads"}
        assert (frame["srcdoc"] or "").startswith("<!doctype html>")
    held = [picture for picture in page.pictures if picture.startswith("data:image/svg+xml")]
    assert len(held) >= sum(
        "<iframe" in data.get("text/html", "") and "image/svg+xml" in data
        for data in displays(made)
    )


# ---- large things -------------------------------------------------------------------------------

LAYERS = 150
ROWS = np.full((4, 8), 0.1)


@pytest.fixture(scope="module")
def trained() -> Function:
    """A function of some thousand nodes."""
    x = y = T.dmatrix("x")
    weights = [shared(np.full((8, 8), 0.1), f"W{n}") for n in range(LAYERS)]
    for weight in weights:
        y = T.tanh(y @ weight + 0.01)
    cost = T.square(y).mean()
    updates = {w: w - 0.1 * g for w, g in zip(weights, grad(cost, weights), strict=True)}
    return function([x], cost, updates=updates, name="trained", mode="FAST_COMPILE")


def profiled(f: Function) -> Any:
    with profiling() as report:
        f(ROWS)
    return viz.profile(report)


def watched(f: Function) -> Any:
    with viz.watch(max_steps=3) as seen:
        for _ in range(4):
            f(ROWS)
    return seen


LARGE = {
    "function": lambda f: f,
    "explorer": viz.explore,
    "summary": summary,
    "passes": viz.passes,
    "memory": lambda f: f.memory(ROWS),
    "source": lambda f: source(f, language=Language.NUMPY),
    "profile": profiled,
    "watch": watched,
    "values": lambda f: inspect_values(f.outputs, {f.inputs[0]: ROWS}),
    "list": lambda f: viz.view(f.outputs),
}


@pytest.mark.parametrize("name", LARGE)
def test_displays_of_large_things_are_small(trained: Function, name: str):
    bundle = LARGE[name](trained)._repr_mimebundle_()
    assert bundle["text/plain"].strip()
    assert sum(len(text.encode()) for text in bundle.values()) <= MAX_BYTES
