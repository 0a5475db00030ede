"""Pictures and texts of graphs."""

from arignote.viz.drawing.dot import to_dot
from arignote.viz.drawing.model import GraphView, view
from arignote.viz.drawing.nodes import GraphEdge, GraphNode, NodeKind
from arignote.viz.drawing.options import PictureOptions
from arignote.viz.drawing.svg import to_svg
from arignote.viz.drawing.text import Ids, to_text
from arignote.viz.explorer.explore import explore
from arignote.viz.monitor.watch import watch
from arignote.viz.profiles.profile import profile
from arignote.viz.timeline.passes import passes

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
