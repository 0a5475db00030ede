"""The plan of memory: which runs of steps need no Python, and where their values lie."""

from collections.abc import Sequence

from arignote.graph import Constant, Variable
from arignote.lower.steps import AliasStep, NativeStep, NodeStep, Part, Step


def parts_of(order: Sequence[Step], results: set[Variable]) -> list[Part | NodeStep]:
    """Runs of native steps as parts, with their plans of memory."""
    parts: list[Part | NodeStep] = []
    aliases = {step.node.outputs[0]: step for step in order if isinstance(step, AliasStep)}
    seen: set[Variable] = set()
    for step in order:
        if isinstance(step, NodeStep):
            parts.append(step)
        elif not isinstance(step, AliasStep):
            if not parts or not isinstance(parts[-1], Part):
                parts.append(Part([]))
                seen = set()
            _with_aliases(parts[-1].steps, step.inputs, aliases, seen)  # type: ignore[union-attr]
            parts[-1].steps.append(step)  # type: ignore[union-attr]
    later: set[Variable] = set(results)
    for part in reversed(parts):
        if isinstance(part, Part):
            _plan(part, later)
            later.update(part.inputs)
        else:
            later.update(part.inputs)
    return parts


def _with_aliases(
    steps: list[NativeStep],
    needed: Sequence[Variable],
    aliases: dict[Variable, AliasStep],
    seen: set[Variable],
) -> None:
    """Adds to the steps of a part the looks at memory that are needed and not among them yet."""
    waiting, missing = list(needed), list[AliasStep]()
    while waiting:
        x = waiting.pop()
        if x in aliases and x not in seen:
            seen.add(x)
            missing.append(aliases[x])
            waiting.extend(aliases[x].inputs)
    steps.extend(reversed(missing))


def _plan(part: Part, later: set[Variable]) -> None:
    """Which memory the values of a part have; what dies makes room for what comes after."""
    made: set[Variable] = set()
    root: dict[Variable, Variable] = {}
    inputs: dict[Variable, None] = {}
    last: dict[Variable, int] = {}
    for n, step in enumerate(part.steps):
        for x in step.inputs:
            base = root.get(x, x)
            last[base] = n
            if base not in made and not isinstance(base, Constant):
                inputs[base] = None
        for out in step.outputs:
            if isinstance(step, AliasStep):
                base = root.get(step.inputs[0], step.inputs[0])
                root[out] = base
            else:
                made.add(out)
                last.setdefault(out, n)
    part.inputs = tuple(inputs)
    part.outputs = tuple(x for step in part.steps for x in step.outputs if x in made and x in later)
    exported = set(part.outputs)
    free: dict[object, list[int]] = {}
    ends: dict[int, list[Variable]] = {}
    for x, n in last.items():
        ends.setdefault(n, []).append(x)
    for n, step in enumerate(part.steps):
        if not isinstance(step, AliasStep):
            for out in step.outputs:
                if out not in exported:
                    part.slots[out] = _slot(part, free, out)
        for x in ends.get(n, ()):
            if x in part.slots:
                free.setdefault(_room(x), []).append(part.slots[x])


def _room(x: Variable) -> object:
    """What variables share that take equally much memory."""
    dims = sorted((d for d in x.type.dims if d != 1), key=id)
    return (tuple(dims), x.type.numpy_dtype.itemsize)


def _slot(part: Part, free: dict[object, list[int]], x: Variable) -> int:
    room = free.get(_room(x))
    if room:
        slot = room.pop()
        part.pieces[slot].append(x)
        return slot
    part.pieces.append([x])
    return len(part.pieces) - 1
