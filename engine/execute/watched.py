"""NumPy's executor with watchers, which see what each node is given and gives."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from arignote.execute.numpy import run_node
from arignote.execute.protocol import Executable
from arignote.graph import Apply, Variable
from arignote.lower import Program


class Watcher(Protocol):
    """Looks on while the nodes of one call are computed; they are counted from 0."""

    def before(self, number: int, node: Apply, given: Sequence[np.ndarray]) -> None:
        """Called before a node is computed."""

    def after(
        self,
        number: int,
        node: Apply,
        given: Sequence[np.ndarray],
        outputs: Sequence[np.ndarray],
    ) -> None:
        """Called when a node is computed."""


Watch = Callable[[Mapping[Variable, np.ndarray]], Watcher]
"""Makes the watcher of a call from the values of inputs and shared variables."""


def load_watched(program: Program, watches: Sequence[Watch]) -> Executable:
    """As `load`, with watchers for each call; what they raise ends the call."""
    performs = [step.node.op.bind([x.type for x in step.node.inputs]) for step in program.steps]
    leaves = (*program.inputs, *program.shared)

    def run(values: Sequence[np.ndarray]) -> list[np.ndarray]:
        __tracebackhide__ = True
        slots: list = [*values, *program.constants]
        slots.extend([None] * (program.size - len(slots)))
        named = dict(zip(leaves, values, strict=True))
        watchers = [watch(named) for watch in watches]
        for number, (step, perform) in enumerate(zip(program.steps, performs, strict=True)):
            given = [slots[n] for n in step.inputs]
            for watcher in watchers:
                watcher.before(number, step.node, given)
            outputs = run_node(step.node, perform, given)
            for watcher in watchers:
                watcher.after(number, step.node, given, outputs)
            for n, array in zip(step.outputs, outputs, strict=True):
                slots[n] = array
            for n in step.dead:
                slots[n] = None
        return [slots[n] for n in program.results]

    return run
