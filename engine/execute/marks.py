"""Marks: booleans, one for each element of an array, carried through nodes both ways."""

from collections.abc import Mapping, Sequence

import numpy as np

from arignote.graph import Apply, Variable
from arignote.ops.base import View
from arignote.ops.dot import DOT, Dot, Gemm, Gemv, MatMul
from arignote.ops.elemwise import Elemwise
from arignote.ops.indexing import AdvancedSubtensor, Write, WriteSubtensor
from arignote.ops.join import Join
from arignote.ops.reduce import Mean, Reduce
from arignote.scalar import second, switch

Values = Mapping[Variable, np.ndarray]
Marks = dict[Variable, np.ndarray]


def is_choice(node: Apply) -> bool:
    """Whether a node takes each element from one of two operands."""
    return isinstance(node.op, Elemwise) and node.op.scalar is switch


def picks(node: Apply) -> bool:
    """Whether each element of a node's result is one of the first input's, unchanged."""
    return isinstance(node.op, View | AdvancedSubtensor)


def moves_only(node: Apply) -> bool:
    """Whether a node's result has nothing in it that is not in an input."""
    return picks(node) or is_choice(node) or isinstance(node.op, Join)


def reached(node: Apply, values: Values, marks: Values) -> np.ndarray:
    """Which elements of a node's result some marked element of its inputs has a part in.

    Where that is not known of an op, one marked element reaches all.
    """
    op, given = node.op, [marks[x] for x in node.inputs]
    shape = values[node.outputs[0]].shape
    if not any(mark.any() for mark in given):
        return np.zeros(shape, "bool")
    if is_choice(node):
        chosen = values[node.inputs[0]] != 0
        return np.broadcast_to(given[0] | np.where(chosen, given[1], given[2]), shape)
    if isinstance(op, Elemwise) and op.scalar is second:
        return np.broadcast_to(given[1], shape)
    if isinstance(op, Elemwise):
        return np.broadcast_to(np.logical_or.reduce(np.broadcast_arrays(*given)), shape)
    if isinstance(op, Reduce | Mean):
        return np.asarray(np.any(given[0], axis=op.axes))
    if picks(node):
        return op.perform(given[0], *[values[x] for x in node.inputs[1:]])[0]
    if isinstance(op, Join):
        return op.perform(*given)[0]
    if isinstance(op, Dot | MatMul | Gemm | Gemv):
        return _reached_by_product(node, values, given)
    return np.ones(shape, "bool")


def _reached_by_product(node: Apply, values: Values, given: Sequence[np.ndarray]) -> np.ndarray:
    x, y = node.inputs[-2:]
    product = node.op if isinstance(node.op, MatMul) else DOT
    counts = [mark.astype("float32") for mark in given[-2:]]
    ones = [np.ones(values[of].shape, "float32") for of in (x, y)]
    found = product.perform(counts[0], ones[1])[0] + product.perform(ones[0], counts[1])[0] > 0
    for mark in given[:-2]:
        found = found | mark
    return np.asarray(found)


def sources(node: Apply, position: int, values: Values, mark: np.ndarray) -> np.ndarray:
    """Which elements of an input have a part in marked elements of a node's result.

    Where that is not known of an op, all have.
    """
    op, shape = node.op, values[node.inputs[position]].shape
    if not mark.any():
        return np.zeros(shape, "bool")
    if is_choice(node) and position:
        chosen = values[node.inputs[0]] != 0
        mark = mark & (chosen if position == 1 else ~chosen)
    if isinstance(op, Elemwise):
        lends_shape = op.scalar is second and position == 0
        return np.zeros(shape, "bool") if lends_shape else _folded(mark, shape)
    if isinstance(op, Reduce | Mean):
        return np.broadcast_to(np.expand_dims(mark, op.axes), shape)
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    if picks(node) and position == 0:
        picked = op.perform(numbers, *[values[x] for x in node.inputs[1:]])[0]
        return np.isin(numbers, picked[mark])
    if isinstance(op, WriteSubtensor) and op.write is Write.SET and position == 0:
        nothing = np.asarray(-1)
        kept = op.perform(numbers, nothing, *[values[x] for x in node.inputs[2:]])[0]
        return (kept >= 0) & mark
    return np.ones(shape, "bool")


def _folded(mark: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Marks of a result as marks of an operand that was broadcast to it."""
    if not shape:
        return np.asarray(mark.any())
    axes = tuple(n for n, size in enumerate(shape) if size == 1)
    return np.broadcast_to(mark.any(axis=axes, keepdims=True), shape)
