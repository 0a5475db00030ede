"""Layers of a graph drawing: which row a node goes to, and stand-ins for edges that pass rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from arignote.viz.layout.simplex import shorten_lengths

Pair = tuple[int, int]

# Above this number of nodes rows are found by a rule of thumb.
SHORTEST_NODES = 300


@dataclass(frozen=True)
class Layered:
    """A graph in rows.

    Vertices 0..count-1 are the nodes; those from `count` on stand in for an edge in a row that it
    passes. `up` and `down` list the neighbours of each vertex in earlier and later rows, arguments
    in order. `chains` lists for each edge the vertices that it runs through, from start to end.
    """

    count: int
    rows: list[list[int]]
    row_of: list[int]
    up: list[list[int]]
    down: list[list[int]]
    chains: list[list[int]]

    def is_node(self, vertex: int) -> bool:
        """Whether a vertex is a node of the graph, not a stand-in for a passing edge."""
        return vertex < self.count


def order_and_back_edges(count: int, edges: Sequence[Pair]) -> tuple[list[int], set[int]]:
    """A topological order, and the edges to leave out (loops and cycle closers) to have one."""
    outgoing: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for number, (start, end) in enumerate(edges):
        outgoing[start].append(number)
        waiting[end] += 1
    roots = [node for node in range(count) if not waiting[node]]
    state = bytearray(count)  # 0 new, 1 open, 2 finished
    finished: list[int] = []
    back: set[int] = set()
    for root in [*roots, *range(count)]:
        if state[root]:
            continue
        state[root] = 1
        stack = [(root, iter(outgoing[root]))]
        while stack:
            node, numbers = stack[-1]
            for number in numbers:
                end = edges[number][1]
                if state[end] == 1:
                    back.add(number)
                elif not state[end]:
                    state[end] = 1
                    stack.append((end, iter(outgoing[end])))
                    break
            else:
                state[node] = 2
                finished.append(node)
                stack.pop()
    finished.reverse()
    return finished, back


def assign_rows(count: int, edges: Sequence[Pair], order: Sequence[int]) -> list[int]:
    """The row of each node: edges short, all of them if the graph is small.

    `edges` must agree with `order`.
    """
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for start, end in edges:
        before[end].append(start)
        after[start].append(end)
    row = [0] * count
    for node in order:
        for start in before[node]:
            row[node] = max(row[node], row[start] + 1)
    if count <= SHORTEST_NODES:
        return _shortest(row, edges)
    for node in reversed(order):
        # A node with more users than arguments makes shorter edges next to its users. Leaves that
        # serve it alone come along.
        held = [start for start in before[node] if before[start] or len(after[start]) > 1]
        if len(after[node]) > len(held):
            row[node] = min(row[end] for end in after[node]) - 1
    top = min(row, default=0)
    return [number - top for number in row]


def _shortest(row: Sequence[int], edges: Sequence[Pair]) -> list[int]:
    """Rows with the least total length of edges; where that leaves a choice, the later row."""
    if not row:
        return []
    last = len(row)
    late = 0.5 / len(row)
    constraints = [(start, end, 1.0, 1.0) for start, end in edges]
    constraints += [(node, last, 0.0, late) for node in range(last)]
    places = shorten_lengths([*row, max(row)], constraints, 4 * last)
    top = min(places)
    return [round(place - top) for place in places[:-1]]


def make_layered(count: int, edges: Sequence[Pair], stand_ins: bool) -> Layered:
    """The graph in rows; with `stand_ins` every edge has a vertex in each row that it passes."""
    order, back = order_and_back_edges(count, edges)
    forward = [
        (end, start) if number in back else (start, end)
        for number, (start, end) in enumerate(edges)
    ]
    row = assign_rows(
        count, [forward[number] for number in range(len(edges)) if number not in back], order
    )
    graph = Layered(
        count,
        [[] for _ in range(max(row, default=-1) + 1)],
        row,
        [[] for _ in range(count)],
        [[] for _ in range(count)],
        [],
    )
    for node in range(count):
        graph.rows[row[node]].append(node)
    for number, (start, end) in enumerate(forward):
        chain = [start] if start == end else _chain(graph, start, end, stand_ins)
        graph.chains.append(chain[::-1] if number in back else chain)
    return graph


def _chain(graph: Layered, start: int, end: int, stand_ins: bool) -> list[int]:
    """Connect two nodes, through new stand-in vertices where asked; the vertices passed."""
    chain = [start]
    if stand_ins:
        for number in range(graph.row_of[start] + 1, graph.row_of[end]):
            chain.append(len(graph.row_of))
            graph.row_of.append(number)
            graph.rows[number].append(chain[-1])
            graph.up.append([])
            graph.down.append([])
    chain.append(end)
    for upper, lower in pairwise(chain):
        graph.down[upper].append(lower)
        graph.up[lower].append(upper)
    return chain
