"""The report of a profile as a page: table, icicle, memory, graphs with heat."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from arignote.compile import Function
from arignote.compile.memory import MemoryPlan
from arignote.compile.report import ProfileReport
from arignote.compile.report_rows import By, Row, RowKind
from arignote.compile.report_text import headline, notes, report_table
from arignote.errors import GraphError, join_names, message
from arignote.graph import Apply
from arignote.viz.drawing.boxes import Heat
from arignote.viz.drawing.glyphs import shorten, shorten_end
from arignote.viz.drawing.model import GraphView, view
from arignote.viz.explorer.document import document
from arignote.viz.explorer.explorer import chosen
from arignote.viz.output.page import MAX_VIEW_BYTES, App, Theme, frame, page
from arignote.viz.output.squeeze import squeezed
from arignote.viz.profiles.memory_chart import memory_data
from arignote.viz.profiles.picture import profile_svg

APP = App("profile.js", "mountProfile", ("explorer.css", "profile.css"))
HEIGHT = 520
MAX_ROWS = 120
MAX_LEAVES = 400
MAX_GRAPHS = 4
# What a page can do without if there is little room, the dearest first.
_SPARED = (("graphs",), ("graphs", "memory"))
VIEWS = ("table", "icicle", "memory", "graph")


@dataclass(frozen=True, eq=False, repr=False)
class ProfileView:
    """A report as a page; as the last line of a cell it is shown.

    Attributes
    ----------
    report : ProfileReport
    by : By
        What the rows of the table stand for at first.
    sort : str
        'time', 'calls' or 'memory'.
    top : int
        How many rows are shown at first.
    view : str
        What is shown at first: 'table', 'icicle', 'memory' or 'graph'.
    theme : Theme
    """

    report: ProfileReport
    by: By = By.LINE
    sort: str = "time"
    top: int = 20
    view: str = "table"
    theme: Theme = Theme.AUTO

    @cached_property
    def data(self) -> dict[str, Any]:
        """What the page shows, as plain data that `json.dumps` takes."""
        report = self.report
        return {
            "wall": report.wall,
            "whole": report.whole,
            "calls": report.calls,
            "headline": headline(report),
            "summary": [[kind.value, ns] for kind, ns in report.summary.items() if ns > 0],
            "notes": notes(report),
            "tables": {by.value: _rows(report.rows(by)) for by in By},
            "icicle": icicle(report),
            "memory": [memory_data(p) for p in _plans(report)],
            "graphs": _graphs(report),
        }

    @property
    def _options(self) -> dict[str, Any]:
        return {"by": self.by.value, "sort": self.sort, "top": self.top, "view": self.view}

    @property
    def html(self) -> str:
        """A complete page that opens without a network."""
        return self._page(self.data)

    def _page(self, data: Mapping[str, Any]) -> str:
        return page(data, app=APP, title="profile", theme=self.theme, options=self._options)

    @property
    def picture(self) -> str:
        """A still picture: the bar of what time was spent on, and the first rows."""
        return profile_svg(self.report, self.by, self.sort, min(self.top, 12))

    def save(self, path: str | Path) -> Path:
        """Writes the page (`.html`), the rows (`.json`) or the picture (`.svg`) to a file.

        Raises
        ------
        GraphError
            The suffix is none of these.
        """
        path = Path(path).expanduser()
        suffix = path.suffix.lower()
        if suffix == ".html":
            path.write_text(self.html, encoding="utf-8")
        elif suffix == ".json":
            path.write_text(self.report.json(), encoding="utf-8")
        elif suffix == ".svg":
            path.write_text(self.picture, encoding="utf-8")
        else:
            known = join_names([".html", ".json", ".svg"])
            raise GraphError(message(f"cannot write {path.name}.", hint=f"a suffix of {known}"))
        return path

    def __repr__(self) -> str:
        return str(report_table(self.report, self.by, self.sort, self.top))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return chosen(self.forms(repr(self)), include, exclude)

    def forms(self, plain: str) -> dict[str, str]:
        """The text, and the page within the output with its picture; less than 200 kB."""
        room = MAX_VIEW_BYTES - len(plain.encode())
        for spared in ((), *_SPARED):
            data = {key: value for key, value in self.data.items() if key not in spared}
            found = frame(self._page(data), height=HEIGHT, theme=self.theme, picture=self.picture)
            if len(found.encode()) <= room:
                return {"text/plain": plain, "text/html": found}
        return {"text/plain": plain}


def profile_view(
    report: object, by: By | str, sort: str, top: int, view: str, theme: str
) -> ProfileView:
    """See `arignote.viz.profile`."""
    if not isinstance(report, ProfileReport):
        problem = f"viz.profile takes the report of a block, not a {type(report).__name__}."
        raise GraphError(message(problem, hint="with profiling() as report: ..."))
    report.rows(by, sort)
    if view not in VIEWS:
        raise GraphError(message(f"view is one of {join_names(VIEWS)}, not {view!r}."))
    return ProfileView(report, By(by), sort, top, view, Theme(theme))


# ---- rows ---------------------------------------------------------------------------------------


def _rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    shown = [_row(row) for row in rows[:MAX_ROWS]]
    rest = rows[MAX_ROWS:]
    if rest:
        shown.append({"kind": "rest", "name": f"{len(rest)} more", "ns": _sum(rest)})
    return shown


def _sum(rows: Iterable[Row]) -> int:
    return round(sum(row.nanoseconds for row in rows))


def _row(row: Row) -> dict[str, Any]:
    found = {
        "kind": row.kind.value,
        "name": shorten_end(row.name, 70),
        "detail": shorten(row.detail if row.detail != row.name else "", 400),
        "where": shorten_end(row.where, 60),
        "function": shorten_end(row.function, 40),
        "calls": row.calls,
        "ns": round(row.nanoseconds),
        "bytes": row.cost.bytes,
        "operations": row.cost.operations,
        "peak": round(row.of_peak, 4),
        "bound": row.bound.value if row.bound is not None else "",
    }
    return {key: value for key, value in found.items() if value}


# ---- icicle -------------------------------------------------------------------------------------


def icicle(report: ProfileReport) -> dict[str, Any]:
    """The block, its functions, their lines, and their steps: each as wide as it took."""
    labels = report.labels
    branches = [_function_branch(report, f, labels[f]) for f in report.functions]
    rest = [
        {
            "kind": row.kind.value,
            "name": row.name,
            "detail": row.detail,
            "ns": round(row.nanoseconds),
        }
        for row in report.rows(By.FUNCTION)
        if row.kind in (RowKind.COMPILING, RowKind.MEASURING, RowKind.PYTHON)
    ]
    children = _largest([*branches, *rest], MAX_LEAVES)
    return {"kind": "block", "name": "block", "ns": report.whole, "children": children}


def _function_branch(report: ProfileReport, f: Function, label: str) -> dict[str, Any]:
    steps = report.lines_of(f)
    lines: dict[tuple[str, str], list[Row]] = {}
    for line, row in steps:
        lines.setdefault((line.name, line.where), []).append(row)
    children = [
        {
            "kind": "line",
            "name": shorten_end(name, 60),
            "where": where,
            "ns": _sum(rows),
            "children": _largest([_row(row) for row in rows], 24),
        }
        for (name, where), rows in lines.items()
    ]
    outside = report.profiles[f].overhead
    over = {"kind": "overhead", "name": "overhead", "detail": "checks, new arrays, updates"}
    return {
        "kind": "function",
        "name": label,
        "detail": shorten(repr(f), 200),
        "calls": report.profiles[f].calls,
        "ns": round(sum(_sum(rows) for rows in lines.values()) + outside),
        "children": _largest([*children, {**over, "ns": round(outside)}], 60),
    }


def _largest(branches: list[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """Branches that took any time, the largest first, those beyond a limit as one."""
    found = sorted([b for b in branches if b["ns"] > 0], key=lambda branch: -branch["ns"])
    rest = found[limit:]
    if rest:
        spent = sum(branch["ns"] for branch in rest)
        found = [*found[:limit], {"kind": "rest", "name": f"{len(rest)} more", "ns": spent}]
    return found


# ---- memory, graphs -----------------------------------------------------------------------------


def _plans(report: ProfileReport) -> list[MemoryPlan]:
    plans = [plan for f in report.functions[:MAX_GRAPHS] if (plan := report.memory_of(f))]
    return sorted(plans, key=lambda plan: -plan.peak)


def _graphs(report: ProfileReport) -> list[dict[str, Any]]:
    labels = report.labels
    found = []
    for f in report.functions[:MAX_GRAPHS]:
        graph = view(f)
        shown = document(graph, heats=heats_of(report, f, graph), start={"heat": "time"})
        found.append({"name": labels[f], "document": squeezed(shown)})
    return found


def heats_of(report: ProfileReport, f: Function, graph: GraphView) -> list[Heat]:
    """By what the nodes of a function's graph can be coloured: time, and how near the limit."""
    rows = report.nodes(f)
    time: list[float | None] = []
    near: list[float | None] = []
    moved: list[float | None] = []
    for thing in graph.stands_for:
        row = rows.get(thing) if isinstance(thing, Apply) else None
        time.append(None if row is None else row.nanoseconds / 1e3 / max(row.calls, 1))
        near.append(None if row is None else 100 * row.of_peak)
        moved.append(None if row is None else row.gb_per_s)
    return [Heat("time", "us", time), Heat("of peak", "%", near), Heat("GB/s", "GB/s", moved)]
