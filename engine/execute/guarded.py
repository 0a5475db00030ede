"""Native code that looks for NaN and Inf: the same results, and word of where these were born.

Compiled steps tell that they wrote something; then that step alone is computed again with NumPy,
a node at a time, from the memory that it read. What came in unseen, since it was masked before, is
traced by computing all that the step needs from the values of the call.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from math import prod
from typing import Any

import numpy as np

from arignote.execute.c import Native
from arignote.execute.frame import Frame
from arignote.execute.judge import Judge
from arignote.execute.libraries import ffi
from arignote.execute.protocol import Executable
from arignote.graph import Apply, Constant, Variable
from arignote.lower.steps import LoopProgram, LoopStep, NodeStep, Part, ProductStep


@dataclass(slots=True)
class GuardedFrame(Frame):
    """A frame with the part that it runs, and where in the table each of its steps begins."""

    part: Part | None = None
    number: int = 0
    starts: Sequence[int] = ()


class GuardedNative(Native):
    """Native code whose steps tell when they write NaN or Inf.

    Parameters
    ----------
    program : LoopProgram
        As `watching` gives it.
    replay : Executable
        Has to look for NaN and Inf too.
    threads : int
    judge : Judge
        Of the graph of the program.
    """

    def __init__(
        self, program: LoopProgram, replay: Executable, threads: int, judge: Judge
    ) -> None:
        super().__init__(program, replay, threads)
        self._judge = judge
        self._numbers = {step: number for number, step in enumerate(program.computing, 1)}
        self._node_steps = {step.node: step for step in program.steps if isinstance(step, NodeStep)}

    @property
    def fallback(self) -> Executable:
        return self

    def _run(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        __tracebackhide__ = True
        results = super()._run(values)
        self._judge.check_leaves(dict(zip(self.leaves, values, strict=True)))
        return results

    def _leaf_values(self, arrays: Mapping[Variable, np.ndarray]) -> dict[Variable, np.ndarray]:
        return {x: arrays[x] for x in self.leaves}

    def _node(
        self, number: int, node: Apply, key: tuple, arrays: dict[Variable, np.ndarray]
    ) -> tuple:
        __tracebackhide__ = True
        shapes = super()._node(number, node, key, arrays)
        step = self._node_steps[node]
        if step.is_view:
            return shapes
        wrong = self._judge.wrong({out: arrays[out] for out in node.outputs})
        if wrong:
            known = {x: self._value(x, arrays, number, key) for x in node.inputs}
            leaves = self._leaf_values(arrays)
            self._judge.judge(wrong, known, leaves, self._numbers[step], (node,))
        return shapes

    def _frame(
        self, number: int, part: Part, key: tuple, arrays: dict[Variable, np.ndarray]
    ) -> Frame:
        frame = super()._frame(number, part, key, arrays)
        given: dict[str, Any] = {item.name: getattr(frame, item.name) for item in fields(frame)}
        starts = [0]
        for _ in range(frame.steps):
            starts.append(starts[-1] + frame.table[starts[-1] + 1])
        return GuardedFrame(**given, part=part, number=number, starts=starts)

    def _call(self, frame: Frame, arrays: Mapping[Variable, np.ndarray]) -> int:
        __tracebackhide__ = True
        assert isinstance(frame, GuardedFrame)
        code: int = self.call_frame(frame.whole)
        done, found = 0, False
        while code < -1:
            # A step of the program may be several of the table: they are all run before it is
            # looked at, and nothing after them, so that all that it read is still there.
            done += -1 - code
            while done < frame.steps and frame.owners[done] == frame.owners[done - 1]:
                code = self._run_from(frame, done, 1)
                done += 1
                if code > 0:
                    return code
            found = found or self._look_at(frame, frame.owners[done - 1], arrays)
            code = self._run_from(frame, done, frame.steps - done)
        return code

    def _run_from(self, frame: GuardedFrame, first: int, count: int) -> int:
        table = frame.table + frame.starts[first]
        code: int = self._run_table(table, count, frame.args, ffi().NULL)
        return code

    def _look_at(
        self, frame: GuardedFrame, place: int, arrays: Mapping[Variable, np.ndarray]
    ) -> bool:
        """Whether a step of a part wrote what is an error, which is then reported."""
        __tracebackhide__ = True
        assert frame.part is not None
        step = frame.part.steps[place]
        assert isinstance(step, LoopStep | ProductStep), "others write nothing"
        memory = self._memory(frame, arrays)
        known = {x: memory(x) for x in step.inputs if not isinstance(x, Constant)}
        wrong = self._judge.wrong({x: memory(x) for x in step.outputs})
        nodes = step.loops.nodes if isinstance(step, LoopStep) else (step.node,)
        leaves = self._leaf_values(arrays)
        return self._judge.judge(wrong, {**arrays, **known}, leaves, self._numbers[step], nodes)

    def _memory(
        self, frame: GuardedFrame, arrays: Mapping[Variable, np.ndarray]
    ) -> Callable[[Variable], np.ndarray]:
        """What lies in the memory that a frame works on, by variable."""
        assert frame.part is not None
        sizes, hosts = self._sizes(frame.number, arrays)
        # Frames do not keep where things lie, since only this asks.
        numbers, places = self.plan(frame.number, frame.part).places(sizes, hosts)

        def read(x: Variable) -> np.ndarray:
            if x in hosts:
                return hosts[x]
            argument, offset = places[x]
            shape, dtype = numbers.shape(x), x.type.numpy_dtype
            size = prod(shape) * dtype.itemsize
            if not size:
                return np.empty(shape, dtype)
            data = ffi().buffer(frame.args[argument] + offset, size)
            return np.frombuffer(data, dtype).reshape(shape)

        return read
