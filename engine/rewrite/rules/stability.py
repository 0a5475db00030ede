"""Equations that keep digits: expressions that overflow, underflow or cancel become others."""

from typing import Any

from arignote import scalar
from arignote.graph import Apply, Variable
from arignote.ops.elemwise import Elemwise
from arignote.ops.nnet import LogSoftmax, LogSumExp, Softmax
from arignote.ops.reduce import Reduce
from arignote.rewrite.rule import Contract, NodeRule, Rule, Tag
from arignote.scalar import exp, expm1, log, log1p, sigmoid, softplus
from arignote.types import kind


def _rule(name, find, put):
    return Rule(name, find, put, Tag.STABILIZE, Contract.IMPROVES, reals_only=True)


def _log_of_softmax(make: Any, node: Apply) -> Variable | None:
    inner = node.inputs[0].owner
    if node.op.scalar is not log or inner is None or not isinstance(inner.op, Softmax):  # type: ignore[attr-defined]
        return None
    return make(LogSoftmax(inner.op.axis), inner.inputs[0])


def _log_of_sum_of_exp(make: Any, node: Apply) -> Variable | None:
    inner = node.inputs[0].owner
    if node.op.scalar is not log or inner is None or not isinstance(inner.op, Reduce):  # type: ignore[attr-defined]
        return None
    terms = inner.inputs[0].owner
    if inner.op.scalar is not scalar.add or terms is None or not isinstance(terms.op, Elemwise):
        return None
    x = terms.inputs[0]
    if terms.op.scalar is not exp or kind(x.type.dtype) != "f" or x.type.dtype != node.op.dtype:  # type: ignore[attr-defined]
        return None
    return make(LogSumExp(inner.op.axes), x)


def _quotient_times_softmax(make: Any, node: Apply) -> Variable | None:
    """(g / p) * p for a softmax p: its gradient through a logarithm, 0 / 0 where p underflows."""
    if node.op.scalar is not scalar.mul:  # type: ignore[attr-defined]
        return None
    for quotient, p in (node.inputs, node.inputs[::-1]):
        made = quotient.owner
        if made is None or not isinstance(made.op, Elemwise) or p.owner is None:
            continue
        if made.op.scalar is not scalar.true_div or made.inputs[1] is not p:
            continue
        if isinstance(p.owner.op, Softmax):
            return made.inputs[0]
    return None


def _node_rule(name: str, function: Any, doc: str) -> NodeRule:
    return NodeRule(name, Elemwise, function, Tag.STABILIZE, Contract.IMPROVES, doc)


RULES = (
    _rule("log_of_one_plus", lambda x: log(1 + x), lambda x: log1p(x)),
    _rule("log_of_one_minus", lambda x: log(1 - x), lambda x: log1p(-x)),
    _rule("exp_minus_one", lambda x: exp(x) - 1, lambda x: expm1(x)),
    _rule("log1p_of_exp", lambda x: log1p(exp(x)), softplus),
    _rule("logistic", lambda x: 1 / (1 + exp(-x)), sigmoid),
    _rule("reciprocal_logistic", lambda x: scalar.reciprocal(1 + exp(-x)), sigmoid),
    _rule("log_of_sigmoid", lambda x: log(sigmoid(x)), lambda x: -softplus(-x)),
    _rule("one_minus_sigmoid", lambda x: 1 - sigmoid(x), lambda x: sigmoid(-x)),
    _rule("log1p_of_minus_sigmoid", lambda x: log1p(-sigmoid(x)), lambda x: -softplus(x)),
    _node_rule("log_of_softmax", _log_of_softmax, "log(softmax(x)) = log_softmax(x)"),
    _node_rule("log_of_sum_of_exp", _log_of_sum_of_exp, "log(sum(exp(x))) = logsumexp(x)"),
    _node_rule("quotient_times_softmax", _quotient_times_softmax, "(g / p) * p = g, p a softmax"),
)
