"""The timeline of `passes` in a real browser: on a page of its own, and in a real JupyterLab.

Oracle: what Python says of the same steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Frame, Page

from arignote.viz import passes
from arignote.viz.timeline.rewriting import Passes
from browser.lab import Lab, Report, open_file, open_notebook, run_all, write_notebook
from rewrite.test_replay import mlp

STRIP = ".ari-tl-strip"
CELLS = [
    "%load_ext arignote",
    """import numpy as np, arignote as ari, arignote.tensor as T
ari.config.floatX = "float32"
x, y = T.fmatrix("x"), T.ivector("y")
w = ari.shared(np.ones((8, 4), "float32"), "w")
loss = -T.mean(T.log(T.nnet.softmax(x @ w))[T.arange(y.shape[0]), y])
loss.name = "loss"
step = ari.function([x, y], loss, updates=[(w, w - 0.1 * T.grad(loss, w))], name="step")""",
    "ari.viz.passes(step)",
]


@pytest.fixture(scope="module")
def found() -> Passes:
    return passes(mlp()[0])


@pytest.fixture
def page(browser: Browser, found: Passes, tmp_path: Path) -> Iterator[Page]:
    """The saved timeline; errors on the page and any request fail the test."""
    path = found.save(tmp_path / "passes.html")
    with open_file(browser, path, ".ari-timeline[data-ready]", 1180, 700) as opened:
        yield opened


def place(page: Page | Frame) -> int:
    return int(page.locator(".ari-timeline").get_attribute("data-at") or -1)


def texts(page: Page | Frame, pane: int = 0) -> str:
    return page.locator(".ari-drawn").nth(pane).text_content() or ""


def attributes(page: Page, name: str) -> list[Any]:
    return page.locator(".ari-explorer").evaluate_all(f"all => all.map(e => e.dataset.{name})")


def test_each_step_shows_its_rule_and_expressions(page: Page, found: Passes):
    for number, step in enumerate(found.steps, 1):
        page.evaluate(f"ariView.goTo({number})")
        card = page.locator(".ari-tl-card")
        assert card.locator("b").first.text_content() == step.rule
        assert card.locator(".ari-tl-went").first.text_content() == step.before.split("\n")[0]
        assert place(page) == number
        current = page.locator(".ari-tl-side [data-current] span")
        assert current.text_content() == step.rule


def test_keys_and_buttons_move_along(page: Page, found: Passes):
    page.locator(STRIP).focus()
    assert place(page) == 1
    for key, want in [("ArrowRight", 2), ("ArrowLeft", 1), ("Home", 0), ("End", len(found) + 1)]:
        page.keyboard.press(key)
        assert place(page) == want
    for move, want in [("back", len(found)), ("first", 0), ("on", 1), ("last", len(found) + 1)]:
        page.locator(f"[data-move={move}]").click()
        assert place(page) == want


def test_the_strip_is_dragged(page: Page, found: Passes):
    box = page.locator(STRIP).bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 2, middle)
    page.mouse.down()
    assert place(page) == 0
    page.mouse.move(box["x"] + box["width"] - 2, middle)
    page.mouse.up()
    assert place(page) == len(found) + 1


def test_play_goes_on_and_stops_at_the_end(page: Page, found: Passes):
    page.evaluate(f"ariView.goTo({len(found) - 1})")
    page.locator("[data-move=play]").click()
    page.wait_for_function(f"ariView.place === {len(found) + 1}", timeout=10_000)
    page.wait_for_selector("[data-move=play][aria-pressed=false]")


def test_a_click_on_a_rule_goes_to_its_next_firing(page: Page, found: Passes):
    rule = next(rule for rule, count in found.counts.items() if count > 1)
    places = [number for number, step in enumerate(found.steps, 1) if step.rule == rule]
    page.evaluate("ariView.goTo(0)")
    for want in [*places, places[0]]:
        page.locator(".ari-tl-side button", has_text=rule).first.click()
        assert place(page) == want


def test_what_came_and_went_is_drawn_in_its_colours(page: Page, found: Passes):
    rules = [step.rule for step in found.steps]
    page.evaluate(f"ariView.goTo({rules.index('log_of_softmax') + 1})")
    fills = page.locator(".ari-drawn rect").evaluate_all(
        "all => all.map(e => e.getAttribute('fill'))"
    )
    assert {"#d6f5dd", "#ffe1df"} <= set(fills)
    assert "LogSoftmax" in texts(page)
    assert "log" in texts(page)


def test_side_by_side_follows_hover_and_choice(page: Page, found: Passes):
    rules = [step.rule for step in found.steps]
    page.evaluate(f"ariView.goTo({rules.index('log_of_softmax') + 1})")
    page.locator("[data-split]").click()
    assert page.locator(".ari-explorer").count() == 2
    assert "LogSoftmax" not in texts(page, 0)
    assert "LogSoftmax" in texts(page, 1)
    box = page.locator(".ari-tl-pane").nth(0).get_by_text("second", exact=True).first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 3, box["y"] + 3)
    lit = page.locator(".ari-above").evaluate_all(
        "all => all.map(e => e.querySelectorAll('path').length)"
    )
    assert lit[0] == lit[1] > 0
    page.mouse.down()
    page.mouse.up()
    chosen = attributes(page, "selected")
    assert all(one is not None for one in chosen)
    shown = page.locator(".ari-tl-pane").evaluate_all("all => all.length")
    assert shown == 2


def test_only_the_neighbourhood_is_shown_until_all_is_asked_for(page: Page):
    shown, whole = (
        page.locator(".ari-timeline").get_attribute(f"data-{name}") for name in ("shown", "all")
    )
    assert int(shown or 0) < int(whole or 0)
    page.locator("[data-levels='']").click()
    assert int(attributes(page, "total")[0]) == int(whole or 0)
    page.keyboard.press("w")
    assert int(attributes(page, "total")[0]) < int(whole or 0)


@pytest.mark.parametrize("dark", [False, True])
def test_screenshots(browser: Browser, found: Passes, tmp_path: Path, pictures: Path, dark: bool):
    path = found.save(tmp_path / "passes.html")
    scheme = "dark" if dark else "light"
    with browser.new_context(viewport={"width": 1180, "height": 700}, color_scheme=scheme) as made:
        opened = made.new_page()
        opened.goto(path.as_uri())
        opened.wait_for_selector(f".ari-timeline[data-theme={scheme}]")
        pictures.mkdir(parents=True, exist_ok=True)
        opened.screenshot(path=pictures / f"timeline_{scheme}.png")


def test_in_jupyterlab(browser: Browser, lab: Lab, pictures: Path):
    report = Report()
    write_notebook(lab.folder, "timeline.ipynb", CELLS)
    with open_notebook(browser, lab, "timeline.ipynb", report) as page:
        run_all(page, report)
        handle = page.wait_for_selector("iframe.ari-frame")
        frame = handle.content_frame() if handle else None
        assert frame is not None
        frame.wait_for_selector(".ari-timeline[data-ready]")
        frame.locator(STRIP).focus()
        page.keyboard.press("ArrowRight")
        assert place(frame) == 2
        assert "cell In[2], line 5" in (frame.locator(".ari-tl-line").text_content() or "")
        handle.scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        pictures.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=pictures / "timeline_in_lab.png")
    assert report.errors == report.outside_requests == report.page_errors == []
