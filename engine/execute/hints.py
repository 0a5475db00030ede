"""What helps against NaN and Inf where they are mostly born."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from arignote.graph import Apply
from arignote.ops.elemwise import Elemwise
from arignote.statistics import Statistics
from arignote.types import shape_text


@dataclass(frozen=True)
class Operand:
    """What a node was given, in a few numbers."""

    name: str
    statistics: Statistics

    def __str__(self) -> str:
        found = self.statistics
        text = f"{self.name}: {found.dtype} {shape_text(found.shape)}"
        if not found.shape and found.min is not None:
            return f"{text} = {found.min:.6g}"
        if found.min is not None:
            text += f"  min {found.min:.6g}, max {found.max:.6g}, mean {found.mean:.6g}"
        counts = [f"{n} {what}" for n, what in ((found.nan, "NaN"), (found.inf, "Inf")) if n]
        return ", ".join([text, *counts]) if found.min is not None else " ".join([text, *counts])


Operands = Sequence[Operand]


def _lowest(operands: Operands) -> float:
    return min([x.statistics.min for x in operands if x.statistics.min is not None], default=0.0)


def _has_inf(operands: Operands) -> bool:
    return any(x.statistics.inf for x in operands)


def _log(is_nan: bool, operands: Operands) -> str:
    if is_nan and _lowest(operands) < 0:
        return "log of a number below 0: keep its operand positive, as in T.log(T.clip(x, 1e-7, 1))"
    return (
        "log of 0: T.log(T.clip(x, 1e-7, 1)); for probabilities T.nnet.softmax, sigmoid and\n"
        "softplus as they are, since log of these is computed without the 0"
    )


def _divide(is_nan: bool, operands: Operands) -> str:
    if is_nan and any(x.name.startswith("count(") for x in operands):
        return "the mean of no elements: see why the array is empty"
    if is_nan and _has_inf(operands):
        return "Inf / Inf: see what overflows before; T.nnet.softmax computes its quotient safely"
    if is_nan:
        return "0 / 0: choose the divisor first, y / T.switch(T.eq(x, 0), 1, x)"
    return "division by 0, or by a very small number: add a small number to the divisor"


def _exp(is_nan: bool, operands: Operands) -> str:
    return "exp overflows: T.logsumexp, T.nnet.softmax or T.nnet.softplus do not"


def _root(is_nan: bool, operands: Operands) -> str:
    return "the root of a number below 0: T.sqrt(T.maximum(x, 0))"


def _arc(is_nan: bool, operands: Operands) -> str:
    return "beyond -1 ... 1: T.clip(x, -1, 1) before it"


def _power(is_nan: bool, operands: Operands) -> str:
    if is_nan:
        return "a number below 0 to a fractional power: use abs(x), or T.square(x) for squares"
    return "a power overflows, or is that of 0 to a negative exponent"


def _sum(is_nan: bool, operands: Operands) -> str | None:
    return "Inf - Inf: see what overflows before" if is_nan and _has_inf(operands) else None


def _product(is_nan: bool, operands: Operands) -> str | None:
    return "0 * Inf: see what overflows before" if is_nan and _has_inf(operands) else None


_HINTS: dict[str, Callable[[bool, Operands], str | None]] = {
    **dict.fromkeys(("log", "log2", "log10", "log1p"), _log),
    **dict.fromkeys(("true_div", "reciprocal", "floor_div", "mod"), _divide),
    **dict.fromkeys(("exp", "exp2", "expm1", "sinh", "cosh"), _exp),
    "sqrt": _root,
    **dict.fromkeys(("arccos", "arcsin", "arctanh"), _arc),
    "power": _power,
    **dict.fromkeys(("add", "sub"), _sum),
    "mul": _product,
}

_IN_GRADIENTS = {
    "sqrt": "the gradient of sqrt at 0 is infinite: T.sqrt(x + 1e-12)",
}


def hint_for(node: Apply, is_nan: bool, operands: Operands) -> str | None:
    """What helps where a node gave birth to NaN, or to Inf; None if that is not known."""
    of = node.gradient_of
    if of is not None and isinstance(of.op, Elemwise) and of.op.scalar.name in _IN_GRADIENTS:
        return _IN_GRADIENTS[of.op.scalar.name]
    if not isinstance(node.op, Elemwise):
        return None
    hint = _HINTS.get(node.op.scalar.name)
    return None if hint is None else hint(is_nan, operands)
