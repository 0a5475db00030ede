"""Shapes as users write them: numbers, scalar variables, or a vector variable."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from arignote.errors import ShapeError, message
from arignote.graph.build import as_variable
from arignote.graph.variable import Constant, Variable, current_line
from arignote.ops.view import Sizes


def is_list(item: object) -> bool:
    """Whether an argument is a sequence of items rather than one item."""
    return isinstance(item, list | tuple | np.ndarray)


def parse_shape(shape: Sequence[Any], ndim: int | None) -> tuple[Sizes, list[Any]]:
    """The known sizes of a shape and the scalar variables for the others."""
    items: Any = shape[0] if len(shape) == 1 else shape
    if isinstance(items, Variable) and as_variable(items).ndim == 1:
        vector: Any = items
        length = vector.type.shape[0] if ndim is None else ndim
        if length is None:
            raise ShapeError(
                message(
                    f"the number of axes is not known: {items} is a vector of unknown length.",
                    where=str(current_line()),
                    hint="pass ndim=...",
                )
            )
        items = [vector[position] for position in range(length)]
    elif not is_list(items):
        items = shape
    entries: list[int | None] = []
    inputs: list[Any] = []
    for item in items:
        size = as_variable(item)
        if size.ndim or size.type.is_float or size.dtype == "bool":
            raise ShapeError(
                message(f"{item} is no size: sizes are whole numbers.", where=str(current_line()))
            )
        known = isinstance(size, Constant)
        entries.append(int(size.data) if known else None)
        inputs.extend([] if known else [size])
    return Sizes(tuple(entries)), inputs
