"""Composite ops as the loops that they consist of, so that an executor can fuse them.

They stay whole until here: what is known of them as a whole (a softmax is positive, a mean of a
fill is its value) is gone once they are loops.
"""

from typing import Any

from arignote import scalar
from arignote.graph import Constant
from arignote.ops.create import ARange
from arignote.ops.dot import Dot
from arignote.ops.elemwise import Elemwise
from arignote.ops.indexing import AdvancedSubtensor, Gather, IndexPattern, WriteSubtensor
from arignote.ops.nnet import LogSoftmax, LogSumExp, Softmax
from arignote.ops.reduce import Mean, Reduce
from arignote.ops.view import BroadcastTo, DimShuffle, Sizes, dimshuffle
from arignote.rewrite.rule import Contract, Head, NodeRule, Tag
from arignote.rewrite.rules.fills import mean_as_sum, repeated
from arignote.rewrite.rules.shapes import size_at
from arignote.rewrite.rules.structure import operands_of
from arignote.rewrite.sizes import is_arange
from arignote.scalar import (
    add,
    exp,
    log,
    maximum,
    mul,
    reciprocal,
    square,
    sub,
    switch,
)
from arignote.scalar.record import cast_to
from arignote.types import TensorType, kind

Axes = tuple[int, ...]


def _spread(make: Any, x: Any, axes: Axes) -> Any:
    """What a reduction over these axes gave, with axes of size 1 in their place."""
    old = iter(range(x.type.ndim))
    rank = x.type.ndim + len(axes)
    return make(dimshuffle(tuple([None if a in axes else next(old) for a in range(rank)])), x)


def _parts(make: Any, x: Any, axes: Axes) -> tuple[Any, Any, Any, Any]:
    """The maximum (0 where it is infinite), x minus it, the exponential of that, and its sum."""
    dtype = x.type.dtype
    # An axis that may be empty has a softmax, which is empty, but no maximum.
    sure = all(isinstance(x.type.dims[axis], int) and x.type.dims[axis] for axis in axes)
    highest = make(Reduce(maximum, axes, dtype, not sure), x)
    top = make.scalar(switch, make.scalar(scalar.isinf, highest), make.constant(0, dtype), highest)
    shifted = make.scalar(sub, x, _spread(make, top, axes))
    powers = make.scalar(exp, shifted)
    return top, shifted, powers, make(Reduce(add, axes, dtype), powers)


def _softmax(make: Any, node: Any) -> Any:
    axes = (node.op.axis,)
    _, _, powers, total = _parts(make, node.inputs[0], axes)
    return _share(make, powers, total, axes)


def _share(make: Any, powers: Any, total: Any, axes: Axes) -> Any:
    """powers / total with one division for each total, which is at least 1, 0 or NaN."""
    return make.scalar(mul, powers, _spread(make, make.scalar(reciprocal, total), axes))


def _log_softmax(make: Any, node: Any) -> Any:
    axes = (node.op.axis,)
    _, shifted, _, total = _parts(make, node.inputs[0], axes)
    return make.scalar(sub, shifted, _spread(make, make.scalar(log, total), axes))


def _logsumexp(make: Any, node: Any) -> Any:
    top, _, _, total = _parts(make, node.inputs[0], node.op.axes)
    return make.scalar(add, make.scalar(log, total), top)


def _exp_of_log_softmax(make: Any, node: Any) -> Any:
    """exp(t - log(sum(exp(t)))) = exp(t) / sum(exp(t)): the same parts as in a softmax."""
    t, logs = operands_of(node.inputs[0], sub) or (None, None)
    if t is None or logs.owner is None or not isinstance(logs.owner.op, DimShuffle):
        return None
    (total,) = operands_of(logs.owner.inputs[0], log) or (None,)
    if total is None or total.owner is None or not isinstance(total.owner.op, Reduce):
        return None
    powers = make.scalar(exp, t)
    if total.owner.op.scalar is not add or total.owner.inputs[0] is not powers:
        return None
    axes = tuple([n for n, axis in enumerate(logs.owner.op.order) if axis is None])
    return _share(make, powers, total, axes)


def _dot_of_vectors(make: Any, node: Any) -> Any:
    x, y = node.inputs
    dtype = x.type.dtype
    if not x.type.ndim == y.type.ndim == 1 or kind(dtype) not in "iuf" or dtype == "float16":
        return None
    if not make.sizes.same(x.type.dims, y.type.dims):
        return None  # a product broadcasts where a dot refuses
    terms = make.scalar(square, x) if x is y else make.scalar(mul, x, y)
    return make(Reduce(add, (0,), dtype), terms)


def _gathers(op: Any) -> int:
    """The number of integer arrays if these are the whole index, else 0."""
    entries = op.pattern.entries
    return len(entries) if all(isinstance(entry, Gather) for entry in entries) else 0


def _gather(make: Any, x: Any, indices: dict[int, Any], rank: int) -> Any:
    """x read at an index for each of some leading axes; these become `rank` axes."""
    if not indices:
        return x if x.type.ndim == 0 else _spread(make, x, tuple(range(rank)))
    picked = list(indices.values())
    first = picked[0]
    if len(picked) == 1 and is_arange(first) and make.sizes.same(first.type.dims, x.type.dims[:1]):
        return x
    read = make(AdvancedSubtensor(IndexPattern((Gather(),) * len(picked))), x, *picked)
    missing = rank - max(index.type.ndim for index in picked)
    return _spread(make, read, tuple(range(missing))) if missing else read


def _read_of_operand(make: Any, x: Any, whole: Any, indices: Any) -> Any:
    """An operand of an elementwise op read where the whole result is read; None: it cannot be."""
    if x.type.ndim == 0:
        return x
    kept: list[int] = []
    for axis, (size, full) in enumerate(zip(x.type.dims, whole.type.dims, strict=True)):
        if size == 1 and full != 1:
            if axis >= len(indices):
                kept.append(axis)
        elif make.sizes.same((size,), (full,)):
            kept.append(axis)
        else:
            return None
    used = {axis: indices[axis] for axis in kept if axis < len(indices)}
    if len(kept) < x.type.ndim:
        x = make(dimshuffle(tuple(kept)), x)
    return _gather(make, x, used, max(index.type.ndim for index in indices))


def _gather_of_elemwise(make: Any, node: Any) -> Any:
    """f(x, y)[i, j] = f(x[i, j], y[i, j]) where fewer elements are read than there are."""
    whole, *indices = node.inputs
    made, count = whole.owner, _gathers(node.op)
    if made is None or not isinstance(made.op, Elemwise) or made.op.scalar is scalar.second:
        return None
    if count <= max(index.type.ndim for index in indices) or made.op.scalar.checks:
        return None
    if not all(_is_read(make, axis, made, indices) for axis in range(count)):
        return None
    parts = [_read_of_operand(make, x, whole, indices) for x in made.inputs]
    return None if any(part is None for part in parts) else make(made.op, *parts)


def _is_read(make: Any, axis: int, made: Any, indices: Any) -> bool:
    """Whether an operand is still read at the index of an axis, which may be out of range."""
    size = made.outputs[0].type.dims[axis]
    return size != 1 and any(x.type.ndim and x.type.dims[axis] != 1 for x in made.inputs)


def _gather_of_shuffle(make: Any, node: Any) -> Any:
    """x[..., None][i, j] = x[i, j][..., None]"""
    shuffled, *indices = node.inputs
    made, count = shuffled.owner, _gathers(node.op)
    if made is None or not isinstance(made.op, DimShuffle) or not count:
        return None
    order, (x,) = made.op.order, made.inputs
    if [axis for axis in order if axis is not None] != list(range(x.type.ndim)):
        return None
    if order[:count] != tuple(range(count)) or None not in order:
        return None
    rank = max(index.type.ndim for index in indices)
    read = make(node.op, x, *indices)
    moved = [None if axis is None else axis - count + rank for axis in order[count:]]
    return make(dimshuffle((*range(rank), *moved)), read)


def _columns(make: Any, zeros: Any) -> Any:
    """The number of columns of a matrix, without computing it."""
    size = zeros.type.dims[1]
    if isinstance(size, int):
        return make.constant(size, "int64")
    made = zeros.owner
    if made is not None and isinstance(made.op, BroadcastTo):
        sizes, before = made.op.sizes.entries, made.op.sizes.entries[:1].count(None)
        return made.inputs[1 + before] if len(sizes) == 2 else None
    if made is None or made.inputs[0].type.ndim != 2:
        return None
    return size_at(make, made.inputs[0], 1)


def _is_zero(x: Any) -> bool:
    """Whether all elements are known to be 0."""
    value = x if isinstance(x, Constant) else repeated(x)
    return isinstance(value, Constant) and not value.data.any()


def _one_hot(make: Any, node: Any) -> Any:
    """write(zeros, g, arange(n), y): each row has g where its column is y."""
    zeros, g, *indices = node.inputs
    if zeros.type.ndim != 2 or _gathers(node.op) != 2 or not _is_zero(zeros):
        return None
    rows, y = indices
    if not is_arange(rows) or y.type.ndim != 1 or y.type.dtype == "uint64" or g.type.ndim > 1:
        return None
    dims, dtype = zeros.type.dims, zeros.type.dtype
    if not make.sizes.same(rows.type.dims, dims[:1]) or not make.sizes.same(y.type.dims, dims[:1]):
        return None
    if g.type.ndim and not make.sizes.same(g.type.dims, dims[:1]):
        return None
    size = _columns(make, zeros)
    if size is None or size.type.dtype != "int64":
        return None
    zero, one = make.constant(0, "int64"), make.constant(1, "int64")
    columns = make.typed(TensorType("int64", dims[1:]), ARange("int64"), zero, size, one)
    place = _spread(make, make.scalar(scalar.wrap_index, y, size), (1,))
    hit = make.scalar(scalar.eq, _spread(make, columns, (0,)), place)
    value = g if g.type.dtype == dtype else make.scalar(cast_to(dtype), g)
    value = _spread(make, value, (1,)) if g.type.ndim else value
    return make.scalar(switch, hit, value, make.constant(0, dtype))


def _sum_of_one_hot(make: Any, node: Any) -> Any:
    """The sums of the rows of a one-hot matrix, which is needed anyway and finds wrong indices."""
    x, op = node.inputs[0], node.op
    hit, value, zero = operands_of(x, switch) or (None, None, None)
    if hit is None or op.scalar is not add or op.axes != (1,) or make.uses[x] < 2:
        return None
    columns, place = operands_of(hit, scalar.eq) or (None, None)
    if columns is None or not (_is_zero(zero) and op.dtype == x.type.dtype == value.type.dtype):
        return None
    columns, place = [_without(make, v, axis) for v, axis in ((columns, 0), (place, 1))]
    if columns is None or place is None or operands_of(place, scalar.wrap_index) is None:
        return None
    if not is_arange(columns) or columns.owner.inputs[1] is not place.owner.inputs[1]:
        return None
    if value.type.ndim == 0:
        (rows,) = node.outputs[0].type.dims
        known = isinstance(rows, int)
        given = () if known else (size_at(make, place, 0),)
        sizes = Sizes((rows if known else None,))
        return make.typed(node.outputs[0].type, BroadcastTo(sizes), value, *given)
    return _without(make, value, 1)


def _without(make: Any, x: Any, axis: int) -> Any:
    """A matrix whose axis has size 1 without it; None for others."""
    if x.type.ndim != 2 or x.type.dims[axis] != 1:
        return None
    inner = x.owner
    if inner is not None and isinstance(inner.op, DimShuffle) and inner.inputs[0].type.ndim == 1:
        return inner.inputs[0]
    return make(dimshuffle((1 - axis,)), x)


def _rule(
    name: str, root: Head, function: Any, doc: str, contract: Contract, *operands: Head
) -> NodeRule:
    return NodeRule(name, (root,), function, Tag.EXPAND, contract, doc, operands)


_EXACT, _ROUNDING = Contract.EXACT, Contract.ROUNDING
RULES = (
    _rule("expand_softmax", Softmax, _softmax, "softmax(x) = exp(x - max) * (1 / sum)", _EXACT),
    _rule(
        "expand_log_softmax", LogSoftmax, _log_softmax, "log_softmax(x) = x - max - log(sum)",
        _EXACT,
    ),
    _rule("expand_logsumexp", LogSumExp, _logsumexp, "logsumexp(x) = log(sum) + max", _EXACT),
    _rule(
        "exp_of_expanded", exp, _exp_of_log_softmax,
        "exp(t - log(sum(exp(t)))) = exp(t) * (1 / sum)", _ROUNDING, sub,
    ),
    _rule("expand_mean", Mean, mean_as_sum, "mean(x) = sum(x) / count", _EXACT),
    _rule("dot_of_vectors", Dot, _dot_of_vectors, "dot(x, y) = sum(x * y)", _ROUNDING),
    _rule(
        "gather_of_elemwise", AdvancedSubtensor, _gather_of_elemwise,
        "f(x, y)[i, j] = f(x[i, j], y[i, j])", _EXACT,
    ),
    _rule(
        "gather_of_shuffle", AdvancedSubtensor, _gather_of_shuffle,
        "x[..., None][i] = x[i][..., None]", _EXACT, DimShuffle,
    ),
    _rule("one_hot", WriteSubtensor, _one_hot, "write(0, g, arange, y) = one-hot", _ROUNDING),
    _rule("sum_of_one_hot", Reduce, _sum_of_one_hot, "sum(one-hot) = g", _ROUNDING, switch),
)  # fmt: skip
