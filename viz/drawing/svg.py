"""Static SVG pictures of graphs: for light and dark pages, no script, no outside resource."""

import zlib
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from arignote.viz.drawing.glyphs import text_width
from arignote.viz.drawing.nodes import GraphData, GraphNode, NodeKind
from arignote.viz.drawing.options import PictureOptions
from arignote.viz.files import static_text
from arignote.viz.layout.layered import Box, Layout, Point, layout

FONT_SIZE = 12.0
SMALL_SIZE = 9.5
MARGIN = 16.0
HEADER = 20.0
CELL_WIDTH = 940.0
SMALLEST_SCALE = 0.6
LONG_EDGE = 220.0


@cache
def _style() -> str:
    """The style sheet on one line, without its comment."""
    return static_text("picture.css").partition("*/")[2].replace("\n", "")


class _Lines(NamedTuple):
    """The text in a box: name and label on the first line, the type on the second."""

    name: str
    label: str
    small: str

    @property
    def width(self) -> float:
        first = text_width(self.name, FONT_SIZE, bold=True) + text_width(self.label, FONT_SIZE)
        return max(first, text_width(self.small, SMALL_SIZE))


def places_of(graph: GraphData, options: PictureOptions) -> Layout:
    """Where the nodes and edges of a graph go in its picture."""
    return layout(
        [_size(node, _Lines(*options.parts(node))) for node in graph.nodes],
        [(edge.start, edge.end) for edge in graph.edges],
        [_leaving(graph.nodes[edge.start], edge.output) for edge in graph.edges],
    )


def to_svg(
    graph: GraphData, options: PictureOptions | None = None, places: Layout | None = None
) -> str:
    """The picture of a graph as an SVG document.

    Parameters
    ----------
    graph : GraphData
        Usually a `GraphView`.
    options : PictureOptions, optional
    places : Layout, optional
        What `places_of` gave for both, if it is known.

    Returns
    -------
    str
        One `<svg>` element. Equal graphs give equal text, so saved notebooks do not change.
    """
    options = options or PictureOptions()
    drawn = places_of(graph, options) if places is None else places
    lines = [_Lines(*options.parts(node)) for node in graph.nodes]
    legend = _legend(graph)
    top = MARGIN + (HEADER if graph.title else 0.0)
    width = max(drawn.width, legend.width, text_width(graph.title, 11.0)) + 2 * MARGIN
    height = top + drawn.height + MARGIN + legend.height
    left = (width - drawn.width) / 2
    size = f'width="{_n(width - 1)}" height="{_n(height - 1)}"'
    parts = [f'<rect class="page" x=".5" y=".5" {size} rx="8"/>']
    if graph.title:
        parts.append(
            f'<text class="h" x="{_n(MARGIN)}" y="{_n(MARGIN + 6)}">{_escape(graph.title)}</text>'
        )
    parts.append(f'<g transform="translate({_n(left)} {_n(top)})">')
    parts += _edges(graph, drawn)
    parts += [
        _node(node, text, box)
        for node, text, box in zip(graph.nodes, lines, drawn.boxes, strict=True)
    ]
    parts.append("</g>")
    if legend.parts:
        parts.append(f'<g transform="translate({_n(MARGIN)} {_n(top + drawn.height + MARGIN)})">')
        parts += [*legend.parts, "</g>"]
    return _document(parts, width, height, options)


def _document(parts: Sequence[str], width: float, height: float, options: PictureOptions) -> str:
    """The parts wrapped in an svg element whose styles apply to nothing else on a page."""
    body = "\n".join(parts)
    name = f"ari-{zlib.crc32(body.encode()):08x}-{len(body):x}"
    grey = "" if options.colours else f"#{name}{{filter:grayscale(1)}}"
    style = _style().replace("ID", name) + grey
    # JupyterLab shows a picture in its own size; one that is wider than a cell is drawn smaller.
    scale = min(1.0, max(CELL_WIDTH / width, SMALLEST_SCALE))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" width="{_n(width * scale)}" '
        f'height="{_n(height * scale)}" viewBox="0 0 {_n(width)} {_n(height)}" role="img">\n'
        f"<style>{style}</style>\n{body}\n</svg>\n"
    )


# ---- nodes ----------------------------------------------------------------------------------


def _size(node: GraphNode, text: _Lines) -> tuple[float, float]:
    padding = {NodeKind.INPUT: 26.0, NodeKind.CONSTANT: 12.0}.get(node.kind, 20.0)
    height = 34.0 if text.small else 24.0
    if node.kind is NodeKind.CONSTANT:
        height = 20.0
    elif node.kind in (NodeKind.SHARED, NodeKind.UPDATE):
        height += 8.0
    return max(text.width + padding, 26.0), height


def _node(node: GraphNode, text: _Lines, box: Box) -> str:
    parts = [f'<g class="{_classes(node)}" transform="translate({_n(box.x)} {_n(box.y)})">']
    if node.tooltip:
        parts.append(f"<title>{_escape(node.tooltip)}</title>")
    parts.append(_shape(node, box))
    lower = 4.0 if node.kind in (NodeKind.SHARED, NodeKind.UPDATE) else 0.0
    y = (-3.0 if text.small else 4.2) + lower
    name = f'<tspan class="n">{_escape(text.name)}</tspan>' if text.name else ""
    parts.append(f'<text y="{_n(y)}">{name}{_escape(text.label)}</text>')
    if text.small:
        parts.append(f'<text class="t" y="{_n(y + 13.5)}">{_escape(text.small)}</text>')
    parts.append("</g>")
    return "".join(parts)


_CLASSES = {
    NodeKind.INPUT: "input",
    NodeKind.SHARED: "shared",
    NodeKind.CONSTANT: "const",
    NodeKind.VARIABLE: "var",
    NodeKind.OUTPUT: "out",
    NodeKind.UPDATE: "shared",
}


def _classes(node: GraphNode) -> str:
    """The look of a node; of several looks the one that tells most."""
    if node.kind is NodeKind.OP:
        if node.outputs:
            return "outgrad" if node.is_gradient else "out"
        return "grad" if node.is_gradient else "named" if node.name else "op"
    again = node.copy_of is not None and node.kind is not NodeKind.CONSTANT
    return _CLASSES[node.kind] + (" copy" if again else "")


def _shape(node: GraphNode, box: Box) -> str:
    """Boxes are ops, pills are inputs, barrels are shared variables."""
    w, h = box.width, box.height
    if node.kind in (NodeKind.SHARED, NodeKind.UPDATE):
        side = _n(h - 9)
        curve = f"a{_n(w / 2)} 4.5 0 0 "
        return (
            f'<path class="s" d="M{_n(-w / 2)} {_n(4.5 - h / 2)}v{side}{curve}0 {_n(w)} 0'
            f'v-{side}{curve}0 {_n(-w)} 0z"/>'
            f'<path class="l" d="M{_n(-w / 2)} {_n(4.5 - h / 2)}{curve}0 {_n(w)} 0"/>'
        )
    round_kinds = (NodeKind.INPUT, NodeKind.VARIABLE, NodeKind.OUTPUT)
    radius = h / 2 if node.kind in round_kinds else 10.0 if node.kind is NodeKind.CONSTANT else 5.0
    return (
        f'<rect class="s" x="{_n(-w / 2)}" y="{_n(-h / 2)}" width="{_n(w)}" height="{_n(h)}" '
        f'rx="{_n(radius)}"/>'
    )


# ---- edges ----------------------------------------------------------------------------------


def _edges(graph: GraphData, drawn: Layout) -> list[str]:
    """The edges; long ones are paler and lie below the others."""
    several = {node.id for node in graph.nodes if len(node.values) > 1}
    shuffled = _shuffled(graph, drawn)
    far: list[str] = []
    near: list[str] = []
    heads: list[str] = []
    words: list[str] = []
    for edge, path in zip(graph.edges, drawn.paths, strict=True):
        if len(path) < 2:
            continue
        x, y = path[-1]
        is_far = abs(path[0][1] - y) > LONG_EDGE
        line = _curve((*path[:-1], (x, y - 4)))
        (far if is_far else near).append(f'<path class="{"e far" if is_far else "e"}" d="{line}"/>')
        heads.append(f"M{_n(x)} {_n(y)}l-3 -6h6z")
        if edge.end in shuffled:
            words.append(_small(x + 6, y - 6, str(edge.port + 1)))
        if edge.start in several:
            words.append(_small(path[0][0] + 8, path[0][1] + 9, str(edge.output)))
    if not heads:
        return []
    return [*far, *near, f'<path class="a" d="{"".join(heads)}"/>', *words]


def _leaving(node: GraphNode, output: int) -> float:
    """Where a value leaves its box: the only one in the middle, several side by side."""
    return (output + 1) / (len(node.values) + 1) - 0.5


def _small(x: float, y: float, text: str) -> str:
    return f'<text class="p" x="{_n(x)}" y="{_n(y)}">{text}</text>'


def _shuffled(graph: GraphData, drawn: Layout) -> set[int]:
    """Nodes whose arguments matter in order and do not stand left to right: these get numbers."""
    last: dict[int, float] = {}
    found = set()
    for edge, path in zip(graph.edges, drawn.paths, strict=True):
        if edge.ordered and path:
            if path[-1][0] < last.get(edge.end, path[-1][0]):
                found.add(edge.end)
            last[edge.end] = path[-1][0]
    return found


def _curve(points: Sequence[Point]) -> str:
    """Straight down where x stays, else an S with vertical ends."""
    x, y = points[0]
    parts = [f"M{_n(x)} {_n(y)}"]
    for right, below in points[1:]:
        if abs(right - x) < 0.75:
            parts.append(f"L{_n(right)} {_n(below)}")
        else:
            middle = (y + below) / 2
            parts.append(f"C{_n(x)} {_n(middle)} {_n(right)} {_n(middle)} {_n(right)} {_n(below)}")
        x, y = right, below
    return "".join(parts)


# ---- legend ---------------------------------------------------------------------------------


class _Legend(NamedTuple):
    parts: tuple[str, ...]
    width: float
    height: float


_LEGEND = (
    ("input", "input"),
    ("shared", "shared variable"),
    ("const", "constant"),
    ("named", "named by you"),
    ("grad", "made by grad"),
    ("out", "output"),
    ("outgrad", "output made by grad"),
    ("copy", "drawn again"),
)
_SAMPLES = {"copy": "copy sample"}
LEGEND_FROM = 12


def _legend(graph: GraphData) -> _Legend:
    """A line that explains the colours in use, for pictures large enough to need one."""
    used = {word for node in graph.nodes for word in _classes(node).split()}
    shown = [entry for entry in _LEGEND if entry[0] in used]
    if len(graph.nodes) < LEGEND_FROM or len(shown) < 3:
        return _Legend((), 0.0, 0.0)
    parts, x = [], 0.0
    for name, text in shown:
        look, radius = _SAMPLES.get(name, name), 5 if name == "input" else 2
        parts.append(
            f'<g class="{look}"><rect class="s" x="{_n(x)}" y="0" width="14" height="10" '
            f'rx="{radius}"/></g>'
            f'<text class="t" style="text-anchor:start" x="{_n(x + 19)}" y="8.5">{text}</text>'
        )
        x += 19 + text_width(text, SMALL_SIZE) + 14
    return _Legend(tuple(parts), x - 14, 10.0 + MARGIN)


# ---- text -----------------------------------------------------------------------------------


def _n(value: float) -> str:
    """A number with one decimal at most."""
    text = f"{value:.1f}"
    return text.removesuffix(".0")


_ENTITIES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#x27;"))


def _is_xml(character: str) -> bool:
    """Whether XML can hold a character."""
    code = ord(character)
    return (code >= 32 or code in (9, 10, 13)) and not (
        0xD800 <= code <= 0xDFFF or code & ~1 == 0xFFFE
    )


def _escape(text: str) -> str:
    """Text for XML: escaped, without the control characters that XML cannot hold."""
    if not text.isprintable():
        text = "".join(c if _is_xml(c) else "�" for c in text)
    for character, entity in _ENTITIES:
        text = text.replace(character, entity)
    return text
