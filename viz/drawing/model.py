"""`GraphView`: the one model of a graph that pictures and texts are drawn from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arignote import lazy
from arignote.compile import Function
from arignote.errors import GraphError, message
from arignote.graph import FunctionGraph, Variable
from arignote.lower import Program
from arignote.viz.drawing.build import graph_of_function, graph_of_variables
from arignote.viz.drawing.dot import render, to_dot
from arignote.viz.drawing.nodes import GraphData
from arignote.viz.drawing.options import DEFAULT_OPTIONS, PictureOptions
from arignote.viz.drawing.svg import places_of, to_svg
from arignote.viz.layout.layered import Layout

if TYPE_CHECKING:
    from arignote.viz.drawing.boxes import Grouping

# A picture with more nodes than this is too tall to read and too large to keep in a notebook.
MAX_PICTURE_NODES = 300
MAX_PICTURE_BYTES = 200_000


@dataclass(frozen=True, repr=False)
class GraphView(GraphData):
    """A graph as nodes and edges; shown in a notebook it is a picture.

    `view` makes one of anything that has a graph.

    Attributes
    ----------
    options : PictureOptions
        What its pictures show.
    function : Function or None
        The compiled function whose graph it is; not compared.

    Example
    -------
    >>> from arignote import tensor as T
    >>> x = T.fmatrix("x")
    >>> GraphView.from_variables([T.exp(x)])
    <GraphView: 2 nodes, 1 edge>
    """

    options: PictureOptions = DEFAULT_OPTIONS
    function: Function | None = field(default=None, compare=False)

    @classmethod
    def from_variables(
        cls,
        outputs: Mapping[str, Variable] | Iterable[Variable],
        *,
        compact: bool = True,
        copies: bool = True,
        depth: int | None = None,
        title: str = "",
    ) -> "GraphView":
        """The graph that variables are computed by.

        Parameters
        ----------
        outputs : variables, or mapping of name to variable
        compact : bool
            False draws the results of ops as nodes of their own.
        copies : bool
            True repeats constants for each use, and inputs that are used far apart; this keeps
            edges short.
        depth : int, optional
            How many levels of ops are shown, counted from the outputs.
        title : str
        """
        data = graph_of_variables(outputs, compact=compact, copies=copies, depth=depth, title=title)
        return cls(data.nodes, data.edges, data.roots, data.title, data.stands_for)

    @classmethod
    def from_function(
        cls,
        function: Function | FunctionGraph,
        *,
        compact: bool = True,
        copies: bool = True,
        depth: int | None = None,
    ) -> "GraphView":
        """The graph that runs when a compiled function is called, with its updates."""
        compiled = function if isinstance(function, Function) else None
        graph = function if isinstance(function, FunctionGraph) else function.fgraph
        title = (compiled.name if compiled else None) or ""
        data = graph_of_function(graph, compact=compact, copies=copies, depth=depth, title=title)
        return cls(
            data.nodes, data.edges, data.roots, data.title, data.stands_for, function=compiled
        )

    @property
    def program(self) -> Any:
        """The loops, products and NumPy's steps that the nodes run in, or None."""
        program = self.function.program if self.function is not None else None
        return None if isinstance(program, Program) else program

    @cached_property
    def groupings(self) -> "tuple[Grouping, ...]":
        """The ways to put the nodes into boxes: by kernel, name scope, function, line."""
        found: tuple[Grouping, ...] = lazy.module("arignote.viz.explorer.groups").groupings(
            self, self.program
        )
        return found

    @cached_property
    def places(self) -> Layout:
        """Where nodes and edges go in the picture."""
        return places_of(self, self.options)

    @cached_property
    def svg(self) -> str:
        """The graph as an SVG picture."""
        return to_svg(self, self.options, self.places)

    @property
    def dot(self) -> str:
        """The graph in the language of Graphviz."""
        return to_dot(self, self.options)

    def with_options(self, options: PictureOptions) -> "GraphView":
        """The same graph, drawn with other options."""
        return replace(self, options=options)

    def save(self, path: str | Path) -> Path:
        """Writes the picture to a file.

        Parameters
        ----------
        path : str or Path
            `.svg`, `.dot` and `.gv` need nothing; other suffixes (`.png`, `.pdf`) need the program
            `dot` of Graphviz.

        Returns
        -------
        Path

        Raises
        ------
        GraphError
            When `dot` is needed and missing, or does not know the suffix.
        """
        path = Path(path).expanduser()
        suffix = path.suffix.lower()
        if suffix == ".svg":
            path.write_text(self.svg, encoding="utf-8")
        elif suffix in (".dot", ".gv"):
            path.write_text(self.dot, encoding="utf-8")
        else:
            path.write_bytes(render(self.dot, suffix.removeprefix(".")))
        return path

    @property
    def summary(self) -> str:
        """The graph in one line: how many nodes and edges."""
        return f"{_count(len(self.nodes), 'node')}, {_count(len(self.edges), 'edge')}"

    @property
    def picture(self) -> str | None:
        """The SVG picture if the graph is small enough to be kept in a notebook, else None."""
        if len(self.nodes) > MAX_PICTURE_NODES:
            return None
        svg = self.svg
        return svg if len(svg.encode()) <= MAX_PICTURE_BYTES else None

    def __repr__(self) -> str:
        title = f" {self.title}" if self.title else ""
        return f"<GraphView{title}: {self.summary}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        explorer = lazy.module("arignote.viz.explorer.explorer")
        forms: dict[str, str] = explorer.mimebundle(self, repr(self))
        return {
            form: text
            for form, text in forms.items()
            if (not include or form in include) and not (exclude and form in exclude)
        }


def too_large(graph: GraphData) -> str:
    """A note that stands in for a picture."""
    return (
        f"({len(graph.nodes)} nodes are too many for a picture here: use debugprint(..., depth=5),"
        " or explore(...).save('graph.html') and a browser)"
    )


def view(
    thing: Any, *, compact: bool = True, copies: bool = True, depth: int | None = None
) -> GraphView:
    """The graph of a thing, ready to be drawn.

    Parameters
    ----------
    thing : Variable, list, tuple or dict of Variable, Apply, Function or object with `outputs`
        Of a function it is the compiled graph.
    compact : bool
        False draws the results of ops as nodes of their own.
    copies : bool
        True repeats constants for each use, and inputs that are used far apart.
    depth : int, optional
        How many levels of ops are shown, counted from the outputs.

    Raises
    ------
    GraphError
        When the thing has no graph.

    Example
    -------
    >>> from arignote import tensor as T
    >>> x, y = T.fmatrices("x", "y")
    >>> [node.label for node in view(x + y).nodes]
    ['x', 'y', 'add']
    """
    if isinstance(thing, GraphView):
        return thing
    if isinstance(thing, Function | FunctionGraph):
        return GraphView.from_function(thing, compact=compact, copies=copies, depth=depth)
    outputs = _outputs(thing)
    return GraphView.from_variables(outputs, compact=compact, copies=copies, depth=depth)


def _outputs(thing: Any) -> Mapping[str, Variable] | list[Variable]:
    """The variables that a thing stands for; GraphError if there are none."""
    if isinstance(thing, Variable):
        return [thing]
    inner = thing if isinstance(thing, list | tuple | Mapping) else getattr(thing, "outputs", None)
    values = list(inner.values()) if isinstance(inner, Mapping) else inner
    if not isinstance(values, list | tuple) or not all(isinstance(x, Variable) for x in values):
        raise GraphError(
            message(
                f"an object of type {type(thing).__name__} has no graph to show.",
                hint="give a variable, a list, tuple or dict of variables, or a function",
            )
        )
    return inner if isinstance(inner, Mapping) else list(values)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
