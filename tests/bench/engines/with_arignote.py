"""Arignote, with the executor that `linker=auto` picks."""

from __future__ import annotations

from typing import Any

import arignote as ari
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
compare_fusion = compare
