"""Findings: a NaN or Inf with all there is to say about where it was born."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from arignote.errors import message
from arignote.execute.hints import Operand, hint_for
from arignote.execute.origin import Origin
from arignote.graph import Apply, Constant, FunctionGraph, SharedVariable, Variable
from arignote.graph.describe import label
from arignote.graph.source import SourceLine
from arignote.lower.limits import BIG, is_nan
from arignote.lower.names import line_of, user_name
from arignote.statistics import Statistics, statistics


class Trouble(Enum):
    """What was found."""

    NAN = "NaN"
    INF = "Inf"
    BIG = "a value beyond 1e10"


class Source(Enum):
    """How it came to be."""

    BORN = "born"
    GIVEN = "given by the caller"
    SHARED = "in a shared variable"
    CONSTANT = "in a constant"
    ROUNDING = "born in compiled code, and not when NumPy computes the same"


@dataclass(frozen=True, eq=False)
class Finding:
    """A NaN or Inf, and where it was born.

    Attributes
    ----------
    trouble : Trouble
    source : Source
    variable : Variable
        The user's variable whose value has it.
    output : Variable
        The variable of `graph` that stands for it.
    graph : FunctionGraph
        What ran: `fgraph` of the function, unless sizes or compiling had another one run.
    step : int or None
        As `print(f.program)` counts; None for values that no step computed.
    count, size : int
        How many elements are meant, and how many there are in all.
    index : tuple of int
        The first element that is meant.
    statistics : Statistics
        Of all of the variable's elements.
    inputs : tuple of Operand
        What the node was given.
    nodes : tuple of Apply
        All that the step computes.
    """

    trouble: Trouble
    source: Source
    variable: Variable
    output: Variable
    graph: FunctionGraph
    step: int | None
    count: int
    size: int
    index: tuple[int, ...]
    statistics: Statistics
    inputs: tuple[Operand, ...] = ()
    nodes: tuple[Apply, ...] = ()

    @property
    def node(self) -> Apply | None:
        """The node of `graph` that gave birth to it; None where it was given."""
        return self.output.owner

    @property
    def is_gradient(self) -> bool:
        """Whether the node computes a gradient."""
        return self.node is not None and self.node.gradient_of is not None

    @property
    def line(self) -> SourceLine | None:
        """The user's line: of a gradient that of what it is the gradient of."""
        return self.variable.source if self.node is None else line_of(self.node)

    @property
    def updated(self) -> tuple[SharedVariable, ...]:
        """The shared variables whose new value this would be."""
        return tuple(target for target, new in self.graph.updates if new is self.output)

    def node_in(self, graph: FunctionGraph) -> Apply | None:
        """The node of another graph of the same function that computes the same, if it has one."""
        if self.graph is graph:
            return self.node
        wanted = {self.output, *self.graph.origin.get(self.output, ())}
        for node in graph.order:
            for out in node.outputs:
                if not wanted.isdisjoint((out, *graph.origin.get(out, ()))):
                    return node
        return None

    @property
    def what(self) -> str:
        """What was found, in one sentence."""
        name, node = label(self.variable), self.node
        if self.source is Source.SHARED:
            text = f"{self.trouble.value} in the shared variable {name}"
        elif node is None:
            text = f"{self.trouble.value} in {name}, {self.source.value}"
        else:
            text = f"{self.trouble.value} in {_subject(node, self.variable)}"
        if self.source is Source.ROUNDING:
            text += f", as step {self.step} computes it; NumPy finds none there"
        some = "" if self.size == 1 else f": {self.count} of {self.size} elements"
        first = f", the first at {list(self.index)}" if self.index else ""
        new = "".join(f"; this is the new value of {x}" for x in self.updated)
        return f"{text}{some}{first}{new}."

    @property
    def hint(self) -> str | None:
        """What helps, for what often goes wrong."""
        if self.node is None or self.source is Source.ROUNDING:
            return None
        return hint_for(self.node, self.trouble is Trouble.NAN, self.inputs)

    def __str__(self) -> str:
        got = [str(operand) for operand in self.inputs]
        if self.source is Source.ROUNDING:
            got += [f"step {self.step} computes: {', '.join(str(n.op) for n in self.nodes)}"]
        return message(self.what, got=got, where=str(self.line or "") or None, hint=self.hint)


def finding_of(
    origin: Origin,
    graph: FunctionGraph,
    big: bool,
    step: int | None = None,
    nodes: Sequence[Apply] = (),
) -> Finding:
    """All there is to say about an origin."""
    output, elements = origin.variable, origin.elements
    place = np.unravel_index(int(np.argmax(elements)), elements.shape)
    index = tuple(int(n) for n in place)
    node = output.owner
    operands = []
    if node is not None:
        # An operand that is used twice is described once.
        for x, value in dict(zip(node.inputs, origin.inputs, strict=False)).items():
            operands.append(Operand(_name(x, graph), statistics(value)))
    return Finding(
        _trouble(origin.value[index], big),
        _source(origin),
        user_variable(output, graph),
        output,
        graph,
        step if node is not None else None,
        int(elements.sum()),
        int(elements.size),
        index,
        statistics(origin.value),
        tuple(operands),
        tuple(nodes),
    )


def _trouble(value: np.ndarray, big: bool) -> Trouble:
    if is_nan(np.asarray(value)):
        return Trouble.NAN
    return Trouble.BIG if big and np.abs(value) > BIG and not np.isinf(value) else Trouble.INF


def _source(origin: Origin) -> Source:
    if origin.variable.owner is not None:
        return Source.BORN if origin.inputs else Source.ROUNDING
    if isinstance(origin.variable, SharedVariable):
        return Source.SHARED
    return Source.CONSTANT if isinstance(origin.variable, Constant) else Source.GIVEN


def user_variable(x: Variable, graph: FunctionGraph) -> Variable:
    """The user's variable that a variable stands for, with a name if there is one."""
    known = graph.origin.get(x, ())
    named = (user for user in known if user.name)
    return next(named, x if x.name or not known else known[0])


def _name(x: Variable, graph: FunctionGraph) -> str:
    return user_name(x, graph.origin) or label(user_variable(x, graph))


def _subject(node: Apply, variable: Variable) -> str:
    """A node for people: its op, the variable that it computes, of what it is the gradient."""
    op = str(node.op)
    if node.gradient_of is not None:
        op = f"{op} in the gradient of {node.gradient_of.op}"
    return f"{op}, which computes {variable.name}" if variable.name else op
