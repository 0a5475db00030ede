"""What steps cost by their sizes: bytes that they read and write, and operations on floats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from arignote.codegen.phases import weight
from arignote.graph import Apply, Variable
from arignote.lower.build import Loops
from arignote.lower.kernel import (
    Accumulate,
    Compute,
    Gathered,
    Load,
    Parameter,
    Position,
    Total,
    Value,
)
from arignote.lower.sizes import CallSizes
from arignote.lower.steps import LoopStep, ProductStep
from arignote.ops.base import View
from arignote.ops.dot import Dot, Gemm, Gemv, MatMul
from arignote.ops.elemwise import Elemwise
from arignote.ops.reduce import Reduce
from arignote.types import kind

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Cost:
    """What one run of a step costs.

    Attributes
    ----------
    read, written : int
        Bytes; an element counts once, however often the loops come by.
    operations : int
        On floats. A function such as exp counts as one, as an addition does; a product of an m by k
        with a k by n matrix is 2 m n k.
    """

    read: int = 0
    written: int = 0
    operations: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.read + other.read,
            self.written + other.written,
            self.operations + other.operations,
        )

    def part(self, share: float) -> "Cost":
        """A part of the cost."""
        return Cost(
            round(self.read * share), round(self.written * share), round(self.operations * share)
        )

    @property
    def bytes(self) -> int:
        """Bytes read and written."""
        return self.read + self.written


Shares = Mapping[Apply, float]
"""For each node of a step the part of its time that the node is taken to have."""


def cost_of_step(step: LoopStep | ProductStep, sizes: CallSizes) -> tuple[Cost, Shares]:
    """The cost of a native step, and how its nodes share its time."""
    if isinstance(step, LoopStep):
        n = [sizes.value(key) for key in step.loops.domain]
        return _cost_of_loops(step.loops, n), _shares_of_loops(step.loops, n)
    shapes = [sizes.shape(x) for x in step.node.inputs]
    outs = [sizes.shape(x) for x in step.node.outputs]
    return cost_of_node(step.node, shapes, outs), {step.node: 1.0}


def cost_of_node(node: Apply, shapes: Sequence[Shape], outs: Sequence[Shape]) -> Cost:
    """The cost of a node on inputs of these shapes; a view costs nothing."""
    if isinstance(node.op, View):
        return Cost()
    return Cost(_bytes(node.inputs, shapes), _bytes(node.outputs, outs), _operations(node, shapes))


def _bytes(variables: Sequence[Variable], shapes: Sequence[Shape]) -> int:
    return sum(
        prod(shape) * x.type.numpy_dtype.itemsize
        for x, shape in zip(variables, shapes, strict=True)
    )


def _operations(node: Apply, shapes: Sequence[Shape]) -> int:
    op = node.op
    if isinstance(op, Gemm | Gemv | Dot | MatMul):
        x, y = shapes[-2:]
        columns = y[-1] if len(y) > 1 else 1
        batch = np.broadcast_shapes(x[:-2], y[:-2])
        rows = x[-2] if len(x) > 1 else 1
        return 2 * prod(batch) * rows * columns * x[-1]
    if isinstance(op, Elemwise) and _is_arithmetic(op.dtype):
        return prod(np.broadcast_shapes(*shapes))
    if isinstance(op, Reduce) and _is_arithmetic(op.dtype):
        return prod(shapes[0])
    return 0


def _is_arithmetic(dtype: str) -> bool:
    return kind(dtype) in "fc"


# ---- loops ------------------------------------------------------------------------------------


def _cost_of_loops(loops: Loops, n: Sequence[int]) -> Cost:
    kernel, axes = loops.kernel, _axes(loops)
    read = written = 0
    for number, (operand, access) in enumerate(zip(kernel.operands, loops.accesses, strict=True)):
        moving = set(operand.axes)
        for value, of_value in zip(kernel.values, axes, strict=True):
            if isinstance(value, Gathered) and value.operand == number:
                moving |= of_value
        size = prod(n[axis] for axis in moving) * np.dtype(operand.dtype).itemsize
        read += 0 if access.written else size
        written += size if access.written else 0
    operations = 0
    for value, of_value in zip(kernel.values, axes, strict=True):
        if isinstance(value, Compute) and _counts(value):
            operations += prod(n[axis] for axis in of_value)
        elif isinstance(value, Total) and _is_arithmetic(value.dtype):
            operations += prod(n[axis] for axis in axes[value.arg])
    for write in kernel.writes:
        if isinstance(write, Accumulate) and _is_arithmetic(write.dtype):
            operations += prod(n[axis] for axis in write.axes)
    return Cost(read, written, operations)


def _counts(value: Compute) -> bool:
    """Whether a value is an operation on floats, no conversion."""
    return _is_arithmetic(value.compute) and not value.record.name.startswith("cast_")


def _axes(loops: Loops) -> list[set[int]]:
    """For each value of a kernel the axes along which it differs."""
    kernel = loops.kernel
    found: list[set[int]] = []
    for value in kernel.values:
        own: set[int] = set()
        if isinstance(value, Position):
            own = {value.axis}
        elif isinstance(value, Load | Gathered):
            own = set(kernel.operands[value.operand].axes)
        elif isinstance(value, Total):
            own = found[value.arg] & set(range(kernel.split))
        found.append(own.union(*[found[n] for n in _args(value)]))
    return found


def _args(value: Value) -> tuple[int, ...]:
    if isinstance(value, Compute):
        return value.args
    return value.indices if isinstance(value, Gathered) else ()


def _shares_of_loops(loops: Loops, n: Sequence[int]) -> Shares:
    """Each node's part of what is computed, by the weights that the writer of kernels has."""
    kernel, axes = loops.kernel, _axes(loops)
    found: dict[Apply, float] = dict.fromkeys(loops.nodes, 0.0)
    for value, of_value, name in zip(kernel.values, axes, loops.names, strict=True):
        if name is None or name.owner is None or isinstance(value, Load | Parameter):
            continue
        over = axes[value.arg] if isinstance(value, Total) else of_value
        size = prod(n[axis] for axis in over)
        found[name.owner] = found.get(name.owner, 0.0) + max(weight(value), 1) * size
    for write in kernel.writes:
        made = loops.accesses[write.operand].base.owner
        if isinstance(write, Accumulate) and made is not None:
            found[made] = found.get(made, 0.0) + prod(n[axis] for axis in write.axes)
    total = sum(found.values())
    if not total:
        return dict.fromkeys(loops.nodes, 1 / len(loops.nodes))
    return {node: part / total for node, part in found.items() if part}
