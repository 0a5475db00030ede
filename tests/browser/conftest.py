"""A server, a browser and a place for screenshots, for all tests in a real JupyterLab.

Screenshots go to the folder in ARIGNOTE_SCREENSHOTS, else to pytest's temporary folder.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser.lab import TUTORIALS, Browser, Lab, chromium, chromium_path, running_lab

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder need a browser."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(240))
            if chromium_path() is None:
                item.add_marker(pytest.mark.skip(reason="no chromium on this machine"))


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on a copy of the tutorials, so that a run changes none of them."""
    copy = tmp_path_factory.mktemp("lab") / "notebooks"
    shutil.copytree(TUTORIALS, copy, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
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
