"""Scheduling: a graph as steps, each after those that it needs."""

from collections.abc import Callable, Iterable, Sequence
from math import inf

from arignote.graph import Apply, FunctionGraph, SharedVariable, Variable
from arignote.lower.build import Axes, Builder, Loops
from arignote.lower.fusion import CAP, Fused, fuse
from arignote.lower.kinds import Kind
from arignote.lower.memory import parts_of
from arignote.lower.sizes import Key, SizeTable, is_known
from arignote.lower.steps import AliasStep, LoopProgram, LoopStep, NodeStep, ProductStep, Step
from arignote.ops.dot import MatMul
from arignote.ops.elemwise import Elemwise
from arignote.ops.indexing import At, Range, Subtensor
from arignote.ops.reduce import Reduce
from arignote.ops.view import DimShuffle, Flatten, Reshape
from arignote.rewrite.sizes import EqualSizes


def schedule(
    graph: FunctionGraph,
    sizes: EqualSizes,
    shared: Sequence[SharedVariable] | None = None,
    fusion: bool = True,
    in_place: bool = True,
    hear: Callable[[Sequence[Loops]], None] | None = None,
) -> LoopProgram:
    """The program of a graph for an executor that has loops.

    Without `fusion` each node has a loop of its own, without `in_place` no loop writes over what
    it reads. All loops are told to `hear` as soon as they are known, before their order is.
    """
    given = tuple(graph.shared if shared is None else shared)
    scheduler = _Scheduler(graph, sizes, CAP if fusion else 1)
    if hear is not None:
        hear([step.loops for step in scheduler.steps if isinstance(step, LoopStep)])
    return scheduler.run(given, in_place)


class _Scheduler:
    def __init__(self, graph: FunctionGraph, sizes: EqualSizes, cap: int) -> None:
        self.graph = graph
        self.table = SizeTable(sizes)
        self.fused: Fused = fuse(graph, self.table, cap)
        self.bases: set[Variable] = set()
        self.needed: set[Variable] = set()
        self.steps: list[Step] = []
        self.copied: dict[Variable, None] = {}
        self._opaque()
        self._loops()

    def run(self, shared: tuple[SharedVariable, ...], in_place: bool) -> LoopProgram:
        order, results = _ordered(self.steps, self.fused), set(self.graph.results)
        return LoopProgram(
            self.graph,
            shared,
            self.table,
            tuple(parts_of(order, results, self.table, in_place)),
            tuple(node for node in self.graph.order if node in self.fused.hosts),
            tuple(self._defining()),
            self.fused,
        )

    # ---- steps ------------------------------------------------------------------------------

    def _opaque(self) -> None:
        """Steps that are no loops, and what they need in memory."""
        fused = self.fused
        placed = fused.views.union(fused.hosts, fused.inlined, fused.group_of)
        nodes = [node for node in self.graph.order if node not in placed]
        # NumPy's come first: what it looks at in another way must be arrays, for loops too.
        for node in nodes:
            if fused.kinds[node] is not Kind.PRODUCT:
                for x in node.inputs:
                    self._demand_array(x)
                self.steps.append(NodeStep(node))
        for node in self.graph.order:
            if node in fused.views and isinstance(node.op, Reshape | Flatten):
                self._demand(node.inputs[0])
        for node in nodes:
            if fused.kinds[node] is Kind.PRODUCT:
                # The last two are multiplied; what stands before them is copied or read as it is.
                factors = () if isinstance(node.op, MatMul) else node.inputs[-2:]
                operands = [
                    self._factor(x)
                    if x in factors and n >= len(node.inputs) - 2
                    else self._whole(x)
                    for n, x in enumerate(node.inputs)
                ]
                self.steps.append(ProductStep(node, tuple(operands)))
        # A result is an array of its own, even where a step would do with another look at memory.
        results = {x.owner for x in self.graph.results}
        looks = {s.node for s in self.steps if isinstance(s, AliasStep) and s.node in results}
        self.steps = [s for s in self.steps if not (isinstance(s, AliasStep) and s.node in looks)]
        for x in self.graph.results:
            if self._is_virtual(x) or x.owner in looks:
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
        self.needed.update([access.base for access in builder.accesses])

    def _defining(self) -> Iterable[Apply]:
        """Nodes whose output has a size of its own, or whose operands' sizes may not fit."""
        table, known = self.table, set[Key]()
        for leaf in self.graph.leaves:
            known.update(table.keys(leaf.type.dims))
        seen: set[int] = set()
        for node in self.graph.order:
            op, is_new = node.op, False
            for out in node.outputs:
                dims = out.type.dims
                if id(dims) not in seen:
                    seen.add(id(dims))
                    for key in table.keys(dims):
                        if key not in known:
                            is_new = is_new or not is_known(key, known)
                            known.add(key)
            if is_new or (
                self._may_differ(node)
                if type(op) is Elemwise
                else self._may_fail(node)
                if node in self.fused.views
                else self._inner_may_differ(node)
                if self.fused.kinds[node] is Kind.PRODUCT
                else isinstance(op, Reduce) and abs(op.scalar.unit or 0) == inf
            ):
                yield node

    def _may_fail(self, node: Apply) -> bool:
        """Whether there are sizes of which there is no such view."""
        op, keys = node.op, self.table.keys(node.inputs[0].type.dims)
        if isinstance(op, DimShuffle):
            return any(key != 1 for axis, key in enumerate(keys) if axis not in op.order)
        if isinstance(op, Subtensor):
            return any(isinstance(entry, At) for entry in op.pattern.entries)
        return not isinstance(op, Flatten)

    def _may_differ(self, node: Apply) -> bool:
        dims = node.outputs[0].type.dims
        if all(not x.type.dims or x.type.dims is dims for x in node.inputs):
            return False
        outs = self.table.keys(dims)
        for x in node.inputs:
            if x.type.dims and x.type.dims is not dims:
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
    """The steps, each after those that it needs; NumPy's are together as far as may be.

    What no other step needs comes as soon as it can: it only lets go of memory.
    """
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
        last = []
        for user in reversed(users.get(step, ())):
            missing[user] -= 1
            if not missing[user]:
                if user in users:
                    ready[isinstance(user, NodeStep)].append(user)
                else:
                    last.append(user)
        for user in last:
            ready[isinstance(user, NodeStep)].append(user)
    assert len(order) == len(steps), "steps wait for each other"
    return order
