"""The index: which rules can fire at a node, by its op and the ops of its operands."""

from collections.abc import Iterable, Sequence

from arignote.graph import Apply, Constant, Variable
from arignote.ops.base import Op
from arignote.ops.elemwise import Elemwise
from arignote.rewrite.pattern import Call, Literal, Term
from arignote.rewrite.rule import Head, NodeRule, Rule


def head_of_op(op: Op) -> Head:
    """The record of an elementwise op, the class of others."""
    return op.scalar if type(op) is Elemwise else type(op)


def head(variable: Variable) -> Head | None:
    """What a variable is at its root: the head of its op, Constant, or None for other leaves."""
    node = variable.owner
    if node is None:
        return Constant if isinstance(variable, Constant) else None
    return head_of_op(node.op)


class RuleIndex:
    """Rules by the heads of a node and its operands.

    The rules that can fire for a combination of heads are found when it is first met; a graph has
    few of them, however many nodes and rules there are.
    """

    def __init__(self, rules: Iterable[Rule | NodeRule]) -> None:
        self._rules = tuple(rules)
        self._candidates: dict[tuple[Head | None, ...], tuple[Rule | NodeRule, ...]] = {}

    def candidates(self, node: Apply) -> tuple[Rule | NodeRule, ...]:
        """The rules that may fire at a node, in the order of their tables."""
        op = node.op
        heads: list[Head | None] = [op.scalar if type(op) is Elemwise else type(op)]
        # As head() says; it is asked for every operand of every node.
        for x in node.inputs:
            owner = x.owner
            if owner is None:
                heads.append(Constant if isinstance(x, Constant) else None)
            else:
                op = owner.op
                heads.append(op.scalar if type(op) is Elemwise else type(op))
        key = tuple(heads)
        known = self._candidates.get(key)
        if known is None:
            roots = {heads[0], type(node.op)}
            rules = [rule for rule in self._rules if not roots.isdisjoint(rule.roots)]
            known = tuple([rule for rule in rules if _may_fire(rule, key[1:])])
            self._candidates[key] = known
        return known


def _may_fire(rule: Rule | NodeRule, operands: Sequence[Head | None]) -> bool:
    if isinstance(rule, NodeRule):
        return not rule.operands or any(found in rule.operands for found in operands)
    assert isinstance(rule.find, Call)
    orders = [operands, operands[::-1]] if rule.find.record.commutative else [operands]
    return any(all(map(_may_be, rule.find.children, order)) for order in orders)


def _may_be(term: Term, found: Head | None) -> bool:
    if isinstance(term, Call):
        return found is term.record
    return not isinstance(term, Literal) or found is Constant
