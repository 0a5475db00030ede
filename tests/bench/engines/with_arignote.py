"""Arignote, with the executor that `linker=auto` picks."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import arignote as ari
import waits
from arignote.compile.report_rows import RowKind
from fusion import compare
from theano_face import Face, builders


def _function(*inputs_and_outputs: Any, **options: Any) -> Any:
    """A function whose generated code is there: building it in a thread counts as building."""
    f = ari.function(*inputs_and_outputs, **options)
    if hasattr(f, "wait"):
        f.wait()
    return f


def time_in_products(step: Callable[[], object], seconds: float) -> tuple[int, float, float]:
    """How many steps ran, what their products took by the profile, and what all took."""
    step()
    count, start = 0, time.perf_counter()
    with ari.profiling() as report:
        while time.perf_counter() < start + seconds:
            step()
            count += 1
    return count, report.summary[RowKind.PRODUCT] / 1e9, report.wall / 1e9


VERSION = ari.__version__
BUILDERS = builders(Face(ari.T, _function, ari.shared, ari.grad))
GUARDED = builders(Face(ari.T, partial(_function, nan="raise"), ari.shared, ari.grad))
# How the other step of `overhead` is built, and what it runs in.
OVERHEADS = {"guard": (GUARDED, nullcontext), "watch": (BUILDERS, waits.looking_on)}
overhead = waits.overhead
compare_fusion = compare
