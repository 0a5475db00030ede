"""Reductions over axes: an associative scalar op, or the position of an extremum."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, prod
from typing import Any

import numpy as np

from arignote import scalar
from arignote.errors import ShapeError
from arignote.ops.base import Op, Opaque, disconnected, no_gradient, require
from arignote.ops.create import ARange
from arignote.ops.view import expand
from arignote.scalar import ScalarOp
from arignote.types import Size, TensorType, real_of

_NAMES = {
    scalar.add: "Sum",
    scalar.mul: "Prod",
    scalar.maximum: "Max",
    scalar.minimum: "Min",
    scalar.logical_and: "All",
    scalar.logical_or: "Any",
}


@dataclass(frozen=True, repr=False)
class Reduce(Op):
    """All elements along some axes combined by an associative scalar op.

    The axes (counted from the front, sorted) leave the shape. `dtype` is that of the result and
    of the accumulator. An extremum over an empty axis is an error, or with `or_unit` infinite.
    """

    scalar: ScalarOp
    axes: tuple[int, ...]
    dtype: str
    or_unit: bool = False

    def infer(self, x: TensorType) -> tuple[TensorType]:
        return (TensorType(self.dtype, self.kept(x.dims)),)

    def kept(self, dims: Sequence[Size]) -> list[Size]:
        """The sizes of the result for those of the operand.

        Raises
        ------
        ShapeError
            There is nothing to take an extremum of.
        """
        if abs(self.scalar.unit or 0) == inf and not self.or_unit:
            for axis in self.axes:
                require(
                    dims[axis] != 0,
                    ShapeError,
                    f"{self.name.lower()} over axis {axis}, which is empty, has no value",
                )
        return [size for axis, size in enumerate(dims) if axis not in self.axes]

    def perform(self, x: np.ndarray) -> tuple[np.ndarray]:
        reduce = self.scalar.function.reduce  # type: ignore[attr-defined]
        given = {"initial": self.scalar.unit} if self.or_unit else {}
        return (np.asarray(reduce(x, axis=self.axes, dtype=self.dtype, **given)),)

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        (x,), (out,) = inputs, outputs
        rule = _GRADIENTS.get(self.scalar)
        if rule is None or not x.type.is_float:
            return no_gradient(inputs)
        g, wide = gradients[0], out
        if out.ndim:
            g, wide = expand(g, self.axes), expand(out, self.axes)
        return (rule(g, wide, x, self.axes),)

    @property
    def name(self) -> str:
        return _NAMES.get(self.scalar, f"Reduce{{{self.scalar.name}}}")

    @property
    def doc(self) -> str:
        return f"Reduction by {self.scalar.name}. {self.scalar.doc}"

    def pp(self, args: Sequence[str]) -> str:
        return f"{self.name.lower()}({args[0]}{_axes_text(self.axes)})"

    def __str__(self) -> str:
        return f"{self.name}{{axes={_short_axes(self.axes)}}}"


def _short_axes(axes: tuple[int, ...]) -> str:
    return str(axes[0]) if len(axes) == 1 else str(axes).replace(" ", "")


def _axes_text(axes: tuple[int, ...]) -> str:
    return f", axis={axes[0] if len(axes) == 1 else axes}"


def _sum_gradient(g: Any, out: Any, x: Any, axes: tuple[int, ...]) -> Any:
    return scalar.second(x, g)


def _extremum_gradient(g: Any, out: Any, x: Any, axes: tuple[int, ...]) -> Any:
    hit = scalar.eq(x, out).astype(g.dtype)
    return g * hit / hit.sum(axis=axes, keepdims=True)


def _product_gradient(g: Any, out: Any, x: Any, axes: tuple[int, ...]) -> Any:
    return g * ProductOfOthers(axes)(x).conj()


_GRADIENTS = {
    scalar.add: _sum_gradient,
    scalar.mul: _product_gradient,
    scalar.maximum: _extremum_gradient,
    scalar.minimum: _extremum_gradient,
}


def _last(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The array with the given axes moved to the end and merged into one."""
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    size = prod(x.shape[axis] for axis in axes)
    return x.transpose([*kept, *axes]).reshape([*(x.shape[axis] for axis in kept), size])


@dataclass(frozen=True, repr=False)
class ProductOfOthers(Opaque):
    """For each element the product of the others along some axes, right with zeros too."""

    axes: tuple[int, ...]

    def infer(self, x: TensorType) -> tuple[TensorType]:
        return (x,)

    def perform(self, x: np.ndarray) -> tuple[np.ndarray]:
        flat = _last(x, self.axes)
        left, right = np.ones_like(flat), np.ones_like(flat)
        np.multiply.accumulate(flat[..., :-1], axis=-1, out=left[..., 1:])
        np.multiply.accumulate(flat[..., :0:-1], axis=-1, out=right[..., -2::-1])
        kept = [axis for axis in range(x.ndim) if axis not in self.axes]
        order = [*kept, *self.axes]
        result = (left * right).reshape([x.shape[axis] for axis in order])
        return (result.transpose(np.argsort(order)),)

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        # Element i is the product of row i of a square table whose diagonal is 1; the table costs
        # n * n memory, and only second and higher derivatives of a product need it.
        (x,), (g,) = inputs, gradients
        order = [*(axis for axis in range(x.ndim) if axis not in self.axes), *self.axes]
        last = x.ndim - len(self.axes)
        flat, weight = [v.dimshuffle(*order).flatten(last + 1) for v in (x, g)]
        index = ARange("int64")(0, flat.shape[last], 1)
        other = scalar.neq(expand(index, (1,)), expand(index, (0,)))
        table = scalar.switch(other, expand(flat, (last,)), 1)
        parts = ProductOfOthers((last + 1,))(table).conj() * expand(weight, (last + 1,))
        result = scalar.switch(other, parts, 0).sum(axis=last)
        shape = [x.shape[axis] for axis in order]
        return (result.reshape(shape).dimshuffle(*np.argsort(order).tolist()),)

    def __str__(self) -> str:
        return f"ProductOfOthers{{axes={_short_axes(self.axes)}}}"


@dataclass(frozen=True, repr=False)
class ArgReduce(Opaque):
    """Position of the first maximum or minimum along some axes, counted in C order over them."""

    scalar: ScalarOp
    axes: tuple[int, ...]

    def infer(self, x: TensorType) -> tuple[TensorType]:
        for axis in self.axes:
            require(
                x.dims[axis] != 0,
                ShapeError,
                f"{self.name.lower()} over axis {axis}, which is empty, has no value",
            )
        dims = [size for axis, size in enumerate(x.dims) if axis not in self.axes]
        return (TensorType("int64", dims),)

    def perform(self, x: np.ndarray) -> tuple[np.ndarray]:
        find = np.argmax if self.scalar is scalar.maximum else np.argmin
        return (np.asarray(find(_last(x, self.axes), axis=-1), "int64"),)

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        return no_gradient(inputs)

    @property
    def name(self) -> str:
        return "Argmax" if self.scalar is scalar.maximum else "Argmin"

    def pp(self, args: Sequence[str]) -> str:
        return f"{self.name.lower()}({args[0]}{_axes_text(self.axes)})"

    def __str__(self) -> str:
        return f"{self.name}{{axes={_short_axes(self.axes)}}}"


@dataclass(frozen=True, repr=False)
class Mean(Opaque):
    """The mean along some axes, in a given dtype; float16 is summed in float32."""

    axes: tuple[int, ...]
    dtype: str

    def infer(self, x: TensorType) -> tuple[TensorType]:
        dims = [size for axis, size in enumerate(x.dims) if axis not in self.axes]
        return (TensorType(self.dtype, dims),)

    def perform(self, x: np.ndarray) -> tuple[np.ndarray]:
        wide = "float32" if self.dtype == "float16" else self.dtype
        total = np.add.reduce(x, axis=self.axes, dtype=wide)
        count = prod(x.shape[axis] for axis in self.axes)
        return (np.asarray(total / np.asarray(count, wide)).astype(self.dtype, copy=False),)

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        (x,), (g,) = inputs, gradients
        if not x.type.is_float:
            return no_gradient(inputs)
        share = g / Count(self.axes, real_of(self.dtype))(x)
        return (scalar.second(x, expand(share, self.axes) if share.ndim else share),)

    def pp(self, args: Sequence[str]) -> str:
        return f"mean({args[0]}{_axes_text(self.axes)})"

    def __str__(self) -> str:
        return f"Mean{{axes={_short_axes(self.axes)}}}"


@dataclass(frozen=True, repr=False)
class Count(Opaque):
    """The number of elements along some axes, in a given dtype."""

    axes: tuple[int, ...]
    dtype: str

    def infer(self, x: TensorType) -> tuple[TensorType]:
        return (TensorType(self.dtype),)

    def perform(self, x: np.ndarray) -> tuple[np.ndarray]:
        return (np.asarray(prod(x.shape[axis] for axis in self.axes), self.dtype),)

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        return disconnected(inputs)

    def pp(self, args: Sequence[str]) -> str:
        return f"count({args[0]}{_axes_text(self.axes)})"

    def __str__(self) -> str:
        return f"Count{{axes={_short_axes(self.axes)}}}"
