"""The explorer: a graph to look at, fold, search and ask, in a notebook or as a file."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arignote import lazy
from arignote.compile import Function
from arignote.compile.observers import functions
from arignote.errors import GraphError, NanError, join_names, message, near_names
from arignote.execute.finding import Finding
from arignote.graph import FunctionGraph, Variable
from arignote.types import shape_text
from arignote.viz.drawing.boxes import Heat
from arignote.viz.drawing.model import GraphView, too_large, view
from arignote.viz.explorer.document import Json, document
from arignote.viz.output.page import MAX_VIEW_BYTES, App, Theme, frame, page
from arignote.viz.output.squeeze import squeezed

if TYPE_CHECKING:
    from arignote.statistics import Statistics
    from arignote.viz.explorer.widgets import ExplorerWidget

APP = App("squeeze.js", "mountSqueezed")
HEIGHT, HEIGHTS = 480, (120, 4000)
LOWEST, TALLEST = 200, 640
# What a toolbar and margins take, and how small a graph may be drawn to be seen as a whole.
BARS, READABLE = 70, 0.7
HIGH = re.compile(r' viewBox="0 0 [\d.]+ ([\d.]+)"')
PICTURES = (".svg", ".png", ".pdf", ".dot", ".gv")
NO_BOXES = "none"
# What a document of a very large graph can do without, the dearest first.
_SPARED = (("doc", "line", "text", "gradient_of"), ("where", "type", "scope", "rules"))


@dataclass(frozen=True, eq=False, repr=False)
class Explorer:
    """A graph in the explorer; as the last line of a cell it is shown.

    Attributes
    ----------
    view : GraphView
    heats : tuple of Heat
        By what nodes can be coloured.
    start : mapping
        What is shown at first.
    chosen_height : int or None
        In pixels; None is as high as the graph needs, up to a limit.
    theme : Theme
    stats : mapping of int to mapping, optional
        Statistics of what nodes gave, by the nodes' numbers.
    alarms : mapping of int to str, optional
        What is wrong with nodes, by their numbers.
    """

    view: GraphView
    heats: tuple[Heat, ...] = ()
    start: Mapping[str, Any] | None = None
    chosen_height: int | None = None
    theme: Theme = Theme.AUTO
    stats: Mapping[int, Mapping[str, Any]] | None = None
    alarms: Mapping[int, str] | None = None

    @cached_property
    def document(self) -> Json:
        """The graph as plain data, which `json.dumps` takes."""
        return document(
            self.view, heats=self.heats, start=self.start, stats=self.stats, alarms=self.alarms
        )

    @cached_property
    def height(self) -> int:
        """In pixels: what was asked for, else enough to see all of a graph that is not large."""
        if self.chosen_height is not None:
            return self.chosen_height
        found = HIGH.search(self.view.picture or "")
        if found is None:
            return HEIGHT
        # Boxes need some room of their own.
        needed = BARS + float(found[1]) * (1.2 if self.view.program is not None else 1.0)
        # An explorer that need not be scrolled may show its graph a bit smaller.
        if needed <= TALLEST / READABLE:
            return round(min(max(needed, LOWEST), TALLEST))
        return HEIGHT

    @property
    def html(self) -> str:
        """A complete page that opens without a network."""
        return _page(self, self.document)

    def save(self, path: str | Path) -> Path:
        """Writes the explorer, or a picture of its graph, to a file.

        Parameters
        ----------
        path : str or Path
            `.html` the explorer; `.svg` and `.dot` the picture and Graphviz's text; `.png` and
            `.pdf` a picture drawn by Graphviz's program `dot`.

        Returns
        -------
        Path

        Raises
        ------
        GraphError
            The suffix is none of these, or `dot` is needed and missing.
        """
        path = Path(path).expanduser()
        suffix = path.suffix.lower()
        if suffix == ".html":
            path.write_text(self.html, encoding="utf-8")
            return path
        if suffix not in PICTURES:
            known = join_names([".html", *PICTURES])
            raise GraphError(message(f"cannot write {path.name}.", hint=f"a suffix of {known}"))
        return self.view.save(path)

    def widget(self) -> "ExplorerWidget":
        """The explorer as a widget, which tells Python what is selected in it.

        Raises
        ------
        GraphError
            The package anywidget is missing.
        """
        try:
            widgets = lazy.module("arignote.viz.explorer.widgets")
        except ModuleNotFoundError as error:
            raise GraphError(
                message(
                    f"a live explorer needs the package {error.name}, which is not installed.",
                    hint="pip install anywidget, or explore(...) as it is, which needs nothing",
                )
            ) from None
        made: ExplorerWidget = widgets.ExplorerWidget.of(
            self.document, self.view.nodes, self.height, self.theme, self._repr_mimebundle_
        )
        return made

    def __repr__(self) -> str:
        title = f" {self.view.title}" if self.view.title else ""
        return f"<Explorer{title}: {self.view.summary}>"

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        return chosen(_bundle(self, repr(self)), include, exclude)


def explorer_of(
    thing: Any,
    grouping: str | None,
    heat: Any,
    height: int | None,
    depth: int | None,
    focus: Any,
    theme: str,
) -> Explorer:
    """See `arignote.viz.explore`."""
    finding = thing.finding if isinstance(thing, NanError) else thing
    if isinstance(finding, Finding):
        thing, focus = _graph_of(finding), finding.output if focus is None else focus
    graph = view(thing, depth=depth)
    known = _met(finding) if isinstance(finding, Finding) else getattr(thing, "stats", None)
    stats = node_stats(graph, known) if isinstance(known, Mapping) else None
    low, high = HEIGHTS
    if height is not None and not (isinstance(height, int) and low <= height <= high):
        raise GraphError(message(f"height is from {low} to {high} pixels, not {height!r}."))
    heats, first = _heats(graph, heat)
    start: dict[str, Any] = {}
    if grouping is not None:
        start["grouping"] = _grouping(graph, grouping)
        # Who asks for boxes wants to see them, not what is in all of them.
        start["open"] = "none"
    if first is not None:
        start["heat"] = first
    if focus is not None:
        start["focus"] = node_of(graph, focus)
    alarms = None
    if isinstance(finding, Finding):
        alarms = {node_of(graph, finding.output): str(finding)}
    return Explorer(graph, heats, start, height, Theme(theme), stats, alarms)


def _graph_of(finding: Finding) -> Function | FunctionGraph:
    """The function that had a NaN, if it is still there, else only its graph."""
    graph = finding.graph
    return next((f for f in functions() if f.fgraph is graph), graph)


def _met(finding: Finding) -> "dict[Variable, Statistics]":
    """The statistics of what a node was given when a NaN was born, and of what it gave."""
    given = dict.fromkeys(finding.node.inputs) if finding.node is not None else ()
    inputs = {x: known.statistics for x, known in zip(given, finding.inputs, strict=False)}
    return {**inputs, finding.output: finding.statistics}


def node_stats(
    graph: GraphView, known: "Mapping[Variable, Statistics]"
) -> dict[int, dict[str, Any]]:
    """The statistics of values by the numbers of the nodes that hold them; of a node's first."""
    found = {}
    for number, thing in enumerate(graph.stands_for):
        held = thing if isinstance(thing, Variable) else thing.outputs[0]
        if held in known:
            stats = known[held]
            found[number] = {**vars(stats), "shape": shape_text(stats.shape)}
    return found


def mimebundle(graph: GraphView, plain: str) -> dict[str, str]:
    """The forms in which notebooks show a graph; all displays of graphs are made here.

    Parameters
    ----------
    graph : GraphView
    plain : str
        The text for where there are no pictures.

    Returns
    -------
    dict of str to str
        By MIME type: the text; the explorer; for small graphs a picture too. Less than 200 kB in
        all.
    """
    return _bundle(Explorer(graph), plain)


def chosen(
    forms: Mapping[str, str], include: Collection[str] | None, exclude: Collection[str] | None
) -> dict[str, str]:
    """Those forms that a front end asks for."""
    return {
        form: text
        for form, text in forms.items()
        if (not include or form in include) and not (exclude and form in exclude)
    }


def _bundle(explorer: Explorer, plain: str) -> dict[str, str]:
    """The text, the explorer within the output and the picture, as far as there is room."""
    graph, picture = explorer.view, explorer.view.picture
    forms = {"text/plain": plain if picture is not None else f"{plain}\n{too_large(graph)}"}
    room = MAX_VIEW_BYTES - len(forms["text/plain"].encode())
    if picture is not None:
        forms["image/svg+xml"] = picture
        room -= len(picture.encode())
    found = _small_page(explorer, room)
    if found is None:
        return forms
    html = _framed(explorer, found, picture or "")
    return {**forms, "text/html": html if len(html) <= room else _framed(explorer, found)}


def _small_page(explorer: Explorer, room: int) -> str | None:
    """The page, without what it can do without if there is little room; None if there is none."""
    shown = explorer.document
    for spared in ((), *_SPARED):
        if spared:
            shown = {key: value for key, value in shown.items() if key != "places"}
            nodes = [{k: v for k, v in n.items() if k not in spared} for n in shown["nodes"]]
            edges = [[start, end, "", *rest] for start, end, _, *rest in shown.get("edges", ())]
            shown = {**shown, "nodes": nodes, "edges": edges, "kernels": []}
        found = _page(explorer, shown)
        if len(_framed(explorer, found)) <= room:
            return found
    return None


def _page(explorer: Explorer, shown: Json) -> str:
    return page(squeezed(shown), app=APP, title=explorer.view.title, theme=explorer.theme)


def _framed(explorer: Explorer, page_text: str, picture: str = "") -> str:
    return frame(page_text, height=explorer.height, theme=explorer.theme, picture=picture)


# ---- options ------------------------------------------------------------------------------------


def _grouping(graph: GraphView, name: str) -> str | None:
    known = [grouping.name for grouping in graph.groupings]
    if name == NO_BOXES:
        return None
    if name not in known:
        raise GraphError(
            message(
                f"this graph has no boxes by {name!r}.",
                hint=join_names([repr(x) for x in (*known, NO_BOXES)]),
            )
        )
    return name


def _heats(graph: GraphView, heat: Any) -> tuple[tuple[Heat, ...], str | None]:
    """The heats of a graph, and the name of the one that is shown."""
    profile = graph.function.profile if graph.function is not None else None
    heats = (time_heat(graph),) if profile is not None and profile.calls else ()
    if heat is None:
        return heats, None
    if isinstance(heat, str):
        if heat not in [known.name for known in heats]:
            raise GraphError(
                message(
                    f"this graph has no heat {heat!r}.",
                    hint="function(..., profile=True) and a call, then heat='time';\n"
                    "or heat={variable: number}",
                )
            )
        return heats, heat
    if isinstance(heat, Heat):
        if len(heat.of) != len(graph.nodes):
            got = f"{len(heat.of)} numbers for {len(graph.nodes)} nodes"
            raise GraphError(message("a heat has a number for each node.", got=[got]))
        return (*heats, heat), heat.name
    if not isinstance(heat, Mapping):
        raise GraphError(message(f"heat is a name, a Heat or a dict, not {heat!r}."))
    of: list[float | None] = [None] * len(graph.nodes)
    for key, number in heat.items():
        of[node_of(graph, key)] = float(number)
    return (*heats, Heat("heat", "", of)), "heat"


def time_heat(graph: GraphView) -> Heat:
    """For the nodes of a profiled function how long they take, in microseconds a call.

    A kernel's time is shared out by the weights of its nodes.
    """
    assert graph.function is not None
    profile = graph.function.profile
    places = {thing: number for number, thing in enumerate(graph.stands_for)}
    of: list[float | None] = [None] * len(graph.nodes)
    for use, meter in profile.meters():
        for node, share in use.shares.items():
            place = places.get(node)
            if place is not None:
                spent = meter.nanoseconds * share / 1e3 / max(profile.calls, 1)
                of[place] = (of[place] or 0.0) + spent
    return Heat("time", "us", of)


def node_of(graph: GraphView, what: Any) -> int:
    """The number of the node that holds a variable.

    Parameters
    ----------
    graph : GraphView
    what : Variable, str or int
        A variable of the graph, or of the graph that a function was made of; its name; or the
        node's number.

    Raises
    ------
    GraphError
        The graph has no such node.
    """
    if isinstance(what, int) and not isinstance(what, bool):
        if 0 <= what < len(graph.nodes):
            return what
        raise GraphError(message(f"there is no node {what}; the last is {len(graph.nodes) - 1}."))
    if isinstance(what, str):
        return _named(graph, what)
    if not isinstance(what, Variable):
        raise GraphError(message(f"a variable, its name or a number is needed, not {what!r}."))
    origin = graph.function.fgraph.origin if graph.function is not None else {}
    for number, thing in enumerate(graph.stands_for):
        held: Sequence[Variable] = [thing] if isinstance(thing, Variable) else thing.outputs
        if any(x is what or what in origin.get(x, ()) for x in held):
            return number
    raise GraphError(message(f"{what} is not in this graph.", hint="a variable that it shows"))


def _named(graph: GraphView, name: str) -> int:
    names: dict[str, int] = {}
    for node in graph.nodes:
        for value in node.values:
            names.setdefault(value.name or "", node.id)
    if name in names and name:
        return names[name]
    near = near_names(name, [known for known in names if known], 3)
    hint = join_names(near) if near else "a variable, or a node's number"
    raise GraphError(message(f"no node of this graph is named {name!r}.", hint=hint))
