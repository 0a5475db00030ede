"""Graphs drawn by the package d3graph: nodes that push and pull each other, no layers.

What it needs care for: its pages load an advertisement unless `support` is False; it sorts the
names of nodes, so that properties given in another order land on other nodes; it drops nodes
without edges; in a notebook its script works only in a frame of its own; and its logo, a link to
its site, is a fifth of its page and most of it once compressed.
"""

import re
import tempfile
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from arignote import lazy
from arignote.errors import GraphError, join_names, message
from arignote.viz.drawing.glyphs import shorten
from arignote.viz.drawing.model import GraphView
from arignote.viz.drawing.nodes import GraphNode, NodeKind
from arignote.viz.output.page import MAX_OUTPUT_BYTES, Theme, frame, packed_page

MAX_NODES = 1000
MAX_LABEL = 24
MAX_NAMED = 6
HEIGHT = 600
SILENT = 60
PACKAGES = "pip install d3graph scikit-learn"

_COLOURS = {
    NodeKind.INPUT: "#3f9560",
    NodeKind.SHARED: "#c08a1e",
    NodeKind.UPDATE: "#c08a1e",
    NodeKind.CONSTANT: "#9a9a92",
    NodeKind.OP: "#7a8aa3",
    NodeKind.VARIABLE: "#7a8aa3",
    NodeKind.OUTPUT: "#2c5fbe",
}
_MARKERS = {NodeKind.OP: "square", NodeKind.CONSTANT: "diamond"}
# A picture within the page, and the link around it if there is one.
_LOGO = re.compile(r'(?:<a [^>]*>\s*)?<img src="data:[^>]*>(?:\s*</a>)?')
_INSTEAD = "the explorer, or depth=10"
# The page puts texts into a script; what would end that is shown by its look-alike.
_SAFE = str.maketrans({"<": "‹", ">": "›", "\\": "⧵", "`": "ʼ"})


def d3_page(graph: GraphView, theme: Theme = Theme.AUTO) -> str:
    """The page that d3graph makes of a graph; it needs no network.

    Parameters
    ----------
    graph : GraphView
        With at most 1000 nodes.
    theme : Theme
        AUTO is light: the page cannot follow the one around it.

    Raises
    ------
    GraphError
        d3graph or scikit-learn is missing, or the graph has no edges or too many nodes.
    """
    module, pandas = _packages()
    nodes = connected(graph)
    if not nodes:
        raise GraphError(message("d3graph draws nodes with edges, and this graph has none."))
    if len(nodes) > MAX_NODES:
        raise GraphError(
            message(
                f"d3graph is too slow for {len(nodes)} nodes; {MAX_NODES} is the limit here.",
                hint=_INSTEAD,
            )
        )
    drawing = module.d3graph(support=False, verbose=SILENT)
    drawing.graph(_matrix(pandas, graph, nodes), color=None, opacity=None, size=10)
    # d3graph has sorted the columns; properties go by their order.
    ordered = [graph.nodes[int(name)] for name in drawing.adjmat.columns]
    drawing.set_node_properties(**_properties(ordered))
    drawing.set_edge_properties(directed=True, edge_opacity=0.8)
    with tempfile.TemporaryDirectory() as folder:
        text: str = drawing.show(
            filepath=str(Path(folder) / "graph.html"),
            title=graph.title or "graph",
            showfig=False,
            show_slider=False,
            dark_mode=theme is Theme.DARK,
            return_html=True,
        )
    return _LOGO.sub("", text)


def d3_html(graph: GraphView, height: int = HEIGHT, theme: Theme = Theme.AUTO) -> str:
    """The page of d3graph for the output of a cell, in a frame, compressed.

    Where there is room, it holds a picture of the graph for where scripts do not run.

    Parameters
    ----------
    graph : GraphView
    height : int
        In pixels.
    theme : Theme

    Raises
    ------
    GraphError
        As `d3_page`, or the page is larger than an output may be.
    """
    page = packed_page(d3_page(graph, theme), title=graph.title, theme=theme)
    for picture in (graph.picture or "", ""):
        framed = frame(page, height=height, theme=theme, picture=picture)
        html = f"{_note(graph)}{framed}"
        size = len(html.encode())
        if size <= MAX_OUTPUT_BYTES:
            return html
    text = f"d3graph's page of {len(graph.nodes)} nodes takes {size / 1e3:.0f} kB"
    limit = f"{MAX_OUTPUT_BYTES / 1e3:.0f} kB is the limit of an output."
    raise GraphError(message(f"{text}; {limit}", hint=_INSTEAD))


def connected(graph: GraphView) -> list[GraphNode]:
    """The nodes that have an edge."""
    ends = {end for edge in graph.edges for end in (edge.start, edge.end)}
    return [node for node in graph.nodes if node.id in ends]


def _packages() -> tuple[Any, Any]:
    try:
        lazy.module("sklearn")
        return lazy.module("d3graph"), lazy.module("pandas")
    except ModuleNotFoundError as error:
        raise GraphError(
            message(
                f"the view d3graph needs the package {error.name}, which is not installed.",
                hint=f"{PACKAGES}\nor the explorer, which needs nothing",
            )
        ) from None


def _matrix(pandas: Any, graph: GraphView, nodes: Sequence[GraphNode]) -> Any:
    """Which node leads to which, as the table that d3graph takes; columns are nodes' numbers."""
    place = {node.id: number for number, node in enumerate(nodes)}
    names = [str(node.id) for node in nodes]
    cells = [[0] * len(nodes) for _ in nodes]
    for edge in graph.edges:
        cells[place[edge.start]][place[edge.end]] = 1
    return pandas.DataFrame(cells, index=names, columns=names)


def _properties(nodes: Sequence[GraphNode]) -> dict[str, list[Any]]:
    """What d3graph is told of nodes, in their order."""
    return {
        "label": [_text(node.name or node.label or node.kind.value, MAX_LABEL) for node in nodes],
        "tooltip": [_text(node.tooltip, 400) for node in nodes],
        "color": [_colour(node) for node in nodes],
        "marker": [_MARKERS.get(node.kind, "circle") for node in nodes],
        "opacity": [0.95] * len(nodes),
        "size": [14 if node.outputs else 10 for node in nodes],
        "fontcolor": [_colour(node) for node in nodes],
    }


def _colour(node: GraphNode) -> str:
    if node.outputs:
        return _COLOURS[NodeKind.OUTPUT]
    return "#c06a8f" if node.is_gradient else _COLOURS[node.kind]


def _text(text: str, limit: int) -> str:
    return shorten(text, limit).translate(_SAFE)


def _note(graph: GraphView) -> str:
    """Which nodes are left out."""
    alone = sorted({node.id for node in graph.nodes} - {node.id for node in connected(graph)})
    if not alone:
        return ""
    names = [graph.nodes[number].label or graph.nodes[number].text for number in alone]
    shown = join_names(names[:MAX_NAMED]) + (" and others" if len(names) > MAX_NAMED else "")
    return f"<div>Not shown, for they have no edges: {escape(shown)}.</div>"
