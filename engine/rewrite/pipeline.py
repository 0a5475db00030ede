"""The pipeline: which passes run, in which order, at which level."""

from arignote.config import OptimizerLevel
from arignote.graph import FunctionGraph
from arignote.rewrite.fold import fold_constants
from arignote.rewrite.merge import merge

PASSES = {
    OptimizerLevel.O0: (),
    OptimizerLevel.O1: (merge, fold_constants),
}


def optimize(graph: FunctionGraph, level: OptimizerLevel) -> FunctionGraph:
    """The graph after the passes of a level."""
    for rewrite in PASSES[level]:
        graph = rewrite(graph)
    return graph
