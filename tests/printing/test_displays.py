"""pydotprint and what notebooks show. Oracles: file signatures, Python's XML parser."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

import arignote as ari
import arignote.tensor as T
from arignote import pydotprint
from arignote.errors import GraphError
from arignote.viz import GraphView
from arignote.viz.drawing.dot import dot_program
from printing.graphs import chain, softmax_regression, train_function


@pytest.fixture
def loss():
    return softmax_regression()[4]


# ---- pydotprint ---------------------------------------------------------------------------------


def test_svg_is_the_default(loss, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pydotprint(loss)
    assert capsys.readouterr().out == "The output file is available at arignote.svg\n"
    ET.parse(tmp_path / "arignote.svg")


def test_the_suffix_says_the_format(loss, tmp_path, capsys):
    pydotprint(loss, outfile=tmp_path / "a.dot", print_output_file=False)
    assert (tmp_path / "a.dot").read_text("utf-8").startswith("digraph")
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(dot_program() is None, reason="Graphviz is not installed")
def test_png_through_dot(loss, tmp_path):
    pydotprint(loss, outfile=str(tmp_path / "a.png"), format="png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert pydotprint(loss, format="png", return_image=True).startswith(b"\x89PNG")


def test_png_without_dot_is_refused(loss, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GraphError, match="format='svg'"):
        pydotprint(loss, outfile=tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_return_image(loss, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = pydotprint(loss, return_image=True)
    assert isinstance(image, GraphView)
    assert ET.fromstring(image._repr_mimebundle_()["image/svg+xml"]).tag.endswith("svg")
    assert list(tmp_path.iterdir()) == []


def test_options(loss):
    def svg(**options):
        return pydotprint(loss, return_image=True, **options).svg

    assert len(svg(compact=False)) > len(svg())
    assert ">0: x<" in svg(with_ids=True)
    assert "grayscale" in svg(high_contrast=False)
    assert "…" in svg(max_label_size=10)
    assert len(svg(var_with_name_simple=True)) < len(svg())


# ---- rich displays ------------------------------------------------------------------------------

ALL = {"text/plain", "text/latex", "text/html", "image/svg+xml"}


def test_a_shared_variable():
    w = ari.shared(np.array([[1.0, -3.0], [np.nan, 2.0]]), "w<b>")
    bundle = w._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"].splitlines() == [
        "w<b>: float64 (2, 2)",
        "  min -3, max 2, mean 0, std 2.16, nan 1",
        "  [[ 1. -3.]",
        "   [nan  2.]]",
    ]
    assert '<td class="ari-number">2.16</td>' in bundle["text/html"]
    assert "w&lt;b&gt;: float64 (2, 2)" in bundle["text/html"]


@pytest.mark.parametrize("value", [3.0, True, [], np.zeros((0, 4)), np.arange(1e6), 2j])
def test_values_of_all_kinds(value):
    bundle = ari.shared(value)._repr_mimebundle_()
    assert bundle["text/plain"].startswith("shared: ")
    assert len(bundle["text/plain"]) < 400
    assert len(bundle["text/html"]) < 20_000


def test_a_variable():
    x = T.fmatrix("x")
    y = T.exp(x)
    y.name = "y"
    bundle = y._repr_mimebundle_()
    assert set(bundle) == ALL
    assert bundle["text/plain"] == "y = exp(x)"
    assert bundle["text/latex"] == r"$\displaystyle y = e^{x}$"
    assert bundle["text/latex"] in bundle["text/html"]
    assert "<iframe" in bundle["text/html"]
    ET.fromstring(bundle["image/svg+xml"])


def test_an_input_is_text():
    assert T.fmatrix("x")._repr_mimebundle_() == {"text/plain": "x", "text/latex": "$x$"}
    assert T.fmatrix()._repr_mimebundle_() == {"text/plain": "<TensorType(float32, matrix)>"}


def test_include_and_exclude():
    y = T.fmatrix("x") + 1
    assert set(y._repr_mimebundle_(include={"text/plain"})) == {"text/plain"}
    assert set(y._repr_mimebundle_(exclude={"text/plain"})) == ALL - {"text/plain"}
    assert set(y._repr_mimebundle_(include=None, exclude=set())) == ALL


def test_a_function():
    f = train_function()
    text = f._repr_mimebundle_()["text/plain"]
    assert text.splitlines() == [
        "<Function train(x, y) -> loss>",
        "  input   x: TensorType(float32, matrix)",
        "  input   y: TensorType(int32, vector)",
        "  output  loss: TensorType(float32, scalar)",
        f"  update  W: {f.updates[0][0].type}",
        f"  update  b: {f.updates[1][0].type}",
        f"  runs    {len(f.fgraph.order)} nodes",
    ]
    bundle = f._repr_mimebundle_()
    ET.fromstring(bundle["image/svg+xml"])
    html = bundle["text/html"]
    assert html.index("<details") < html.index("<iframe")
    for words in ("float32 (?, ?)", "log_of_softmax", "rewrites", "BLAS", "optimizer o3"):
        assert words in html


def test_a_large_function_stays_small():
    x = y = T.dvector("x")
    ws = [ari.shared(np.zeros(3), f"w{n}") for n in range(150)]
    for w in ws:
        y = T.tanh(y * w + 1)
    updates = {w: w - g for w, g in zip(ws, ari.grad(y.sum(), ws), strict=True)}
    bundle = ari.function([x], y, updates=updates, mode="FAST_COMPILE")._repr_mimebundle_()
    assert sum(len(text.encode()) for text in bundle.values()) <= 200_000
    assert len(bundle["text/plain"].splitlines()) <= 31


def test_functions_of_nothing_and_of_many():
    assert "0 nodes" in ari.function([], [])._repr_mimebundle_()["text/plain"]
    xs = [T.dscalar(f"x{n}") for n in range(60)]
    text = ari.function(xs, sum(xs[1:], xs[0]))._repr_mimebundle_()["text/plain"]
    assert len(text.splitlines()) <= 30


@pytest.mark.parametrize("length", [50, 180, 290, 310, 20_000])
def test_displays_stay_small(length: int):
    bundle = chain(length)._repr_mimebundle_()
    assert sum(len(text.encode()) for text in bundle.values()) <= 201_000
    first = bundle["text/plain"].splitlines()[0]
    assert len(first) <= 300
    if length > 300:
        assert "image/svg+xml" not in bundle
        assert "debugprint" in bundle["text/plain"]
