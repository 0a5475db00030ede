"""`x[index]` and writes to `x[index]` for symbolic variables: index expressions become patterns."""

from typing import Any

import numpy as np

from arignote.errors import DTypeError, IndexingError, message
from arignote.graph.build import apply_op, pad_left, told, variable_of, weak
from arignote.graph.describe import describe, label
from arignote.graph.variable import Constant, Variable, current_line
from arignote.ops.indexing import (
    INPUT,
    AdvancedSubtensor,
    At,
    Entry,
    Gather,
    IndexPattern,
    Mask,
    NewAxis,
    Number,
    Range,
    Subtensor,
    Write,
    WriteSubtensor,
)


def read(x: Any, index: Any) -> Any:
    """`x[index]`."""
    try:
        pattern, inputs = _parse(x, index)
    except (IndexingError, DTypeError) as error:
        raise told(error, [x]) from None
    op = Subtensor(pattern) if pattern.is_basic else AdvancedSubtensor(pattern)
    return apply_op(op, x, *inputs)


def write(selection: Any, value: Any, mode: Write) -> Any:
    """A copy of `x` with `value` set at or added to `selection`, which is some `x[index]`."""
    node = selection.owner if isinstance(selection, Variable) else None
    if node is None or not isinstance(node.op, Subtensor | AdvancedSubtensor):
        raise IndexingError(
            message(
                f"{mode.value} needs a part of a variable as its first argument, such as x[2:5].",
                got=[describe(selection) if isinstance(selection, Variable) else repr(selection)],
                where=str(current_line()),
                hint=f"T.{mode.value}(x[index], value)",
            )
        )
    x, *inputs = node.inputs
    try:
        value = variable_of(weak(value, [selection.type.dtype]))
    except DTypeError as error:
        raise told(error, [selection], mode.value) from None
    if value.ndim:
        value = pad_left(value, selection.ndim)
    return apply_op(WriteSubtensor(node.op.pattern, mode), x, value, *inputs)


def _parse(x: Any, index: Any) -> tuple[IndexPattern, list[Any]]:
    """The pattern, and the variables that it takes from inputs."""
    items = list(index) if isinstance(index, tuple) else [index]
    entries: list[Entry] = []
    inputs: list[Any] = []
    for item in _fill_ellipsis([_as_index(item) for item in items], x):
        entry, needed = _entry(item)
        entries.append(entry)
        inputs.extend(needed)
    return IndexPattern(tuple(entries)), inputs


def _as_index(item: Any) -> Any:
    """The item as None, Ellipsis, slice, int or variable."""
    if item is None or item is Ellipsis or isinstance(item, slice | Variable):
        return item
    if isinstance(item, int | np.integer) and not isinstance(item, bool):
        return int(item)
    if isinstance(item, str):
        raise IndexingError(f"{item!r} is no index")
    variable = variable_of(np.asarray(item, "int64") if _is_empty(item) else item)
    return variable


def _is_empty(item: Any) -> bool:
    return isinstance(item, list | tuple) and len(item) == 0


def _width(item: Any) -> int:
    """The number of axes that an item takes up."""
    if item is None:
        return 0
    return item.type.ndim if isinstance(item, Variable) and item.type.dtype == "bool" else 1


def _fill_ellipsis(items: list[Any], x: Any) -> list[Any]:
    spots = [n for n, item in enumerate(items) if item is Ellipsis]
    if len(spots) > 1:
        raise IndexingError("an index has only one '...'")
    used = sum(_width(item) for item in items if item is not Ellipsis)
    if used > x.ndim:
        raise IndexingError(f"too many indices for {label(x)}: {used} for {x.ndim} axes")
    if spots:
        items[spots[0] : spots[0] + 1] = [slice(None)] * (x.ndim - used)
    return items


def _entry(item: Any) -> tuple[Entry, list[Any]]:
    if item is None:
        return NewAxis(), []
    if isinstance(item, slice):
        return _range(item)
    if isinstance(item, int):
        return At(item), []
    if item.dtype == "bool":
        if item.ndim == 0:
            raise _no_index(item, "a single boolean is no index")
        return Mask(item.ndim), [item]
    if item.type.is_float:
        raise _no_index(item, "an index is a whole number")
    if item.ndim == 0:
        return (At(int(item.data)), []) if isinstance(item, Constant) else (At(INPUT), [item])
    return Gather(), [item]


def _no_index(item: Any, why: str) -> IndexingError:
    return IndexingError(
        f"{why}, but this is {item} of type {item.type}\nconvert it: i.astype('int64')"
    )


def _range(item: slice) -> tuple[Entry, list[Any]]:
    parts: list[Number] = []
    inputs: list[Any] = []
    for part in (item.start, item.stop, item.step):
        number = None if part is None else _as_index(part)
        if isinstance(number, Variable):
            if number.ndim or number.dtype == "bool" or number.type.is_float:  # type: ignore[attr-defined]
                raise _no_index(number, "a bound of a slice is one whole number")
            if isinstance(number, Constant):
                number = int(number.data)
            else:
                inputs.append(number)
                number = INPUT
        parts.append(number)
    return Range(*parts), inputs
