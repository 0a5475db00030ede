"""The plan of memory: which runs of steps need no Python, and where their values lie."""

from collections.abc import Hashable, Sequence

from arignote.graph import Constant, Variable
from arignote.lower.sizes import SizeTable
from arignote.lower.steps import AliasStep, NativeStep, NodeStep, Part, Step


def parts_of(
    order: Sequence[Step], results: set[Variable], table: SizeTable
) -> list[Part | NodeStep]:
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
            _plan(part, later, table)
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


def _plan(part: Part, later: set[Variable], table: SizeTable) -> None:
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
    part.outputs = tuple(
        [x for step in part.steps for x in step.outputs if x in made and x in later]
    )
    _assign(part, last, table)


def _assign(part: Part, last: dict[Variable, int], table: SizeTable) -> None:
    """Gives each value that is used up to step `last` a piece of the workspace."""
    exported = set(part.outputs)
    free: dict[Hashable, list[int]] = {}
    ends: dict[int, list[Variable]] = {}
    for x, n in last.items():
        ends.setdefault(n, []).append(x)
    for n, step in enumerate(part.steps):
        if isinstance(step, AliasStep):
            outs: Sequence[Variable] = ()
        else:
            outs = [out for out in step.outputs if out not in exported]
        for out in outs:
            room = free.get(_room(out, table))
            if room:
                slot = room.pop()
                part.pieces[slot].append(out)
            else:
                slot = len(part.pieces)
                part.pieces.append([out])
            part.slots[out] = slot
        for x in ends.get(n, ()):
            if x in part.slots:
                free.setdefault(_room(x, table), []).append(part.slots[x])


def _room(x: Variable, table: SizeTable) -> Hashable:
    """What variables share that take equally much memory."""
    sizes = [key for key in table.keys(x.type.dims) if key != 1]
    if len(sizes) > 1:
        sizes.sort(key=hash)
    return (*sizes, x.type.numpy_dtype.itemsize)
