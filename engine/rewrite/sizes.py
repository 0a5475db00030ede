"""Equal sizes: unknown sizes that meet are taken to be equal, and each call checks that they are.

NumPy lets a size of 1 meet any other, so that a gradient carries a sum for each operand that may
have been broadcast. Nearly always nothing is: under the assumption that sizes that meet are equal
these sums are nothing. A call for which it does not hold runs the graph without the assumption.
"""

from collections.abc import Sequence

import numpy as np

from arignote.graph import FunctionGraph, Variable
from arignote.ops.elemwise import Elemwise
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
        self._values: dict[Dim, object] = {}
        for place, leaf in enumerate(self._leaves):
            for axis, size in enumerate(leaf.type.dims):
                if isinstance(size, Dim):
                    for atom in size.atoms:
                        self._axes.setdefault(atom, []).append((place, axis))
                        self._parent[atom] = atom
        met: set[tuple[int, ...]] = set()
        for node in graph.order if assume else ():
            types = [x.type for x in node.inputs]
            if type(node.op) is Elemwise:
                # Few shapes meet, at many nodes.
                shapes = tuple([id(type_.dims) for type_ in types])
                if len(shapes) == 1 or shapes in met:
                    continue
                met.add(shapes)
            for sizes in node.op.meeting_sizes(types):
                self._unite(sizes)

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
        numbers = {size for size in sizes if isinstance(size, int) and size != 1}
        roots = {
            self._root(atom)
            for size in sizes
            if isinstance(size, Dim)
            for atom in size.atoms
            if atom in self._parent
        }
        numbers |= {self._number[root] for root in roots if root in self._number}
        if not roots or len(numbers) > 1:
            return
        kept, *others = sorted(roots, key=lambda atom: self._axes[atom][0])
        for other in others:
            self._parent[other] = kept
            self._axes[kept] += self._axes[other]
        if numbers:
            self._number[kept] = numbers.pop()

    def _value(self, size: Size) -> object:
        """What equal sizes have in common: a number, a root, or a set of roots."""
        if not isinstance(size, Dim):
            return size
        value = self._values.get(size)
        if value is None:
            roots = {self._root(atom) if atom in self._parent else atom for atom in size.atoms}
            value = frozenset(roots)
            if len(roots) == 1:
                (root,) = roots
                value = self._number.get(root, root)
            self._values[size] = value
        return value

    def same(self, first: Sequence[Size], second: Sequence[Size]) -> bool:
        """Whether two shapes are equal, by what is known or by the assumption."""
        if first is second or first == second:
            return True
        if len(first) != len(second):
            return False
        for a, b in zip(first, second, strict=True):
            if a is not b and self._value(a) != self._value(b):
                return False
        self.used = True
        return True

    def rely(self) -> bool:
        """Whether a computation may be left out that fails where sizes that meet differ.

        The sizes are checked then. Where they are not assumed to be equal, what was written runs.
        """
        self.used = self.used or self._assume
        return self._assume

    def axis_of(self, size: Size) -> "tuple[Variable, int] | None":
        """An input or shared variable, and its axis, that has this size by the assumption."""
        root = self._value(size)
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
