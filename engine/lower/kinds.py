"""How nodes are computed: by loops, by BLAS, by NumPy, or not at all."""

import re
from enum import Enum
from functools import lru_cache

from arignote.graph import Apply
from arignote.ops.create import Shape
from arignote.ops.dot import Dot, Gemm, Gemv, MatMul
from arignote.ops.elemwise import Elemwise
from arignote.ops.indexing import (
    INPUT,
    AdvancedSubtensor,
    At,
    Gather,
    IndexPattern,
    Range,
    Subtensor,
)
from arignote.ops.reduce import Count, Reduce
from arignote.ops.view import BroadcastTo, DimShuffle, Flatten, Reshape
from arignote.scalar import ScalarOp, add, logical_and, logical_or, maximum, minimum, mul
from arignote.scalar.record import C_TYPES

REDUCTIONS = frozenset((add, mul, maximum, minimum, logical_and, logical_or))

# Functions of C that are single instructions.
_INSTRUCTIONS = frozenset(
    ("fabs", "sqrt", "floor", "ceil", "trunc", "rint", "copysign", "fmax", "fmin", "sizeof")
)


@lru_cache(maxsize=4096)
def is_call(record: ScalarOp, dtype: str) -> bool:
    """Whether a scalar op takes much longer than an addition: it calls a function."""
    called = re.findall(r"(\w+)(?:\{f\})?\(", record.c_text(dtype) or "")
    return not _INSTRUCTIONS.issuperset(
        name for name in called if name != "arn_wrap" and not name.endswith("_t")
    )


@lru_cache(maxsize=8192)
def _has_text(record: ScalarOp, dtype: str) -> bool:
    return record.c_text(dtype) is not None and record.rule.gives(dtype) in C_TYPES


def is_elementwise(node: Apply) -> bool:
    """Whether loops can compute a node element by element."""
    op = node.op
    return (
        isinstance(op, Elemwise)
        and _has_text(op.scalar, op.dtype)
        and all(x.type.dtype in C_TYPES for x in node.inputs)
    )


def is_reduction(node: Apply) -> bool:
    """Whether loops can compute a node as a reduction."""
    op = node.op
    return (
        isinstance(op, Reduce)
        and op.scalar in REDUCTIONS
        and _has_text(op.scalar, op.dtype)
        and op.dtype in C_TYPES
        and node.inputs[0].type.dtype in C_TYPES
    )


def is_gather(node: Apply) -> bool:
    """Whether a node reads elements at integer arrays that index the first axes."""
    op = node.op
    if not isinstance(op, AdvancedSubtensor) or node.outputs[0].type.dtype not in C_TYPES:
        return False
    entries = op.pattern.entries
    count = sum(isinstance(entry, Gather) for entry in entries)
    return (
        count > 0
        and all(isinstance(entry, Gather) for entry in entries[:count])
        and all(isinstance(entry, Range) and entry.is_all for entry in entries[count:])
        and all(x.type.dtype in C_TYPES for x in node.inputs[1:])
        and len({x.type.ndim for x in node.inputs[1:]}) == 1
    )


def is_product(node: Apply) -> bool:
    """Whether BLAS computes a node."""
    if not isinstance(node.op, Dot | MatMul | Gemm | Gemv):
        return False
    if isinstance(node.op, Dot) and all(x.type.ndim == 1 for x in node.inputs):
        return False
    return node.outputs[0].type.dtype in ("float32", "float64")


def is_static(pattern: IndexPattern) -> bool:
    """Whether an index of numbers and slices is known while compiling."""
    return not any(
        (isinstance(e, At) and e.position is INPUT)
        or (isinstance(e, Range) and INPUT in (e.start, e.stop, e.step))
        for e in pattern.entries
    )


class Kind(Enum):
    """How a node is computed."""

    ELEMENTWISE = "element by element"
    REDUCTION = "a reduction"
    GATHER = "elements at computed indices"
    PRODUCT = "a product by BLAS"
    OTHER = "by NumPy"


def kind_of(node: Apply) -> Kind:
    """How a node is computed, unless it is only a view or found from sizes."""
    op = type(node.op)
    if op is Elemwise:
        return Kind.ELEMENTWISE if is_elementwise(node) else Kind.OTHER
    if op is Reduce:
        return Kind.REDUCTION if is_reduction(node) else Kind.OTHER
    if op is AdvancedSubtensor:
        return Kind.GATHER if is_gather(node) else Kind.OTHER
    return Kind.PRODUCT if op in _PRODUCTS and is_product(node) else Kind.OTHER


_PRODUCTS = (Dot, MatMul, Gemm, Gemv)
VIEWS = (DimShuffle, Flatten, Subtensor, Reshape, BroadcastTo)
HOSTS = (Shape, Count, Elemwise, Subtensor, DimShuffle, Reduce)
