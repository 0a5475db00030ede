"""Arignote, with the executor that `linker=auto` picks."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import Any

import arignote as ari
import waits
from fusion import compare
from theano_face import Face, builders


def _function(*inputs_and_outputs: Any, **options: Any) -> Any:
    """A function whose generated code is there: building it in a thread counts as building."""
    f = ari.function(*inputs_and_outputs, **options)
    if hasattr(f, "wait"):
        f.wait()
    return f


VERSION = ari.__version__
BUILDERS = builders(Face(ari.T, _function, ari.shared, ari.grad))
GUARDED = builders(Face(ari.T, partial(_function, nan="raise"), ari.shared, ari.grad))
# How the other step of `overhead` is built, and what it runs in.
OVERHEADS = {"guard": (GUARDED, nullcontext), "watch": (BUILDERS, waits.looking_on)}
overhead = waits.overhead
compare_fusion = compare
