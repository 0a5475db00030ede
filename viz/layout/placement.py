"""Horizontal places of the vertices of a drawing whose rows are ordered."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from arignote.viz.layout.layers import Layered, Pair
from arignote.viz.layout.simplex import shorten_lengths


class Spacing(NamedTuple):
    """Widths of all vertices, of which the first are nodes, and the gaps between neighbours."""

    widths: Sequence[float]
    nodes: int
    gap: float
    edge_gap: float

    def between(self, left: int, right: int) -> float:
        """The least distance between the centres of two neighbours in a row."""
        gap = self.gap if left < self.nodes and right < self.nodes else self.edge_gap
        return (self.widths[left] + self.widths[right]) / 2 + gap


# ---- aligned placement ----------------------------------------------------------------------

# Straight edges between nodes matter more than straight ends of long edges; their middles always
# are straight, bends where they cross excepted.
_NODE_WEIGHT = 2.0
_LONG_WEIGHT = 1.0
_BEND_WEIGHT = 8.0


def place_aligned(graph: Layered, spacing: Spacing) -> list[float]:
    """The centre of each vertex with sideways lengths of edges as short as can be.

    Most edges then run straight down. Needs a stand-in vertex for every row that an edge passes.
    """
    root = _blocks(graph)
    blocks = sorted(set(root))
    number_of = {block: number for number, block in enumerate(blocks)}
    block_of = [number_of[block] for block in root]
    begin = _compact(graph.rows, root, spacing)
    places = [begin[block] for block in blocks]
    gaps: dict[tuple[int, int], float] = {}
    for row in graph.rows:
        for left, right in pairwise(row):
            pair = block_of[left], block_of[right]
            gaps[pair] = max(gaps.get(pair, 0.0), spacing.between(left, right))
    pulls = _pulls(graph, block_of)
    constraints = [(left, right, gap, 0.0) for (left, right), gap in gaps.items()]
    starts = list(places)
    for (first, second), weight in pulls.items():
        # |x - y| = (x - m) + (y - m) for the smaller one m, which is a place of its own.
        constraints.append((len(starts), first, 0.0, weight))
        constraints.append((len(starts), second, 0.0, weight))
        starts.append(min(places[first], places[second]))
    # Parts of a graph that no edge connects are held together, weakly, from the left.
    constraints += [(len(starts), block, 0.0, 1e-4) for block in range(len(blocks))]
    starts.append(min(places, default=0.0))
    done = shorten_lengths(starts, constraints, 100 + 2 * len(starts))[: len(blocks)]
    _centre_free(done, gaps, pulls)
    return [done[block] for block in block_of]


def _blocks(graph: Layered) -> list[int]:
    """For each vertex the first of its block: the stand-ins of a long edge, between crossings."""
    root = list(range(len(graph.row_of)))
    place = [0] * len(root)
    for row in graph.rows:
        for number, vertex in enumerate(row):
            place[vertex] = number
    for lower in graph.rows[1:]:
        # Of inner parts that cross, the ones after the furthest so far bend.
        furthest = -1
        for vertex in lower:
            if graph.is_node(vertex) or graph.is_node(graph.up[vertex][0]):
                continue
            above = graph.up[vertex][0]
            if place[above] > furthest:
                furthest = place[above]
                root[vertex] = root[above]
    return root


def _pulls(graph: Layered, block_of: Sequence[int]) -> dict[tuple[int, int], float]:
    """The weights of edges between blocks."""
    pulls: dict[tuple[int, int], float] = {}
    for vertex, users in enumerate(graph.down):
        for user in users:
            pair = block_of[vertex], block_of[user]
            ends = graph.is_node(vertex) + graph.is_node(user)
            if pair[0] != pair[1]:
                weight = (_BEND_WEIGHT, _LONG_WEIGHT, _NODE_WEIGHT)[ends]
                if ends == 2 and (len(users) == 1 or len(graph.up[user]) == 1):
                    weight += 1.0
                pulls[pair] = pulls.get(pair, 0.0) + weight
    return pulls


def _centre_free(
    places: list[float], gaps: Mapping[Pair, float], pulls: Mapping[Pair, float]
) -> None:
    """Move what is pulled equally to both sides into the middle, in place.

    A straight chain of nodes moves as one.
    """
    group = _chains(places, pulls)
    near: list[list[tuple[int, float]]] = [[] for _ in places]
    for (first, second), weight in pulls.items():
        if group[first] != group[second]:
            near[group[first]].append((group[second], weight))
            near[group[second]].append((group[first], weight))
    beside: list[list[tuple[int, float]]] = [[] for _ in places]
    for (left, right), gap in gaps.items():
        beside[group[right]].append((group[left], gap))
        beside[group[left]].append((group[right], -gap))
    for block, others in enumerate(near):
        pulled = sorted([(places[other], weight) for other, weight in others])
        sums = list(accumulate([weight for _, weight in pulled]))
        if not sums or sums[-1] / 2 not in sums:
            continue
        middle = sums.index(sums[-1] / 2)
        low = [pulled[middle][0], *[places[other] + gap for other, gap in beside[block] if gap > 0]]
        high = [
            pulled[middle + 1][0],
            *[places[other] + gap for other, gap in beside[block] if gap <= 0],
        ]
        if max(low) <= min(high):
            places[block] = (max(low) + min(high)) / 2
    for block, first in enumerate(group):
        places[block] = places[first]


def _chains(places: Sequence[float], pulls: Mapping[Pair, float]) -> list[int]:
    """For each block the first of the straight chain that it is in: one user, one argument each."""
    users: dict[int, list[int]] = {}
    arguments: dict[int, list[int]] = {}
    for first, second in pulls:
        users.setdefault(first, []).append(second)
        arguments.setdefault(second, []).append(first)
    group = list(range(len(places)))
    for block in group:
        root, below = block, users.get(block, [])
        while len(below) == 1 and len(arguments[below[0]]) == 1 and group[below[0]] == below[0]:
            if abs(places[below[0]] - places[root]) > 1e-6:
                break
            group[below[0]] = group[root]
            below = users.get(below[0], [])
    return group


def _compact(rows: Sequence[Sequence[int]], root: Sequence[int], spacing: Spacing) -> list[float]:
    """The centre of each vertex with every block as far left as it goes, then pulled right."""
    after: dict[int, list[tuple[int, float]]] = {}
    waiting: dict[int, int] = {root[vertex]: 0 for row in rows for vertex in row}
    for row in rows:
        for left, right in pairwise(row):
            gap = spacing.between(left, right)
            after.setdefault(root[left], []).append((root[right], gap))
            waiting[root[right]] += 1
    place = dict.fromkeys(waiting, 0.0)
    ready = [block for block, number in waiting.items() if number == 0]
    order = []
    while ready:
        block = ready.pop()
        order.append(block)
        for other, gap in after.get(block, ()):
            place[other] = max(place[other], place[block] + gap)
            waiting[other] -= 1
            if waiting[other] == 0:
                ready.append(other)
    for block in reversed(order):
        if block in after:
            limit = min([place[other] - gap for other, gap in after[block]])
            place[block] = max(place[block], limit)
    return [place[root[vertex]] for vertex in range(len(root))]


# ---- least squares placement ----------------------------------------------------------------


def place_by_sweeps(graph: Layered, spacing: Spacing, sweeps: int = 6) -> list[float]:
    """The centre of each vertex, near its neighbours' mean; linear time, edges of any length."""
    centre = [0.0] * len(graph.row_of)
    offsets = []
    for row in graph.rows:
        offset, line = 0.0, []
        for number, vertex in enumerate(row):
            offset += spacing.between(row[number - 1], vertex) if number else 0.0
            line.append(offset)
        offsets.append(line)
        for vertex, x in zip(row, line, strict=True):
            centre[vertex] = x - offset / 2
    for sweep in range(sweeps):
        downward = sweep % 2 == 0
        near = graph.up if downward else graph.down
        numbers = range(len(graph.rows)) if downward else range(len(graph.rows) - 1, -1, -1)
        for number in numbers:
            row, line = graph.rows[number], offsets[number]
            wanted = []
            for vertex, offset in zip(row, line, strict=True):
                others = near[vertex] or [vertex]
                wanted.append(sum([centre[other] for other in others]) / len(others) - offset)
            for vertex, x, offset in zip(row, nearest_rising(wanted), line, strict=True):
                centre[vertex] = x + offset
    return centre


def nearest_rising(wanted: Sequence[float]) -> list[float]:
    """The rising sequence nearest to the given one in least squares (pool adjacent violators)."""
    pools: list[tuple[float, int]] = []
    for value in wanted:
        total, size = value, 1
        while pools and pools[-1][0] * size > total * pools[-1][1]:
            more, members = pools.pop()
            total, size = total + more, size + members
        pools.append((total, size))
    return [total / size for total, size in pools for _ in range(size)]
