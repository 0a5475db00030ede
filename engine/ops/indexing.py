"""Indexing: reading parts of an array (a view, or a gather) and writing parts of a copy."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from arignote.errors import DTypeError, IndexingError
from arignote.ops.base import DISCONNECTED, Op, Opaque, View, require
from arignote.ops.create import ARange
from arignote.ops.elemwise import broadcast_dims, sum_to
from arignote.ops.view import sizes_of
from arignote.scalar import eq, switch
from arignote.types import Dim, Size, TensorType


class FromInput(Enum):
    """Stands in a pattern for a number that comes from an input of the op."""

    INPUT = "?"

    def __repr__(self) -> str:
        return self.value


INPUT = FromInput.INPUT
Number = int | FromInput | None


@dataclass(frozen=True)
class At:
    """One position of an axis; the axis goes."""

    position: int | FromInput


@dataclass(frozen=True)
class Range:
    """A slice of an axis."""

    start: Number = None
    stop: Number = None
    step: Number = None

    @property
    def is_all(self) -> bool:
        """Whether this is `:`."""
        return self.start is None and self.stop is None and self.step in (None, 1)


@dataclass(frozen=True)
class Gather:
    """An array of integers from an input, in place of one axis."""


@dataclass(frozen=True)
class Mask:
    """A boolean array from an input, in place of `ndim` axes."""

    ndim: int


@dataclass(frozen=True)
class NewAxis:
    """A new axis of size 1."""


Entry = At | Range | NewAxis | Gather | Mask


@dataclass(frozen=True)
class IndexPattern:
    """One entry per indexed axis; what is not known while building comes from inputs, in order."""

    entries: tuple[Entry, ...]

    @property
    def is_basic(self) -> bool:
        """Whether only numbers and slices are used, so that the result is a view."""
        return not any(isinstance(entry, Gather | Mask) for entry in self.entries)

    @property
    def may_repeat(self) -> bool:
        """Whether an element can be selected more than once."""
        return any(isinstance(entry, Gather) for entry in self.entries)

    def bind(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """The NumPy index with the inputs' values put in."""
        given = iter(values)
        return tuple(_bind(entry, given) for entry in self.entries)

    def infer(self, x: TensorType, indices: Sequence[TensorType]) -> tuple[Size, ...]:
        """The sizes of what the index selects from an array of type x."""
        used = sum(_width(entry) for entry in self.entries)
        if used > x.ndim:
            raise IndexingError(f"too many indices: {used} for an array with {x.ndim} axes")
        given, axis = iter(indices), 0
        plain: list[list[Size]] = []
        arrays: list[TensorType] = []
        for entry in self.entries:
            numbers = [next(given) for _ in range(_inputs(entry))]
            sizes: list[Size] = []
            if isinstance(entry, NewAxis):
                sizes = [1]
            elif isinstance(entry, Range):
                sizes = [_range_size(entry, x.dims[axis])]
            elif isinstance(entry, At):
                _check_position(entry.position, x.dims[axis], axis)
            else:
                arrays.append(_array_type(entry, numbers[0], x, axis))
            plain.append(sizes)
            axis += _width(entry)
        rest = list(x.dims[axis:])
        if not arrays:
            return (*(size for sizes in plain for size in sizes), *rest)
        return self._place(list(broadcast_dims(_padded(arrays))), plain, rest)

    def _place(
        self, picked: list[Size], plain: list[list[Size]], rest: list[Size]
    ) -> tuple[Size, ...]:
        """NumPy's rule: the arrays' axes stand where the arrays are if these are adjacent."""
        spots = [
            n for n, entry in enumerate(self.entries) if not isinstance(entry, Range | NewAxis)
        ]
        adjacent = spots == list(range(spots[0], spots[-1] + 1))
        where = spots[0] if adjacent else 0
        before = [size for sizes in plain[:where] for size in sizes]
        after = [size for sizes in plain[where:] for size in sizes]
        return (*before, *picked, *after, *rest)

    def meeting_sizes(
        self, x: TensorType, indices: Sequence[TensorType], written: Sequence[Size] = ()
    ) -> Iterable[tuple[Size, ...]]:
        """The sizes that broadcast together if there are integer arrays only."""
        if not self.entries or any(not isinstance(entry, Gather) for entry in self.entries):
            return
        arrays = [array.dims for array in _padded(list(indices))]
        selected = [*zip(*arrays, strict=True), *[(size,) for size in x.dims[len(indices) :]]]
        lacking = len(selected) - len(written)
        for sizes, size in zip(selected, [*[1] * lacking, *written], strict=True):
            yield (*sizes, size)

    def pp(self, args: Sequence[str]) -> str:
        """The index as text, with text for what comes from inputs."""
        given = iter(args)
        return ", ".join(_entry_text(entry, given) for entry in self.entries)

    def __str__(self) -> str:
        return ", ".join(_entry_text(entry, None) for entry in self.entries)


def _width(entry: Entry) -> int:
    """The number of axes of the indexed array that an entry stands for."""
    return 0 if isinstance(entry, NewAxis) else entry.ndim if isinstance(entry, Mask) else 1


def _inputs(entry: Entry) -> int:
    """The number of the op's inputs that an entry takes."""
    if isinstance(entry, Range):
        return [entry.start, entry.stop, entry.step].count(INPUT)
    if isinstance(entry, At):
        return int(entry.position is INPUT)
    return 0 if isinstance(entry, NewAxis) else 1


def _bind(entry: Entry, given: Iterator[Any]) -> Any:
    if isinstance(entry, Range):
        parts = (entry.start, entry.stop, entry.step)
        return slice(*[int(next(given)) if part is INPUT else part for part in parts])
    if isinstance(entry, At):
        return int(next(given)) if entry.position is INPUT else entry.position
    return None if isinstance(entry, NewAxis) else next(given)


def _entry_text(entry: Entry, given: Iterator[str] | None) -> str:
    def number(value: Number) -> str:
        if value is INPUT:
            return "?" if given is None else next(given)
        return "" if value is None else str(value)

    if isinstance(entry, Range):
        text = f"{number(entry.start)}:{number(entry.stop)}"
        return text if entry.step in (None, 1) else f"{text}:{number(entry.step)}"
    if isinstance(entry, At):
        return number(entry.position)
    if isinstance(entry, NewAxis):
        return "None"
    if given is not None:
        return next(given)
    return "mask" if isinstance(entry, Mask) else "array"


def _range_size(entry: Range, size: Size) -> Size:
    if entry.is_all or (entry.start is None and entry.stop is None and entry.step == -1):
        return size
    numbers = (entry.start, entry.stop, entry.step)
    if isinstance(size, int) and INPUT not in numbers:
        return len(range(*slice(*numbers).indices(size)))
    return None


def _check_position(position: Number, size: Size, axis: int) -> None:
    if isinstance(size, int) and isinstance(position, int) and not -size <= position < size:
        raise IndexingError(f"index {position} is out of range for axis {axis} with size {size}")


def _array_type(entry: Gather | Mask, index: TensorType, x: TensorType, axis: int) -> TensorType:
    if isinstance(entry, Gather):
        return index
    for offset, (size, want) in enumerate(zip(index.shape, x.shape[axis:], strict=False)):
        if None not in (size, want) and size != want:
            raise IndexingError(
                f"a boolean index of size {size} on axis {offset} does not fit the indexed axis"
                f" {axis + offset} with size {want}"
            )
    return TensorType("int64", (Dim(),))


def _padded(arrays: list[TensorType]) -> list[TensorType]:
    rank = max(array.ndim for array in arrays)
    return [TensorType(array.dtype, (*(1,) * (rank - array.ndim), *array.dims)) for array in arrays]


class _Read(Op):
    """What views and gathers share."""

    pattern: IndexPattern

    def infer(self, x: TensorType, *indices: TensorType) -> tuple[TensorType]:
        return (TensorType(x.dtype, self.pattern.infer(x, indices)),)

    def perform(self, x: np.ndarray, *indices: np.ndarray) -> tuple[np.ndarray]:
        # The Ellipsis keeps a single element an array, and a view.
        return (np.asarray(x[(*self.pattern.bind(indices), ...)]),)

    def meeting_sizes(self, types: Sequence[TensorType]) -> Iterable[tuple[Size, ...]]:
        return self.pattern.meeting_sizes(types[0], types[1:])

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        x, *indices = inputs
        write = WriteSubtensor(self.pattern, Write.ADD)
        return write(x.zeros_like(), gradients[0], *indices), *[DISCONNECTED] * len(indices)

    def pp(self, args: Sequence[str]) -> str:
        return f"{args[0]}[{self.pattern.pp(args[1:])}]"

    @property
    def label(self) -> str:
        return f"[{self.pattern}]"

    def __str__(self) -> str:
        return f"{self.name}{{{self.pattern}}}"


@dataclass(frozen=True, repr=False)
class Subtensor(_Read, View):
    """The part of an array that numbers and slices select."""

    pattern: IndexPattern


@dataclass(frozen=True, repr=False)
class AdvancedSubtensor(_Read, Opaque):
    """The elements of an array that integer or boolean arrays select."""

    pattern: IndexPattern


class Write(Enum):
    """What a write does to the selected elements."""

    SET = "set_subtensor"
    ADD = "inc_subtensor"


@dataclass(frozen=True, repr=False)
class WriteSubtensor(Opaque):
    """A copy of an array in which the selected elements are set or added to.

    Elements that an index selects several times receive each addition.
    """

    pattern: IndexPattern
    write: Write

    def infer(self, x: TensorType, y: TensorType, *indices: TensorType) -> tuple[TensorType]:
        selected = TensorType(x.dtype, self.pattern.infer(x, indices))
        if y.ndim > selected.ndim:
            raise IndexingError(
                f"cannot write an array with {y.ndim} axes to a selection with {selected.ndim}"
            )
        for size, have in zip(y.shape[::-1], selected.shape[::-1], strict=False):
            require(
                size in (1, None) or have in (size, None),
                IndexingError,
                f"cannot write shape {y.shape} to a selection of shape {selected.shape}",
            )
        require(
            np.can_cast(y.dtype, x.dtype, "same_kind"),
            DTypeError,
            f"cannot write {y.dtype} values to an array of {x.dtype}",
        )
        return (x,)

    def perform(self, x: np.ndarray, y: np.ndarray, *indices: np.ndarray) -> tuple[np.ndarray]:
        result, index = x.copy(), self.pattern.bind(indices)
        if self.write is Write.SET:
            result[index] = y
        elif self.pattern.is_basic:
            result[index] += y.astype(x.dtype, copy=False)
        else:
            np.add.at(result, index, y)
        return (result,)

    def meeting_sizes(self, types: Sequence[TensorType]) -> Iterable[tuple[Size, ...]]:
        return self.pattern.meeting_sizes(types[0], types[2:], types[1].dims)

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        (_, y, *indices), (g,) = inputs, gradients
        read = Subtensor if self.pattern.is_basic else AdvancedSubtensor
        part = read(self.pattern)(g, *indices)
        if self.write is Write.SET and self.pattern.may_repeat:
            part = self._where_last(part, *inputs)
        dy = sum_to(part, part, y)
        rest = [DISCONNECTED] * len(indices)
        if self.write is Write.ADD:
            return g, dy, *rest
        return WriteSubtensor(self.pattern, Write.SET)(g, 0, *indices), dy, *rest

    def _where_last(self, part: Any, x: Any, y: Any, *indices: Any) -> Any:
        """`part` at the positions whose values stay, 0 where a repeated index writes again."""
        order = ARange("int64")(0, part.size, 1).reshape(sizes_of(part))
        written = self(x.zeros_like("int64"), order, *indices)
        last = AdvancedSubtensor(self.pattern)(written, *indices)
        return switch(eq(last, order), part, 0)

    @property
    def name(self) -> str:
        return self.write.value

    @property
    def label(self) -> str:
        return f"{self.name} [{self.pattern}]"

    def pp(self, args: Sequence[str]) -> str:
        return f"{self.name}({args[0]}[{self.pattern.pp(args[2:])}], {args[1]})"

    def __str__(self) -> str:
        return f"{self.name}{{{self.pattern}}}"
