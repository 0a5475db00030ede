"""Equations that keep digits: expressions that overflow, underflow or cancel become others."""

from typing import Any

from arignote import scalar
from arignote.graph import Apply, Constant, Variable
from arignote.ops.elemwise import Elemwise
from arignote.ops.indexing import AdvancedSubtensor, Subtensor, WriteSubtensor
from arignote.ops.nnet import LogSoftmax, LogSumExp, Softmax
from arignote.ops.reduce import Reduce
from arignote.rewrite.rule import Contract, Head, NodeRule, Rule, Tag
from arignote.rewrite.rules.fills import repeated
from arignote.rewrite.rules.structure import operands_of
from arignote.scalar import exp, expm1, log, log1mexp, log1p, neg, sigmoid, softplus
from arignote.types import kind

MAX_FACTORS = 8


def _rule(name, find, put):
    return Rule(name, find, put, Tag.STABILIZE, Contract.IMPROVES, reals_only=True)


def _log_of_softmax(make: Any, node: Apply) -> Variable | None:
    inner = node.inputs[0].owner
    if inner is None or not isinstance(inner.op, Softmax):
        return None
    return make(LogSoftmax(inner.op.axis), inner.inputs[0])


def _log_of_sum_of_exp(make: Any, node: Apply) -> Variable | None:
    inner = node.inputs[0].owner
    if inner is None or not isinstance(inner.op, Reduce):
        return None
    terms = inner.inputs[0].owner
    if inner.op.scalar is not scalar.add or terms is None or not isinstance(terms.op, Elemwise):
        return None
    x = terms.inputs[0]
    if terms.op.scalar is not exp or kind(x.type.dtype) != "f" or x.type.dtype != node.op.dtype:  # type: ignore[attr-defined]
        return None
    return make(LogSumExp(inner.op.axes), x)


def _cancel_probabilities(make: Any, node: Apply) -> Variable | None:
    """A product without the probabilities by which terms of one of its factors divide.

    The gradient of a logarithm of a softmax has (g / p) * p, that of a cross-entropy of sigmoids
    (a / s(x) - b / s(-x)) * s(x) * s(-x): 0 / 0 where they underflow.
    """
    factors = _factors(node)
    for n, factor in enumerate(factors):
        others = factors[:n] + factors[n + 1 :]
        for record in (scalar.sub, scalar.add, None):
            terms = (factor,) if record is None else operands_of(factor, record) or ()
            quotients = [_quotient(term) for term in terms]
            divisors = dict.fromkeys([found[1] for found in quotients if found is not None])
            if not divisors or None in quotients:
                continue
            if not all(p in others and _is_probability(p) for p in divisors):
                continue
            values = []
            for a, divisor, is_negative in filter(None, quotients):
                value = _product(make, [a, *[p for p in divisors if p is not divisor]])
                values.append(make.scalar(neg, value) if is_negative else value)
            for p in divisors:
                others.remove(p)
            value = values[0] if record is None else make.scalar(record, *values)
            return _product(make, [value, *others])
    return None


def _is_probability(x: Variable) -> bool:
    """Whether no element is 0 but for rounding."""
    is_softmax = x.owner is not None and isinstance(x.owner.op, Softmax)
    return is_softmax or operands_of(x, sigmoid) is not None


def _quotient(x: Variable) -> tuple[Variable, Variable, bool] | None:
    """(a, b, whether x is its negative) if x is a / b."""
    (inner,) = operands_of(x, neg) or (None,)
    found = operands_of(x if inner is None else inner, scalar.true_div)
    return None if found is None else (*found, inner is not None)


def _factors(node: Apply) -> list[Variable]:
    """What a product multiplies, products among its operands taken apart."""
    found, waiting = list[Variable](), list(node.inputs)
    # So that long products cost each node of theirs no more than that.
    while waiting and len(found) + len(waiting) < MAX_FACTORS:
        x = waiting.pop(0)
        inner = operands_of(x, scalar.mul)
        if inner is None or x.type != node.outputs[0].type:
            found.append(x)
        else:
            waiting[:0] = inner
    return found + waiting


def _product(make: Any, factors: list[Variable]) -> Variable:
    result = factors[0]
    for factor in factors[1:]:
        result = make.scalar(scalar.mul, result, factor)
    return result


def _log_of_picked_softmax(make: Any, node: Apply) -> Variable | None:
    """log(softmax(x)[index]) = log_softmax(x)[index]."""
    read = node.inputs[0].owner
    if read is None or not isinstance(read.op, Subtensor | AdvancedSubtensor):
        return None
    p, *indices = read.inputs
    if p.owner is None or not isinstance(p.owner.op, Softmax):
        return None
    return make(read.op, make(LogSoftmax(p.owner.op.axis), p.owner.inputs[0]), *indices)


def _is_zero(x: Variable) -> bool:
    """Whether all elements are known to be 0."""
    value = x if isinstance(x, Constant) else repeated(x)
    return isinstance(value, Constant) and not value.data.any()


def _times_read(make: Any, quotient: Variable, read: Variable) -> Variable | None:
    """g of g / read, and -g of -(g / read)."""
    (inner,) = operands_of(quotient, neg) or (None,)
    plain = quotient if inner is None else inner
    if operands_of(plain, scalar.reciprocal) == (read,):
        g = make.constant(1, plain.type.dtype)
    else:
        g, divisor = operands_of(plain, scalar.true_div) or (None, None)
        if divisor is not read:
            return None
    return g if inner is None else make.scalar(neg, g)


def _picked_quotient_times_softmax(make: Any, node: Apply) -> Variable | None:
    """write(0, g / p[index]) * p = write(0, g): the gradient through log(p[index])."""
    for written, p in (node.inputs, node.inputs[::-1]):
        made = written.owner
        if made is None or not isinstance(made.op, WriteSubtensor) or not _is_zero(made.inputs[0]):
            continue
        if p.owner is None or not isinstance(p.owner.op, Softmax):
            continue
        zeros, quotient, *indices = made.inputs
        read = Subtensor if made.op.pattern.is_basic else AdvancedSubtensor
        g = _times_read(make, quotient, make(read(made.op.pattern), p, *indices))
        if g is not None:
            return make(made.op, zeros, g, *indices)
    return None


def _node_rule(name: str, root: Head, function: Any, doc: str, *operands: Head) -> NodeRule:
    return NodeRule(name, (root,), function, Tag.STABILIZE, Contract.IMPROVES, doc, operands)


RULES = (
    _rule("log_of_one_plus", lambda x: log(1 + x), lambda x: log1p(x)),
    _rule("log_of_one_minus", lambda x: log(1 - x), lambda x: log1p(-x)),
    _rule("exp_minus_one", lambda x: exp(x) - 1, lambda x: expm1(x)),
    _rule("log1p_of_minus_exp", lambda x: log1p(-exp(x)), log1mexp),
    _rule("log_of_minus_expm1", lambda x: log(-expm1(x)), log1mexp),
    _rule("log1p_of_exp", lambda x: log1p(exp(x)), softplus),
    _rule("expm1_of_log1p", lambda x: expm1(log1p(x)), lambda x: x),
    _rule("log1p_of_expm1", lambda x: log1p(expm1(x)), lambda x: x),
    _rule("log_of_reciprocal", lambda x: log(scalar.reciprocal(x)), lambda x: -log(x)),
    _rule("softplus_minus", lambda x: softplus(x) - x, lambda x: softplus(-x)),
    _rule("minus_softplus", lambda x: x - softplus(x), lambda x: -softplus(-x)),
    _rule("exp_over_one_plus", lambda x: exp(x) / (1 + exp(x)), sigmoid),
    _rule("logistic", lambda x: 1 / (1 + exp(-x)), sigmoid),
    _rule("reciprocal_logistic", lambda x: scalar.reciprocal(1 + exp(-x)), sigmoid),
    _rule("logistic_of_minus", lambda x: 1 / (1 + exp(x)), lambda x: sigmoid(-x)),
    _rule(
        "reciprocal_logistic_of_minus",
        lambda x: scalar.reciprocal(1 + exp(x)),
        lambda x: sigmoid(-x),
    ),
    _rule(
        "slope_of_logistic",
        lambda g, x: (g / scalar.square(1 + exp(x))) * exp(x),
        lambda g, x: g * (sigmoid(x) * sigmoid(-x)),
    ),
    _rule("log_of_sigmoid", lambda x: log(sigmoid(x)), lambda x: -softplus(-x)),
    _rule("one_minus_sigmoid", lambda x: 1 - sigmoid(x), lambda x: sigmoid(-x)),
    _rule("log1p_of_minus_sigmoid", lambda x: log1p(-sigmoid(x)), lambda x: -softplus(x)),
    _node_rule("log_of_softmax", log, _log_of_softmax, "log(softmax(x)) = log_softmax(x)", Softmax),
    _node_rule(
        "log_of_sum_of_exp", log, _log_of_sum_of_exp, "log(sum(exp(x))) = logsumexp(x)", Reduce
    ),
    _node_rule(
        "cancel_probabilities",
        scalar.mul,
        _cancel_probabilities,
        "(a / p) * p = a, p a softmax or sigmoid",
        Softmax,
        sigmoid,
        scalar.mul,
    ),
    _node_rule(
        "log_of_picked_softmax",
        log,
        _log_of_picked_softmax,
        "log(softmax(x)[index]) = log_softmax(x)[index]",
        Subtensor,
        AdvancedSubtensor,
    ),
    _node_rule(
        "picked_quotient_times_softmax",
        scalar.mul,
        _picked_quotient_times_softmax,
        "write(0, g / p[index]) * p = write(0, g), p a softmax",
        WriteSubtensor,
    ),
)
