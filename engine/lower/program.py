"""Program: a graph as ordered steps over slots, ready for an executor."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arignote.graph import Apply, Constant, FunctionGraph, SharedVariable, Variable


@dataclass(frozen=True)
class Step:
    """One node: the slots that it reads and fills, and those whose values are dead after it."""

    node: Apply
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    dead: tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """Steps over slots: inputs first, then shared variables, constants and results of nodes."""

    steps: tuple[Step, ...]
    size: int
    inputs: tuple[Variable, ...]
    shared: tuple[SharedVariable, ...]
    constants: tuple[np.ndarray, ...]
    results: tuple[int, ...]

    def __str__(self) -> str:
        lines = [f"inputs {', '.join(f's{n}={x}' for n, x in enumerate(self.inputs))}"]
        for step in self.steps:
            outs = ", ".join(f"s{n}" for n in step.outputs)
            ins = ", ".join(f"s{n}" for n in step.inputs)
            free = f"   free {', '.join(f's{n}' for n in step.dead)}" if step.dead else ""
            lines.append(f"{outs} = {step.node.op}({ins}){free}")
        lines.append(f"results {', '.join(f's{n}' for n in self.results)}")
        return "\n".join(lines)


def lower(graph: FunctionGraph, shared: Sequence[SharedVariable] | None = None) -> Program:
    """The program of a graph; its shared variables are those given, or those that it needs."""
    stored = tuple(graph.shared if shared is None else shared)
    leaves: list[Variable] = [*graph.inputs, *stored, *graph.constants]
    slots = {leaf: n for n, leaf in enumerate(leaves)}
    for node in graph.order:
        for out in node.outputs:
            slots[out] = len(slots)
    results = tuple(slots[x] for x in graph.results)
    return Program(
        _steps(graph.order, slots, kept=set(range(len(leaves))) | set(results)),
        len(slots),
        graph.inputs,
        stored,
        tuple(x.data for x in graph.constants if isinstance(x, Constant)),
        results,
    )


def _steps(order: Sequence[Apply], slots: dict[Variable, int], kept: set[int]) -> tuple[Step, ...]:
    steps: list[Step] = []
    used_later = set(kept)
    for node in reversed(order):
        inputs = tuple(slots[x] for x in node.inputs)
        outputs = tuple(slots[out] for out in node.outputs)
        dead = tuple(dict.fromkeys(n for n in (*inputs, *outputs) if n not in used_later))
        used_later.update(inputs)
        steps.append(Step(node, inputs, outputs, dead))
    return tuple(reversed(steps))
