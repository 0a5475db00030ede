"""Nodes that change nothing, or whose result is known while compiling."""

from typing import Any

from arignote import scalar
from arignote.graph import Apply, Constant, Variable
from arignote.ops.create import Shape
from arignote.ops.elemwise import SumTo
from arignote.ops.indexing import At, Subtensor
from arignote.ops.join import Join
from arignote.ops.reduce import Count, Reduce
from arignote.ops.view import BroadcastTo, DimShuffle, Reshape, dimshuffle
from arignote.rewrite.rule import Contract, Head, NodeRule, Tag
from arignote.types import kind


def _shuffle_of_shuffle(make: Any, node: Apply) -> Variable | None:
    (x,) = node.inputs
    if x.owner is None or not isinstance(x.owner.op, DimShuffle):
        return None
    inner = x.owner.op.order
    order = tuple([None if a is None else inner[a] for a in node.op.order])  # type: ignore[attr-defined]
    return make(dimshuffle(order), x.owner.inputs[0])


def _shuffle_of_nothing(make: Any, node: Apply) -> Variable | None:
    (x,) = node.inputs
    return x if node.op.order == tuple(range(x.type.ndim)) else None  # type: ignore[attr-defined]


def _same_shape(make: Any, node: Apply) -> Variable | None:
    return node.inputs[0]


def _sum_over_nothing(make: Any, node: Apply) -> Variable | None:
    x, axes = node.inputs[0], node.op.axes  # type: ignore[attr-defined]
    if any(x.type.dims[axis] != 1 for axis in axes) or x.type.dtype != node.op.dtype:  # type: ignore[attr-defined]
        return None
    return make(dimshuffle(tuple(a for a in range(x.type.ndim) if a not in axes)), x)


def _known_count(make: Any, node: Apply) -> Variable | None:
    if node.inputs[0].owner is not None and not make.sizes.rely():
        return None
    total = 1
    for axis in node.op.axes:  # type: ignore[attr-defined]
        size = node.inputs[0].type.shape[axis]
        if size is None:
            return None
        total *= size
    return make.constant(total, node.outputs[0].type.dtype)


def _known_size(make: Any, node: Apply) -> Variable | None:
    shape, entries = node.inputs[0], node.op.pattern.entries  # type: ignore[attr-defined]
    if shape.owner is None or not isinstance(shape.owner.op, Shape) or len(entries) != 1:
        return None
    if not isinstance(entries[0], At) or not isinstance(entries[0].position, int):
        return None
    x = shape.owner.inputs[0]
    if x.owner is not None and not make.sizes.rely():
        return None
    size = x.type.shape[entries[0].position]
    return None if size is None else make.constant(size, "int64")


def _known_switch(make: Any, node: Apply) -> Variable | None:
    condition = node.inputs[0]
    if not isinstance(condition, Constant) or condition.data.ndim:
        return None
    return node.inputs[1] if condition.data else node.inputs[2]


def _second_of_same(make: Any, node: Apply) -> Variable | None:
    lender, value = node.inputs
    return value if lender.owner is None or make.sizes.rely() else None


def _sum_to_same(make: Any, node: Apply) -> Variable | None:
    g, lender = node.inputs
    return g if lender.owner is None or make.sizes.rely() else None


def _real_part(make: Any, node: Apply) -> Variable | None:
    return node.inputs[0] if kind(node.inputs[0].type.dtype) != "c" else None


def _join_of_one(make: Any, node: Apply) -> Variable | None:
    return node.inputs[0] if len(node.inputs) == 1 else None


def _rule(name: str, root: Head, function: Any, doc: str, *operands: Head) -> NodeRule:
    return NodeRule(name, (root,), function, Tag.USELESS, Contract.EXACT, doc, operands)


# The driver drops a replacement of other sizes, so that "the input itself" is safe to offer.
RULES = (
    _rule(
        "shuffle_of_shuffle", DimShuffle, _shuffle_of_shuffle, "two dimshuffles are one", DimShuffle
    ),
    _rule("shuffle_of_nothing", DimShuffle, _shuffle_of_nothing, "an order that changes nothing"),
    _rule("reshape_of_same", Reshape, _same_shape, "a reshape to the same known shape"),
    _rule("broadcast_of_same", BroadcastTo, _same_shape, "a broadcast to the same known shape"),
    _rule("sum_to_same", SumTo, _sum_to_same, "a sum to sizes that it has"),
    _rule("reduce_over_ones", Reduce, _sum_over_nothing, "a reduction over axes of size 1"),
    _rule("known_count", Count, _known_count, "a count of known sizes"),
    _rule("known_size", Subtensor, _known_size, "a size that is known"),
    _rule("known_switch", scalar.switch, _known_switch, "a switch on a constant", Constant),
    _rule("fill_of_same", scalar.second, _second_of_same, "a fill to the shape that the value has"),
    _rule("conj_of_real", scalar.conj, _real_part, "the conjugate of a real number"),
    _rule("real_of_real", scalar.real, _real_part, "the real part of a real number"),
    _rule("join_of_one", Join, _join_of_one, "a join of one array"),
)
