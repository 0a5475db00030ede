"""The pipeline: which passes run, in which order, at which level."""

from collections.abc import Collection

from arignote.config import OptimizerLevel
from arignote.graph import FunctionGraph
from arignote.rewrite.driver import RuleIndex, rewrite
from arignote.rewrite.fold import fold_constants
from arignote.rewrite.rule import Firing, Tag
from arignote.rewrite.rules import RULES

_TAGS = {
    OptimizerLevel.O1: frozenset[Tag](),
    OptimizerLevel.O2: frozenset({Tag.USELESS, Tag.CANONICALIZE}),
    OptimizerLevel.O3: frozenset({Tag.USELESS, Tag.CANONICALIZE, Tag.STABILIZE}),
}


def optimize(
    graph: FunctionGraph, level: OptimizerLevel, excluded: Collection[str] = ()
) -> tuple[FunctionGraph, list[Firing]]:
    """The graph after the passes of a level, and the rules that fired.

    Parameters
    ----------
    graph : FunctionGraph
    level : OptimizerLevel
    excluded : collection of str
        Names of rules, or of tags, that are left out.
    """
    log: list[Firing] = []
    if level is OptimizerLevel.O0:
        return graph, log
    tags = _TAGS[level]
    rules = [
        rule
        for rule in RULES
        if rule.tag in tags and rule.name not in excluded and rule.tag.value not in excluded
    ]
    # Folding first shows the rules the constants; what the rules make of them is folded last.
    graph = fold_constants(graph)
    graph = rewrite(graph, RuleIndex(rules), log)
    return fold_constants(graph), log
