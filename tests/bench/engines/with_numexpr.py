"""numexpr, for what it does: elementwise expressions."""

from __future__ import annotations

from collections.abc import Callable

import numexpr
import numpy as np

from workloads import Built, Workload

VERSION = numexpr.__version__


def _built(text: str, names: list[str], work: Workload) -> Built:
    values = dict(zip(names, work.inputs, strict=True))
    one = np.float32(1)  # a Python 1 would be an integer, and the result a double
    return Built(
        lambda: numexpr.evaluate(text, local_dict=values, global_dict={"one": one}),
        lambda result: [np.asarray(result)],
    )


BUILDERS: dict[str, Callable[[Workload], Built]] = {
    "call": lambda work: _built("x + one", ["x"], work),
    "elem": lambda work: _built("one/(one + exp(-(x*y + tanh(x))))", ["x", "y"], work),
}
