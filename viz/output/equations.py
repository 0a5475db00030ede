"""Rules as people write them: `log(1 + x) → log1p(x)`."""

from collections.abc import Sequence

from arignote.rewrite.pattern import Call, Hole, Literal, Term
from arignote.rewrite.rule import NodeRule, Rule

ARROW = " → "
_BINDS = {"**": 5, "*": 3, "/": 3, "//": 3, "%": 3, "+": 2, "-": 2}
_UNARY = 4
_LEAST = 1


def equation(rule: Rule | NodeRule) -> str:
    """What a rule looks for and what it puts, or what it is about where no equation says it.

    Example
    -------
    >>> from arignote.rewrite import RULES
    >>> [equation(rule) for rule in RULES if rule.name in ("log_of_one_plus", "scale_of_scale")]
    ['log(1 + x) → log1p(x)', '(x * a) * b → x * ab']
    """
    if isinstance(rule, NodeRule):
        return rule.doc.replace(" = ", ARROW, 1)
    return f"{_text(rule.find, rule.holes, 0)}{ARROW}{_text(rule.put, rule.holes, 0)}"


def doc(rule: Rule | NodeRule) -> str:
    """More about a rule than its equation says, on one line; empty if there is no more."""
    if isinstance(rule, Rule):
        return "for real numbers only" if rule.reals_only else ""
    text = " ".join((rule.function.__doc__ or "").split())
    return "" if _plain(text) == _plain(rule.doc) else text


def _plain(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum() or char in "+-*/=")


def _text(term: Term, names: Sequence[str], outer: int) -> str:
    """A pattern, in parentheses if an operator around it binds as tightly as `outer` or more."""
    if isinstance(term, Hole):
        return names[term.position]
    if isinstance(term, Literal):
        text = f"{term.value:g}"
        return f"({text})" if text.startswith("-") and outer else text
    assert isinstance(term, Call)
    symbol, children = term.record.symbol, term.children
    if symbol is None:
        return f"{term.record.name}({', '.join([_text(x, names, 0) for x in children])})"
    if len(children) == 1:
        binds, text = _LEAST, f"{symbol}{_text(children[0], names, _UNARY)}"
    else:
        binds = _BINDS.get(symbol, _LEAST)
        # Of a chain only what stands at the left needs no parentheses; powers go the other way.
        left, right = (binds, binds - 1) if symbol == "**" else (binds - 1, binds)
        first, second = children
        text = f"{_text(first, names, left)} {symbol} {_text(second, names, right)}"
    return f"({text})" if binds <= outer else text
