"""The reductions among the methods of symbolic arrays."""

from typing import Any

import numpy as np

from arignote import scalar, types
from arignote.graph.axes import Axis, axes_of
from arignote.graph.build import apply_op, apply_scalar
from arignote.ops.reduce import ArgReduce, Count, Mean, Reduce
from arignote.ops.view import expand
from arignote.scalar import ScalarOp


class Reductions:
    """Methods that combine the elements along some axes; None stands for all axes.

    With `keepdims` these axes stay, with size 1.
    """

    def count(self: Any, axis: Axis = None, dtype: str = "int64") -> Any:
        """The number of elements along some axes, a symbolic scalar."""
        axes = axes_of(self, axis)
        return apply_op(Count(axes, types.check_dtype(dtype)), self)

    def _reduce(self: Any, record: ScalarOp, axis: Axis, dtype: str, keepdims: bool) -> Any:
        axes = axes_of(self, axis)
        result = apply_op(Reduce(record, axes, dtype), self)
        return expand(result, axes) if keepdims else result

    def sum(self: Any, axis: Axis = None, dtype: object = None, keepdims: bool = False) -> Any:
        """The sum over some axes; integers and booleans are summed as 64-bit integers."""
        return self._reduce(scalar.add, axis, self._accumulator(dtype), keepdims)

    def prod(self: Any, axis: Axis = None, dtype: object = None, keepdims: bool = False) -> Any:
        """The product over some axes; integers and booleans as 64-bit integers."""
        return self._reduce(scalar.mul, axis, self._accumulator(dtype), keepdims)

    def _accumulator(self: Any, dtype: object) -> str:
        if dtype is not None:
            return types.check_dtype(dtype)
        wide = {"b": "int64", "i": "int64", "u": "uint64"}
        return wide.get(types.kind(self.dtype), self.dtype)

    def mean(self: Any, axis: Axis = None, dtype: object = None, keepdims: bool = False) -> Any:
        """The mean over some axes; integers give floats."""
        name = types.quotient_of(self.dtype if dtype is None else types.check_dtype(dtype))
        axes = axes_of(self, axis)
        result = apply_op(Mean(axes, name), self)
        return expand(result, axes) if keepdims else result

    def var(self: Any, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Any:
        """The variance over some axes: the mean square of the distance from the mean."""
        centred = self - self.mean(axis, keepdims=True)
        if types.kind(self.dtype) == "c":
            centred = abs(centred)
        total = apply_scalar(scalar.square, centred).sum(axis, keepdims=keepdims)
        return total / (self.count(axis, total.dtype) - ddof)

    def std(self: Any, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Any:
        """The standard deviation over some axes."""
        return apply_scalar(scalar.sqrt, self.var(axis, ddof, keepdims))

    def max(self: Any, axis: Axis = None, keepdims: bool = False) -> Any:
        """The largest element along some axes, NaN if there is one."""
        return self._reduce(scalar.maximum, axis, self.dtype, keepdims)

    def min(self: Any, axis: Axis = None, keepdims: bool = False) -> Any:
        """The smallest element along some axes, NaN if there is one."""
        return self._reduce(scalar.minimum, axis, self.dtype, keepdims)

    def ptp(self: Any, axis: Axis = None, keepdims: bool = False) -> Any:
        """The distance from the smallest to the largest element."""
        return self.max(axis, keepdims) - self.min(axis, keepdims)

    def all(self: Any, axis: Axis = None, keepdims: bool = False) -> Any:
        """Whether all elements along some axes are not 0."""
        return self._reduce(scalar.logical_and, axis, "bool", keepdims)

    def any(self: Any, axis: Axis = None, keepdims: bool = False) -> Any:
        """Whether an element along some axes is not 0."""
        return self._reduce(scalar.logical_or, axis, "bool", keepdims)

    def argmax(self: Any, axis: Axis = None, keepdims: bool = False) -> Any:
        """The position of the first largest element along some axes, in C order over them."""
        return self._position(scalar.maximum, axis, keepdims)

    def argmin(self: Any, axis: Axis = None, keepdims: bool = False) -> Any:
        """The position of the first smallest element along some axes, in C order over them."""
        return self._position(scalar.minimum, axis, keepdims)

    def _position(self: Any, record: ScalarOp, axis: Axis, keepdims: bool) -> Any:
        axes = axes_of(self, axis)
        result = apply_op(ArgReduce(record, axes), self)
        return expand(result, axes) if keepdims else result

    def norm(self: Any, L: float = 2, axis: Axis = None, keepdims: bool = False) -> Any:
        """The L-norm over some axes: (sum of abs(x) ** L) ** (1 / L); L may be 0 or inf too."""
        size = abs(self.astype(types.quotient_of(self.dtype)))
        if L == 0:
            return apply_scalar(scalar.neq, self, 0).sum(axis, size.dtype, keepdims)
        if np.inf == L:
            return size.max(axis, keepdims)
        if -np.inf == L:
            return size.min(axis, keepdims)
        if L == 1:
            return size.sum(axis, keepdims=keepdims)
        if L == 2:
            square = apply_scalar(scalar.square, size)
            return apply_scalar(scalar.sqrt, square.sum(axis, keepdims=keepdims))
        return (size**L).sum(axis, keepdims=keepdims) ** (1.0 / L)
