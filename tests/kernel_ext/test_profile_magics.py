"""`%%profile`, `%profile` and `%memory`; oracles: the clock, and what plain functions give."""

from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ET

import pytest

from arignote.compile.report import ProfileReport
from arignote.compile.report_rows import RowKind

SETUP = """import numpy as np
from arignote import T, function, shared, grad
x = T.dmatrix("x")
w = shared(np.full((20, 10), 0.1), "w")
loss = T.tanh(x @ w).sum()
train = function([x], loss, updates={w: w - 0.1 * grad(loss, w)}, name="train")
data = np.ones((50, 20))
"""
HTML, SVG, PLAIN = "text/html", "image/svg+xml", "text/plain"
CELL = """%%profile
for _ in range(20):
    train(data)
"""


@pytest.fixture
def made(shell):
    shell.good(SETUP)
    shell.names.pop("_profile", None)
    return shell


def test_a_cell_is_run_and_shown(made):
    start = time.perf_counter_ns()
    outcome = made.good(CELL + "done = 1")
    wall = time.perf_counter_ns() - start
    report = made.names["_profile"]
    assert isinstance(report, ProfileReport)
    assert report.calls == 20
    assert made.names["done"] == 1
    assert 0 < report.wall < wall
    for by in ("line", "kernel", "op", "function"):
        total = sum(row.nanoseconds for row in report.rows(by))
        assert total == pytest.approx(report.wall, rel=0.05)
    (shown,) = outcome.displays
    assert len(shown.data[HTML]) + len(shown.data[PLAIN]) < 200_000
    assert "train: checks" in shown.data[PLAIN]
    assert "cell In[" in shown.data[PLAIN]
    assert "<iframe" in shown.data[HTML]
    assert outcome.result is None


def test_the_value_of_the_last_expression_is_that_of_the_cell(made):
    assert made.good("%%profile\ny = 2\ny + 1").result == 3
    assert made.good("%%profile\ny = 2\ny + 1;").result is None
    assert made.good("%%profile\ny = 2").result is None


def test_an_expression(made):
    outcome = made.good("%profile train(data), train(data) --by kernel --view icicle")
    assert made.names["_profile"].calls == 2
    assert outcome.result is None
    assert len(outcome.displays) == 1
    report = made.good("report = %profile -r train(data)")
    assert report.displays == []
    assert made.names["report"] is made.names["_profile"]


def test_text_has_so_many_rows_in_that_order(made):
    outcome = made.good("%%profile --view text --by op --sort calls --top 3\n" + CELL[10:])
    lines = outcome.stdout.splitlines()
    assert outcome.displays == []
    # A title, the names of the columns, three rows and what is left.
    rows = lines[2:6]
    assert "more" in rows[3]
    assert [line.split()[4] for line in rows[:3]] == ["20"] * 3


def test_json_has_all_rows(made, tmp_path):
    path = tmp_path / "profile.json"
    made.good(f"%%profile --json {path} --top 1\n" + CELL[10:])
    found = json.loads(path.read_text())
    assert found["calls"] == 20
    for rows in found["rows"].values():
        total = sum(row["nanoseconds"] for row in rows)
        assert total == pytest.approx(found["wall"], rel=0.05)
    assert found["memory"]["peak"] > 50 * 20 * 8


def test_an_error_comes_through_and_the_report_is_shown(made):
    outcome = made.run("%%profile\ntrain(data)\n1 / 0\ntrain(data)")
    assert isinstance(outcome.error, ZeroDivisionError)
    (marked,) = [line for line in outcome.marked if "1 / 0" in line]
    assert marked.split()[1] == "3"
    assert made.names["_profile"].calls == 1
    assert len(outcome.displays) == 1
    assert made.names["train"]._timing is None


def test_functions_made_in_the_cell_are_compiling(made):
    made.good("%%profile\nf = function([x], T.exp(x), name='f')\nf(data)")
    rows = made.names["_profile"].rows("line")
    assert any(row.kind is RowKind.COMPILING and row.name == "compiling f" for row in rows)


def test_bad_arguments(made):
    assert "needs an expression" in made.usage_error("%profile")
    assert "no option" in made.usage_error("%%profile train\n1")
    assert "--by" in made.usage_error("%profile train(data) --by place")
    assert "--top" in made.usage_error("%profile train(data) --top 0")
    assert "line 2\n    1 +" in made.run("%%profile\n1 +").stdout
    assert "%%time" in made.usage_error("%%profile\n%%time\n1")
    assert "_profile" not in made.names


@pytest.mark.parametrize("magic", ["%%profile -h", "%profile -h", "%memory -h"])
def test_help(made, magic):
    text = made.good(magic).stdout
    assert "%memory f" in text or "%%profile" in text or "%memory train" in text


def test_options_are_completed(made):
    assert {"--sort", "--by", "--view", "--json"} <= set(made.completions("%%profile --"))
    assert made.completions("%%profile --by k") == ["kernel"]
    assert "train" in made.completions("%memory tra")


# ---- %memory ------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["data", "(50, 20)", "np.ones((50, 20))"])
def test_memory_of_a_call(made, given):
    (shown,) = made.good(f"%memory train {given}").displays
    plan = made.names["train"].memory((50, 20))
    assert shown.data[PLAIN] == str(plan)
    svg = ET.fromstring(shown.data[SVG])
    assert svg.tag.endswith("svg")
    assert "prefers-color-scheme:dark" in shown.data[SVG]
    assert "data" in made.names


def test_memory_of_several_inputs(made):
    made.good("y = T.dmatrix('y')\ng = function([x, y], x @ y)")
    wanted = str(made.names["g"].memory((5, 6), (6, 7)))
    for given in ("(5, 6) (6, 7)", "(5, 6), (6, 7)", "np.ones((5, 6)), (6, 7)"):
        (shown,) = made.good(f"%memory g {given}").displays
        assert shown.data[PLAIN] == wanted


def test_memory_without_inputs_is_that_of_the_last_profile(made):
    assert "give the inputs" in made.usage_error("%memory train")
    made.good(CELL)
    (shown,) = made.good("%memory train").displays
    assert shown.data[PLAIN] == str(made.names["train"].memory((50, 20)))
    assert "needs a function" in made.usage_error("%memory data")
