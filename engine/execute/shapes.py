"""Shapes of what NumPy computes, and what it takes on the way, without computing it."""

from collections.abc import Sequence

import numpy as np

from arignote.graph import Apply, Variable
from arignote.lower.sizes import dummy
from arignote.ops.base import View
from arignote.ops.create import ARange, Shape
from arignote.ops.elemwise import Elemwise
from arignote.ops.nnet import LogSoftmax, LogSumExp, Softmax
from arignote.ops.reduce import ArgReduce, ProductOfOthers
from arignote.ops.view import Flatten, Reshape
from arignote.types import TensorType

# Values that are computed rather than only their shapes: sizes and the like.
MAX_KNOWN = 1000

# What the NumPy functions of scalar ops, and ops, hold beside their result, in units of the
# result (of the input for ops that reduce).
_OF_SCALARS = {
    "sigmoid": 2.0,
    "log1mexp": 2.13,
    "polygamma": 2.13,
    "round_half_away_from_zero": 2.0,
    "clip": 1.0,
}
_OF_OPS: dict[type, float] = {Softmax: 2.0, LogSoftmax: 1.0, LogSumExp: 2.0, ProductOfOthers: 2.0}


class ShapeRun:
    """A run in which arrays have shapes, and elements only where these decide sizes.

    Attributes
    ----------
    values : mapping of Variable to ndarray
        Most of them must not be looked into.
    temporary : int
        Bytes that the last step took beside its result.
    is_bound : bool
        Whether sizes that values decide were taken at their largest.
    """

    def __init__(self) -> None:
        self.values: dict[Variable, np.ndarray] = {}
        self._known: set[Variable] = set()
        self._base: dict[Variable, Variable] = {}
        self.temporary = 0
        self.is_bound = False

    def see(self, x: Variable, array: np.ndarray) -> None:
        """Notes the shape of a variable."""
        self.values[x] = array

    def know(self, x: Variable, array: np.ndarray) -> None:
        """Notes the value of a variable."""
        self.values[x] = array
        if array.size <= MAX_KNOWN:
            self._known.add(x)

    def base(self, x: Variable) -> Variable:
        """The variable whose memory another one looks at, or itself."""
        return self._base.get(x, x)

    def step(self, node: Apply) -> None:
        """Finds the outputs of a node.

        Raises
        ------
        ArignoteError
            The inputs do not fit together.
        """
        self.temporary = 0
        given = [self.values[x] for x in node.inputs]
        if isinstance(node.op, Shape) or self._is_known(node.inputs):
            with np.errstate(all="ignore"):
                for x, array in zip(node.outputs, node.op.perform(*given), strict=True):
                    self.know(x, array)
        elif isinstance(node.op, View) and self._looks(node):
            view = node.op.perform(*given)[0]
            self.see(node.outputs[0], view)
            self._base[node.outputs[0]] = self.base(node.inputs[0])
        else:
            for x, shape in zip(node.outputs, self._shapes(node, given), strict=True):
                self.see(x, dummy(x, shape))
            self.temporary = temporary(node, given, self.values[node.outputs[0]].nbytes)

    def _is_known(self, inputs: Sequence[Variable]) -> bool:
        return bool(inputs) and all(x in self._known for x in inputs)

    def _looks(self, node: Apply) -> bool:
        """Whether a view needs no copy, and its shape is decided by what is known."""
        if not all(x in self._known for x in node.inputs[1:]):
            return False
        is_flat = self.values[node.inputs[0]].flags.c_contiguous
        return is_flat or not isinstance(node.op, Reshape | Flatten)

    def _shapes(self, node: Apply, given: Sequence[np.ndarray]) -> list[tuple[int, ...]]:
        if isinstance(node.op, ARange) or (isinstance(node.op, Reshape) and given[1:]):
            return [self._decided(node, given)]
        types = [
            TensorType(x.type.dtype, array.shape)
            for x, array in zip(node.inputs, given, strict=True)
        ]
        shapes = []
        for found, x in zip(node.op.infer(*types), node.outputs, strict=True):
            wide = found.shape if None not in found.shape else x.type.shape
            self.is_bound |= None in wide
            most = max([array.size for array in given], default=1)
            shapes.append(tuple([most if size is None else size for size in wide]))
        return shapes

    def _decided(self, node: Apply, given: Sequence[np.ndarray]) -> tuple[int, ...]:
        """The shape of what values decide: that of the whole where these are not known."""
        x = node.outputs[0]
        if all(y in self._known for y in node.inputs[1:]) and isinstance(node.op, Reshape):
            return tuple(np.empty(given[0].shape, "bool").reshape(given[1]).shape)
        self.is_bound = True
        return tuple([given[0].size if size is None else size for size in x.type.shape])


def temporary(node: Apply, given: Sequence[np.ndarray], size: int) -> int:
    """Bytes that a node takes with NumPy beside its inputs and its result.

    Parameters
    ----------
    node : Apply
    given : sequence of ndarray
        The inputs; only their shapes and strides matter.
    size : int
        Bytes of the result.
    """
    op = node.op
    if isinstance(op, Elemwise):
        converted = [
            array.size * np.dtype(op.dtype).itemsize
            for array in given[slice(*op.scalar.promoted)]
            if array.ndim and array.dtype != op.dtype
        ]
        return sum(converted) + round(_OF_SCALARS.get(op.scalar.name, 0.0) * size)
    if isinstance(op, ArgReduce):
        kept = given[0].ndim - len(op.axes)
        moved = any(axis < kept for axis in op.axes) or not given[0].flags.c_contiguous
        return given[0].nbytes if moved else 0
    most = max([size, *[array.nbytes for array in given]])
    return round(_OF_OPS.get(type(op), 0.0) * most)
