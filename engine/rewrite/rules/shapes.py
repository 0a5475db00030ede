"""Shape arithmetic: nothing is computed only for its sizes."""

from collections.abc import Sequence
from math import prod
from typing import Any

from arignote import scalar
from arignote.graph import Variable
from arignote.ops.create import Shape
from arignote.ops.indexing import At, IndexPattern, Subtensor
from arignote.ops.reduce import Count
from arignote.ops.view import BroadcastTo, Sizes
from arignote.rewrite.rule import Contract, Head, NodeRule, Tag
from arignote.scalar.record import cast_to
from arignote.types import Size


def _holder(make: Any, x: Any, size: Size) -> tuple[Variable, int] | None:
    """A simpler variable than a computed one, and its axis that has one of x's sizes."""
    if x.owner is None or not make.sizes.rely():
        return None
    found = make.sizes.axis_of(size)
    if found is not None:
        return found
    for operand in x.owner.inputs:
        for axis, other in enumerate(operand.type.dims):
            if other == size and not isinstance(other, int):
                return operand, axis
    return None


def _size(make: Any, x: Any, size: Size) -> Any:
    """A size of a computed variable as a number, or as a size of a simpler variable."""
    if isinstance(size, int):
        return size
    held = _holder(make, x, size)
    return None if held is None else size_at(make, *held)


def size_at(make: Any, x: Any, axis: int) -> Any:
    """The size of an axis as an int64 scalar variable."""
    return make(Subtensor(IndexPattern((At(axis),))), make(Shape(), x))


def _one_holder(make: Any, x: Any, dims: Sequence[Size]) -> tuple[Variable, tuple[int, ...]] | None:
    """One variable that has all of these sizes of x, and on which axes."""
    held = [_holder(make, x, size) for size in dims]
    if not held or None in held:
        return None
    places = [place for place in held if place is not None]
    first, axes = places[0][0], tuple([axis for _, axis in places])
    if len(set(axes)) < len(axes) or any(variable is not first for variable, _ in places):
        return None
    return first, axes


def like(make: Any, x: Any, dims: Sequence[Size]) -> Any:
    """A variable that has the same sizes as a computed one."""
    found = _one_holder(make, x, dims)
    if found is None or found[1] != tuple(range(found[0].type.ndim)):
        return None
    return found[0]


def filled(make: Any, x: Any, value: Any, out_type: Any) -> Any:
    """A value repeated to a type whose sizes x has, without computing x."""
    sizes = [_size(make, x, size) for size in out_type.dims]
    if None in sizes:
        return None
    entries = tuple([size if isinstance(size, int) else None for size in sizes])
    given = [size for size in sizes if not isinstance(size, int)]
    return make.typed(out_type, BroadcastTo(Sizes(entries)), value, *given)


def _size_of_result(make: Any, node: Any) -> Any:
    made, entries = node.inputs[0].owner, node.op.pattern.entries
    if made is None or not isinstance(made.op, Shape) or len(entries) != 1:
        return None
    if not isinstance(entries[0], At) or not isinstance(entries[0].position, int):
        return None
    x = made.inputs[0]
    size = _size(make, x, x.type.dims[entries[0].position])
    return make.constant(size, "int64") if isinstance(size, int) else size


def _shape_of_result(make: Any, node: Any) -> Any:
    x = like(make, node.inputs[0], node.inputs[0].type.dims)
    return None if x is None else make(Shape(), x)


def _count_of_result(make: Any, node: Any) -> Any:
    x, op = node.inputs[0], node.op
    if x.owner is None:
        return None
    dims = [x.type.dims[axis] for axis in op.axes]
    found = _one_holder(make, x, dims)
    if found is not None:
        return make(Count(tuple(sorted(found[1])), op.dtype), found[0])
    sizes = [_size(make, x, size) for size in dims]
    if not sizes or None in sizes:
        return None
    known = prod(size for size in sizes if isinstance(size, int))
    product = make.constant(known, "int64")
    for size in sizes:
        if not isinstance(size, int):
            product = make.scalar(scalar.mul, product, size)
    return product if op.dtype == "int64" else make.scalar(cast_to(op.dtype), product)


def _fill_like_result(make: Any, node: Any) -> Any:
    (x, value), out_type = node.inputs, node.outputs[0].type
    if x.owner is None or isinstance(x.owner.op, BroadcastTo) or not make.sizes.rely():
        return None
    simpler = like(make, x, out_type.dims)
    if simpler is not None:
        return make.scalar(scalar.second, simpler, value)
    return filled(make, x, value, out_type)


def _rule(name: str, root: Head, function: Any, doc: str, *operands: Head) -> NodeRule:
    return NodeRule(name, (root,), function, Tag.USELESS, Contract.EXACT, doc, operands)


RULES = (
    _rule("size_of_result", Subtensor, _size_of_result, "a size that an operand has", Shape),
    _rule("shape_of_result", Shape, _shape_of_result, "a shape that an operand has"),
    _rule("count_of_result", Count, _count_of_result, "a count of sizes that operands have"),
    _rule("fill_like_result", scalar.second, _fill_like_result, "a fill to sizes of operands"),
)
