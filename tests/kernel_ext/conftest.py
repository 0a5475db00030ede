"""A real IPython shell in this process, with nothing of the user's."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import RichOutput, capture_output
from traitlets.config import Config

EXTENSION = "arignote"
DIGITS = """%%graph digits
x: fmatrix                                  # an input
y: ivector
W = shared(np.zeros((64, 10), "float32"))   # named W
b = shared(np.zeros(10, "float32"))
p = T.nnet.softmax(x @ W + b)
loss = -T.log(p)[T.arange(y.shape[0]), y].mean()
error = T.neq(T.argmax(p, axis=1), y).mean()
"""


@dataclass(frozen=True)
class Outcome:
    """What running one cell gave."""

    stdout: str
    stderr: str
    displays: list[RichOutput]
    error: BaseException | None
    result: object

    @property
    def marked(self) -> list[str]:
        """The lines that an arrow points at in a traceback."""
        return [line for line in self.stdout.splitlines() if "-> " in line[:10]]

    @property
    def svgs(self) -> list[str]:
        """The pictures shown."""
        return [
            shown.data["image/svg+xml"] for shown in self.displays if "image/svg+xml" in shown.data
        ]


class Shell:
    """An `InteractiveShell` and short ways to use it."""

    def __init__(self, ip: InteractiveShell) -> None:
        self.ip = ip

    @property
    def names(self) -> dict[str, object]:
        """The user's namespace."""
        return self.ip.user_ns

    def run(self, cell: str) -> Outcome:
        """Runs a cell as a front end does."""
        with capture_output() as captured:
            done = self.ip.run_cell(cell, store_history=True)
        error = done.error_before_exec or done.error_in_exec
        return Outcome(captured.stdout, captured.stderr, captured.outputs, error, done.result)

    def good(self, cell: str) -> Outcome:
        """Runs a cell that must not fail."""
        outcome = self.run(cell)
        assert outcome.error is None, outcome.stdout + outcome.stderr
        assert "UsageError" not in outcome.stderr
        return outcome

    def usage_error(self, cell: str) -> str:
        """The one line that a cell with bad arguments prints."""
        outcome = self.run(cell)
        lines = outcome.stderr.strip().splitlines()
        assert len(lines) == 1, outcome
        assert lines[0].startswith("UsageError: "), outcome
        return lines[0].removeprefix("UsageError: ")

    def completions(self, text: str, line: int = 0) -> list[str]:
        """What Tab offers at the end of a line of the text."""
        end = len("\n".join(text.split("\n")[: line + 1]))
        with provisionalcompleter():
            return [found.text for found in self.ip.Completer.completions(text, end)]

    def own_names(self) -> set[str]:
        """The user's names without IPython's history."""
        kept = {"In", "Out", "get_ipython", "exit", "quit", "open"}
        return {name for name in self.names if not name.startswith("_")} - kept


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell without the extension."""
    monkeypatch = pytest.MonkeyPatch()
    folder: Path = tmp_path_factory.mktemp("ipython")
    monkeypatch.setenv("IPYTHONDIR", str(folder))
    # IPython restores these by hand at best.
    for name in ("displayhook", "excepthook", "ps1", "ps2", "ps3"):
        if hasattr(sys, name):
            monkeypatch.setattr(sys, name, getattr(sys, name))
    InteractiveShell.clear_instance()
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    ip = InteractiveShell.instance(config=config, ipython_dir=str(folder))
    # Some magics are loaded at their first use; tests compare the tables of magics.
    ip.run_line_magic("unload_ext", "nothing")
    yield Shell(ip)
    ip.restore_sys_module_state()
    atexit.unregister(ip.atexit_operations)
    ip.atexit_operations()
    InteractiveShell.clear_instance()
    monkeypatch.undo()


@pytest.fixture
def shell(plain: Shell) -> Iterator[Shell]:
    """A shell with the extension and an empty namespace."""
    # Not ip.reset(), which collects garbage: with all that pytest holds that takes long.
    for name in plain.own_names() | {"_graph"}:
        plain.names.pop(name, None)
    plain.good(f"%load_ext {EXTENSION}")
    yield plain
    plain.good(f"%unload_ext {EXTENSION}")


@pytest.fixture(scope="session")
def digits_cell() -> str:
    """The example of the manual."""
    return DIGITS
