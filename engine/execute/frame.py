"""Frames: what one tuple of sizes makes of a part of a program, ready for the runtime.

Kernels and steps know no sizes. For each tuple of sizes they become a table of the runtime: where
each operand lies, its strides, how many jobs share a loop. This is done once per tuple.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from arignote.codegen.loops import weight
from arignote.execute.libraries import ffi
from arignote.execute.runtime import (
    copy_step,
    double_word,
    float_word,
    gemm_batch_step,
    gemm_step,
    gemv_step,
    kernel_step,
)
from arignote.graph import Constant, Variable
from arignote.lower.build import Access, Extent, Loops
from arignote.lower.kernel import Accumulate, Inner, Kernel, Load, Operand, Position, Total
from arignote.lower.schedule import AliasStep, LoopStep, Part, ProductStep
from arignote.lower.sizes import CallSizes, dummy, offset_of
from arignote.ops.dot import Dot, Gemm, Gemv, MatMul
from arignote.scalar import ScalarOp
from arignote.types import kind

ALIGNMENT = 64
# Nanoseconds of work from which on a second thread is worth waking.
WORTH_SHARING_NS = 20_000.0
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
def merging_kernel(record: ScalarOp, dtype: str) -> Kernel:
    """The kernel that combines what jobs have accumulated: rows of one array."""
    operands = (Operand(dtype, (0, 1), Inner.UNIT), Operand(dtype, (1,), Inner.UNIT))
    return Kernel(2, 1, operands, (), (Load(0, dtype),), (Accumulate(1, 0, record, dtype, (0, 1)),))


class Unfit(Exception):
    """Sizes with which the native code does not work: NumPy computes, or says what is wrong."""


Place = tuple[int, int]


@dataclass(slots=True)
class Frame:
    """A table with the arguments that it works on; one call at a time has it."""

    table: Any
    steps: int
    args: Any
    shapes: tuple[tuple[int, ...], ...]
    kept: Any


class FrameBuilder:
    """Makes the table of a part for one tuple of sizes."""

    def __init__(
        self,
        part: Part,
        sizes: CallSizes,
        hosts: Mapping[Variable, np.ndarray],
        addresses: Any,
        threads: int,
    ) -> None:
        self.part, self.sizes, self.hosts = part, sizes, hosts
        self.addresses, self.threads = addresses, threads
        self.places: dict[Variable, Place] = {}
        self.shape_of: dict[Variable, tuple[int, ...]] = {}
        self.arrays: list[np.ndarray] = []
        self.words: list[int] = []
        self.step_count = 0
        self.owners: list[int] = []
        self.partial = 0
        self.geometry: dict[object, Any] = {}

    def build(self) -> Frame:
        """The frame."""
        part = self.part
        for n, x in enumerate((*part.inputs, *part.outputs)):
            self.places[x] = (n, 0)
        self.workspace = len(part.inputs) + len(part.outputs)
        self._pieces()
        for number, step in enumerate(part.steps):
            count = self.step_count
            if isinstance(step, LoopStep):
                self._loops(step.loops)
            elif isinstance(step, ProductStep):
                self._product(step)
            else:
                self._alias(step)
            self.owners += [number] * (self.step_count - count)
        size = self.fixed + self.partial
        memory = np.empty(size + ALIGNMENT, "uint8")
        shift = -memory.__array_interface__["data"][0] % ALIGNMENT
        args = ffi().new("char*[]", self.workspace + 1 + len(self.arrays))
        kept: list[Any] = [memory]
        for n, array in enumerate((memory[shift:], *self.arrays)):
            buffer = ffi().from_buffer(array)
            args[self.workspace + n] = buffer
            kept.append(buffer)
        table = np.array(self.words, "int64")
        words = ffi().from_buffer("int64_t[]", table)
        shapes = tuple([self._shape(x) for x in part.outputs])
        return Frame(words, self.step_count, args, shapes, (table, kept))

    # ---- memory -----------------------------------------------------------------------------

    def _shape(self, x: Variable) -> tuple[int, ...]:
        known = self.shape_of.get(x)
        if known is None:
            if isinstance(x, Constant):
                known = x.data.shape
            elif x in self.hosts:
                known = self.hosts[x].shape
            else:
                known = self.sizes.shape(x)
            self.shape_of[x] = known
        return known

    def _bytes(self, x: Variable) -> int:
        return prod(self._shape(x)) * x.type.numpy_dtype.itemsize

    def _pieces(self) -> None:
        """The workspace: one piece after the other, each as large as the largest that uses it."""
        offset = 0
        starts = []
        for piece in self.part.pieces:
            starts.append(offset)
            size = max([self._bytes(x) for x in piece])
            offset += -(-size // ALIGNMENT) * ALIGNMENT
        for x, slot in self.part.slots.items():
            self.places[x] = (self.workspace, starts[slot])
        self.fixed = offset

    def _place(self, x: Variable) -> Place:
        known = self.places.get(x)
        if known is None:
            array = x.data if isinstance(x, Constant) else self.hosts[x]
            self.arrays.append(np.ascontiguousarray(array).reshape(-1))
            known = self.places[x] = (self.workspace + len(self.arrays), 0)
        return known

    def _partial(self, size: int) -> Place:
        """Memory for what jobs accumulate on their own."""
        start = self.fixed + self.partial
        self.partial += -(-size // ALIGNMENT) * ALIGNMENT
        return (self.workspace, start)

    def _emit(self, words: Sequence[int]) -> None:
        self.words += words
        self.step_count += 1

    # ---- loops ------------------------------------------------------------------------------

    def _loops(self, loops: Loops) -> None:
        kernel = loops.kernel
        n = [self.sizes.value(key) for key in loops.domain]
        places, strides = [], []
        for access in loops.accesses:
            place, stride = self._operand(access, n)
            places.append(place)
            strides.append(stride)
        constants = [self._constant(source, loops) for source in loops.parameters]
        kernel = self._fitting(kernel, n, strides)
        address, cost = self.addresses(kernel)
        n, strides = _collapsed(kernel, n, strides)
        split, jobs, block = self._share(kernel, n, strides, cost)
        job_strides = [0] * len(places)
        merges = []
        if jobs > 1:
            for write in kernel.writes:
                if isinstance(write, Accumulate) and split not in _moving(strides[write.operand]):
                    target = loops.accesses[write.operand].base
                    size = self._bytes(target)
                    room = -(-size // ALIGNMENT) * ALIGNMENT
                    merges.append((write, target, places[write.operand], room))
                    places[write.operand] = self._partial(room * jobs)
                    job_strides[write.operand] = room
        scratch = cost.kept_rows * 8 * (n[-1] + 8) if n else 0
        self._emit(
            kernel_step(
                address,
                n,
                places,
                strides,
                job_strides=job_strides,
                constants=constants,
                split=split if jobs > 1 else -1,
                jobs=jobs,
                block=block,
                scratch=scratch,
            )
        )
        for write, target, place, room in merges:
            self._merge(write, target, place, places[write.operand], room, jobs)

    def _merge(
        self, write: Accumulate, target: Variable, place: Place, partial: Place, room: int, jobs: int
    ) -> None:
        dtype = target.type.dtype
        kernel = merging_kernel(write.record, dtype)
        address, _ = self.addresses(kernel)
        item = target.type.numpy_dtype.itemsize
        count = prod(self._shape(target))
        self._emit(
            kernel_step(address, [jobs, count], [partial, place], [[room, item], [0, item]])
        )

    def _operand(self, access: Access, n: Sequence[int]) -> tuple[Place, list[int]]:
        """Where an operand begins, and its stride along each axis of the domain."""
        argument, start = self._place(access.base)
        shape = self._shape(access.base)
        if access.views:
            view = dummy(access.base, shape)
            for node in access.views:
                view = node.op.perform(view, *[self._known(x) for x in node.inputs[1:]])[0]
            start += offset_of(view)
            shape, steps = view.shape, view.strides
        else:
            steps = _contiguous(shape, access.base.type.numpy_dtype.itemsize)
        strides = [0] * len(n)
        for size, step, axis in zip(shape, steps, access.axes, strict=True):
            if axis is not None and size == n[axis]:
                strides[axis] = step
            elif axis is not None and size != 1:
                raise Unfit
        return (argument, start), strides

    def _known(self, x: Variable) -> np.ndarray:
        return x.data if isinstance(x, Constant) else self.hosts[x]

    def _constant(self, source: Any, loops: Loops) -> int:
        """The word of a parameter."""
        if isinstance(source, Extent):
            access = loops.accesses[source.operand]
            view = dummy(access.base, self._shape(access.base))
            for node in access.views:
                view = node.op.perform(view, *[self._known(x) for x in node.inputs[1:]])[0]
            if not view.size:
                raise Unfit
            return (view.strides if source.is_stride else view.shape)[source.axis]
        return _word(self._known(source.variable))

    def _fitting(
        self, kernel: Kernel, n: Sequence[int], strides: Sequence[Sequence[int]]
    ) -> Kernel:
        """The kernel, or the one for operands that do not lie side by side on the last axis."""
        if not n or n[-1] <= 1:
            return kernel
        operands = list(kernel.operands)
        for k, (operand, stride) in enumerate(zip(operands, strides, strict=True)):
            item = np.dtype(operand.dtype).itemsize
            if operand.inner is Inner.UNIT and stride[-1] != item:
                operands[k] = Operand(operand.dtype, operand.axes, Inner.STRIDED)
        if operands == list(kernel.operands):
            return kernel
        return Kernel(
            kernel.rank,
            kernel.split,
            tuple(operands),
            kernel.parameters,
            kernel.values,
            kernel.writes,
        )

    def _share(
        self,
        kernel: Kernel,
        n: Sequence[int],
        strides: Sequence[Sequence[int]],
        cost: LoopsCost,
    ) -> tuple[int, int, int]:
        """The axis that jobs share, how many they are, and at what multiples it is cut."""
        total = prod(n) * cost.ns
        if self.threads == 1 or total < 2 * WORTH_SHARING_NS:
            return -1, 1, 1
        wanted = min(JOBS_PER_THREAD * self.threads, int(total / WORTH_SHARING_NS))
        writes = [w for w in kernel.writes if isinstance(w, Accumulate)]
        rows_only = any(isinstance(value, Total) for value in kernel.values)
        axes = range(kernel.split) if rows_only else range(kernel.rank)
        best: tuple[float, int, int, int] | None = None
        for axis in axes:
            block = BLOCK if axis == kernel.rank - 1 else 1
            jobs = min(wanted, n[axis] // block)
            if jobs < 2:
                continue
            copies = [
                w for w in writes if axis not in _moving(strides[w.operand])
            ]
            size = sum(self._extent(w, n, strides) for w in copies)
            if copies:
                jobs = min(jobs, 2 * self.threads)
                if size * jobs > MAX_PARTIAL_BYTES:
                    continue
            # Rather no copies; else rather many jobs; else rather whole rows.
            score = (-float(size > 4096), min(jobs, self.threads), -axis, jobs)
            if best is None or score > best[0]:  # type: ignore[operator]
                best = (score, axis, jobs, block)  # type: ignore[assignment]
        return (-1, 1, 1) if best is None else (best[1], best[2], best[3])

    def _extent(
        self, write: Accumulate, n: Sequence[int], strides: Sequence[Sequence[int]]
    ) -> int:
        moving = _moving(strides[write.operand])
        return prod([n[axis] for axis in moving]) * np.dtype(write.dtype).itemsize

    # ---- products ---------------------------------------------------------------------------

    def _product(self, step: ProductStep) -> None:
        node = step.node
        double = node.outputs[0].type.dtype == "float64"
        out = node.outputs[0]
        op = node.op
        if isinstance(op, Dot):
            self._dot(double, step.operands[0], step.operands[1], out)
        elif isinstance(op, Gemm | Gemv):
            z, alpha, x, y = step.operands
            self._emit(copy_step(self._place(out), self._place(z[0]), self._bytes(out), jobs=1))
            self._dot(double, x, y, out, alpha=alpha[0], beta=1.0)
        else:
            assert isinstance(op, MatMul)
            self._matmul(double, step.operands[0][0], step.operands[1][0], out)

    def _matrix(self, operand: tuple[Variable, bool]) -> tuple[Place, tuple[int, int], bool]:
        x, transposed = operand
        shape = self._shape(x)
        return self._place(x), (shape[0], shape[1]), transposed

    def _dot(
        self,
        double: bool,
        x: tuple[Variable, bool],
        y: tuple[Variable, bool],
        out: Variable,
        alpha: Variable | None = None,
        beta: float = 0.0,
    ) -> None:
        scale: dict[str, Any] = {"beta": beta}
        if alpha is not None:
            if isinstance(alpha, Constant) or alpha in self.hosts:
                scale["alpha"] = float(self._known(alpha))
            else:
                scale["scale"] = self._place(alpha)
        target = self._place(out)
        if x[0].type.ndim == 2 and y[0].type.ndim == 2:
            A, (rows, inner), turned = self._matrix(x)
            B, (other, columns), turned_too = self._matrix(y)
            M, K = (inner, rows) if turned else (rows, inner)
            L, N = (columns, other) if turned_too else (other, columns)
            if K != L:
                raise Unfit
            jobs = self._product_jobs(2.0 * M * N * K, max(M, N))
            self._emit(
                gemm_step(
                    double,
                    (turned, turned_too),
                    (M, N, K),
                    (A, max(inner, 1)),
                    (B, max(columns, 1)),
                    (target, max(N, 1)),
                    jobs=jobs,
                    **scale,
                )
            )
            return
        vector, matrix, turned = (y[0], x, x[1]) if x[0].type.ndim == 2 else (x[0], y, not y[1])
        A, (rows, columns), _ = self._matrix(matrix)
        if self._shape(vector)[0] != (rows if turned else columns):
            raise Unfit
        jobs = self._product_jobs(8.0 * rows * columns, columns if turned else rows)
        self._emit(
            gemv_step(
                double,
                turned,
                (rows, columns),
                (A, max(columns, 1)),
                (self._place(vector), 1),
                (target, 1),
                jobs=jobs,
                **scale,
            )
        )

    def _product_jobs(self, work: float, extent: int) -> int:
        """Jobs of a product; `work` is in operations, of which a core does about 20 in a ns."""
        if self.threads == 1 or work < 40 * WORTH_SHARING_NS:
            return 1
        return max(1, min(self.threads, extent // 16))

    def _matmul(self, double: bool, x: Variable, y: Variable, out: Variable) -> None:
        item = 8 if double else 4
        a, b, c = self._shape(x), self._shape(y), self._shape(out)
        if a[-1] != b[-2]:
            raise Unfit
        M, N, K = c[-2], c[-1], a[-1]
        batches = c[:-2]
        steps = []
        for shape, each in ((a, M * K), (b, K * N)):
            lead = _contiguous(shape[:-2], each * item)
            steps.append([0 if s == 1 else t for s, t in zip(shape[:-2], lead, strict=True)])
        steps.append(list(_contiguous(batches, M * N * item)))
        runs = _as_one_axis(batches, steps)
        for starts, count, strides in runs:
            offsets = [
                (arg, at + start)
                for (arg, at), start in zip(map(self._place, (x, y, out)), starts, strict=True)
            ]
            self._emit(
                gemm_batch_step(
                    double,
                    (False, False),
                    (M, N, K),
                    (offsets[0], max(K, 1)),
                    (offsets[1], max(N, 1)),
                    (offsets[2], max(N, 1)),
                    count=count,
                    strides=strides,
                    jobs=self._product_jobs(2.0 * M * N * K * count, 16 * count),
                )
            )

    # ---- views ------------------------------------------------------------------------------

    def _alias(self, step: AliasStep) -> None:
        node = step.node
        base = node.inputs[0]
        argument, start = self._place(base)
        view = dummy(base, self._shape(base))
        view = node.op.perform(view, *[self._known(x) for x in node.inputs[1:]])[0]
        self.places[node.outputs[0]] = (argument, start + offset_of(view) if view.size else start)
        self.shape_of[node.outputs[0]] = view.shape


def _moving(strides: Sequence[int]) -> list[int]:
    """The axes along which an operand moves."""
    return [axis for axis, stride in enumerate(strides) if stride]


def _contiguous(shape: Sequence[int], item: int) -> tuple[int, ...]:
    """The strides of an array in C order."""
    strides = []
    for size in reversed(shape):
        strides.append(item)
        item *= max(size, 1)
    return tuple(reversed(strides))


def _collapsed(
    kernel: Kernel, n: Sequence[int], strides: Sequence[Sequence[int]]
) -> tuple[list[int], list[list[int]]]:
    """The same loops with axes merged where every operand goes on evenly from row to row.

    Merged axes leave room at the front: axes of size 1.
    """
    n, strides = list(n), [list(stride) for stride in strides]
    rank = len(n)
    if rank < 2 or any(isinstance(value, Position) for value in kernel.values):
        return n, strides
    has_rows = any(isinstance(value, Total) for value in kernel.values)
    # Axes keep their meaning (row or inner) by moving only within their side of the split.
    sides = [(0, kernel.split), (kernel.split, rank)] if has_rows else [(0, rank)]
    for first, stop in sides:
        axis = stop - 2
        while axis >= first:
            if not _merges(kernel, n, strides, first, axis):
                axis -= 1
                continue
            n[axis + 1] *= n[axis]
            n[first + 1 : axis + 1] = n[first:axis]
            n[first] = 1
            for stride in strides:
                stride[first + 1 : axis + 1] = stride[first:axis]
                stride[first] = 0
            first += 1
    return n, strides


def _merges(
    kernel: Kernel, n: Sequence[int], strides: Sequence[Sequence[int]], first: int, axis: int
) -> bool:
    """Whether an axis and the next become one, and those before it may move up by one."""
    if any(s[axis] != s[axis + 1] * n[axis + 1] for s in strides):
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


def _as_one_axis(
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


def _word(value: np.ndarray) -> int:
    """The word that holds a parameter."""
    item = value.reshape(-1)[0]
    if value.dtype == np.float32:
        return float_word(item)
    if kind(value.dtype.name) == "f":
        return double_word(item)
    number = int(item)
    return struct.unpack("=q", struct.pack("=Q", number))[0] if number >= 1 << 63 else number


def kernel_cost(kernel: Kernel, kept_rows: int) -> LoopsCost:
    """About how long a kernel takes for each element of its domain."""
    ns = _NS["operand"] * len(kernel.operands)
    ns += _NS["operation"] * sum(weight(value) for value in kernel.values)
    return LoopsCost(ns, kept_rows)
