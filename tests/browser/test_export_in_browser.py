"""An exported notebook without a network, and a notebook that JupyterLab does not trust."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Page, Route

import arignote.tensor as T
from arignote import function, profiling, viz
from browser.lab import Browser, Lab, Report, cell_at, open_file, open_notebook
from notebooks.showcase import EXPLORERS, FAILING, VIEWS, executed

# A live explorer needs a kernel; without it is shown as others are.
CELLS = VIEWS | {f"{name} ": source for name, source in EXPLORERS.items() if name != "setup"}
PLACES = {name: place for place, name in enumerate(CELLS)}
ROOTS = ".ari-explorer[data-ready-ms], .ari-profile[data-ready], .ari-timeline[data-ready]"
STILL = '<details class="ari-static"'
STATIC = ".ari-static img"
# No script of such a page runs; its scripting is on all the same.
NO_SCRIPTS = """<meta http-equiv="Content-Security-Policy" content="script-src 'none'">"""
PICTURES = """all => all.map(one => [one.naturalWidth, one.naturalHeight])"""


@pytest.fixture(scope="module")
def notebook() -> nbformat.NotebookNode:
    return executed(CELLS, FAILING)


@pytest.fixture
def offline(browser: Browser, request: pytest.FixtureRequest) -> Iterator[tuple[Page, list[str]]]:
    """A page that gets nothing but files, and what it asked for."""
    asked: list[str] = []
    scripted = getattr(request, "param", True)

    def refuse(route: Route) -> None:
        if route.request.url.startswith(("file:", "data:", "blob:", "about:")):
            route.continue_()
        else:
            asked.append(route.request.url)
            route.abort()

    with browser.new_context(
        viewport={"width": 1200, "height": 900}, java_script_enabled=scripted
    ) as context:
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
    # The frames are there, so the pictures in their place are not, nor will they come.
    marked = page.locator("iframe.ari-frame[data-shown]").count()
    assert marked >= page.locator(".ari-frame ~ .ari-static").count() > 3
    assert page.locator(".ari-frame:not([data-shown]) ~ .ari-static").count() == 0
    assert page.locator(f"{STATIC}:visible").count() == 0
    sizes = page.locator("img[src^='data:image/svg']:visible").evaluate_all(PICTURES)
    assert all(min(size) > 50 for size in sizes)
    grids = page.locator("table.ari-grid")
    assert grids.count() >= 5
    assert all(grids.nth(k).locator("tbody tr").count() for k in range(grids.count()))
    pictures.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=pictures / "export.png")
    assert set(asked) | set(errors) <= without


@pytest.mark.parametrize("offline", [False], indirect=True)
def test_an_export_without_scripts_shows_the_static_pictures(
    notebook: nbformat.NotebookNode,
    offline: tuple[Page, list[str]],
    tmp_path: Path,
    pictures: Path,
):
    page, _ = offline
    page.goto(exported(notebook, tmp_path / "full.html"))
    assert_still(page)
    # Frames without a picture stay, and say why they are empty.
    alone = page.locator("iframe.ari-frame:visible")
    for place in range(alone.count()):
        inside = alone.nth(place).element_handle().content_frame()
        assert inside is not None
        assert inside.locator("#ari-root").inner_text() == "This view needs JavaScript."
    pictures.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=pictures / "export_without_scripts.png")


def test_static_pictures_come_where_a_host_forbids_scripts(
    notebook: nbformat.NotebookNode, offline: tuple[Page, list[str]], tmp_path: Path
):
    page, _ = offline
    path, forbidding = tmp_path / "full.html", tmp_path / "forbidding.html"
    address = exported(notebook, path)
    text = path.read_text("utf-8").replace("<head>", f"<head>{NO_SCRIPTS}", 1)
    forbidding.write_text(text, "utf-8")
    page.goto(forbidding.as_uri())
    assert page.locator(STATIC).count() > 3
    for place in range(page.locator(STATIC).count()):
        page.locator(STATIC).nth(place).wait_for(state="visible", timeout=20_000)
    # A page within one that forbids it scripts has none at all.
    shell = tmp_path / "shell.html"
    shell.write_text(f'<iframe sandbox width="1100" height="800" src="{address}"></iframe>')
    page.goto(shell.as_uri())
    inside = page.locator("iframe").element_handle().content_frame()
    assert inside is not None
    inside.locator(STATIC).first.wait_for(state="visible", timeout=20_000)
    assert inside.locator(f"{STATIC}:visible").count() == inside.locator(STATIC).count()


def assert_still(page: Page) -> None:
    """All static pictures are seen, drawn and no wider than their place; their frames are gone."""
    images = page.locator(STATIC)
    assert images.count() > 3
    for place in range(images.count()):
        image = images.nth(place)
        image.scroll_into_view_if_needed()
        size = image.bounding_box()
        assert size is not None
        assert min(size["width"], size["height"]) > 20
        assert size["x"] + size["width"] <= 1200
    assert page.locator(".ari-frame:visible:has(~ .ari-static)").count() == 0


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
        for name in ("memory", "watch", "svg"):
            image = cell_at(page, PLACES[name]).locator(".jp-RenderedHTMLCommon img")
            image.scroll_into_view_if_needed()
            size = image.bounding_box()
            assert size is not None
            assert min(size["width"], size["height"]) > 100, name
            room = cell_at(page, PLACES[name]).locator(".jp-OutputArea-output").first
            outer = room.bounding_box()
            assert outer is not None
            assert size["width"] <= outer["width"], name
        for name in ("values", "config"):
            assert cell_at(page, PLACES[name]).locator("table.ari-grid tbody tr").count() > 5
        pictures.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=pictures / "untrusted.png")
        cell_at(page, PLACES["profile"]).scroll_into_view_if_needed()
        page.screenshot(path=pictures / "untrusted_profile.png")
    assert report.outside_requests == report.page_errors == []


@pytest.mark.parametrize(
    ("dark", "light"),
    [
        ('body.dataset.jpThemeLight = "false"', 'body.dataset.jpThemeLight = "true"'),
        ('body.className = "vscode-dark"', 'body.className = "vscode-light"'),
        (
            'documentElement.setAttribute("theme", "dark")',
            'documentElement.removeAttribute("theme")',
        ),
    ],
    ids=["JupyterLab", "VS Code", "Colab"],
)
def test_a_frame_is_told_the_theme(browser: Browser, tmp_path: Path, dark: str, light: str):
    """Playwright's pages prefer light colours whatever their frames' styles say."""
    x = T.dvector("x")
    with profiling() as report:
        f = function([x], T.log(1 + T.exp(x)), name="f")
        f([0.0])
    views = [viz.explore(f), viz.passes(f), viz.profile(report)]
    shown = [view._repr_mimebundle_()["text/html"] for view in views]
    path = tmp_path / "frames.html"
    path.write_text(f"<!doctype html><body>{''.join(shown)}</body>")
    with open_file(browser, path, ".ari-frame[data-shown] >> nth=2", 1000, 800) as page:
        for state, theme in ((dark, "dark"), (light, "light"), (dark, "dark")):
            page.evaluate(f"document.{state}")
            for one in page.locator(".ari-frame").element_handles():
                frame = one.content_frame()
                assert frame is not None
                frame.wait_for_selector(f"[data-theme={theme}]")
                assert frame.locator("[data-theme]").count() == len(
                    frame.query_selector_all(f"[data-theme={theme}]")
                )
