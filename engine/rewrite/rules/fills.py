"""Fills: a value repeated to a shape, as gradients of sums are, stays one value."""

from math import prod
from typing import Any

import numpy as np

from arignote import scalar
from arignote.graph import Constant, Variable
from arignote.ops.elemwise import Elemwise
from arignote.ops.reduce import Count, Mean, Reduce
from arignote.ops.view import BroadcastTo, DimShuffle, Sizes, dimshuffle
from arignote.rewrite.rule import Contract, Head, NodeRule, Tag
from arignote.rewrite.rules.shapes import filled
from arignote.scalar.record import cast_to


def repeated(x: Variable) -> Any:
    """What a fill repeats, or None for other variables."""
    node = x.owner
    if node is None:
        return None
    if isinstance(node.op, BroadcastTo):
        value = node.inputs[0]
        return value if value.type.ndim in (0, x.type.ndim) else None
    is_fill = isinstance(node.op, Elemwise) and node.op.scalar is scalar.second
    return node.inputs[1] if is_fill else None


def _seen_through(x: Variable) -> Any:
    """What a fill, or a fill seen with its axes in another order, repeats."""
    node = x.owner
    if node is None or not isinstance(node.op, DimShuffle):
        return repeated(x)
    value = repeated(node.inputs[0])
    return value if value is not None and value.type.ndim == 0 else None


def _refilled(make: Any, fill: Any, value: Any) -> Any:
    """Another value repeated as a fill repeats its own."""
    made = fill.owner
    if isinstance(made.op, BroadcastTo):
        return make.typed(fill.type.astype(value.type.dtype), made.op, value, *made.inputs[1:])
    return make.scalar(scalar.second, made.inputs[0], value)


def _fill_as_operand(make: Any, node: Any) -> Any:
    """f(fill(v), x) = f(v, x) where x alone has the result's sizes."""
    dims, op = node.outputs[0].type.dims, node.op
    values = [_seen_through(x) for x in node.inputs]
    full = [
        value is None and make.sizes.same(x.type.dims, dims)
        for x, value in zip(node.inputs, values, strict=True)
    ]
    if not any(full) or op.scalar is scalar.second or not make.sizes.rely():
        return None
    return make(op, *[x if v is None else v for x, v in zip(node.inputs, values, strict=True)])


def _function_of_fills(make: Any, node: Any) -> Any:
    """f(fill(v), fill(w)) = fill(f(v, w))."""
    values = [x if x.type.ndim == 0 else repeated(x) for x in node.inputs]
    if any(value is None for value in values) or node.op.scalar is scalar.second:
        return None
    if len(values) > 1 and not make.sizes.rely():
        return None
    dims = node.outputs[0].type.dims
    for x in node.inputs:
        if x.type.ndim and make.sizes.same(x.type.dims, dims):
            return _refilled(make, x, make(node.op, *values))
    return None


def _total(make: Any, node: Any, value: Any, count: Any) -> Any:
    """value * count without the axes that were summed; 0 where there is nothing to sum."""
    if value.type.ndim:
        if any(value.type.dims[axis] != 1 for axis in node.op.axes):
            return None
        kept = [axis for axis in range(value.type.ndim) if axis not in node.op.axes]
        value = make(dimshuffle(tuple(kept)), value)
    total = make.scalar(scalar.mul, value, count)
    if _is_finite(value) or isinstance(count, Constant):
        return total
    # NaN and infinity times 0 are NaN.
    return make.scalar(scalar.switch, make.scalar(scalar.gt, count, 0), total, 0)


def _is_finite(value: Variable) -> bool:
    """Whether a value is known to be neither NaN nor infinite."""
    if isinstance(value, Constant):
        return bool(np.isfinite(value.data).all())
    return not value.type.is_float


def _sum_of_fill(make: Any, node: Any) -> Any:
    """sum(fill(v)) = v * count."""
    x, op, out_type = node.inputs[0], node.op, node.outputs[0].type
    value, fill = repeated(x), x.owner
    if op.scalar is not scalar.add or value is None or value.type.dtype != op.dtype:
        return None
    if isinstance(fill.op, BroadcastTo):
        return _sum_of_broadcast(make, node, value, fill)
    if fill.inputs[0].type.ndim != x.type.ndim:
        return None
    total = _total(make, node, value, make(Count(op.axes, op.dtype), fill.inputs[0]))
    if total is None or make.sizes.same(total.type.dims, out_type.dims):
        return total
    return filled(make, x, total, out_type)


def mean_as_sum(make: Any, node: Any) -> Any:
    """The mean as the sum divided by the count, in the dtype in which it is summed."""
    (x,), op = node.inputs, node.op
    wide = "float32" if op.dtype == "float16" else op.dtype
    total = make(Reduce(scalar.add, op.axes, wide), x)
    mean = make.scalar(scalar.true_div, total, make(Count(op.axes, wide), x))
    return mean if wide == op.dtype else make.scalar(cast_to(op.dtype), mean)


def _mean_of_fill(make: Any, node: Any) -> Any:
    """A fill of nothing has no mean: v * count / count keeps the NaN."""
    value = repeated(node.inputs[0])
    return mean_as_sum(make, node) if value is not None else None


def _sum_of_broadcast(make: Any, node: Any, value: Any, fill: Any) -> Any:
    axes, dtype, out_type = node.op.axes, node.op.dtype, node.outputs[0].type
    given = iter(fill.inputs[1:])
    sizes = [next(given) if size is None else size for size in fill.op.sizes.entries]
    count = prod(sizes[axis] for axis in axes if isinstance(sizes[axis], int))
    unknown = [sizes[axis] for axis in axes if not isinstance(sizes[axis], int)]
    if unknown:
        product = unknown[0] if count == 1 else make.scalar(scalar.mul, unknown[0], count)
        for size in unknown[1:]:
            product = make.scalar(scalar.mul, product, size)
        factor = product if dtype == "int64" else make.scalar(cast_to(dtype), product)
    else:
        factor = make.constant(count, dtype)
    total = _total(make, node, value, factor)
    left = [size for axis, size in enumerate(sizes) if axis not in axes]
    if total is None or make.sizes.same(total.type.dims, out_type.dims):
        return total
    entries = tuple([size if isinstance(size, int) else None for size in left])
    given_left = [size for size in left if not isinstance(size, int)]
    return make.typed(out_type, BroadcastTo(Sizes(entries)), total, *given_left)


def _rule(
    name: str, root: Head, function: Any, doc: str, contract: Contract = Contract.EXACT
) -> NodeRule:
    operands = (scalar.second, BroadcastTo, DimShuffle)
    return NodeRule(name, (root,), function, Tag.CANONICALIZE, contract, doc, operands)


RULES = (
    _rule("fill_as_operand", Elemwise, _fill_as_operand, "f(fill(v), x) = f(v, x)"),
    _rule("function_of_fills", Elemwise, _function_of_fills, "f(fill(v)) = fill(f(v))"),
    _rule(
        "sum_of_fill",
        Reduce,
        _sum_of_fill,
        "sum(fill(v)) = v * count",
        Contract.ROUNDING,
    ),
    _rule(
        "mean_of_fill", Mean, _mean_of_fill, "mean(fill(v)) = sum(fill(v)) / count",
        Contract.ROUNDING,
    ),
)  # fmt: skip
