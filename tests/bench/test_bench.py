"""The benchmark runs, and Arignote's values in it are those of NumPy by hand (its own check).

No time is compared here: only what the harness makes of times, and of engines that fail.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

HERE = Path(__file__).parent
ENGINES = "arignote,arignote-numpy,numpy"
Load = Callable[[str], ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Imports a file of the benchmark; these import their neighbours."""
    monkeypatch.syspath_prepend(HERE)
    return importlib.import_module


def quick_run(out: Path, names: list[str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The rows that a quick run writes, and the targets, by their first cells."""
    command = [sys.executable, str(HERE / "run.py"), "--quick", "--rounds", "1"]
    command += ["--engines", ENGINES, "--workloads", ",".join(names), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    parts = out.read_text("utf-8").split("## Targets")
    lines = [[line for line in part.splitlines() if line.startswith("| ")] for part in parts]
    rows, targets = ([line.strip("| ").split(" | ") for line in part] for part in lines)
    return {row[0]: row[1:] for row in rows}, {row[0]: row[1:] for row in targets}


@pytest.mark.timeout(400)
def test_quick_run_agrees_with_numpy(tmp_path: Path, load: Load):
    large = ["4m", "1m", "sum0", "sum2", "500", "1000", "2000", "4000"]
    names = [name for name in load("workloads").ROWS if not name.endswith(tuple(large))]
    rows, targets = quick_run(tmp_path / "deep" / "page.md", names)
    assert rows.pop("work") == ENGINES.split(",")
    rows.pop("---")
    assert list(rows) == names
    figure = re.compile(r"(\*\*)?[\d.e+-]+ \([\d.e+-]+ s\)(\*\*| [\d.e+]+x)")
    assert [cell for row in rows.values() for cell in row if not figure.fullmatch(cell)] == []
    assert {"call", "mlp", "sumall"} < set(targets)


@pytest.mark.timeout(400)
def test_quick_run_of_special_rows(tmp_path: Path, load: Load):
    names = list(load("special").SPECIALS)
    rows, targets = quick_run(tmp_path / "page.md", names)
    assert rows.pop("special rows") == ENGINES.split(",")
    rows.pop("---")
    assert list(rows) == names
    assert set(names) < set(targets)
    if sys.platform == "linux":  # by hand there is no temporary; one would have 40 MB
        assert float(rows["memory"][2].removesuffix(" MB")) < 20


def test_unknown_names_are_refused():
    command = [sys.executable, str(HERE / "run.py"), "--workloads", "call,tea"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "'tea' is none of call, elem10k" in done.stderr


def test_every_kind_is_built_by_numpy_and_arignote(load: Load):
    """Oracle: the workloads, all of which need a reference and our side."""
    workloads = load("workloads")
    kinds = {workloads.make(name).kind for name in ["tanh5-small", "forward", *workloads.ROWS]}
    for name in ENGINES.split(","):
        assert set(load("worker").module_of(name).BUILDERS) == kinds, name


def test_every_row_has_a_target(load: Load):
    rows = {*load("workloads").ROWS, *load("special").SPECIALS, "growth"}
    targets = {target.row for target in load("targets").TARGETS}
    only_growth = {f"residual{n}" for n in load("workloads").RESIDUAL_DEPTHS} - {"residual1000"}
    assert targets == rows - only_growth


def test_an_engine_that_hangs_or_dies_leaves_a_fault_and_goes_on(load: Load):
    with load("process").Engine("numpy", {}) as engine:
        assert engine.version == np.__version__
        assert engine.ask("median", 60, seconds=0.1)["fault"].startswith("AttributeError")
        assert "seconds" in engine.ask("build", 60, name="call")
        assert engine.ask("median", 0.05, seconds=5) == {"fault": "Timeout: no answer in 0.05 s"}
        assert "seconds" in engine.ask("build", 60, name="call")
        engine.process.kill()
        assert engine.ask("median", 60, seconds=0.1)["fault"].startswith("Died: exit status")
        assert "seconds" in engine.ask("build", 60, name="call")
        assert engine.ask("fusion", 60, count=1, seconds=0.1) == {"unable": True}


def test_values_other_than_numpys_are_a_mismatch(load: Load):
    worker, built = load("worker"), load("workloads").Built
    wrong = ModuleType("wrong")
    wrong.BUILDERS = {"call": lambda work: built(lambda: work.inputs[0], lambda x: [x])}
    with pytest.raises(worker.MismatchError, match="differs from NumPy"):
        worker.Session(wrong).build("call")


def test_layers_beyond_an_engines_largest_are_left_out(load: Load):
    worker = load("worker")
    shallow = ModuleType("shallow")
    shallow.BUILDERS, shallow.LARGEST = {"residual": None}, {"residual": 249}
    with pytest.raises(worker.UnableError):
        worker.Session(shallow).build("residual250")


def test_programs_that_an_engine_starts_are_counted():
    """A process of its own: an audit hook stays until the end."""
    text = """
import subprocess, sys, types
from worker import Session
session = Session(types.ModuleType("engine"))
subprocess.run([sys.executable, "--version"])
session.watch()
assert session.programs() == {"count": 0}
subprocess.run([sys.executable, "--version"])
assert session.programs() == {"count": 1}
"""
    command = [sys.executable, "-c", text]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE, check=False)
    assert done.returncode == 0, done.stderr


def test_caches_start_empty_without_losing_the_users_flags(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ARIGNOTE_FLAGS", "floatX=float32")
    flags = load("process").empty_caches(tmp_path / "new")["ARIGNOTE_FLAGS"]
    assert flags == f"floatX=float32,cache_dir={tmp_path / 'new' / 'arignote'}"


@pytest.fixture
def results(load: Load) -> Any:
    """What a run might have measured: arignote three times as quick as NumPy, JAX failing."""
    made, cell = load("results").Results, load("results").Cell
    cells = {
        ("elem1m", "arignote"): cell(0.1, [0.001, 0.002, 0.003], 12_000_000),
        ("elem1m", "numpy"): cell(0.1, [0.006], 12_000_000),
        ("elem1m", "jax"): cell(fault="RecursionError: too: deep"),
        ("residual250", "arignote"): cell(0.1, [0.01]),
        ("residual500", "arignote"): cell(0.2, [0.01]),
        ("residual1000", "arignote"): cell(0.8, [0.01]),
        ("mlp", "arignote"): cell(fault="Timeout: no answer in 60 s"),
    }
    names = ["arignote", "numpy", "jax"]
    rows = ["elem1m", "residual250", "residual500", "residual1000", "mlp"]
    found = made(dict.fromkeys(names, "1.0"), rows, ["memory"], cells)
    found.figures = {("memory", "arignote"): {"extra": 3e6}, **load("special").growth(found)}
    return found


def test_growth_is_that_of_builds(load: Load, results: Any):
    assert load("special").growth(results) == {
        ("growth", "arignote"): {"250": pytest.approx(2), "500": pytest.approx(4)}
    }


def test_targets_are_met_or_show_the_gap(load: Load, results: Any):
    results.limits = {f"copy_12m_{threads}": 12e9 * threads for threads in (1, 2)}
    results.limits["functions"] = 0.5e-3
    assert load("targets")._memory_bound("elem1m", results) == (pytest.approx(0.5e-3), "memory")
    cells = [target.cells(results) for target in load("targets").TARGETS]
    verdicts = {(row, asked): rest for row, asked, *rest in cells}
    assert verdicts["elem1m", "<= 0.5x the best peer"] == [
        "2 ms, 0.33x numpy (6 ms)",
        "✓",
        "its tanh and exp with NumPy, cached and shared 0.5 ms: 25 % of our time",
    ]
    assert verdicts["growth", "t(2n)/t(n) < 2.3"][:2] == [
        "2.00, 4.00 (2 not measured)",
        "✗ by a factor of 1.74",
    ]
    assert verdicts["memory", "inputs + output + < 1 MB"][:2] == ["3.0 MB", "✗ by a factor of 3.00"]
    assert verdicts["mlp", "<= 0.9x JAX"][:2] == ["-", "Timeout"]
    assert verdicts["busy", "p95 < 3x the median"][:2] == ["-", "not measured"]


def test_a_bound_that_is_excluded_is_not_met_by_itself(load: Load, results: Any):
    results.figures["memory", "arignote"] = {"extra": 1e6}
    (target,) = (t for t in load("targets").TARGETS if t.row == "memory")
    assert target.cells(results)[3] == "✗ by a factor of 1.00"


def test_page_shows_the_class_of_an_error(load: Load, results: Any):
    page = load("report").report(results)
    assert "| elem1m | **2 (0.1 s)** | 6 (0.1 s) 3x | RecursionError |" in page
    assert "| memory | 3.0 MB | - | - |" in page
    assert "| mlp | Timeout | - | - |" in page
    assert "## Targets: 2 of 6 met" in page


def test_random_expressions_are_steady_and_use_every_value(load: Load):
    """Oracle: NumPy, in which each expression has the shape of its first leaf, and is finite."""
    fusion = load("fusion")
    one, other = (
        [fusion.random_expression(random) for _ in range(100)]
        for random in (np.random.default_rng(3), np.random.default_rng(3))
    )
    assert one == other
    for expression in one:
        leaves = [np.full(shape, 0.5, expression.dtype) for shape in expression.shapes]
        value = expression.value(np, leaves)
        assert value.shape == expression.shapes[0]
        assert value.dtype == expression.dtype
        assert np.isfinite(value).all()
        taken = {place for _, places in expression.steps for place in places}
        assert taken == set(range(len(leaves) + len(expression.steps) - 1))


def test_fusion_row_counts_expressions(load: Load, monkeypatch: pytest.MonkeyPatch):
    fusion = load("fusion")
    monkeypatch.setattr(fusion, "TAG", "no such tag")
    assert "no such tag" in fusion.compare(3, 0.001)["note"]
    monkeypatch.setattr(fusion, "TAG", "stabilize")
    monkeypatch.setattr(fusion, "_ratio", lambda pair, arrays, seconds: 1.1)
    found = fusion.compare(3, 0.001)
    assert (found["count"], found["slower"], found["worst"]) == (3, 3, 1.1)
