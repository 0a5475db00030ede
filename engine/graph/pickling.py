"""Pickling and deep copies of graphs of any depth.

A pickler would recurse through owner, inputs, owner, ... So the variable that it meets first
carries in its state all nodes that it needs, in topological order: each finds its inputs written
already. The nodes of such a chain are noted while the chain is being written; results met there
carry no chain of their own. Variables and nodes are made empty and filled later, so that cycles
through tags and attributes are fine.
"""

import gc
import threading
from typing import Any

CHAIN = "_chain"


class _Active(threading.local):
    def __init__(self) -> None:
        self.nodes: set[int] = set()


_active = _Active()


class _Pause:
    """Python's collector, paused while this object lives.

    A pickler and an unpickler hold what they have met until they end, with or without an error.
    """

    def __init__(self) -> None:
        self.was_on = gc.isenabled()
        gc.disable()

    def __del__(self) -> None:
        if self.was_on:
            gc.enable()

    def __reduce__(self) -> tuple[type["_Pause"], tuple[()]]:
        return _Pause, ()


class _End:
    """The last item of a chain; writing it forgets the chain's nodes."""

    def __init__(self, nodes: frozenset[int] = frozenset()) -> None:
        self.nodes = nodes

    def __reduce__(self) -> tuple[type["_End"], tuple[()]]:
        _active.nodes -= self.nodes
        return _End, ()


def chain(owner: Any) -> tuple[Any, ...]:
    """A pause, the nodes to write before a result of `owner`, the chain's end; or nothing."""
    if id(owner) in _active.nodes:
        return ()
    order, stack, seen = [], [(owner, False)], set()
    while stack:
        node, inputs_done = stack.pop()
        if inputs_done:
            order.append(node)
            continue
        if node in seen:
            continue
        seen.add(node)
        stack.append((node, True))
        before = [x.owner for x in node.inputs]
        if node.gradient_of is not None:
            before.append(node.gradient_of)
        stack.extend((n, False) for n in before if n is not None and n not in seen)
    nodes = frozenset(id(node) for node in order)
    _active.nodes |= nodes
    return (_Pause(), *order, _End(nodes))
