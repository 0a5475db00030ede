"""Passes: functions from a graph to a graph that computes the same."""

from arignote.rewrite.pipeline import optimize

__all__ = ["optimize"]
