"""Equations of algebra that make expressions smaller."""

from arignote.rewrite.rule import Contract, Rule, Tag
from arignote.scalar import abs_, exp, log, neg, reciprocal, sqrt, square


def _rule(name, find, put, contract=Contract.EXACT, reals_only=False):
    return Rule(name, find, put, Tag.CANONICALIZE, contract, reals_only)


# x + 0 is no rule: it turns -0 into 0. x - 0 and x + (-0) keep it.
RULES = (
    _rule("times_one", lambda x: x * 1, lambda x: x),
    _rule("over_one", lambda x: x / 1, lambda x: x),
    _rule("minus_zero", lambda x: x - 0, lambda x: x),
    _rule("power_one", lambda x: x**1, lambda x: x),
    _rule("power_two", lambda x: x**2, square, Contract.IMPROVES),
    _rule("power_half", lambda x: x**0.5, sqrt, Contract.ASSUMES_FINITE),
    _rule("power_minus_one", lambda x: x ** (-1), reciprocal, Contract.IMPROVES, reals_only=True),
    _rule("neg_of_neg", lambda x: neg(neg(x)), lambda x: x),
    _rule("minus_neg", lambda x, y: x - (-y), lambda x, y: x + y),
    _rule("plus_neg", lambda x, y: x + (-y), lambda x, y: x - y),
    _rule("neg_times_neg", lambda x, y: (-x) * (-y), lambda x, y: x * y),
    _rule("neg_times", lambda x, y: (-x) * y, lambda x, y: -(x * y), reals_only=True),
    _rule("neg_over", lambda x, y: (-x) / y, lambda x, y: -(x / y), reals_only=True),
    _rule("over_neg", lambda x, y: x / (-y), lambda x, y: -(x / y), reals_only=True),
    _rule(
        "neg_of_difference",
        lambda x, y: -(x - y),
        lambda x, y: y - x,
        Contract.ROUNDING,
        reals_only=True,
    ),
    _rule(
        "neg_minus",
        lambda x, y: (-x) - y,
        lambda x, y: -(x + y),
        Contract.ROUNDING,
        reals_only=True,
    ),
    _rule("times_minus_one", lambda x: x * (-1), lambda x: -x),
    _rule("square_of_neg", lambda x: square(-x), square),
    _rule("square_of_abs", lambda x: square(abs_(x)), square, reals_only=True),
    _rule("abs_of_neg", lambda x: abs_(-x), abs_, reals_only=True),
    _rule("abs_of_abs", lambda x: abs_(abs_(x)), abs_),
    _rule("one_over", lambda x: 1 / x, reciprocal, reals_only=True),
    _rule("log_of_exp", lambda x: log(exp(x)), lambda x: x, Contract.IMPROVES, reals_only=True),
    _rule("sqrt_of_square", lambda x: sqrt(square(x)), abs_, Contract.IMPROVES, reals_only=True),
)
