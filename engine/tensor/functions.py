"""Functions of the tensor namespace that are not records: shapes, reductions, products, joins."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from arignote import scalar, types
from arignote.errors import ShapeError, message
from arignote.graph import apply_op, apply_scalar, as_variable, indexing, products
from arignote.graph.axes import Axis, axes_of, axis_of
from arignote.graph.build import join, pad_left
from arignote.graph.variable import current_line
from arignote.ops.create import ARange, Eye
from arignote.ops.indexing import Write
from arignote.ops.nnet import LogSumExp
from arignote.ops.view import expand

# ---- reductions ----------------------------------------------------------------------------------


def sum(x: Any, axis: Axis = None, dtype: object = None, keepdims: bool = False) -> Any:
    """The sum over some axes; integers and booleans are summed as 64-bit integers."""
    return as_variable(x).sum(axis, dtype, keepdims)


def prod(x: Any, axis: Axis = None, dtype: object = None, keepdims: bool = False) -> Any:
    """The product over some axes; integers and booleans as 64-bit integers."""
    return as_variable(x).prod(axis, dtype, keepdims)


def mean(x: Any, axis: Axis = None, dtype: object = None, keepdims: bool = False) -> Any:
    """The mean over some axes; integers give floats."""
    return as_variable(x).mean(axis, dtype, keepdims)


def var(x: Any, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Any:
    """The variance over some axes; `ddof` is taken off the number of elements."""
    return as_variable(x).var(axis, ddof, keepdims)


def std(x: Any, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Any:
    """The standard deviation over some axes."""
    return as_variable(x).std(axis, ddof, keepdims)


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest element along some axes, NaN if there is one."""
    return as_variable(x).max(axis, keepdims)


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest element along some axes, NaN if there is one."""
    return as_variable(x).min(axis, keepdims)


def ptp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The distance from the smallest to the largest element."""
    return as_variable(x).ptp(axis, keepdims)


def argmax(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The position of the first largest element along some axes, in C order over them."""
    return as_variable(x).argmax(axis, keepdims)


def argmin(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The position of the first smallest element along some axes, in C order over them."""
    return as_variable(x).argmin(axis, keepdims)


def max_and_argmax(x: Any, axis: Axis = None, keepdims: bool = False) -> tuple[Any, Any]:
    """The largest element along some axes, and its position."""
    return max(x, axis, keepdims), argmax(x, axis, keepdims)


def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether all elements along some axes are not 0."""
    return as_variable(x).all(axis, keepdims)


def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether an element along some axes is not 0."""
    return as_variable(x).any(axis, keepdims)


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) over some axes, without overflow."""
    x = as_variable(x)
    axes = axes_of(x, axis)
    result = apply_op(LogSumExp(axes), x.astype(types.float_of(x.dtype)))
    return expand(result, axes) if keepdims else result


# ---- elements ------------------------------------------------------------------------------------


def cast(x: Any, dtype: object) -> Any:
    """The elements converted to a dtype."""
    return as_variable(x).astype(dtype)


def round(x: Any, mode: str = "half_to_even") -> Any:
    """The nearest whole numbers; mode 'half_to_even' (NumPy's) or 'half_away_from_zero'."""
    records = {
        "half_to_even": scalar.round_half_to_even,
        "half_away_from_zero": scalar.round_half_away_from_zero,
    }
    if mode not in records:
        raise ShapeError(message(f"round has no mode {mode!r}.", hint=", ".join(records)))
    return apply_scalar(records[mode], x)


def where(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition is not 0, else y."""
    return apply_scalar(scalar.switch, condition, x, y)


# ---- products ------------------------------------------------------------------------------------


def dot(x: Any, y: Any) -> Any:
    """NumPy's dot: inner products over the last axis of x and the last but one of y.

    Example
    -------
    >>> from arignote import tensor as T
    >>> T.dot([[1, 2]], [3, 4]).eval()
    array([11])
    """
    return products.dot(x, y)


def matmul(x: Any, y: Any) -> Any:
    """NumPy's matmul, the operator @: products of matrices in the last two axes."""
    return products.matmul(x, y)


def tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """NumPy's tensordot: sums over `axes` last axes of x and first of y, or over given pairs."""
    return products.tensordot(x, y, axes)


def outer(x: Any, y: Any) -> Any:
    """The product of each element of x with each element of y; both are flattened."""
    return expand(as_variable(x).flatten(), (1,)) * expand(as_variable(y).flatten(), (0,))


def inner(x: Any, y: Any) -> Any:
    """NumPy's inner: sums of products over the last axes of both."""
    x, y = as_variable(x), as_variable(y)
    if x.ndim == 0 or y.ndim == 0:
        return x * y
    return products.tensordot(x, y, ([x.ndim - 1], [y.ndim - 1]))


# ---- axes and shapes -----------------------------------------------------------------------------


def shape(x: Any) -> Any:
    """The sizes of all axes, a vector of int64."""
    return as_variable(x).shape


def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """The axes in a new order, by default reversed."""
    return as_variable(x).transpose(*([] if axes is None else [axes]))


def dimshuffle(x: Any, *order: Any) -> Any:
    """The axes in a new order, 'x' for a new one of size 1."""
    return as_variable(x).dimshuffle(*order)


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Two axes exchanged."""
    return as_variable(x).swapaxes(axis1, axis2)


def reshape(x: Any, newshape: Any, ndim: int | None = None) -> Any:
    """The same elements in C order with another shape; one size may be -1."""
    return as_variable(x).reshape(newshape, ndim=ndim)


def flatten(x: Any, ndim: int = 1) -> Any:
    """The elements in C order with `ndim` axes; the last ones are merged."""
    return as_variable(x).flatten(ndim)


def squeeze(x: Any, axis: Axis = None) -> Any:
    """Without the axes of size 1: those known to be, or those named."""
    return as_variable(x).squeeze(axis)


def expand_dims(x: Any, axis: int | Sequence[int]) -> Any:
    """With axes of size 1 put in, so that they stand at these positions."""
    x = as_variable(x)
    count = 1 if isinstance(axis, int) else len(axis)
    return expand(x, axes_of(x, axis, more=count))


def broadcast_to(x: Any, shape: Any, ndim: int | None = None) -> Any:
    """The array repeated along axes of size 1 and new first axes until it has this shape."""
    return as_variable(x).broadcast_to(shape, ndim=ndim)


def shape_padleft(x: Any, n_ones: int = 1) -> Any:
    """With `n_ones` axes of size 1 in front."""
    x = as_variable(x)
    return pad_left(x, x.ndim + n_ones)


def shape_padright(x: Any, n_ones: int = 1) -> Any:
    """With `n_ones` axes of size 1 behind."""
    x = as_variable(x)
    return expand(x, tuple(range(x.ndim, x.ndim + n_ones)))


# ---- joins and splits ----------------------------------------------------------------------------


def concatenate(tensors: Sequence[Any], axis: int = 0) -> Any:
    """Arrays put one after the other along an axis."""
    variables = [as_variable(x) for x in tensors]
    if not variables:
        raise ShapeError(message("concatenate needs an array.", where=str(current_line())))
    return join(variables, axis_of(variables[0], axis))


def stack(tensors: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of one shape put side by side along a new axis."""
    variables = [as_variable(x) for x in tensors]
    if not variables:
        raise ShapeError(message("stack needs an array.", where=str(current_line())))
    axis = axis_of(variables[0], axis, more=1)
    return join([expand(x, (axis,)) for x in variables], axis)


def split(x: Any, splits_size: Any, n_splits: int | None = None, axis: int = 0) -> list[Any]:
    """Parts of an array along an axis.

    Parameters
    ----------
    x : (..., n, ...) array_like
    splits_size : sequence of ints or scalar variables, or integer vector variable
        The size of each part; together n.
    n_splits : int, optional
        The number of parts, needed when `splits_size` is a vector of unknown length.
    axis : int
    """
    x = as_variable(x)
    before = (slice(None),) * axis_of(x, axis)
    if isinstance(splits_size, Sequence | np.ndarray):
        sizes = list(splits_size)
    else:
        vector = as_variable(splits_size)
        sizes = [vector[n] for n in range(len(vector) if n_splits is None else n_splits)]
    parts, start = [], 0
    for size in sizes:
        stop = start + size
        parts.append(x[(*before, slice(start, stop))])
        start = stop
    return parts


# ---- creation ------------------------------------------------------------------------------------


def full(shape: Any, fill_value: Any, dtype: object = None) -> Any:
    """An array of a shape (ints or scalar variables) filled with a value."""
    value = as_variable(fill_value)
    value = value if dtype is None else value.astype(dtype)
    sizes = shape if isinstance(shape, Sequence | np.ndarray) else [shape]
    if not isinstance(shape, Sequence | np.ndarray) and as_variable(shape).ndim == 1:
        return value.broadcast_to(shape)
    return value.broadcast_to(list(sizes))


def alloc(value: Any, *shape: Any) -> Any:
    """A value repeated to a shape."""
    return as_variable(value).broadcast_to(list(shape))


def zeros(shape: Any, dtype: object = None) -> Any:
    """Zeros of a shape (ints or scalar variables), by default of dtype floatX."""
    return full(shape, np.zeros((), types.check_dtype(dtype or "floatX")))


def ones(shape: Any, dtype: object = None) -> Any:
    """Ones of a shape (ints or scalar variables), by default of dtype floatX."""
    return full(shape, np.ones((), types.check_dtype(dtype or "floatX")))


def zeros_like(x: Any, dtype: object = None) -> Any:
    """Zeros of the shape of x."""
    return as_variable(x).zeros_like(dtype)


def ones_like(x: Any, dtype: object = None) -> Any:
    """Ones of the shape of x."""
    return as_variable(x).ones_like(dtype)


def full_like(x: Any, fill_value: Any, dtype: object = None) -> Any:
    """A value in the shape of x, by default in its dtype."""
    x = as_variable(x)
    value = as_variable(fill_value).astype(dtype or x.dtype)
    return value if x.ndim == 0 and value.ndim == 0 else apply_scalar(scalar.second, x, value)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: object = None) -> Any:
    """Evenly spaced values from start (0 if only one bound is given) up to, without, stop."""
    low, high = (0, start) if stop is None else (start, stop)
    bounds = [as_variable(bound) for bound in (low, high, step)]
    if dtype is None:
        common = types.promote(*[bound.dtype for bound in bounds])
        dtype = common if types.is_float(common) else "int64"
    return apply_op(ARange(types.check_dtype(dtype)), *bounds)


def eye(n: Any, m: Any = None, k: Any = 0, dtype: object = None) -> Any:
    """An (n, m) matrix with ones on the k-th diagonal; m is n by default."""
    columns = n if m is None else m
    return apply_op(Eye(types.check_dtype(dtype or "floatX")), n, columns, k)


# ---- indexing and order --------------------------------------------------------------------------


def set_subtensor(selection: Any, value: Any) -> Any:
    """A copy of x in which `selection`, some x[index], is `value`.

    Example
    -------
    >>> from arignote import tensor as T
    >>> x = T.arange(4)
    >>> T.set_subtensor(x[1:3], 0).eval()
    array([0, 0, 0, 3])
    """
    return indexing.write(selection, value, Write.SET)


def inc_subtensor(selection: Any, value: Any) -> Any:
    """A copy of x in which `value` is added to `selection`, some x[index].

    Elements that the index selects several times receive each addition.
    """
    return indexing.write(selection, value, Write.ADD)


def sort(x: Any, axis: int | None = -1) -> Any:
    """The elements in rising order along an axis (None: all of them)."""
    return as_variable(x).sort(axis)


def argsort(x: Any, axis: int | None = -1) -> Any:
    """The positions that sort the elements along an axis (None: all of them)."""
    return as_variable(x).argsort(axis)


def nonzero(x: Any) -> tuple[Any, ...]:
    """For each axis the positions of the elements that are not 0."""
    return as_variable(x).nonzero()


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """The elements at some positions along an axis (None: of all of them)."""
    return as_variable(x).take(indices, axis)


def norm(x: Any, ord: float = 2, axis: Axis = None, keepdims: bool = False) -> Any:
    """The norm of this order over some axes."""
    return as_variable(x).norm(ord, axis, keepdims)
