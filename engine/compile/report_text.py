"""Reports of profiles as text."""

from collections.abc import Sequence
from dataclasses import asdict

from arignote import lazy
from arignote.compile.memory import bytes_text
from arignote.compile.report import ProfileReport
from arignote.compile.report_rows import By, Row, RowKind
from arignote.execute.profile import time_text
from arignote.tables import Table, table

TOP = 20
_KINDS = {
    RowKind.KERNEL: "in kernels",
    RowKind.PRODUCT: "in products",
    RowKind.NUMPY: "in NumPy steps",
    RowKind.OVERHEAD: "overhead of calls",
    RowKind.COMPILING: "compiling",
    RowKind.MEASURING: "measuring",
    RowKind.PYTHON: "Python around",
}


def headline(report: ProfileReport) -> str:
    """The wall time, and what it was spent on, on one line."""
    calls = f"{report.calls} call{'' if report.calls == 1 else 's'}"
    parts = [
        f"{time_text(spent)} {_KINDS[kind]} ({100 * spent / max(report.whole, 1):.0f} %)"
        for kind, spent in report.summary.items()
        if spent > 0
    ]
    return f"{time_text(report.wall)}, {calls}: {', '.join(parts)}"


def notes(report: ProfileReport) -> list[str]:
    """What else there is to know, a line each."""
    found = []
    if report.overlapping:
        text = "of calls in other threads or within other calls are in the rows too"
        found.append(f"{time_text(report.overlapping)} {text}")
    if meanwhile := sum(built.nanoseconds for built in report.built_meanwhile):
        found.append(f"{time_text(meanwhile)} of compiling by other threads meanwhile")
    plan = report.memory
    if plan is not None:
        names = ", ".join(f"{x.name} {bytes_text(x.bytes)}" for x in plan.alive_at_peak[:5])
        found.append(f"memory at its peak: {bytes_text(plan.peak)} ({names}, ...)")
    return [*found, str(report.peaks)]


def report_table(
    report: ProfileReport, by: By | str = By.LINE, sort: str = "time", top: int = TOP
) -> Table:
    """The rows of a report as a table.

    Parameters
    ----------
    report : ProfileReport
    by, sort : see `ProfileReport.rows`
    top : int
        How many rows; what is left is summed up in one more.
    """
    rows = report.rows(by, sort)
    whole = max(report.whole, 1)
    cells = [_cells(row, whole) for row in rows[:top]]
    if len(rows) > top:
        cells.append(_cells(rest_of(rows[top:]), whole))
    titles = [
        ">share",
        ">time",
        ">calls",
        ">each",
        ">GB/s",
        ">GFLOP/s",
        ">of peak",
        "what",
        "where",
    ]
    return table(titles, cells, headline(report), "\n".join(notes(report)))


def rest_of(rows: Sequence[Row]) -> Row:
    """Several rows as one."""
    return Row(
        RowKind.PYTHON, f"{len(rows)} more", nanoseconds=sum(row.nanoseconds for row in rows)
    )


def report_json(report: ProfileReport) -> str:
    """All that was measured as JSON: times in nanoseconds, sizes in bytes."""
    plan = report.memory
    data = {
        "wall": report.wall,
        "whole": report.whole,
        "calls": report.calls,
        "summary": {kind.value: round(spent) for kind, spent in report.summary.items()},
        "peaks": asdict(report.peaks),
        "rows": {by.value: [_entry(row) for row in report.rows(by)] for by in By},
        "memory": None
        if plan is None
        else {
            "function": plan.title,
            "peak": plan.peak,
            "steps": plan.steps,
            "timeline": plan.timeline,
            "alive_at_peak": [{"name": x.name, "bytes": x.bytes} for x in plan.alive_at_peak],
        },
    }
    text: str = lazy.module("json").dumps(data, indent=1)
    return text


def _entry(row: Row) -> dict[str, object]:
    return {
        "kind": row.kind.value,
        "name": row.name,
        "detail": row.detail,
        "where": row.where,
        "function": row.function,
        "calls": row.calls,
        "nanoseconds": round(row.nanoseconds),
        "read": row.cost.read,
        "written": row.cost.written,
        "operations": row.cost.operations,
        "of_peak": row.of_peak,
        "bound": row.bound.value if row.bound is not None else None,
    }


def report_text(report: ProfileReport) -> str:
    """The report by line."""
    return str(report_table(report))


def _cells(row: Row, whole: int) -> list[str]:
    each = time_text(row.nanoseconds / row.calls) if row.calls else ""
    peak = f"{100 * row.of_peak:.0f} % {row.bound.value}" if row.bound is not None else ""
    return [
        f"{100 * row.nanoseconds / whole:.1f} %",
        time_text(row.nanoseconds),
        str(row.calls) if row.calls else "",
        each,
        f"{row.gb_per_s:.3g}" if row.cost.bytes else "",
        f"{row.gflop_per_s:.3g}" if row.cost.operations else "",
        peak,
        row.name,
        row.where,
    ]
