"""Sorting along an axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from arignote.ops.base import Opaque, no_gradient
from arignote.ops.create import ARange
from arignote.types import TensorType


@dataclass(frozen=True, repr=False)
class Sort(Opaque):
    """The elements in rising order along an axis, NaN last."""

    axis: int

    def infer(self, x: TensorType) -> tuple[TensorType]:
        return (x,)

    def perform(self, x: np.ndarray) -> tuple[np.ndarray]:
        return (np.sort(x, axis=self.axis, kind="stable"),)

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        # The rank of each element is the inverse of the sorting permutation.
        (x,), (g,) = inputs, gradients
        rank = ArgSort(self.axis)(ArgSort(self.axis)(x))
        grid = [ARange("int64")(0, x.shape[axis], 1) for axis in range(x.ndim)]
        index = tuple(
            rank
            if axis == self.axis
            else grid[axis].dimshuffle(*[0 if a == axis else "x" for a in range(x.ndim)])
            for axis in range(x.ndim)
        )
        return (g[index],)

    def pp(self, args: Sequence[str]) -> str:
        return f"sort({args[0]}, axis={self.axis})"

    def __str__(self) -> str:
        return f"Sort{{axis={self.axis}}}"


@dataclass(frozen=True, repr=False)
class ArgSort(Opaque):
    """The positions along an axis that would sort the elements; equal ones keep their order."""

    axis: int

    def infer(self, x: TensorType) -> tuple[TensorType]:
        return (x.astype("int64"),)

    def perform(self, x: np.ndarray) -> tuple[np.ndarray]:
        return (np.argsort(x, axis=self.axis, kind="stable"),)

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        return no_gradient(inputs)

    def pp(self, args: Sequence[str]) -> str:
        return f"argsort({args[0]}, axis={self.axis})"

    def __str__(self) -> str:
        return f"ArgSort{{axis={self.axis}}}"
