"""`passes`: the rewrites of a compiled function, one after the other."""

from typing import TYPE_CHECKING

from arignote import lazy
from arignote.compile import Function

if TYPE_CHECKING:
    from arignote.viz.timeline.rewriting import Passes


def passes(function: Function) -> "Passes":
    """The rewrites of a function, one after the other: a timeline in notebooks.

    The function's graph is rewritten once more for this; nothing is kept while functions are made.

    Parameters
    ----------
    function : Function

    Returns
    -------
    Passes
        `print` shows a table of the rules; `steps`, `counts` and `times` have the same as data,
        `graph(k)` the graph after k steps, `save("passes.html")` writes the timeline to a file.

    Raises
    ------
    GraphError
        When it is no function.

    Example
    -------
    >>> from arignote import function, tensor as T
    >>> x = T.dvector("x")
    >>> found = passes(function([x], T.log(1 + x)))
    >>> [(step.rule, step.before, step.after) for step in found.steps]
    [('log_of_one_plus', 'log(1 + x)', 'log1p(x)')]
    >>> found.graph(0), found.graph(-1)
    (<GraphView: 4 nodes, 3 edges>, <GraphView: 2 nodes, 1 edge>)
    """
    found: Passes = lazy.module("arignote.viz.timeline.rewriting").rewriting(function)
    return found
