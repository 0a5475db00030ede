"""What `geometry.c` is told of kernels: the time of an element, and others in their place."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from arignote.codegen.phases import weight
from arignote.lower.kernel import (
    Accumulate,
    Inner,
    Kernel,
    Load,
    Operand,
)
from arignote.lower.kernel import kernel as kernel_of
from arignote.lower.limits import Watch
from arignote.scalar import ScalarOp

# Nanoseconds of work from which on a second thread is worth waking.
WORTH_SHARING_NS = 4_000.0
JOBS_PER_THREAD = 4
# Elements at whose multiples the innermost axis is cut.
BLOCK = 64
_NS = {"operand": 0.12, "operation": 0.08}


@dataclass(frozen=True)
class LoopsCost:
    """About how long the loops of a kernel take for each element, in nanoseconds."""

    ns: float
    kept_rows: int


@lru_cache(maxsize=1024)
def merging_kernel(record: ScalarOp, dtype: str, watch: Watch | None = None) -> Kernel:
    """The kernel that combines what jobs have accumulated: rows of one array."""
    operands = (Operand(dtype, (0, 1), Inner.UNIT), Operand(dtype, (1,), Inner.UNIT))
    return kernel_of(
        2,
        1,
        operands,
        (),
        (Load(0, dtype),),
        (Accumulate(1, 0, record, dtype, (0, 1)),),
        watch,
        () if watch is None else (1,),
    )


def fitting(kernel: Kernel, wrong: Collection[int]) -> Kernel:
    """The kernel for some operands that do not lie side by side on the last axis."""
    return kernel_of(
        kernel.rank,
        kernel.split,
        tuple(
            [
                Operand(operand.dtype, operand.axes, Inner.STRIDED) if k in wrong else operand
                for k, operand in enumerate(kernel.operands)
            ]
        ),
        kernel.parameters,
        kernel.values,
        kernel.writes,
        kernel.watch,
        kernel.watched,
    )


def kernel_cost(kernel: Kernel, kept_rows: int) -> LoopsCost:
    """About how long a kernel takes for each element of its domain."""
    ns = _NS["operand"] * len(kernel.operands)
    ns += _NS["operation"] * sum(weight(value) for value in kernel.values)
    return LoopsCost(ns, kept_rows)
