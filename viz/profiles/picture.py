"""A still picture of a profile, for where no script runs: a bar, and the first rows."""

from html import escape

from arignote.compile.report import ProfileReport
from arignote.compile.report_rows import By, Row, RowKind
from arignote.compile.report_text import headline
from arignote.execute.profile import time_text
from arignote.viz.drawing.glyphs import shorten, shorten_end

WIDTH, ROW, TOP = 900, 19, 86
_LIGHT = {
    RowKind.KERNEL: "#3f72d1", RowKind.PRODUCT: "#3f9560", RowKind.NUMPY: "#c06a8f",
    RowKind.OVERHEAD: "#dba83e", RowKind.COMPILING: "#a99ad9", RowKind.PYTHON: "#b0b7c3",
    RowKind.MEASURING: "#d5d9e0",
    RowKind.LINE: "#3f72d1", RowKind.OP: "#3f72d1", RowKind.FUNCTION: "#3f72d1",
}  # fmt: skip
_STYLE = (
    'text{font:11.5px "Helvetica Neue",Helvetica,Arial,"Liberation Sans",sans-serif;fill:#1c2533}'
    ".page{fill:#fdfdfe;stroke:#dfe3ea}.t{fill:#5b6678;font-size:10.5px}.e{text-anchor:end}"
    ".h{font-size:13px;font-weight:600}.z{fill:#f1f3f7}"
    "@media (prefers-color-scheme:dark){text{fill:#e6eaf1}.page{fill:#161a21;stroke:#2c333f}"
    ".t{fill:#9aa6b8}.z{fill:#1d222b}}"
)
_COLUMNS = ((126, "e", "time"), (184, "e", "calls"), (246, "e", "GB/s"), (314, "e", "GFLOP/s"),
            (404, "e", "of peak"), (418, "", "what"), (720, "", "where"))  # fmt: skip


def profile_svg(report: ProfileReport, by: By = By.LINE, sort: str = "time", top: int = 12) -> str:
    """The report as an SVG picture, for light and dark pages.

    Parameters
    ----------
    report : ProfileReport
    by, sort : see `ProfileReport.rows`
    top : int
        How many rows.
    """
    rows = report.rows(by, sort)[:top]
    height = TOP + ROW * len(rows) + 14
    first, _, rest = headline(report).partition(": ")
    parts = [
        _text("h", 14, 22, first),
        *_bar(report),
        *[_text(f"t {anchor}", x, TOP - 8, name) for x, anchor, name in _COLUMNS],
        *[part for n, row in enumerate(rows) for part in _line(row, report.whole, TOP + ROW * n)],
    ]
    parts.insert(1, _text("t", 14, 64, shorten_end(rest, 150)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}" role="img"><style>{_STYLE}</style>'
        f'<rect class="page" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>'
        f"{''.join(parts)}</svg>\n"
    )


def _bar(report: ProfileReport) -> list[str]:
    """What the time was spent on, as parts of a bar."""
    whole, x, parts = max(report.whole, 1), 14.0, []
    for kind, spent in report.summary.items():
        width = (WIDTH - 28) * spent / whole
        title = f"{kind.value}: {time_text(spent)}"
        parts.append(
            f'<rect x="{x:.1f}" y="32" width="{max(width, 0):.1f}" height="14" '
            f'fill="{_LIGHT[kind]}"><title>{escape(title)}</title></rect>'
        )
        x += width
    return parts


def _line(row: Row, whole: int, top: float) -> list[str]:
    share = row.nanoseconds / max(whole, 1)
    cells = (
        time_text(row.nanoseconds),
        str(row.calls or ""),
        f"{row.gb_per_s:.3g}" if row.cost.bytes else "",
        f"{row.gflop_per_s:.3g}" if row.cost.operations else "",
        f"{100 * row.of_peak:.0f} % {row.bound.value}" if row.bound is not None else "",
        shorten(row.name, 48),
        shorten_end(row.where, 28),
    )
    width = max(60 * share, 0.5)
    size = f'x="14" y="{top + 3:.1f}" height="12" rx="2"'
    title = f"<title>{100 * share:.1f} %</title>"
    return [
        f'<rect class="z" {size} width="60"/>',
        f'<rect {size} width="{width:.1f}" fill="{_LIGHT[row.kind]}">{title}</rect>',
        *[
            _text(anchor, x, top + 13, text)
            for (x, anchor, _), text in zip(_COLUMNS, cells, strict=True)
        ],
    ]


def _text(look: str, x: float, y: float, text: str) -> str:
    return f'<text class="{look}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>' if text else ""
