"""The Python of the README runs as it stands there."""

from __future__ import annotations

import doctest
import re

import pytest

from package.tree import ROOT

README = ROOT / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
# Cells with magics are shown in the README and run in the tutorials.
PLAIN = [block for block in BLOCKS if not re.search(r"^%", block, re.MULTILINE)]


def test_readme_shows_code():
    assert BLOCKS


@pytest.mark.parametrize("block", PLAIN, ids=range(len(PLAIN)))
def test_block_runs(block: str, capsys: pytest.CaptureFixture[str]):
    if ">>>" not in block:
        exec(compile(block, "README.md", "exec"), {"__name__": "__main__"})
        return
    test = doctest.DocTestParser().get_doctest(block, {}, "README.md", str(README), 0)
    assert doctest.DocTestRunner().run(test).failed == 0, capsys.readouterr().out
