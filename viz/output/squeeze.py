"""Documents for pages: columns of small numbers, which compress to a third of what rows do.

`restoredDocument` of `static/squeeze.js` undoes it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Column = dict[str, list[Any]]


def squeezed(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document with its nodes, edges and groupings as columns.

    Parameters
    ----------
    document : mapping
        As `arignote.viz.explorer.document.document` makes it.

    Example
    -------
    >>> column([3, 4, None, 6])
    {'steps': [3, 1, None, 2]}
    """
    nodes = document.get("nodes", [])
    names = list(dict.fromkeys([name for node in nodes for name in node]))
    found = {
        **document,
        "nodes": {
            "count": len(nodes),
            "columns": {name: column([node.get(name) for node in nodes]) for name in names},
        },
        "edges": _edges(document.get("edges", [])),
    }
    if "groupings" in document:
        found["groupings"] = [{**one, "of": column(one["of"])} for one in document["groupings"]]
    return found


def column(values: Sequence[Any]) -> Column:
    """Values as they are; of whole numbers the differences, which are small and often equal."""
    if any(type(value) is not int for value in values if value is not None):
        return {"plain": list(values)}
    steps: list[int | None] = []
    last = 0
    for value in values:
        steps.append(None if value is None else value - last)
        last = last if value is None else value
    return {"steps": steps}


def _edges(edges: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Ends, how far up the starts are, and the other entries; labels as numbers."""
    labels: dict[str, int] = {}
    ends, lengths, numbers = [], [], []
    for start, end, label, *_ in edges:
        ends.append(end)
        lengths.append(end - start)
        numbers.append(labels.setdefault(label, len(labels)))
    rest = [[edge[place] for edge in edges] for place in (3, 4, 5)]
    plain = [{"plain": values} for values in (lengths, numbers, *rest)]
    return {"labels": list(labels), "columns": [column(ends), *plain]}
