"""The tutorials in the real JupyterLab, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from browser.lab import TUTORIALS, Browser, Lab, run_notebook

NOTEBOOKS = sorted(path.name for path in TUTORIALS.glob("*.ipynb"))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_tutorial_in_the_browser(name: str, lab: Lab, browser: Browser, pictures: Path):
    report = run_notebook(browser, lab, name, pictures)
    assert report.errors == []
    assert report.not_run == []
    assert [text for text in report.stderr if "UsageError" in text] == []
    assert report.svg_sizes or report.explorers, "no graph was drawn"
    assert report.outside_requests == []
    assert report.page_errors == []
