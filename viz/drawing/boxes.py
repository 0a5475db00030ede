"""What can be laid over a graph: boxes around its nodes, and numbers to colour them by."""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple


class BoxKind(Enum):
    """What the nodes in a box have in common."""

    KERNEL = "kernel"
    PRODUCT = "product"
    NUMPY = "numpy"
    SCOPE = "scope"
    LINE = "line"
    FUNCTION = "function"
    CELL = "cell"
    GRAPH = "graph"


class Box(NamedTuple):
    """A set of nodes that can be drawn as one.

    Attributes
    ----------
    label : str
    kind : BoxKind
    parent : int or None
        The box around it; a parent comes before its children.
    note : str
        More about it.
    kernel : int or None
        Which of the kernels of the function it is.
    """

    label: str
    kind: BoxKind
    parent: int | None = None
    note: str = ""
    kernel: int | None = None


class Grouping(NamedTuple):
    """One way to put the nodes of a graph into nested boxes.

    Attributes
    ----------
    name : str
        What `explore(..., grouping=name)` calls it.
    label : str
        What people call one of its boxes.
    boxes : tuple of Box
    of : tuple of int or None
        For each node the innermost box.
    """

    name: str
    label: str
    boxes: tuple[Box, ...]
    of: tuple[int | None, ...]


class Heat(NamedTuple):
    """Numbers by which nodes are coloured.

    Attributes
    ----------
    name : str
        What is measured, such as 'time'.
    unit : str
    of : sequence of float or None
        For each node of the view.
    """

    name: str
    unit: str
    of: Sequence[float | None]
