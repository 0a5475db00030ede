"""Rules: what a node may be replaced by, and what the replacement promises."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from arignote.graph import Apply, Constant, Variable
from arignote.ops.base import Op
from arignote.rewrite.pattern import Call, Matcher, Term, text, trace
from arignote.scalar import ScalarOp

Head = ScalarOp | type[Op] | type[Constant]
"""What a variable is at its root: an elementwise op's record, another op's class, or Constant."""

ARROW = " → "
"""Between what a rule looks for and what it puts."""


class Contract(Enum):
    """How the values before and after a rule compare."""

    EXACT = "equal bit for bit, -0 and NaN too"
    IMPROVES = "no further from the true value than before"
    ROUNDING = "equal up to the sign of 0 and the rounding of no more operations than before"
    ASSUMES_FINITE = "equal unless infinity or NaN is involved"
    ASSUMES_NONZERO = "equal unless a denominator is 0"


class Tag(Enum):
    """What a rule is for."""

    USELESS = "useless"
    CANONICALIZE = "canonicalize"
    STABILIZE = "stabilize"
    SPECIALIZE = "specialize"
    ASSUME = "assume"
    EXPAND = "expand"
    BLAS = "blas"


class Rule:
    """An equation between elementwise expressions.

    Parameters
    ----------
    name : str
    find, put : function
        Of the same variables, which may stand for anything of any dtype: the expression that is
        looked for, and what replaces it.
    tag : Tag
    contract : Contract
    reals_only : bool
        Whether the equation holds for real floating-point numbers only.

    Example
    -------
    >>> from arignote.scalar import log, log1p
    >>> from arignote.rewrite.rule import Contract, Rule, Tag
    >>> str(Rule("example", lambda x: log(1 + x), lambda x: log1p(x), Tag.STABILIZE,
    ...     Contract.IMPROVES))
    'log(1 + x) → log1p(x)'
    """

    def __init__(
        self,
        name: str,
        find: Callable[..., Any],
        put: Callable[..., Any],
        tag: Tag,
        contract: Contract,
        reals_only: bool = False,
    ) -> None:
        self.name, self.tag, self.contract = name, tag, contract
        self.reals_only = reals_only
        self.holes = tuple(inspect.signature(find).parameters)
        self.find: Term = trace(find, len(self.holes))
        self.put: Term = trace(put, len(self.holes))
        assert isinstance(self.find, Call), f"rule {name} must look for an op"
        self.match = Matcher(self.find, len(self.holes))
        self.roots: tuple[Head, ...] = (self.find.record,)

    def __str__(self) -> str:
        return f"{text(self.find, self.holes)}{ARROW}{text(self.put, self.holes)}"

    @property
    def details(self) -> str:
        """More than its equation says, on one line; often empty."""
        return "for real numbers only" if self.reals_only else ""


@dataclass(frozen=True)
class NodeRule:
    """A replacement that needs an op's fields, axes or types.

    Attributes
    ----------
    name : str
    roots : tuple of ScalarOp or type of Op
        The classes of ops, and the records of elementwise ops, at which it is tried.
    function : function
        `(make, node) -> Variable or None`; `make(op, *inputs)` and `make.scalar(record, *inputs)`
        build what replaces the node's one output.
    tag : Tag
    contract : Contract
    doc : str
        The equation, or what it is about where no equation says it.
    operands : tuple of ScalarOp, type of Op, or Constant
        If not empty, one operand must be of these.
    """

    name: str
    roots: tuple[Head, ...]
    function: Callable[[Any, Apply], Variable | None]
    tag: Tag
    contract: Contract
    doc: str = ""
    operands: tuple[Head, ...] = ()

    def __str__(self) -> str:
        return self.doc.replace(" = ", ARROW, 1)

    @property
    def details(self) -> str:
        """More than its equation says, on one line; empty if there is no more."""
        more = " ".join((self.function.__doc__ or "").split())
        return "" if _plain(more) == _plain(self.doc) else more


def _plain(words: str) -> str:
    return "".join(char for char in words.lower() if char.isalnum() or char in "+-*/=")


@dataclass(frozen=True, repr=False)
class Firing:
    """One replacement that was made."""

    rule: Rule | NodeRule
    before: Variable
    after: Variable

    @property
    def name(self) -> str:
        """The rule's name."""
        return self.rule.name

    def __repr__(self) -> str:
        source = self.before.owner.source if self.before.owner is not None else None
        return f"<Firing {self.name}: {self.rule}{f', {source.where}' if source else ''}>"
