"""Equations that hold where divisors are not 0 and logarithms are of positive numbers.

What is NaN elsewhere becomes a number, so that they are for those who ask for them.
"""

from typing import Any

from arignote.rewrite.rule import Contract, NodeRule, Rule, Tag
from arignote.scalar import exp, log, second, true_div
from arignote.types import kind


def _rule(name, find, put, contract):
    return Rule(name, find, put, Tag.ASSUME, contract, reals_only=True)


def _quotient_of_same(make: Any, node: Any) -> Any:
    x, y = node.inputs
    if x is not y or kind(x.type.dtype) != "f" or x.owner is not None:
        return None
    one = make.constant(1, x.type.dtype)
    return make.scalar(second, x, one) if x.type.ndim else one


_NONZERO = Contract.ASSUMES_NONZERO
RULES = (
    _rule("product_over_factor", lambda x, y: (x * y) / x, lambda x, y: y, _NONZERO),
    _rule("exp_of_log", lambda x: exp(log(x)), lambda x: x, Contract.IMPROVES),
    NodeRule(
        "quotient_of_same",
        (true_div,),
        _quotient_of_same,
        Tag.ASSUME,
        _NONZERO,
        "x / x = 1, x an input or shared variable",
    ),
)
