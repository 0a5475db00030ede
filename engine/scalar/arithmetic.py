"""Records of arithmetic, rounding, extrema and complex parts."""

import numpy as np

from arignote import types
from arignote.scalar.elementary import log, square
from arignote.scalar.logic import eq, ge, gt, le, lt, switch
from arignote.scalar.record import (
    DIVIDE,
    FLOAT,
    NUMBER,
    NUMBER_OR_BOOL,
    PHASE,
    REAL,
    REAL_OR_BOOL,
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
    symbol="+", commutative=True, unit=0, c_kinds={"b": "({0} || {1})"},
)  # fmt: skip
sub = ScalarOp(
    "sub", np.subtract, "({0} - {1})", lambda g, out, x, y: (g, -g), NUMBER, _PAIR, "x - y.",
    nin=2, symbol="-",
)  # fmt: skip
mul = ScalarOp(
    "mul", np.multiply, "({0} * {1})", lambda g, out, x, y: (g * y, g * x), SAME, _PAIR, "x * y.",
    nin=2, symbol="*", commutative=True, unit=1, c_kinds={"b": "({0} && {1})"},
)  # fmt: skip
true_div = ScalarOp(
    "true_div", np.true_divide, "({0} / {1})",
    lambda g, out, x, y: (g / y, -g * x / square(y)), DIVIDE, _DIVISION,
    "x / y; integers give floats.", nin=2, symbol="/",
)  # fmt: skip
# As in NumPy: division of an integer by 0 gives 0, and the smallest integer divided by -1 wraps.
floor_div = ScalarOp(
    "floor_div", np.floor_divide,
    "({1} == 0 ? {0} / {1} : copysign{f}(rint{f}(({0} - fmod{f}({0}, {1})) / {1}"
    " - (fmod{f}({0}, {1}) != 0 && ({1} < 0) != (fmod{f}({0}, {1}) < 0))), {0} / {1}))",
    lambda g, out, x, y: (ZERO, ZERO), REAL_OR_BOOL, ((0.1, 0.4), (0.5, 3.0)),
    "x / y rounded down.", nin=2, symbol="//",
    c_kinds={
        "i": "({1} == 0 ? 0 : {1} == -1 ? 0 - {0} :"
        " {0} / {1} - ({0} % {1} != 0 && ({0} < 0) != ({1} < 0)))",
        "u": "({1} == 0 ? 0 : {0} / {1})",
    },
)  # fmt: skip
mod = ScalarOp(
    "mod", np.remainder,
    "(fmod{f}({0}, {1}) == 0 ? copysign{f}(0, {1}) : fmod{f}({0}, {1})"
    " + (({1} < 0) != (fmod{f}({0}, {1}) < 0) ? {1} : 0))",
    lambda g, out, x, y: (g, -g * (x // y)), REAL_OR_BOOL, ((0.1, 0.4), (0.5, 3.0)),
    "x - y * floor(x / y), with the sign of y.", nin=2, symbol="%",
    c_kinds={
        "i": "({1} == 0 || {1} == -1 ? 0 :"
        " {0} % {1} + ({0} % {1} != 0 && ({0} < 0) != ({1} < 0) ? {1} : 0))",
        "u": "({1} == 0 ? 0 : {0} % {1})",
    },
)  # fmt: skip


def _power_gradient(g, out, x, y):
    # y - 1 is replaced by 0 where y is 0, and log(x) by 0 where x is 0: both meet a factor 0
    # there, and 0 * inf would be NaN.
    dx = y * x ** (switch(eq(y, 0), 1, y) - 1)
    dy = log(switch(eq(x, 0), 1, x)) * out
    return g * dx, g * dy


power = ScalarOp(
    "power", np.power, "pow{f}({0}, {1})", _power_gradient, NUMBER_OR_BOOL,
    ((0.2, 3.0), (-2.0, 3.0)),
    "x to the power y.", nin=2, symbol="**",
)  # fmt: skip

neg = ScalarOp("neg", np.negative, "(-{0})", lambda g, out, x: (-g,), NUMBER, doc="-x.", symbol="-")
reciprocal = ScalarOp(
    "reciprocal", np.reciprocal, "(1 / {0})", lambda g, out, x: (-g * square(out),), DIVIDE,
    ((0.3, 3.0),), "1 / x; integers give floats.",
)  # fmt: skip
abs_ = ScalarOp(
    "abs", np.abs, "fabs{f}({0})", lambda g, out, x: (g * sign(x),), REAL_PART, ((0.2, 3.0),),
    "Absolute value; of a complex number its modulus.", conjugates=False,
    c_kinds={"i": "({0} < 0 ? 0 - {0} : {0})", "bu": "{0}"},
)  # fmt: skip


def _sign_gradient(g, out, x):
    if types.kind(x.dtype) != "c":
        return (ZERO,)
    # A complex sign is the point of the unit circle at the phase of x.
    return (imag(g * conj(out)) * 1j * x / square(abs_(x)),)


sign = ScalarOp(
    "sign", np.sign, "({0} != {0} ? {0} : ({0} > 0) - ({0} < 0))", _sign_gradient, NUMBER,
    ((0.2, 3.0),), "-1, 0 or 1; of a complex number x / abs(x).", conjugates=False,
    c_kinds={"ui": "(({0} > 0) - ({0} < 0))"},
)  # fmt: skip

_BETWEEN = ((0.1, 0.9),)


def _flat(g, out, x):
    return (ZERO,)


_WHOLE = {"bui": "{0}"}
ceil = ScalarOp(
    "ceil", np.ceil, "ceil{f}({0})", _flat, REAL, _BETWEEN, "x rounded up.", c_kinds=_WHOLE
)
floor = ScalarOp(
    "floor", np.floor, "floor{f}({0})", _flat, REAL, _BETWEEN, "x rounded down.", c_kinds=_WHOLE
)
trunc = ScalarOp(
    "trunc", np.trunc, "trunc{f}({0})", _flat, REAL, _BETWEEN, "x rounded towards zero.",
    c_kinds=_WHOLE,
)  # fmt: skip


def _maximum_gradient(g, out, x, y):
    share = switch(eq(x, y), g * 0.5, 0)
    return switch(gt(x, y), g, share), switch(lt(x, y), g, share)


def _minimum_gradient(g, out, x, y):
    share = switch(eq(x, y), g * 0.5, 0)
    return switch(lt(x, y), g, share), switch(gt(x, y), g, share)


maximum = ScalarOp(
    "maximum", np.maximum, "({0} > {1} || {0} != {0} ? {0} : {1})", _maximum_gradient, REAL, _PAIR,
    "The larger operand, NaN if one is NaN; equal operands share the gradient.", nin=2,
    commutative=True, unit=-np.inf, c_kinds={"bui": "({0} > {1} ? {0} : {1})"},
)  # fmt: skip
minimum = ScalarOp(
    "minimum", np.minimum, "({0} < {1} || {0} != {0} ? {0} : {1})", _minimum_gradient, REAL, _PAIR,
    "The smaller operand, NaN if one is NaN; equal operands share the gradient.", nin=2,
    commutative=True, unit=np.inf, c_kinds={"bui": "({0} < {1} ? {0} : {1})"},
)  # fmt: skip


def _clip_gradient(g, out, x, low, high):
    inside = ge(x, low) & le(x, high)
    return (
        switch(inside, g, 0),
        switch(lt(x, low) & le(low, high), g, 0),
        switch(gt(x, high) | gt(low, high), g, 0),
    )


clip = ScalarOp(
    "clip", lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "({0} != {0} ? {0} : {1} != {1} ? {1} : {0} < {1} ? ({1} < {2} ? {1} : {2}) :"
    " {0} < {2} ? {0} : {2})",
    _clip_gradient, REAL, ((-3.0, 3.0), (-2.0, -1.0), (1.0, 2.0)),
    "x, but at least low and at most high.", nin=3,
    c_kinds={"bui": "({0} < {1} ? ({1} < {2} ? {1} : {2}) : {0} < {2} ? {0} : {2})"},
)  # fmt: skip

real = ScalarOp(
    "real", np.real, "{0}", lambda g, out, x: (g,), REAL_PART, doc="Real part.", conjugates=False
)
imag = ScalarOp(
    "imag", np.imag, "0", lambda g, out, x: (g * 1j,), REAL_PART, doc="Imaginary part.",
    conjugates=False,
)  # fmt: skip
conj = ScalarOp(
    "conj", np.conj, "{0}", lambda g, out, x: (conj(g),), NUMBER_OR_BOOL, doc="Complex conjugate.",
    conjugates=False,
)  # fmt: skip
angle = ScalarOp(
    "angle", np.angle, "atan2{f}(0, {0})", lambda g, out, x: (g * 1j * x / square(abs_(x)),), PHASE,
    ((0.2, 3.0),), "Phase of a complex number, in radians.", conjugates=False,
)  # fmt: skip


def _with_parts(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    # x + 1j * y has a real part NaN where y is infinite.
    dtype = types.complex_of(x.dtype.name)
    result = np.empty(np.broadcast_shapes(x.shape, y.shape), dtype)
    result.real, result.imag = x, y
    return result


complex_ = ScalarOp(
    "complex", _with_parts, None, lambda g, out, x, y: (real(g), imag(g)),
    DTypeRule("buif", FLOAT.compute, types.complex_of), _PAIR,
    "The complex number x + 1j * y.", nin=2, conjugates=False,
)  # fmt: skip
