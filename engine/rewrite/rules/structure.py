"""Negations, constant factors, dimshuffles and reductions that merge with their like."""

from dataclasses import replace
from typing import Any

import numpy as np

from arignote import scalar
from arignote.graph import Constant, Variable
from arignote.ops.dot import Dot
from arignote.ops.elemwise import Elemwise
from arignote.ops.reduce import Reduce
from arignote.ops.view import DimShuffle, dimshuffle
from arignote.rewrite.rule import Contract, Head, NodeRule, Tag
from arignote.scalar import mul, neg, true_div
from arignote.scalar.record import cast_to
from arignote.types import DTYPES, kind

CASTS = tuple([cast_to(dtype) for dtype in DTYPES])


def operands_of(x: Variable, record: Any) -> tuple[Any, ...] | None:
    """The operands if a variable is this record applied to something."""
    node = x.owner
    if node is None or not isinstance(node.op, Elemwise) or node.op.scalar is not record:
        return None
    return node.inputs


def _split(x: Any, dtype: str) -> tuple[Any, Any, bool] | None:
    """(variable, constant, whether it divides) if x is scaled by a constant of a float dtype."""
    node = x.owner
    if node is None or not isinstance(node.op, Elemwise) or kind(dtype) != "f":
        return None
    record, inputs = node.op.scalar, node.inputs
    orders = {mul: (inputs, inputs[::-1]), true_div: (inputs,)}.get(record, ())
    for variable, constant in orders:
        if isinstance(constant, Constant) and not constant.type.ndim:
            same = variable.type.dtype == constant.type.dtype == dtype
            return (variable, constant.data, record is true_div) if same else None
    return None


def _scale_of_scale(make: Any, node: Any) -> Any:
    """(x * a) * b = x * (a * b), unless that constant over- or underflows; same for divisions."""
    dtype = node.op.dtype
    outer = _split(node.outputs[0], dtype)
    inner = None if outer is None else _split(outer[0], dtype)
    if outer is None or inner is None:
        return None
    (_, b, divides), (x, a, divided) = outer, inner
    with np.errstate(all="ignore"):
        value = b / a if divided and not divides else a / b if divides and not divided else a * b
    if not np.isfinite(value) or abs(value) < np.finfo(dtype).tiny:
        return None
    record = true_div if divides and divided else mul
    return make.scalar(record, x, make.constant(value, dtype))


def _neg_of_scale(make: Any, node: Any) -> Any:
    """-(x * a) = x * -a."""
    split = _split(node.inputs[0], node.op.dtype)
    if split is None:
        return None
    x, a, divided = split
    return make.scalar(true_div if divided else mul, x, make.constant(-a, node.op.dtype))


def _scale_of_neg(make: Any, node: Any) -> Any:
    """(-x) * a = x * -a."""
    split = _split(node.outputs[0], node.op.dtype)
    inner = None if split is None else operands_of(split[0], neg)
    if split is None or inner is None:
        return None
    record = true_div if split[2] else mul
    return make.scalar(record, inner[0], make.constant(-split[1], node.op.dtype))


def _sum_of_neg(make: Any, node: Any) -> Any:
    (x,) = operands_of(node.inputs[0], neg) or (None,)
    if x is None or node.op.scalar is not scalar.add or x.type.dtype != node.op.dtype:
        return None
    return make.scalar(neg, make(node.op, x)) if kind(x.type.dtype) == "f" else None


def _dot_of_neg(make: Any, node: Any) -> Any:
    if kind(node.outputs[0].type.dtype) != "f":
        return None
    x, y = [operands_of(operand, neg) for operand in node.inputs]
    if x is None and y is None:
        return None
    product = make(node.op, *[o[0] if o else i for o, i in zip((x, y), node.inputs, strict=True)])
    return product if x and y else make.scalar(neg, product)


def _reduce_of_reduce(make: Any, node: Any) -> Any:
    """Sums of sums (and the like) are one, where nothing else needs the inner ones."""
    inner, op = node.inputs[0].owner, node.op
    if inner is None or not isinstance(inner.op, Reduce) or make.uses[node.inputs[0]] > 1:
        return None
    x = inner.inputs[0]
    if replace(inner.op, axes=op.axes) != op:
        return None
    kept = [axis for axis in range(x.type.ndim) if axis not in inner.op.axes]
    axes = sorted([*inner.op.axes, *[kept[axis] for axis in op.axes]])
    return make(replace(op, axes=tuple(axes)), x)


def _reduce_of_shuffle(make: Any, node: Any) -> Any:
    """A reduction does not mind in which order axes stand, nor axes of size 1."""
    inner, op = node.inputs[0].owner, node.op
    if inner is None or not isinstance(inner.op, DimShuffle):
        return None
    x, order = inner.inputs[0], inner.op.order
    axes = sorted(order[axis] for axis in op.axes if order[axis] is not None)
    if len([axis for axis in order if axis is not None]) < x.type.ndim:
        return None
    if not axes and x.type.dtype != op.dtype:
        return None
    reduced = make(replace(op, axes=tuple(axes)), x) if axes else x
    left = [axis for axis in range(x.type.ndim) if axis not in axes]
    kept = [source for axis, source in enumerate(order) if axis not in op.axes]
    return make(dimshuffle(tuple([None if a is None else left.index(a) for a in kept])), reduced)


def _lift_shuffle(make: Any, node: Any) -> Any:
    """f(x.T, y.T) = f(x, y).T; a fill stands outside instead."""
    if node.op.scalar is scalar.second:
        return None
    orders, inner = set(), []
    for x in node.inputs:
        made = x.owner
        if x.type.ndim == 0:
            inner.append(x)
            continue
        if made is None or not isinstance(made.op, DimShuffle):
            return None
        orders.add((made.op.order, made.inputs[0].type.ndim))
        inner.append(made.inputs[0])
    if len(orders) != 1:
        return None
    ((order, rank),) = orders
    if len([axis for axis in order if axis is not None]) < rank or rank == 0:
        return None
    return make(dimshuffle(order), make(node.op, *inner))


def _cast_of_same(make: Any, node: Any) -> Any:
    return node.inputs[0]


def _cast_of_cast(make: Any, node: Any) -> Any:
    """A conversion of what was widened without loss starts from the narrow value."""
    inner = node.inputs[0].owner
    if inner is None or not isinstance(inner.op, Elemwise) or inner.op.scalar not in CASTS:
        return None
    x = inner.inputs[0]
    narrow, wide = x.type.dtype, node.inputs[0].type.dtype
    # float64 holds int64 up to 2**53 only, which NumPy calls safe all the same.
    if not np.can_cast(narrow, wide, "safe") or (narrow in ("int64", "uint64") and wide != narrow):
        return None
    return make.scalar(node.op.scalar, x)


def _rule(
    name: str,
    roots: tuple[Head, ...],
    function: Any,
    doc: str,
    contract: Contract,
    *operands: Head,
) -> NodeRule:
    return NodeRule(name, roots, function, Tag.CANONICALIZE, contract, doc, operands)


_SCALES = (mul, true_div)
_EXACT, _ROUNDING = Contract.EXACT, Contract.ROUNDING
RULES = (
    _rule("cast_of_same", CASTS, _cast_of_same, "a conversion to the dtype that it has", _EXACT),
    _rule("cast_of_cast", CASTS, _cast_of_cast, "a conversion after a safe one", _EXACT, *CASTS),
    _rule("neg_of_scale", (neg,), _neg_of_scale, "-(x * a) = x * (-a)", _EXACT, *_SCALES),
    _rule("scale_of_neg", _SCALES, _scale_of_neg, "(-x) * a = x * (-a)", _EXACT, neg),
    _rule("scale_of_scale", _SCALES, _scale_of_scale, "(x * a) * b = x * ab", _ROUNDING, *_SCALES),
    _rule("sum_of_neg", (Reduce,), _sum_of_neg, "sum(-x) = -sum(x)", _ROUNDING, neg),
    _rule("dot_of_neg", (Dot,), _dot_of_neg, "dot(-x, y) = -dot(x, y)", _ROUNDING, neg),
    _rule("reduce_of_reduce", (Reduce,), _reduce_of_reduce, "sum(sum(x))", _ROUNDING, Reduce),
    _rule("reduce_of_shuffle", (Reduce,), _reduce_of_shuffle, "sum(x.T)", _ROUNDING, DimShuffle),
    _rule("lift_shuffle", (Elemwise,), _lift_shuffle, "f(x.T) = f(x).T", _EXACT, DimShuffle),
)
