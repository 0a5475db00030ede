"""Equal sizes: unknown sizes that meet are taken to be equal, and each call checks that they are.

NumPy lets a size of 1 meet any other, so that a gradient carries a sum for each operand that may
have been broadcast. Nearly always nothing is: under the assumption that sizes that meet are equal
these sums are nothing. A call for which it does not hold runs the graph without the assumption.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from arignote.graph import FunctionGraph
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
        self._axes: dict[Atom, list[Axis]] = {}
        self._parent: dict[Atom, Atom] = {}
        self._number: dict[Atom, int] = {}
        for place, leaf in enumerate((*graph.inputs, *graph.shared)):
            for axis, size in enumerate(leaf.type.dims):
                if isinstance(size, Dim):
                    for atom in size.atoms:
                        self._axes.setdefault(atom, []).append((place, axis))
                        self._parent[atom] = atom
        for node in graph.order if assume else ():
            for sizes in node.op.meeting_sizes([x.type for x in node.inputs]):
                self._unite(sizes)

    def _root(self, atom: Atom) -> Atom:
        parent = self._parent
        while parent[atom] is not atom:
            parent[atom] = atom = parent[parent[atom]]
        return atom

    def _unite(self, sizes: Iterable[Size]) -> None:
        """Notes that sizes meet; those that no input or shared variable has are left alone."""
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
        first, *others = sorted(roots, key=lambda atom: self._axes[atom][0])
        for other in others:
            self._parent[other] = first
            self._axes[first] += self._axes[other]
        if numbers:
            self._number[first] = numbers.pop()

    def _value(self, size: Size) -> object:
        if not isinstance(size, Dim):
            return size
        roots = {self._root(atom) if atom in self._parent else atom for atom in size.atoms}
        if len(roots) > 1:
            return frozenset(roots)
        (root,) = roots
        return self._number.get(root, root)

    def same(self, first: Sequence[Size], second: Sequence[Size]) -> bool:
        """Whether two shapes are equal, by what is known or by the assumption."""
        if first is second or first == second:
            return True
        if len(first) != len(second):
            return False
        equal = all(self._value(a) == self._value(b) for a, b in zip(first, second, strict=True))
        self.used = self.used or equal
        return equal

    def check(self) -> "SizeCheck | None":
        """What a call has to check, if an answer needed the assumption."""
        if not self.used:
            return None
        groups = []
        for atom, parent in self._parent.items():
            if parent is atom and (len(self._axes[atom]) > 1 or atom in self._number):
                groups.append((tuple(self._axes[atom]), self._number.get(atom)))
        return SizeCheck(tuple(groups))


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
