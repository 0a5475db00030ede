"""Records of arithmetic, rounding, extrema and complex parts."""

import numpy as np

from arignote.scalar.elementary import log, square
from arignote.scalar.logic import eq, ge, gt, le, lt, switch
from arignote.scalar.record import (
    DIVIDE,
    FLOAT,
    NUMBER,
    PHASE,
    REAL,
    REAL_NUMBER,
    REAL_PART,
    SAME,
    ZERO,
    DTypeRule,
    ScalarOp,
)

_PAIR = ((-3.0, 3.0), (-3.0, 3.0))
_DIVISION = ((-3.0, 3.0), (0.5, 3.0))

add = ScalarOp(
    "add", np.add, "({0} + {1})", lambda g, out, x, y: (g, g), SAME, _PAIR, "x + y.", nin=2,
    symbol="+", commutative=True, unit=0,
)  # fmt: skip
sub = ScalarOp(
    "sub", np.subtract, "({0} - {1})", lambda g, out, x, y: (g, -g), NUMBER, _PAIR, "x - y.",
    nin=2, symbol="-",
)  # fmt: skip
mul = ScalarOp(
    "mul", np.multiply, "({0} * {1})", lambda g, out, x, y: (g * y, g * x), SAME, _PAIR, "x * y.",
    nin=2, symbol="*", commutative=True, unit=1,
)  # fmt: skip
true_div = ScalarOp(
    "true_div", np.true_divide, "({0} / {1})",
    lambda g, out, x, y: (g / y, -g * x / square(y)), DIVIDE, _DIVISION,
    "x / y; integers give floats.", nin=2, symbol="/",
)  # fmt: skip
floor_div = ScalarOp(
    "floor_div", np.floor_divide, None, lambda g, out, x, y: (ZERO, ZERO), REAL_NUMBER,
    ((0.1, 0.4), (0.5, 3.0)), "x / y rounded down.", nin=2, symbol="//",
)  # fmt: skip
mod = ScalarOp(
    "mod", np.remainder, None, lambda g, out, x, y: (g, -g * (x // y)), REAL_NUMBER,
    ((0.1, 0.4), (0.5, 3.0)), "x - y * floor(x / y), with the sign of y.", nin=2, symbol="%",
)  # fmt: skip


def _power_gradient(g, out, x, y):
    # y - 1 is replaced by 0 where y is 0, and log(x) by 0 where x is 0: both meet a factor 0
    # there, and 0 * inf would be NaN.
    dx = y * x ** (switch(eq(y, 0), 1, y) - 1)
    dy = log(switch(eq(x, 0), 1, x)) * out
    return g * dx, g * dy


power = ScalarOp(
    "power", np.power, "pow{f}({0}, {1})", _power_gradient, NUMBER, ((0.2, 3.0), (-2.0, 3.0)),
    "x to the power y.", nin=2, symbol="**",
)  # fmt: skip

neg = ScalarOp("neg", np.negative, "(-{0})", lambda g, out, x: (-g,), NUMBER, doc="-x.", symbol="-")
reciprocal = ScalarOp(
    "reciprocal", np.reciprocal, "(1 / {0})", lambda g, out, x: (-g * square(out),), FLOAT,
    ((0.3, 3.0),), "1 / x.",
)  # fmt: skip
abs_ = ScalarOp(
    "abs", np.abs, "fabs{f}({0})", lambda g, out, x: (g * sign(x),), REAL_PART, ((0.2, 3.0),),
    "Absolute value; of a complex number its modulus.", conjugates=False,
)  # fmt: skip
sign = ScalarOp(
    "sign", np.sign, "({0} != {0} ? {0} : ({0} > 0) - ({0} < 0))", lambda g, out, x: (ZERO,),
    NUMBER, ((0.2, 3.0),), "-1, 0 or 1; of a complex number x / abs(x).",
)  # fmt: skip

_BETWEEN = ((0.1, 0.9),)


def _flat(g, out, x):
    return (ZERO,)


ceil = ScalarOp("ceil", np.ceil, "ceil{f}({0})", _flat, REAL, _BETWEEN, "x rounded up.")
floor = ScalarOp("floor", np.floor, "floor{f}({0})", _flat, REAL, _BETWEEN, "x rounded down.")
trunc = ScalarOp(
    "trunc", np.trunc, "trunc{f}({0})", _flat, REAL, _BETWEEN, "x rounded towards zero."
)


def _maximum_gradient(g, out, x, y):
    share = switch(eq(x, y), g * 0.5, 0)
    return switch(gt(x, y), g, share), switch(lt(x, y), g, share)


def _minimum_gradient(g, out, x, y):
    share = switch(eq(x, y), g * 0.5, 0)
    return switch(lt(x, y), g, share), switch(gt(x, y), g, share)


maximum = ScalarOp(
    "maximum", np.maximum, "({0} > {1} || {0} != {0} ? {0} : {1})", _maximum_gradient, REAL, _PAIR,
    "The larger operand, NaN if one is NaN; equal operands share the gradient.", nin=2,
    commutative=True, unit=-np.inf,
)  # fmt: skip
minimum = ScalarOp(
    "minimum", np.minimum, "({0} < {1} || {0} != {0} ? {0} : {1})", _minimum_gradient, REAL, _PAIR,
    "The smaller operand, NaN if one is NaN; equal operands share the gradient.", nin=2,
    commutative=True, unit=np.inf,
)  # fmt: skip


def _clip_gradient(g, out, x, low, high):
    inside = ge(x, low) & le(x, high)
    return (
        switch(inside, g, 0),
        switch(lt(x, low) & le(low, high), g, 0),
        switch(gt(x, high) | gt(low, high), g, 0),
    )


clip = ScalarOp(
    "clip", lambda x, low, high: np.minimum(np.maximum(x, low), high), None, _clip_gradient, REAL,
    ((-3.0, 3.0), (-2.0, -1.0), (1.0, 2.0)), "x, but at least low and at most high.", nin=3,
)  # fmt: skip

real = ScalarOp(
    "real", np.real, "{0}", lambda g, out, x: (g,), REAL_PART, doc="Real part.", conjugates=False
)
imag = ScalarOp(
    "imag", np.imag, None, lambda g, out, x: (g * 1j,), REAL_PART, doc="Imaginary part.",
    conjugates=False,
)  # fmt: skip
conj = ScalarOp(
    "conj", np.conj, "{0}", lambda g, out, x: (conj(g),), SAME, doc="Complex conjugate.",
    conjugates=False,
)  # fmt: skip
angle = ScalarOp(
    "angle", np.angle, None, lambda g, out, x: (g * 1j * x / square(abs_(x)),), PHASE,
    ((0.2, 3.0),), "Phase of a complex number, in radians.", conjugates=False,
)  # fmt: skip
complex_ = ScalarOp(
    "complex", lambda x, y: x + 1j * y, None, lambda g, out, x, y: (real(g), imag(g)),
    DTypeRule("buif", FLOAT.compute, lambda dtype: np.result_type(dtype, "complex64").name), _PAIR,
    "The complex number x + 1j * y.", nin=2, conjugates=False,
)  # fmt: skip
