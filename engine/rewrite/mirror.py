"""Mirror: a graph that changes in place, with a stable key for each node.

The driver rewrites each node in turn and never holds a whole graph in between. The mirror does: it
follows the driver one replacement at a time, and each of its states is a whole graph.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from arignote.graph import Apply, Constant, FunctionGraph, Variable
from arignote.rewrite.interner import constant_key

ROOT = 0
"""The key of a node that stands for whoever reads the results; its inputs are the results."""


class Ref(NamedTuple):
    """A use of a value: the node that gives it, and which of the node's values it is."""

    key: int
    output: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class MirrorNode:
    """A node of a mirror at one time.

    Attributes
    ----------
    key : int
        Its own for good: a node that is only rebuilt on rewritten inputs keeps it.
    what : Apply, Variable or None
        An apply node that has its op, types and source; a leaf; None for the root.
    inputs : tuple of Ref
    names : tuple of (str or None)
        The user's names of its values.
    """

    key: int
    what: Apply | Variable | None
    inputs: tuple[Ref, ...] = ()
    names: tuple[str | None, ...] = (None,)


class Change(NamedTuple):
    """A node before and after a step; None: it is not there."""

    key: int
    old: MirrorNode | None
    new: MirrorNode | None


class Mirror:
    """A graph that changes in place.

    Attributes
    ----------
    nodes : dict of int to MirrorNode
        By key; in the order in which they came.
    next_key : int
        The key of the next new node.
    """

    def __init__(self, graph: FunctionGraph) -> None:
        self.nodes: dict[int, MirrorNode] = {}
        self._keys: dict[Apply, int] = {}
        self._leaves: dict[Hashable, int] = {}
        self._users: dict[int, dict[int, int]] = {}
        self._old: dict[int, MirrorNode | None] = {}
        self.next_key = ROOT + 1
        self._set(MirrorNode(ROOT, None))
        # An input stays though nothing needs it.
        self._kept = {self.leaf(x) for x in graph.inputs}
        for node in graph.order:
            refs = [self.ref(x) for x in node.inputs]
            self.add(node, refs, [_name(graph, x) for x in node.outputs])
        self._set(MirrorNode(ROOT, None, tuple([self.ref(x) for x in graph.results])))
        self._old.clear()

    def leaf(self, variable: Variable) -> int:
        """The key of a leaf, which is added if it is not there; equal constants are one."""
        identity = constant_key(variable) if isinstance(variable, Constant) else variable
        key = self._leaves.get(identity)
        if key is None or key not in self.nodes:
            key = self._leaves[identity] = self._new_key()
            self._set(MirrorNode(key, variable, (), (variable.name,)))
        return key

    def shows(self, node: Apply) -> bool:
        """Whether a node is there."""
        return self._keys.get(node) in self.nodes

    def key(self, node: Apply) -> int:
        """The key of a node."""
        return self._keys[node]

    def ref(self, variable: Variable) -> Ref:
        """The use of a variable that is there, or is a leaf."""
        if variable.owner is None:
            return Ref(self.leaf(variable))
        return Ref(self._keys[variable.owner], variable.index)

    def add(self, node: Apply, inputs: Sequence[Ref], names: Sequence[str | None]) -> int:
        """Adds a node, and gives its key."""
        key = self._keys[node] = self._new_key()
        self._set(MirrorNode(key, node, tuple(inputs), tuple(names)))
        return key

    def rename(self, node: Apply, key: int) -> None:
        """Lets another apply node be known by a key that is there."""
        self._keys[node] = key

    def redirect(self, old: Ref, new: Ref) -> None:
        """Has all users of a value use another; what nobody needs any more goes."""
        self._take_over_name(old, new)
        for user in tuple(self._users[old.key]):
            node = self.nodes[user]
            inputs = tuple([new if x == old else x for x in node.inputs])
            if inputs != node.inputs:
                self._set(replace(node, inputs=inputs))
        self._drop_unused([old.key])

    def changes(self) -> tuple[Change, ...]:
        """What has changed since this was last asked."""
        found = [Change(key, old, self.nodes.get(key)) for key, old in self._old.items()]
        self._old.clear()
        return tuple([change for change in found if change.old is not change.new])

    def _new_key(self) -> int:
        self.next_key += 1
        return self.next_key - 1

    def _take_over_name(self, old: Ref, new: Ref) -> None:
        name, node = self.nodes[old.key].names[old.output], self.nodes[new.key]
        if name is not None and isinstance(node.what, Apply) and node.names[new.output] is None:
            names = list(node.names)
            names[new.output] = name
            self._set(replace(node, names=tuple(names)))

    def _set(self, node: MirrorNode) -> None:
        known = self.nodes.get(node.key)
        self._old.setdefault(node.key, known)
        self.nodes[node.key] = node
        self._users.setdefault(node.key, {})
        for x in node.inputs:
            users = self._users[x.key]
            users[node.key] = users.get(node.key, 0) + 1
        self._unuse(node.key, known.inputs if known else ())

    def _unuse(self, user: int, inputs: Iterable[Ref]) -> None:
        for x in inputs:
            users = self._users[x.key]
            users[user] -= 1
            if not users[user]:
                del users[user]

    def _drop_unused(self, keys: list[int]) -> None:
        while keys:
            key = keys.pop()
            node = self.nodes.get(key)
            if node is None or self._users[key] or key in self._kept or key == ROOT:
                continue
            self._old.setdefault(key, node)
            del self.nodes[key]
            self._unuse(key, node.inputs)
            keys.extend(x.key for x in node.inputs)


def _name(graph: FunctionGraph, variable: Variable) -> str | None:
    """The variable's name, or that of the user's variable that it stands for."""
    users = graph.origin.get(variable, ())
    return variable.name or next((x.name for x in users if x.name), None)


def built(
    nodes: Mapping[int, MirrorNode], graph: FunctionGraph
) -> tuple[FunctionGraph, dict[int, Apply | Variable]]:
    """A state of a mirror as a graph of its own, and what stands for each key."""
    made: dict[int, Apply | Variable] = {}
    for key in in_order(nodes):
        node = nodes[key]
        if isinstance(node.what, Apply):
            made[key] = _applied(node.what, node, made)
        elif node.what is not None:
            made[key] = node.what
    results = [_value(made, ref) for ref in nodes[ROOT].inputs]
    count = len(graph.outputs)
    targets = [target for target, _ in graph.updates]
    updates = tuple(zip(targets, results[count:], strict=True))
    return FunctionGraph(graph.inputs, tuple(results[:count]), updates), made


def _applied(apply: Apply, node: MirrorNode, made: Mapping[int, Apply | Variable]) -> Apply:
    inputs = [_value(made, ref) for ref in node.inputs]
    types = [x.type for x in apply.outputs]
    new = Apply(apply.op, inputs, types, apply.source, apply.gradient_of)
    for out, name in zip(new.outputs, node.names, strict=True):
        out.name = name
    return new


def _value(made: Mapping[int, Apply | Variable], ref: Ref) -> Variable:
    found = made[ref.key]
    return found.outputs[ref.output] if isinstance(found, Apply) else found


def in_order(nodes: Mapping[int, MirrorNode]) -> list[int]:
    """The keys, each after those of the nodes that it needs; a depth-first walk from the root."""
    order: dict[int, None] = {}
    stack = [(ROOT, False)]
    while stack:
        key, inputs_done = stack.pop()
        if key in order:
            continue
        if inputs_done:
            order[key] = None
            continue
        stack.append((key, True))
        stack.extend((x.key, False) for x in reversed(nodes[key].inputs) if x.key not in order)
    order.update(dict.fromkeys(nodes))
    return [key for key in order if key != ROOT]
