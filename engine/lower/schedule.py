"""LoopProgram: a graph as loops, products and NumPy's steps, in order, over memory with a plan."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf

from arignote.graph import Apply, Constant, FunctionGraph, SharedVariable, Variable
from arignote.lower.build import Axes, Builder, Loops
from arignote.lower.fusion import Fused, fuse, is_product
from arignote.lower.sizes import Key, SizeTable, is_known
from arignote.ops.dot import MatMul
from arignote.ops.elemwise import Elemwise
from arignote.ops.indexing import At, Range, Subtensor
from arignote.ops.reduce import Reduce
from arignote.ops.view import DimShuffle, Flatten, Reshape
from arignote.rewrite.sizes import EqualSizes


@dataclass(frozen=True, eq=False)
class LoopStep:
    """A kernel."""

    loops: Loops

    @property
    def inputs(self) -> tuple[Variable, ...]:
        """What it reads."""
        return self.loops.inputs

    @property
    def outputs(self) -> tuple[Variable, ...]:
        """What it writes."""
        return self.loops.outputs


@dataclass(frozen=True, eq=False)
class ProductStep:
    """A product by BLAS; for each operand the memory and whether it is transposed."""

    node: Apply
    operands: tuple[tuple[Variable, bool], ...]

    @property
    def inputs(self) -> tuple[Variable, ...]:
        """What it reads."""
        return tuple(x for x, _ in self.operands)

    @property
    def outputs(self) -> tuple[Variable, ...]:
        """What it writes."""
        return self.node.outputs


@dataclass(frozen=True, eq=False)
class AliasStep:
    """Another shape for, or a part of, what lies in memory; nothing is computed."""

    node: Apply

    @property
    def inputs(self) -> tuple[Variable, ...]:
        """What it looks at."""
        return self.node.inputs[:1]

    @property
    def outputs(self) -> tuple[Variable, ...]:
        """The other look at it."""
        return self.node.outputs


@dataclass(frozen=True, eq=False)
class NodeStep:
    """A node that NumPy computes; a view only gives what is there another shape."""

    node: Apply
    is_view: bool = False

    @property
    def inputs(self) -> tuple[Variable, ...]:
        """What it reads."""
        return self.node.inputs

    @property
    def outputs(self) -> tuple[Variable, ...]:
        """What it gives."""
        return self.node.outputs


Step = LoopStep | ProductStep | AliasStep | NodeStep
NativeStep = LoopStep | ProductStep | AliasStep


@dataclass(eq=False, repr=False)
class Part:
    """Native steps that run in one go, without Python between them.

    Attributes
    ----------
    steps : list of NativeStep
    inputs : tuple of Variable
        What is in memory before.
    outputs : tuple of Variable
        What others need; each gets an array of its own.
    slots : mapping of Variable to int
        For everything else the piece of the workspace that it lies in.
    pieces : list of list of Variable
        For each piece the variables that lie in it, one after the other.
    """

    steps: list[NativeStep]
    inputs: tuple[Variable, ...] = ()
    outputs: tuple[Variable, ...] = ()
    slots: dict[Variable, int] = field(default_factory=dict)
    pieces: list[list[Variable]] = field(default_factory=list)


@dataclass(frozen=True, eq=False, repr=False)
class LoopProgram:
    """Parts and NumPy's steps in order; `print` shows what each computes.

    Attributes
    ----------
    graph : FunctionGraph
    shared : tuple of SharedVariable
    table : SizeTable
    steps : tuple of Part or NodeStep
    hosts : tuple of Apply
        Nodes whose values only sizes decide, in order.
    defining : tuple of Apply
        Nodes whose sizes are found from those of their operands, or checked, in each new call.
    """

    graph: FunctionGraph
    shared: tuple[SharedVariable, ...]
    table: SizeTable
    steps: tuple[Part | NodeStep, ...]
    hosts: tuple[Apply, ...]
    defining: tuple[Apply, ...]

    def __str__(self) -> str:
        names = _Names()
        given = (*self.graph.inputs, *self.shared)
        lines = [f"inputs {', '.join(names(x) for x in given)}"]
        for step in self.steps:
            if isinstance(step, Part):
                for native in step.steps:
                    lines += _shown(native, names, step)
            else:
                lines.append(f"numpy {_equation(step.node, names)}")
        lines.append(f"results {', '.join(names(x) for x in self.graph.results)}")
        return "\n".join(lines)

    __repr__ = __str__

    @property
    def kernels(self) -> list[Loops]:
        """All loop nests, in order."""
        return [
            step.loops
            for part in self.steps
            if isinstance(part, Part)
            for step in part.steps
            if isinstance(step, LoopStep)
        ]


class _Names:
    """Short names: the user's where there are some, else numbers."""

    def __init__(self) -> None:
        self._known: dict[Variable, str] = {}
        self._sizes: dict[Key, str] = {}

    def __call__(self, x: Variable) -> str:
        if isinstance(x, Constant) or x.name is not None:
            return str(x)
        return self._known.setdefault(x, f"v{len(self._known)}")

    def size(self, key: Key) -> str:
        """A size: a number, or a letter where it is not known."""
        if isinstance(key, int):
            return str(key)
        return self._sizes.setdefault(key, f"n{len(self._sizes)}")


def _equation(node: Apply, names: _Names) -> str:
    outs = ", ".join(names(out) for out in node.outputs)
    return f"{outs} = {node.op}({', '.join(names(x) for x in node.inputs)})"


def _shown(step: NativeStep, names: _Names, part: Part) -> list[str]:
    """The lines of a step: what it is, what it computes, and where that goes."""
    if isinstance(step, AliasStep):
        return [f"view {_equation(step.node, names)}"]
    if isinstance(step, ProductStep):
        return [f"blas {_equation(step.node, names)}{_home(step.node.outputs[0], part)}"]
    sizes = ", ".join(names.size(key) for key in step.loops.domain)
    lines = [f"loops over ({sizes}{',' if len(step.loops.domain) == 1 else ''})"]
    for node in step.loops.nodes:
        lines.append(f"    {_equation(node, names)}{_home(node.outputs[0], part)}")
    return lines


def _home(x: Variable, part: Part) -> str:
    if x in part.outputs:
        return "   -> array"
    return f"   -> piece {part.slots[x]}" if x in part.slots else ""


def schedule(
    graph: FunctionGraph, sizes: EqualSizes, shared: Sequence[SharedVariable] | None = None
) -> LoopProgram:
    """The program of a graph for an executor that has loops."""
    return _Scheduler(graph, sizes).run(tuple(graph.shared if shared is None else shared))


class _Scheduler:
    def __init__(self, graph: FunctionGraph, sizes: EqualSizes) -> None:
        self.graph = graph
        self.table = SizeTable(sizes)
        self.fused: Fused = fuse(graph, self.table)
        self.bases: set[Variable] = set()
        self.needed: set[Variable] = set()
        self.steps: list[Step] = []
        self.copied: dict[Variable, None] = {}

    def run(self, shared: tuple[SharedVariable, ...]) -> LoopProgram:
        self._opaque()
        self._loops()
        return LoopProgram(
            self.graph,
            shared,
            self.table,
            tuple(_parts(_ordered(self.steps, self.fused), set(self.graph.results))),
            tuple(node for node in self.graph.order if node in self.fused.hosts),
            tuple(self._defining()),
        )

    # ---- steps ------------------------------------------------------------------------------

    def _opaque(self) -> None:
        """Steps that are no loops, and what they need in memory."""
        fused = self.fused
        placed = (fused.views, fused.hosts, fused.inlined, fused.group_of)
        nodes = [n for n in self.graph.order if not any(n in known for known in placed)]
        # NumPy's come first: what it looks at in another way must be arrays, for loops too.
        for node in nodes:
            if not is_product(node):
                for x in node.inputs:
                    self._demand_array(x)
                self.steps.append(NodeStep(node))
        for node in self.graph.order:
            if node in fused.views and isinstance(node.op, Reshape | Flatten):
                self._demand(node.inputs[0])
        for node in nodes:
            if is_product(node):
                # The last two are multiplied; what stands before them is copied or read as it is.
                factors = () if isinstance(node.op, MatMul) else node.inputs[-2:]
                operands = [
                    self._factor(x) if x in factors and n >= len(node.inputs) - 2 else self._whole(x)
                    for n, x in enumerate(node.inputs)
                ]
                self.steps.append(ProductStep(node, tuple(operands)))
        for x in self.graph.results:
            if self._is_virtual(x):
                self.copied[x] = None
            elif x.owner is not None and x.owner not in fused.hosts:
                self.needed.add(x)

    def _is_virtual(self, x: Variable) -> bool:
        return x.owner is not None and x.owner in self.fused.views and x not in self.bases

    def _whole(self, x: Variable) -> tuple[Variable, bool]:
        self._demand(x)
        return x, False

    def _factor(self, x: Variable) -> tuple[Variable, bool]:
        node = x.owner
        if self._is_virtual(x) and x.type.ndim == 2 and isinstance(node.op, DimShuffle):  # type: ignore[union-attr]
            base = node.inputs[0]  # type: ignore[union-attr]
            if node.op.order == (1, 0) and not self._is_virtual(base):  # type: ignore[union-attr]
                self.needed.add(base)
                return base, True
        return self._whole(x)

    def _demand(self, x: Variable) -> None:
        """Has a variable in memory, in C order."""
        if self._is_virtual(x):
            if _is_alias(x.owner):  # type: ignore[arg-type]
                self._demand(x.owner.inputs[0])  # type: ignore[union-attr]
                self.bases.add(x)
                self.steps.append(AliasStep(x.owner))  # type: ignore[arg-type]
            else:
                self.copied[x] = None
                self.bases.add(x)
        self.needed.add(x)

    def _demand_array(self, x: Variable) -> None:
        """Has a variable as an array for NumPy."""
        waiting = [x]
        while waiting:
            item = waiting.pop()
            if self._is_virtual(item):
                self.bases.add(item)
                self.steps.append(NodeStep(item.owner, is_view=True))  # type: ignore[arg-type]
                waiting.extend(item.owner.inputs)  # type: ignore[union-attr]
            self.needed.add(item)

    def _loops(self) -> None:
        builders = []
        for group in self.fused.groups:
            builder = Builder(self.fused, self.table, group.domain, self.bases)
            builder.add_group(group)
            self._note_loads(builder)
            builders.append((group, builder))
        for x in self.copied:
            keys = self.table.keys(x.type.dims)
            domain = tuple([key for key in keys if key != 1])
            builder = Builder(self.fused, self.table, domain, self.bases - {x})
            count = iter(range(len(keys)))
            axes: Axes = tuple([None if k == 1 else next(count) for k in keys])
            builder.known[x] = builder.value(x, axes)
            self._note_loads(builder)
            builder.store(x, axes)
            self.steps.append(LoopStep(builder.finish([x.owner], None)))  # type: ignore[list-item]
        for group, builder in builders:
            for node in group.members:
                if node.outputs[0] in self.needed:
                    builder.store(node.outputs[0])
            if builder.writes:
                self.steps.append(LoopStep(builder.finish(group.members, group.split)))

    def _note_loads(self, builder: Builder) -> None:
        self.needed.update(access.base for access in builder.accesses)

    def _defining(self) -> Iterable[Apply]:
        """Nodes whose output has a size of its own, or whose operands' sizes may not fit."""
        table, known = self.table, set[Key]()
        for leaf in self.graph.leaves:
            known.update(table.keys(leaf.type.dims))
        for node in self.graph.order:
            outs = [key for out in node.outputs for key in table.keys(out.type.dims)]
            if (
                not all(is_known(key, known) for key in outs)
                or (isinstance(node.op, Elemwise) and self._may_differ(node))
                or (is_product(node) and self._inner_may_differ(node))
                or (isinstance(node.op, Reduce) and abs(node.op.scalar.unit or 0) == inf)
                or (node in self.fused.views and self._may_fail(node))
            ):
                yield node
            known.update(outs)

    def _may_fail(self, node: Apply) -> bool:
        """Whether there are sizes of which there is no such view."""
        op, keys = node.op, self.table.keys(node.inputs[0].type.dims)
        if isinstance(op, DimShuffle):
            return any(key != 1 for axis, key in enumerate(keys) if axis not in op.order)
        if isinstance(op, Subtensor):
            return any(isinstance(entry, At) for entry in op.pattern.entries)
        return not isinstance(op, Flatten)

    def _may_differ(self, node: Apply) -> bool:
        outs = self.table.keys(node.outputs[0].type.dims)
        for x in node.inputs:
            if x.type.dims and x.type.dims is not node.outputs[0].type.dims:
                for key, out in zip(self.table.keys(x.type.dims), outs, strict=True):
                    if key not in (1, out):
                        return True
        return any(isinstance(key, frozenset) for key in outs)

    def _inner_may_differ(self, node: Apply) -> bool:
        types = [x.type for x in node.inputs]
        groups = [[self.table.key(s) for s in sizes] for sizes in node.op.meeting_sizes(types)]
        return any(len(set(keys)) > 1 for keys in groups)


def _is_alias(node: Apply) -> bool:
    """Whether a view of memory in C order is in C order itself."""
    op = node.op
    if isinstance(op, DimShuffle):
        kept = [axis for axis in op.order if axis is not None]
        return kept == sorted(kept)
    if isinstance(op, Subtensor):
        entries = list(op.pattern.entries)
        while entries and isinstance(entries[0], At):
            entries.pop(0)
        first = entries[0] if entries else Range()
        return len(entries) <= 1 and isinstance(first, Range) and first.step in (None, 1)
    return isinstance(op, Reshape | Flatten)


def _nodes(step: Step) -> Sequence[Apply]:
    """The nodes of a step."""
    if isinstance(step, LoopStep):
        return [*step.loops.nodes, *[node for a in step.loops.accesses for node in a.views]]
    return [step.node]


def _awaited(step: Step, fused: Fused) -> set[Apply]:
    """The nodes of NumPy without which the sizes of a step are not known."""
    if not fused.awaits:
        return set()
    return {
        node
        for of_step in _nodes(step)
        for x in (*of_step.inputs, *of_step.outputs)
        for node in fused.awaits.get(x, ())
    }


def _ordered(steps: Sequence[Step], fused: Fused) -> list[Step]:
    """The steps, each after those that it needs; NumPy's steps stand as rarely as may be between."""
    maker = {out: step for step in steps for out in step.outputs}
    missing: dict[Step, int] = {}
    users: dict[Step, list[Step]] = {}
    for step in steps:
        needs = {maker[x] for x in step.inputs if x in maker}
        needs |= {maker[node.outputs[0]] for node in _awaited(step, fused)}
        needs.discard(step)
        missing[step] = len(needs)
        for other in needs:
            users.setdefault(other, []).append(step)
    ready: dict[bool, list[Step]] = {True: [], False: []}
    for step in reversed(steps):
        if not missing[step]:
            ready[isinstance(step, NodeStep)].append(step)
    order: list[Step] = []
    by_numpy = True
    while ready[True] or ready[False]:
        by_numpy = by_numpy if ready[by_numpy] else not by_numpy
        step = ready[by_numpy].pop()
        order.append(step)
        for user in reversed(users.get(step, ())):
            missing[user] -= 1
            if not missing[user]:
                ready[isinstance(user, NodeStep)].append(user)
    assert len(order) == len(steps), "steps wait for each other"
    return order


def _parts(order: Sequence[Step], results: set[Variable]) -> list[Part | NodeStep]:
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
