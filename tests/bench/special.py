"""The rows that are no median of calls: each engine measured in fresh processes of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import waits
from process import Engine, empty_caches
from results import OURS, Results
from workloads import OTHER_BATCHES, RESIDUAL_DEPTHS

Figures = dict[str, Any]


@dataclass(frozen=True)
class Pace:
    """How long things take: of one timing, of an answer at most, and how many expressions."""

    seconds: float
    limit: float
    expressions: int


@dataclass(frozen=True)
class Special:
    """A row: what it is, its figures for one engine, and how they look in a table.

    `measure` takes an engine's name, the folder of its compiled code and the pace; the folder
    must be empty where `cold` says so.
    """

    meaning: str
    measure: Callable[[str, Path, Pace], Figures]
    show: Callable[[Figures], str]
    cold: bool = False


def _build(name: str, folder: Path, pace: Pace) -> Figures:
    answers = []
    for _ in range(2):
        with Engine(name, empty_caches(folder)) as engine:
            engine.ask("watch", pace.limit)
            answers.append(engine.ask("build", pace.limit, name="mlp"))
            if "seconds" not in answers[-1]:
                return answers[-1]
            calls = engine.ask("programs", pace.limit)["count"]
    cold, warm = (answer["seconds"] for answer in answers)
    return {"cold": cold, "warm": warm, "calls": calls}


def _batches(name: str, folder: Path, pace: Pace) -> Figures:
    with Engine(name, empty_caches(folder)) as engine:
        built = engine.ask("build", pace.limit, name="forward")
        if "seconds" not in built:
            return built
        engine.ask("watch", pace.limit)
        times = engine.ask("pairs", pace.limit, count=len(OTHER_BATCHES))
        if "fault" in times:
            return times
        return times | {"calls": engine.ask("programs", pace.limit)["count"]}


def _memory(name: str, folder: Path, pace: Pace) -> Figures:
    with Engine(name, empty_caches(folder)) as engine:
        return engine.ask("memory", pace.limit, name="tanh5", small="tanh5-small")


def _fusion(name: str, folder: Path, pace: Pace) -> Figures:
    with Engine(name, empty_caches(folder)) as engine:
        arguments = {"count": pace.expressions, "seconds": pace.seconds / 10}
        return engine.ask("fusion", 10 * pace.limit, **arguments)


def _products(name: str, folder: Path, pace: Pace) -> Figures:
    with Engine(name, empty_caches(folder)) as engine:
        return engine.ask("products", pace.limit, name="mlp", seconds=pace.seconds)


def _overhead(of: str) -> Callable[[str, Path, Pace], Figures]:
    def measure(name: str, folder: Path, pace: Pace) -> Figures:
        with Engine(name, empty_caches(folder)) as engine:
            return engine.ask("overhead", pace.limit, name="mlp", of=of, seconds=pace.seconds)

    return measure


def _ours(measure: Callable[[], Figures]) -> Callable[[str, Path, Pace], Figures]:
    """A measure of what only Arignote has, whichever the executor."""
    return lambda name, folder, pace: measure() if name == OURS[0] else {"unable": True}


def _busy(name: str, folder: Path, pace: Pace) -> Figures:
    with Engine(name, empty_caches(folder)) as engine:
        built = engine.ask("build", pace.limit, name="mlp")
        if "seconds" not in built:
            return built
        quiet = engine.ask("spread", pace.limit, seconds=5 * pace.seconds)
        burner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            busy = engine.ask("spread", pace.limit, seconds=15 * pace.seconds)
        finally:
            burner.kill()
            burner.wait()
    return quiet if "fault" in quiet else {"quiet": quiet.get("median"), **busy}


def growth(results: Results) -> dict[tuple[str, str], Figures]:
    """How the time to build a residual net grows with its depth, from the rows of the table."""
    found: dict[tuple[str, str], Figures] = {}
    for engine in results.versions:
        builds = [(n, results.build(f"residual{n}", engine)) for n in RESIDUAL_DEPTHS]
        ratios = {
            f"{n}": long / short
            for (n, short), (_, long) in pairwise(builds)
            if short is not None and long is not None
        }
        if ratios:
            found["growth", engine] = ratios
    return found


def milliseconds(seconds: float) -> str:
    """`12.3 ms`."""
    return f"{seconds * 1e3:.3g} ms"


def _show_fusion(figures: Figures) -> str:
    if "note" in figures:
        return figures["note"]
    slower, count, worst = figures["slower"], figures["count"], figures["worst"]
    text = f" ({figures['expression']})" if slower else ""
    return f"{slower} of {count}, worst {worst:.2f}x{text}"


def _show_busy(figures: Figures) -> str:
    quiet, median, p95 = figures["quiet"], figures["median"], figures["p95"]
    return f"{milliseconds(median)}, p95 {milliseconds(p95)} (alone {milliseconds(quiet)})"


def _show_batches(figures: Figures) -> str:
    return f"{milliseconds(figures['first'])} ({milliseconds(figures['again'])})"


def _show_overhead(figures: Figures) -> str:
    return f"{figures['ratio']:.3f}x ({milliseconds(figures['plain'])} alone)"


def _show_import(figures: Figures) -> str:
    return f"{milliseconds(figures['ours'])} ({milliseconds(figures['before'])})"


def _show_explorer(figures: Figures) -> str:
    sizes = [name for name in figures if name.isdigit()]
    times = [f"{size}: {milliseconds(figures[size])}" for size in sizes]
    empty = milliseconds(figures["empty"])
    return f"{', '.join(times)} (empty: {empty}; {figures['frames']:.0f} frames/s)"


SPECIALS: dict[str, Special] = {
    "build": Special(
        "mlp: build and first call with empty caches / in a second process",
        _build,
        lambda f: f"{f['cold']:.3g} s / {f['warm']:.3g} s",
        cold=True,
    ),
    "batches": Special(
        f"forward pass of mlp with {len(OTHER_BATCHES)} other batch sizes (each a second time)",
        _batches,
        _show_batches,
        cold=True,
    ),
    "memory": Special(
        "peak of 5 times h = tanh(h + y) on 10,000,000 floats beside inputs and output",
        _memory,
        lambda f: f"{max(f['extra'], 0) / 1e6:.1f} MB",
    ),
    "fusion": Special(
        "random elementwise expressions more than 5 % slower fused than unfused",
        _fusion,
        _show_fusion,
    ),
    "busy": Special("mlp while another process keeps a core busy", _busy, _show_busy),
    "gemm": Special(
        "share of mlp's steps in products, by the profile (with copies of what they add to)",
        _products,
        lambda f: f"{f['share']:.0%} ({f['with_copies']:.0%})",
    ),
    "guard": Special("mlp with nan='raise' over mlp without", _overhead("guard"), _show_overhead),
    "watch": Special(
        "mlp in %%watch --every 10 over mlp alone", _overhead("watch"), _show_overhead
    ),
    "import": Special(
        "processor time of `import arignote` beyond NumPy (NumPy)",
        _ours(partial(waits.imports, waits.IMPORT)),
        _show_import,
    ),
    "load_ext": Special(
        "processor time of `%load_ext arignote`, NumPy and all, beyond IPython (IPython)",
        _ours(partial(waits.imports, waits.EXTENSION, "IPython")),
        _show_import,
    ),
    "stop": Special(
        "from a press of the monitor's stop button to the end of its cell",
        _ours(waits.stops),
        lambda f: f"{milliseconds(f['median'])}, worst {milliseconds(f['worst'])}",
    ),
    "explorer": Special(
        "a page with an explorer, opened in headless Chromium, until it is drawn, by nodes;\n"
        "beyond an empty page",
        _ours(waits.explorers),
        _show_explorer,
    ),
}
GROWTH = Special(
    f"residual nets: time to build 2n layers over that of n, n = {RESIDUAL_DEPTHS[:-1]}",
    lambda name, folder, pace: {},
    lambda f: " ".join(f"{ratio:.2f}" for ratio in f.values()),
)
