"""Tables as text and HTML. Oracle: Python's HTML parser, and columns counted by hand."""

from __future__ import annotations

from html.parser import HTMLParser

import arignote as ari
from arignote.tables import number, table
from arignote.viz.output.tables import table_html


class Cells(HTMLParser):
    """The texts of all cells, row by row; complains of tags that do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


NASTY = table(
    ["<name>", ">n"], [["a & <b>", 1], ['"quoted"', None]], "title <x>", "note & more", [1]
)


def test_columns_line_up():
    text = str(table(["name", ">count"], [["α", 1], ["深い", 12345]], "T", "N"))
    assert text.splitlines() == ["T", "name  count", "α         1", "深い  12345", "N"]


def test_long_and_broken_cells_take_one_line():
    text = str(table(["what"], [["x" * 100], ["two\nlines"]]))
    assert [len(line) for line in text.splitlines()] == [4, 48, 9]
    assert "two lines" in text


def test_html_holds_the_cells():
    parser = Cells()
    parser.feed(table_html(NASTY))
    assert parser.rows == [["<name>", "n"], ["a & <b>", "1"], ['"quoted"', ""]]
    assert parser.open == []


def test_html_is_cut():
    html = table_html(table(["n"], [[n] for n in range(100_000)]))
    assert "99600 more rows" in html
    assert len(html.encode()) < 200_000


def test_numbers():
    given = [None, 3, 3.0, 1234567, 0.1, 1e-9, 123456.7, float("nan"), -0.5]
    assert [number(x) for x in given] == [
        "", "3", "3", "1234567", "0.1", "1e-09", "1.235e+05", "nan", "-0.5"
    ]  # fmt: skip


def test_the_bundle_has_both():
    assert set(NASTY._repr_mimebundle_()) == {"text/plain", "text/html"}
    assert set(ari.config._repr_mimebundle_()) == {"text/plain", "text/html"}
    assert ari.config._repr_mimebundle_()["text/html"].count("<tr") == len(vars_of_config()) + 1


def vars_of_config():
    return [name for name in dir(ari.config) if name not in ("change", "reset")]
