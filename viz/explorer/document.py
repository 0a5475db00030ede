"""The document: a graph as plain data, from which the explorer in a browser draws."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from arignote import lazy
from arignote.graph import Apply
from arignote.viz.drawing.boxes import Grouping, Heat
from arignote.viz.drawing.glyphs import shorten, shorten_end
from arignote.viz.drawing.model import MAX_PICTURE_NODES, GraphView
from arignote.viz.drawing.nodes import GraphNode
from arignote.viz.drawing.options import DEFAULT_OPTIONS
from arignote.viz.explorer.firings import rules_of

# Texts of a node are cut to these lengths, in characters.
LIMITS = {"label": 60, "name": 80, "type": 80, "text": 120, "line": 120, "doc": 140}
MAX_TITLE = 100
MAX_STEPS = 6
# A graph of at most this many nodes starts with its boxes open.
OPEN_NODES = 60
# Boxes that only say where code stands are drawn from the start where there is more than this.
FOLDED_NODES = 300

Json = dict[str, Any]


def document(
    view: GraphView,
    *,
    heats: Iterable[Heat] = (),
    start: Mapping[str, Any] | None = None,
    stats: Mapping[int, Mapping[str, Any]] | None = None,
    alarms: Mapping[int, str] | None = None,
) -> Json:
    """A graph as what `json.dumps` takes; equal graphs give equal documents.

    Parameters
    ----------
    view : GraphView
    heats : iterable of Heat
    start : mapping, optional
        What the explorer shows at first, where it is not to choose: `grouping` (a name or None),
        `open` ('all', 'none' or a list of boxes), `heat` (a name), `focus` (the id of a node).
    stats : mapping of int to mapping, optional
        For nodes, by id, what is known of their values: shape, dtype, min, max, mean, std, nan,
        inf.
    alarms : mapping of int to str, optional
        For nodes, by id, what is wrong with them.

    Returns
    -------
    dict
        `nodes`, `edges`, `groupings`, `kernels`, `heats`, `start`, `title` and `places`, where
        nodes and edges go while there are no boxes; what is empty, or not known, is left out.

    Example
    -------
    >>> from arignote import tensor as T
    >>> from arignote.viz import view
    >>> x = T.fmatrix("x")
    >>> [node["label"] for node in document(view(T.exp(x)))["nodes"]]
    ['x', 'exp']
    """
    nodes = [_node(node) for node in view.nodes]
    for number, names in _rules(view).items():
        nodes[number]["rules"] = names
    for number, kernel in _kernel_of(view.groupings).items():
        nodes[number]["kernel"] = kernel
    for number, values in (stats or {}).items():
        nodes[number]["stats"] = {key: _finite(value) for key, value in values.items()}
    for number, text in (alarms or {}).items():
        nodes[number]["alarm"] = text
    edges = [[e.start, e.end, e.label, e.port, e.output, int(e.ordered)] for e in view.edges]
    begin = {**default_start(view), **(start or {})}
    return _filled(
        {
            "title": shorten(view.title, MAX_TITLE),
            "nodes": nodes,
            "edges": edges,
            "groupings": [_grouping(grouping) for grouping in view.groupings],
            "kernels": _kernels(view),
            "heats": [_heat(heat) for heat in heats],
            "start": begin,
            "places": _places(view) if begin["grouping"] is None else {},
        }
    )


def default_start(view: GraphView) -> Json:
    """What the explorer shows at first: what runs, or the user's scopes; large graphs folded."""
    names = [grouping.name for grouping in view.groupings]
    wanted = ["kernel", "scope"]
    wanted += ["function", "line"] if len(view.nodes) > FOLDED_NODES else []
    shown = next((name for name in wanted if name in names), None)
    is_small = len(view.nodes) <= OPEN_NODES
    return {"grouping": shown, "open": "all" if is_small else "none"}


def _places(view: GraphView) -> Json:
    """Where nodes and edges go in the picture, if the explorer draws the same and it is small."""
    if not 1 < len(view.nodes) <= MAX_PICTURE_NODES or view.options != DEFAULT_OPTIONS:
        return {}
    drawn = view.places
    return {
        "size": _rounded((drawn.width, drawn.height)),
        "nodes": [_rounded((box.x, box.y)) for box in drawn.boxes],
        "edges": [[_rounded(point) for point in path] for path in drawn.paths],
    }


def _rounded(numbers: Iterable[float]) -> list[float]:
    """As pictures write them."""
    return [round(number, 1) for number in numbers]


def _node(node: GraphNode) -> Json:
    """What is known of a node."""
    return _filled(
        {
            "kind": node.kind.value,
            "label": shorten(node.label, LIMITS["label"]),
            "name": shorten(node.name or "", LIMITS["name"]),
            "type": shorten(node.type_text, LIMITS["type"]),
            "text": shorten(node.expression, LIMITS["text"]),
            "where": shorten_end(node.where, LIMITS["line"]),
            "line": shorten_end(node.line, LIMITS["line"]),
            "scope": shorten(node.scope, LIMITS["name"]),
            "doc": shorten_end(node.doc, LIMITS["doc"]),
            "of_output": bool(node.outputs),
            "outputs": list(node.outputs),
            "gradient": node.is_gradient,
            "gradient_of": node.gradient_of,
        }
    ) | {
        key: number
        for key, number in (("step", node.step), ("copy_of", node.copy_of))
        if number is not None
    }


def _filled(entries: Json) -> Json:
    """The entries that say something."""
    return {key: value for key, value in entries.items() if value}


def _rules(view: GraphView) -> dict[int, list[str]]:
    """For nodes that rewrites made the rules' names, in order."""
    if view.function is None:
        return {}
    order = [thing for thing in view.stands_for if isinstance(thing, Apply)]
    found = rules_of(view.function.rewrites, order)
    return {
        number: list(found[thing])
        for number, thing in enumerate(view.stands_for)
        if isinstance(thing, Apply) and thing in found
    }


def _kernel_of(groupings: Iterable[Grouping]) -> dict[int, int]:
    """For the nodes in boxes of kernels the kernel."""
    found: dict[int, int] = {}
    for grouping in groupings:
        for number, box in enumerate(grouping.of):
            kernel = None if box is None else grouping.boxes[box].kernel
            if kernel is not None:
                found[number] = kernel
    return found


def _kernels(view: GraphView) -> list[Json]:
    """The C text of each kernel, once; the order is that of `Box.kernel`."""
    if view.program is None:
        return []
    listed = lazy.module("arignote.execute.listing").kernel_listings(view.program)
    return [
        {"name": _kernel_name(numbers), "code": str(text), "language": "c"}
        for text, numbers in zip(listed.values(), _steps_of(view), strict=True)
    ]


def _steps_of(view: GraphView) -> list[list[int]]:
    """For each kernel the numbers of the steps that run it."""
    steps: dict[Any, list[int]] = {}
    loop_step = lazy.module("arignote.lower.steps").LoopStep
    for number, step in enumerate(view.program.computing, 1):
        if isinstance(step, loop_step):
            steps.setdefault(step.loops.kernel, []).append(number)
    return list(steps.values())


def _kernel_name(numbers: Sequence[int]) -> str:
    first, *others = numbers
    if not others:
        return f"kernel of step {first}"
    shown = ", ".join(map(str, numbers[:MAX_STEPS]))
    more = len(numbers) - MAX_STEPS
    return f"kernel of steps {shown}{f' and {more} more' if more > 0 else ''}"


def _grouping(grouping: Grouping) -> Json:
    return {
        "name": grouping.name,
        "label": grouping.label,
        "boxes": [
            _filled({"label": box.label, "kind": box.kind.value, "note": box.note})
            | ({"parent": box.parent} if box.parent is not None else {})
            | ({"kernel": box.kernel} if box.kernel is not None else {})
            for box in grouping.boxes
        ],
        "of": list(grouping.of),
    }


def _heat(heat: Heat) -> Json:
    """Numbers that JSON can hold: NaN and infinity are as good as no number."""
    numbers = [
        None if value is None or not math.isfinite(value) else float(f"{float(value):.6g}")
        for value in heat.of
    ]
    return {"name": heat.name, "unit": heat.unit, "of": numbers}


def _finite(value: Any) -> Any:
    """A value for JSON: NaN and infinity become text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
