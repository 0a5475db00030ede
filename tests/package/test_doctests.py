"""The examples in the docstrings run and print what they say.

pytest's own --doctest-modules takes engine/ops/x.py for a module `engine.ops.x` and makes a second
copy of its classes; here each module is imported by its real name.
"""

from __future__ import annotations

import doctest
import importlib

import pytest

from package.tree import module_name, source_files

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("name", [module_name(path) for path in source_files()])
def test_examples(name: str, capsys: pytest.CaptureFixture[str]):
    if name.startswith("arignote.kernel_ext"):
        pytest.importorskip("IPython")
    result = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert result.failed == 0, capsys.readouterr().out
