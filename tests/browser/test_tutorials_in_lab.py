"""The tutorials in the real JupyterLab, in a real browser.

Screenshots go to the folder in ARIGNOTE_SCREENSHOTS, else to pytest's temporary folder.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser.lab import Browser, Lab, chromium, chromium_path, run_notebook, running_lab

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.skipif(chromium_path() is None, reason="no chromium on this machine"),
]


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on a copy of the tutorials, so that a run changes none of them."""
    copy = tmp_path_factory.mktemp("lab") / "notebooks"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    with running_lab(copy) as server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    with chromium() as program:
        yield program


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go."""
    folder = os.environ.get("ARIGNOTE_SCREENSHOTS")
    return Path(folder) if folder else tmp_path_factory.mktemp("screenshots")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_tutorial_in_the_browser(name: str, lab: Lab, browser: Browser, pictures: Path):
    report = run_notebook(browser, lab, name, pictures)
    assert report.errors == []
    assert report.not_run == []
    assert [text for text in report.stderr if "UsageError" in text] == []
    assert report.svg_sizes, "no graph was drawn"
    assert report.outside_requests == []
    assert report.page_errors == []
