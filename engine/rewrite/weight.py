"""Weights: why rewriting ends. Each rule lowers the weight of what it replaces.

A weight is a tuple of numbers that compare in order. Each is linear: an op adds up its operands,
times a factor of at least 1, plus something. So what lowers a part lowers the whole, and what
holds for the holes of an equation holds for all that they may stand for. Tests check each rule by
its table entry; nothing is weighed while rewriting.

The measures, most important first: what is computed only for its sizes, work below reads of
parts, cost, and order (negations stand outside).
"""

from collections.abc import Mapping, Sequence

from arignote import scalar
from arignote.graph import Variable
from arignote.graph.traverse import toposort
from arignote.ops.create import ARange, Shape
from arignote.ops.dot import Dot
from arignote.ops.indexing import AdvancedSubtensor, Subtensor, WriteSubtensor
from arignote.ops.nnet import LogSoftmax, LogSumExp, Softmax
from arignote.ops.reduce import Count, Mean, Reduce
from arignote.ops.view import BroadcastTo, DimShuffle
from arignote.rewrite.index import head_of_op
from arignote.rewrite.pattern import Call, Hole, Term
from arignote.rewrite.rule import Head

Step = tuple[int, int]
"""What an op makes of the sum of its operands: a factor, and what is added."""

_SIZES, _READS, _COST, _ORDER = range(4)
MEASURES = 4
_DEFAULT: tuple[Step, ...] = ((1, 0), (1, 1), (2, 10), (1, 1))


def _but(**steps: Step) -> tuple[Step, ...]:
    """The default with other steps for some measures."""
    names = ("sizes", "reads", "cost", "order")
    return tuple([steps.get(name, step) for name, step in zip(names, _DEFAULT, strict=True)])


_CHEAP = _but(cost=(2, 2))
_STEPS: Mapping[Head, tuple[Step, ...]] = {
    scalar.add: _CHEAP,
    scalar.sub: _CHEAP,
    scalar.mul: _CHEAP,
    scalar.square: _CHEAP,
    scalar.abs_: _CHEAP,
    # A quotient of equals is a fill, to sizes that a leaf lends.
    scalar.true_div: _but(sizes=(1, 80), cost=(2, 6)),
    scalar.reciprocal: _but(sizes=(1, 80), cost=(2, 6)),
    scalar.neg: _but(cost=(1, 1), order=(2, 1)),
    # What replaces a power may use its operand several times.
    scalar.power: ((16, 80), (16, 1), (16, 20), (16, 1)),
    # Their definitions are several operations long, and so are some of the forms they take.
    scalar.sigmoid: _but(reads=(1, 3)),
    scalar.second: _but(cost=(1, 4)),
    BroadcastTo: _but(sizes=(1, 40), cost=(1, 4)),
    Reduce: _but(sizes=(2, 2)),
    Mean: _but(sizes=(10, 90)),
    Count: _but(sizes=(8, 0), cost=(1, 1)),
    Shape: _but(cost=(1, 1)),
    DimShuffle: _but(reads=(1, 0), cost=(1, 1)),
    Subtensor: _but(reads=(2, 0), cost=(2, 1)),
}
# While composite ops are expanded, they weigh more than all that they may become.
_COMPOSITE: tuple[Step, ...] = ((64, 64),) * MEASURES
_EXPANDING: Mapping[Head, tuple[Step, ...]] = {
    **_STEPS,
    **dict.fromkeys([Softmax, LogSoftmax, LogSumExp, Mean], _COMPOSITE),
    Dot: _but(sizes=(4, 8)),
    scalar.log: _but(sizes=(1, 80)),
    WriteSubtensor: _but(sizes=(2, 64)),
    ARange: _but(sizes=(1, 32)),
}
# The first operand of a fill lends its sizes only.
_LENDS_SIZES = 64

Linear = tuple[int, ...]
"""A measure of a pattern: a factor for each hole, then what is added."""


def _total(
    steps: Mapping[Head, tuple[Step, ...]], head: Head, measure: int, operands: Sequence[Linear]
) -> Linear:
    """The measure of an op from those of its operands."""
    factor, plus = steps.get(head, _DEFAULT)[measure]
    if head is AdvancedSubtensor:
        # Each part of what is read brings the indices with it.
        (read,), indices = operands[0], sum([index[0] for index in operands[1:]])
        return (2 * read * indices,)
    if head is scalar.second and measure == _SIZES:
        operands = [tuple([_LENDS_SIZES * n for n in operands[0]]), *operands[1:]]
    sums = [factor * sum(column) for column in zip(*operands, strict=True)]
    return (*sums[:-1], sums[-1] + plus) if sums else (plus,)


def weight_of_term(term: Term, holes: int) -> list[Linear]:
    """The weight of a pattern, as functions of the weights of its holes."""
    if isinstance(term, Hole):
        one = tuple([int(n == term.position) for n in range(holes)])
        return [(*one, 0)] * MEASURES
    if not isinstance(term, Call):
        return [(*(0,) * holes, 1)] * MEASURES
    children = [weight_of_term(child, holes) for child in term.children]
    return [
        _total(_STEPS, term.record, measure, [child[measure] for child in children])
        for measure in range(MEASURES)
    ]


def lowers(before: Sequence[Linear], after: Sequence[Linear]) -> bool:
    """Whether the second weight is lower, whatever the holes (which weigh 1 or more) stand for."""
    for old, new in zip(before, after, strict=True):
        if any(b > a for a, b in zip(old[:-1], new[:-1], strict=True)) or sum(new) > sum(old):
            return False
        if sum(new) < sum(old):
            return True
    return False


def weight_of_variable(variable: Variable, expanding: bool = False) -> list[Linear]:
    """The weight of a variable of a graph, where each leaf weighs 1; `expanding`: in that pass."""
    steps = _EXPANDING if expanding else _STEPS
    known: dict[Variable, list[Linear]] = {}
    leaf: list[Linear] = [(1,)] * MEASURES
    for node in toposort([variable]):
        operands = [known.get(x, leaf) for x in node.inputs]
        total = [
            _total(steps, head_of_op(node.op), measure, [operand[measure] for operand in operands])
            for measure in range(MEASURES)
        ]
        if isinstance(node.op, Subtensor):
            total[_ORDER] = (total[_ORDER][0] + len(node.op.pattern.entries),)
        known.update(dict.fromkeys(node.outputs, total))
    return known.get(variable, leaf)
