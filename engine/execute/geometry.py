"""Geometry: how a kernel runs for one tuple of sizes: merged axes, strides, shares of jobs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np

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
# Copies of what jobs accumulate may take this much memory together.
MAX_PARTIAL_BYTES = 1 << 20


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


@dataclass(eq=False, slots=True)
class Geometry:
    """How a kernel runs for one tuple of sizes, wherever its operands lie.

    `offsets` and `strides` are in bytes, `split` is the axis that the jobs share.
    """

    kernel: Kernel
    address: int
    n: list[int]
    offsets: list[int]
    strides: list[list[int]]
    split: int
    jobs: int
    block: int
    scratch: int


def fitting(kernel: Kernel, n: Sequence[int], strides: Sequence[Sequence[int]]) -> Kernel:
    """The kernel, or the one for operands that do not lie side by side on the last axis."""
    if not n or n[-1] <= 1:
        return kernel
    wrong = [
        k
        for k, (item, stride) in enumerate(zip(kernel.items, strides, strict=True))
        if item and stride[-1] != item
    ]
    if not wrong:
        return kernel
    changed = {
        k: Operand(kernel.operands[k].dtype, kernel.operands[k].axes, Inner.STRIDED) for k in wrong
    }
    return kernel_of(
        kernel.rank,
        kernel.split,
        tuple([changed.get(k, operand) for k, operand in enumerate(kernel.operands)]),
        kernel.parameters,
        kernel.values,
        kernel.writes,
        kernel.watch,
        kernel.watched,
    )


def share(
    kernel: Kernel,
    threads: int,
    n: Sequence[int],
    strides: Sequence[Sequence[int]],
    cost: LoopsCost,
) -> tuple[int, int, int]:
    """The axis that jobs share, how many they are, and at what multiples it is cut."""
    total = prod(n) * cost.ns
    if threads == 1 or total < 2 * WORTH_SHARING_NS:
        return -1, 1, 1
    wanted = min(JOBS_PER_THREAD * threads, int(total / WORTH_SHARING_NS))
    writes = [w for w in kernel.writes if isinstance(w, Accumulate)]
    axes = range(kernel.split) if kernel.has_totals else range(kernel.rank)
    best: tuple[float, int, int, int] | None = None
    for axis in axes:
        block = BLOCK if axis == kernel.rank - 1 else 1
        jobs = min(wanted, n[axis] // block)
        if jobs < 2:
            continue
        copies = [w for w in writes if axis not in moving(strides[w.operand])]
        size = sum(_extent(w, n, strides) for w in copies)
        if copies:
            jobs = min(jobs, 2 * threads)
            if size * jobs > MAX_PARTIAL_BYTES:
                continue
        # Rather no copies; else rather many jobs; else rather whole rows.
        score = (-float(size > 4096), min(jobs, threads), -axis, jobs)
        if best is None or score > best[0]:  # type: ignore[operator]
            best = (score, axis, jobs, block)  # type: ignore[assignment]
    return (-1, 1, 1) if best is None else (best[1], best[2], best[3])


def _extent(write: Accumulate, n: Sequence[int], strides: Sequence[Sequence[int]]) -> int:
    axes = moving(strides[write.operand])
    return prod([n[axis] for axis in axes]) * np.dtype(write.dtype).itemsize


def moving(strides: Sequence[int]) -> list[int]:
    """The axes along which an operand moves."""
    return [axis for axis, stride in enumerate(strides) if stride]


def contiguous(shape: Sequence[int], item: int) -> tuple[int, ...]:
    """The strides of an array in C order."""
    strides = []
    for size in shape[::-1]:
        strides.append(item)
        item *= size or 1
    return tuple(strides[::-1])


def collapsed(
    kernel: Kernel, n: Sequence[int], strides: Sequence[Sequence[int]]
) -> tuple[list[int], list[list[int]]]:
    """The same loops with axes merged where every operand goes on evenly from row to row.

    Merged axes leave room at the front: axes of size 1.
    """
    sizes, moves = list(n), [list(stride) for stride in strides]
    rank = len(sizes)
    if rank < 2 or kernel.counts:
        return sizes, moves
    # Axes keep their meaning (row or inner) by moving only within their side of the split.
    sides = [(0, kernel.split), (kernel.split, rank)] if kernel.has_totals else [(0, rank)]
    for first, stop in sides:
        axis = stop - 2
        while axis >= first:
            if not _merges(kernel, sizes, moves, first, axis):
                axis -= 1
                continue
            sizes[axis + 1] *= sizes[axis]
            sizes[first + 1 : axis + 1] = sizes[first:axis]
            sizes[first] = 1
            for stride in moves:
                stride[first + 1 : axis + 1] = stride[first:axis]
                stride[first] = 0
            first += 1
    return sizes, moves


def _merges(
    kernel: Kernel, n: Sequence[int], strides: Sequence[Sequence[int]], first: int, axis: int
) -> bool:
    """Whether an axis and the next become one, and those before it may move up by one."""
    for stride in strides:
        if stride[axis] != stride[axis + 1] * n[axis + 1]:
            return False
    for write in kernel.writes:
        # What is combined along an axis, and what is not, must stay so.
        if isinstance(write, Accumulate):
            kept = [b in kernel.operands[write.operand].axes for b in range(first, axis + 2)]
            if any(kept[b] != kept[b + 1] for b in range(len(kept) - 1)):
                return False
    return all(
        stride[b] == 0 or b + 1 in operand.axes
        for operand, stride in zip(kernel.operands, strides, strict=True)
        for b in range(first, axis)
    )


def as_one_axis(
    shape: tuple[int, ...], strides: Sequence[Sequence[int]]
) -> list[tuple[tuple[int, ...], int, tuple[int, int, int]]]:
    """Runs of a batch along which all operands move evenly: starts, count and strides."""
    if prod(shape) == 0:
        return []
    n, moves = list(shape), [list(stride) for stride in strides]
    while len(n) > 1 and all(s[-2] == s[-1] * n[-1] for s in moves):
        size = n.pop()
        n[-1] *= size
        for s in moves:
            last = s.pop()
            s[-1] = last
    if not n:
        return [((0, 0, 0), 1, (0, 0, 0))]
    runs = []
    for index in np.ndindex(*n[:-1]):
        starts = tuple([sum(i * t for i, t in zip(index, s[:-1], strict=True)) for s in moves])
        runs.append((starts, n[-1], tuple([s[-1] for s in moves])))
    return runs  # type: ignore[return-value]


def kernel_cost(kernel: Kernel, kept_rows: int) -> LoopsCost:
    """About how long a kernel takes for each element of its domain."""
    ns = _NS["operand"] * len(kernel.operands)
    ns += _NS["operation"] * sum(weight(value) for value in kernel.values)
    return LoopsCost(ns, kept_rows)
