"""Products of symbolic arrays, as NumPy defines them for all ranks."""

import math
from collections.abc import Sequence
from typing import Any

from arignote.errors import ShapeError, message
from arignote.graph.axes import axis_of
from arignote.graph.build import apply_op, as_variable, in_common_dtype, pad_left
from arignote.graph.variable import current_line
from arignote.ops.dot import DOT, MatMul
from arignote.ops.view import expand


def dot(x: Any, y: Any) -> Any:
    """NumPy's dot; see `arignote.tensor.dot`."""
    x, y = as_variable(x), as_variable(y)
    if x.ndim == 0 or y.ndim == 0:
        return x * y
    if x.ndim <= 2 and y.ndim <= 2:
        return apply_op(DOT, *in_common_dtype(x, y))
    return tensordot(x, y, ([x.ndim - 1], [max(y.ndim - 2, 0)]))


def matmul(x: Any, y: Any) -> Any:
    """NumPy's matmul; see `arignote.tensor.matmul`."""
    x, y = as_variable(x), as_variable(y)
    if x.ndim == 0 or y.ndim == 0:
        raise ShapeError(
            message(
                "matmul does not take scalars.",
                got=[f"{v}: {v.type}" for v in (x, y)],
                where=str(current_line()),
                hint="x * y",
            )
        )
    if x.ndim <= 2 and y.ndim <= 2:
        return apply_op(DOT, *in_common_dtype(x, y))
    left = expand(x, (0,)) if x.ndim == 1 else x
    right = expand(y, (1,)) if y.ndim == 1 else y
    rank = max(left.ndim, right.ndim)
    product = apply_op(MatMul(), *in_common_dtype(pad_left(left, rank), pad_left(right, rank)))
    if x.ndim == 1:
        product = product.squeeze(rank - 2)
    return product.squeeze(product.ndim - 1) if y.ndim == 1 else product


def tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """NumPy's tensordot; see `arignote.tensor.tensordot`."""
    x, y = as_variable(x), as_variable(y)
    if isinstance(axes, int):
        x_axes, y_axes = list(range(x.ndim - axes, x.ndim)), list(range(axes))
    else:
        x_axes, y_axes = [[a] if isinstance(a, int) else list(a) for a in axes]
    x_axes = [axis_of(x, axis) for axis in x_axes]
    y_axes = [axis_of(y, axis) for axis in y_axes]
    if len(x_axes) != len(y_axes):
        raise ShapeError(
            message(
                f"tensordot sums over pairs of axes, but got {x_axes} and {y_axes}.",
                where=str(current_line()),
            )
        )
    x_kept = [axis for axis in range(x.ndim) if axis not in x_axes]
    y_kept = [axis for axis in range(y.ndim) if axis not in y_axes]
    sizes = [_size(x, axis) for axis in x_kept] + [_size(y, axis) for axis in y_kept]
    rows = x.dimshuffle(*x_kept, *x_axes).reshape(_count(x, x_kept), _count(x, x_axes))
    columns = y.dimshuffle(*y_axes, *y_kept).reshape(_count(y, y_axes), _count(y, y_kept))
    return apply_op(DOT, *in_common_dtype(rows, columns)).reshape(sizes)


def _size(x: Any, axis: int) -> Any:
    size = x.type.shape[axis]
    return x.shape[axis] if size is None else size


def _count(x: Any, axes: Sequence[int]) -> Any:
    return math.prod(_size(x, axis) for axis in axes)
