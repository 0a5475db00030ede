"""numexpr, for what it does: elementwise expressions."""

from __future__ import annotations

from collections.abc import Callable

import numexpr
import numpy as np

from workloads import Built, Workload

VERSION = numexpr.__version__


def _built(text: str, names: str, work: Workload) -> Built:
    values = dict(zip(names, work.inputs, strict=True))
    one = work.inputs[0].dtype.type(1)  # a Python 1 would be an integer: doubles from floats
    return Built(
        lambda: numexpr.evaluate(text, local_dict=values, global_dict={"one": one}),
        lambda result: [np.asarray(result)],
    )


def _total(work: Workload) -> Built:
    return _built("sum(x)" if work.axis is None else f"sum(x, axis={work.axis})", "x", work)


BUILDERS: dict[str, Callable[[Workload], Built]] = {
    "call": lambda work: _built("x + one", "x", work),
    "elem": lambda work: _built("one/(one + exp(-(x*y + tanh(x))))", "xy", work),
    "logsin": lambda work: _built("log(1 + x*x)*sin(y) + abs(x)**1.5", "xy", work),
    "addone": lambda work: _built("x + one", "x", work),
    "predicate": lambda work: _built("a*b - 4.1*a > 2.5*b", "ab", work),
    "total": _total,
    "tanh5": lambda work: _built("tanh(tanh(tanh(tanh(tanh(x + y) + y) + y) + y) + y)", "xy", work),
}
