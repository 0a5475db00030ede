"""The pipeline: which passes run, in which order, at which level."""

from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

from arignote.config import OptimizerLevel
from arignote.graph import FunctionGraph
from arignote.rewrite.driver import rewrite
from arignote.rewrite.fold import fold_constants
from arignote.rewrite.index import RuleIndex
from arignote.rewrite.recorder import Recorder, Stage, told
from arignote.rewrite.rule import Firing, NodeRule, Rule, Tag
from arignote.rewrite.rules import RULES
from arignote.rewrite.sizes import EqualSizes, SizeCheck

_EXPANSION = frozenset({Tag.EXPAND, Tag.BLAS})
_TAGS = {
    OptimizerLevel.O0: frozenset[Tag](),
    OptimizerLevel.O1: frozenset[Tag](),
    OptimizerLevel.O2: frozenset({Tag.USELESS, Tag.CANONICALIZE}),
    OptimizerLevel.O3: frozenset(Tag) - _EXPANSION - {Tag.ASSUME},
    OptimizerLevel.O4: frozenset(Tag) - _EXPANSION,
}
# What expanding leaves for others to clean up; the other tags would put together again.
_CLEANING = frozenset({Tag.USELESS, Tag.CANONICALIZE})

# Gains of a call of a library over a call for each node, which fused loops do not have.
_ONLY_NODE_BY_NODE = frozenset({"sum_of_squares"})


@lru_cache(maxsize=64)
def _rules(
    tags: frozenset[Tag],
    more: frozenset[Tag],
    excluded: frozenset[str],
    included: frozenset[str],
) -> RuleIndex:
    """The rules of some tags, and those of the tags `more` that are included.

    What the index has found out serves all functions.
    """

    def is_chosen(rule: Rule | NodeRule) -> bool:
        if rule.name in excluded or rule.tag not in tags | more:
            return False
        tag_counts = rule.tag in tags or rule.tag.value in included
        return rule.name in included or (tag_counts and rule.tag.value not in excluded)

    return RuleIndex(rule for rule in RULES if is_chosen(rule))


class Optimized(NamedTuple):
    """What the pipeline gives.

    Attributes
    ----------
    graph : FunctionGraph
    firings : list of Firing
        The rules that fired, in order.
    check : SizeCheck or None
        What must hold of the values of a call; the graph is wrong for others. None: nothing.
    sizes : EqualSizes
        Which sizes are equal in all calls for which the check holds.
    """

    graph: FunctionGraph
    firings: list[Firing]
    check: SizeCheck | None
    sizes: EqualSizes


def optimize(
    graph: FunctionGraph,
    level: OptimizerLevel,
    excluded: Collection[str] = (),
    assume_equal_sizes: bool = True,
    expand: bool = False,
    recorder: Recorder | None = None,
    included: Collection[str] = (),
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
    expand : bool
        Whether composite ops become loops that can be fused, and updates the calls of BLAS.
    recorder : Recorder, optional
        Is told what happens.
    included : collection of str
        Names of rules, or of tags, that are there whatever the level says.
    """
    log: list[Firing] = []
    if level is OptimizerLevel.O0 and not included:
        return Optimized(graph, log, None, EqualSizes(graph, False))
    # Folding first shows the rules the constants; what the rules make of them is folded last.
    graph = _folded(graph, Stage.FOLD, recorder)
    with told(recorder, Stage.SIZES):
        sizes = EqualSizes(graph, assume_equal_sizes)
    left_out = frozenset(excluded) | (_ONLY_NODE_BY_NODE if expand else frozenset())
    names, tags = frozenset(included), _TAGS[level]
    with told(recorder, Stage.REWRITE):
        rules = _rules(tags, frozenset(Tag) - _EXPANSION, left_out, names)
        graph = rewrite(graph, rules, log, sizes, recorder)
    if expand:
        rules = _rules(_EXPANSION | (tags & _CLEANING), frozenset(), left_out, names)
        with told(recorder, Stage.EXPAND):
            graph = rewrite(graph, rules, log, sizes, recorder, reuse=True)
    return Optimized(_folded(graph, Stage.FOLD_AGAIN, recorder), log, sizes.check(), sizes)


def _folded(graph: FunctionGraph, stage: Stage, recorder: Recorder | None) -> FunctionGraph:
    with told(recorder, stage):
        new = fold_constants(graph)
        if recorder is not None:
            recorder.folded(graph, new)
    return new
