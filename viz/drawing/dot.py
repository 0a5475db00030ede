"""Graphs in the language of Graphviz, and the program `dot` that draws it."""

import re

from arignote import lazy
from arignote.errors import GraphError, message
from arignote.viz.drawing.nodes import GraphData, GraphEdge, GraphNode, NodeKind
from arignote.viz.drawing.options import PictureOptions

TIME_LIMIT = 20.0

# Without these settings `dot` needs half a minute for 450 nodes of a training graph, and more than
# a minute for 900.
_LARGE = "splines=line, nslimit=0.2, nslimit1=0.2, mclimit=0.05, maxiter=4"
LARGE_FROM = 120

_LOOKS = {
    NodeKind.OP: ("box", "#eef1f6", "#8a96a8"),
    NodeKind.INPUT: ("ellipse", "#dff3e4", "#3f9560"),
    NodeKind.SHARED: ("cylinder", "#fdeecb", "#c08a1e"),
    NodeKind.UPDATE: ("cylinder", "#fdeecb", "#c08a1e"),
    NodeKind.CONSTANT: ("plaintext", "#f6f6f4", "#b9b9b2"),
    NodeKind.VARIABLE: ("ellipse", "#ffffff", "#8a96a8"),
    NodeKind.OUTPUT: ("ellipse", "#cfdffb", "#2c5fbe"),
}


def to_dot(graph: GraphData, options: PictureOptions | None = None) -> str:
    """The graph in the language of Graphviz.

    Parameters
    ----------
    graph : GraphData
        Usually a `GraphView`.
    options : PictureOptions, optional

    Returns
    -------
    str
        A `digraph`; write it to a file and run `dot -Tpng file`, or let `render` do so.
    """
    options = options or PictureOptions()
    lines = [
        f"digraph {_quoted(graph.title or 'graph')} {{",
        "  graph [rankdir=TB" + (f", {_LARGE}" if len(graph.nodes) > LARGE_FROM else "") + "];",
        '  node [fontname="Helvetica", fontsize=11, margin="0.12,0.05", height=0.3];',
        '  edge [color="#7c8798", arrowsize=0.6, fontname="Helvetica", fontsize=8];',
    ]
    lines += [_node(node, options) for node in graph.nodes]
    several = {node.id for node in graph.nodes if len(node.values) > 1}
    lines += [_edge(edge, edge.start in several) for edge in graph.edges]
    return "\n".join([*lines, "}", ""])


def _node(node: GraphNode, options: PictureOptions) -> str:
    shape, fill, line = _LOOKS[node.kind]
    if node.is_gradient:
        fill, line = "#fbe7ef", "#c06a8f"
    if node.outputs and node.kind is NodeKind.OP:
        fill, line = ("#f3c4d7", "#a83c6c") if node.is_gradient else ("#cfdffb", "#2c5fbe")
    style = "rounded,filled" if shape == "box" else "filled"
    attributes = [f"label={_quoted(_label(node, options))}", f"shape={shape}"]
    if options.colours:
        attributes += [f'style="{style}"', f'fillcolor="{fill}"', f'color="{line}"']
    if node.outputs:
        attributes.append("penwidth=2")
    attributes.append(f"tooltip={_quoted(node.tooltip)}")
    return f"  n{node.id} [{', '.join(attributes)}];"


def _label(node: GraphNode, options: PictureOptions) -> str:
    first, second = options.lines(node)
    return f"{first}\n{second}" if second else first


def _edge(edge: GraphEdge, shows_output: bool) -> str:
    attributes = [f"tooltip={_quoted(edge.label)}"]
    if edge.ordered:
        attributes.append(f'headlabel="{edge.port + 1}"')
    if shows_output:
        attributes.append(f'taillabel="{edge.output}"')
    return f"  n{edge.start} -> n{edge.end} [{', '.join(attributes)}];"


def _quoted(text: str) -> str:
    """A double-quoted string of the language; backslashes stand for themselves."""
    clean = re.sub(r"[\x00-\x08\x0b-\x1f\ud800-\udfff]", "�", text)
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def dot_program() -> str | None:
    """The path of Graphviz's program `dot`, or None where it is missing."""
    path: str | None = lazy.module("shutil").which("dot")
    return path


def render(text: str, format: str, time_limit: float = TIME_LIMIT) -> bytes:
    """What `dot` draws of a text.

    Parameters
    ----------
    text : str
        In the language of Graphviz.
    format : str
        A format of `dot`: 'png', 'pdf', 'svg', ...
    time_limit : float
        In seconds.

    Raises
    ------
    GraphError
        When `dot` is missing, takes too long or refuses.
    """
    program = dot_program()
    if program is None:
        raise GraphError(
            message(
                f"a {format} picture needs the program dot of Graphviz, which is not on PATH.",
                hint="install it (apt install graphviz, conda install graphviz),\n"
                "or ask for format='svg', which needs nothing",
            )
        )
    subprocess = lazy.module("subprocess")
    try:
        done = subprocess.run(
            [program, f"-T{format}"],
            input=text.encode(),
            capture_output=True,
            timeout=time_limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise GraphError(
            message(
                f"dot took more than {time_limit:g} s and was stopped.",
                hint="ask for format='svg': the layout built in is quicker",
            )
        ) from None
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").splitlines()
        raise GraphError(message(f"dot could not draw a {format}.", got=lines[:3]))
    return done.stdout
