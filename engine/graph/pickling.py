"""Pickling and deep copies of graphs of any depth.

A pickler would recurse through owner, inputs, owner, ... So the variable that it meets first is
written as all its nodes in topological order: each finds its inputs written already. The nodes of
such a chain are noted while the chain is being written; between them nothing is listed again.
"""

import threading
from typing import Any


class _Active(threading.local):
    def __init__(self) -> None:
        self.nodes: set[int] = set()


_active = _Active()


class _End:
    """The last item of a chain; writing it forgets the chain's nodes."""

    def __init__(self, nodes: frozenset[int] = frozenset()) -> None:
        self.nodes = nodes

    def __reduce__(self) -> tuple[type["_End"], tuple[()]]:
        _active.nodes -= self.nodes
        return _End, ()


def begin(owner: Any) -> tuple[Any, ...]:
    """The chain of nodes to write before `owner`: a tuple of one list, or of an empty one."""
    if id(owner) in _active.nodes:
        return ((),)
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
    _active.nodes |= {id(node) for node in order}
    return (order,)


def end(chain: tuple[Any, ...]) -> tuple[Any, ...]:
    """What closes a chain that `begin` opened."""
    nodes = frozenset(id(node) for node in chain[0])
    return (_End(nodes),) if nodes else ()


def rebuild(chain: Any, owner: Any, index: int, *_: Any) -> Any:
    """The variable that an owner gives (see `Variable.__reduce_ex__`)."""
    return owner.outputs[index]
