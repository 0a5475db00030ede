"""Sizes of a program: which are equal for all calls, and what they are in one."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from arignote.errors import ShapeError
from arignote.graph import Apply, Variable
from arignote.ops.base import View
from arignote.ops.create import ARange
from arignote.ops.indexing import NewAxis, Range, Subtensor
from arignote.ops.reduce import Reduce
from arignote.rewrite.sizes import EqualSizes
from arignote.types import Atom, Dim, Size, TensorType


@dataclass(frozen=True)
class Less:
    """The size of what is left of an axis without its first or last `count` elements."""

    size: object
    count: int


Key = object
"""What sizes have in common that are equal: a number, an Atom, a Less, or a set of such."""


class SizeTable:
    """The keys of sizes: two sizes with one key are equal in every call."""

    def __init__(self, sizes: EqualSizes) -> None:
        self._sizes = sizes
        self._alias: dict[Atom, Key] = {}
        self._keys: dict[frozenset[Atom], Key] = {}
        # By identity, since to hash sizes takes longer; kept, so that identities stay.
        self._shapes: dict[int, tuple[Key, ...]] = {}
        self._kept: list[tuple[Size, ...]] = []

    def key(self, size: Size) -> Key:
        """The key of a size."""
        if not isinstance(size, Dim):
            return size
        known = self._keys.get(size.atoms)
        if known is None:
            known = self._sizes.value(size)
            if isinstance(known, frozenset):
                parts = {self._alias.get(atom, atom) for atom in known}
                known = parts.pop() if len(parts) == 1 else frozenset(parts)
            else:
                known = self._alias.get(known, known)  # type: ignore[call-overload]
            self._keys[size.atoms] = known
        return known

    def keys(self, dims: tuple[Size, ...]) -> tuple[Key, ...]:
        """The keys of a shape."""
        known = self._shapes.get(id(dims))
        if known is None:
            known = self._shapes[id(dims)] = tuple([self.key(size) for size in dims])
            self._kept.append(dims)
        return known

    def learn(self, node: Apply) -> None:
        """Notes what sizes the slices of a node have, so that equal slices have equal keys."""
        op = node.op
        if type(op) is not Subtensor:
            return
        dims = iter(node.outputs[0].type.dims)
        axis = 0
        for entry in op.pattern.entries:
            if isinstance(entry, Range):
                self._learn_slice(entry, node.inputs[0].type.dims[axis], next(dims))
            elif isinstance(entry, NewAxis):
                next(dims)
                continue
            axis += 1

    def _learn_slice(self, entry: Range, size: Size, out: Size) -> None:
        if not isinstance(out, Dim) or len(out.atoms) != 1 or entry.step not in (None, 1):
            return
        start, stop = entry.start or 0, entry.stop
        (atom,) = out.atoms
        if isinstance(start, int) and start >= 0 and stop is None:
            self._alias.setdefault(atom, Less(self.key(size), start))
        elif start == 0 and isinstance(stop, int) and stop < 0:
            self._alias.setdefault(atom, Less(self.key(size), -stop))


def is_known(key: Key, known: Collection[Key]) -> bool:
    """Whether a size follows from those that are known."""
    if isinstance(key, int) or key in known:
        return True
    if isinstance(key, Less):
        return is_known(key.size, known)
    return isinstance(key, frozenset) and all(is_known(part, known) for part in key)


class LeafSizes:
    """What the shapes of leaves tell, whatever they are.

    Parameters
    ----------
    table : SizeTable
    leaves : sequence of Variable
    """

    def __init__(self, table: SizeTable, leaves: Sequence[Variable]) -> None:
        self._table, self._leaves = table, leaves
        keys = [key for x in leaves for key in table.keys(x.type.dims)]
        # By place among the axes of all leaves: where a size comes first, and is met again.
        self._first: dict[Key, int] = {}
        self._again: list[tuple[int, int]] = []
        self._numbers = [(n, key) for n, key in enumerate(keys) if isinstance(key, int)]
        for n, key in enumerate(keys):
            if not isinstance(key, int) and self._first.setdefault(key, n) != n:
                self._again.append((self._first[key], n))
        self._is_simple = all(isinstance(key, Atom) for key in self._first)

    def of(self, shapes: Sequence[tuple[int, ...]]) -> "CallSizes":
        """The sizes of a call whose leaves have these shapes.

        Raises
        ------
        ShapeError
            Sizes differ that are equal in every call.
        """
        if not self._is_simple:
            sizes = CallSizes(self._table)
            for x, shape in zip(self._leaves, shapes, strict=True):
                sizes.bind(x, shape)
            return sizes
        flat = list(chain.from_iterable(shapes))
        for first, again in self._again:
            if flat[first] != flat[again]:
                raise ShapeError(f"sizes {flat[first]} and {flat[again]} meet")
        for place, number in self._numbers:
            if flat[place] != number:
                raise ShapeError(f"a size is {flat[place]}, not {number}")
        return CallSizes(self._table, {key: flat[n] for key, n in self._first.items()})


class CallSizes:
    """The sizes of one call, found as its values become known."""

    def __init__(self, table: SizeTable, known: dict[Key, int] | None = None) -> None:
        self._table = table
        self._known: dict[Key, int] = {} if known is None else known
        self._shapes: dict[int, tuple[int, ...]] = {}

    def bind(self, variable: Variable, shape: Sequence[int]) -> None:
        """Notes the shape of a variable; ShapeError if it is not what others say."""
        keys = self._table.keys(variable.type.dims)
        for axis, (key, size) in enumerate(zip(keys, shape, strict=True)):
            known = key if type(key) is int else self._known.get(key)
            if known is None:
                try:
                    known = self.value(key)
                except KeyError:
                    known = self._known[key] = size
            if known != size:
                raise ShapeError(f"axis {axis} of {variable} has size {size}, not {known}")

    def value(self, key: Key) -> int:
        """The number that a key stands for; KeyError if it is not known yet."""
        if isinstance(key, int):
            return key
        known = self._known.get(key)
        if known is None:
            if isinstance(key, Less):
                known = max(self.value(key.size) - key.count, 0)
            elif isinstance(key, frozenset):
                known = _broadcast([self.value(part) for part in key])
            else:
                raise KeyError(key)
            self._known[key] = known
        return known

    def shape(self, variable: Variable) -> tuple[int, ...]:
        """The shape of a variable in this call."""
        # The table keeps dims, so that identities stay.
        dims = variable.type.dims
        found = self._shapes.get(id(dims))
        if found is None:
            known, value = self._known, self.value
            found = self._shapes[id(dims)] = tuple(
                [
                    key if type(key) is int else known[key] if key in known else value(key)
                    for key in self._table.keys(dims)
                ]
            )
        return found

    def compute(self, node: Apply, hosts: Mapping[Variable, np.ndarray]) -> None:
        """Finds the shape of a node's outputs from those of its inputs.

        Raises
        ------
        ShapeError, IndexError, ValueError
            The inputs do not fit together.
        """
        op = node.op
        if isinstance(op, ARange):
            start, stop, step = [hosts[x].item() for x in node.inputs]
            shapes = [(max(0, int(np.ceil((stop - start) / step))),)]
        elif isinstance(op, View):
            given = [hosts[x] for x in node.inputs[1:]]
            shapes = [
                op.perform(dummy(node.inputs[0], self.shape(node.inputs[0])), *given)[0].shape
            ]
        elif isinstance(op, Reduce):
            shapes = [op.kept(self.shape(node.inputs[0]))]  # type: ignore[list-item]
        else:
            types = [TensorType(x.type.dtype, self.shape(x)) for x in node.inputs]
            shapes = [type_.shape for type_ in op.infer(*types)]  # type: ignore[misc]
        for out, shape in zip(node.outputs, shapes, strict=True):
            self.bind(out, shape)


def _broadcast(sizes: Iterable[int]) -> int:
    others = {size for size in sizes if size != 1}
    if len(others) > 1:
        raise ShapeError(f"sizes {sorted(others)} do not broadcast together")
    return others.pop() if others else 1


_NOTHING = np.zeros(16, "uint8")


def dummy(variable: Variable, shape: Sequence[int]) -> np.ndarray:
    """An array of this shape in C order whose elements must not be looked at.

    Views of it tell by their strides and addresses what views of a real array are.
    """
    dtype = variable.type.numpy_dtype
    # An empty array is contiguous whatever its strides; sizes of 0 get those of 1.
    strides, step = [], dtype.itemsize
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    start = _NOTHING[: dtype.itemsize].view(dtype)[0:1]
    return np.lib.stride_tricks.as_strided(start, shape, strides[::-1], writeable=False)


def offset_of(view: np.ndarray) -> int:
    """How many bytes after the start of a dummy array a view of it begins."""
    return int(view.__array_interface__["data"][0] - _NOTHING.__array_interface__["data"][0])
