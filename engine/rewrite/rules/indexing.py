"""Reads of parts: merged, pushed towards what they read from, or answered by what was written."""

from collections.abc import Sequence
from typing import Any

from arignote import scalar
from arignote.ops.elemwise import Elemwise
from arignote.ops.indexing import (
    INPUT,
    At,
    Entry,
    IndexPattern,
    NewAxis,
    Range,
    Subtensor,
    Write,
    WriteSubtensor,
)
from arignote.ops.join import Join
from arignote.ops.view import DimShuffle, dimshuffle
from arignote.rewrite.rule import Contract, Head, NodeRule, Tag
from arignote.types import Size, TensorType


def _is_static(pattern: IndexPattern) -> bool:
    """Whether all numbers are known."""
    return not any(
        (isinstance(e, At) and e.position is INPUT)
        or (isinstance(e, Range) and INPUT in (e.start, e.stop, e.step))
        for e in pattern.entries
    )


def _read(make: Any, dims: Sequence[Size], x: Any, entries: Sequence[Entry], *given: Any) -> Any:
    """x[entries], of known sizes; x itself if they change nothing."""
    kept = list(entries)
    while kept and isinstance(kept[-1], Range) and kept[-1].is_all:
        kept.pop()
    if not kept:
        return x
    return make.typed(
        TensorType(x.type.dtype, dims), Subtensor(IndexPattern(tuple(kept))), x, *given
    )


def _dims(node: Any) -> Sequence[Size]:
    return node.outputs[0].type.dims


def _new_axes(make: Any, node: Any) -> Any:
    """x[:, None], with full slices and new axes only, is a dimshuffle."""
    entries = node.op.pattern.entries
    if not all(isinstance(e, NewAxis) or (isinstance(e, Range) and e.is_all) for e in entries):
        return None
    x, axis = node.inputs[0], 0
    order: list[int | None] = []
    for entry in entries:
        order.append(None if isinstance(entry, NewAxis) else axis)
        axis += not isinstance(entry, NewAxis)
    return make(dimshuffle((*order, *range(axis, x.type.ndim))), x)


def _inner(node: Any, op: type) -> Any:
    """The node of what is read, if it is of this op."""
    made = node.inputs[0].owner
    return made if made is not None and isinstance(made.op, op) else None


def _plain(make: Any, node: Any) -> Any:
    """Full slices at the end say nothing."""
    entries = node.op.pattern.entries
    last = entries[-1] if entries else Range()
    if not isinstance(last, Range) or not last.is_all:
        return None
    return _read(make, _dims(node), node.inputs[0], entries, *node.inputs[1:])


def as_slice(positions: range) -> Range:
    """The slice that selects these positions of an axis, which is long enough."""
    if not positions:
        return Range(0, 0)
    stop = positions[-1] + (1 if positions.step > 0 else -1)
    return Range(positions[0], None if stop < 0 else stop, positions.step)


def _slice(entry: Range) -> Any:
    return slice(entry.start, entry.stop, entry.step)


def compose(first: Entry, second: Entry, size: Size) -> Entry | None:
    """One entry for a slice of an axis followed by an entry on what it selects; None: unknown."""
    if not isinstance(first, Range) or not isinstance(second, At | Range):
        return None
    if isinstance(second, Range) and second.is_all:
        return first
    if first.is_all:
        return second
    if not isinstance(size, int):
        return _compose_unknown(first, second)
    chosen = range(size)[_slice(first)]
    if isinstance(second, Range):
        return as_slice(chosen[_slice(second)])
    position = second.position
    assert isinstance(position, int)
    return At(chosen[position]) if -len(chosen) <= position < len(chosen) else None


def _compose_unknown(first: Range, second: At | Range) -> At | Range | None:
    """The same for an axis of any size, where numbers count from its start."""
    if first == Range(None, None, -1):
        if isinstance(second, At):
            return At(-1 - second.position)  # type: ignore[operator]
        return Range() if second == first else None
    start, stop, step = _from_start(first)
    if start is None or step is None:
        return None
    if isinstance(second, At):
        position = second.position
        if not isinstance(position, int) or position < 0:
            return None
        target = start + step * position
        return At(target) if stop is None or target < stop else None
    begin, end, stride = _from_start(second)
    if begin is None or stride is None:
        return None
    last = None if end is None else start + step * end
    ends = [bound for bound in (stop, last) if bound is not None]
    return Range(start + step * begin, min(ends) if ends else None, step * stride)


def _from_start(entry: Range) -> tuple[int | None, int | None, int | None]:
    """Start, stop and step of a slice that counts up from the start of its axis; else Nones."""
    start = 0 if entry.start is None else entry.start
    step = 1 if entry.step is None else entry.step
    stop = entry.stop
    numbers = [start, step] if stop is None else [start, step, stop]
    if any(not isinstance(number, int) or number < 0 for number in numbers) or step == 0:
        return None, None, None
    return start, stop, step  # type: ignore[return-value]


def merged(
    first: Sequence[Entry], second: Sequence[Entry], sizes: Sequence[Size]
) -> list[Entry] | None:
    """The entries of x[first][second] as one index of an array with these sizes."""
    result: list[Entry] = []
    waiting, axis = list(second), 0
    for entry in [*first, *[Range()] * len(sizes)]:
        if not isinstance(entry, NewAxis) and axis == len(sizes):
            break
        if isinstance(entry, At):
            result.append(entry)
            axis += 1
            continue
        while waiting and isinstance(waiting[0], NewAxis):
            result.append(waiting.pop(0))
        after = waiting.pop(0) if waiting else Range()
        if isinstance(entry, NewAxis):
            if isinstance(after, Range) and after.is_all:
                result.append(entry)
            elif not isinstance(after, At) or after.position not in (0, -1):
                return None
            continue
        one = compose(entry, after, sizes[axis])
        if one is None:
            return None
        result.append(one)
        axis += 1
    return None if any(not isinstance(e, NewAxis) for e in waiting) else [*result, *waiting]


def _read_of_read(make: Any, node: Any) -> Any:
    made = _inner(node, Subtensor)
    if made is None or not (_is_static(made.op.pattern) and _is_static(node.op.pattern)):
        return None
    x = made.inputs[0]
    entries = merged(made.op.pattern.entries, node.op.pattern.entries, x.type.dims)
    return None if entries is None else _read(make, _dims(node), x, entries)


def _read_of_shuffle(make: Any, node: Any) -> Any:
    """x.T[i, :] = x[:, i]"""
    made, entries = _inner(node, DimShuffle), node.op.pattern.entries
    if made is None or not _is_static(node.op.pattern):
        return None
    if any(isinstance(entry, NewAxis) for entry in entries):
        return None
    x, order = made.inputs[0], made.op.order
    inner: list[Entry] = [Range()] * x.type.ndim
    kept = []
    for axis, source in enumerate(order):
        entry = entries[axis] if axis < len(entries) else Range()
        is_all = isinstance(entry, Range) and entry.is_all
        if source is None and not is_all and entry not in (At(0), At(-1)):
            return None
        if source is not None:
            inner[source] = entry
        if isinstance(entry, Range):
            kept.append(source)
    left = [axis for axis, entry in enumerate(inner) if isinstance(entry, Range)]
    dims = [_dims(node)[kept.index(axis)] if axis in kept else 1 for axis in left]
    back = tuple([None if axis is None else left.index(axis) for axis in kept])
    return make(dimshuffle(back), _read(make, dims, x, inner))


def _read_of_elemwise(make: Any, node: Any) -> Any:
    """f(x, y)[index] = f(x[index], y[index]) where nothing else needs f(x, y)."""
    made = _inner(node, Elemwise)
    whole = node.inputs[0]
    if made is None or make.uses[whole] > 1 or not _is_static(node.op.pattern):
        return None
    parts = []
    for x in made.inputs:
        if x.type.ndim and not make.sizes.same(x.type.dims, whole.type.dims):
            return None
        entries = node.op.pattern.entries
        parts.append(_read(make, _dims(node), x, entries) if x.type.ndim else x)
    return make(made.op, *parts)


def _read_of_join(make: Any, node: Any) -> Any:
    """A part that lies in one of the joined arrays, where their sizes are known."""
    made, entries = _inner(node, Join), node.op.pattern.entries
    if made is None or not _is_static(node.op.pattern):
        return None
    axis = made.op.axis
    if len(entries) <= axis or any(isinstance(e, NewAxis) for e in entries[: axis + 1]):
        return None
    start = 0
    for part in made.inputs:
        size = part.type.dims[axis]
        if not isinstance(size, int):
            return None
        entry = _within(entries[axis], start, size)
        if entry is not None:
            return _read(make, _dims(node), part, [*entries[:axis], entry, *entries[axis + 1 :]])
        start += size
    return None


def _within(entry: Entry, start: int, size: int) -> Entry | None:
    """An entry counted from the start of a joined array, as an entry of the part there."""
    if isinstance(entry, At):
        position = entry.position
        assert isinstance(position, int)
        return At(position - start) if start <= position < start + size else None
    assert isinstance(entry, Range)
    begin, stop, step = _from_start(entry)
    if begin is None or stop is None or not start <= begin <= stop <= start + size:
        return None
    return Range(begin - start, stop - start, step)


def _read_of_write(make: Any, node: Any) -> Any:
    """What was written at an index is read there."""
    made = _inner(node, WriteSubtensor)
    if made is None or made.op.pattern != node.op.pattern:
        return None
    x, y, *indices = made.inputs
    if any(a is not b for a, b in zip(indices, node.inputs[1:], strict=True)):
        return None
    if made.op.write is Write.SET:
        # A position may be out of range, which the write would tell.
        sure = all(isinstance(entry, Range | NewAxis) for entry in node.op.pattern.entries)
        return y if sure else None
    if make.uses[node.inputs[0]] > 1 or y.type.dtype != x.type.dtype:
        return None
    return make.scalar(scalar.add, make(node.op, *[x, *indices]), y)


def _write_of_all(make: Any, node: Any) -> Any:
    """A write to all of an array."""
    x, y = node.inputs[:2]
    if any(not isinstance(entry, Range) or not entry.is_all for entry in node.op.pattern.entries):
        return None
    return y if node.op.write is Write.SET else make.scalar(scalar.add, x, y)


def _rule(name: str, root: Head, function: Any, doc: str, *operands: Head) -> NodeRule:
    return NodeRule(name, (root,), function, Tag.CANONICALIZE, Contract.EXACT, doc, operands)


RULES = (
    _rule("read_of_all", Subtensor, _plain, "x[i, :] = x[i]"),
    _rule("new_axes", Subtensor, _new_axes, "x[:, None] = x.dimshuffle(0, 'x')"),
    _rule("read_of_read", Subtensor, _read_of_read, "x[a][b] = x[c]", Subtensor),
    _rule("read_of_write", Subtensor, _read_of_write, "a read of a write", WriteSubtensor),
    _rule("read_of_shuffle", Subtensor, _read_of_shuffle, "x.T[i, :] = x[:, i]", DimShuffle),
    _rule("read_of_join", Subtensor, _read_of_join, "join(x, y)[a] = x[a]", Join),
    _rule("read_of_elemwise", Subtensor, _read_of_elemwise, "f(x)[i] = f(x[i])"),
    _rule("write_of_all", WriteSubtensor, _write_of_all, "a write to all elements"),
)
