"""What comes before kernels in every C file."""

from collections.abc import Collection
from pathlib import Path

from arignote import types

VECTOR_MATH = Path(__file__).with_name("vector_math.h")

# Declared again with the attribute, these have vector versions that loops call.
UNARY = (
    *("acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "erf", "erfc", "exp"),
    *("exp2", "expm1", "log", "log10", "log1p", "log2", "sin", "sinh", "tan", "tanh"),
)
BINARY = ("atan2", "pow")
VECTOR_FUNCTIONS = tuple(f"{name}{f}" for name in (*UNARY, *BINARY) for f in ("", "f"))
"""The C functions that may have vector versions."""

_START = """\
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

typedef union { int64_t i; uint64_t u; double d; float f; } arn_value;

static inline int64_t arn_wrap(int64_t index, int64_t size, int *bad)
{
    if (index < 0)
        index += size;
    if (index < 0 || index >= size) {
        *bad = 1;
        return 0;
    }
    return index;
}
"""


def prelude(vectorised: Collection[str]) -> str:
    """The text before kernels.

    Parameters
    ----------
    vectorised : collection of str
        Those of `VECTOR_FUNCTIONS` that the system's library has vector versions of.
    """
    lines = [_START]
    for name in VECTOR_FUNCTIONS:
        if name in vectorised:
            type_ = "float" if name.endswith("f") and name != "erf" else "double"
            second = f", {type_}" if name.removesuffix("f") in BINARY else ""
            lines.append(f'__attribute__((simd("notinbranch"))) {type_} {name}({type_}{second});\n')
    # Where its functions can be had they take the place of the library's.
    return "".join([*lines, VECTOR_MATH.read_text(encoding="utf-8")])


MEMBERS = {dtype: "i" for dtype in types.DTYPES if types.kind(dtype) in "bi"} | {
    **{dtype: "u" for dtype in types.DTYPES if types.kind(dtype) == "u"},
    "float32": "f",
    "float64": "d",
}
"""The member of `arn_value` that holds a parameter of a dtype."""
