"""Cheaper or more exact forms of single operations."""

from typing import Any

import numpy as np

from arignote.graph import Constant
from arignote.ops.dot import DOT
from arignote.ops.nnet import LogSoftmax, Softmax
from arignote.ops.reduce import Reduce
from arignote.rewrite.rule import Contract, NodeRule, Rule, Tag
from arignote.rewrite.rules.structure import operands_of
from arignote.scalar import (
    add,
    exp,
    maximum,
    minimum,
    mul,
    reciprocal,
    sqrt,
    square,
    switch,
    true_div,
)
from arignote.types import kind


def _rule(name, find, put, contract=Contract.IMPROVES, reals_only=True):
    return Rule(name, find, put, Tag.SPECIALIZE, contract, reals_only)


def _over_power_of_two(make: Any, node: Any) -> Any:
    """x / c = x * (1 / c) where 1 / c is exact."""
    x, divisor = node.inputs
    dtype = node.op.dtype
    if not isinstance(divisor, Constant) or divisor.type.ndim or kind(dtype) != "f":
        return None
    if not x.type.dtype == divisor.type.dtype == dtype:
        return None
    mantissa, _ = np.frexp(divisor.data)
    with np.errstate(all="ignore"):
        inverse = np.asarray(1 / divisor.data, dtype)
    if abs(mantissa) != 0.5 or not np.isfinite(inverse) or abs(inverse) < np.finfo(dtype).tiny:
        return None
    return make.scalar(mul, x, make.constant(inverse, dtype))


def _exp_of_log_softmax(make: Any, node: Any) -> Any:
    """Where the logarithm itself is not needed; else its exp is cheaper than a second softmax."""
    inner = node.inputs[0].owner
    if inner is None or not isinstance(inner.op, LogSoftmax) or make.uses[node.inputs[0]] > 1:
        return None
    return make(Softmax(inner.op.axis), inner.inputs[0])


def _sum_of_squares(make: Any, node: Any) -> Any:
    """One call of BLAS, which stores no squares, where nothing else needs these."""
    squares, op = node.inputs[0], node.op
    (x,) = operands_of(squares, square) or (None,)
    if x is None or op.scalar is not add or x.type.ndim != 1 or make.uses[squares] > 1:
        return None
    fits = op.dtype == x.type.dtype and op.dtype in ("float32", "float64")
    return make(DOT, x, x) if fits else None


RULES = (
    _rule("times_itself", lambda x: x * x, square, Contract.EXACT),
    _rule("power_three", lambda x: x**3, lambda x: x * square(x)),
    _rule("power_four", lambda x: x**4, lambda x: square(square(x))),
    _rule("power_one_and_a_half", lambda x: x**1.5, lambda x: x * sqrt(x), Contract.ASSUMES_FINITE),
    _rule(
        "power_minus_half",
        lambda x: x ** (-0.5),
        lambda x: reciprocal(sqrt(x)),
        Contract.ASSUMES_FINITE,
    ),
    _rule("times_reciprocal", lambda x, y: x * reciprocal(y), lambda x, y: x / y),
    _rule("over_reciprocal", lambda x, y: x / reciprocal(y), lambda x, y: x * y),
    _rule("reciprocal_of_reciprocal", lambda x: reciprocal(reciprocal(x)), lambda x: x),
    _rule("reciprocal_of_quotient", lambda x, y: reciprocal(x / y), lambda x, y: y / x),
    _rule("switch_of_same", lambda c, x: switch(c, x, x), lambda c, x: x, Contract.EXACT),
    _rule("maximum_of_same", lambda x: maximum(x, x), lambda x: x, Contract.EXACT),
    _rule("minimum_of_same", lambda x: minimum(x, x), lambda x: x, Contract.EXACT),
    NodeRule(
        "over_power_of_two",
        (true_div,),
        _over_power_of_two,
        Tag.SPECIALIZE,
        Contract.EXACT,
        "x / 2**n = x * 2**-n",
        (Constant,),
    ),
    NodeRule(
        "sum_of_squares",
        (Reduce,),
        _sum_of_squares,
        Tag.SPECIALIZE,
        Contract.ROUNDING,
        "sum(x**2) = dot(x, x), x a vector",
        (square,),
    ),
    NodeRule(
        "exp_of_log_softmax",
        (exp,),
        _exp_of_log_softmax,
        Tag.SPECIALIZE,
        Contract.IMPROVES,
        "exp(log_softmax(x)) = softmax(x)",
        (LogSoftmax,),
    ),
)
