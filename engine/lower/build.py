"""Kernels of groups: values, loads through views, stores of what others need."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from arignote.graph import Apply, Constant, Variable
from arignote.lower.fusion import Fused, Group
from arignote.lower.kernel import (
    Accumulate,
    Compute,
    Gathered,
    Inner,
    Kernel,
    Load,
    Operand,
    Parameter,
    Position,
    Store,
    Total,
    Value,
    kernel,
)
from arignote.lower.sizes import Key, SizeTable
from arignote.ops.create import ARange
from arignote.ops.elemwise import Elemwise
from arignote.ops.indexing import AdvancedSubtensor, At, NewAxis, Range, Subtensor
from arignote.ops.reduce import Reduce
from arignote.ops.view import BroadcastTo, DimShuffle
from arignote.scalar import add, cast_to, mul
from arignote.scalar.record import C_TYPES

Axes = tuple[int | None, ...]
"""For each axis of a value the domain axis that it is; None: it does not move."""


@dataclass(unsafe_hash=True)
class Access:
    """How a kernel's operand lies in memory: views, then where the loops move it."""

    base: Variable
    views: tuple[Apply, ...]
    axes: Axes
    written: bool = False


@dataclass(unsafe_hash=True)
class Given:
    """A parameter that a constant or a value found from the sizes of a call fills."""

    variable: Variable


@dataclass(unsafe_hash=True)
class Extent:
    """A parameter with the size, or with the stride in bytes, of an axis of an operand."""

    operand: int
    axis: int
    is_stride: bool


@dataclass(unsafe_hash=True)
class Loops:
    """A kernel with what it works on: the steps of a program that loops compute.

    Attributes
    ----------
    kernel : Kernel
    domain : tuple of Key
        The sizes of the kernel's axes.
    accesses : tuple of Access
        For each operand.
    parameters : tuple of Given or Extent
    nodes : tuple of Apply
        What is computed, in order.
    names : tuple of Variable or None
        For each value of the kernel the variable that it is.
    ranges : tuple of (int, Key)
        Axes along which positions are computed, with the size that they must have for that.
    """

    kernel: Kernel
    domain: tuple[Key, ...]
    accesses: tuple[Access, ...]
    parameters: tuple[Given | Extent, ...]
    nodes: tuple[Apply, ...]
    names: tuple[Variable | None, ...]
    ranges: tuple[tuple[int, Key], ...] = ()

    @cached_property
    def bases(self) -> tuple[Variable, ...]:
        """Where each operand lies."""
        return tuple([access.base for access in self.accesses])

    @cached_property
    def axes(self) -> tuple[Axes, ...]:
        """Where the loops move each operand."""
        return tuple([access.axes for access in self.accesses])

    @cached_property
    def has_views(self) -> bool:
        """Whether an operand is seen through views."""
        return any(access.views for access in self.accesses)

    @cached_property
    def inputs(self) -> tuple[Variable, ...]:
        """What it reads from memory."""
        return tuple(dict.fromkeys([a.base for a in self.accesses if not a.written]))

    @cached_property
    def outputs(self) -> tuple[Variable, ...]:
        """What it writes."""
        return tuple([a.base for a in self.accesses if a.written])


class Builder:
    """Makes the kernel of one group."""

    def __init__(
        self, fused: Fused, table: SizeTable, domain: tuple[Key, ...], bases: set[Variable]
    ):
        self.fused, self.table, self.domain = fused, table, domain
        self.bases = bases
        self.values: list[Value] = []
        self.names: list[Variable | None] = []
        self.accesses: list[Access] = []
        self.operands: list[Operand] = []
        self.parameters: list[Given | Extent] = []
        self.parameter_types: list[str] = []
        self.writes: list[Store | Accumulate] = []
        self.known: dict[object, int] = {}
        self.ranges: dict[tuple[int, Key], None] = {}
        self.group: Group | None = None
        self.own: dict[Variable, Axes] = {}
        self.totals: dict[Variable, tuple[int, Reduce, tuple[int, ...]]] = {}

    # ---- pieces -----------------------------------------------------------------------------

    def _add(self, value: Value, name: Variable | None) -> int:
        known = self.known.get(value)
        if known is None:
            known = self.known[value] = len(self.values)
            self.values.append(value)
            self.names.append(name)
        return known

    def _operand(self, access: Access, dtype: str, inner: Inner) -> int:
        known = self.known.get(access)
        if known is None:
            known = self.known[access] = len(self.operands)
            axes = tuple(sorted({axis for axis in access.axes if axis is not None}))
            if len(self.domain) - 1 not in axes:
                inner = Inner.FIXED
            self.accesses.append(access)
            self.operands.append(Operand(dtype, axes, inner))
        return known

    def _parameter(self, source: Given | Extent, dtype: str) -> int:
        known = self.known.get(source)
        if known is None:
            known = self.known[source] = len(self.parameters)
            self.parameters.append(source)
            self.parameter_types.append(dtype)
        return known

    def _given(self, x: Variable) -> int:
        dtype = x.type.dtype
        return self._add(Parameter(self._parameter(Given(x), dtype), dtype), x)

    # ---- values -----------------------------------------------------------------------------

    def value(self, x: Variable, axes: Axes) -> int:
        """The number of a variable's value where its axes are these of the domain."""
        node = x.owner
        if x in self.own:
            return self.known[x]
        if isinstance(x, Constant) and x.data.size == 1 and x.type.dtype in C_TYPES:
            return self._given(x)
        if node in self.fused.views and type(node.op) in (DimShuffle, BroadcastTo):
            return self._through(node, axes)
        if node is None or x in self.bases:
            return self._load(x, (), axes)
        if node in self.fused.hosts:
            is_number = not x.type.ndim and x.type.dtype in C_TYPES
            return self._given(x) if is_number else self._load(x, (), axes)
        if node in self.fused.views:
            return self._through(node, axes)
        if node in self.fused.inlined:
            key = (x, axes)
            if key not in self.known:
                self.known[key] = self._inlined(node, axes)
            return self.known[key]
        return self._load(x, (), axes)

    def _inlined(self, node: Apply, axes: Axes) -> int:
        if isinstance(node.op, ARange):
            return self._range(node, axes)
        return self._computed(node, axes)

    def _computed(self, node: Apply, axes: Axes) -> int:
        op = node.op
        assert isinstance(op, Elemwise)
        args = tuple([self.value(x, self._operand_axes(x, axes)) for x in node.inputs])
        out = node.outputs[0]
        return self._add(Compute(op.scalar, op.dtype, args, out.type.dtype), out)

    def _operand_axes(self, x: Variable, axes: Axes) -> Axes:
        if not x.type.dims:
            return ()
        keys = self.table.keys(x.type.dims)
        return tuple([None if k == 1 else a for k, a in zip(keys, axes, strict=True)])

    def _range(self, node: Apply, axes: Axes) -> int:
        """start + index * step."""
        out = node.outputs[0]
        dtype = out.type.dtype
        start, _, step = node.inputs
        (axis,) = axes
        if axis is None:
            return self._cast(self._given(start), start.type.dtype, dtype)
        (key,) = self.table.keys(out.type.dims)
        if key != self.domain[axis]:
            self.ranges[axis, key] = None
        value = self._cast(self._add(Position(axis), None), "int64", dtype)
        if not (isinstance(step, Constant) and step.data == 1):
            factor = self._cast(self._given(step), step.type.dtype, dtype)
            value = self._add(Compute(mul, dtype, (value, factor), dtype), None)
        if not (isinstance(start, Constant) and start.data == 0):
            first = self._cast(self._given(start), start.type.dtype, dtype)
            value = self._add(Compute(add, dtype, (first, value), dtype), None)
        return value

    def _cast(self, value: int, have: str, dtype: str) -> int:
        if have == dtype:
            return value
        return self._add(Compute(cast_to(dtype), have, (value,), dtype), None)

    def _through(self, node: Apply, axes: Axes) -> int:
        """The value of a view."""
        base = node.inputs[0]
        if isinstance(node.op, DimShuffle | BroadcastTo):
            while True:
                axes = self._axes_below(node, axes)
                # Not by recursion: there may be many, one on the other.
                inner = base.owner
                if (
                    base in self.own
                    or base in self.bases
                    or inner not in self.fused.views
                    or not isinstance(inner.op, DimShuffle | BroadcastTo)
                ):
                    return self.value(base, axes)
                node, base = inner, inner.inputs[0]
        chain: list[Apply] = []
        while node is not None and node in self.fused.views:
            chain.append(node)
            base = node.inputs[0]
            if base in self.bases:
                break
            node = base.owner  # type: ignore[assignment]
        return self._load(base, tuple(reversed(chain)), axes)

    def _axes_below(self, node: Apply, axes: Axes) -> Axes:
        """The axes of what a node looks at, where its own are these."""
        base, op = node.inputs[0], node.op
        if isinstance(op, DimShuffle):
            inner: list[int | None] = [None] * base.type.ndim
            for to, axis in zip(axes, op.order, strict=True):
                if axis is not None:
                    inner[axis] = to
            return tuple(inner)
        keys = self.table.keys(base.type.dims)
        last = axes[len(axes) - len(keys) :] if keys else ()
        return tuple([None if k == 1 else a for k, a in zip(keys, last, strict=True)])

    def _load(self, base: Variable, views: tuple[Apply, ...], axes: Axes) -> int:
        shown = views[-1].outputs[0] if views else base
        keys = self.table.keys(shown.type.dims)
        axes = tuple([None if k == 1 else a for k, a in zip(keys, axes, strict=True)])
        is_number = isinstance(base, Constant) and base.data.size == 1
        if is_number and not views and base.type.dtype in C_TYPES:
            return self._given(base)
        access = Access(base, views, axes)
        operand = self._operand(access, base.type.dtype, self._inner(access))
        return self._add(Load(operand, base.type.dtype), shown)

    def _inner(self, access: Access) -> Inner:
        """How a load most likely moves along the last axis; each call's sizes decide."""
        last = len(self.domain) - 1
        if last not in access.axes:
            return Inner.FIXED
        shown = access.views[-1].outputs[0] if access.views else access.base
        keys = self.table.keys(shown.type.dims)
        wide = [n for n, key in enumerate(keys) if key != 1]
        if access.axes.index(last) != wide[-1]:
            return Inner.STRIDED
        for node in access.views:
            if isinstance(node.op, DimShuffle):
                return Inner.STRIDED
            if isinstance(node.op, Subtensor) and not _keeps_last(
                node.op, node.inputs[0].type.ndim
            ):
                return Inner.STRIDED
        return Inner.UNIT

    # ---- nodes ------------------------------------------------------------------------------

    def add_group(self, group: Group) -> None:
        """Adds the values of a group's members."""
        self.group = group
        for node in group.members:
            out = node.outputs[0]
            if isinstance(node.op, Reduce):
                self._reduction(node)
                continue
            axes = self.fused.spots[out].axes
            if isinstance(node.op, AdvancedSubtensor):
                self.known[out] = self._gathered(node, axes)
            else:
                self.known[out] = self._computed(node, axes)
            self.own[out] = axes

    def _reduction(self, node: Apply) -> None:
        x, out, op = node.inputs[0], node.outputs[0], node.op
        assert isinstance(op, Reduce)
        spot = self.fused.spots.get(out)
        axes = self._reduced_axes(x)
        value = self.value(x, axes)
        value = self._cast(value, x.type.dtype, op.dtype)
        kept = tuple([axis for n, axis in enumerate(axes) if n not in op.axes])
        if spot is not None and spot.group is self.group:
            self.known[out] = self._add(Total(op.scalar, value, op.dtype), out)
            self.own[out] = spot.axes
        else:
            self.totals[out] = (value, op, tuple(sorted({a for a in axes if a is not None})))
            self.own[out] = kept

    def _reduced_axes(self, x: Variable) -> Axes:
        spot = self.fused.spots.get(x)
        if spot is not None and spot.group is self.group:
            return spot.axes
        count = iter(range(len(self.domain)))
        return tuple([None if k == 1 else next(count) for k in self.table.keys(x.type.dims)])

    def _gathered(self, node: Apply, axes: Axes) -> int:
        """The elements of an array at the indices that the first axes of the result have."""
        x, *indices = node.inputs
        picked = indices[0].type.ndim
        numbers = [self.value(i, self._operand_axes(i, axes[:picked])) for i in indices]
        views: list[Apply] = []
        base = x
        while base not in self.bases and base.owner is not None and base.owner in self.fused.views:
            views.insert(0, base.owner)
            base = base.owner.inputs[0]
        rest = (None,) * len(indices) + axes[picked:]
        keys = self.table.keys(x.type.dims)
        rest = tuple([None if k == 1 else a for k, a in zip(keys, rest, strict=True)])
        access = Access(base, tuple(views), rest)
        operand = self._operand(access, x.type.dtype, Inner.STRIDED)
        extents = [
            [
                self._parameter(Extent(operand, axis, is_stride), "int64")
                for axis in range(len(indices))
            ]
            for is_stride in (False, True)
        ]
        value = Gathered(
            operand, tuple(numbers), tuple(extents[0]), tuple(extents[1]), x.type.dtype
        )
        return self._add(value, node.outputs[0])

    # ---- the kernel -------------------------------------------------------------------------

    def store(self, x: Variable, axes: Axes | None = None) -> None:
        """Writes a value to memory of its own."""
        axes = self.own[x] if axes is None else axes
        operand = self._operand(Access(x, (), axes, written=True), x.type.dtype, Inner.UNIT)
        if x in self.totals:
            value, op, over = self.totals[x]
            self.writes.append(Accumulate(operand, value, op.scalar, op.dtype, over))
        else:
            self.writes.append(Store(operand, self.known[x]))

    def finish(self, nodes: Sequence[Apply], split: int | None) -> Loops:
        """The kernel of what was added, without what no write needs."""
        found = self._reachable()
        if len(found) < len(self.values):
            self._keep(sorted(found))
        rank = len(self.domain)
        nest = kernel(
            rank,
            max(rank - 1, 0) if split is None else split,
            tuple(self.operands),
            tuple(self.parameter_types),
            tuple(self.values),
            tuple(self.writes),
        )
        return Loops(
            nest,
            self.domain,
            tuple(self.accesses),
            tuple(self.parameters),
            tuple(nodes),
            tuple(self.names),
            tuple(self.ranges),
        )

    def _keep(self, kept: Sequence[int]) -> None:
        """Leaves out all values but these, with the operands and parameters of the others."""
        values = [self.values[n] for n in kept]
        number = {old: new for new, old in enumerate(kept)}
        operands = sorted(
            {w.operand for w in self.writes}
            | {v.operand for v in values if isinstance(v, Load | Gathered)}
        )
        place = {old: new for new, old in enumerate(operands)}
        parameters = sorted(_parameters(values))
        slot = {old: new for new, old in enumerate(parameters)}
        self.values = [_renumbered(value, number, place, slot) for value in values]
        self.names = [self.names[n] for n in kept]
        self.writes = [_rewritten(write, number, place) for write in self.writes]
        self.operands = [self.operands[n] for n in operands]
        self.accesses = [self.accesses[n] for n in operands]
        self.parameter_types = [self.parameter_types[n] for n in parameters]
        self.parameters = [
            Extent(place[s.operand], s.axis, s.is_stride) if isinstance(s, Extent) else s
            for s in [self.parameters[n] for n in parameters]
        ]

    def _reachable(self) -> set[int]:
        found: set[int] = set()
        waiting = [write.value for write in self.writes]
        while waiting:
            n = waiting.pop()
            if n not in found:
                found.add(n)
                waiting.extend(_needs(self.values[n]))
        return found


def _parameters(values: Sequence[Value]) -> set[int]:
    found: set[int] = set()
    for value in values:
        if isinstance(value, Parameter):
            found.add(value.number)
        elif isinstance(value, Gathered):
            found.update(value.sizes, value.strides)
    return found


def _needs(value: Value) -> tuple[int, ...]:
    if isinstance(value, Compute):
        return value.args
    if isinstance(value, Total):
        return (value.arg,)
    return value.indices if isinstance(value, Gathered) else ()


def _renumbered(
    value: Value, number: dict[int, int], place: dict[int, int], slot: dict[int, int]
) -> Value:
    if isinstance(value, Load):
        return Load(place[value.operand], value.dtype)
    if isinstance(value, Parameter):
        return Parameter(slot[value.number], value.dtype)
    if isinstance(value, Compute):
        args = tuple([number[n] for n in value.args])
        return Compute(value.record, value.compute, args, value.dtype)
    if isinstance(value, Total):
        return Total(value.record, number[value.arg], value.dtype)
    if isinstance(value, Gathered):
        return Gathered(
            place[value.operand],
            tuple([number[n] for n in value.indices]),
            tuple([slot[n] for n in value.sizes]),
            tuple([slot[n] for n in value.strides]),
            value.dtype,
        )
    return value


def _rewritten(
    write: Store | Accumulate, number: dict[int, int], place: dict[int, int]
) -> Store | Accumulate:
    if isinstance(write, Store):
        return Store(place[write.operand], number[write.value])
    return Accumulate(
        place[write.operand], number[write.value], write.record, write.dtype, write.axes
    )


def _keeps_last(op: Subtensor, ndim: int) -> bool:
    """Whether the last axis of what is read is the last axis of the result, in steps of one."""
    entries = [entry for entry in op.pattern.entries if not isinstance(entry, NewAxis)]
    if len(entries) < ndim:
        return True
    last = entries[-1]
    return not isinstance(last, At) and isinstance(last, Range) and last.step in (None, 1)
