"""Groupings: the boxes that the nodes of a graph can be put into.

Boxes of kernels are convex: no path leaves one and comes back, since a step runs when all that it
reads is there (a path through a node that needs only sizes, which are known before, is none).
Boxes of scopes, functions, cells and lines need not be: a gradient leaves the scope of a layer and
comes back to it, and a function may be called anywhere.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import Any, NamedTuple

from arignote.graph import Apply, SourceLine, Variable
from arignote.lower.steps import LoopProgram, LoopStep, ProductStep
from arignote.viz.drawing.boxes import Box, BoxKind, Grouping
from arignote.viz.drawing.glyphs import shorten_end
from arignote.viz.drawing.nodes import GraphData, NodeKind

MAX_LABEL = 60
MAX_OPS = 3
GRADIENT = "gradient"
# What Python calls the insides of comprehensions; they belong to what is around them.
_NO_FUNCTIONS = ("<module>", "<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>")
_LEAVES = (NodeKind.INPUT, NodeKind.SHARED, NodeKind.CONSTANT)


class Level(NamedTuple):
    """One box on the way inwards: what tells it from others in its parent, and how it looks."""

    key: Hashable
    label: str
    kind: BoxKind
    note: str = ""


Path = tuple[Level, ...]


def groupings(graph: GraphData, program: LoopProgram | None = None) -> tuple[Grouping, ...]:
    """The groupings of a graph that have a box with more than one node, in the order of a menu.

    Parameters
    ----------
    graph : GraphData
    program : LoopProgram, optional
        What runs, if the graph is that of a function compiled to loops.

    Returns
    -------
    tuple of Grouping
        Of these four: `kernel`, a box for each step that computes; `scope`, nested boxes of name
        scopes; `function`, the user's functions within files and cells; `line`, the user's lines.
    """
    lines = [_line_of(thing) for thing in graph.stands_for]
    found = [
        *([by_kernel(graph, program)] if program is not None else []),
        _nested(graph, "scope", "name scope", [_scopes(node.scope) for node in graph.nodes]),
        _unwrapped(graph, _nested(graph, "function", "function or cell", _callers(graph, lines))),
        _unwrapped(graph, _nested(graph, "line", "line of code", _lines(graph, lines))),
    ]
    return tuple(grouping for grouping in found if _is_real(grouping))


def _is_real(grouping: Grouping) -> bool:
    """Whether some box holds more than one node."""
    return any(box is not None and count > 1 for box, count in Counter(grouping.of).items())


# ---- kernels ------------------------------------------------------------------------------------


def by_kernel(graph: GraphData, program: LoopProgram) -> Grouping:
    """A box for each step that computes: a fused kernel, a product of BLAS, a node of NumPy.

    What no step computes (views, constants, nodes that each kernel computes again) is in the box
    of its users if they are all in one.
    """
    place = {thing: node for node, thing in enumerate(graph.stands_for)}
    of: list[int | None] = [None] * len(graph.nodes)
    boxes: list[Box] = []
    kernels: dict[object, int] = {}
    for number, step in enumerate(program.computing, 1):
        if isinstance(step, LoopStep):
            nodes = step.loops.nodes
            kernel = kernels.setdefault(step.loops.kernel, len(kernels))
            box = _step_box("kernel", BoxKind.KERNEL, number, nodes, kernel)
        elif isinstance(step, ProductStep):
            nodes = (step.node,)
            box = _step_box("BLAS", BoxKind.PRODUCT, number, nodes)
        else:
            nodes = (step.node,)
            box = _step_box("NumPy", BoxKind.NUMPY, number, nodes)
        shown = [place[node] for node in nodes if node in place]
        for node in shown:
            of[node] = len(boxes)
        boxes += [box] if shown else []
    moving = (NodeKind.CONSTANT, NodeKind.OP)
    _adopt(graph, of, [node.kind in moving for node in graph.nodes])
    return Grouping("kernel", "fused kernel", tuple(boxes), tuple(of))


def _step_box(
    what: str, kind: BoxKind, number: int, nodes: Sequence[Apply], kernel: int | None = None
) -> Box:
    names = list(dict.fromkeys(node.op.name for node in nodes))
    shown = ", ".join(names[:MAX_OPS]) + (", …" if len(names) > MAX_OPS else "")
    note = f"{len(nodes)} node{'' if len(nodes) == 1 else 's'}"
    return Box(shorten_end(f"{what} {number}: {shown}", MAX_LABEL), kind, None, note, kernel)


def _adopt(graph: GraphData, of: list[int | None], may_move: Sequence[bool]) -> None:
    """Puts nodes that may move and have no box into the box of their users, if that is one."""
    arriving: list[list[int]] = [[] for _ in graph.nodes]
    for edge in graph.edges:
        arriving[edge.end].append(edge.start)
    users: list[set[int | None]] = [set() for _ in graph.nodes]
    for node in reversed(graph.nodes):
        free = of[node.id] is None and may_move[node.id] and not node.outputs
        if free and len(users[node.id]) == 1:
            (of[node.id],) = users[node.id]
        for start in arriving[node.id]:
            users[start].add(of[node.id])


# ---- the user's scopes, functions and lines -----------------------------------------------------


def _line_of(thing: Apply | Variable) -> SourceLine | None:
    """The user's line, for gradients that of what they are gradients of."""
    node = thing if isinstance(thing, Apply) else thing.owner
    if node is None:
        assert isinstance(thing, Variable)
        return thing.source
    while node.gradient_of is not None:
        node = node.gradient_of
    return node.source


def _scopes(scope: str) -> Path:
    return tuple([Level(name, name, BoxKind.SCOPE) for name in scope.split("/") if name])


def _callers(graph: GraphData, lines: Iterable[SourceLine | None]) -> list[Path]:
    """File or cell, and within it the function; leaves belong to functions only."""
    paths: list[Path] = []
    for node, line in zip(graph.nodes, lines, strict=True):
        if line is None or (node.kind in _LEAVES and line.function in _NO_FUNCTIONS):
            paths.append(())
            continue
        path: Path = (Level(line.filename, line.file, BoxKind.CELL),)
        if line.function not in _NO_FUNCTIONS:
            label = "lambda" if line.function == "<lambda>" else f"{line.function}()"
            path += (Level(line.function, label, BoxKind.FUNCTION),)
        paths.append(path)
    return paths


def _lines(graph: GraphData, lines: Iterable[SourceLine | None]) -> list[Path]:
    """The line of the user's code; leaves are where they are used."""
    known: dict[SourceLine, Path] = {}
    paths: list[Path] = []
    for node, line in zip(graph.nodes, lines, strict=True):
        if line is None or node.kind in (*_LEAVES, NodeKind.UPDATE):
            paths.append(())
            continue
        if line not in known:
            text, where = shorten_end(line.text, MAX_LABEL), line.where
            level = Level((line.filename, line.lineno), text or where, BoxKind.LINE, where)
            known[line] = (level,)
        paths.append(known[line])
    return paths


def _nested(graph: GraphData, name: str, label: str, paths: Sequence[Path]) -> Grouping:
    """Boxes along each node's path; gradients are in a box of their own within."""
    boxes: list[Box] = []
    index: dict[tuple[int | None, Hashable], int] = {}

    def inner(parent: int | None, level: Level) -> int:
        known = index.get((parent, level.key))
        if known is None:
            known = index[parent, level.key] = len(boxes)
            boxes.append(Box(level.label, level.kind, parent, level.note))
        return known

    of: list[int | None] = []
    for path in paths:
        box: int | None = None
        for level in path:
            box = inner(box, level)
        of.append(box)
    forward = {of[node.id] for node in graph.nodes if node.kind is NodeKind.OP} - {None}
    forward &= {of[node.id] for node in graph.nodes if _is_forward(node.kind, node.is_gradient)}
    for node in graph.nodes:
        box = of[node.id]
        if node.is_gradient and box is not None and box in forward:
            of[node.id] = inner(box, Level((GRADIENT,), GRADIENT, boxes[box].kind))
    _adopt(graph, of, [node.kind is NodeKind.CONSTANT for node in graph.nodes])
    found = Grouping(name, label, tuple(boxes), tuple(of))
    return _without(found, _small(found))


def _is_forward(kind: NodeKind, is_gradient: bool) -> bool:
    return kind is NodeKind.OP and not is_gradient


def _small(grouping: Grouping) -> set[int]:
    """The boxes that hold fewer than two nodes, with all that is in them."""
    counts = _counts(grouping)
    return {box for box, count in enumerate(counts) if count < 2}


def _counts(grouping: Grouping) -> list[int]:
    counts = [0] * len(grouping.boxes)
    for place in grouping.of:
        if place is not None:
            counts[place] += 1
    for number in reversed(range(len(counts))):
        parent = grouping.boxes[number].parent
        if parent is not None:
            counts[parent] += counts[number]
    return counts


def _unwrapped(graph: GraphData, grouping: Grouping) -> Grouping:
    """The grouping without outermost boxes that hold every op: these tell nothing."""
    every = sum(node.kind is NodeKind.OP for node in graph.nodes)
    while True:
        held = [0] * len(grouping.boxes)
        for node, box in zip(graph.nodes, grouping.of, strict=True):
            while box is not None and grouping.boxes[box].parent is not None:
                box = grouping.boxes[box].parent
            if box is not None and node.kind is NodeKind.OP:
                held[box] += 1
        whole = {box for box, count in enumerate(held) if count == every}
        if not whole or not every:
            return grouping
        grouping = _without(grouping, whole)


def _without(grouping: Grouping, dropped: Collection[int]) -> Grouping:
    """The grouping without some boxes, whose contents are in their parents then."""
    new: dict[int | None, int | None] = {None: None}
    boxes: list[Box] = []
    for number, box in enumerate(grouping.boxes):
        if number in dropped:
            new[number] = new[box.parent]
        else:
            new[number] = len(boxes)
            boxes.append(box._replace(parent=new[box.parent]))
    return grouping._replace(boxes=tuple(boxes), of=tuple([new[box] for box in grouping.of]))


def path_of(grouping: Grouping, node: int) -> list[int]:
    """The boxes around a node, the outermost first."""
    found: list[int] = []
    box: Any = grouping.of[node]
    while box is not None:
        found.append(box)
        box = grouping.boxes[box].parent
    return found[::-1]
