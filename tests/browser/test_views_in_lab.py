"""Every other view in the real JupyterLab: profiles, tables, sources, errors and formulas.

Oracle: what the kernel says of the same things.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Frame, Locator, Page

from browser.lab import (
    NOTEBOOK_JSON,
    Browser,
    Lab,
    Report,
    cell_at,
    frame_in,
    in_kernel,
    open_notebook,
    run_all,
    set_theme,
    without_progress,
)
from notebooks.showcase import FAILING, VIEWS, notebook_of

PLACES = {name: place for place, name in enumerate(VIEWS)}
QUIET = ("setup", "model", "train")
TABLES = ("compile", "gradcheck", "config", "values", "shared")
Json = dict[str, Any]


@pytest.fixture(scope="module")
def page(browser: Browser, lab: Lab, pictures: Path) -> Iterator[Page]:
    """The notebook after all of its cells ran; errors and requests to outside fail the tests."""
    nbformat.write(notebook_of(VIEWS, FAILING), lab.folder / "views.ipynb")
    report = Report()
    pictures.mkdir(parents=True, exist_ok=True)
    with open_notebook(browser, lab, "views.ipynb", report) as opened:
        opened.set_default_timeout(30_000)
        run_all(opened, report)
        assert report.errors == report.not_run == report.stderr == []
        yield opened
    assert report.outside_requests == report.page_errors == []


@pytest.fixture(scope="module")
def cells(page: Page) -> dict[str, list[Json]]:
    """The outputs by the names of the cells."""
    saved = json.loads(page.evaluate(NOTEBOOK_JSON))["cells"]
    return {name: without_progress(saved[place]["outputs"]) for name, place in PLACES.items()}


def shown(page: Page, name: str) -> Locator:
    """A cell, in sight."""
    cell = cell_at(page, PLACES[name])
    cell.evaluate("one => one.scrollIntoView()")
    return cell


def framed(page: Page, name: str) -> Frame:
    """The page within the output of a cell, in sight."""
    shown(page, name)
    return frame_in(page, PLACES[name])


def test_every_cell_shows_something(page: Page, cells: dict[str, list[Json]]):
    for name, outputs in cells.items():
        if name in QUIET:
            continue
        assert outputs, name
        assert all(len(json.dumps(output)) < 220_000 for output in outputs), name
        size = shown(page, name).locator(".jp-OutputArea-output").last.bounding_box()
        assert size is not None
        assert size["height"] > 15, name


# ---- the profile --------------------------------------------------------------------------------


@pytest.fixture
def profile(page: Page) -> Frame:
    """The page of the profile, at its table."""
    frame = framed(page, "profile")
    frame.locator(".ari-profile[data-ready]").wait_for()
    frame.click("[data-tab=table]")
    return frame


def test_the_rows_of_a_profile(page: Page, profile: Frame, pictures: Path):
    for by in ("line", "kernel", "op"):
        profile.select_option("[data-choice=by]", by)
        if profile.locator("[data-more]").count():
            profile.click("[data-more]")
        rows = profile.locator(".ari-pf-body tbody tr")
        assert rows.count() == in_kernel(page, "", f"len(_profile.rows({by!r}))")
    profile.click("th[data-column=calls]")
    assert profile.locator("th[data-column=calls]").get_attribute("aria-sort") == "descending"
    calls = profile.locator(".ari-pf-body tbody tr td:nth-child(3)").all_inner_texts()
    assert [int(text) for text in calls if text] == in_kernel(
        page, "", "[row.calls for row in _profile.rows('op', 'calls') if row.calls]"
    )
    profile.click("th[data-column=time]")
    page.screenshot(path=pictures / "views_profile_table.png")


def test_the_icicle_of_a_profile(page: Page, profile: Frame, pictures: Path):
    profile.click("[data-tab=icicle]")
    boxes = profile.locator(".ari-pf-icicle > div")
    boxes.first.wait_for()
    all_boxes = boxes.count()
    profile.locator(".ari-pf-icicle [data-kind=function]").first.click()
    assert boxes.first.inner_text().startswith("train")
    assert boxes.count() <= all_boxes
    page.screenshot(path=pictures / "views_profile_icicle.png")
    boxes.first.focus()
    page.keyboard.press("Escape")
    assert boxes.count() == all_boxes


def test_memory_and_heat_of_a_profile(page: Page, profile: Frame, pictures: Path):
    profile.click("[data-tab=memory]")
    peak = in_kernel(page, "", "_profile.memory.peak_step")
    assert f"step {peak + 1} of " in profile.locator(".ari-pf-alive").inner_text()
    profile.locator(".ari-pf-plot").hover(position={"x": 3, "y": 30})
    assert "step 1 of " in profile.locator(".ari-pf-alive").inner_text()
    page.screenshot(path=pictures / "views_profile_memory.png")
    profile.click("[data-tab=graph]")
    profile.locator(".ari-explorer[data-ready-ms]").wait_for()
    assert "time" in profile.locator(".ari-heat").inner_text()
    page.screenshot(path=pictures / "views_profile_graph.png")
    profile.click("[data-tab=table]")


# ---- pictures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["memory", "watch", "svg"])
def test_pictures(page: Page, name: str):
    output = shown(page, name)
    picture = output.locator("img.ari-image").first
    size, room = picture.bounding_box(), output.bounding_box()
    assert size is not None
    assert room is not None
    assert min(size["width"], size["height"]) > 100
    assert size["x"] + size["width"] <= room["x"] + room["width"]
    # One that is broken has no natural width.
    assert picture.evaluate("one => one.naturalWidth") > 100


def test_the_panel_of_a_watch_is_gone_once_its_picture_is_there(page: Page):
    assert shown(page, "watch").locator(".ari-monitor").count() == 0


def test_the_timeline(page: Page):
    frame = framed(page, "passes")
    frame.locator(".ari-timeline[data-ready]").wait_for()
    frame.locator(".ari-tl-strip").focus()
    page.keyboard.press("ArrowRight")
    place = int(frame.locator(".ari-timeline").get_attribute("data-at") or -1)
    rule = in_kernel(page, "", f"viz.passes(train).steps[{place - 1}].rule")
    assert frame.locator(".ari-tl-card b").first.text_content() == rule


# ---- tables and sources -------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLES)
def test_tables(page: Page, name: str):
    table = shown(page, name).locator("table.ari-grid").first
    assert table.is_visible()
    assert table.locator("tbody tr").count() >= 1


def test_a_table_is_sorted_by_a_click(page: Page):
    grid = shown(page, "values").locator("table.ari-grid").first
    titles = grid.locator("th").all_inner_texts()
    column = next(n for n, title in enumerate(titles) if title.startswith("value"))
    before = grid.locator(f"tbody td:nth-child({column + 1})").all_inner_texts()
    assert len(before) == in_kernel(page, "", "len(values.stats)")
    grid.locator("th").nth(column).click()
    after = grid.locator(f"tbody td:nth-child({column + 1})").all_inner_texts()
    assert sorted(after) == sorted(before)
    assert after != before
    grid.locator("th").nth(column).click()
    turned = grid.locator(f"tbody td:nth-child({column + 1})").all_inner_texts()
    assert [text for text in turned if text] == [text for text in reversed(after) if text]


def test_values_stand_on_the_graph(page: Page):
    frame = framed(page, "valued")
    frame.locator(".ari-explorer[data-ready-ms]").wait_for()
    place, mean = in_kernel(
        page,
        "from arignote.viz.explorer.explorer import node_of",
        "(node_of(viz.explore(values).view, net.h), float(values[net.h].mean()))",
    )
    frame.evaluate(f"ariView.focus({place})")
    panel = frame.locator(".ari-detail")
    assert "(200, 30)" in panel.inner_text()
    told = panel.locator("tr", has_text="mean").locator("td").last.inner_text()
    assert float(told.replace("−", "-")) == pytest.approx(mean, rel=0.01)


def test_the_source_is_coloured(page: Page):
    cell = shown(page, "ccode")
    code = cell.locator("pre").last
    told = in_kernel(page, "from arignote.viz.output.code import source", "source(train, 'h').text")
    assert code.inner_text().split() == told.split()
    ink = "all => new Set(all.map(one => getComputedStyle(one).color)).size"
    assert code.locator("span").evaluate_all(ink) >= 3


def test_a_formula_is_set(page: Page):
    cell = shown(page, "formula")
    cell.locator(".ari-formula mjx-container").wait_for()
    assert cell.locator(".ari-formula").inner_text().count("$") == 0


# ---- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAILING)
def test_a_nan_is_shown_at_its_node_once(
    page: Page, cells: dict[str, list[Json]], pictures: Path, name: str
):
    texts = [output["data"]["text/plain"] for output in cells[name] if "data" in output]
    assert len([text for text in texts if text.startswith("<Explorer")]) == 1
    assert cells[name][-1]["output_type"] == "error"
    frame = framed(page, name)
    frame.locator(".ari-explorer[data-ready-ms]").wait_for()
    chosen = frame.locator(".ari-explorer").get_attribute("data-selected")
    item = frame.locator(f'[data-item="n{chosen}"]')
    # The badge of an alarm stands on it, on no other.
    assert "log" in (item.text_content() or "")
    assert frame.locator("[data-item] circle").count() == item.locator("circle").count() == 1
    alarm = frame.locator(".ari-detail .ari-alarm")
    assert alarm.inner_text().startswith("NaN in log.")
    line = frame.locator(".ari-detail").inner_text()
    assert "T.log(a - 1)" in line
    text = shown(page, name).locator(".jp-RenderedText").last.inner_text()
    assert "NanError" in text
    assert "T.log(a - 1)" in text
    assert "site-packages" not in text
    page.screenshot(path=pictures / f"views_{name}.png")


# ---- what a person sees -------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "width"), [("dark", 1400), ("light", 900)])
def test_views_follow_the_theme(page: Page, pictures: Path, name: str, width: int):
    wide = page.viewport_size
    assert wide is not None
    page.set_viewport_size({"width": width, "height": 1000})
    set_theme(page, dark=name == "dark")
    for one in PLACES:
        if one in QUIET:
            continue
        cell = shown(page, one)
        if cell.locator("iframe.ari-frame").count():
            root = frame_in(page, PLACES[one]).locator("[data-theme]").first
            root.wait_for()
            frame_in(page, PLACES[one]).locator(f"[data-theme={name}]").first.wait_for()
        page.wait_for_timeout(100)
        page.screenshot(path=pictures / f"views_{one}_{name}_{width}.png")
    page.set_viewport_size(wide)
