"""The tables of rules. At a node they are tried in this order, and the first that fits fires."""

from arignote.rewrite.rules import (
    algebra,
    assume,
    blas,
    expand,
    fills,
    indexing,
    shapes,
    specialize,
    stability,
    structure,
    useless,
)

RULES = (
    *useless.RULES,
    *shapes.RULES,
    *fills.RULES,
    *indexing.RULES,
    *stability.RULES,
    *algebra.RULES,
    *structure.RULES,
    *specialize.RULES,
    *assume.RULES,
    *expand.RULES,
    *blas.RULES,
)

__all__ = ["RULES"]
