"""From graphs to programs: ordered steps over numbered slots."""

from arignote.lower.program import Program, Step, lower

__all__ = ["Program", "Step", "lower"]
