"""Widgets: views that tell Python what is done in them. They need the package anywidget."""

from collections.abc import Callable, Mapping
from typing import Any

import anywidget
import traitlets

from arignote.viz.drawing.nodes import GraphNode
from arignote.viz.explorer.document import Json
from arignote.viz.output.page import Theme, module, style
from arignote.viz.output.squeeze import squeezed


class ExplorerWidget(anywidget.AnyWidget):
    """The explorer of a graph, live; made by `Explorer.widget()`.

    Attributes
    ----------
    document : dict
        The graph as plain data; setting it shows another graph.
    selected : int or None
        The node that is selected; setting it selects.
    focus : int or None
        Setting it selects a node and brings it into the middle.
    heat : str or None
        The name of the heat by which nodes are coloured.
    height : int
        In pixels.
    theme : str
        'auto', 'light' or 'dark'.
    """

    _esm = module("widget.js", "renderExplorer")
    _css = style("explorer.css")

    document = traitlets.Dict().tag(sync=True, to_json=lambda shown, _: squeezed(shown))
    selected = traitlets.Int(None, allow_none=True).tag(sync=True)
    focus = traitlets.Int(None, allow_none=True).tag(sync=True)
    heat = traitlets.Unicode(None, allow_none=True).tag(sync=True)
    height = traitlets.Int(480).tag(sync=True)
    theme = traitlets.Unicode("auto").tag(sync=True)

    _nodes: tuple[GraphNode, ...] = ()
    _forms: Callable[[], Mapping[str, str]] = dict

    @classmethod
    def of(
        cls,
        document: Json,
        nodes: tuple[GraphNode, ...],
        height: int,
        theme: Theme,
        forms: Callable[[], Mapping[str, str]] = dict,
    ) -> "ExplorerWidget":
        """The widget of a graph; `forms` are shown where widgets are not."""
        start = document.get("start", {})
        made = cls(
            document=document,
            heat=start.get("heat"),
            focus=start.get("focus"),
            height=height,
            theme=theme.value,
        )
        made._nodes, made._forms = nodes, forms
        return made

    def __repr__(self) -> str:
        return f"<ExplorerWidget: {len(self.document.get('nodes', ()))} nodes>"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The widget, and for exported notebooks the explorer, which needs no kernel."""
        made: tuple[dict[str, Any], dict[str, Any]] | None = super()._repr_mimebundle_(**kwargs)
        if made is None:
            return None
        data, metadata = made
        return {**self._forms(), **data}, metadata

    @property
    def selected_node(self) -> GraphNode | None:
        """The node that is selected."""
        place = self.selected
        if place is None or not 0 <= place < len(self._nodes):
            return None
        return self._nodes[place]

    @traitlets.validate("selected", "focus")
    def _check_node(self, proposal: Any) -> int | None:
        """Nodes that the document has."""
        place: int | None = proposal["value"]
        count = len(self.document.get("nodes", ()))
        if place is not None and not 0 <= place < count:
            raise traitlets.TraitError(f"there is no node {place}; the document has {count}.")
        return place

    @traitlets.observe("document")
    def _forget(self, change: Any) -> None:
        """What was selected is not in another graph."""
        self._nodes, self._forms = (), dict
        if change["old"]:
            self.selected = self.focus = None
