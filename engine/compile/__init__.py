"""`function`: from a graph to something that can be called."""

from arignote.compile import evaluate
from arignote.compile.compiled import Function
from arignote.compile.function import function, why_not_fused
from arignote.compile.guard import MonitorMode, NanGuardMode, detect_nan
from arignote.compile.io import In, Out
from arignote.compile.mode import Mode, get_mode

__all__ = [
    "Function",
    "In",
    "Mode",
    "MonitorMode",
    "NanGuardMode",
    "Out",
    "detect_nan",
    "evaluate",
    "function",
    "get_mode",
    "why_not_fused",
]
