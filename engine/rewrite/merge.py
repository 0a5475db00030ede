"""Merging: equal nodes become one node."""

from collections.abc import Hashable

from arignote.graph import Apply, Constant, FunctionGraph, Variable
from arignote.graph.replace import copied_outputs


def merge(graph: FunctionGraph) -> FunctionGraph:
    """The graph in which the same op on the same inputs stands once, and equal constants once."""
    table: dict[Variable, Variable] = {}
    nodes: dict[Hashable, Apply] = {}
    constants: dict[Hashable, Variable] = {}
    origin: dict[Variable, list[Variable]] = {}
    for leaf in graph.constants:
        table[leaf] = constants.setdefault(constant_key(leaf), leaf)
    for node in graph.order:
        inputs = [table.get(x, x) for x in node.inputs]
        key = (node.op, *map(id, inputs))
        known = nodes.get(key)
        if known is None:
            types = [out.type for out in node.outputs]
            known = nodes[key] = Apply(node.op, inputs, types, node.source, node.gradient_of)
            copied_outputs(node, known, table)
        else:
            _join(node, known, table)
        for before, after in zip(node.outputs, known.outputs, strict=True):
            origin.setdefault(after, []).extend(graph.origin.get(before, (before,)))
    return FunctionGraph(
        graph.inputs,
        tuple(table.get(x, x) for x in graph.outputs),
        tuple((target, table.get(x, x)) for target, x in graph.updates),
        {variable: tuple(users) for variable, users in origin.items()},
    )


def _join(node: Apply, known: Apply, table: dict[Variable, Variable]) -> None:
    for before, after in zip(node.outputs, known.outputs, strict=True):
        table[before] = after
        after.name = after.name or before.name


def constant_key(constant: Constant) -> Hashable:
    """What makes constants interchangeable: dtype, shape and all bits (0.0 is not -0.0)."""
    return (constant.type.dtype, constant.data.shape, constant.data.tobytes())
