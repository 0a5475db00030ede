"""The order of vertices within the rows of a drawing: barycentre sweeps that keep crossings few."""

from bisect import bisect_right, insort
from collections.abc import Sequence

from arignote.viz.layout.layers import Layered

# Above this number of vertices a drawing gets a few sweeps without counting crossings.
COUNTING_LIMIT = 5000


def order_rows(graph: Layered) -> None:
    """Order the vertices in every row of the graph, in place."""
    _first_order(graph)
    if len(graph.row_of) > COUNTING_LIMIT or any(
        len(chain) > 1 and abs(graph.row_of[chain[0]] - graph.row_of[chain[-1]]) > len(chain) - 1
        for chain in graph.chains
    ):
        for sweep in range(6):
            _sweep(graph, downward=sweep % 2 == 0)
        return
    best, best_rows, idle = count_crossings(graph), [list(row) for row in graph.rows], 0
    for sweep in range(24):
        if best == 0 or idle > 5:
            break
        _sweep(graph, downward=sweep % 2 == 0)
        _swap_neighbours(graph)
        crossings = count_crossings(graph)
        idle += 1
        if crossings < best:
            best, best_rows, idle = crossings, [list(row) for row in graph.rows], 0
    graph.rows[:] = best_rows


def _first_order(graph: Layered) -> None:
    """Order rows as a walk from the last row upward meets vertices, arguments left to right."""
    seen = bytearray(len(graph.row_of))
    rows: list[list[int]] = [[] for _ in graph.rows]
    ends = [vertex for vertex in range(len(graph.row_of)) if not graph.down[vertex]]
    stack = ends[::-1]
    while stack:
        vertex = stack.pop()
        if not seen[vertex]:
            seen[vertex] = 1
            rows[graph.row_of[vertex]].append(vertex)
            stack.extend(reversed(graph.up[vertex]))
    graph.rows[:] = rows


def _sweep(graph: Layered, downward: bool) -> None:
    """Sort each row by the mean place of the neighbours above (downward) or below."""
    place = _places(graph)
    neighbours = graph.up if downward else graph.down
    rows = graph.rows if downward else graph.rows[::-1]
    for row in rows:
        keys = {}
        for vertex in row:
            near = neighbours[vertex]
            if not near:
                keys[vertex] = place[vertex]
            elif downward:
                keys[vertex] = sum([place[other] for other in near]) / len(near)
            else:
                keys[vertex] = sum([_place_of_port(graph, place, vertex, o) for o in near]) / len(
                    near
                )
        row.sort(key=keys.__getitem__)
        middle = (len(row) - 1) / 2
        for number, vertex in enumerate(row):
            place[vertex] = number - middle


def _place_of_port(graph: Layered, place: Sequence[float], vertex: int, user: int) -> float:
    """Where an edge enters its user: arguments stand left to right in the width of one place."""
    arguments = graph.up[user]
    if len(arguments) == 1 or len(arguments) > 8:
        return place[user]
    return place[user] + (arguments.index(vertex) + 1) / (len(arguments) + 1) - 0.5


def _places(graph: Layered) -> list[float]:
    place = [0.0] * len(graph.row_of)
    for row in graph.rows:
        middle = (len(row) - 1) / 2
        for number, vertex in enumerate(row):
            place[vertex] = number - middle
    return place


def count_crossings(graph: Layered) -> int:
    """The number of pairs of edges that cross between neighbouring rows."""
    place = _places(graph)
    total = 0
    for row in graph.rows:
        seen: list[float] = []
        for vertex in row:
            below = sorted([place[other] for other in graph.down[vertex]])
            total += sum([len(seen) - bisect_right(seen, target) for target in below])
            for target in below:
                insort(seen, target)
    return total


def _swap_neighbours(graph: Layered) -> None:
    """Swap vertices that stand side by side while that takes crossings away."""
    place = _places(graph)
    for _ in range(6):
        swapped = False
        for row in graph.rows:
            for left in range(len(row) - 1):
                first, second = row[left], row[left + 1]
                gain = 0
                for near in (graph.up, graph.down):
                    ahead, behind = near[first], near[second]
                    if ahead and behind:
                        ours = [place[vertex] for vertex in ahead]
                        theirs = [place[vertex] for vertex in behind]
                        for mine in ours:
                            for other in theirs:
                                gain += (mine > other) - (mine < other)
                if gain > 0:
                    row[left], row[left + 1] = second, first
                    place[first], place[second] = place[second], place[first]
                    swapped = True
        if not swapped:
            return
