"""`explore`: the explorer of anything that has a graph, loaded when it is first asked for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from arignote import lazy
from arignote.graph import Variable

if TYPE_CHECKING:
    from arignote.viz.drawing.boxes import Heat
    from arignote.viz.explorer.explorer import Explorer


def explore(
    thing: Any,
    *,
    grouping: str | None = None,
    heat: "str | Heat | Mapping[Any, float] | None" = None,
    height: int | None = None,
    depth: int | None = None,
    focus: Variable | str | int | None = None,
    theme: str = "auto",
) -> "Explorer":
    """The explorer of a thing's graph.

    Parameters
    ----------
    thing : Variable, list or dict of Variable, Function, FunctionGraph, GraphView, Values, NanError
        or object with `outputs`
        Of a function it is the compiled graph; of an error the graph that ran, at the node where
        the NaN was born.
    grouping : {'kernel', 'scope', 'function', 'line', 'none'}, optional
        What boxes stand for at first: what runs as one step, name scopes, the user's functions and
        cells, or lines. Only those that the graph has; by default the first two, if it has them.
    heat : str, Heat, or mapping of Variable or name to number, optional
        By what nodes are coloured. `'time'` is there for functions made with `profile=True` that
        have been called.
    height : int, optional
        In pixels; by default what the graph needs, up to a limit.
    depth : int, optional
        How many levels of ops are shown, counted from the outputs.
    focus : Variable, str or int, optional
        The node that is selected and in the middle: a variable, its name, or the node's number.
    theme : {'auto', 'light', 'dark'}
        `'auto'` follows the notebook.

    Returns
    -------
    Explorer

    Raises
    ------
    GraphError
        The thing has no graph, or an option does not fit.

    Example
    -------
    >>> from arignote import tensor as T
    >>> x = T.fmatrix("x")
    >>> explore(T.exp(x).sum())
    <Explorer: 3 nodes, 2 edges>
    """
    explorer = lazy.module("arignote.viz.explorer.explorer")
    made: Explorer = explorer.explorer_of(thing, grouping, heat, height, depth, focus, theme)
    return made
