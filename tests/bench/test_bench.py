"""The benchmark runs, and Arignote's values in it are those of NumPy by hand (its own check)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).with_name("run.py")


def test_quick_run_agrees_with_numpy(tmp_path: Path):
    out = tmp_path / "benchmarks.md"
    command = [sys.executable, str(RUN), "--quick", "--engines", "arignote,numpy", "--out", out]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line for line in out.read_text("utf-8").splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows] == [
        "| work",
        "| call",
        "| elem10k",
        "| elem1m",
        "| softmaxloss",
        "| logreg",
        "| mlp",
    ]
