"""Records of special functions; SciPy is imported when the first of them runs."""

import math

from arignote.scalar.elementary import exp, square
from arignote.scalar.record import REAL_FLOAT, ZERO, ScalarOp

_TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)

erf = ScalarOp(
    "erf", "scipy.special:erf", "erf{f}({0})",
    lambda g, out, x: (g * _TWO_OVER_ROOT_PI * exp(-square(x)),), REAL_FLOAT,
    doc="Error function.",
)  # fmt: skip
erfc = ScalarOp(
    "erfc", "scipy.special:erfc", "erfc{f}({0})",
    lambda g, out, x: (-g * _TWO_OVER_ROOT_PI * exp(-square(x)),), REAL_FLOAT,
    doc="1 - erf(x), exact for large x.",
)  # fmt: skip
erfinv = ScalarOp(
    "erfinv", "scipy.special:erfinv", None,
    lambda g, out, x: (g / _TWO_OVER_ROOT_PI * exp(square(out)),), REAL_FLOAT, ((-0.9, 0.9),),
    "Inverse of the error function.",
)  # fmt: skip

_POSITIVE = ((0.2, 4.0),)
gamma = ScalarOp(
    "gamma", "scipy.special:gamma", "tgamma{f}({0})",
    lambda g, out, x: (g * out * digamma(x),), REAL_FLOAT, _POSITIVE,
    "Gamma function, (x - 1)! for whole x.",
)  # fmt: skip
gammaln = ScalarOp(
    "gammaln", "scipy.special:gammaln", "({0} == -INFINITY ? {0} : lgamma{f}({0}))",
    lambda g, out, x: (g * digamma(x),), REAL_FLOAT, _POSITIVE,
    "Logarithm of the absolute value of the gamma function.",
)  # fmt: skip
digamma = ScalarOp(
    "digamma", "scipy.special:digamma", None, lambda g, out, x: (g * polygamma(1, x),), REAL_FLOAT,
    _POSITIVE, "Derivative of gammaln.",
)  # fmt: skip
polygamma = ScalarOp(
    "polygamma", "scipy.special:polygamma", None,
    lambda g, out, n, x: (ZERO, g * polygamma(n + 1, x)), REAL_FLOAT, ((1.0, 1.0), (0.2, 4.0)),
    "The n-th derivative of digamma, operands n and x; n is a whole number.", nin=2,
)  # fmt: skip
