"""Pictures and texts of graphs."""

from arignote.viz.dot import to_dot
from arignote.viz.exploring import explore
from arignote.viz.model import GraphView, view
from arignote.viz.monitor import watch
from arignote.viz.nodes import GraphEdge, GraphNode, NodeKind
from arignote.viz.options import PictureOptions
from arignote.viz.passes import passes
from arignote.viz.profiles import profile
from arignote.viz.svg import to_svg
from arignote.viz.text import Ids, to_text

__all__ = [
    "GraphEdge",
    "GraphNode",
    "GraphView",
    "Ids",
    "NodeKind",
    "PictureOptions",
    "explore",
    "passes",
    "profile",
    "to_dot",
    "to_svg",
    "to_text",
    "view",
    "watch",
]
