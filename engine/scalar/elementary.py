"""Records of exponentials, logarithms, roots, trigonometric and hyperbolic functions."""

import math

import numpy as np

from arignote.scalar.logic import switch
from arignote.scalar.record import FLOAT, NUMBER_OR_BOOL, REAL_FLOAT, ZERO, ScalarOp

exp = ScalarOp(
    "exp", np.exp, "exp{f}({0})", lambda g, out, x: (g * out,), FLOAT, doc="e to the power x."
)
exp2 = ScalarOp(
    "exp2", np.exp2, "exp2{f}({0})", lambda g, out, x: (g * out * math.log(2),), FLOAT,
    doc="2 to the power x.",
)  # fmt: skip
expm1 = ScalarOp(
    "expm1", np.expm1, "expm1{f}({0})", lambda g, out, x: (g * (out + 1),), FLOAT,
    doc="exp(x) - 1, exact for small x.",
)  # fmt: skip

_POSITIVE = ((0.1, 4.0),)
log = ScalarOp(
    "log", np.log, "log{f}({0})", lambda g, out, x: (g / x,), FLOAT, _POSITIVE,
    "Natural logarithm.",
)  # fmt: skip
log2 = ScalarOp(
    "log2", np.log2, "log2{f}({0})", lambda g, out, x: (g / (x * math.log(2)),), FLOAT, _POSITIVE,
    "Logarithm to base 2.",
)  # fmt: skip
log10 = ScalarOp(
    "log10", np.log10, "log10{f}({0})", lambda g, out, x: (g / (x * math.log(10)),), FLOAT,
    _POSITIVE, "Logarithm to base 10.",
)  # fmt: skip
log1p = ScalarOp(
    "log1p", np.log1p, "log1p{f}({0})", lambda g, out, x: (g / (1 + x),), FLOAT, ((-0.9, 4.0),),
    "log(1 + x), exact for small x.",
)  # fmt: skip

sqrt = ScalarOp(
    "sqrt", np.sqrt, "sqrt{f}({0})", lambda g, out, x: (g * 0.5 / out,), FLOAT, _POSITIVE,
    "Square root.",
)  # fmt: skip
square = ScalarOp(
    "square", np.square, "({0} * {0})", lambda g, out, x: (g * 2 * x,), NUMBER_OR_BOOL, doc="x * x."
)

sin = ScalarOp(
    "sin", np.sin, "sin{f}({0})", lambda g, out, x: (g * cos(x),), FLOAT, doc="Sine of radians."
)
cos = ScalarOp(
    "cos", np.cos, "cos{f}({0})", lambda g, out, x: (-g * sin(x),), FLOAT,
    doc="Cosine of radians.",
)  # fmt: skip
tan = ScalarOp(
    "tan", np.tan, "tan{f}({0})", lambda g, out, x: (g * (1 + square(out)),), FLOAT,
    ((-1.2, 1.2),), "Tangent of radians.",
)  # fmt: skip
_INSIDE = ((-0.9, 0.9),)
arcsin = ScalarOp(
    "arcsin", np.arcsin, "asin{f}({0})", lambda g, out, x: (g / sqrt(1 - square(x)),), FLOAT,
    _INSIDE, "Inverse sine, in radians.",
)  # fmt: skip
arccos = ScalarOp(
    "arccos", np.arccos, "acos{f}({0})", lambda g, out, x: (-g / sqrt(1 - square(x)),), FLOAT,
    _INSIDE, "Inverse cosine, in radians.",
)  # fmt: skip
arctan = ScalarOp(
    "arctan", np.arctan, "atan{f}({0})", lambda g, out, x: (g / (1 + square(x)),), FLOAT,
    doc="Inverse tangent, in radians.",
)  # fmt: skip


def _arctan2_gradient(g, out, y, x):
    norm = square(x) + square(y)
    return g * x / norm, -g * y / norm


arctan2 = ScalarOp(
    "arctan2", np.arctan2, "atan2{f}({0}, {1})", _arctan2_gradient, REAL_FLOAT,
    ((0.2, 3.0), (-3.0, 3.0)), "Angle of the point (x, y), operands y and x, in radians.", nin=2,
)  # fmt: skip

sinh = ScalarOp(
    "sinh", np.sinh, "sinh{f}({0})", lambda g, out, x: (g * cosh(x),), FLOAT,
    doc="Hyperbolic sine.",
)  # fmt: skip
cosh = ScalarOp(
    "cosh", np.cosh, "cosh{f}({0})", lambda g, out, x: (g * sinh(x),), FLOAT,
    doc="Hyperbolic cosine.",
)  # fmt: skip
tanh = ScalarOp(
    "tanh", np.tanh, "tanh{f}({0})", lambda g, out, x: (g * (1 - square(out)),), FLOAT,
    doc="Hyperbolic tangent.",
)  # fmt: skip
arcsinh = ScalarOp(
    "arcsinh", np.arcsinh, "asinh{f}({0})", lambda g, out, x: (g / sqrt(square(x) + 1),), FLOAT,
    doc="Inverse hyperbolic sine.",
)  # fmt: skip
arccosh = ScalarOp(
    "arccosh", np.arccosh, "acosh{f}({0})",
    lambda g, out, x: (g / (sqrt(x - 1) * sqrt(x + 1)),), FLOAT, ((1.1, 4.0),),
    "Inverse hyperbolic cosine.",
)  # fmt: skip
arctanh = ScalarOp(
    "arctanh", np.arctanh, "atanh{f}({0})", lambda g, out, x: (g / (1 - square(x)),), FLOAT,
    _INSIDE, "Inverse hyperbolic tangent.",
)  # fmt: skip

deg2rad = ScalarOp(
    "deg2rad", np.deg2rad, "({0} * (3.14159265358979323846{f} / 180))",
    lambda g, out, x: (g * (math.pi / 180),), REAL_FLOAT, doc="Degrees as radians.",
)  # fmt: skip
rad2deg = ScalarOp(
    "rad2deg", np.rad2deg, "({0} * (180 / 3.14159265358979323846{f}))",
    lambda g, out, x: (g * (180 / math.pi),), REAL_FLOAT, doc="Radians as degrees.",
)  # fmt: skip


def _sigmoid(x: np.ndarray) -> np.ndarray:
    if x.dtype.kind == "c":
        return 1 / (1 + np.exp(-x))
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, x.dtype.type(1), small) / (1 + small)


sigmoid = ScalarOp(
    "sigmoid", _sigmoid, "(1 / (1 + exp{f}(-{0})))", lambda g, out, x: (g * out * (1 - out),),
    FLOAT, doc="1 / (1 + exp(-x)), the logistic function.",
)  # fmt: skip
softplus = ScalarOp(
    "softplus", lambda x: np.logaddexp(x, 0).astype(x.dtype, copy=False),
    "(({0} < 0 ? 0 : {0}) + log1p{f}(exp{f}(-fabs{f}({0}))))", lambda g, out, x: (g * sigmoid(x),),
    REAL_FLOAT, doc="log(1 + exp(x)), without overflow.",
)  # fmt: skip


def _log_of_one_minus_exp(x: np.ndarray) -> np.ndarray:
    return np.where(x > -math.log(2), np.log(-np.expm1(x)), np.log1p(-np.exp(x)))


# Source: M. Maechler, "Accurately computing log(1 - exp(-|a|))", 2012.
log1mexp = ScalarOp(
    "log1mexp", _log_of_one_minus_exp,
    "({0} > -0.69314718{f} ? log{f}(-expm1{f}({0})) : log1p{f}(-exp{f}({0})))",
    lambda g, out, x: (-g / expm1(-x),), REAL_FLOAT, ((-3.0, -0.1),),
    "log(1 - exp(x)) for x < 0, with all digits.",
)  # fmt: skip
relu = ScalarOp(
    "relu", lambda x: np.maximum(x, x.dtype.type(0)), "({0} < 0 ? 0 : {0})",
    lambda g, out, x: (switch(x > 0, g, 0),), REAL_FLOAT, ((0.1, 3.0),),
    "max(x, 0), the rectifier; its gradient at 0 is 0.",
)  # fmt: skip


def _round_half_away(x: np.ndarray) -> np.ndarray:
    whole = np.trunc(x)
    return whole + np.copysign(np.abs(x - whole) >= 0.5, x)


def _flat(g, out, x):
    return (ZERO,)


_BETWEEN = ((0.1, 0.4),)
round_half_to_even = ScalarOp(
    "round_half_to_even", np.rint, "rint{f}({0})", _flat, REAL_FLOAT, _BETWEEN,
    "The nearest whole number, halves to the even one (NumPy's round).",
)  # fmt: skip
round_half_away_from_zero = ScalarOp(
    "round_half_away_from_zero", _round_half_away, "round{f}({0})", _flat, REAL_FLOAT, _BETWEEN,
    "The nearest whole number, halves away from zero.",
)  # fmt: skip
