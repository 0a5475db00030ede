"""Graphs as trees of text, one node a line."""

from collections.abc import Iterator
from enum import Enum

from arignote.viz.drawing.nodes import GraphData, GraphNode, NodeKind, Root

# Deeper levels are numbered instead of indented; else a long chain's text grows with its square.
MAX_INDENT = 40


class Ids(Enum):
    """How nodes are told apart."""

    CHAR = "CHAR"
    INT = "int"
    NONE = ""


def to_text(
    graph: GraphData,
    *,
    depth: int | None = None,
    types: bool = False,
    ids: Ids = Ids.CHAR,
    stop_on_name: bool = False,
    source: bool = False,
) -> str:
    """The graph as a tree from each root to the leaves; a node that comes again is not repeated.

    Parameters
    ----------
    graph : GraphData
        Usually a `GraphView`.
    depth : int, optional
        How many levels are shown.
    types : bool
        The type of each node.
    ids : Ids
        Letters, numbers or nothing to tell nodes apart.
    stop_on_name : bool
        What is below a node that the user named is left out; roots are always opened.
    source : bool
        The user's line that made each node.

    Returns
    -------
    str
        One line for each node shown.
    """
    writer = _Writer(graph, types, ids, source)
    lines: list[str] = []
    for root in graph.roots:
        lines.extend(writer.tree(root, depth, stop_on_name))
    return "\n".join(lines)


def letters(number: int) -> str:
    """The number in base 26: A, B, ..., Z, AA, AB, ...

    Example
    -------
    >>> letters(0), letters(25), letters(26), letters(702)
    ('A', 'Z', 'AA', 'AAA')
    """
    text = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        text = chr(65 + digit) + text
    return text


class _Writer:
    """What is the same for all lines, and what was written so far."""

    def __init__(self, graph: GraphData, types: bool, ids: Ids, source: bool) -> None:
        self.types, self.ids, self.source = types, ids, source
        self.nodes = graph.nodes
        self.numbers: dict[int, int] = {}
        self.opened: set[int] = set()
        self.arguments: list[list[tuple[int, int]]] = [[] for _ in graph.nodes]
        for edge in graph.edges:
            self.arguments[edge.end].append((self._original(edge.start), edge.output))

    def _original(self, place: int) -> int:
        copy_of = self.nodes[place].copy_of
        return place if copy_of is None else copy_of

    def tree(self, root: Root, depth: int | None, stop_on_name: bool) -> Iterator[str]:
        """The lines from one root down."""
        stack = [(self._original(root.node), root.output, 0, "", "")]
        while stack:
            place, output, level, before, branch = stack.pop()
            node = self.nodes[place]
            below = self.arguments[place]
            again = bool(below) and place in self.opened
            lead = f"{before}{branch}" if level <= MAX_INDENT else f" ┆{level}{branch}"
            role = self._role(root, node) if level == 0 else ""
            yield f"{lead}{self._line(node, output, again)}{role}"
            closed = again or (depth is not None and level + 1 >= depth)
            if closed or (stop_on_name and level > 0 and node.values[output].name):
                continue
            self.opened.add(place)
            inner = "" if level >= MAX_INDENT else before + _CONTINUED[branch]
            last = len(below) - 1
            for number in range(last, -1, -1):
                argument, argument_output = below[number]
                shape = " └─ " if number == last else " ├─ "
                stack.append((argument, argument_output, level + 1, inner, shape))

    def _line(self, node: GraphNode, output: int, again: bool) -> str:
        parts = [f"{node.text}.{output}" if len(node.values) > 1 else node.text]
        if self.ids is not Ids.NONE:
            number = self.numbers.setdefault(node.id, len(self.numbers))
            parts.append(f"[id {letters(number) if self.ids is Ids.CHAR else number}]")
        value = node.values[output]
        if self.types and parts[0] != f"<{value.type_repr}>":
            parts.append(f"<{value.type_repr}>")
        if node.kind is NodeKind.OP and value.name:
            parts.append(f"'{value.name}'")
        if node.step is not None:
            parts.append(f"#{node.step}")
        if again:
            parts.append("···")
        if self.source and node.source:
            parts.append(f" ← {node.source}")
        return " ".join(parts)

    def _role(self, root: Root, node: GraphNode) -> str:
        """What a root is for, where its name does not say so."""
        if root.update_of is not None:
            return f"  (new value of {root.update_of})"
        if root.key is not None and root.key not in (node.values[root.output].name, node.text):
            return f"  (output {root.key})"
        return ""


_CONTINUED = {"": "", " ├─ ": " │  ", " └─ ": "    "}
