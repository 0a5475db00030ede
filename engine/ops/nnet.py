"""Softmax and its kin, each one op so that rewrites can see it and its gradient stays stable."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from arignote.errors import DTypeError
from arignote.ops.base import Opaque, require
from arignote.ops.view import expand
from arignote.scalar import exp
from arignote.types import TensorType, kind


def _floating(x: TensorType) -> TensorType:
    require(kind(x.dtype) == "f", DTypeError, f"operands are real floats, not {x.dtype}")
    return x


def _shifted(x: np.ndarray, axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """x minus its maximum (0 where that is infinite), and that maximum."""
    top = np.max(x, axis=axes, keepdims=True, initial=-np.inf)
    top = np.where(np.isinf(top), x.dtype.type(0), top)
    return x - top, top


@dataclass(frozen=True, repr=False)
class Softmax(Opaque):
    """exp(x) divided by its sum along an axis."""

    axis: int

    def infer(self, x: TensorType) -> tuple[TensorType]:
        return (_floating(x),)

    def perform(self, x: np.ndarray) -> tuple[np.ndarray]:
        shifted, _ = _shifted(x, (self.axis,))
        e = np.exp(shifted)
        # One division for each sum, which is at least 1; a product takes much less time.
        return (e * np.reciprocal(e.sum(axis=self.axis, keepdims=True)),)

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        (out,), (g,) = outputs, gradients
        weighted = g * out
        return (weighted - out * weighted.sum(axis=self.axis, keepdims=True),)

    def pp(self, args: Sequence[str]) -> str:
        return f"softmax({args[0]}, axis={self.axis})"

    def __str__(self) -> str:
        return f"Softmax{{axis={self.axis}}}"


@dataclass(frozen=True, repr=False)
class LogSoftmax(Opaque):
    """log(softmax(x)) along an axis, exact where the softmax underflows."""

    axis: int

    def infer(self, x: TensorType) -> tuple[TensorType]:
        return (_floating(x),)

    def perform(self, x: np.ndarray) -> tuple[np.ndarray]:
        shifted, _ = _shifted(x, (self.axis,))
        return (shifted - np.log(np.exp(shifted).sum(axis=self.axis, keepdims=True)),)

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        (out,), (g,) = outputs, gradients
        return (g - exp(out) * g.sum(axis=self.axis, keepdims=True),)

    def pp(self, args: Sequence[str]) -> str:
        return f"log_softmax({args[0]}, axis={self.axis})"

    def __str__(self) -> str:
        return f"LogSoftmax{{axis={self.axis}}}"


@dataclass(frozen=True, repr=False)
class LogSumExp(Opaque):
    """log(sum(exp(x))) over some axes, without overflow."""

    axes: tuple[int, ...]

    def infer(self, x: TensorType) -> tuple[TensorType]:
        dims = [size for axis, size in enumerate(x.dims) if axis not in self.axes]
        return (TensorType(_floating(x).dtype, dims),)

    def perform(self, x: np.ndarray) -> tuple[np.ndarray]:
        shifted, top = _shifted(x, self.axes)
        result = np.log(np.exp(shifted).sum(axis=self.axes, keepdims=True)) + top
        return (np.asarray(result.squeeze(self.axes)),)

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        (x,), (out,), (g,) = inputs, outputs, gradients
        return (expand(g, self.axes) * exp(x - expand(out, self.axes)),)

    def pp(self, args: Sequence[str]) -> str:
        return f"logsumexp({args[0]}, axis={self.axes if len(self.axes) != 1 else self.axes[0]})"

    def __str__(self) -> str:
        return f"LogSumExp{{axes={','.join(map(str, self.axes))}}}"
