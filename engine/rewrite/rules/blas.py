"""Sums of arrays and scaled products as the one call of BLAS that computes them."""

from typing import Any

from arignote.ops.dot import Dot, Gemm, Gemv
from arignote.ops.elemwise import Elemwise
from arignote.ops.view import dimshuffle
from arignote.rewrite.rule import Contract, NodeRule, Tag
from arignote.rewrite.rules.structure import operands_of
from arignote.scalar import add, mul, neg, sub, true_div
from arignote.scalar.record import cast_to

Factor = tuple[Any, bool]
"""A scalar, and whether it divides."""


def _number(make: Any, x: Any) -> Any:
    """The scalar that an operand is, also with axes of size 1; None for others."""
    if x.type.ndim == 0:
        return x
    return make(dimshuffle(()), x) if all(size == 1 for size in x.type.dims) else None


def _product(make: Any, x: Any, dtype: str) -> tuple[Any, list[Factor], bool] | None:
    """(dot, factors, negated) if x is a scaled product that nothing else needs."""
    factors: list[Factor] = []
    negated = False
    while x.owner is not None and make.uses[x] < 2 and x.type.dtype == dtype:
        if isinstance(x.owner.op, Dot):
            return x, factors, negated
        if not isinstance(x.owner.op, Elemwise):
            return None
        inner = _inside(make, x)
        if inner is None:
            return None
        x, factor = inner
        if factor is None:
            negated = not negated
        else:
            factors.append(factor)
    return None


def _inside(make: Any, x: Any) -> tuple[Any, Factor | None] | None:
    """What is scaled, and by what (None: by -1)."""
    (inner,) = operands_of(x, neg) or (None,)
    if inner is not None:
        return inner, None
    orders = operands_of(x, mul)
    divides = orders is None
    pairs = [operands_of(x, true_div)] if orders is None else [orders, orders[::-1]]
    for pair in pairs:
        if pair is None or pair[0].type.ndim != x.type.ndim:
            continue
        number = _number(make, pair[1])
        if number is not None and pair[0].owner is not None:
            return pair[0], (number, divides)
    return None


def _alpha(make: Any, factors: list[Factor], negative: bool, dtype: str) -> Any:
    """The product of factors, as a scalar of a dtype."""
    alpha = None
    for number, divides in factors:
        if number.type.dtype != dtype:
            number = make.scalar(cast_to(dtype), number)
        if alpha is None:
            alpha = make.constant(1, dtype) if divides else number
            if not divides:
                continue
        alpha = make.scalar(true_div if divides else mul, alpha, number)
    if alpha is None:
        return make.constant(-1 if negative else 1, dtype)
    return make.scalar(neg, alpha) if negative else alpha


def _added_product(make: Any, node: Any) -> Any:
    """z + a * dot(x, y) and the like; nothing may broadcast."""
    out, op = node.outputs[0], node.op
    dtype = out.type.dtype
    if dtype not in ("float32", "float64") or out.type.ndim not in (1, 2):
        return None
    first, second = node.inputs
    pairs = [(first, second)] if op.scalar is sub else [(first, second), (second, first)]
    for z, scaled in pairs:
        found = None if z.type.dtype != dtype else _product(make, scaled, dtype)
        if found is None or not make.sizes.same(z.type.dims, found[0].type.dims):
            continue
        dot, factors, negated = found
        alpha = _alpha(make, factors, negated != (op.scalar is sub), dtype)
        return _call(make, z, alpha, *dot.owner.inputs)
    return None


def _call(make: Any, z: Any, alpha: Any, x: Any, y: Any) -> Any:
    if z.type.ndim == 2:
        return make(Gemm(), z, alpha, x, y)
    if x.type.ndim == 1:
        x, y = make(dimshuffle((1, 0)), y), x
    return make(Gemv(), z, alpha, x, y)


RULES = (
    NodeRule(
        "added_product",
        (add, sub),
        _added_product,
        Tag.BLAS,
        Contract.ROUNDING,
        "z + a * dot(x, y) in one call",
        (Dot, mul, true_div, neg),
    ),
)
