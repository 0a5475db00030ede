"""Interner: makes nodes so that equal nodes are one node."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from operator import is_
from typing import Any

import numpy as np

from arignote import types
from arignote.graph import Apply, Constant, Variable, constant
from arignote.graph.build import is_python_number
from arignote.graph.source import SourceLine
from arignote.ops.base import Op
from arignote.ops.elemwise import Elemwise, elemwise
from arignote.ops.view import DimShuffle
from arignote.rewrite.sizes import EqualSizes
from arignote.scalar import ScalarOp


class Interner:
    """Makes nodes of one graph; the same op on the same inputs is made once.

    Attributes
    ----------
    sizes : EqualSizes
        Which sizes are equal.
    uses : mapping of Variable to int
        How often the graph as it came uses what each variable stands for.
    source, gradient_of
        What new nodes get: those of the node that is being replaced.
    """

    def __init__(self, sizes: EqualSizes) -> None:
        self.sizes = sizes
        self.uses: defaultdict[Variable, int] = defaultdict(int)
        self._nodes: dict[Hashable, Apply] = {}
        self._ops: dict[Op, Op] = {}
        self._one_op: dict[int, tuple[Op, Op]] = {}
        self._constants: dict[Hashable, Variable] = {}
        self._numbers: dict[tuple[int, str], Variable] = {}
        self.source: SourceLine | None = None
        self.gradient_of: Apply | None = None

    def leaf(self, variable: Variable) -> Variable:
        """A variable without an owner; equal constants are one."""
        if isinstance(variable, Constant):
            return self._constants.setdefault(constant_key(variable), variable)
        return variable

    def node(self, op: Op, inputs: Sequence[Variable], out_types: Sequence[Any] | None) -> Apply:
        """The node of an op on inputs; types are inferred unless they are known."""
        op, key = self._identity(op, inputs)
        known = self._nodes.get(key)
        if known is None:
            if out_types is None:
                out_types = [t.with_dims() for t in op.infer(*[x.type for x in inputs])]
            known = Apply(op, inputs, out_types, self.source, self.gradient_of)
            self._nodes[key] = known
        return known

    def rebuilt(self, node: Apply, inputs: Sequence[Variable], reuse: bool) -> Apply:
        """The node of the same op and types on these inputs; with `reuse` it may be itself."""
        op, key = self._identity(node.op, inputs)
        known = self._nodes.get(key)
        if known is None:
            if reuse and all(map(is_, inputs, node.inputs)):
                known = node
            else:
                out_types = [out.type for out in node.outputs]
                known = Apply(op, inputs, out_types, self.source, self.gradient_of)
            self._nodes[key] = known
        return known

    def _identity(self, op: Op, inputs: Sequence[Variable]) -> tuple[Op, tuple[int, ...]]:
        """The one object for all ops that equal this one, and a key that equal nodes share."""
        known = self._one_op.get(id(op))
        if known is None:
            # Each object is hashed once only; it is kept, so that its id stays its own.
            known = self._one_op[id(op)] = (op, self._ops.setdefault(op, op))
        op = known[1]
        if type(op) is Elemwise and op.scalar.commutative and id(inputs[0]) > id(inputs[1]):
            return op, (id(op), id(inputs[1]), id(inputs[0]))
        return op, (id(op), *map(id, inputs))

    def __call__(self, op: Op, *inputs: Variable) -> Any:
        """The one output of the node of an op on inputs."""
        return self.node(op, inputs, None).outputs[0]

    def typed(self, out_type: Any, op: Op, *inputs: Variable) -> Any:
        """The same where more is known of the output's type than the op can tell."""
        return self.node(op, inputs, [out_type]).outputs[0]

    def constant(self, value: Any, dtype: str) -> Variable:
        """The constant of a value and dtype."""
        if type(value) is not int:
            return self.leaf(constant(np.asarray(value, dtype)))
        known = self._numbers.get((value, dtype))
        if known is None:
            known = self._numbers[value, dtype] = self.leaf(constant(np.asarray(value, dtype)))
        return known

    def scalar(self, record: ScalarOp, *operands: Any) -> Any:
        """A record applied to variables and Python numbers, as when a user writes it."""
        first, last, _ = slice(*record.promoted).indices(len(operands))
        strong = [x.type.dtype for x in operands[first:last] if not is_python_number(x)]
        inputs = [
            self.constant(x, types.scalar_dtype(x, strong)) if is_python_number(x) else x
            for x in operands
        ]
        rank = max(x.type.ndim for x in inputs)
        padded = [self._padded(x, rank) for x in inputs]
        dtype = record.common_dtype([x.type.dtype for x in padded])
        return self(elemwise(record, dtype), *padded)

    def _padded(self, x: Any, rank: int) -> Any:
        if x.type.ndim in (0, rank):
            return x
        return self(DimShuffle((*(None,) * (rank - x.type.ndim), *range(x.type.ndim))), x)


def constant_key(constant: Constant) -> Hashable:
    """What makes constants interchangeable: dtype, shape and all bits (0.0 is not -0.0)."""
    return (constant.type.dtype, constant.data.shape, constant.data.tobytes())
