"""Walks over graphs; none is recursive."""

from collections.abc import Container, Iterable

from arignote.graph.variable import Apply, Variable


def toposort(outputs: Iterable[Variable], blockers: Container[Variable] = ()) -> list[Apply]:
    """The nodes that outputs need, each after the nodes that it needs itself.

    Parameters
    ----------
    outputs : iterable of Variable
    blockers : container of Variable
        Variables that are taken as given: what computes them is left out.

    Returns
    -------
    list of Apply
        In the order of a depth-first walk, so that it is the same each time.
    """
    order: dict[Apply, None] = {}
    met: set[Apply] = set()
    stack: list[Apply] = []
    for output in outputs:
        if output.owner is None or output in blockers:
            continue
        stack.append(output.owner)
        while stack:
            node = stack.pop()
            if node in met:
                # Its inputs are done; it may be here again for others that need it.
                order[node] = None
                continue
            met.add(node)
            stack.append(node)
            for x in node.inputs[::-1]:
                owner = x.owner
                if owner is not None and owner not in met and x not in blockers:
                    stack.append(owner)
    return list(order)


def leaves(outputs: Iterable[Variable], blockers: Container[Variable] = ()) -> list[Variable]:
    """The variables without an owner (and blockers) that outputs need, in the order first met."""
    outputs = list(outputs)
    found: dict[Variable, None] = {}
    for node in toposort(outputs, blockers):
        for x in node.inputs:
            if x.owner is None or x in blockers:
                found[x] = None
    for output in outputs:
        if output.owner is None or output in blockers:
            found[output] = None
    return list(found)


def ancestors(outputs: Iterable[Variable], blockers: Container[Variable] = ()) -> list[Variable]:
    """All variables that outputs need, themselves included, inputs before what uses them."""
    outputs = list(outputs)
    found: dict[Variable, None] = {}
    for node in toposort(outputs, blockers):
        found.update(dict.fromkeys(node.inputs))
        found.update(dict.fromkeys(node.outputs))
    found.update(dict.fromkeys(outputs))
    return list(found)
