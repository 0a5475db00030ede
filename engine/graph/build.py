"""Making nodes: operands become variables, types are inferred, errors name the user's variables."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from arignote import types
from arignote.config import TestValues, config
from arignote.errors import ArignoteError, DTypeError, message
from arignote.graph.describe import describe_all
from arignote.graph.test_value import compute_test_values
from arignote.graph.variable import Apply, Constant, Variable, building, classes_of, current_line
from arignote.ops.base import Op
from arignote.ops.elemwise import elemwise
from arignote.ops.join import Join
from arignote.ops.view import dimshuffle
from arignote.scalar import ScalarOp, mul, power, true_div
from arignote.types import TensorType


def is_python_number(value: object) -> bool:
    """Whether a value is a Python number, which is weak; NumPy's are not, though some subclass."""
    return isinstance(value, int | float | complex) and not isinstance(value, np.generic)


def constant(value: object, dtype: object = None, name: str | None = None) -> Any:
    """A constant variable with a copy of a value.

    Parameters
    ----------
    value : array_like
        A number, an array, nested lists of numbers.
    dtype : str or numpy.dtype, optional
        The dtype to convert to; by default that of the array. Python floats (and lists of them)
        get `config.floatX`, Python integers int64.
    name : str, optional

    Raises
    ------
    DTypeError
        When the value is no array of numbers.

    Example
    -------
    >>> from arignote import tensor as T
    >>> T.constant([1, 2]).type
    TensorType(int64, (2,))
    """
    if dtype is not None:
        dtype = types.check_dtype(dtype)
    elif is_python_number(value):
        dtype = types.scalar_dtype(value)  # type: ignore[arg-type]
    try:
        return _constant(value, dtype, name)
    except DTypeError as error:
        raise told(error) from None


def _constant(value: Any, dtype: str | None, name: str | None) -> Any:
    try:
        array = np.array(value, dtype=dtype, order="C")
    except (ValueError, TypeError, OverflowError) as error:
        raise DTypeError(f"cannot make a constant of {types.short_repr(value)}: {error}") from None
    if array.dtype.kind not in "biufc":
        raise DTypeError(f"cannot make a constant of {types.short_repr(value)}: not numbers")
    if dtype is None and array.dtype == np.float64 and isinstance(value, list | tuple):
        array = array.astype(config.floatX)
    array = array.astype(types.check_dtype(array.dtype), copy=False)
    type_ = TensorType(array.dtype.name, array.shape)
    return classes_of(type_).constant(type_, array, name)


def as_variable(value: Any, name: str | None = None) -> Any:
    """The value itself if it is a variable, else a constant; lists with variables are stacked.

    Parameters
    ----------
    value : Variable, Apply with one output, array_like, or list of these
    name : str, optional
        The name of a constant that is made.

    Raises
    ------
    DTypeError
        When the value can be neither.
    """
    if isinstance(value, Variable):
        return value
    try:
        return variable_of(value, name)
    except DTypeError as error:
        raise told(error) from None


def variable_of(value: Any, name: str | None = None) -> Any:
    """As `as_variable`, but what is wrong is left to the caller to tell."""
    if isinstance(value, Variable):
        return value
    if isinstance(value, Apply) and len(value.outputs) == 1:
        return value.outputs[0]
    if isinstance(value, list | tuple) and _has_variable(value):
        return stack([as_variable(item) for item in value])
    if isinstance(value, type) or callable(value):
        raise DTypeError(
            f"{types.short_repr(value)} is no variable and no value\n"
            "call it: T.matrix('x'), not T.matrix"
        )
    dtype = types.scalar_dtype(value) if is_python_number(value) else None
    return _constant(value, dtype, name)


def _has_variable(items: Sequence[Any]) -> bool:
    waiting = list(items)
    while waiting:
        item = waiting.pop()
        if isinstance(item, Variable):
            return True
        if isinstance(item, list | tuple):
            waiting.extend(item)
    return False


def stack(variables: Sequence[Any], axis: int = 0) -> Any:
    """Variables of one rank put side by side along a new axis."""
    rank = max(x.ndim for x in variables)
    order = [*range(axis), None, *range(axis, rank)]
    return join([apply_op(dimshuffle(tuple(order)), pad_left(x, rank)) for x in variables], axis)


def join(variables: Sequence[Any], axis: int) -> Any:
    """Variables put one after the other along an axis, in their common dtype."""
    return apply_op(Join(axis), *in_common_dtype(*variables))


def in_common_dtype(*variables: Any) -> list[Any]:
    """The variables converted to the dtype that they promote to."""
    dtype = types.promote(*[x.dtype for x in variables])
    return [x.astype(dtype) for x in variables]


def pad_left(x: Any, rank: int) -> Any:
    """The variable with axes of size 1 put in front until it has this rank."""
    if x.ndim >= rank:
        return x
    return apply_op(dimshuffle((*(None,) * (rank - x.ndim), *range(x.ndim))), x)


def apply_op(op: Op, *operands: Any) -> Any:
    """The output (or tuple of outputs) of a new node.

    Raises
    ------
    ShapeError, DTypeError, IndexingError
        When the operands do not fit; the text names them and the user's line.
    """
    try:
        inputs = [variable_of(operand) for operand in operands]
    except DTypeError as error:
        raise told(error, operands, op.name) from None
    return _node(op, inputs, inputs)


def _node(op: Op, inputs: Sequence[Variable], shown: Sequence[Variable]) -> Any:
    try:
        out_types = op.infer(*[x.type for x in inputs])
    except (ArignoteError, np.exceptions.AxisError) as error:
        raise told(error, shown, op.name) from None
    node = Apply(
        op, inputs, [t.with_dims() for t in out_types], current_line(), building.gradient_of
    )
    if config.member("compute_test_value") is not TestValues.OFF:
        compute_test_values(node)
    return node.outputs[0] if len(node.outputs) == 1 else node.outputs


def told(error: Exception, operands: Sequence[Any] = (), name: str = "") -> Exception:
    """An error that says in its first line what is wrong, and in others what to try, told in full.

    One that was told already stays as it is.

    Parameters
    ----------
    error : Exception
    operands : sequence
        What was given; those that are variables are described.
    name : str
        Of the op.
    """
    if "\n  where: " in str(error):
        return error
    what, _, hint = str(error).partition("\n")
    text = message(
        what if not name or what.startswith(name) else f"{name}: {what}",
        got=describe_all([x for x in operands if isinstance(x, Variable)]),
        where=str(current_line()),
        hint=hint or None,
    )
    return type(error)(text)


def apply_scalar(record: ScalarOp, *operands: Any) -> Any:
    """The output of a new node that applies a scalar op to each element, with broadcasting.

    Python numbers take the dtype of the other operands; operands of lower rank are padded.
    """
    inputs: list[Any] = list(operands)
    try:
        for x in operands:
            if not isinstance(x, Variable):
                inputs = _converted(record, operands)
                break
        dtype = record.common_dtype([x.type.dtype for x in inputs])
    except DTypeError as error:
        raise told(error, inputs, record.name) from None
    op = elemwise(record, dtype)
    rank = max([len(x.type.dims) for x in inputs])
    padded = [pad_left(x, rank) if x.type.dims else x for x in inputs]
    if building.gradient_of is not None:
        short = _shortcut(op, padded)
        if short is not None:
            return short
    return _node(op, padded, inputs)


def _converted(record: ScalarOp, operands: Sequence[Any]) -> list[Any]:
    """The operands as variables."""
    inputs: list[Any] = [x if is_python_number(x) else variable_of(x) for x in operands]
    promoted = slice(*record.promoted)
    strong = [x.dtype for x in inputs[promoted] if not is_python_number(x)]
    inputs[promoted] = [weak(x, strong, record) for x in inputs[promoted]]
    return [as_variable(x) for x in inputs]


# Operations that a constant 1 leaves without effect, and the operand where it has to stand.
_UNITS = {(mul, 0), (mul, 1), (true_div, 1), (power, 1)}


def _shortcut(op: Any, inputs: Sequence[Any]) -> Any:
    """What a derivative needs no node for: numbers are computed, factors 1 are left out."""
    if _all_constant(inputs) and all(x.ndim == 0 for x in inputs):
        return constant(op.perform(*[x.data for x in inputs])[0])
    for position, x in enumerate(inputs):
        if (op.scalar, position) in _UNITS and isinstance(x, Constant) and x.type.ndim == 0:
            other = inputs[1 - position]
            if x.data == 1 and other.dtype == op.dtype:
                return other
    return None


def weak(value: Any, strong: Sequence[str], record: ScalarOp | None = None) -> Any:
    """A Python number as a constant of the dtype that the strong operands give it."""
    if not is_python_number(value):
        return value
    dtype = types.scalar_dtype(value, strong)
    try:
        return _constant(value, dtype, None)
    except DTypeError:
        if record is not None and record.rule.gives(dtype) == "bool":
            return constant(value)  # whether a uint8 is less than 300 has an answer
        raise DTypeError(
            f"the Python number {value} does not fit {dtype}, the dtype of what it meets\n"
            "convert the other operand first: x.astype('int64')"
        ) from None


def _all_constant(variables: Sequence[Variable]) -> bool:
    return all(isinstance(x, Constant) for x in variables)
