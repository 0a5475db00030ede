"""`shared`: variables that keep a value between calls."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from arignote.errors import DTypeError, message
from arignote.graph.variable import Variable, classes_of, current_line
from arignote.types import Size, TensorType, check_dtype


def shared(
    value: Any,
    name: str | None = None,
    borrow: bool = False,
    shape: Sequence[Size] | None = None,
) -> Any:
    """A variable with a value that functions read and that updates change.

    Parameters
    ----------
    value : array_like
        Arrays and NumPy scalars keep their dtype; Python floats are float64, integers int64.
    name : str, optional
    borrow : bool
        True keeps the very array that is given; else it is copied.
    shape : sequence of int, None or bool, optional
        Sizes that the value will always have; by default none is taken for granted, so that
        `set_value` may bring another size.

    Returns
    -------
    TensorSharedVariable

    Raises
    ------
    DTypeError
        When the value is symbolic or no array of numbers.

    Example
    -------
    >>> from arignote import shared
    >>> w = shared([1.0, 2.0], "w")
    >>> w.set_value([3.0, 4.0])
    >>> w.get_value()
    array([3., 4.])
    """
    if isinstance(value, Variable):
        raise DTypeError(
            message(
                f"a shared variable needs a value, but {value} is symbolic.",
                where=str(current_line()),
                hint="shared(x.eval()), or use the variable itself",
            )
        )
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise DTypeError(
            message(
                f"cannot share a {type(value).__name__}: it is no array of numbers.",
                where=str(current_line()),
            )
        )
    dtype = check_dtype(array.dtype)
    type_ = TensorType(dtype, (None,) * array.ndim if shape is None else shape).with_dims()
    array = type_.filter(array.astype(dtype, copy=False), borrow=True)
    if not borrow and np.may_share_memory(array, np.asarray(value)):
        array = array.copy()
    return classes_of(type_).shared(type_, array, name)
