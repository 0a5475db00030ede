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
from arignote.ops.view import dimshuffle
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
        self._ops: dict[Op, _Nodes] = {}
        self._nodes: dict[int, tuple[Op, _Nodes]] = {}
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
        inputs = tuple(inputs)
        nodes = self._nodes_of(op)
        key = nodes.key(inputs)
        known = nodes.known.get(key)
        if known is None:
            if out_types is None:
                out_types = [t.with_dims() for t in nodes.op.infer(*[x.type for x in inputs])]
            known = Apply(nodes.op, inputs, out_types, self.source, self.gradient_of)
            nodes.known[key] = known
        return known

    def rebuilt(self, node: Apply, inputs: tuple[Variable, ...], reuse: bool) -> Apply:
        """The node of the same op and types on these inputs; with `reuse` it may be itself."""
        nodes = self._nodes_of(node.op)
        key = nodes.key(inputs)
        known = nodes.known.get(key)
        if known is None:
            if reuse and all(map(is_, inputs, node.inputs)):
                known = node
            else:
                out_types = [out.type for out in node.outputs]
                known = Apply(nodes.op, inputs, out_types, self.source, self.gradient_of)
            nodes.known[key] = known
        return known

    def _nodes_of(self, op: Op) -> "_Nodes":
        """The nodes of all ops that equal this one."""
        known = self._nodes.get(id(op))
        if known is None:
            # Each object is hashed once only; it is kept, so that its id stays its own.
            nodes = self._ops.get(op)
            if nodes is None:
                nodes = self._ops[op] = _Nodes(op)
            known = self._nodes[id(op)] = (op, nodes)
        return known[1]

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
        return self(dimshuffle((*(None,) * (rank - x.type.ndim), *range(x.type.ndim))), x)


class _Nodes:
    """The nodes of one op, by their inputs."""

    __slots__ = ("_commutes", "known", "op")

    def __init__(self, op: Op) -> None:
        self.op = op
        self.known: dict[tuple[Variable, ...], Apply] = {}
        self._commutes = type(op) is Elemwise and op.scalar.commutative

    def key(self, inputs: tuple[Variable, ...]) -> tuple[Variable, ...]:
        """What nodes have in common that are equal."""
        if self._commutes and id(inputs[0]) > id(inputs[1]):
            return inputs[1], inputs[0]
        return inputs


def constant_key(constant: Constant) -> Hashable:
    """What makes constants interchangeable: dtype, shape and all bits (0.0 is not -0.0)."""
    return (constant.type.dtype, constant.data.shape, constant.data.tobytes())
