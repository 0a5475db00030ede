"""Ops that make arrays or read shapes: ARange, Eye, Shape, Nonzero."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from arignote.errors import ShapeError
from arignote.ops.base import Opaque, disconnected, no_gradient, require
from arignote.scalar import ZERO
from arignote.types import TensorType, is_float


@dataclass(frozen=True, repr=False)
class ARange(Opaque):
    """Evenly spaced values from start up to, without, stop."""

    dtype: str

    def infer(self, *bounds: TensorType) -> tuple[TensorType]:
        return (TensorType(self.dtype, (None,)),)

    def perform(self, start: np.ndarray, stop: np.ndarray, step: np.ndarray) -> tuple[np.ndarray]:
        return (np.arange(start.item(), stop.item(), step.item(), dtype=self.dtype),)

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        if not is_float(self.dtype):
            return disconnected(inputs)
        (g,), (out,) = gradients, outputs
        steps = ARange(self.dtype)(0, out.shape[0], 1)
        return g.sum(), ZERO, (g * steps).sum()

    def pp(self, args: Sequence[str]) -> str:
        start, stop, step = args
        shown = args if step != "1" else [start, stop] if start != "0" else [stop]
        return f"arange({', '.join(shown)})"


@dataclass(frozen=True, repr=False)
class Eye(Opaque):
    """A matrix with ones on one diagonal; inputs are rows, columns and the diagonal's offset."""

    dtype: str

    def infer(self, *sizes: TensorType) -> tuple[TensorType]:
        return (TensorType(self.dtype, (None, None)),)

    def perform(self, n: np.ndarray, m: np.ndarray, k: np.ndarray) -> tuple[np.ndarray]:
        return (np.eye(int(n), int(m), int(k), dtype=self.dtype),)

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        return disconnected(inputs)


@dataclass(frozen=True, repr=False)
class Shape(Opaque):
    """The sizes of all axes, as a vector of int64."""

    def infer(self, x: TensorType) -> tuple[TensorType]:
        return (TensorType("int64", (x.ndim,)),)

    def perform(self, x: np.ndarray) -> tuple[np.ndarray]:
        return (np.asarray(x.shape, "int64"),)

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        return disconnected(inputs)

    def pp(self, args: Sequence[str]) -> str:
        return f"{args[0]}.shape"


@dataclass(frozen=True, repr=False)
class Nonzero(Opaque):
    """The positions of the elements that are not 0: one index vector per axis."""

    ndim: int

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        require(x.ndim > 0, ShapeError, "a scalar has no positions; nonzero takes arrays")
        return (TensorType("int64", (None,)),) * self.ndim

    def perform(self, x: np.ndarray) -> tuple[np.ndarray, ...]:
        return x.nonzero()

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        return no_gradient(inputs)
