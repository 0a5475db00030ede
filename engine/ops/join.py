"""Join: arrays put one after the other along an axis."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from arignote.errors import DTypeError, ShapeError
from arignote.ops.base import Opaque, require
from arignote.types import Size, TensorType, equal_sizes


@dataclass(frozen=True, repr=False)
class Join(Opaque):
    """Arrays put one after the other along an axis; the other axes must have equal sizes."""

    axis: int

    def infer(self, *types: TensorType) -> tuple[TensorType]:
        dtypes = sorted({type_.dtype for type_ in types})
        require(len(dtypes) == 1, DTypeError, f"cannot join arrays of different dtypes {dtypes}")
        ranks = sorted({type_.ndim for type_ in types})
        require(len(ranks) == 1, ShapeError, f"cannot join arrays of different ranks {ranks}")
        require(ranks[0] > 0, ShapeError, "cannot join scalars; stack makes a vector of them")
        dims: list[Size] = list(types[0].dims)
        for position, type_ in enumerate(types[1:], 1):
            for axis in range(ranks[0]):
                if axis != self.axis:
                    dims[axis] = self._meet(dims[axis], type_.dims[axis], axis, position)
        if len(types) == 1:
            return (types[0],)
        sizes = [type_.dims[self.axis] for type_ in types]
        known = all(isinstance(size, int) for size in sizes)
        dims[self.axis] = sum(size for size in sizes if isinstance(size, int)) if known else None
        return (TensorType(dtypes[0], dims),)

    def meeting_sizes(self, types: Sequence[TensorType]) -> Iterable[tuple[Size, ...]]:
        sizes = list(zip(*[type_.dims for type_ in types], strict=True))
        return (*sizes[: self.axis], *sizes[self.axis + 1 :])

    def _meet(self, size: Size, other: Size, axis: int, position: int) -> Size:
        try:
            return equal_sizes(size, other)
        except ShapeError as error:
            raise ShapeError(
                f"cannot join along axis {self.axis}: {error} on axis {axis} of operand {position}"
            ) from None

    def perform(self, *arrays: np.ndarray) -> tuple[np.ndarray]:
        return (np.concatenate(arrays, axis=self.axis),)

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        parts, start, before = [], 0, (slice(None),) * self.axis
        for x in inputs:
            size = x.type.shape[self.axis]
            stop = start + (x.shape[self.axis] if size is None else size)
            parts.append(gradients[0][(*before, slice(start, stop))])
            start = stop
        return parts

    def pp(self, args: Sequence[str]) -> str:
        return f"concatenate([{', '.join(args)}], axis={self.axis})"

    def __str__(self) -> str:
        return f"Join{{axis={self.axis}}}"
