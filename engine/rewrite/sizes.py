"""Equal sizes: unknown sizes that meet are taken to be equal, and each call checks that they are.

NumPy lets a size of 1 meet any other, so that a gradient carries a sum for each operand that may
have been broadcast. Nearly always nothing is: under the assumption that sizes that meet are equal
these sums are nothing. A call for which it does not hold runs the graph without the assumption.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from arignote.graph import Apply, Constant, FunctionGraph, Variable
from arignote.ops.create import ARange, Shape
from arignote.ops.elemwise import Elemwise
from arignote.ops.indexing import AdvancedSubtensor, At, Gather, Subtensor, WriteSubtensor
from arignote.types import Atom, Dim, Size

Axis = tuple[int, int]
"""A leaf's place among inputs and shared variables, and one of its axes."""


class EqualSizes:
    """Which sizes of a graph are equal if sizes that meet are.

    Attributes
    ----------
    used : bool
        Whether an answer needed the assumption.
    """

    def __init__(self, graph: FunctionGraph, assume: bool = True) -> None:
        self.used = False
        self._assume = assume
        self._leaves = (*graph.inputs, *graph.shared)
        self._axes: dict[Atom, list[Axis]] = {}
        self._parent: dict[Atom, Atom] = {}
        self._number: dict[Atom, int] = {}
        self._facts: dict[Atom, frozenset[Atom | int]] = {}
        self._values: dict[frozenset[Atom], object] = {}
        self._united: dict[tuple[int, ...], Sequence[Size]] = {}
        for place, leaf in enumerate(self._leaves):
            for axis, size in enumerate(leaf.type.dims):
                if isinstance(size, Dim):
                    for atom in size.atoms:
                        self._axes.setdefault(atom, []).append((place, axis))
                        self._parent[atom] = atom
        met: set[tuple[int, ...]] = set()
        for node in graph.order:
            if type(node.op) is Elemwise:
                if assume:
                    self._meet(node, met)
            elif isinstance(node.op, ARange):
                self._learn(node.outputs[0])
            elif assume:
                for sizes in node.op.meeting_sizes([x.type for x in node.inputs]):
                    self._unite(sizes)
                if isinstance(node.op, AdvancedSubtensor | WriteSubtensor):
                    for pair in _read_in_order(node):
                        self._unite(pair)

    def _meet(self, node: Apply, met: set[tuple[int, ...]]) -> None:
        """Notes that the sizes of operands are equal, and that those of the result are too."""
        # Few shapes meet, at many nodes.
        shapes = tuple([id(x.type.dims) for x in node.inputs])
        if len(shapes) == 1:
            return
        types = [x.type for x in node.inputs]
        if shapes not in met:
            met.add(shapes)
            for sizes in node.op.meeting_sizes(types):
                self._unite(sizes)
        out = node.outputs[0].type.dims
        if id(out) in shapes:
            return
        # What many sizes broadcast to is an unknown size of its own.
        for size, sizes in zip(out, node.op.meeting_sizes(types), strict=False):
            if isinstance(size, Dim) and len(size.atoms) == 1 and size not in sizes:
                parts = frozenset().union(*[self._parts(operand) for operand in sizes]) - {1}
                roots = {self._root(part) if part in self._parent else part for part in parts}
                if len(roots) == 1 and self._parent.keys().isdisjoint(size.atoms):
                    self._facts.update(dict.fromkeys(size.atoms, frozenset(roots)))

    def _learn(self, numbers: Variable) -> None:
        """Notes how many numbers there are from 0 up to a known size."""
        (size,) = numbers.type.dims
        stop = _counted_to(numbers)
        atoms = size.atoms if isinstance(size, Dim) else ()
        if stop is not None and len(atoms) == 1 and self._parent.keys().isdisjoint(atoms):
            self._facts.update(dict.fromkeys(atoms, self._parts(stop)))

    def _parts(self, size: Size) -> frozenset[Atom | int]:
        """What a size is, or is broadcast from: unknown sizes and numbers."""
        if not isinstance(size, Dim):
            return frozenset() if size is None else frozenset((size,))
        atoms, facts = size.atoms, self._facts
        if facts.keys().isdisjoint(atoms):
            return atoms
        parts: set[Atom | int] = set()
        for atom in atoms:
            parts |= facts.get(atom, {atom})
        return frozenset(parts - {1} if len(parts) > 1 else parts)

    def _root(self, atom: Atom) -> Atom:
        parent = self._parent
        while parent[atom] is not atom:
            parent[atom] = atom = parent[parent[atom]]
        return atom

    def _unite(self, sizes: Sequence[Size]) -> None:
        """Notes that sizes meet; those that no input or shared variable has are left alone."""
        first, *rest = sizes
        if all(size is first for size in rest):
            return
        key = tuple(map(id, sizes))
        if key in self._united:
            return
        self._united[key] = sizes  # kept, so that identities stay
        parts = frozenset().union(*[self._parts(size) for size in sizes])
        numbers = {part for part in parts if isinstance(part, int) and part != 1}
        roots = {self._root(part) for part in parts if part in self._parent}
        numbers |= {self._number[root] for root in roots if root in self._number}
        if not roots or len(numbers) > 1:
            return
        kept, *others = sorted(roots, key=lambda atom: self._axes[atom][0])
        for other in others:
            self._parent[other] = kept
            self._axes[kept] += self._axes[other]
        if numbers:
            self._number[kept] = numbers.pop()

    def value(self, size: Size) -> object:
        """What equal sizes have in common: a number, a root, or a set of roots."""
        if not isinstance(size, Dim):
            return size
        value = self._values.get(size.atoms)
        if value is None:
            roots = {self._root(p) if p in self._parent else p for p in self._parts(size)}
            value = frozenset(roots)
            if len(roots) == 1:
                (root,) = roots
                value = root if isinstance(root, int) else self._number.get(root, root)
            self._values[size.atoms] = value
        return value

    def same(self, first: Sequence[Size], second: Sequence[Size]) -> bool:
        """Whether two shapes are equal, by what is known or by the assumption."""
        if first is second:
            return True
        if len(first) != len(second):
            return False
        used = self.used
        for a, b in zip(first, second, strict=True):
            if a is not b:
                if self.value(a) != self.value(b):
                    return False
                used = used or a != b
        self.used = used
        return True

    def rely(self) -> bool:
        """Whether a computation may be left out that fails where sizes that meet differ.

        The sizes are checked then. Where they are not assumed to be equal, what was written runs.
        """
        self.used = self.used or self._assume
        return self._assume

    def axis_of(self, size: Size) -> "tuple[Variable, int] | None":
        """An input or shared variable, and its axis, that has this size by the assumption."""
        root = self.value(size)
        if not isinstance(root, Atom) or root not in self._axes:
            return None
        place, axis = self._axes[root][0]
        return self._leaves[place], axis

    def check(self) -> "SizeCheck | None":
        """What a call has to check, if an answer needed the assumption."""
        if not self.used:
            return None
        groups = []
        for atom, parent in self._parent.items():
            if parent is atom and (len(self._axes[atom]) > 1 or atom in self._number):
                groups.append((tuple(self._axes[atom]), self._number.get(atom)))
        return SizeCheck(tuple(groups)) if groups else None


def _counted_to(index: Variable) -> Size:
    """The size of an axis if the variable is arange(0, that size, 1); None for others."""
    node = index.owner
    if node is None or not isinstance(node.op, ARange) or node.op.dtype != "int64":
        return None
    start, stop, step = node.inputs
    if not (_is_number(start, 0) and _is_number(step, 1) and stop.type.dtype == "int64"):
        return None
    if isinstance(stop, Constant):
        return max(int(stop.data), 0)
    made = stop.owner
    if made is None or not isinstance(made.op, Subtensor) or made.inputs[0].owner is None:
        return None
    shape, entries = made.inputs[0].owner, made.op.pattern.entries
    if not isinstance(shape.op, Shape) or len(entries) != 1 or not isinstance(entries[0], At):
        return None
    position = entries[0].position
    return shape.inputs[0].type.dims[position] if isinstance(position, int) else None


def _is_number(x: Variable, number: int) -> bool:
    return isinstance(x, Constant) and x.data.ndim == 0 and x.data == number


def is_arange(index: Variable) -> bool:
    """Whether a vector is known to hold 0, 1, 2, ..."""
    if isinstance(index, Constant):
        return index.data.ndim == 1 and bool((index.data == np.arange(index.data.size)).all())
    return _counted_to(index) is not None


def _read_in_order(node: Apply) -> Iterator[tuple[Size, Size]]:
    """The sizes of axes of which each position is read, and of the positions: x[arange(n), y]."""
    x, entries = node.inputs[0], node.op.pattern.entries  # type: ignore[attr-defined]
    if all(isinstance(entry, Gather) for entry in entries):
        indices = node.inputs[-len(entries) :]
        for size, index in zip(x.type.dims, indices, strict=False):
            if not isinstance(index, Constant) and is_arange(index):
                yield size, index.type.dims[0]


class SizeCheck:
    """Tells for the values of a call whether sizes that meet are equal."""

    def __init__(self, groups: tuple[tuple[tuple[Axis, ...], int | None], ...]) -> None:
        self.groups = groups

    def __call__(self, values: Sequence[np.ndarray]) -> bool:
        for axes, number in self.groups:
            place, axis = axes[0]
            size = values[place].shape[axis]
            if number is not None and size != number:
                return False
            for place, axis in axes[1:]:
                if values[place].shape[axis] != size:
                    return False
        return True
