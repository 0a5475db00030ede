"""Frames: what one tuple of sizes makes of a part of a program, ready for the runtime.

Kernels and steps know no sizes. For each tuple of sizes they become a table of the runtime: where
each operand lies, its strides, how many jobs share a loop. This is done once per tuple.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from arignote.execute.geometry import (
    Geometry,
    as_one_axis,
    collapsed,
    contiguous,
    fitting,
    merging_kernel,
    moving,
    share,
)
from arignote.execute.libraries import ffi
from arignote.execute.runtime import (
    Watching,
    copy_step,
    double_word,
    float_word,
    gemm_batch_step,
    gemm_step,
    gemv_step,
    kernel_step,
)
from arignote.execute.workspace import ALIGNMENT
from arignote.graph import Constant, Variable
from arignote.lower.build import Access, Extent, Loops
from arignote.lower.kernel import Accumulate
from arignote.lower.limits import Watch
from arignote.lower.sizes import CallSizes, dummy, offset_of
from arignote.lower.steps import AliasStep, LoopStep, Part, ProductStep
from arignote.ops.dot import Dot, Gemm, Gemv, MatMul
from arignote.types import kind

# Bytes from which on a copy is shared.
MIN_SHARED_COPY = 1 << 17
# Operations from which on a product is shared.
MIN_SHARED_OPERATIONS = 800_000.0
_WATCHING = {
    None: Watching.NOTHING,
    Watch.NAN: Watching.NAN,
    Watch.NON_FINITE: Watching.NON_FINITE,
    Watch.BIG: Watching.BIG,
}


class UnfitError(Exception):
    """Sizes with which the native code does not work: NumPy computes, or says what is wrong."""


Place = tuple[int, int]


@dataclass(slots=True)
class Frame:
    """A table with the arguments that it works on; one call at a time has it.

    `whole` is what the runtime takes for both; `owners` has for each step of the table the number
    of the part's step that it belongs to; `held` are arrays of inputs that the arguments still
    point to, and `buffers` what keeps them in place; `room` is the size of the workspace that the
    argument after inputs and outputs must lead to.
    """

    table: Any
    steps: int
    args: Any
    shapes: tuple[tuple[int, ...], ...]
    whole: Any
    kept: Any
    owners: Sequence[int]
    held: list[Any]
    buffers: list[Any]
    room: int


class FramePlan:
    """What the frames of a part have in common, whatever the sizes are.

    Parameters
    ----------
    part : Part
    addresses : callable
        Gives the address and the cost of a kernel.
    threads : int
        How many share the work of a call.
    """

    def __init__(self, part: Part, addresses: Any, threads: int) -> None:
        self.part, self.addresses, self.threads = part, addresses, threads
        self.places = {x: (n, 0) for n, x in enumerate((*part.inputs, *part.outputs))}
        alignments = [x.type.numpy_dtype.alignment for x in part.inputs]
        self.alignments = ffi().new("int64_t[]", alignments or [1])
        self.alignments_at = _address(self.alignments)


class FrameBuilder:
    """Makes the frame of a plan for one tuple of sizes."""

    def __init__(
        self, plan: FramePlan, sizes: CallSizes, hosts: Mapping[Variable, np.ndarray]
    ) -> None:
        self.plan, self.sizes, self.hosts = plan, sizes, hosts
        self.part, self.addresses, self.threads = plan.part, plan.addresses, plan.threads
        self.places: dict[Variable, Place] = plan.places.copy()
        self.workspace = len(self.places)
        self.shape_of: dict[Variable, tuple[int, ...]] = {}
        self.arrays: list[np.ndarray] = []
        self.words: list[int] = []
        self.step_count = 0
        self.owners: list[int] = []
        self.partial = 0
        self.geometries: dict[object, Geometry] = {}

    def build(self) -> Frame:
        """The frame."""
        part, plan = self.part, self.plan
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
        args = ffi().new("char*[]", self.workspace + 1 + len(self.arrays))
        kept: list[Any] = []
        for n, array in enumerate(self.arrays):
            buffer = ffi().from_buffer(array)
            args[self.workspace + 1 + n] = buffer
            kept.append(buffer)
        table = ffi().new("int64_t[]", self.words)
        whole = ffi().new(
            "int64_t[]",
            [
                _address(table),
                self.step_count,
                _address(args),
                len(part.inputs),
                plan.alignments_at,
            ],
        )
        shapes = tuple([self._shape(x) for x in part.outputs])
        held = [None] * len(part.inputs)
        return Frame(
            table,
            self.step_count,
            args,
            shapes,
            whole,
            (kept, plan.alignments),
            self.owners,
            held,
            list(held),
            self.fixed + self.partial,
        )

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
        geometry = self._geometry(loops)
        places = [
            (argument, start + offset)
            for (argument, start), offset in zip(
                [self._place(x) for x in loops.bases],
                geometry.offsets,
                strict=True,
            )
        ]
        constants = [self._constant(source, loops) for source in loops.parameters]
        kernel, n, strides, jobs = geometry.kernel, geometry.n, geometry.strides, geometry.jobs
        job_strides = [0] * len(places)
        merges = []
        if jobs > 1:
            for write in kernel.writes:
                axes = moving(strides[write.operand])
                if isinstance(write, Accumulate) and geometry.split not in axes:
                    target = loops.accesses[write.operand].base
                    room = -(-self._bytes(target) // ALIGNMENT) * ALIGNMENT
                    merges.append((write, target, places[write.operand], room))
                    places[write.operand] = self._partial(room * jobs)
                    job_strides[write.operand] = room
        self._emit(
            kernel_step(
                geometry.address,
                n,
                places,
                strides,
                job_strides=job_strides,
                constants=constants,
                split=geometry.split,
                jobs=jobs,
                block=geometry.block,
                scratch=geometry.scratch,
            )
        )
        for write, target, place, room in merges:
            watch = kernel.watch if write.operand in kernel.watched else None
            self._merge(write, target, place, places[write.operand], room, jobs, watch)

    def _geometry(self, loops: Loops) -> "Geometry":
        """How the loops run for these sizes; repeated layers have it once."""
        n = [self.sizes.value(key) for key in loops.domain]
        for axis, size in loops.ranges:
            if self.sizes.value(size) != n[axis]:
                raise UnfitError
        if loops.has_views:
            return self._new_geometry(loops, n)
        shapes = tuple([self._shape(x) for x in loops.bases])
        key = (loops.kernel, loops.axes, tuple(n), shapes)
        known = self.geometries.get(key)
        if known is None:
            known = self.geometries[key] = self._new_geometry(loops, n)
        return known

    def _new_geometry(self, loops: Loops, n: list[int]) -> "Geometry":
        found = [self._operand(access, n) for access in loops.accesses]
        strides = [stride for _, stride in found]
        kernel = fitting(loops.kernel, n, strides)
        address, cost = self.addresses(kernel)
        sizes, strides = collapsed(kernel, n, strides)
        split, jobs, block = share(kernel, self.threads, sizes, strides, cost)
        scratch = cost.kept_rows * 8 * (sizes[-1] + 8) if sizes else 0
        offsets = [offset for offset, _ in found]
        return Geometry(kernel, address, sizes, offsets, strides, split, jobs, block, scratch)

    def _merge(
        self,
        write: Accumulate,
        target: Variable,
        place: Place,
        partial: Place,
        room: int,
        jobs: int,
        watch: Watch | None,
    ) -> None:
        dtype = target.type.dtype
        kernel = merging_kernel(write.record, dtype, watch)
        address, _ = self.addresses(kernel)
        item = target.type.numpy_dtype.itemsize
        count = prod(self._shape(target))
        self._emit(kernel_step(address, [jobs, count], [partial, place], [[room, item], [0, item]]))

    def _operand(self, access: Access, n: Sequence[int]) -> tuple[int, list[int]]:
        """Where in its memory an operand begins, and its stride along each axis of the domain."""
        start, axes, strides = 0, access.axes, [0] * len(n)
        shape = self._shape(access.base)
        if access.views:
            view = dummy(access.base, shape)
            for node in access.views:
                view = node.op.perform(view, *[self._known(x) for x in node.inputs[1:]])[0]
            start, shape, steps = offset_of(view), view.shape, view.strides
        else:
            steps = contiguous(shape, access.base.type.numpy_dtype.itemsize)
        for size, step, axis in zip(shape, steps, axes, strict=True):
            if axis is not None:
                if size == n[axis]:
                    strides[axis] = step
                elif size != 1:
                    raise UnfitError
        return start, strides

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
                raise UnfitError
            return (view.strides if source.is_stride else view.shape)[source.axis]
        return _word(self._known(source.variable))

    # ---- products ---------------------------------------------------------------------------

    def _product(self, step: ProductStep) -> None:
        node = step.node
        double = node.outputs[0].type.dtype == "float64"
        out = node.outputs[0]
        op, watch = node.op, _WATCHING[step.watch]
        if isinstance(op, Dot):
            self._dot(double, step.operands[0], step.operands[1], out, watch)
        elif isinstance(op, Gemm | Gemv):
            z, alpha, x, y = step.operands
            size = self._bytes(out)
            jobs = self.threads if size > MIN_SHARED_COPY else 1
            target, source = self._place(out), self._place(z[0])
            if target != source:
                self._emit(copy_step(target, source, size, jobs=jobs))
            self._dot(double, x, y, out, watch, alpha=alpha[0], beta=1.0)
        else:
            assert isinstance(op, MatMul)
            self._matmul(double, step.operands[0][0], step.operands[1][0], out, watch)

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
        watch: Watching,
        alpha: Variable | None = None,
        beta: float = 0.0,
    ) -> None:
        scale: dict[str, Any] = {"beta": beta, "watch": watch}
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
                raise UnfitError
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
            raise UnfitError
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
        if self.threads == 1 or work < MIN_SHARED_OPERATIONS:
            return 1
        return max(1, min(self.threads, extent // 16))

    def _matmul(
        self, double: bool, x: Variable, y: Variable, out: Variable, watch: Watching
    ) -> None:
        item = 8 if double else 4
        a, b, c = self._shape(x), self._shape(y), self._shape(out)
        if a[-1] != b[-2]:
            raise UnfitError
        M, N, K = c[-2], c[-1], a[-1]
        batches = c[:-2]
        steps = []
        for shape, each in ((a, M * K), (b, K * N)):
            lead = contiguous(shape[:-2], each * item)
            steps.append([0 if s == 1 else t for s, t in zip(shape[:-2], lead, strict=True)])
        steps.append(list(contiguous(batches, M * N * item)))
        runs = as_one_axis(batches, steps)
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
                    watch=watch,
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


def _address(pointer: Any) -> int:
    return int(ffi().cast("intptr_t", pointer))


def _word(value: np.ndarray) -> int:
    """The word that holds a parameter."""
    item = value.reshape(-1)[0]
    if value.dtype == np.float32:
        return float_word(item)
    if kind(value.dtype.name) == "f":
        return double_word(item)
    number = int(item)
    return struct.unpack("=q", struct.pack("=Q", number))[0] if number >= 1 << 63 else number
