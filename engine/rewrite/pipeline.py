"""The pipeline: which passes run, in which order, at which level."""

from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

from arignote.config import OptimizerLevel
from arignote.graph import FunctionGraph
from arignote.rewrite.driver import rewrite
from arignote.rewrite.fold import fold_constants
from arignote.rewrite.index import RuleIndex
from arignote.rewrite.rule import Firing, Tag
from arignote.rewrite.rules import RULES
from arignote.rewrite.sizes import EqualSizes, SizeCheck

_TAGS = {
    OptimizerLevel.O1: frozenset[Tag](),
    OptimizerLevel.O2: frozenset({Tag.USELESS, Tag.CANONICALIZE}),
    OptimizerLevel.O3: frozenset(Tag),
}


@lru_cache(maxsize=64)
def _rules(level: OptimizerLevel, excluded: frozenset[str]) -> RuleIndex:
    """The rules of a level; what the index has found out serves all functions."""
    return RuleIndex(
        rule
        for rule in RULES
        if rule.tag in _TAGS[level] and excluded.isdisjoint((rule.name, rule.tag.value))
    )


class Optimized(NamedTuple):
    """What the pipeline gives.

    Attributes
    ----------
    graph : FunctionGraph
    firings : list of Firing
        The rules that fired, in order.
    check : SizeCheck or None
        What must hold of the values of a call; the graph is wrong for others. None: nothing.
    """

    graph: FunctionGraph
    firings: list[Firing]
    check: SizeCheck | None


def optimize(
    graph: FunctionGraph,
    level: OptimizerLevel,
    excluded: Collection[str] = (),
    assume_equal_sizes: bool = True,
) -> Optimized:
    """The graph after the passes of a level.

    Parameters
    ----------
    graph : FunctionGraph
    level : OptimizerLevel
    excluded : collection of str
        Names of rules, or of tags, that are left out.
    assume_equal_sizes : bool
        Whether unknown sizes that meet are taken to be equal.
    """
    log: list[Firing] = []
    if level is OptimizerLevel.O0:
        return Optimized(graph, log, None)
    # Folding first shows the rules the constants; what the rules make of them is folded last.
    graph = fold_constants(graph)
    sizes = EqualSizes(graph, assume_equal_sizes)
    graph = rewrite(graph, _rules(level, frozenset(excluded)), log, sizes)
    return Optimized(fold_constants(graph), log, sizes.check())
