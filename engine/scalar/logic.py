"""Records of comparison, logic, bits and choice."""

import numpy as np

from arignote.scalar.record import (
    BITWISE,
    COMPARE,
    SAME,
    SHIFT,
    ZERO,
    DTypeRule,
    ScalarOp,
)

_FLAT = (ZERO, ZERO)
_PAIR = ((-3.0, 3.0), (-3.0, 3.0))


def _flat(g, out, x, y):
    return _FLAT


lt = ScalarOp(
    "lt", np.less, "({0} < {1})", _flat, COMPARE, _PAIR, "Whether x < y.", nin=2, symbol="<"
)
gt = ScalarOp(
    "gt", np.greater, "({0} > {1})", _flat, COMPARE, _PAIR, "Whether x > y.", nin=2, symbol=">"
)
le = ScalarOp(
    "le", np.less_equal, "({0} <= {1})", _flat, COMPARE, _PAIR, "Whether x <= y.", nin=2,
    symbol="<=",
)  # fmt: skip
ge = ScalarOp(
    "ge", np.greater_equal, "({0} >= {1})", _flat, COMPARE, _PAIR, "Whether x >= y.", nin=2,
    symbol=">=",
)  # fmt: skip
eq = ScalarOp(
    "eq", np.equal, "({0} == {1})", _flat, COMPARE, _PAIR, "Whether x == y.", nin=2, symbol="==",
    commutative=True,
)  # fmt: skip
neq = ScalarOp(
    "neq", np.not_equal, "({0} != {1})", _flat, COMPARE, _PAIR, "Whether x != y.", nin=2,
    symbol="!=", commutative=True,
)  # fmt: skip

isnan = ScalarOp(
    "isnan", np.isnan, "({0} != {0})", lambda g, out, x: (ZERO,), COMPARE, doc="Whether x is NaN.",
    c_kinds={"bui": "0"},
)  # fmt: skip
isinf = ScalarOp(
    "isinf", np.isinf, "(fabs{f}({0}) == INFINITY)", lambda g, out, x: (ZERO,), COMPARE,
    doc="Whether x is plus or minus infinity.", c_kinds={"bui": "0"},
)  # fmt: skip

logical_and = ScalarOp(
    "logical_and", np.logical_and, "({0} && {1})", _flat, COMPARE, _PAIR,
    "Whether both operands are not 0.", nin=2, commutative=True, unit=1,
)  # fmt: skip
logical_or = ScalarOp(
    "logical_or", np.logical_or, "({0} || {1})", _flat, COMPARE, _PAIR,
    "Whether an operand is not 0.", nin=2, commutative=True, unit=0,
)  # fmt: skip
logical_xor = ScalarOp(
    "logical_xor", np.logical_xor, "(!{0} != !{1})", _flat, COMPARE, _PAIR,
    "Whether just one operand is not 0.", nin=2, commutative=True,
)  # fmt: skip
logical_not = ScalarOp(
    "logical_not", np.logical_not, "(!{0})", lambda g, out, x: (ZERO,), COMPARE,
    doc="Whether x is 0.",
)  # fmt: skip

_BITS = ((0.0, 60.0), (0.0, 6.0))
and_ = ScalarOp(
    "and_", np.bitwise_and, "({0} & {1})", None, BITWISE, _BITS, "The bits set in both operands.",
    nin=2, symbol="&", commutative=True,
)  # fmt: skip
or_ = ScalarOp(
    "or_", np.bitwise_or, "({0} | {1})", None, BITWISE, _BITS, "The bits set in either operand.",
    nin=2, symbol="|", commutative=True,
)  # fmt: skip
xor = ScalarOp(
    "xor", np.bitwise_xor, "({0} ^ {1})", None, BITWISE, _BITS, "The bits set in one operand.",
    nin=2, symbol="^", commutative=True,
)  # fmt: skip
invert = ScalarOp(
    "invert", np.invert, "(~{0})", None, BITWISE, ((0.0, 60.0),),
    "All bits turned over; for bool, logical not.", symbol="~", c_kinds={"b": "(!{0})"},
)  # fmt: skip
left_shift = ScalarOp(
    "left_shift", np.left_shift, "((uint64_t){1} < 8 * sizeof({0}) ? {0} << {1} : 0)", None, SHIFT,
    _BITS, "x shifted left by y bits.", nin=2, symbol="<<",
)  # fmt: skip
right_shift = ScalarOp(
    "right_shift", np.right_shift,
    "((uint64_t){1} < 8 * sizeof({0}) ? {0} >> {1} : {0} < 0 ? -1 : 0)", None, SHIFT, _BITS,
    "x shifted right by y bits.", nin=2, symbol=">>",
)  # fmt: skip


switch = ScalarOp(
    "switch", np.where, "({0} ? {1} : {2})",
    lambda g, out, condition, x, y: (ZERO, switch(condition, g, 0), switch(condition, 0, g)),
    SAME, ((-3.0, 3.0),) * 3, "x where the condition is not 0, else y.", nin=3,
    promoted=(1, 3), conjugates=False,
)  # fmt: skip


def _take_second(first: np.ndarray, value: np.ndarray) -> np.ndarray:
    return np.broadcast_to(value, np.broadcast_shapes(first.shape, value.shape)).copy()


second = ScalarOp(
    "second", _take_second, "{1}", lambda g, out, x, y: (ZERO, g),
    DTypeRule("buifc", lambda dtype: dtype, lambda dtype: dtype), _PAIR,
    "y in the broadcast shape of x and y (older name: fill).", nin=2, promoted=(1, 2),
    conjugates=False,
)  # fmt: skip


def _counted_from_front(i: np.ndarray, n: np.ndarray) -> np.ndarray:
    outside = (i < -n) | (i >= n)
    if outside.any():
        first = tuple(np.argwhere(outside)[0])
        i, n = (np.broadcast_to(array, outside.shape)[first] for array in (i, n))
        raise IndexError(f"index {i} is out of range for an axis with size {n}")
    return np.where(i < 0, i + n, i)


# The C text calls a function of the run-time library, which says in `bad` what was out of range.
wrap_index = ScalarOp(
    "wrap_index", _counted_from_front, "arn_wrap({0}, {1}, &bad)", lambda g, out, i, n: _FLAT,
    DTypeRule("iu", lambda _: "int64", lambda dtype: dtype), ((0.0, 2.9), (3.5, 6.0)),
    "The index i counted from the front of an axis of size n; an error if it is out of range.",
    nin=2, checks=True,
)  # fmt: skip
