"""Which values of a graph are guarded, and programs whose steps watch for such values."""

from dataclasses import replace
from enum import Enum

from arignote.graph import Apply, FunctionGraph, Variable
from arignote.lower.build import Loops
from arignote.lower.kernel import kernel
from arignote.lower.limits import Watch
from arignote.lower.steps import LoopProgram, LoopStep, NativeStep, NodeStep, Part, ProductStep
from arignote.ops.elemwise import Elemwise
from arignote.ops.indexing import AdvancedSubtensor, Subtensor, Write, WriteSubtensor
from arignote.scalar import second, switch
from arignote.types import kind

# What kernels can watch; other floats are computed by NumPy, and only moved by kernels.
_WATCHED_TYPES = ("float32", "float64")


class Use(Enum):
    """What an op does with the elements of an operand."""

    NEEDS = "each has its effect on the result"
    MASKS = "some may have none"


def use_of(node: Apply, position: int) -> Use:
    """What a node does with the elements of its input at a position.

    Choices, comparisons, reading and overwriting of parts drop values; what they give is guarded
    in place of what they are given.
    """
    op = node.op
    if isinstance(op, Elemwise):
        is_branch = op.scalar is switch and position > 0
        lends_shape = op.scalar is second and position == 0
        is_told = node.outputs[0].type.dtype == "bool"
        return Use.MASKS if is_branch or lends_shape or is_told else Use.NEEDS
    if isinstance(op, Subtensor | AdvancedSubtensor):
        return Use.MASKS
    if isinstance(op, WriteSubtensor) and op.write is Write.SET:
        return Use.MASKS
    return Use.NEEDS


def guarded_variables(graph: FunctionGraph) -> frozenset[Variable]:
    """The results of nodes that must be free of NaN: those that get to a result unmasked.

    Numbers other than floats have none.
    """
    needed: set[Variable] = set(graph.results)
    for node in reversed(graph.order):
        if not needed.isdisjoint(node.outputs):
            needed.update(x for n, x in enumerate(node.inputs) if use_of(node, n) is Use.NEEDS)
    return frozenset(x for x in needed if x.owner is not None and kind(x.type.dtype) in "fc")


def watching(program: LoopProgram, watch: Watch) -> LoopProgram:
    """The program with steps that tell when they write a value that is watched for."""
    guarded = guarded_variables(program.graph)
    steps: list[Part | NodeStep] = []
    for step in program.steps:
        if isinstance(step, Part):
            natives = [_watching_step(native, watch, guarded) for native in step.steps]
            step = replace(step, steps=natives)
        steps.append(step)
    return replace(program, steps=tuple(steps))


def _watching_step(step: NativeStep, watch: Watch, guarded: frozenset[Variable]) -> NativeStep:
    if isinstance(step, ProductStep) and step.node.outputs[0] in guarded:
        return replace(step, watch=watch)
    if isinstance(step, LoopStep):
        return LoopStep(_watching_loops(step.loops, watch, guarded))
    return step


def _watching_loops(loops: Loops, watch: Watch, guarded: frozenset[Variable]) -> Loops:
    watched = tuple(
        n
        for n, access in enumerate(loops.accesses)
        if access.written and access.base in guarded and access.base.type.dtype in _WATCHED_TYPES
    )
    if not watched:
        return loops
    old = loops.kernel
    parts = (old.rank, old.split, old.operands, old.parameters, old.values, old.writes)
    return replace(loops, kernel=kernel(*parts, watch, watched))
