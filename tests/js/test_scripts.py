"""The tests of the notebook's scripts, each file run by Node's own test runner."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NODE = shutil.which("node") or shutil.which("nodejs")
OLDEST = 18


def version() -> int:
    """Node's major version, 0 if there is none."""
    if NODE is None:
        return 0
    said = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)", said)
    return int(found[1]) if found else 0


@pytest.mark.skipif(version() < OLDEST, reason=f"no node {OLDEST} or newer on this machine")
@pytest.mark.parametrize("name", sorted(path.name for path in HERE.glob("*.test.js")))
def test_script(name: str) -> None:
    ran = subprocess.run(
        [NODE, "--test", str(HERE / name)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert re.search(r"^# pass [1-9]", ran.stdout, re.MULTILINE), "no test ran"
