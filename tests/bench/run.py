"""Times each engine on each workload and prints a Markdown table.

Every engine lives in a process of its own. Rounds are interleaved (engine after engine, then the
next round), so that a slow moment of the machine falls on all of them; a figure is the median of
the rounds' medians. An engine whose values differ from NumPy's gets no figure.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from workloads import MAKERS, Built, difference

ENGINES = ["arignote", "numpy", "numexpr", "jax", "torch", "pytensor"]
REFERENCE = "numpy"
BLOCK_S = 0.001  # calls shorter than this are timed several at a time


def main() -> int:
    """Runs the benchmark; 1 when an engine disagrees with NumPy or fails."""
    options = parse_options()
    if options.worker:
        return serve(options.worker)
    engines = [Engine(name) for name in options.engines]
    try:
        engines = [engine for engine in engines if engine.start()]
        results = measure(engines, options.workloads, options.rounds, options.seconds)
    finally:
        for engine in engines:
            engine.stop()
    text = report(engines, options.workloads, results)
    print(text)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text + "\n", "utf-8")
    faults = [(key, cell.fault) for key, cell in results.items() if cell.fault]
    for (workload, engine), fault in faults:
        print(f"{engine} on {workload}: {fault}", file=sys.stderr)
    return int(bool(faults))


def parse_options() -> argparse.Namespace:
    """The command line; --quick is a short run that shows little but that all works."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="write the table to this file as well")
    parser.add_argument("--quick", action="store_true", help="few and short rounds")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (default 7)")
    parser.add_argument("--engines", type=names_of(ENGINES), default=ENGINES)
    parser.add_argument("--workloads", type=names_of(list(MAKERS)), default=list(MAKERS))
    parser.add_argument("--worker", choices=ENGINES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 7)
    options.seconds = 0.05 if options.quick else 0.4
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


@dataclass
class Cell:
    """One engine on one workload; times in seconds."""

    build: float = 0.0
    medians: list[float] = field(default_factory=list)
    fault: str = ""

    @property
    def median(self) -> float | None:
        """The figure of the table."""
        return statistics.median(self.medians) if self.medians else None


class Engine:
    """An engine's process: one line of JSON each way per command."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.version = ""
        command = [sys.executable, __file__, "--worker", name]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self) -> bool:
        """Whether the engine is installed."""
        answer = self.hear()
        if "fault" in answer:
            raise RuntimeError(f"{self.name} could not be started: {answer['fault']}")
        self.version = answer["version"]
        if not self.version:
            print(f"{self.name} is not installed: left out", file=sys.stderr)
            self.stop()
        return bool(self.version)

    def ask(self, **command: object) -> dict:
        """Sends a command and waits for its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self.hear()

    def hear(self) -> dict:
        """The next answer; a process that died leaves a fault."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"fault": "its process died"}

    def stop(self) -> None:
        """Ends the process: its input ends."""
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.wait()


def measure(
    engines: list[Engine], workloads: list[str], rounds: int, seconds: float
) -> dict[tuple[str, str], Cell]:
    """A cell for each engine and workload; engines that can't do one have none."""
    cells: dict[tuple[str, str], Cell] = {}
    for workload in workloads:
        able: list[tuple[Engine, Cell]] = []
        for engine in engines:
            answer = engine.ask(build=workload)
            if answer.get("unable"):
                continue
            cell = Cell(answer.get("seconds", 0.0), fault=answer.get("fault", ""))
            cells[workload, engine.name] = cell
            if not cell.fault:
                able.append((engine, cell))
        for _ in range(rounds):
            for engine, cell in able:
                answer = engine.ask(time=workload, seconds=seconds)
                cell.medians += [answer["median"]] if "median" in answer else []
                cell.fault = answer.get("fault", "")
        print(f"{workload} done", file=sys.stderr)
    return cells


def serve(name: str) -> int:
    """The worker: answers commands until its input ends. Only answers go to stdout."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(**answer: object) -> None:
        channel.write(json.dumps(answer) + "\n")
        channel.flush()

    try:
        engine = importlib.import_module(f"engines.with_{name}")
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        say(version="")
        return 0
    say(version=engine.VERSION)
    built: dict[str, Built] = {}
    for line in sys.stdin:
        command = json.loads(line)
        try:
            if "build" in command:
                say(**build(engine, command["build"], built))
            else:
                say(median=time_step(built[command["time"]].step, command["seconds"]))
        except Exception as error:  # noqa: BLE001 (what an engine raises is a result)
            say(fault=f"{type(error).__name__}: {error}"[:2000])
    return 0


def build(engine: object, name: str, built: dict[str, Built]) -> dict:
    """Builds a workload and runs it once; the first step is part of building it."""
    work = MAKERS[name]()
    builder = engine.BUILDERS.get(work.kind)
    if builder is None:
        return {"unable": True}
    start = time.perf_counter()
    made = builder(work)
    result = made.step()
    seconds = time.perf_counter() - start
    reference = importlib.import_module(f"engines.with_{REFERENCE}").BUILDERS[work.kind](work)
    want = reference.values(reference.step())
    gap = difference(made.values(result), want)
    if not gap <= work.tolerance:
        return {"fault": f"differs from NumPy by {gap:.3g} (allowed {work.tolerance:g})"}
    built[name] = made
    return {"seconds": seconds}


def time_step(step: Callable[[], object], seconds: float) -> float:
    """The median time of a call over about so many seconds."""
    clock = time.perf_counter
    start = clock()
    step()
    count = max(1, int(BLOCK_S / max(clock() - start, 1e-7)))
    samples: list[float] = []
    end = clock() + seconds
    while clock() < end or len(samples) < 3:
        start = clock()
        for _ in range(count):
            step()
        samples.append((clock() - start) / count)
    return statistics.median(samples)


def report(engines: list[Engine], workloads: list[str], cells: dict[tuple[str, str], Cell]) -> str:
    """The Markdown page: machine, versions, table."""
    versions = ", ".join(f"{engine.name} {engine.version}" for engine in engines)
    machine = f"{cpu_model()}, {cores()} cores, {platform.system()}"
    lines = [
        "# Benchmarks",
        "",
        f"Made by `make bench` on {date.today()}: {machine}, Python {platform.python_version()};",
        f"{versions}.",
        "",
        "Median time of a call in ms, in brackets the time to build and call once in s; then the",
        "ratio to the row's best. Each engine has a process of its own; rounds are interleaved;",
        "values agree with NumPy's.",
        "",
        "| work | " + " | ".join(engine.name for engine in engines) + " |",
        "|---" * (len(engines) + 1) + "|",
    ]
    for workload in workloads:
        row = [cells.get((workload, engine.name), Cell()) for engine in engines]
        best = min((cell.median for cell in row if cell.median), default=0.0)
        lines.append(f"| {workload} | " + " | ".join(show(cell, best) for cell in row) + " |")
    meanings = importlib.import_module("workloads").__doc__.split("\n\n", 1)[1].rstrip()
    return "\n".join([*lines, "", "```", meanings, "```"])


def show(cell: Cell, best: float) -> str:
    """`1.234 (0.02 s) 1.5x`, or why there is no figure."""
    if cell.fault:
        return "failed"
    if cell.median is None:
        return "-"
    text = f"{cell.median * 1e3:.4g} ({cell.build:.2g} s)"
    return f"**{text}**" if cell.median == best else f"{text} {cell.median / best:.2g}x"


def cpu_model() -> str:
    """The processor's name as Linux says it, else what Python knows."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def cores() -> int:
    """The cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(main())
