"""Judging what was found in the results of steps: whether it is an error, and whose."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from arignote.execute.finding import Finding, finding_of
from arignote.execute.origin import find_origin
from arignote.graph import Apply, FunctionGraph, Variable
from arignote.lower.guard import guarded_variables
from arignote.lower.limits import Limits

Report = Callable[[Finding], None]
"""What is done about a finding; it may raise."""


class Judge:
    """Decides what was found in results of steps of one graph.

    Parameters
    ----------
    graph : FunctionGraph
    limits : Limits
    report : function
    """

    def __init__(self, graph: FunctionGraph, limits: Limits, report: Report) -> None:
        self.graph, self.limits, self.report = graph, limits, report
        self.guarded = guarded_variables(graph)

    def wrong(self, results: Mapping[Variable, np.ndarray]) -> dict[Variable, np.ndarray]:
        """Those results that are guarded and have something that must be looked into."""
        return {
            x: value
            for x, value in results.items()
            if x in self.guarded and not self.limits.are_met(value)
        }

    def judge(
        self,
        wrong: Mapping[Variable, np.ndarray],
        known: Mapping[Variable, np.ndarray],
        leaves: Mapping[Variable, np.ndarray],
        step: int,
        nodes: Sequence[Apply],
    ) -> bool:
        """Whether what a step wrote is an error, which is then reported."""
        __tracebackhide__ = True
        if not wrong:
            return False
        origin = find_origin(wrong, {**leaves, **known}, leaves, self.guarded, self.limits)
        if origin is None:
            return False
        self.report(finding_of(origin, self.graph, self.limits.big, step, nodes))
        return True

    def check_leaves(self, leaves: Mapping[Variable, np.ndarray]) -> None:
        """Looks at results that are not computed but given."""
        __tracebackhide__ = True
        for x in self.graph.results:
            value = leaves.get(x)
            if value is not None and not Limits(self.limits.nan, False).are_met(value):
                origin = find_origin({x: value}, leaves, leaves, (), self.limits)
                if origin is not None:
                    self.report(finding_of(origin, self.graph, self.limits.big))


class NodeGuard:
    """Looks at what each node of one call gives, until something was found."""

    def __init__(self, judge: Judge, leaves: Mapping[Variable, np.ndarray]) -> None:
        self._judge, self._leaves = judge, leaves
        self._found = False
        judge.check_leaves(leaves)

    def before(self, number: int, node: Apply, given: Sequence[np.ndarray]) -> None:
        """Nothing is looked at before."""

    def after(
        self,
        number: int,
        node: Apply,
        given: Sequence[np.ndarray],
        outputs: Sequence[np.ndarray],
    ) -> None:
        """Judges what a node gave."""
        __tracebackhide__ = True
        if self._found:
            return
        wrong = self._judge.wrong(dict(zip(node.outputs, outputs, strict=True)))
        if wrong:
            known = dict(zip(node.inputs, given, strict=True))
            self._found = self._judge.judge(wrong, known, self._leaves, number + 1, (node,))
