"""The C executor: native parts run by the runtime, one call each; NumPy computes the rest."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from arignote.codegen import kernel_text, prelude
from arignote.codegen.loops import KernelText
from arignote.codegen.prelude import VECTOR_FUNCTIONS
from arignote.errors import ArignoteError, CompilerError, CompilerMissingError
from arignote.execute.building import building
from arignote.execute.cache import key_of
from arignote.execute.compiler import cores, find_compiler
from arignote.execute.frame import Frame, FramePlan
from arignote.execute.geometry import LoopsCost, kernel_cost, merging_kernel
from arignote.execute.kernels import CHARACTER_S, addresses, seconds_to_compile
from arignote.execute.libmvec import vector_functions
from arignote.execute.libraries import ffi
from arignote.execute.numpy import FAILURES, run_node
from arignote.execute.protocol import Executable
from arignote.execute.recipe import UnfitError
from arignote.execute.runtime import products, runtime
from arignote.execute.workspace import Workspace, workspace
from arignote.graph import Apply, Constant, Variable
from arignote.graph.collector import without_collector
from arignote.lower.build import Loops
from arignote.lower.kernel import Accumulate, Kernel
from arignote.lower.sizes import CallSizes, LeafSizes, dummy
from arignote.lower.steps import LoopProgram, NodeStep, Part, ProductStep

# Tuples of sizes whose tables a function keeps.
MAX_FRAMES = 256


Named = dict[Kernel, tuple[str, KernelText]]
"""The names and texts of kernels."""


class KernelTable:
    """The compiled kernels of this process, by structure."""

    def __init__(self) -> None:
        self._known: dict[Kernel, tuple[int, LoopsCost]] = {}
        self._headers: dict[Any, str] = {}
        self._texts: dict[Kernel, tuple[str, KernelText]] = {}

    @property
    def header(self) -> str:
        """The C text before kernels, for the compiler that is configured."""
        compiler = find_compiler()
        known = self._headers.get(compiler)
        if known is None:
            known = prelude(vector_functions(VECTOR_FUNCTIONS, compiler))
            self._headers[compiler] = known
        return known

    def compile(
        self,
        kernels: Iterable[Kernel],
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Compiles and loads what is not known yet."""
        named = self._named(kernels)
        if not named:
            return
        sources = {name: text.named(name) for name, text in named.values()}
        with building("kernels"):
            found = addresses(sources, self.header, progress)
        for kernel, (name, text) in named.items():
            self._known[kernel] = (found[name], kernel_cost(kernel, text.kept_rows))
            self._texts.pop(kernel, None)

    def begin(self, kernels: Iterable[Kernel], negligible: float) -> Callable[[], None] | None:
        """What compiles unknown kernels, for a thread of its own to call while others prepare.

        None if there are none, or if that takes so long that somebody will want to see progress.
        An error is left to `compile`.
        """
        named = self._named(kernels)
        if not named or not self._is_negligible(named, negligible):
            return None
        sources = {name: text.named(name) for name, text in named.values()}
        header = self.header

        def work() -> None:
            with contextlib.suppress(CompilerError):
                addresses(sources, header)

        return work

    def seconds(self, kernels: Iterable[Kernel], negligible: float) -> float:
        """About how long `compile` will take; 0.0 where it is certainly negligible."""
        named = self._named(kernels)
        if self._is_negligible(named, negligible):
            return 0.0
        sources = {name: text.named(name) for name, text in named.values()}
        return seconds_to_compile(sources, self.header)

    @staticmethod
    def _is_negligible(named: Named, seconds: float) -> bool:
        """Whether compiling these takes clearly less than some seconds."""
        return CHARACTER_S * sum(len(text.body) for _, text in named.values()) <= seconds / 2

    def _named(self, kernels: Iterable[Kernel]) -> Named:
        """The names and texts of kernels that are not known yet."""
        named = {}
        for kernel in kernels:
            if kernel not in self._known:
                known = self._texts.get(kernel)
                if known is None:
                    text = kernel_text(kernel)
                    known = self._texts[kernel] = kernel_name(text), text
                named[kernel] = known
        return named

    def __call__(self, kernel: Kernel) -> tuple[int, LoopsCost]:
        """The address of a kernel, compiled if need be, and its cost."""
        known = self._known.get(kernel)
        if known is None:
            self.compile([kernel])
            known = self._known[kernel]
        return known


KERNEL_TABLE = KernelTable()


def kernel_name(text: KernelText) -> str:
    """The name of a kernel's function: equal texts have one."""
    return f"arn_{key_of(text.body)[:24]}"


def kernels_of(all_loops: Iterable[Loops]) -> list[Kernel]:
    """The kernels that loops need, those that combine jobs' results included."""
    found: dict[Kernel, None] = {}
    for loops in all_loops:
        kernel = loops.kernel
        found[kernel] = None
        for write in kernel.writes:
            if isinstance(write, Accumulate):
                dtype = kernel.operands[write.operand].dtype
                watch = kernel.watch if write.operand in kernel.watched else None
                found[merging_kernel(write.record, dtype, watch)] = None
    return list(found)


class Native:
    """A loaded program: a function of the values of its inputs, then of shared variables.

    Parameters
    ----------
    program : LoopProgram
    replay : Executable
        What computes the same with NumPy: for sizes that the native code does not fit, and where
        it fails, to say what is wrong.
    threads : int
        How many share the work of a call; 0 is one for each core.
    """

    def __init__(self, program: LoopProgram, replay: Executable, threads: int = 0) -> None:
        self.program, self._replay = program, replay
        self.threads = threads or cores()
        machine = runtime()
        machine.use(threads)
        self._run_table, self.call_frame = machine.run, machine.call
        if any(isinstance(step, ProductStep) for step in program.computing):
            # Without BLAS frames with products cannot be made, and NumPy computes.
            with contextlib.suppress(CompilerMissingError):
                products()
        KERNEL_TABLE.compile(kernels_of(program.kernels))
        self.leaves = (*program.graph.inputs, *program.shared)
        self._leaf_sizes = LeafSizes(program.table, self.leaves)
        self._prepares = _prepares(program)
        self._performs = {
            step.node: step.node.op.bind([x.type for x in step.inputs])
            for step in program.steps
            if isinstance(step, NodeStep)
        }
        self.frames: dict[Any, list[Frame]] = {}
        # One for each thread that calls at once; frames for other sizes use them too.
        self.spaces: list[Workspace] = []
        self._hosts: dict[Any, dict[Variable, np.ndarray]] = {}
        self._plans: dict[int, FramePlan] = {}

    def __call__(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The results for the values of inputs, then of shared variables."""
        __tracebackhide__ = True
        try:
            return self._run(values)
        except UnfitError:
            return self._replay(values)

    def _run(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        __tracebackhide__ = True
        arrays = dict(zip(self.leaves, values, strict=True))
        key: tuple = tuple([value.shape for value in values])
        for number, step in enumerate(self.program.steps):
            if isinstance(step, Part):
                self._part(number, step, key, arrays)
            else:
                key += self._node(number, step.node, key, arrays)
        number = len(self.program.steps)
        return [self._value(x, arrays, number, key) for x in self.program.graph.results]

    def _value(
        self, x: Variable, arrays: dict[Variable, np.ndarray], number: int, key: tuple
    ) -> np.ndarray:
        array = arrays.get(x)
        if array is not None:
            return array
        return x.data if isinstance(x, Constant) else self._known_hosts(number, key, arrays)[x]

    def _node(
        self, number: int, node: Apply, key: tuple, arrays: dict[Variable, np.ndarray]
    ) -> tuple:
        """Computes a node with NumPy; gives the shapes of its outputs."""
        __tracebackhide__ = True
        given = [self._value(x, arrays, number, key) for x in node.inputs]
        outputs = run_node(node, self._performs[node], given)
        arrays.update(zip(node.outputs, outputs, strict=True))
        return tuple([array.shape for array in outputs])

    def _part(
        self, number: int, part: Part, key: tuple, arrays: dict[Variable, np.ndarray]
    ) -> None:
        try:
            pool = self.frames[number, key]
            frame = pool.pop()
        except (KeyError, IndexError):
            frame = self._frame(number, part, key, arrays)
            pool = self._pool(number, key)
        buffer, args, alive = ffi().from_buffer, frame.args, []
        frame.held = [None] * len(part.inputs)
        inputs = [_packed(self._value(x, arrays, number, key)) for x in part.inputs]
        outputs = [
            np.empty(shape, out.type.numpy_dtype)
            for out, shape in zip(part.outputs, frame.shapes, strict=True)
        ]
        for n, array in enumerate((*inputs, *outputs)):
            data = buffer(array)
            alive.append(data)
            args[n] = data
        space = workspace(self.spaces, frame.room)
        args[len(alive)] = space.buffer
        failed = self._call(frame, arrays)
        self.spaces.append(space)
        pool.append(frame)
        if failed:
            raise UnfitError
        arrays.update(zip(part.outputs, outputs, strict=True))

    def _call(self, frame: Frame, arrays: Mapping[Variable, np.ndarray]) -> int:
        """Runs the table of a frame, after steps that gave arrays; not 0 where that failed."""
        return self.call_frame(frame.whole)

    @property
    def fallback(self) -> Executable:
        """What says what is wrong where a run of the tables stops."""
        return self._replay

    def fresh(self, values: Sequence[np.ndarray]) -> tuple[list[Frame], Frame]:
        """A new frame of a program that is one part, for the values of all leaves, and its pool.

        Raises
        ------
        UnfitError
            The sizes do not fit together, or the native code does not fit them.
        """
        (part,) = self.program.steps
        assert isinstance(part, Part)
        key = tuple([value.shape for value in values])
        frame = self._frame(0, part, key, dict(zip(self.leaves, values, strict=True)))
        return self._pool(0, key), frame

    def _pool(self, number: int, key: tuple) -> list[Frame]:
        while len(self.frames) >= MAX_FRAMES:
            self.frames.pop(next(iter(self.frames)), None)
        return self.frames.setdefault((number, key), [])

    # ---- what only sizes decide -----------------------------------------------------------

    @without_collector
    def _frame(
        self, number: int, part: Part, key: tuple, arrays: dict[Variable, np.ndarray]
    ) -> Frame:
        sizes, hosts = self._sizes(number, arrays)
        try:
            return self.plan(number, part).frame(sizes, hosts)
        except (*FAILURES, KeyError, ArignoteError) as error:
            raise UnfitError from error

    def plan(self, number: int, part: Part) -> FramePlan:
        """What the frames of a part, the step of this number, have in common."""
        known = self._plans.get(number)
        if known is None:
            hosts = {out for node in self.program.hosts for out in node.outputs}
            known = self._plans[number] = FramePlan(
                part, self.program.table, hosts, KERNEL_TABLE, self.threads
            )
        return known

    def _known_hosts(
        self, number: int, key: tuple, arrays: dict[Variable, np.ndarray]
    ) -> dict[Variable, np.ndarray]:
        """The values that sizes decide, as far as they are known before a step."""
        known = self._hosts.get((number, key))
        if known is None:
            while len(self._hosts) >= MAX_FRAMES:
                self._hosts.pop(next(iter(self._hosts)), None)
            known = self._hosts[number, key] = self._sizes(number, arrays)[1]
        return known

    def _sizes(
        self, number: int, arrays: Mapping[Variable, np.ndarray]
    ) -> tuple[CallSizes, dict[Variable, np.ndarray]]:
        """The sizes that are known before a step, and the values that they decide."""
        hosts: dict[Variable, np.ndarray] = {}
        try:
            given = list(arrays.items())
            leaves = len(self.leaves)
            sizes = self._leaf_sizes.of([array.shape for _, array in given[:leaves]])
            for x, array in given[leaves:]:
                sizes.bind(x, array.shape)
            with np.errstate(all="ignore"):
                for node, is_host in chain.from_iterable(self._prepares[: number + 1]):
                    if is_host:
                        operands = [_host_operand(x, hosts, sizes) for x in node.inputs]
                        found = [array.view() for array in node.op.perform(*operands)]
                        for array in found:
                            # Kept for later calls: who wants to change a result gets a copy.
                            array.flags.writeable = False
                        hosts.update(zip(node.outputs, found, strict=True))
                    else:
                        sizes.compute(node, {**hosts, **_constants(node)})
        except (*FAILURES, ArignoteError) as error:
            raise UnfitError from error
        return sizes, hosts


def _prepares(program: LoopProgram) -> list[list[tuple[Apply, bool]]]:
    """For each step the nodes whose sizes, or values, are found before it, and which is which."""
    hosts, defining = set(program.hosts), set(program.defining)
    level: dict[Variable, int] = {}
    for number, step in enumerate(program.steps):
        if isinstance(step, NodeStep) and not step.is_view:
            level.update(dict.fromkeys(step.outputs, number + 1))
    prepares: list[list[tuple[Apply, bool]]] = [[] for _ in range(len(program.steps) + 1)]
    for node in program.graph.order:
        if node.outputs[0] in level:
            continue
        first = max([level.get(x, 0) for x in node.inputs], default=0)
        if first:
            level.update(dict.fromkeys(node.outputs, first))
        if node in hosts:
            prepares[first].append((node, True))
        elif node in defining:
            prepares[first].append((node, False))
    return prepares


def _host_operand(
    x: Variable, hosts: Mapping[Variable, np.ndarray], sizes: CallSizes
) -> np.ndarray:
    if isinstance(x, Constant):
        return x.data
    known = hosts.get(x)
    return dummy(x, sizes.shape(x)) if known is None else known


def _constants(node: Apply) -> dict[Variable, np.ndarray]:
    return {x: x.data for x in node.inputs if isinstance(x, Constant)}


def _packed(array: np.ndarray) -> np.ndarray:
    """The array in C order, aligned."""
    if not array.flags.c_contiguous:
        return np.ascontiguousarray(array)
    return array if array.flags.aligned else array.copy()
