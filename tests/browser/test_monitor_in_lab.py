"""The monitor in the real JupyterLab: drawn live, stopped by its button, kept as a picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page

from browser.lab import (
    KERNEL_IDLE,
    KERNEL_START_MS,
    NOTEBOOK_JSON,
    RUN_ALL,
    Browser,
    Lab,
    Report,
    running_lab,
    stay_inside,
    without_progress,
)

SETUP = """%load_ext arignote
import numpy as np, time
import arignote.tensor as T
from arignote import function, grad, shared
rng = np.random.default_rng(0)
x, y = T.fmatrix("x"), T.fvector("y")
w, b = shared(np.zeros(20, "float32"), "w"), shared(np.float32(0), "b")
loss = ((T.dot(x, w) + b - y) ** 2).mean()
loss.name = "loss"
gw, gb = grad(loss, [w, b])
rate = np.float32(0.01)
train = function([x, y], loss, updates={w: w - rate * gw, b: b - rate * gb})
data = rng.normal(size=(64, 20)).astype("float32")
goal = data.sum(1)"""
LOOP = """%%watch --hist
for step in range(10**7):
    value = train(data, goal)
    time.sleep(0.002)"""
SICK = """%%watch loss
for step in range(10**7):
    value = train(data if step < 50 else data * np.nan, goal)
    time.sleep(0.002)"""
SLEEP = "%%watch\ntrain(data, goal)\ntime.sleep(60)"
AFTER = "print('then', _watch.stopped, _watch.steps > 0)"
# The share of a canvas that something is drawn on.
INK = """selector => {
    const canvas = document.querySelector(selector);
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, place) => place % 4 === 3 && value > 0).length / (data.length / 4);
}"""


@pytest.fixture(scope="module")
def monitor_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on notebooks with a loop of steps, one that meets NaN, and one long step."""
    folder = tmp_path_factory.mktemp("monitor")
    for name, cell in (("loop", LOOP), ("sick", SICK), ("sleep", SLEEP)):
        cells = [nbformat.v4.new_code_cell(source) for source in (SETUP, cell, AFTER)]
        notebook = nbformat.v4.new_notebook(cells=cells)
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, folder / f"{name}.ipynb")
    with running_lab(folder) as server:
        yield server


def opened(browser: Browser, lab: Lab, name: str, report: Report) -> Page:
    """A page whose notebook runs and shows a panel."""
    page = browser.new_page(viewport={"width": 1200, "height": 1000})
    stay_inside(page, report)
    page.on("pageerror", lambda error: report.page_errors.append(str(error)))
    page.goto(f"{lab.url}/lab/tree/{name}.ipynb?reset")
    page.wait_for_function(KERNEL_IDLE, timeout=KERNEL_START_MS)
    page.evaluate(RUN_ALL)
    page.wait_for_selector(".ari-monitor", timeout=KERNEL_START_MS)
    return page


def ended_outputs(page: Page) -> list[list[dict]]:
    """The outputs of all cells once the run is over, long before the minute that one may sleep."""
    page.wait_for_function("window.arignoteRunEnded", timeout=20_000)
    page.wait_for_timeout(500)
    cells = json.loads(page.evaluate(NOTEBOOK_JSON))["cells"]
    return [without_progress(cell["outputs"]) for cell in cells]


def test_a_loop_is_drawn_live_and_stopped(monitor_lab: Lab, browser: Browser, pictures: Path):
    report = Report()
    page = opened(browser, monitor_lab, "loop", report)
    page.wait_for_function("Number(document.querySelector('.ari-monitor').dataset.steps) > 100")
    rows = page.locator(".ari-monitor td.monitor-name").all_inner_texts()
    assert rows == ["w", "b"]
    assert page.inner_text(".ari-monitor .monitor-title") == "loss"
    assert "steps/s" in page.inner_text(".ari-monitor .monitor-facts")
    assert page.evaluate(INK, ".ari-monitor .monitor-chart canvas") > 0.005
    assert page.evaluate(INK, ".ari-monitor .monitor-ratio canvas") > 0.05
    assert page.evaluate(INK, ".ari-monitor .monitor-bars canvas") > 0.05
    said = page.get_attribute(".ari-monitor .monitor-bars canvas", "aria-label")
    assert said is not None
    assert said.startswith("values of w from ")
    # Until the first click the scale follows the curve.
    page.click(".monitor-log input")
    was_log = page.is_checked(".monitor-log input")
    page.click(".monitor-log input")
    assert page.is_checked(".monitor-log input") != was_log
    pictures.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=pictures / "monitor_live.png")
    page.click(".monitor-stop")
    outputs = ended_outputs(page)
    page.screenshot(path=pictures / "monitor_ended.png")
    assert [output["output_type"] for output in outputs[1]] == ["display_data"], outputs[1]
    (shown,) = outputs[1]
    assert set(shown["data"]) == {"text/plain", "text/html", "image/svg+xml"}
    assert "stopped by the stop button" in "".join(shown["data"]["text/plain"])
    assert "then the stop button True" in "".join(outputs[2][0]["text"])
    assert report.outside_requests == report.page_errors == []
    page.close()


def test_nan_is_told_in_the_panel_and_nowhere_else(
    monitor_lab: Lab, browser: Browser, pictures: Path
):
    report = Report()
    page = opened(browser, monitor_lab, "sick", report)
    page.wait_for_function("Number(document.querySelector('.ari-monitor').dataset.steps) > 60")
    told = page.inner_text(".ari-monitor .monitor-problem").splitlines()
    assert told[0] == "loss has one NaN at step 50."
    assert told[1].startswith("NaN in x, given by the caller")
    assert page.locator(".ari-monitor td.monitor-bars:visible").count() == 0
    pictures.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=pictures / "monitor_nan.png")
    page.click(".monitor-stop")
    outputs = ended_outputs(page)
    assert [output["output_type"] for output in outputs[1]] == ["display_data"], outputs[1]
    assert "".join(outputs[1][0]["data"]["text/plain"]).count(told[0]) == 1
    page.close()


def test_a_cell_that_makes_no_steps_is_stopped(monitor_lab: Lab, browser: Browser):
    report = Report()
    page = opened(browser, monitor_lab, "sleep", report)
    page.wait_for_timeout(500)
    page.click(".monitor-stop")
    outputs = ended_outputs(page)
    assert [output["output_type"] for output in outputs[1]] == ["display_data"], outputs[1]
    assert "then the stop button True" in "".join(outputs[2][0]["text"])
    page.close()
