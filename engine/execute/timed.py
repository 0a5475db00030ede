"""Executors that measure: the same results, and the time of each step in a profile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from arignote.execute.building import READY, building, time_spent
from arignote.execute.c import Native
from arignote.execute.costs import Cost, cost_of_node, cost_of_step
from arignote.execute.frame import Frame
from arignote.execute.libraries import ffi
from arignote.execute.numpy import run_node
from arignote.execute.profile import Recorder, StepInfo, Use
from arignote.execute.protocol import Executable
from arignote.graph import Apply, FunctionGraph, Variable
from arignote.lower import Program
from arignote.lower.names import Names
from arignote.lower.sizes import SizeTable
from arignote.lower.steps import AliasStep, LoopProgram, LoopStep, NodeStep, Part, ProductStep
from arignote.rewrite.sizes import EqualSizes


@dataclass(slots=True)
class TimedFrame(Frame):
    """A frame with what its steps are, what each of these costs, and room for times."""

    uses: Sequence[tuple[int, Use, Cost]] = ()
    times: Any = None
    at: Any = None


class TimedNative(Native):
    """Native code that runs with the clock."""

    def __init__(self, native: Native, recorder: Recorder) -> None:
        replay = timed_whole(native.fallback, native.program.graph, "with NumPy", recorder)
        super().__init__(native.program, replay, native.threads)
        self._recorder = recorder
        self._infos = step_infos(native.program)
        self._node_uses = {
            step.node: recorder.use(info, {step.node: 1.0})
            for step, info in self._infos.items()
            if isinstance(step, NodeStep)
        }

    def _frame(
        self, number: int, part: Part, key: tuple, arrays: dict[Variable, np.ndarray]
    ) -> Frame:
        frame = super()._frame(number, part, key, arrays)
        with building(READY):
            return self._timed_frame(frame, number, part, arrays)

    def _timed_frame(
        self, frame: Frame, number: int, part: Part, arrays: dict[Variable, np.ndarray]
    ) -> "TimedFrame":
        sizes, _ = self._sizes(number, arrays)
        uses = []
        for place, step in enumerate(part.steps):
            if not isinstance(step, AliasStep):
                cost, shares = cost_of_step(step, sizes)
                uses.append((place, self._recorder.use(self._infos[step], shares), cost))
        given: dict[str, Any] = {item.name: getattr(frame, item.name) for item in fields(frame)}
        times = np.zeros(max(frame.steps, 1), "int64")
        at = ffi().from_buffer("int64_t[]", times)
        return TimedFrame(**given, uses=uses, times=times, at=at)

    def _call(self, frame: Frame, arrays: Mapping[Variable, np.ndarray]) -> int:
        assert isinstance(frame, TimedFrame)
        failed: int = self._run_table(frame.table, frame.steps, frame.args, frame.at)
        ended, spent = self._recorder.clock(), dict[int, int]()
        for owner, nanoseconds in zip(frame.owners, frame.times.tolist(), strict=False):
            spent[owner] = spent.get(owner, 0) + nanoseconds
        frame.times.fill(0)
        runs = [(use, spent.get(place, 0), cost) for place, use, cost in frame.uses]
        self._recorder.add(runs, ended)
        return failed

    def _node(
        self, number: int, node: Apply, key: tuple, arrays: dict[Variable, np.ndarray]
    ) -> tuple:
        __tracebackhide__ = True
        clock = self._recorder.clock
        given = [self._value(x, arrays, number, key).shape for x in node.inputs]
        start = clock()
        shapes = super()._node(number, node, key, arrays)
        ended = clock()
        run = (self._node_uses[node], ended - start, cost_of_node(node, given, shapes))
        self._recorder.add([run], ended)
        return shapes


def timed_numpy(program: Program, graph: FunctionGraph, recorder: Recorder) -> Executable:
    """As `load`, with the clock; the graph is the one that the program was made of."""
    names = Names(
        graph, SizeTable(EqualSizes(graph, False)), [x for n in graph.order for x in n.outputs]
    )
    steps = []
    for number, step in enumerate(program.steps, 1):
        node = step.node
        info = StepInfo(number, "numpy", names.equation(node), (node,))
        perform = node.op.bind([x.type for x in node.inputs])
        steps.append((step, perform, recorder.use(info, {node: 1.0})))

    def run(values: Sequence[np.ndarray]) -> list[np.ndarray]:
        __tracebackhide__ = True
        slots: list = [*values, *program.constants]
        slots.extend([None] * (program.size - len(slots)))
        for step, perform, use in steps:
            given = [slots[n] for n in step.inputs]
            start = recorder.clock()
            outputs = run_node(step.node, perform, given)
            ended = recorder.clock()
            slots_of = zip(step.outputs, outputs, strict=True)
            for n, array in slots_of:
                slots[n] = array
            for n in step.dead:
                slots[n] = None
            shapes = [array.shape for array in given], [array.shape for array in outputs]
            recorder.add([(use, ended - start, cost_of_node(step.node, *shapes))], ended)
        return [slots[n] for n in program.results]

    return run


def timed_whole(run: Executable, graph: FunctionGraph, what: str, recorder: Recorder) -> Executable:
    """Something that runs a graph in one go, as one step of a profile."""
    share = dict.fromkeys(graph.order, 1 / max(len(graph.order), 1))
    use = recorder.use(StepInfo(0, "numpy", f"the whole graph {what}", graph.order), share)

    def timed(values: Sequence[np.ndarray]) -> list[np.ndarray]:
        __tracebackhide__ = True
        built, start = time_spent(), recorder.clock()
        try:
            return run(values)
        finally:
            # The graph may be made ready for NumPy at its first run.
            ended = recorder.clock()
            recorder.add([(use, ended - start - (time_spent() - built), Cost())], ended)

    return timed


def step_infos(program: LoopProgram) -> dict[LoopStep | ProductStep | NodeStep, StepInfo]:
    """What a profile says of each step that computes."""
    names = program.names
    infos: dict[LoopStep | ProductStep | NodeStep, StepInfo] = {}
    for number, step in enumerate(program.computing, 1):
        if isinstance(step, LoopStep):
            nodes = step.loops.nodes
            what = f"{names.sizes(step.loops.domain)} " + "; ".join(map(names.equation, nodes))
            infos[step] = StepInfo(number, "loops", what, nodes)
        else:
            kind = "blas" if isinstance(step, ProductStep) else "numpy"
            infos[step] = StepInfo(number, kind, names.equation(step.node), (step.node,))
    return infos
