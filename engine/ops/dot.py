"""Products of matrices and vectors."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from arignote.errors import DTypeError, ShapeError
from arignote.ops.base import Opaque, require
from arignote.ops.elemwise import sum_to
from arignote.ops.view import expand
from arignote.types import Size, TensorType, broadcast_sizes, equal_sizes, shape_text


def _inner(x: TensorType, y: TensorType, y_axis: int) -> None:
    if x.dtype != y.dtype:
        raise DTypeError(f"operands have dtypes {x.dtype} and {y.dtype}")
    try:
        equal_sizes(x.dims[-1], y.dims[y_axis])
    except ShapeError:
        raise ShapeError(
            f"shapes {shape_text(x.shape)} and {shape_text(y.shape)} not aligned: {x.shape[-1]}"
            f" (axis {x.ndim - 1}) != {y.shape[y_axis]} (axis {y_axis % y.ndim})"
        ) from None


@dataclass(frozen=True, repr=False)
class Dot(Opaque):
    """Product of two vectors, a matrix and a vector, or two matrices of one dtype."""

    def infer(self, x: TensorType, y: TensorType) -> tuple[TensorType]:
        if not (1 <= len(x.dims) <= 2 and 1 <= len(y.dims) <= 2):
            raise ShapeError(f"Dot takes vectors and matrices, not {x.ndim} and {y.ndim} axes")
        _inner(x, y, 0)
        return (TensorType(x.dtype, [*x.dims[:-1], *y.dims[1:]]),)

    def perform(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray]:
        return (np.asarray(np.dot(x, y)),)

    def meeting_sizes(self, types: Sequence[TensorType]) -> Iterable[tuple[Size, ...]]:
        return ((types[0].dims[-1], types[1].dims[0]),)

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        (x, y), (g,) = inputs, gradients
        if x.ndim == y.ndim == 1:
            return g * y.conj(), g * x.conj()
        if x.ndim == 1:
            return DOT(g, y.conj().T), expand(x.conj(), (1,)) * expand(g, (0,))
        if y.ndim == 1:
            return expand(g, (1,)) * expand(y.conj(), (0,)), DOT(x.conj().T, g)
        return DOT(g, y.conj().T), DOT(x.conj().T, g)

    def pp(self, args: Sequence[str]) -> str:
        return f"dot({args[0]}, {args[1]})"

    @property
    def name(self) -> str:
        return "dot"


DOT = Dot()


class _AddedProduct(Opaque):
    """What Gemm and Gemv share: a scaled product added to what has its shape."""

    ranks: ClassVar[tuple[int, int]]

    def infer(
        self, z: TensorType, alpha: TensorType, x: TensorType, y: TensorType
    ) -> tuple[TensorType]:
        given = (z, alpha, x, y)
        if z.dtype not in ("float32", "float64") or any(t.dtype != z.dtype for t in given):
            dtypes = ", ".join(t.dtype for t in given)
            raise DTypeError(f"{self.name} takes float32 or float64, not {dtypes}")
        require(
            (x.ndim, y.ndim) == self.ranks and alpha.ndim == 0,
            ShapeError,
            f"{self.name} takes operands of rank {self.ranks} and a scalar",
        )
        (product,) = DOT.infer(x, y)
        require(
            z.ndim == product.ndim,
            ShapeError,
            f"{self.name} adds what has rank {product.ndim}, not {z.ndim}",
        )
        dims = [equal_sizes(a, b) for a, b in zip(z.dims, product.dims, strict=True)]
        return (TensorType(z.dtype, dims),)

    def perform(
        self, z: np.ndarray, alpha: np.ndarray, x: np.ndarray, y: np.ndarray
    ) -> tuple[np.ndarray]:
        product = np.dot(x, y)
        require(
            z.shape == product.shape,
            ValueError,
            f"{self.name}: shape {z.shape} does not fit the product's {product.shape}",
        )
        return (np.asarray(z + alpha * product),)

    def meeting_sizes(self, types: Sequence[TensorType]) -> Iterable[tuple[Size, ...]]:
        z, _, x, y = types
        product = (*x.dims[:-1], *y.dims[1:])
        return ((x.dims[-1], y.dims[0]), *zip(z.dims, product, strict=True))

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        (_, alpha, x, y), (g,) = inputs, gradients
        product = DOT(x, y)
        dx, dy = DOT.grad((x, y), (product,), (g,))
        return g, (g * product).sum(), alpha * dx, alpha * dy

    def pp(self, args: Sequence[str]) -> str:
        z, alpha, x, y = args
        return f"({z} + {alpha} * dot({x}, {y}))"


@dataclass(frozen=True, repr=False)
class Gemm(_AddedProduct):
    """z + alpha * dot(x, y) of matrices, as BLAS computes it in one go."""

    ranks = (2, 2)


@dataclass(frozen=True, repr=False)
class Gemv(_AddedProduct):
    """z + alpha * dot(A, x) of a matrix and a vector, as BLAS computes it in one go."""

    ranks = (2, 1)


@dataclass(frozen=True, repr=False)
class MatMul(Opaque):
    """Product of the matrices in the last two axes; the axes before them broadcast."""

    def infer(self, x: TensorType, y: TensorType) -> tuple[TensorType]:
        require(
            x.ndim == y.ndim >= 2,
            ShapeError,
            f"MatMul takes operands of equal rank >= 2, not {x.ndim} and {y.ndim}",
        )
        _inner(x, y, -2)
        batch: list[Size] = [
            broadcast_sizes(sizes) for sizes in zip(x.dims[:-2], y.dims[:-2], strict=True)
        ]
        return (TensorType(x.dtype, [*batch, x.dims[-2], y.dims[-1]]),)

    def perform(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray]:
        return (np.matmul(x, y),)

    def meeting_sizes(self, types: Sequence[TensorType]) -> Iterable[tuple[Size, ...]]:
        x, y = types
        return (*zip(x.dims[:-2], y.dims[:-2], strict=True), (x.dims[-1], y.dims[-2]))

    def grad(
        self, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any]
    ) -> Sequence[Any]:
        (x, y), (g,) = inputs, gradients
        turned = [*range(x.ndim - 2), x.ndim - 1, x.ndim - 2]
        dx = MatMul()(g, y.conj().dimshuffle(*turned))
        dy = MatMul()(x.conj().dimshuffle(*turned), g)
        return sum_to(dx, dx, x), sum_to(dy, dy, y)

    def pp(self, args: Sequence[str]) -> str:
        return f"({args[0]} @ {args[1]})"

    @property
    def name(self) -> str:
        return "matmul"
