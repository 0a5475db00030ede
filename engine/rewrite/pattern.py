"""Patterns: equations between expressions, traced once from lambdas and matched against nodes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from arignote import scalar
from arignote.graph import Constant, Variable
from arignote.ops.elemwise import Elemwise
from arignote.scalar import ScalarOp

Bindings = dict[int, Variable]


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


def match(term: Term, variable: Variable) -> Bindings | None:
    """What the holes stand for if the pattern fits the variable; None if it does not."""
    for bindings in _matches(((term, variable),), {}):
        return bindings
    return None


def _matches(pairs: tuple[tuple[Term, Variable], ...], known: Bindings) -> Iterator[Bindings]:
    """All ways in which terms fit variables, given what some holes stand for already."""
    if not pairs:
        yield known
        return
    (term, variable), rest = pairs[0], pairs[1:]
    if isinstance(term, Hole):
        bound = known.get(term.position)
        if bound is None:
            yield from _matches(rest, {**known, term.position: variable})
        elif bound is variable:
            yield from _matches(rest, known)
        return
    if isinstance(term, Literal):
        if _is_number(variable, term.value):
            yield from _matches(rest, known)
        return
    assert isinstance(term, Call)
    node = variable.owner
    if node is None or not isinstance(node.op, Elemwise) or node.op.scalar is not term.record:
        return
    orders = [node.inputs]
    if term.record.commutative and node.inputs[0] is not node.inputs[1]:
        orders.append(node.inputs[::-1])
    for inputs in orders:
        yield from _matches((*zip(term.children, inputs, strict=True), *rest), known)


def _is_number(variable: Variable, value: float) -> bool:
    """Whether a variable is the scalar constant of this value; 0 is not -0."""
    if not isinstance(variable, Constant) or variable.data.ndim:
        return False
    return bool(variable.data == value) and not (value == 0 and _is_negative_zero(variable))


def _is_negative_zero(constant: Constant) -> bool:
    return constant.data.dtype.kind == "f" and str(constant.data).startswith("-")


def text(term: Term, names: Sequence[str]) -> str:
    """The pattern as an expression with named holes."""
    if isinstance(term, Hole):
        return names[term.position]
    if isinstance(term, Literal):
        return f"{term.value:g}"
    assert isinstance(term, Call)
    args = [text(child, names) for child in term.children]
    symbol = term.record.symbol
    if symbol is None:
        return f"{term.record.name}({', '.join(args)})"
    return f"({symbol}{args[0]})" if len(args) == 1 else f"({args[0]} {symbol} {args[1]})"
