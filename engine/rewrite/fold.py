"""Constant folding: what depends on constants only is computed once."""

import numpy as np

from arignote.graph import Apply, Constant, FunctionGraph, Variable, constant
from arignote.graph.replace import rebuild

# A larger result stays symbolic: computing it again costs less than keeping it.
MAX_BYTES = 1 << 16


def fold_constants(graph: FunctionGraph) -> FunctionGraph:
    """The graph with small results of constant inputs computed."""
    known: dict[Variable, Constant] = {}
    for node in graph.order:
        for x in node.inputs:
            if not (x in known or isinstance(x, Constant)):
                break
        else:
            inputs = [known.get(x, x) for x in node.inputs]
            _fold(node, [x.data for x in inputs if isinstance(x, Constant)], known)
    if not known:
        return graph
    results = rebuild(graph.results, known)
    count = len(graph.outputs)
    targets = [target for target, _ in graph.updates]
    new = FunctionGraph(
        graph.inputs,
        tuple(results[:count]),
        tuple(zip(targets, results[count:], strict=True)),
    )
    return FunctionGraph(new.inputs, new.outputs, new.updates, _origin(graph, new))


def _fold(node: Apply, values: list[np.ndarray], known: dict[Variable, Constant]) -> None:
    if not node.inputs:
        return
    try:
        with np.errstate(all="ignore"):
            results = node.op.perform(*values)
    except (ValueError, TypeError, IndexError, ArithmeticError, MemoryError):
        return  # it fails in the same way, with the user's line, when the function runs
    for out, result in zip(node.outputs, results, strict=True):
        if result.nbytes <= MAX_BYTES:
            known[out] = constant(result, name=out.name)


def _origin(old: FunctionGraph, new: FunctionGraph) -> dict[Variable, tuple[Variable, ...]]:
    """The user's variables of what was rebuilt, found by walking both graphs side by side."""
    origin = dict(old.origin)
    pairs = list(zip(old.results, new.results, strict=True))
    seen: set[Variable] = set()
    while pairs:
        before, after = pairs.pop()
        if before is after or after in seen:
            continue
        seen.add(after)
        origin[after] = old.origin.get(before, (before,))
        if before.owner is not None and after.owner is not None:
            pairs.extend(zip(before.owner.inputs, after.owner.inputs, strict=True))
    return origin
