"""Graphs as an executor with loop fusion gets them, run node by node with NumPy."""

import numpy as np

from arignote import function
from arignote.config import OptimizerLevel
from arignote.graph import Constant
from arignote.rewrite import optimize


class Expanded:
    """What `optimize` with `expand` makes of outputs, as a function of values of the inputs.

    Attributes
    ----------
    fgraph : FunctionGraph
    rewrites : list of Firing
    """

    def __init__(self, inputs, outputs, excluded=(), level=OptimizerLevel.O3, assume=True):
        single = not isinstance(outputs, list | tuple)
        self._arrange = (lambda results: results[0]) if single else list
        f = function(inputs, outputs, mode="FAST_COMPILE", on_unused_input="ignore")
        self._options = level, excluded
        self._graph = f.graph
        optimized = optimize(f.graph, *self._options, assume, True)
        self.fgraph, self.rewrites, self.check = optimized[:3]

    def __call__(self, *values):
        fits = self.check is None or self.check(values)
        graph = self.fgraph if fits else optimize(self._graph, *self._options, False, True).graph
        return self._arrange(run(graph, values))


def run(graph, values):
    """The results of a graph without shared variables."""
    known = dict(zip(graph.inputs, values, strict=True))
    known.update({x: x.data for x in graph.leaves if isinstance(x, Constant)})
    for node in graph.order:
        with np.errstate(all="ignore"):
            results = node.op.perform(*[known[x] for x in node.inputs])
        known.update(zip(node.outputs, results, strict=True))
    return [known[x] for x in graph.results]


def ops(f):
    """The names of the ops that run, in order."""
    return [str(node.op) for node in f.fgraph.order]
