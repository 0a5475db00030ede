"""LoopProgram: loops, products and NumPy's steps, in order, over memory with a plan."""

from dataclasses import dataclass, field
from functools import cached_property

from arignote.graph import Apply, FunctionGraph, SharedVariable, Variable
from arignote.lower.build import Loops
from arignote.lower.fusion import Fused
from arignote.lower.limits import Watch
from arignote.lower.names import Names
from arignote.lower.sizes import SizeTable


@dataclass(eq=False)
class LoopStep:
    """A kernel."""

    loops: Loops

    @property
    def inputs(self) -> tuple[Variable, ...]:
        """What it reads."""
        return self.loops.inputs

    @property
    def outputs(self) -> tuple[Variable, ...]:
        """What it writes."""
        return self.loops.outputs


@dataclass(eq=False)
class ProductStep:
    """A product by BLAS; for each operand the memory and whether it is transposed.

    `watch` is which of the values that it writes it tells of.
    """

    node: Apply
    operands: tuple[tuple[Variable, bool], ...]
    watch: Watch | None = None

    @cached_property
    def inputs(self) -> tuple[Variable, ...]:
        """What it reads."""
        return tuple([x for x, _ in self.operands])

    @property
    def outputs(self) -> tuple[Variable, ...]:
        """What it writes."""
        return self.node.outputs


@dataclass(eq=False)
class AliasStep:
    """Another shape for, or a part of, what lies in memory; nothing is computed."""

    node: Apply

    @property
    def inputs(self) -> tuple[Variable, ...]:
        """What it looks at."""
        return self.node.inputs[:1]

    @property
    def outputs(self) -> tuple[Variable, ...]:
        """The other look at it."""
        return self.node.outputs


@dataclass(eq=False)
class NodeStep:
    """A node that NumPy computes; a view only gives what is there another shape."""

    node: Apply
    is_view: bool = False

    @property
    def inputs(self) -> tuple[Variable, ...]:
        """What it reads."""
        return self.node.inputs

    @property
    def outputs(self) -> tuple[Variable, ...]:
        """What it gives."""
        return self.node.outputs


Step = LoopStep | ProductStep | AliasStep | NodeStep
NativeStep = LoopStep | ProductStep | AliasStep


@dataclass(eq=False, repr=False)
class Part:
    """Native steps that run in one go, without Python between them.

    Attributes
    ----------
    steps : list of NativeStep
    inputs : tuple of Variable
        What is in memory before.
    outputs : tuple of Variable
        What others need; each gets an array of its own.
    slots : mapping of Variable to int
        For everything else the piece of the workspace that it lies in.
    pieces : list of list of Variable
        For each piece the variables that lie in it, one after the other.
    """

    steps: list[NativeStep]
    inputs: tuple[Variable, ...] = ()
    outputs: tuple[Variable, ...] = ()
    slots: dict[Variable, int] = field(default_factory=dict)
    pieces: list[list[Variable]] = field(default_factory=list)


@dataclass(frozen=True, eq=False, repr=False)
class LoopProgram:
    """Parts and NumPy's steps in order; `print` shows what each computes.

    Attributes
    ----------
    graph : FunctionGraph
    shared : tuple of SharedVariable
    table : SizeTable
    steps : tuple of Part or NodeStep
    hosts : tuple of Apply
        Nodes whose values only sizes decide, in order.
    defining : tuple of Apply
        Nodes whose sizes are found from those of their operands, or checked, in each new call.
    fused : Fused
        Why steps are what they are.
    """

    graph: FunctionGraph
    shared: tuple[SharedVariable, ...]
    table: SizeTable
    steps: tuple[Part | NodeStep, ...]
    hosts: tuple[Apply, ...]
    defining: tuple[Apply, ...]
    fused: Fused

    def __str__(self) -> str:
        names, lines, number = self.names, list[str](), 0
        for step in self.steps:
            for native in step.steps if isinstance(step, Part) else (step,):
                number += not isinstance(native, AliasStep)
                lines += _shown(native, names, step, number)
        given = (*self.graph.inputs, *self.shared)
        head = [f"inputs {', '.join(names(x) for x in given)}"]
        head += [f"sizes {names.legend}"] if names.legend else []
        lines.append(f"results {', '.join(map(names, self.graph.outputs))}")
        for target, value in self.graph.updates:
            lines.append(f"update {names(target)} to {names(value)}")
        return "\n".join([*head, *lines])

    __repr__ = __str__

    @property
    def computing(self) -> "list[LoopStep | ProductStep | NodeStep]":
        """The steps that compute, in order; listings number them from 1."""
        return [
            native
            for step in self.steps
            for native in (step.steps if isinstance(step, Part) else (step,))
            if not isinstance(native, AliasStep)
        ]

    @property
    def names(self) -> Names:
        """The names that listings show; equal each time."""
        made = [
            x
            for step in self.steps
            for native in (step.steps if isinstance(step, Part) else (step,))
            for x in (
                [node.outputs[0] for node in native.loops.nodes]
                if isinstance(native, LoopStep)
                else native.outputs
            )
        ]
        return Names(self.graph, self.table, made)

    @property
    def kernels(self) -> list[Loops]:
        """All loop nests, in order."""
        return [
            step.loops
            for part in self.steps
            if isinstance(part, Part)
            for step in part.steps
            if isinstance(step, LoopStep)
        ]


def _shown(step: Step, names: Names, part: "Part | NodeStep", number: int) -> list[str]:
    """The lines of a step: what it is, what it computes, and where that goes."""
    if isinstance(step, AliasStep):
        node = step.node
        return [f"   view {names(node.outputs[0])} = {node.op} of {names(node.inputs[0])}"]
    if isinstance(step, LoopStep):
        lines = [f"{number:2} loops over {names.sizes(step.loops.domain)}"]
        nodes = step.loops.nodes
        return lines + [
            f"       {names.equation(node)}{_home(node.outputs[0], part)}" for node in nodes
        ]
    kind = "blas" if isinstance(step, ProductStep) else "numpy"
    return [f"{number:2} {kind} {names.equation(step.node)}{_home(step.outputs[0], part)}"]


def _home(x: Variable, part: "Part | NodeStep") -> str:
    if isinstance(part, NodeStep):
        return ""
    if x in part.outputs:
        return "   -> array"
    return f"   -> piece {part.slots[x]}" if x in part.slots else ""
