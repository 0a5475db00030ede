"""Nodes and edges of the one graph model that pictures and texts are drawn from."""

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from arignote.graph import Apply, Variable


class NodeKind(Enum):
    """What a node of a graph view stands for."""

    INPUT = "input"
    SHARED = "shared variable"
    CONSTANT = "constant"
    OP = "op"
    VARIABLE = "variable"
    OUTPUT = "output"
    UPDATE = "update"


class Value(NamedTuple):
    """What one output of a node is called and what it holds.

    Attributes
    ----------
    name : str or None
        The user's name.
    type_text : str
        Dtype and shape for people, `float32 (?, 10)`.
    type_repr : str
        The type as Python prints it, `TensorType(float32, matrix)`.
    """

    name: str | None
    type_text: str
    type_repr: str = ""


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A box of a graph view.

    Attributes
    ----------
    id : int
        Its place in `GraphView.nodes`.
    kind : NodeKind
    label : str
        An op's name with its parameters, a variable's name, a constant's value, or "".
    values : tuple of Value
        What the node produces, one entry per output.
    text : str
        The node as one line of text names it.
    source : str
        The user's line that made it, `model.py:12: y = T.exp(x)`, or "".
    tooltip : str
        All that is known of it, on several lines.
    outputs : tuple of int
        Which of its values are outputs of the whole graph.
    is_gradient : bool
        Whether it was built by `grad`.
    step : int or None
        Its place in the order in which a compiled function runs.
    copy_of : int or None
        The node of which this one is a copy, drawn to keep edges short.
    expression : str
        An op applied to its arguments, `tanh(x)`.
    where, line : str
        The place and the text of the user's line: of a gradient that of the node it belongs to.
    scope : str
        The name scopes that the node was made in, `encoder/layer1`.
    doc : str
        What the op does.
    gradient_of : str
        The expression whose gradient the node helps to compute.
    """

    id: int
    kind: NodeKind
    label: str
    values: tuple[Value, ...] = ()
    text: str = ""
    source: str = ""
    tooltip: str = ""
    outputs: tuple[int, ...] = ()
    is_gradient: bool = False
    step: int | None = None
    copy_of: int | None = None
    expression: str = ""
    where: str = ""
    line: str = ""
    scope: str = ""
    doc: str = ""
    gradient_of: str = ""

    @property
    def name(self) -> str | None:
        """The user's names of what the node produces, or None."""
        names = [value.name for value in self.values if value.name]
        return ", ".join(names) or None

    @property
    def type_text(self) -> str:
        """Dtypes and shapes of what the node produces."""
        return ", ".join([value.type_text for value in self.values])


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """A use of a value.

    Attributes
    ----------
    start, end : int
        The nodes that produce and use it.
    label : str
        Its dtype and shape.
    port : int
        Which argument of `end` it is.
    output : int
        Which value of `start` it is.
    ordered : bool
        Whether exchanging the arguments of `end` would change the result.
    """

    start: int
    end: int
    label: str = ""
    port: int = 0
    output: int = 0
    ordered: bool = False


class Root(NamedTuple):
    """A value that the graph was drawn for: an output, or the new value of a shared variable."""

    node: int
    output: int = 0
    key: str | None = None
    update_of: str | None = None


@dataclass(frozen=True)
class GraphData:
    """A graph as nodes and edges.

    Attributes
    ----------
    nodes : tuple of GraphNode
    edges : tuple of GraphEdge
        The edges into one node stand in the order of its arguments.
    roots : tuple of Root
        What was asked for.
    title : str
    stands_for : tuple of Apply or Variable
        What each node was made of; not compared.
    """

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    roots: tuple[Root, ...] = ()
    title: str = ""
    stands_for: tuple[Apply | Variable, ...] = field(default=(), compare=False, repr=False)
