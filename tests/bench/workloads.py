"""What is timed: names, inputs and the meaning of each workload, the same for all engines.

call         x + 1 on 8 floats: the cost of a call
elem10k/1m   1 / (1 + exp(-(x*y + tanh(x)))) on 10,000 and 1,000,000 floats
softmaxloss  mean negative log likelihood of a softmax, and its gradient, 1000 x 1000 floats
logreg       logistic regression, 400 x 784 doubles: loss and one step of descent
mlp          784-512-512-10, tanh, batch 128, floats: loss and one step of descent
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

LOGREG_RATE = 0.1
LOGREG_DECAY = 0.01
MLP_RATE = 0.1
MLP_SIZES = [784, 512, 512, 10]


@dataclass(frozen=True)
class Workload:
    """One thing to time. `kind` names the builder that an engine needs for it."""

    name: str
    kind: str
    inputs: tuple[np.ndarray, ...]
    state: tuple[np.ndarray, ...] = ()
    tolerance: float = 1e-5


@dataclass(frozen=True)
class Built:
    """What an engine makes of a workload: `step` is timed, `values` is not.

    `values(result)` is a list of arrays: the outputs of that step, then the state after it.
    """

    step: Callable[[], object]
    values: Callable[[object], list[np.ndarray]]


def _elem(name: str, size: int) -> Workload:
    random = np.random.default_rng(0)
    x, y = random.standard_normal((2, size)).astype("float32")
    return Workload(name, "elem", (x, y))


def _call() -> Workload:
    return Workload("call", "call", (np.arange(8, dtype="float32"),))


def _softmaxloss() -> Workload:
    random = np.random.default_rng(1)
    x = random.standard_normal((1000, 1000)).astype("float32")
    y = random.integers(0, 1000, 1000).astype("int32")
    return Workload("softmaxloss", "softmaxloss", (x, y))


def _logreg() -> Workload:
    random = np.random.default_rng(2)
    x = random.standard_normal((400, 784))
    y = random.integers(0, 2, 400).astype("float64")
    w = 0.05 * random.standard_normal(784)
    return Workload("logreg", "logreg", (x, y), (w, np.array(0.0)), 1e-9)


def _mlp() -> Workload:
    random = np.random.default_rng(3)
    x = random.standard_normal((128, MLP_SIZES[0])).astype("float32")
    y = random.integers(0, MLP_SIZES[-1], 128).astype("int32")
    state: list[np.ndarray] = []
    for rows, columns in pairwise(MLP_SIZES):
        state.append((random.standard_normal((rows, columns)) / rows**0.5).astype("float32"))
        state.append(np.zeros(columns, "float32"))
    return Workload("mlp", "mlp", (x, y), tuple(state), 1e-4)


MAKERS: dict[str, Callable[[], Workload]] = {
    "call": _call,
    "elem10k": lambda: _elem("elem10k", 10_000),
    "elem1m": lambda: _elem("elem1m", 1_000_000),
    "softmaxloss": _softmaxloss,
    "logreg": _logreg,
    "mlp": _mlp,
}


def difference(got: list[np.ndarray], want: list[np.ndarray]) -> float:
    """The largest difference, relative to the largest magnitude of each wanted array."""
    if len(got) != len(want):
        return float("inf")
    worst = 0.0
    for mine, true in zip(got, want, strict=True):
        if mine.shape != true.shape or mine.dtype != true.dtype:
            return float("inf")
        scale = max(float(np.abs(true).max()), 1e-30)
        gap = float(np.abs(mine.astype("float64") - true).max()) / scale
        worst = max(worst, gap if np.isfinite(gap) else float("inf"))
    return worst
