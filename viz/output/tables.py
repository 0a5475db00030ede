"""Tables as HTML that is legible on light and dark pages and can be sorted where scripts run."""

import re
from functools import cache
from html import escape

from arignote.tables import Table
from arignote.viz.files import static_text

MAX_HTML_ROWS = 400
# Longer texts get a column that breaks lines.
LONG = 60


def table_html(table: Table) -> str:
    """A table with its style and the script that sorts it.

    Parameters
    ----------
    table : Table
        Beyond 400 rows the rest is counted only.

    Example
    -------
    >>> from arignote.tables import table
    >>> "<td>a &lt; b</td>" in table_html(table(["what"], [["a < b"]]))
    True
    """
    return f"<style>{table_css()}</style>{table_body(table)}<script>{table_script()}</script>"


def table_body(table: Table) -> str:
    """A table without style and script, for pages of several."""
    classes = ['class="ari-number"' if right else "" for right in table.is_number]
    head = "".join(
        _tag("th", escape(name), how) for name, how in zip(table.titles, classes, strict=True)
    )
    marks = ['class="ari-marked"' if n in table.marked else "" for n in range(MAX_HTML_ROWS)]
    rows = "".join(
        _tag("tr", _row(cells, classes), mark)
        for cells, mark in zip(table.rows, marks, strict=False)
    )
    title = f'<div class="ari-title">{escape(table.title)}</div>' if table.title else ""
    more = len(table.rows) - MAX_HTML_ROWS
    notes = [table.note] if table.note else []
    notes += [f"... and {more} more rows"] if more > 0 else []
    note = "".join(f'<div class="ari-note">{escape(text)}</div>' for text in notes)
    return (
        f'<div class="ari-table">{title}<table class="ari-grid"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>{note}</div>"
    )


def _row(cells: tuple[str, ...], classes: list[str]) -> str:
    return "".join(
        _tag("td", escape(text), 'class="ari-wrap"' if len(text) > LONG and not how else how)
        for text, how in zip(cells, classes, strict=True)
    )


def _tag(name: str, content: str, attributes: str = "") -> str:
    return f"<{name}{f' {attributes}' if attributes else ''}>{content}</{name}>"


@cache
def table_css() -> str:
    """The style of all tables."""
    return static_text("table.css")


@cache
def table_script() -> str:
    """A script that makes the tables of its page sortable."""
    text = static_text("table.js")
    plain = re.sub(r"^export ", "", text, flags=re.MULTILINE)
    return f"(() => {{\n{plain}\nreadyTables(document);\n}})();"
