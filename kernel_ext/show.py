"""Showing graphs, and writing them to files."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from IPython.core.error import UsageError
from IPython.display import display

from arignote import lazy
from arignote.compile import Function
from arignote.graph import Variable
from arignote.kernel_ext.graph_cell import CellGraph, unique_names
from arignote.printing import debugprint
from arignote.viz import GraphView, explore, view
from arignote.viz.drawing.dot import render
from arignote.viz.drawing.model import too_large
from arignote.viz.output.page import picture_forms

SUFFIXES = (".html", ".svg", ".dot", ".gv", ".png", ".pdf")

Drawable = GraphView | CellGraph | Function | Variable


def as_outputs(value: object) -> dict[str, Variable] | None:
    """A variable, or a list, tuple or dict of them, as named outputs; None for anything else."""
    values = value.values() if isinstance(value, Mapping) else value
    if isinstance(values, Variable):
        values = [values]
    if not isinstance(values, Collection) or isinstance(values, str) or not values:
        return None
    if not all(isinstance(variable, Variable) for variable in values):
        return None
    if isinstance(value, Mapping):
        return {str(name): variable for name, variable in value.items()}
    return unique_names(values, "output")


def drawable(value: object) -> Drawable:
    """The value as something with a graph.

    Raises
    ------
    UsageError
        It has none.
    """
    if isinstance(value, Drawable):
        return value
    outputs = as_outputs(value)
    if outputs is None:
        raise UsageError(
            f"no graph in an object of type {type(value).__name__}; give a variable, a list of"
            " variables, a function or the name of a %%graph cell."
        )
    return GraphView.from_variables(outputs)


def _show_svg(thing: Drawable) -> None:
    """The picture alone."""
    graph = view(thing)
    picture = graph.picture
    if picture is None:
        print(too_large(graph))
    else:
        display(picture_forms(repr(graph), picture, "the graph"), raw=True)


def _show_dot(thing: Drawable) -> None:
    """The picture that Graphviz's program `dot` draws."""
    graph = view(thing)
    picture = render(graph.dot, "svg").decode()
    display(picture_forms(repr(graph), picture, "the graph"), raw=True)


def _show_d3(thing: Drawable) -> None:
    graph = view(thing)
    html = lazy.module("arignote.viz.output.d3").d3_html(graph)
    display({"text/plain": repr(graph), "text/html": html}, raw=True)


def _show_nothing(thing: Drawable) -> None:
    """Nothing is asked for."""


_VIEWS: dict[str, Callable[[Drawable], object]] = {
    "explorer": display,
    "html": display,
    "svg": _show_svg,
    "text": debugprint,
    "dot": _show_dot,
    "d3graph": _show_d3,
    "none": _show_nothing,
}
VIEWS = tuple(_VIEWS)
DEFAULT_VIEW = "explorer"


def show(value: object, form: str = DEFAULT_VIEW) -> None:
    """Displays the graph of a value.

    Parameters
    ----------
    value : object
        Anything that `drawable` takes.
    form : str
        One of `VIEWS`: `explorer` (or `html`) the display with all its forms, `svg` the picture,
        `text` the tree, `dot` the picture of Graphviz's program, `d3graph` that of the package,
        `none`.

    Raises
    ------
    UsageError
        The value has no graph.
    GraphError
        The program or the package is missing.
    """
    _VIEWS[form](drawable(value))


def export(value: object, filename: str) -> Path:
    """Writes the graph of a value to a file; the suffix says how.

    Raises
    ------
    UsageError
        The suffix is unknown.
    """
    suffix = Path(filename).suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"cannot write {filename}; the suffix is one of {', '.join(SUFFIXES)}.")
    return explore(drawable(value)).save(filename)
