"""An exported notebook without a network, and a notebook that JupyterLab does not trust."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Page, Route

from browser.lab import Browser, Lab, Report, cell_at, open_notebook
from notebooks.showcase import EXPLORERS, FAILING, VIEWS, executed

# A live explorer needs a kernel; it is told by its text there.
CELLS = VIEWS | {f"{name} ": source for name, source in EXPLORERS.items() if name != "setup"}
PLACES = {name: place for place, name in enumerate(CELLS)}
ROOTS = ".ari-explorer[data-ready-ms], .ari-profile[data-ready], .ari-timeline[data-ready]"
STILL = '<details class="ari-static"'
PICTURES = """all => all.map(one => [one.naturalWidth, one.naturalHeight])"""


@pytest.fixture(scope="module")
def notebook() -> nbformat.NotebookNode:
    return executed(CELLS, FAILING)


@pytest.fixture
def offline(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A page that gets nothing but files, and what it asked for."""
    asked: list[str] = []

    def refuse(route: Route) -> None:
        if route.request.url.startswith(("file:", "data:", "blob:", "about:")):
            route.continue_()
        else:
            asked.append(route.request.url)
            route.abort()

    with browser.new_context(viewport={"width": 1200, "height": 900}) as context:
        page = context.new_page()
        page.route("**/*", refuse)
        yield page, asked


def exported(notebook: nbformat.NotebookNode, path: Path) -> str:
    """The address of a notebook as `jupyter nbconvert --to html` writes it."""
    text, _ = HTMLExporter().from_notebook_node(notebook)
    path.write_text(text, encoding="utf-8")
    return path.as_uri()


def test_an_export_is_complete_without_a_network(
    notebook: nbformat.NotebookNode,
    offline: tuple[Page, list[str]],
    tmp_path: Path,
    pictures: Path,
):
    page, asked = offline
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    # nbconvert's own page asks for scripts, and misses them; with our outputs it does no more.
    page.goto(exported(nbformat.v4.new_notebook(), tmp_path / "empty.html"))
    without = set(asked) | set(errors)
    errors.clear()
    asked.clear()
    page.goto(exported(notebook, tmp_path / "full.html"))
    frames = page.locator("iframe.ari-frame")
    texts = [
        str(output.data) for cell in notebook.cells for output in cell.outputs if "data" in output
    ]
    assert frames.count() == sum("<iframe" in text for text in texts) > 5
    for place in range(frames.count()):
        inside = frames.nth(place).element_handle().content_frame()
        assert inside is not None
        inside.wait_for_selector(ROOTS, timeout=15_000)
        root = inside.locator(".ari-explorer")
        if root.count():
            assert int(root.first.get_attribute("data-nodes") or 0) > 1
            assert inside.locator("[data-item]").count() > 1
    # The frames are there, so the pictures in their place are not.
    assert page.locator(".ari-static img:visible").count() == 0
    sizes = page.locator("img[src^='data:image/svg']:visible").evaluate_all(PICTURES)
    assert all(min(size) > 50 for size in sizes)
    grids = page.locator("table.ari-grid")
    assert grids.count() >= 5
    assert all(grids.nth(k).locator("tbody tr").count() for k in range(grids.count()))
    pictures.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=pictures / "export.png")
    assert set(asked) | set(errors) <= without


def test_an_untrusted_notebook_shows_the_static_pictures(
    notebook: nbformat.NotebookNode, browser: Browser, lab: Lab, pictures: Path
):
    """JupyterLab takes frames and scripts out of what it has not seen run."""
    nbformat.write(notebook, lab.folder / "untrusted.ipynb")
    report = Report()
    with open_notebook(browser, lab, "untrusted.ipynb", report) as page:
        assert page.locator("iframe.ari-frame").count() == 0
        shown = [
            name
            for name, cell in zip(CELLS, notebook.cells, strict=True)
            if any(STILL in str(output.get("data", "")) for output in cell.outputs)
        ]
        assert {"profile", "valued", "guarded", "formula", "heat "} <= set(shown)
        for name in shown:
            picture = cell_at(page, PLACES[name]).locator("img").first
            picture.scroll_into_view_if_needed()
            size = picture.evaluate("one => [one.naturalWidth, one.naturalHeight]")
            assert min(size) > 50, name
            assert picture.is_visible(), name
        for name in ("values", "config"):
            assert cell_at(page, PLACES[name]).locator("table.ari-grid tbody tr").count() > 5
        pictures.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=pictures / "untrusted.png")
        cell_at(page, PLACES["profile"]).scroll_into_view_if_needed()
        page.screenshot(path=pictures / "untrusted_profile.png")
    assert report.outside_requests == report.page_errors == []
