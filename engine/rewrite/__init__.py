"""Passes: functions from a graph to a graph that computes the same."""

from arignote.rewrite.pipeline import Optimized, optimize
from arignote.rewrite.rule import Contract, Firing, NodeRule, Rule, Tag
from arignote.rewrite.rules import RULES

__all__ = ["RULES", "Contract", "Firing", "NodeRule", "Optimized", "Rule", "Tag", "optimize"]
