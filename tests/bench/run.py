"""Times each engine on each workload and prints a Markdown page.

Every engine lives in a process of its own. Rounds are interleaved (engine after engine, then the
next round), so that a slow moment of the machine falls on all of them; a figure is the median of
the rounds' medians. An engine whose values differ from NumPy's gets no figure.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from process import HERE, Engine, empty_caches
from report import report
from results import OURS, Cell, Results, fault_class
from special import SPECIALS, Pace, growth, milliseconds
from workloads import ROWS

ENGINES = ["arignote", "arignote-numpy", "numpy", "numexpr", "jax", "torch", "pytensor"]
FULL = Pace(seconds=0.15, limit=120, expressions=200)
QUICK = Pace(seconds=0.05, limit=120, expressions=6)
SLOW = ["residual1000", "residual2000", "residual4000"]  # --quick has them only if named


def main() -> int:
    """Runs the benchmark; 1 when an engine disagrees with NumPy or Arignote fails."""
    options = parse_options()
    pace = QUICK if options.quick else FULL
    rounds = options.rounds or (2 if options.quick else 7)
    start = time.monotonic()

    def progress(line: str) -> None:
        print(f"[{time.monotonic() - start:4.0f} s] {line}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="arignote-bench-") as folder:
        results = run(options, pace, rounds, Path(folder), progress)
    text = report(results)
    print(text)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text + "\n", "utf-8")
    faults = results.faults()
    for (row, engine), fault in faults.items():
        progress(f"{engine} on {row}: {fault}")
    return int(any(e in OURS or f.startswith("Mismatch") for (_, e), f in faults.items()))


def parse_options() -> argparse.Namespace:
    """The command line; --quick is a short run that shows little but that all works."""
    known = [*ROWS, *SPECIALS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="write the page to this file as well")
    parser.add_argument("--quick", action="store_true", help="few and short rounds, no deep nets")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (default 7)")
    parser.add_argument(
        "--engines", type=names_of(ENGINES), default=ENGINES, help=f"some of {', '.join(ENGINES)}"
    )
    parser.add_argument(
        "--workloads", type=names_of(known), help=f"rows, some of {', '.join(known)}"
    )
    options = parser.parse_args()
    if options.workloads is None:
        options.workloads = [n for n in known if not (options.quick and n in SLOW)]
    return options


def names_of(known: list[str]) -> Callable[[str], list[str]]:
    """A parser of comma-separated names."""

    def names(text: str) -> list[str]:
        chosen = text.split(",")
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return chosen

    return names


def run(
    options: argparse.Namespace,
    pace: Pace,
    rounds: int,
    folder: Path,
    progress: Callable[[str], None],
) -> Results:
    """Limits, rows of the table, special rows, limits again."""
    before = limits(pace.seconds)
    progress("limits of the machine")
    with ExitStack() as running:
        engines = []
        for name in options.engines:
            engine = Engine(name, empty_caches(folder / f"table-{name}"))
            running.callback(engine.stop)
            if engine.version:
                engines.append(engine)
            else:
                progress(f"{name} is not installed: left out")
        results = Results(
            {engine.name: engine.version for engine in engines},
            [name for name in options.workloads if name in ROWS],
            [name for name in options.workloads if name in SPECIALS],
        )
        for name in results.workloads:
            cells = measure(engines, name, rounds, pace)
            results.cells |= {(name, engine): cell for engine, cell in cells.items()}
            progress(f"{name}: {summary(cells)}")
    for name in results.specials:
        for engine in results.versions:
            place = folder / f"{name if SPECIALS[name].cold else 'table'}-{engine}"
            figures = SPECIALS[name].measure(engine, place, pace)
            results.figures[name, engine] = figures
            if "unable" not in figures:
                fault = figures.get("fault")
                shown = fault_class(fault) if fault else SPECIALS[name].show(figures)
                progress(f"{name}, {engine}: {shown}")
    results.figures |= growth(results)
    results.limits = better(before, limits(pace.seconds))
    return results


def limits(seconds: float) -> dict[str, float]:
    """The limits of the machine, measured by a process of their own."""
    command = [sys.executable, str(HERE / "limits.py"), str(seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def better(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    """The higher of two speeds, the shorter of two times (those are below a second)."""
    return {
        name: max(value, other[name]) if value > 1 else min(value, other[name])
        for name, value in one.items()
    }


def measure(engines: list[Engine], workload: str, rounds: int, pace: Pace) -> dict[str, Cell]:
    """A cell for each engine; engines that can't do the workload have none."""
    able: list[tuple[Engine, Cell]] = []
    cells: dict[str, Cell] = {}
    for engine in engines:
        answer = engine.ask("build", pace.limit, name=workload)
        if answer.get("unable"):
            continue
        cell = Cell(answer.get("seconds", 0.0), [], answer.get("bytes", 0), answer.get("fault", ""))
        cells[engine.name] = cell
        if not cell.fault:
            able.append((engine, cell))
    for _ in range(rounds):
        for engine, cell in able:
            if not cell.fault:
                answer = engine.ask("median", pace.limit, seconds=pace.seconds)
                cell.medians += [answer["median"]] if "median" in answer else []
                cell.fault = answer.get("fault", "")
    return cells


def summary(cells: dict[str, Cell]) -> str:
    """The cells of a row in a line."""
    texts = []
    for name, cell in cells.items():
        time = "-" if cell.median is None else milliseconds(cell.median)
        texts.append(f"{name} {fault_class(cell.fault) if cell.fault else time}")
    return ", ".join(texts)


if __name__ == "__main__":
    sys.exit(main())
