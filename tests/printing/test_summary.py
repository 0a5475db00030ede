"""Summaries and sources of functions. Oracles: counts from the function's own graph and log."""

from __future__ import annotations

import re
import shutil
from html import unescape

import numpy as np
import pytest

import arignote as ari
import arignote.tensor as T
from arignote.errors import CompilerError, GraphError
from arignote.viz.explorer.summary import pass_times, summary
from arignote.viz.output.code import Language, source
from printing.graphs import train_function

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler"
)


def model(mode=None):
    x = T.dvector("x")
    h = T.exp(x)
    h.name = "h"
    total = T.tanh(h).sum()
    total.name = "total"
    return x, h, total, ari.function([x], [h * 2, total], name="f", mode=mode)


def test_the_text_counts_nodes_rewrites_and_steps():
    f = train_function()
    text = str(summary(f))
    assert text.startswith("<Function train(x, y) -> loss>\n  input    x: float32 (?, ?)\n")
    assert f"{len(f.graph.order)} as built, {len(f.fgraph.order)} that run" in text
    assert re.search(rf"rewrites {len(f.rewrites)}: ", text)
    assert sum(summary(f).steps.values()) == len(f.program.computing)
    assert sum(summary(f).tags.values()) == len(f.rewrites)


def test_tables_have_a_row_for_each():
    f = train_function()
    found = summary(f)
    assert len(found.kernels.rows) == len(f.program.computing)
    assert {row[1] for row in found.rewrites.rows} == {firing.name for firing in f.rewrites}
    assert [row[:2] for row in found.variables.rows] == [
        ("input", "x"), ("input", "y"), ("output", "loss"), ("update", "W"), ("update", "b"),
    ]  # fmt: skip


def test_the_memory_of_calls_and_between_them():
    """Bytes by hand: float64 has 8, and exp, tanh and sum over 1000 numbers give three results."""
    found = summary(model("FAST_COMPILE")[-1])
    assert re.search(r"memory   peak [\d.]+ KiB for x \(100,\)", str(found))
    rows = {row[3]: row for row in found.memory.rows if row[2] == "a call, for example"}
    assert set(rows) == {"x (100,)", "x (1000,)", "x (10000,)"}
    x, results = 8 * 1000, 8 * (1000 + 1)
    assert 1024 * float(rows["x (1000,)"][0].removesuffix(" KiB")) >= x + results
    assert "<summary>memory" in found.html()


def test_the_memory_of_state():
    f = train_function()
    rows = {row[2]: row[0] for row in summary(f).memory.rows}
    held = sum(x.get_value().nbytes for x in f.get_shared())
    assert rows["shared variables"] == f"{held / 1024:.3g} KiB"
    x, y = np.zeros((30, 64), "float32"), np.zeros(30, "int32")
    f.wait()
    f(x, y)
    peak = next(row[0] for row in summary(f).memory.rows if row[3] == "x (30, 64), y (30,)")
    assert f.memory(x, y).peak == pytest.approx(1024 * float(peak.removesuffix(" KiB")), rel=0.01)


def test_numpy_functions():
    f = model("FAST_COMPILE")[-1]
    found = summary(f)
    assert "runs with NumPy" in str(found)
    assert len(found.kernels.rows) == len(f.fgraph.order)
    assert found.rewrites.rows == ()
    assert "<summary>rewrites" not in found.html()


def test_times():
    f = train_function()
    times = pass_times(f)
    assert {"rewrite", "expand"} <= set(times)
    assert "made in  50 ms (rewrite 2.0 ms)" in str(summary(f, {"all": 0.05, "rewrite": 0.002}))


def test_many_variables_are_cut():
    xs = [T.dscalar(f"x{n}") for n in range(90)]
    f = ari.function(xs, sum(xs[1:], xs[0]), mode="FAST_COMPILE")
    assert "... 51 more" in str(summary(f))
    assert len(summary(f).html().encode()) < 40_000


# ---- source -------------------------------------------------------------------------------------


@needs_compiler
def test_c_of_a_variable_is_that_of_its_kernel():
    x, h, total, f = model()
    assert str(source(f)) == str(f.code())
    for of in (h, "h", total, 1):
        text = str(source(f, of))
        assert "exp(" in text
        assert text in {str(f.code(step=n + 1)) for n in range(len(f.program.computing))}
    with pytest.raises(GraphError, match="no step computes x: it is an input"):
        source(f, x)
    with pytest.raises(GraphError, match=r"no variable of .* is named 'hh'"):
        source(f, "hh")
    with pytest.raises(GraphError, match="there is no step 9"):
        source(f, 9)


@needs_compiler
def test_a_product_has_no_kernel():
    a, b = T.dmatrices("a", "b")
    p = a @ b
    p.name = "p"
    with pytest.raises(CompilerError, match="BLAS"):
        source(ari.function([a, b], p), "p")


def test_no_c_with_numpy():
    with pytest.raises(CompilerError, match="NumPy runs this function"):
        source(model("FAST_COMPILE")[-1])


@pytest.mark.parametrize("mode", [None, "FAST_COMPILE"])
def test_numpy_text_computes_the_same(mode):
    """Its lines are Python: run with NumPy's functions they give what the function gives."""
    _, _, _, f = model(mode)
    text = str(source(f, language=Language.NUMPY))
    names: dict = {"exp": np.exp, "tanh": np.tanh, "sum": np.sum}
    exec(text, names)
    given = np.array([0.1, -2.0, 3.0])
    for ours, theirs in zip(f(given), names["f"](given), strict=True):
        np.testing.assert_allclose(ours, theirs)
    assert "# " in text


def test_numpy_text_of_one_step_and_updates():
    f = train_function()
    assert "W.set_value(" in str(source(f, language=Language.NUMPY))
    assert str(source(f, 1, Language.NUMPY)).startswith("# step 1\n")


def test_html_holds_the_text():
    found = source(model("FAST_COMPILE")[-1], language=Language.NUMPY)
    bare = re.sub(r"<style>.*?</style>|<[^>]+>", "", found.html, flags=re.DOTALL)
    assert unescape(bare).strip() == found.text.strip()
    assert '<span class="k">def</span>' in found.html


def test_without_pygments_the_text_is_plain(monkeypatch):
    monkeypatch.setattr("arignote.lazy.module", _missing)
    found = source(model("FAST_COMPILE")[-1], language=Language.NUMPY)
    assert "<span" not in found.html
    assert "def f(x):" in found.html


def _missing(name: str):
    raise ModuleNotFoundError(name)
