"""Axes that users name, counted from the front; errors tell of what they are axes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from arignote.graph.build import told
from arignote.ops.base import normalize_axes, normalize_axis

Axis = int | Sequence[int] | None


def axis_of(x: Any, axis: Any, more: int = 0) -> int:
    """One axis of a variable, or of one that has `more` axes.

    Raises
    ------
    AxisError
        It is not there, or is no whole number.
    """
    try:
        return normalize_axis(axis, x.ndim + more)
    except np.exceptions.AxisError as error:
        raise told(error, [x]) from None


def axes_of(x: Any, axis: Any, more: int = 0) -> tuple[int, ...]:
    """Some axes of a variable, or of one that has `more` axes, sorted; None means all."""
    try:
        return normalize_axes(axis, x.ndim + more)
    except np.exceptions.AxisError as error:
        raise told(error, [x]) from None
