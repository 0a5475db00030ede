"""Elemwise: a scalar op applied to arrays element by element; and SumTo, its gradient's helper."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from arignote.errors import ShapeError
from arignote.ops.base import DISCONNECTED, Op, Opaque, no_gradient, require
from arignote.scalar import ZERO, ScalarOp, second
from arignote.types import Dim, Size, TensorType, broadcast_sizes, kind


@dataclass(frozen=True, repr=False)
class Elemwise(Op):
    """A scalar op for each element, with broadcasting.

    Operands have rank 0 or all the same rank. Those that the record promotes are converted to
    `dtype` before the operation.
    """

    scalar: ScalarOp
    dtype: str

    def infer(self, *types: TensorType) -> tuple[TensorType]:
        dtype, dims = self.scalar.rule.gives(self.dtype), broadcast_dims(types)
        for type_ in types:
            if type_.dims is dims and type_.dtype == dtype:
                return (type_,)
        return (TensorType(dtype, dims),)

    def perform(self, *arrays: np.ndarray) -> tuple[np.ndarray]:
        return (self.scalar.compute(self.dtype, *arrays),)

    def bind(self, types: Sequence[TensorType]) -> Callable[..., tuple[np.ndarray, ...]]:
        promoted = types[slice(*self.scalar.promoted)]
        if any(type_.dtype != self.dtype for type_ in promoted):
            return self.perform
        function = self.scalar.function
        dtype = np.dtype(self.scalar.rule.gives(self.dtype))

        def compute(*arrays: np.ndarray) -> tuple[np.ndarray]:
            result = function(*arrays)
            if type(result) is not np.ndarray:
                result = np.asarray(result)
            return (result if result.dtype is dtype else result.astype(dtype),)

        return compute

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        record, (out,), (g,) = self.scalar, outputs, gradients
        if record.grad is None:
            return no_gradient(inputs)
        conjugate = record.conjugates and kind(self.dtype) == "c"
        parts = record.grad(g.conj() if conjugate else g, out, *inputs)
        results: list[Any] = []
        for x, part in zip(inputs, parts, strict=True):
            if part is ZERO or not x.type.is_float:
                results.append(ZERO)
            else:
                results.append(sum_to(part.conj() if conjugate else part, out, x))
        return results

    def meeting_sizes(self, types: Sequence[TensorType]) -> Iterable[tuple[Size, ...]]:
        return zip(*[type_.dims for type_ in types if type_.dims], strict=True)

    @property
    def name(self) -> str:
        return self.scalar.name

    @property
    def doc(self) -> str:
        return self.scalar.doc

    def pp(self, args: Sequence[str]) -> str:
        symbol = self.scalar.symbol
        if symbol is None:
            return super().pp(args)
        return f"({symbol}{args[0]})" if len(args) == 1 else f"({args[0]} {symbol} {args[1]})"


@lru_cache(maxsize=8192)
def elemwise(scalar: ScalarOp, dtype: str) -> Elemwise:
    """The one Elemwise of a record and a dtype."""
    return Elemwise(scalar, dtype)


def broadcast_dims(types: Sequence[TensorType]) -> tuple[Size, ...]:
    """The sizes that operands of rank 0 or n have together; ShapeError names the axis."""
    full = [type_ for type_ in types if type_.dims]
    if not full:
        return ()
    dims = full[0].dims
    if all(type_.dims is dims for type_ in full):
        return dims
    ranks = {len(type_.dims) for type_ in full}
    require(len(ranks) == 1, ShapeError, f"operands have different ranks {sorted(ranks)}")
    result = []
    for axis in range(len(dims)):
        try:
            result.append(broadcast_sizes(type_.dims[axis] for type_ in full))
        except ShapeError as error:
            raise ShapeError(f"{error} (axis {axis})") from None
    # The same tuple object keeps the common case (equal sizes) a pointer comparison.
    return next((type_.dims for type_ in full if type_.dims == tuple(result)), tuple(result))


def sum_to(g: Any, out: Any, x: Any) -> Any:
    """The gradient `g` of `out` summed over the axes along which `x` was broadcast to `out`."""
    if x.ndim == out.ndim == 0 or x.type.dims is out.type.dims:
        return g
    if x.ndim == 0:
        return g.sum()
    pairs = list(zip(out.type.dims, x.type.dims, strict=True))
    axes = tuple(axis for axis, (to, size) in enumerate(pairs) if size == 1 and to != 1)
    if axes:
        g = g.sum(axis=axes, keepdims=True)
    if all(to == size or size == 1 or _cannot_be_1(size) for to, size in pairs):
        return g
    return SUM_TO(g, x)


def _cannot_be_1(size: Size) -> bool:
    return not isinstance(size, Dim) and size is not None and size != 1


@dataclass(frozen=True, repr=False)
class SumTo(Opaque):
    """A gradient summed over the axes where the other operand has size 1."""

    def infer(self, g: TensorType, like: TensorType) -> tuple[TensorType]:
        return (TensorType(g.dtype, like.dims),)

    def perform(self, g: np.ndarray, like: np.ndarray) -> tuple[np.ndarray]:
        if g.shape == like.shape:
            return (g,)
        axes = tuple(a for a, size in enumerate(like.shape) if size == 1 and g.shape[a] != 1)
        return (g.sum(axis=axes, keepdims=True, dtype=g.dtype),)

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        return second(inputs[0], gradients[0]), DISCONNECTED


SUM_TO = SumTo()
