"""Fusion by stages: which nodes share a loop nest.

Every value has a stage: that of a leaf is -1, and a group of nodes in one stage over one domain is
one kernel. A node joins the group that computes its latest operands if it runs over the same
domain; else it starts, or joins, a group of the next stage. Between groups the stage always
rises, so that no two of them wait for each other, and nodes over equal domains in one stage fuse
even if neither needs the other. A group that is full is followed by another of the same stage.

A reduction joins the group of its operand. Where the kept axes lead, its result is known after
each row and may be used further in the same kernel (the sum of a softmax); else it is known at
the end of the kernel.

Nodes that are `inlined` have no place: each group that needs such a node computes it again. That
are cheap functions of leaves, such as masks, and cheap functions of what is kept in memory anyway
that are needed much later, such as the derivative of tanh.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from arignote.graph import Apply, Constant, FunctionGraph, Variable
from arignote.lower.kinds import HOSTS, VIEWS, Kind, is_call, is_static, kind_of
from arignote.lower.sizes import Key, SizeTable
from arignote.ops.create import ARange, Shape
from arignote.ops.elemwise import Elemwise
from arignote.ops.indexing import Subtensor
from arignote.ops.reduce import Count, Reduce
from arignote.ops.view import BroadcastTo, DimShuffle, Reshape
from arignote.scalar.record import C_TYPES

# Kernels of about this many operations run fastest; much longer ones spill, and take gcc long.
CAP = 20
# What may be computed again in every kernel that needs it, in operations.
INLINE = 6
GENERATION = 1 << 20


@dataclass(eq=False, slots=True)
class Group:
    """Nodes that share a loop nest.

    `domain` has the sizes' keys; `split` is the number of axes that lead before the reductions
    whose results are used within.
    """

    stage: int
    domain: tuple[Key, ...]
    split: int | None = None
    members: list[Apply] = field(default_factory=list)
    cap: int = CAP

    @property
    def is_full(self) -> bool:
        """Whether the group takes no more elementwise nodes.

        Those of rows are computed in several loops, none of which has all of them.
        """
        return len(self.members) >= (self.cap if self.split is None else 2 * self.cap)

    @property
    def takes_reductions(self) -> bool:
        """Whether reductions may join; they are few, and save reading their operands again."""
        return len(self.members) < (2 * self.cap if self.cap > 1 else 1)


@dataclass(unsafe_hash=True, slots=True)
class Spot:
    """Where a value is in a group: the domain axis that each of its axes is, None for size 1."""

    group: Group
    axes: tuple[int | None, ...]


@dataclass(slots=True)
class Fused:
    """What fusion finds.

    Attributes
    ----------
    groups : list of Group
    spots : mapping of Variable to Spot
        Of members, whose values other members may use.
    group_of : mapping of Apply to Group
    hosts : set of Apply
        Nodes whose values only the sizes of a call decide.
    views : set of Apply
        Nodes that only look at memory in another way.
    inlined : set of Apply
        Nodes that every kernel computes for itself.
    awaits : mapping of Variable to set of Apply
        The nodes of NumPy without whose results a variable's sizes are not known.
    stage : mapping of Variable to int
    kinds : mapping of Apply to Kind
    """

    groups: list[Group]
    spots: dict[Variable, Spot]
    group_of: dict[Apply, Group]
    hosts: set[Apply]
    views: set[Apply]
    inlined: set[Apply]
    awaits: dict[Variable, frozenset[Apply]]
    stage: dict[Variable, int]
    kinds: dict[Apply, Kind]


class Fusion:
    """The state of fusing one graph."""

    def __init__(self, graph: FunctionGraph, table: SizeTable, cap: int = CAP) -> None:
        self.graph, self.table, self.cap = graph, table, cap
        self.stage: dict[Variable, int] = {}
        self.groups: dict[tuple[int, tuple[Key, ...]], Group] = {}
        self.current: dict[tuple[int, tuple[Key, ...]], int] = {}
        self.kinds = {node: kind_of(node) for node in graph.order}
        self.fused = Fused([], {}, {}, set(), set(), set(), {}, self.stage, self.kinds)
        self._classify()

    # ---- what has no place of its own ----------------------------------------------------

    def _classify(self) -> None:
        """Finds nodes that only sizes decide, views, and what is inlined."""
        fused, results = self.fused, set(self.graph.results)
        depth: dict[Variable, int] = {}
        users: defaultdict[Variable, list[Apply]] = defaultdict(list)
        for node in self.graph.order:
            self.table.learn(node)
            below = 0
            for x in node.inputs:
                users[x].append(node)
                below = max(below, depth.get(x, 0))
            if self._is_host(node):
                fused.hosts.add(node)
            elif self._is_view(node):
                fused.views.add(node)
            plain = self.kinds[node] is Kind.ELEMENTWISE
            barrier = not (plain or node in fused.views or node in fused.hosts)
            for out in node.outputs:
                depth[out] = below + barrier
        if self.cap == 1:
            return
        stored = results | self._memory()
        self._float(stored)
        self._sink(stored, depth, users)

    def _memory(self) -> set[Variable]:
        """What must be in memory, since more than loops over its elements reads it."""
        found: set[Variable] = set()
        for node in self.graph.order:
            kind = self.kinds[node]
            if kind in (Kind.ELEMENTWISE, Kind.REDUCTION) or node in self.fused.hosts:
                continue
            if node in self.fused.views and type(node.op) in (DimShuffle, BroadcastTo):
                continue
            found.update(node.inputs[:1] if kind is Kind.GATHER else node.inputs)
        waiting = [*found, *self.graph.results]
        while waiting:
            node = waiting.pop().owner  # type: ignore[assignment]
            if node is not None and node in self.fused.views and node.inputs[0] not in found:
                found.add(node.inputs[0])
                waiting.append(node.inputs[0])
        return found

    def _is_host(self, node: Apply) -> bool:
        """Whether only the sizes of a call decide a small value, found once for them."""
        op = type(node.op)
        if op is Shape or op is Count:
            return True
        if op not in HOSTS:
            return False
        found = False
        for x in node.inputs:
            if x.owner in self.fused.hosts:
                found = True
            elif not isinstance(x, Constant) or x.data.size > 8:
                return False
        return found

    def _is_view(self, node: Apply) -> bool:
        op = node.op
        if type(op) not in VIEWS:
            return False
        if isinstance(op, Subtensor):
            return is_static(op.pattern)
        if isinstance(op, Reshape | BroadcastTo):
            return all(self._is_known(x) for x in node.inputs[1:])
        return True

    def _is_known(self, x: Variable) -> bool:
        """Whether a value is known from the sizes of a call."""
        return isinstance(x, Constant) or x.owner in self.fused.hosts

    def _float(self, stored: set[Variable]) -> None:
        """Inlines cheap functions of leaves."""
        fused = self.fused
        weight: dict[Variable, int] = {}
        for node in self.graph.order:
            (out, *_) = node.outputs
            if type(node.op) is ARange and all(self._is_known(x) for x in node.inputs):
                if out not in stored and out.type.dtype in C_TYPES:
                    fused.inlined.add(node)
                    weight[out] = 1
                continue
            if node in fused.views and type(node.op) in (DimShuffle, BroadcastTo, Subtensor):
                base = node.inputs[0]
                if base.owner is None or base in weight:
                    weight[out] = weight.get(base, 0)
                continue
            if not self._is_cheap(node):
                continue
            total = 1
            for x in node.inputs:
                if x.owner is None or x.owner in fused.hosts:
                    continue
                total += weight.get(x, INLINE)
            if total <= INLINE and out not in stored:
                weight[out] = total
                if any(x.owner is not None and x.owner in fused.inlined for x in node.inputs) or (
                    self._is_mask(node)
                ):
                    fused.inlined.add(node)

    def _is_cheap(self, node: Apply) -> bool:
        """Whether a node is elementwise and takes about as long as an addition."""
        op = node.op
        if self.kinds[node] is not Kind.ELEMENTWISE:
            return False
        assert isinstance(op, Elemwise)
        return not is_call(op.scalar, op.dtype)

    def _is_mask(self, node: Apply) -> bool:
        """Whether a function of leaves makes more elements than it reads."""
        out = self.table.keys(node.outputs[0].type.dims)
        return not any(self.table.keys(x.type.dims) == out for x in node.inputs) or not out

    def _sink(
        self,
        stored: set[Variable],
        depth: dict[Variable, int],
        users: dict[Variable, list[Apply]],
    ) -> None:
        """Inlines cheap nodes that only later steps need, if their operand is in memory then."""
        fused = self.fused
        need: dict[Variable, int] = {}
        length: dict[Variable, int] = {}
        for node in reversed(self.graph.order):
            out = node.outputs[0]
            wants = users.get(out, ())
            least = min(
                [
                    need[user.outputs[0]]
                    if user in fused.inlined or user in fused.views
                    else depth[user.outputs[0]]
                    for user in wants
                ],
                default=0,
            )
            need[out] = least
            if node in fused.views or node in fused.inlined or node in fused.hosts:
                continue
            if out in stored or not self._is_cheap(node):
                continue
            size = 1 + max([length.get(user.outputs[0], 0) for user in wants], default=0)
            wide = [x for x in node.inputs if x.type.ndim and not isinstance(x, Constant)]
            if least > depth[out] and size <= INLINE // 2 and len(wide) == 1 and len(wants) <= 2:
                fused.inlined.add(node)
                length[out] = size

    # ---- groups --------------------------------------------------------------------------

    def run(self) -> Fused:
        """Places all nodes."""
        fused = self.fused
        for node in self.graph.order:
            self._await(node)
            if node in fused.hosts:
                stage = max(
                    [self._stage_of(x) for n in self._awaited(node) for x in n.outputs], default=-1
                )
                self.stage.update(dict.fromkeys(node.outputs, stage))
            elif node in fused.inlined:
                continue
            elif node in fused.views:
                self._view(node)
            elif (kind := self.kinds[node]) is Kind.ELEMENTWISE:
                self._place(node, node.inputs)
            elif kind is Kind.REDUCTION:
                self._reduction(node)
            elif kind is Kind.GATHER:
                self._gather(node)
            else:
                stage = max([self._stage_of(x) for x in node.inputs], default=-1)
                after = (stage // GENERATION + 1) * GENERATION
                self.stage.update(dict.fromkeys(node.outputs, after))
        return fused

    def _await(self, node: Apply) -> None:
        """Notes which of NumPy's nodes the sizes of a node's outputs come from."""
        fused = self.fused
        found = self._awaited(node)
        if self.kinds[node] is Kind.OTHER and not (
            node in fused.hosts or node in fused.inlined or node in fused.views
        ):
            found = frozenset((node,))
        if found:
            fused.awaits.update(dict.fromkeys(node.outputs, found))

    def _awaited(self, node: Apply) -> frozenset[Apply]:
        awaits = self.fused.awaits
        if not awaits:
            return frozenset()
        sets = {awaits[x] for x in node.inputs if x in awaits}
        return sets.pop() if len(sets) == 1 else frozenset().union(*sets)

    def _stage_of(self, x: Variable) -> int:
        node = x.owner
        if node is not None and node in self.fused.inlined and x not in self.stage:
            waiting, stage = list(node.inputs), -1
            while waiting:
                item = waiting.pop()
                if item.owner is not None and item.owner in self.fused.inlined:
                    waiting.extend(item.owner.inputs)
                elif item.owner is not None and item.owner in self.fused.views:
                    if item in self.stage:
                        stage = max(stage, self.stage[item])
                    else:
                        waiting.extend(item.owner.inputs)
                else:
                    stage = max(stage, self.stage.get(item, -1))
            self.stage[x] = stage
        return self.stage.get(x, -1)

    def _view(self, node: Apply) -> None:
        base, out = node.inputs[0], node.outputs[0]
        self.stage[out] = max([self._stage_of(x) for x in node.inputs])
        spot = self.fused.spots.get(base)
        if spot is not None and isinstance(node.op, DimShuffle):
            axes = tuple([None if a is None else spot.axes[a] for a in node.op.order])
            self.fused.spots[out] = Spot(spot.group, axes)

    def _latest(self, operands: Sequence[Variable]) -> tuple[int, Group | None, list[Spot]]:
        """The latest stage of operands, and the group that they are in if it is one and usable."""
        stage = max([self._stage_of(x) for x in operands], default=-1)
        if stage < 0:
            return stage, None, []
        spots: list[Spot] = []
        for x in operands:
            if self._stage_of(x) == stage:
                spot = self.fused.spots.get(x)
                if spot is None or (spots and spot.group is not spots[0].group):
                    return stage, None, []
                spots.append(spot)
        return stage, spots[0].group if spots else None, spots

    def _read(self, operands: Sequence[Variable]) -> list[Variable]:
        """The operands; in place of those that are inlined what they are computed from."""
        found, waiting = list[Variable](), list(operands)
        while waiting:
            x = waiting.pop()
            if x.owner in self.fused.inlined and type(x.owner.op) is Elemwise:
                waiting.extend(x.owner.inputs)
            else:
                found.append(x)
        return found

    def _gather(self, node: Apply) -> None:
        # What is read from must be in memory, so its stage is over.
        x, *indices = node.inputs
        stage, group, _ = self._latest(node.inputs)
        if (
            group is not None
            and self._stage_of(x) < stage
            and len(node.outputs[0].type.dims) == len(indices[0].type.dims)
        ):
            self._place(node, indices, lowest=stage)
        else:
            self._join(node, self._next(stage, self._domain(node.outputs[0])), None)

    def _place(self, node: Apply, operands: Sequence[Variable], lowest: int = -1) -> None:
        stage, group, spots = self._latest(self._read(operands))
        out = node.outputs[0]
        if group is not None and stage >= lowest and not group.is_full:
            axes = self._axes_in(group, out, operands, spots)
            if axes is not None:
                self._join(node, group, axes)
                return
        domain = self._domain(out)
        if group is not None and group.is_full and group.domain == domain:
            self._join(node, self._after(group), None)
        else:
            self._join(node, self._next(max(stage, lowest), domain), None)

    def _domain(self, x: Variable) -> tuple[Key, ...]:
        return tuple([key for key in self.table.keys(x.type.dims) if key != 1])

    def _axes_in(
        self, group: Group, out: Variable, operands: Sequence[Variable], spots: Sequence[Spot]
    ) -> tuple[int | None, ...] | None:
        """The domain axes that a result has in its operands' group; None if it does not fit."""
        keys = self.table.keys(out.type.dims)
        axes: list[int | None] = [None] * len(keys)
        for spot in spots:
            if not spot.axes:
                continue
            for n, axis in enumerate(spot.axes):
                if axis is not None:
                    if axes[n] not in (None, axis):
                        return None
                    axes[n] = axis
        free = iter([n for n in range(len(group.domain)) if n not in axes])
        for n, key in enumerate(keys):
            if key != 1 and axes[n] is None:
                axes[n] = next(free, None)
            if axes[n] is not None and (key == 1 or group.domain[axes[n]] != key):  # type: ignore[index]
                return None
            if axes[n] is None and key != 1:
                return None
        used = [axis for axis in axes if axis is not None]
        if used == list(range(len(group.domain))):
            return tuple(axes)
        if group.split is not None and used == list(range(group.split)):
            return tuple(axes)
        return None

    def _next(self, stage: int, domain: tuple[Key, ...]) -> Group:
        """The group over a domain in the stage after this one."""
        return self._group((stage // GENERATION + 1) * GENERATION, domain)

    def _group(self, first: int, domain: tuple[Key, ...]) -> Group:
        current = self.current.get((first, domain), first)
        group = self.groups.get((current, domain))
        if group is not None and group.is_full:
            return self._after(group)
        if group is None:
            group = self.groups[current, domain] = Group(current, domain, cap=self.cap)
            self.fused.groups.append(group)
        return group

    def _after(self, group: Group) -> Group:
        """The group of the same stage that follows one that is full."""
        first = group.stage // GENERATION * GENERATION
        current = self.current.get((first, group.domain), first)
        if current > group.stage:
            other = self.groups[current, group.domain]
            if not other.is_full:
                return other
        self.current[first, group.domain] = current = max(current, group.stage) + 1
        new = Group(current, group.domain, cap=self.cap)
        self.groups[current, group.domain] = new
        self.fused.groups.append(new)
        return new

    def _join(self, node: Apply, group: Group, axes: tuple[int | None, ...] | None) -> None:
        out = node.outputs[0]
        if axes is None:
            count = iter(range(len(group.domain)))
            axes = tuple([None if k == 1 else next(count) for k in self.table.keys(out.type.dims)])
        group.members.append(node)
        self.fused.group_of[node] = group
        self.stage[out] = group.stage
        self.fused.spots[out] = Spot(group, axes)

    def _axes_of(
        self, group: Group, x: Variable, operands: Sequence[Variable], spots: Sequence[Spot]
    ) -> tuple[int | None, ...] | None:
        """The domain axes that what is reduced has in the group that computes it."""
        spot = self.fused.spots.get(x)
        return spot.axes if spot is not None else self._axes_in(group, x, operands, spots)

    def _reduction(self, node: Apply) -> None:
        x, out, op = node.inputs[0], node.outputs[0], node.op
        assert isinstance(op, Reduce)
        operands = self._read([x])
        stage, group, spots = self._latest(operands)
        known = None if group is None else self._axes_of(group, x, operands, spots)
        if group is None or known is None or not group.takes_reductions:
            domain = self._domain(x)
            group = self._next(stage, domain)
            count = iter(range(len(domain)))
            axes = tuple([None if k == 1 else next(count) for k in self.table.keys(x.type.dims)])
        else:
            axes = known
        kept = [axis for n, axis in enumerate(axes) if n not in op.axes]
        left = tuple([axis for axis in kept if axis is not None])
        rank = len(group.domain)
        is_full = [a for a in axes if a is not None] == list(range(rank))
        group.members.append(node)
        self.fused.group_of[node] = group
        self.stage[out] = group.stage
        leads = 0 < len(left) < rank and left == tuple(range(len(left)))
        if is_full and leads and group.split in (None, len(left)):
            group.split = len(left)
            self.fused.spots[out] = Spot(group, tuple(kept))


def fuse(graph: FunctionGraph, table: SizeTable, cap: int = CAP) -> Fused:
    """Which nodes of a graph share a loop nest: at most about `cap` of them; 1 fuses nothing."""
    return Fusion(graph, table, cap).run()
