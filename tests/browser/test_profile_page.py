"""The page of a profile in a real browser; oracle: what Python says of the same report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from arignote import function, grad, profiling, shared, viz
from arignote import tensor as T
from arignote.compile.report import ProfileReport
from arignote.viz.drawing.glyphs import shorten_end
from browser.lab import Lab, Report, open_file, open_notebook, run_all, write_notebook

CELLS = [
    "%load_ext arignote",
    """import numpy as np, arignote as ari, arignote.tensor as T
x = T.dmatrix("x")
w = ari.shared(np.full((200, 100), 0.01), "w")
h = T.tanh(x @ w)
h.name = "h"
loss = T.square(h).sum()
train = ari.function([x], loss, updates={w: w - 0.1 * ari.grad(loss, w)}, name="train")
data = np.ones((500, 200))""",
    "%%profile\nfor _ in range(50):\n    train(data)",
    "%memory train data",
]


@pytest.fixture(scope="module")
def report() -> ProfileReport:
    x = T.dmatrix("x")
    w, v = shared(np.full((200, 100), 0.01), "w"), shared(np.full((100, 50), 0.01), "v")
    h = T.tanh(x @ w)
    h.name = "h"
    loss = T.square(T.tanh(h @ v)).sum()
    with profiling() as report:
        updates = {p: p - 0.1 * g for p, g in zip([w, v], grad(loss, [w, v]), strict=True)}
        train = function([x], loss, updates=updates, name="train")
        for _ in range(20):
            train(np.ones((300, 200)))
    return report


@pytest.fixture(params=["light", "dark"])
def page(
    request: pytest.FixtureRequest, browser: Browser, report: ProfileReport, tmp_path: Path
) -> Iterator[Page]:
    """The saved page; errors on it and any request fail the test."""
    path = viz.profile(report, theme=request.param).save(tmp_path / "profile.html")
    with open_file(browser, path, ".ari-profile[data-ready]", 1000, 620) as opened:
        yield opened


def names(page: Page) -> list[str]:
    return page.locator(".ari-pf-body tbody td.ari-pf-name").all_text_contents()


@pytest.mark.parametrize("by", ["line", "kernel", "op", "function"])
def test_the_table_has_the_rows_of_the_report(page: Page, report: ProfileReport, by: str):
    page.select_option("[data-choice=by]", by)
    if page.locator("[data-more]").count():
        page.click("[data-more]")
    assert names(page) == [shorten_end(row.name, 70) for row in report.rows(by)]
    page.click("th[data-column=calls]")
    wanted = [row.calls for row in report.rows(by, "calls") if row.calls]
    shown = page.locator(".ari-pf-body tbody tr td:nth-child(3)").all_text_contents()
    assert [int(text) for text in shown if text] == wanted
    page.click("th[data-column=name]")
    page.click("th[data-column=time]")
    assert names(page) == [shorten_end(row.name, 70) for row in report.rows(by)]


def test_the_icicle_zooms_and_says_more(page: Page, pictures: Path):
    page.click("[data-tab=icicle]")
    boxes = page.locator(".ari-pf-icicle > div")
    assert boxes.first.text_content().startswith("block")
    page.locator(".ari-pf-icicle [data-kind=function]").first.hover()
    assert "of the block" in page.locator(".ari-pf-tip").text_content()
    page.screenshot(path=pictures / "profile_icicle.png")
    page.locator(".ari-pf-icicle [data-kind=function]").first.click()
    assert boxes.first.text_content().startswith("train")
    page.keyboard.press("Escape")
    boxes.first.focus()
    page.keyboard.press("Escape")
    assert boxes.first.text_content().startswith("block")


def test_memory_tells_what_is_alive_where_the_pointer_is(
    page: Page, report: ProfileReport, pictures: Path
):
    page.click("[data-tab=memory]")
    plan = report.memory
    assert plan is not None
    alive = page.locator(".ari-pf-alive")
    assert f"step {plan.peak_step + 1} of {len(plan.steps)}, the peak" in alive.text_content()
    first = alive.locator("tr").first.text_content()
    assert plan.alive_at_peak[0].name in first
    box = page.locator(".ari-pf-plot").bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 20)
    assert f"step 1 of {len(plan.steps)}" in alive.text_content()
    page.screenshot(path=pictures / "profile_memory.png")


def test_the_graph_is_coloured(page: Page, pictures: Path):
    page.click("[data-tab=graph]")
    page.wait_for_selector(".ari-explorer[data-ready], .ari-explorer .ari-heat")
    assert "time" in page.locator(".ari-heat").text_content()
    page.screenshot(path=pictures / "profile_graph.png")
    page.click("[data-tab=table]")
    assert page.locator(".ari-explorer").count() == 0


def test_in_jupyterlab(lab: Lab, browser: Browser, pictures: Path):
    write_notebook(lab.folder, "profile.ipynb", CELLS)
    report = Report()
    with open_notebook(browser, lab, "profile.ipynb", report) as notebook:
        run_all(notebook, report)
        shown = notebook.frame_locator("iframe.ari-frame").first
        shown.locator(".ari-profile[data-ready]").wait_for()
        assert "train: checks" in (shown.locator(".ari-pf-body").text_content() or "")
        notebook.screenshot(path=pictures / "profile_lab.png")
    assert report.errors == report.outside_requests == report.page_errors == []
