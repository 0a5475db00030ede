"""Patterns: equations between expressions, traced once from lambdas and matched against nodes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from arignote import scalar
from arignote.graph import Constant, Variable
from arignote.ops.elemwise import Elemwise
from arignote.scalar import ScalarOp

# How tightly operators bind, for parentheses.
_BINDS = {"**": 5, "*": 3, "/": 3, "//": 3, "%": 3, "+": 2, "-": 2}
_UNARY = 4
_LEAST = 1

Bindings = list[Any]
"""The variables that holes stand for, None for those not met yet."""
Check = Callable[[Variable, Bindings], bool]


class Term:
    """A part of a pattern; operators and records applied to it make larger patterns."""

    __slots__ = ()

    def __apply_scalar__(self, record: ScalarOp, operands: Sequence[Any]) -> "Call":
        return Call(record, tuple(_as_term(operand) for operand in operands))

    def __add__(self, other: Any) -> "Call":
        return scalar.add(self, other)

    def __radd__(self, other: Any) -> "Call":
        return scalar.add(other, self)

    def __sub__(self, other: Any) -> "Call":
        return scalar.sub(self, other)

    def __rsub__(self, other: Any) -> "Call":
        return scalar.sub(other, self)

    def __mul__(self, other: Any) -> "Call":
        return scalar.mul(self, other)

    def __rmul__(self, other: Any) -> "Call":
        return scalar.mul(other, self)

    def __truediv__(self, other: Any) -> "Call":
        return scalar.true_div(self, other)

    def __rtruediv__(self, other: Any) -> "Call":
        return scalar.true_div(other, self)

    def __pow__(self, other: Any) -> "Call":
        return scalar.power(self, other)

    def __neg__(self) -> "Call":
        return scalar.neg(self)


@dataclass(frozen=True)
class Hole(Term):
    """Any variable; the same hole twice is the same variable."""

    position: int


@dataclass(frozen=True)
class Literal(Term):
    """A scalar constant of exactly this value."""

    value: float


@dataclass(frozen=True)
class Call(Term):
    """A record applied to terms."""

    record: ScalarOp
    children: tuple[Term, ...]


def _as_term(operand: Any) -> Term:
    return operand if isinstance(operand, Term) else Literal(operand)


def trace(equation: Callable[..., Any], holes: int) -> Term:
    """The pattern that a function of so many holes builds."""
    return _as_term(equation(*[Hole(position) for position in range(holes)]))


class Matcher:
    """A pattern made into functions, one per order of the operands of commutative records."""

    def __init__(self, term: Term, holes: int) -> None:
        self._holes = holes
        self._fits = _checks(term)

    def __call__(self, variable: Variable) -> Bindings | None:
        """What the holes stand for if the pattern fits the variable; None if it does not."""
        for fits in self._fits:
            bound: Bindings = [None] * self._holes
            if fits(variable, bound):
                return bound
        return None


def _checks(term: Term) -> list[Check]:
    """All ways to fit a term: each tells whether a variable does and notes what holes stand for."""
    if isinstance(term, Hole):
        return [_hole_check(term.position)]
    if isinstance(term, Literal):
        value = term.value
        return [lambda variable, bound: _is_number(variable, value)]
    assert isinstance(term, Call)
    orders = [term.children]
    if term.record.commutative and term.children[0] != term.children[1]:
        orders.append(term.children[::-1])
    return [
        _call_check(term.record, checks)
        for children in orders
        for checks in product(*map(_checks, children))
    ]


def _hole_check(position: int) -> Check:
    def fits(variable: Variable, bound: Bindings) -> bool:
        known = bound[position]
        if known is None:
            bound[position] = variable
            return True
        return known is variable

    return fits


def _call_check(record: ScalarOp, checks: Sequence[Check]) -> Check:
    def fits(variable: Variable, bound: Bindings) -> bool:
        node = variable.owner
        if node is None or type(node.op) is not Elemwise or node.op.scalar is not record:
            return False
        for check, operand in zip(checks, node.inputs, strict=True):
            if not check(operand, bound):
                return False
        return True

    return fits


def _is_number(variable: Variable, value: float) -> bool:
    """Whether a variable is the scalar constant of this value; 0 is not -0."""
    if not isinstance(variable, Constant) or variable.data.ndim:
        return False
    number = variable.data.item()
    return number == value and (value != 0 or not str(number).startswith("-"))


def text(term: Term, names: Sequence[str], outer: int = 0) -> str:
    """The pattern as people write it, with named holes.

    It is in parentheses if an operator around it binds as tightly as `outer` or more.
    """
    if isinstance(term, Hole):
        return names[term.position]
    if isinstance(term, Literal):
        shown = f"{term.value:g}"
        return f"({shown})" if shown.startswith("-") and outer else shown
    assert isinstance(term, Call)
    symbol, children = term.record.symbol, term.children
    if symbol is None:
        return f"{term.record.name}({', '.join([text(x, names) for x in children])})"
    if len(children) == 1:
        binds, shown = _LEAST, f"{symbol}{text(children[0], names, _UNARY)}"
    else:
        binds = _BINDS.get(symbol, _LEAST)
        # Of a chain only what stands at the left needs no parentheses; powers go the other way.
        left, right = (binds, binds - 1) if symbol == "**" else (binds - 1, binds)
        first, second = children
        shown = f"{text(first, names, left)} {symbol} {text(second, names, right)}"
    return f"({shown})" if binds <= outer else shown
