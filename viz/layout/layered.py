"""Where the boxes and edges of a layered drawing go; data flows from top to bottom."""

from collections.abc import Sequence
from typing import NamedTuple

from arignote.viz.layout.layers import Layered, Pair, make_layered
from arignote.viz.layout.ordering import order_rows
from arignote.viz.layout.placement import Spacing, nearest_rising, place_aligned, place_by_sweeps

Point = tuple[float, float]

# Up to this size long edges are led around boxes; beyond it a drawing must be quick, not pretty.
ROUTED_NODES = 300
ROUTED_VERTICES = 5000

GAP = 22.0
EDGE_GAP = 12.0
ROW_GAP = 26.0
PORT_GAP = 13.0
PORT_MARGIN = 8.0


class Box(NamedTuple):
    """A node's place: its centre and its size."""

    x: float
    y: float
    width: float
    height: float


class Layout(NamedTuple):
    """A finished layout.

    Attributes
    ----------
    boxes : tuple of Box
        One per node.
    paths : tuple of tuple of (x, y)
        One per edge: points from the bottom of its start to the top of its end. Between two points
        with different x the edge is meant to be a curve with vertical ends.
    width, height : float
        The size of the drawing, whose top left corner is (0, 0).
    """

    boxes: tuple[Box, ...]
    paths: tuple[tuple[Point, ...], ...]
    width: float
    height: float


def layout(
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[Pair],
    leaving: Sequence[float] | None = None,
) -> Layout:
    """The places of boxes of the given sizes, and of the edges between them.

    Parameters
    ----------
    sizes : sequence of (width, height)
        One per node.
    edges : sequence of (start, end)
        Node numbers. Edges into one node are taken to be its arguments in order. Loops and cycles
        are tolerated.
    leaving : sequence of float, optional
        For each edge where it leaves the bottom of its start, from -0.5 (left) to 0.5; by default
        in the middle.

    Example
    -------
    >>> drawn = layout([(40, 20), (40, 20)], [(0, 1)])
    >>> drawn.boxes[0].y < drawn.boxes[1].y, drawn.boxes[0].x == drawn.boxes[1].x
    (True, True)
    """
    count = len(sizes)
    routed = count <= ROUTED_NODES
    graph = make_layered(count, edges, stand_ins=routed)
    if len(graph.row_of) > ROUTED_VERTICES:
        routed = False
        graph = make_layered(count, edges, stand_ins=False)
    order_rows(graph)
    widths = [width for width, _ in sizes] + [0.0] * (len(graph.row_of) - count)
    spacing = Spacing(widths, count, GAP, EDGE_GAP)
    centre = place_aligned(graph, spacing) if routed else place_by_sweeps(graph, spacing)
    left = min([x - width / 2 for x, width in zip(centre, widths, strict=True)], default=0.0)
    centre = [x - left for x in centre]
    right = max([x + width / 2 for x, width in zip(centre, widths, strict=True)], default=0.0)
    bands = _bands(graph, sizes, centre)
    boxes = tuple(
        Box(centre[node], sum(bands[graph.row_of[node]]) / 2, *sizes[node]) for node in range(count)
    )
    origins = [
        boxes[start].x + boxes[start].width * (leaving[number] if leaving else 0.0)
        for number, (start, _) in enumerate(edges)
    ]
    paths = _paths(graph, boxes, centre, bands, edges, origins)
    return Layout(boxes, paths, right, bands[-1][1] if bands else 0.0)


def _bands(
    graph: Layered, sizes: Sequence[tuple[float, float]], centre: Sequence[float]
) -> list[Point]:
    """Top and bottom of each row; rows stand further apart where edges between them run far."""
    bands: list[Point] = []
    y = 0.0
    for row in graph.rows:
        height = max([sizes[vertex][1] for vertex in row if graph.is_node(vertex)], default=0.0)
        bands.append((y, y + height))
        reach = max(
            [
                abs(centre[vertex] - centre[other])
                for vertex in row
                for other in graph.down[vertex]
                if graph.row_of[other] == graph.row_of[vertex] + 1
            ],
            default=0.0,
        )
        y += height + ROW_GAP + min(reach * 0.08, 1.4 * ROW_GAP)
    return bands


def _paths(
    graph: Layered,
    boxes: Sequence[Box],
    centre: Sequence[float],
    bands: Sequence[Point],
    edges: Sequence[Pair],
    origins: Sequence[float],
) -> tuple[tuple[Point, ...], ...]:
    """The points of every edge."""
    entry = _entries(graph, boxes, centre, edges, origins)
    paths: list[tuple[Point, ...]] = []
    for number, (start, end) in enumerate(edges):
        chain = graph.chains[number]
        if len(chain) < 2:
            paths.append(())
            continue
        source, target = boxes[start], boxes[end]
        points = [(origins[number], source.y + source.height / 2)]
        upward = graph.row_of[start] > graph.row_of[end]
        for vertex in chain[1:-1]:
            top, bottom = bands[graph.row_of[vertex]]
            passed = [(centre[vertex], top), (centre[vertex], bottom)]
            points.extend(reversed(passed) if upward else passed)
        if not upward:
            points.insert(1, (origins[number], bands[graph.row_of[start]][1]))
            points.append((entry[number], bands[graph.row_of[end]][0]))
        points.append((entry[number], target.y - target.height / 2))
        paths.append(_corners(points))
    return tuple(paths)


def _corners(points: Sequence[Point]) -> tuple[Point, ...]:
    """The points of a path without those between the ends of its straight parts."""
    found: list[Point] = []
    for point in points:
        if found and found[-1] == point:
            continue
        if len(found) > 1 and found[-2][0] == found[-1][0] == point[0]:
            found.pop()
        found.append(point)
    return tuple(found)


def _entries(
    graph: Layered,
    boxes: Sequence[Box],
    centre: Sequence[float],
    edges: Sequence[Pair],
    origins: Sequence[float],
) -> list[float]:
    """For each edge the x where it enters its end: right below where it comes from, if it can."""
    arriving: dict[int, list[int]] = {}
    for number, (_, end) in enumerate(edges):
        arriving.setdefault(end, []).append(number)
    entry = [0.0] * len(edges)
    for end, numbers in arriving.items():
        box = boxes[end]
        origin = {}
        for number in numbers:
            passed = graph.chains[number][1:-1]
            origin[number] = centre[passed[-1]] if passed else origins[number]
        numbers.sort(key=lambda number: origin[number])
        room = max(box.width - 2 * PORT_MARGIN, 0.0)
        gap = min(PORT_GAP, room / max(len(numbers) - 1, 1))
        first, last = box.x - room / 2, box.x + room / 2 - gap * (len(numbers) - 1)
        wanted = [
            min(max(origin[number] - gap * place, first), last)
            for place, number in enumerate(numbers)
        ]
        for place, (number, x) in enumerate(zip(numbers, nearest_rising(wanted), strict=True)):
            entry[number] = x + gap * place
    return entry
