"""Executors that measure: the same results, and the time of each step in a profile."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from arignote.execute.c import Native
from arignote.execute.costs import Cost, cost_of_node, cost_of_step
from arignote.execute.frame import Frame
from arignote.execute.libraries import ffi
from arignote.execute.numpy import FAILURES, fail
from arignote.execute.profile import Meter, Profile, StepInfo
from arignote.execute.protocol import Executable
from arignote.graph import Apply, FunctionGraph, Variable
from arignote.lower import Program
from arignote.lower.names import Names
from arignote.lower.sizes import SizeTable
from arignote.lower.steps import AliasStep, LoopProgram, LoopStep, NodeStep, Part, ProductStep
from arignote.rewrite.sizes import EqualSizes


@dataclass(slots=True)
class TimedFrame(Frame):
    """A frame with the meters of its steps, what each of these costs, and room for times."""

    meters: Sequence[tuple[int, Meter, Cost]] = ()
    times: Any = None


class TimedNative(Native):
    """Native code that runs with the clock."""

    def __init__(self, native: Native, profile: Profile) -> None:
        replay = timed_whole(native._replay, native.program.graph, "with NumPy", profile)
        super().__init__(native.program, replay, native.threads)
        self._profile = profile
        self._infos = step_infos(native.program)
        self._node_meters = {
            step.node: profile.meter(info, {step.node: 1.0})
            for step, info in self._infos.items()
            if isinstance(step, NodeStep)
        }

    def _frame(
        self, number: int, part: Part, key: tuple, arrays: dict[Variable, np.ndarray]
    ) -> Frame:
        frame = super()._frame(number, part, key, arrays)
        sizes, _ = self._sizes(number, arrays)
        meters = []
        for place, step in enumerate(part.steps):
            if not isinstance(step, AliasStep):
                cost, shares = cost_of_step(step, sizes)
                meters.append((place, self._profile.meter(self._infos[step], shares), cost))
        given: dict[str, Any] = {item.name: getattr(frame, item.name) for item in fields(frame)}
        times = ffi().new("int64_t[]", max(frame.steps, 1))
        return TimedFrame(**given, meters=meters, times=times)

    def _call(self, frame: Frame) -> int:
        assert isinstance(frame, TimedFrame)
        times = frame.times
        failed: int = self._run_table(frame.table, frame.steps, frame.args, times)
        spent: dict[int, int] = {}
        for n, owner in enumerate(frame.owners):
            spent[owner] = spent.get(owner, 0) + times[n]
            times[n] = 0
        self._profile.add([(m, spent.get(place, 0), cost) for place, m, cost in frame.meters])
        return failed

    def _node(
        self, number: int, node: Apply, key: tuple, arrays: dict[Variable, np.ndarray]
    ) -> tuple:
        __tracebackhide__ = True
        clock = self._profile.clock
        given = [self._value(x, arrays, number, key).shape for x in node.inputs]
        start = clock()
        shapes = super()._node(number, node, key, arrays)
        spent = clock() - start
        self._profile.add([(self._node_meters[node], spent, cost_of_node(node, given, shapes))])
        return shapes


def timed_numpy(program: Program, graph: FunctionGraph, profile: Profile) -> Executable:
    """As `load`, with the clock; the graph is the one that the program was made of."""
    names = Names(
        graph, SizeTable(EqualSizes(graph, False)), [x for n in graph.order for x in n.outputs]
    )
    steps = []
    for number, step in enumerate(program.steps, 1):
        node = step.node
        info = StepInfo(number, "numpy", names.equation(node), (node,))
        perform = node.op.bind([x.type for x in node.inputs])
        steps.append((step, perform, profile.meter(info, {node: 1.0})))

    def run(values: Sequence[np.ndarray]) -> list[np.ndarray]:
        __tracebackhide__ = True
        slots: list = [*values, *program.constants]
        slots.extend([None] * (program.size - len(slots)))
        for step, perform, meter in steps:
            given = [slots[n] for n in step.inputs]
            start = profile.clock()
            try:
                with np.errstate(all="ignore"):
                    outputs = perform(*given)
            except FAILURES as error:
                fail(error, step.node, given)
            spent = profile.clock() - start
            slots_of = zip(step.outputs, outputs, strict=True)
            for n, array in slots_of:
                slots[n] = array
            for n in step.dead:
                slots[n] = None
            shapes = [array.shape for array in given], [array.shape for array in outputs]
            profile.add([(meter, spent, cost_of_node(step.node, *shapes))])
        return [slots[n] for n in program.results]

    return run


def timed_whole(run: Executable, graph: FunctionGraph, what: str, profile: Profile) -> Executable:
    """Something that runs a graph in one go, as one step of a profile."""
    share = dict.fromkeys(graph.order, 1 / max(len(graph.order), 1))
    meter = profile.meter(StepInfo(0, "numpy", f"the whole graph {what}", graph.order), share)

    def timed(values: Sequence[np.ndarray]) -> list[np.ndarray]:
        __tracebackhide__ = True
        start = profile.clock()
        try:
            return run(values)
        finally:
            profile.add([(meter, profile.clock() - start, Cost())])

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
