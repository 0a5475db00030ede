"""Showing graphs, and writing them to files."""

from collections.abc import Collection, Mapping
from pathlib import Path

from IPython.core.error import UsageError
from IPython.display import display

from arignote.compile import Function
from arignote.graph import Variable
from arignote.kernel_ext.graph_cell import CellGraph, unique_names
from arignote.printing import debugprint
from arignote.viz import GraphView, view

VIEWS = ("svg", "text", "dot", "none")
SUFFIXES = (".svg", ".dot", ".gv", ".png", ".pdf")

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


def show(value: object, form: str) -> None:
    """Displays the graph of a value: `svg` the picture, `text` the tree, `dot` Graphviz's text."""
    thing = drawable(value)
    if form == "svg":
        display(thing)
    elif form == "text":
        debugprint(thing)
    elif form == "dot":
        print(view(thing).dot)


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
    return view(drawable(value)).save(filename)
