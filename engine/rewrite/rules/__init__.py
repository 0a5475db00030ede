"""The tables of rules."""

from arignote.rewrite.rules import algebra, stability, useless

RULES = (*useless.RULES, *algebra.RULES, *stability.RULES)

__all__ = ["RULES"]
