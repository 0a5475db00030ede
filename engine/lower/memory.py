"""The plan of memory: which runs of steps need no Python, and where their values lie."""

from collections.abc import Hashable, Sequence

from arignote.graph import Constant, Variable
from arignote.lower.build import Access, Loops
from arignote.lower.kernel import Gathered, Store, Total
from arignote.lower.sizes import SizeTable
from arignote.lower.steps import AliasStep, LoopStep, NativeStep, NodeStep, Part, ProductStep, Step
from arignote.ops.dot import Gemm, Gemv


def parts_of(
    order: Sequence[Step], results: set[Variable], table: SizeTable, in_place: bool = True
) -> list[Part | NodeStep]:
    """Runs of native steps as parts, with their plans of memory.

    With `in_place` loops may write over what nobody reads after them.
    """
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
            _plan(part, later, table, in_place)
        later.update(part.inputs)
    return parts


def _with_aliases(
    steps: list[NativeStep],
    needed: Sequence[Variable],
    aliases: dict[Variable, AliasStep],
    seen: set[Variable],
) -> None:
    """Adds to the steps of a part the looks at memory that are needed and not among them yet.

    A look at another look comes after that one.
    """
    waiting = list(needed)
    while waiting:
        x = waiting[-1]
        if x not in aliases or x in seen:
            waiting.pop()
            continue
        first = [y for y in aliases[x].inputs if y in aliases and y not in seen]
        if not first:
            seen.add(x)
            steps.append(aliases[x])
        waiting.extend(first)


def _plan(part: Part, later: set[Variable], table: SizeTable, in_place: bool) -> None:
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
    _assign(part, last, root if in_place else None, table)


def _assign(
    part: Part,
    last: dict[Variable, int],
    root: dict[Variable, Variable] | None,
    table: SizeTable,
) -> None:
    """Gives each value that is used up to step `last` a piece of the workspace.

    `root` has what views look at; without it no step writes over what it reads.
    """
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
        dying = [x for x in ends.get(n, ()) if x in part.slots]
        over = {} if root is None or not dying else _overwritten(step, dying, root, table)
        for out in outs:
            room = free.get(_room(out, table))
            if out in over:
                dying.remove(over[out])
                slot = part.slots[over[out]]
                part.pieces[slot].append(out)
            elif room:
                slot = room.pop()
                part.pieces[slot].append(out)
            else:
                slot = len(part.pieces)
                part.pieces.append([out])
            part.slots[out] = slot
        for x in [*dying, *(out for out in outs if last[out] == n)]:
            free.setdefault(_room(x, table), []).append(part.slots[x])


def _overwritten(
    step: NativeStep, dying: Sequence[Variable], root: dict[Variable, Variable], table: SizeTable
) -> dict[Variable, Variable]:
    """For outputs of a step, the values in whose place they are written: nobody reads them later.

    Nor does the step itself, once it has written there.
    """
    if isinstance(step, LoopStep):
        pairs = _element_by_element(step.loops, root)
    elif isinstance(step, ProductStep) and isinstance(step.node.op, Gemm | Gemv):
        pairs = _added_to(step, root)
    else:
        return {}
    found: dict[Variable, Variable] = {}
    for out, x in pairs:
        free = x in dying and out not in found and x not in found.values()
        if free and _layout(x, table) == _layout(out, table):
            found[out] = x
    return found


Pairs = list[tuple[Variable, Variable]]


def _element_by_element(loops: Loops, root: dict[Variable, Variable]) -> Pairs:
    """Outputs, and inputs of which the turn of the loops that writes an element reads just that.

    Loops that know totals run over their rows more than once.
    """
    kernel = loops.kernel
    if any(isinstance(value, Total | Gathered) for value in kernel.values):
        return []
    stores = {write.operand for write in kernel.writes if isinstance(write, Store)}
    read: dict[Variable, list[Access]] = {}
    for access in loops.accesses:
        if not access.written:
            read.setdefault(root.get(access.base, access.base), []).append(access)
    once = [found[0] for x, found in read.items() if len(found) == 1 and found[0].base is x]
    return [
        (out.base, access.base)
        for n, out in enumerate(loops.accesses)
        if n in stores and None not in out.axes and len(out.axes) == kernel.rank
        for access in once
        if access.axes == out.axes and not access.views
    ]


def _added_to(step: ProductStep, root: dict[Variable, Variable]) -> Pairs:
    """The result of a product that is added to something, and that."""
    z, *others = [x for x, _ in step.operands]
    is_apart = root.get(z, z) is z and all(root.get(x, x) is not z for x in others)
    return [(step.node.outputs[0], z)] if is_apart else []


def _layout(x: Variable, table: SizeTable) -> Hashable:
    """What variables share whose elements lie in the same places."""
    return (*table.keys(x.type.dims), x.type.numpy_dtype.itemsize)


def _room(x: Variable, table: SizeTable) -> Hashable:
    """What variables share that take equally much memory."""
    sizes = [key for key in table.keys(x.type.dims) if key != 1]
    if len(sizes) > 1:
        sizes.sort(key=hash)
    return (*sizes, x.type.numpy_dtype.itemsize)
