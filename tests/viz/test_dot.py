"""Graphs in the language of Graphviz. Oracles: a tokenizer of the language, `dot` where present."""

from __future__ import annotations

import re
import subprocess
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

import arignote.tensor as T
from arignote.errors import GraphError
from arignote.viz import view
from arignote.viz.drawing import dot
from printing.graphs import chain, train_function

needs_dot = pytest.mark.skipif(dot.dot_program() is None, reason="Graphviz is not installed")

TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|->|[\[\]{};=,]|[A-Za-z_0-9.]+)', re.DOTALL)


def parsed(text: str):
    """The nodes (name -> attributes) and edges of a digraph."""
    tokens, place = [], 0
    while text[place:].strip():
        match = TOKEN.match(text, place)
        assert match, text[place : place + 40]
        tokens.append(match[1])
        place = match.end()
    assert tokens[0] == "digraph"
    assert tokens[2] == "{"
    assert tokens[-1] == "}"
    statement, nodes, edges = [], {}, []
    for token in tokens[3:-1]:
        if token != ";":
            statement.append(token)
            continue
        open_ = statement.index("[")
        inner = statement[open_ + 1 : -1]
        attributes = dict(zip(inner[::4], inner[2::4], strict=True))
        if "->" in statement:
            edges.append((statement[0], statement[2]))
        elif statement[0] not in {"graph", "node", "edge"}:
            nodes[statement[0]] = attributes
        statement = []
    assert statement == []
    return nodes, edges


def test_every_node_and_edge_is_written():
    graph = view(train_function())
    nodes, edges = parsed(graph.dot)
    assert list(nodes) == [f"n{node.id}" for node in graph.nodes]
    assert edges == [(f"n{edge.start}", f"n{edge.end}") for edge in graph.edges]
    (loss,) = [a for a in nodes.values() if "loss = " in a["label"]]
    assert loss["shape"] == "box"
    assert loss["penwidth"] == "2"


@given(st.text(max_size=40))
def test_any_name_is_one_string(name: str):
    nodes, edges = parsed(view(T.dvector(name) + 1).dot)
    assert len(nodes) == 3
    assert len(edges) == 2


@needs_dot
@pytest.mark.parametrize("name", ["<b>&\"'\\", "\\N", "a\nb", "{|}", "\\", "длинное"])
def test_dot_draws_it(name: str):
    x = T.dvector(name)
    svg = dot.render(view(T.exp(x)).dot, "svg")
    shown = "".join(ET.fromstring(svg).itertext())
    assert name.split("\n")[0] in shown


@needs_dot
def test_save_as_png(tmp_path):
    path = view(train_function()).save(tmp_path / "graph.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_without_dot_the_error_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GraphError, match="svg"):
        view(chain(2)).save(tmp_path / "graph.png")
    assert not (tmp_path / "graph.png").exists()


@needs_dot
def test_dot_refuses_a_format():
    with pytest.raises(GraphError, match="could not draw a nothing"):
        dot.render(view(chain(2)).dot, "nothing")


def test_dot_is_stopped(monkeypatch):
    def slow(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(dot, "dot_program", lambda: "dot")
    monkeypatch.setattr(subprocess, "run", slow)
    with pytest.raises(GraphError, match="stopped"):
        dot.render("digraph {}", "png", time_limit=0.5)
