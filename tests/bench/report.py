"""The Markdown page of a run."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import workloads
from results import Cell, Results, fault_class
from special import GROWTH, SPECIALS, Special
from targets import TARGETS


def report(results: Results) -> str:
    """Machine, versions, rows, special rows, targets, limits."""
    parts = [_head(results)]
    if results.workloads:
        parts += [_rows(results), _block(workloads.__doc__.split("\n\n", 1)[1])]
    if results.figures:
        parts.append(_specials(results))
    parts.append(_targets(results))
    if results.limits:
        parts.append(_limits(results.limits))
    return "\n\n".join(parts)


def _head(results: Results) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    machine = f"{cpu_model()}, {cores()} cores, {platform.system()}"
    return f"""# Benchmarks

Made by `make bench` on {date.today()}: {machine}, Python {platform.python_version()};
{versions}.

Median time of a call in ms, in brackets the time to build and call once in s (all caches of
compiled code start empty); then the ratio to the row's best. Each engine has a process of its
own; rounds are interleaved; values agree with NumPy's. The name of an error stands where an
engine failed, `-` where it was not asked."""


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _block(text: str) -> str:
    return f"```\n{text.rstrip()}\n```"


def _rows(results: Results) -> str:
    rows = []
    for workload in results.workloads:
        row = [results.cells.get((workload, name), Cell()) for name in results.versions]
        best = min((cell.median for cell in row if cell.median), default=0.0)
        rows.append([workload, *(show(cell, best) for cell in row)])
    return _table(["work", *results.versions], rows)


def show(cell: Cell, best: float) -> str:
    """`1.234 (0.02 s) 1.5x`, or why there is no figure."""
    if cell.fault:
        return fault_class(cell.fault)
    if cell.median is None:
        return "-"
    text = f"{cell.median * 1e3:.4g} ({cell.build:.2g} s)"
    return f"**{text}**" if cell.median == best else f"{text} {cell.median / best:.2g}x"


def _specials(results: Results) -> str:
    rows, meanings = [], []
    for name, special in (SPECIALS | {"growth": GROWTH}).items():
        figures = [results.figures.get((name, engine)) for engine in results.versions]
        if any(figures):
            rows.append([name, *(_show_special(special, found) for found in figures)])
            meanings.append(f"{name:8} {special.meaning}")
    head = ["special rows", *results.versions]
    return _table(head, rows) + "\n\n" + _block("\n".join(meanings))


def _show_special(special: Special, figures: dict | None) -> str:
    if not figures or "unable" in figures:
        return "-"
    return fault_class(figures["fault"]) if "fault" in figures else special.show(figures)


def _targets(results: Results) -> str:
    """The targets of what was measured."""
    chosen = {*results.workloads, *results.specials, *(row for row, _ in results.figures)}
    rows = [target.cells(results) for target in TARGETS if target.row in chosen]
    met = sum(verdict == "✓" for _, _, _, verdict, _ in rows)
    title = f"## Targets: {met} of {len(rows)} met\n\n"
    return title + _table(["work", "to reach", "arignote", "met", "limit of this machine"], rows)


def _limits(limits: dict[str, float]) -> str:
    copies = [
        f"copying {size} bytes with {threads} thread{'s' * (threads > 1)} "
        f"{limits[f'copy_{size}_{threads}'] / 1e9:.3g} GB/s (read and written)"
        for size in ("128k", "12m", "256m")
        for threads in (1, 2)
    ]
    ms = {name: f"{limits[name] * 1e3:.3g} ms" for name in limits}
    gflops = {name: f"{limits[name] / 1e9:.0f} GFLOP/s" for name in ("sgemm", "dgemm")}
    products = [
        f"NumPy's product of 1536 x 1536 floats {gflops['sgemm']}, of doubles {gflops['dgemm']}",
        f"of 400 x 784 doubles with a vector {ms['gemv']}, of their transpose {ms['gemv_t']}",
        f"the products of a step of mlp {ms['mlp_products']}",
        f"the products of a forward pass at all the other batch sizes {ms['batch_products']}",
        f"the products of a call of residual1000 {ms['residual_products']}",
        f"tanh and exp of 1,000,000 cached floats {ms['functions']}, doubles {ms['functions64']}",
    ]
    if "compiler" in limits:
        products.append(f"the C compiler on the runtime alone {ms['compiler']}")
    lines = "\n".join(f"- {line}" for line in [*copies, *products])
    return f"Limits, measured before and after the rest, the better of the two:\n\n{lines}"


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
