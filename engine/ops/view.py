"""Ops that only look at an array in another way: permuted, reshaped, broadcast."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from arignote.errors import ShapeError
from arignote.ops.base import DISCONNECTED, View, require
from arignote.ops.elemwise import sum_to
from arignote.types import Size, TensorType


def expand(x: Any, axes: Sequence[int]) -> Any:
    """The variable with axes of size 1 inserted, so that they stand at these positions."""
    if not axes:
        return x
    old = iter(range(x.ndim))
    return x.dimshuffle(*["x" if a in axes else next(old) for a in range(x.ndim + len(axes))])


@dataclass(frozen=True, repr=False)
class DimShuffle(View):
    """Axes permuted, inserted (None, of size 1) or dropped (those of size 1)."""

    order: tuple[int | None, ...]

    def infer(self, x: TensorType) -> tuple[TensorType]:
        left = set(range(len(x.dims)))
        try:
            for axis in self.order:
                if axis is not None:
                    left.remove(axis)
        except KeyError:
            raise ShapeError(
                f"dimshuffle{self._order_text()} does not fit an array with {x.ndim} axes"
            ) from None
        for axis in left:
            size = x.shape[axis]
            if size is not None and size != 1:
                raise ShapeError(
                    f"dimshuffle{self._order_text()} drops axis {axis}, whose size is {size}, not 1"
                )
        return (TensorType(x.dtype, [1 if a is None else x.dims[a] for a in self.order]),)

    def perform(self, x: np.ndarray) -> tuple[np.ndarray]:
        kept = [axis for axis in self.order if axis is not None]
        dropped = tuple(axis for axis in range(x.ndim) if axis not in kept)
        for axis in dropped:
            require(
                x.shape[axis] == 1,
                ValueError,
                f"dimshuffle{self._order_text()} drops axis {axis} of shape {x.shape}, not of"
                " size 1",
            )
        moved = x.transpose([*kept, *dropped])[(...,) + (0,) * len(dropped)]
        # The Ellipsis keeps an array without axes an array.
        spread = (None if axis is None else slice(None) for axis in self.order)
        return (moved[(..., *spread)],)

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        back = [self.order.index(a) if a in self.order else "x" for a in range(inputs[0].ndim)]
        return (gradients[0].dimshuffle(*back),)

    @property
    def is_transpose(self) -> bool:
        """Whether all axes are turned round, as `.T` does."""
        return len(self.order) > 1 and self.order == tuple(reversed(range(len(self.order))))

    def _order_text(self) -> str:
        items = ["'x'" if axis is None else str(axis) for axis in self.order]
        return f"({', '.join(items)})"

    def pp(self, args: Sequence[str]) -> str:
        return f"{args[0]}.T" if self.is_transpose else f"{args[0]}.dimshuffle{self._order_text()}"

    @property
    def label(self) -> str:
        return "transpose" if self.is_transpose else super().label

    def __str__(self) -> str:
        return f"DimShuffle{{{','.join('x' if a is None else str(a) for a in self.order)}}}"


@lru_cache(maxsize=1024)
def dimshuffle(order: tuple[int | None, ...]) -> DimShuffle:
    """The one DimShuffle of an order."""
    return DimShuffle(order)


@dataclass(frozen=True)
class Sizes:
    """Sizes of a shape that are known (-1: what is left), and None for each that is an input."""

    entries: tuple[int | None, ...]

    def bind(self, values: Sequence[np.ndarray]) -> tuple[int, ...]:
        """The sizes with the inputs' values put in."""
        given = iter(values)
        return tuple(int(next(given)) if size is None else size for size in self.entries)

    @property
    def text(self) -> str:
        """The sizes as `(?, 3)`."""
        inner = ", ".join("?" if size is None else str(size) for size in self.entries)
        return f"({inner},)" if len(self.entries) == 1 else f"({inner})"

    def pp(self, args: Sequence[str]) -> str:
        """The sizes as text, with text for those that are inputs."""
        given = iter(args)
        inner = ", ".join(next(given) if size is None else str(size) for size in self.entries)
        return f"({inner},)" if len(self.entries) == 1 else f"({inner})"


@dataclass(frozen=True, repr=False)
class Reshape(View):
    """The same elements in C order with another shape."""

    sizes: Sizes

    def infer(self, x: TensorType, *sizes: TensorType) -> tuple[TensorType]:
        entries = self.sizes.entries
        require(entries.count(-1) <= 1, ShapeError, "only one size of a new shape can be -1")
        dims: list[Size] = [None if size in (-1, None) else size for size in entries]
        if None not in x.shape:
            self._check(x, dims)
        return (TensorType(x.dtype, dims),)

    def _check(self, x: TensorType, dims: list[Size]) -> None:
        total = prod(size for size in x.shape if size is not None)
        known = prod(size for size in dims if isinstance(size, int))
        if None not in dims:
            fits = total == known
        else:
            fits = total == 0 if known == 0 else total % known == 0
        require(
            fits, ShapeError, f"cannot reshape {x.shape} ({total} elements) to {self.sizes.text}"
        )
        if dims.count(None) == 1 and known:
            dims[dims.index(None)] = total // known

    def perform(self, x: np.ndarray, *sizes: np.ndarray) -> tuple[np.ndarray]:
        return (x.reshape(self.sizes.bind(sizes)),)

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        back = gradients[0].reshape(sizes_of(inputs[0]))
        return back, *[DISCONNECTED] * (len(inputs) - 1)

    def pp(self, args: Sequence[str]) -> str:
        return f"{args[0]}.reshape({self.sizes.pp(args[1:])})"

    def __str__(self) -> str:
        return f"Reshape{{{self.sizes.text}}}"


@dataclass(frozen=True, repr=False)
class Flatten(View):
    """The same elements in C order with `ndim` axes: the last ones are merged into one."""

    ndim: int

    def infer(self, x: TensorType) -> tuple[TensorType]:
        least = 0 if x.ndim == 0 else 1
        require(
            least <= self.ndim <= max(x.ndim, 1),
            ShapeError,
            f"cannot flatten an array with {x.ndim} axes to {self.ndim} axes",
        )
        keep, merged = x.dims[: self.ndim - 1], x.dims[self.ndim - 1 :]
        if len(merged) == 1:
            return (x,)
        known = all(isinstance(size, int) for size in merged)
        size = prod(s for s in merged if isinstance(s, int)) if known else None
        return (TensorType(x.dtype, [*keep, size]),)

    def perform(self, x: np.ndarray) -> tuple[np.ndarray]:
        keep = x.shape[: self.ndim - 1]
        return (x.reshape([*keep, prod(x.shape[self.ndim - 1 :])]),)

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        return (gradients[0].reshape(sizes_of(inputs[0])),)

    def pp(self, args: Sequence[str]) -> str:
        return f"{args[0]}.flatten({self.ndim if self.ndim != 1 else ''})"

    def __str__(self) -> str:
        return f"Flatten{{{self.ndim}}}"


@dataclass(frozen=True, repr=False)
class BroadcastTo(View):
    """A value repeated along axes until it has a given shape."""

    sizes: Sizes

    def infer(self, x: TensorType, *sizes: TensorType) -> tuple[TensorType]:
        entries = self.sizes.entries
        require(
            x.ndim <= len(entries),
            ShapeError,
            f"cannot broadcast an array with {x.ndim} axes to the shape {self.sizes.text}",
        )
        for have, want in zip(x.shape[::-1], entries[::-1], strict=False):
            require(
                have in (1, None) or want in (have, None),
                ShapeError,
                f"cannot broadcast shape {x.shape} to {self.sizes.text}",
            )
        require(
            all(size is None or size >= 0 for size in entries),
            ShapeError,
            f"a shape has no negative sizes, but this is {self.sizes.text}",
        )
        return (TensorType(x.dtype, entries),)

    def perform(self, x: np.ndarray, *sizes: np.ndarray) -> tuple[np.ndarray]:
        return (np.broadcast_to(x, self.sizes.bind(sizes)),)

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        (x, *sizes), (out,), (g,) = inputs, outputs, gradients
        padded = x if x.ndim == 0 else expand(x, tuple(range(out.ndim - x.ndim)))
        summed = sum_to(g, out, padded)
        if padded is not x:
            summed = summed.dimshuffle(*range(out.ndim - x.ndim, out.ndim))
        return summed, *[DISCONNECTED] * len(sizes)

    def pp(self, args: Sequence[str]) -> str:
        return f"broadcast_to({args[0]}, {self.sizes.pp(args[1:])})"

    def __str__(self) -> str:
        return f"BroadcastTo{{{self.sizes.text}}}"


def sizes_of(x: Any) -> list[Any]:
    """The sizes of a variable: numbers where they are known, else scalar variables."""
    return [x.shape[axis] if size is None else size for axis, size in enumerate(x.type.shape)]
