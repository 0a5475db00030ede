"""SVG pictures. Oracle: Python's XML parser."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

import arignote.tensor as T
from arignote.viz import PictureOptions, to_svg, view
from arignote.viz.drawing.glyphs import shorten, text_width
from printing.graphs import softmax_regression, train_function

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<b>&\"'</b>]]>--><script>alert(1)</script>"


def boxes(root):
    """The groups that show a node."""
    return [group for group in root.iter(f"{SVG}g") if group.find(f"{SVG}title") is not None]


def words(element) -> str:
    return "".join(element.itertext())


def test_every_node_is_drawn_once():
    graph = view(train_function())
    root = ET.fromstring(graph.svg)
    shown = [words(group.find(f"{SVG}title")).splitlines()[0] for group in boxes(root)]
    assert shown == [node.tooltip.splitlines()[0] for node in graph.nodes]
    lines = [path for path in root.iter(f"{SVG}path") if path.get("class", "").startswith("e")]
    assert len(lines) == len(graph.edges)


@pytest.mark.parametrize("name", [HOSTILE, "a\x00b\x1b", "\ud800", "длинное имя 名前", " ", "ID"])
def test_names_are_text(name: str):
    x = T.dvector(name)
    svg = view(x + 1, copies=False).svg
    svg.encode()
    root = ET.fromstring(svg)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "style", "rect", "path", "g", "title", "text", "tspan")
    }
    clean = re.sub("[\x00-\x08\x0b-\x1f\ud800-\udfff]", "�", name)
    assert clean in words(root)


@given(st.text(max_size=60))
def test_any_name_gives_xml(name: str):
    x = T.dvector(name)
    ET.fromstring(view(T.exp(x)).svg.encode())


def test_the_picture_brings_all_it_needs():
    svg = view(train_function()).svg
    assert "<script" not in svg
    assert re.findall(r"(?:href|src|url)\s*[=(]", svg) == []
    assert set(re.findall(r"https?://[^\"\s]+", svg)) == {"http://www.w3.org/2000/svg"}
    assert "prefers-color-scheme" in svg
    assert "max-width:100%" in svg


def test_styles_touch_no_other_part_of_a_page():
    root = ET.fromstring(view(train_function()).svg)
    name = root.get("id")
    style = re.sub(r"@media \([^)]*\)\{|\}$", "", root.find(f"{SVG}style").text)
    for selectors in re.findall(r"([^{}]+)\{", style):
        for selector in selectors.split(","):
            assert selector.strip().startswith(f"#{name}"), selector
    other = ET.fromstring(view(softmax_regression()[4]).svg)
    assert other.get("id") != name


def test_equal_graphs_give_equal_text():
    assert view(train_function()).svg == view(train_function()).svg


def test_boxes_hold_their_text_and_lie_in_the_page():
    graph = view(train_function())
    root = ET.fromstring(graph.svg)
    width, height = float(root.get("width")), float(root.get("height"))
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    (outer,) = [g for g in root if g.get("transform") and boxes(g)]
    left, top = map(float, re.findall(r"[\d.]+", outer.get("transform")))
    for group in boxes(root):
        x, y = map(float, re.findall(r"-?[\d.]+", group.get("transform")))
        shape = group.find(f"{SVG}rect")
        if shape is None:
            continue
        half = float(shape.get("width")) / 2
        assert left + x - half >= 0
        assert left + x + half <= width
        assert 0 <= top + y <= height
        for text in group.findall(f"{SVG}text"):
            size = 9.5 if text.get("class") == "t" else 11
            assert text_width(words(text), size) <= 2 * half


def test_kinds_look_different():
    *_, loss, gradients = softmax_regression()
    root = ET.fromstring(view([loss, *gradients]).svg)
    looks = {group.get("class").split()[0] for group in boxes(root)}
    assert looks == {"input", "shared", "const", "op", "named", "grad", "out", "outgrad"}


def test_arguments_out_of_order_are_numbered():
    x, y = T.dvectors("x", "y")
    z = T.exp(x)
    straight = ET.fromstring(view(x - y).svg)
    assert [t for t in straight.iter(f"{SVG}text") if t.get("class") == "p"] == []
    # z - x and x - z: one of the two has its arguments from right to left.
    both = ET.fromstring(view([z - T.exp(y), T.exp(y) - z]).svg)
    numbers = [words(t) for t in both.iter(f"{SVG}text") if t.get("class") == "p"]
    assert sorted(numbers) in ([], ["1", "2"])


def test_options():
    x = T.fmatrix("x")
    graph = view(T.exp(x))
    assert "float32 (?, ?)" in words(ET.fromstring(to_svg(graph)).find(f"{SVG}g"))
    plain = ET.fromstring(to_svg(graph, PictureOptions(types=False)))
    assert [t for t in plain.iter(f"{SVG}text") if t.get("class") == "t"] == []
    assert "0: x" in words(ET.fromstring(to_svg(graph, PictureOptions(ids=True))))
    assert "grayscale" in to_svg(graph, PictureOptions(colours=False))
    long = view(T.dvector("n" * 100) + 1)
    assert "n" * 50 not in re.sub("<title>.*?</title>", "", to_svg(long), flags=re.DOTALL)


def test_an_empty_graph():
    assert boxes(ET.fromstring(view([]).svg)) == []


@given(st.text(max_size=30), st.integers(1, 30))
def test_shorten(text: str, limit: int):
    short = shorten(text, limit)
    assert len(short) <= max(limit, 1)
    assert short == text or "…" in short
