"""What is timed: names, inputs and the meaning of each workload, the same for all engines.

call              x + 1 on 8 floats: the cost of a call
elem10k/1m        1 / (1 + exp(-(x*y + tanh(x)))) on 10,000 and 1,000,000 floats
elem64-10k/1m     the same on doubles
logsin100k/4m     log(1 + x*x) * sin(y) + abs(x)**1.5 on 100,000 and 4,000,000 doubles
addone            a + 1 on 1,000,000 doubles
predicate         a*b - 4.1*a > 2.5*b on 1,000,000 doubles
sum0/1/2/all      sum of 256 x 256 x 256 floats over one axis, over all
softmaxloss       mean negative log likelihood of a softmax, and its gradient, 1000 x 1000 floats
logreg            logistic regression, 400 x 784 doubles: loss and one step of descent
mlp               784-512-512-10, tanh, batch 128, floats: loss and one step of descent
chain300          gradient of the sum of 300 chained h = tanh(h*1.01 + i) + h, 10,000 floats
residual N        N layers h = tanh(h @ W + b) + h, width 32, batch 32, floats: loss, all gradients
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

LOGREG_RATE = 0.1
LOGREG_DECAY = 0.01
MLP_RATE = 0.1
MLP_SIZES = [784, 512, 512, 10]
MLP_BATCH = 128
CUBE = 256
RESIDUAL_WIDTH = 32
RESIDUAL_DEPTHS = [250, 500, 1000, 2000, 4000]
OTHER_BATCHES = range(1, 101)
MEMORY_SIZE = 10_000_000


@dataclass(frozen=True)
class Workload:
    """One thing to time. `kind` names the builder that an engine needs for it.

    `size` is the number of layers where there are layers, `axis` is for sums.
    """

    name: str
    kind: str
    inputs: tuple[np.ndarray, ...]
    state: tuple[np.ndarray, ...] = ()
    tolerance: float = 1e-5
    size: int = 0
    axis: int | None = None


@dataclass(frozen=True)
class Built:
    """What an engine makes of a workload: `step` is timed, `values` is not.

    `values(result)` is a list of arrays: the outputs of that step, then the state after it.
    """

    step: Callable[[], object]
    values: Callable[[object], list[np.ndarray]]


def _pair(name: str, kind: str, dtype: str, size: int) -> Workload:
    random = np.random.default_rng(0)
    x, y = random.standard_normal((2, size)).astype(dtype)
    return Workload(name, kind, (x, y), tolerance=1e-5 if dtype == "float32" else 1e-12)


def _call() -> Workload:
    return Workload("call", "call", (np.arange(8, dtype="float32"),))


def _addone() -> Workload:
    a = np.random.default_rng(0).standard_normal(1_000_000)
    return Workload("addone", "addone", (a,), tolerance=0.0)


def _total(name: str, axis: int | None) -> Workload:
    cube = np.random.default_rng(4).random((CUBE, CUBE, CUBE), "float32")
    return Workload(name, "total", (cube,), tolerance=1e-4, axis=axis)


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


def _mlp_state(random: np.random.Generator) -> tuple[np.ndarray, ...]:
    state: list[np.ndarray] = []
    for rows, columns in pairwise(MLP_SIZES):
        state.append((random.standard_normal((rows, columns)) / rows**0.5).astype("float32"))
        state.append(np.zeros(columns, "float32"))
    return tuple(state)


def _mlp() -> Workload:
    random = np.random.default_rng(3)
    x = random.standard_normal((MLP_BATCH, MLP_SIZES[0])).astype("float32")
    y = random.integers(0, MLP_SIZES[-1], MLP_BATCH).astype("int32")
    return Workload("mlp", "mlp", (x, y), _mlp_state(random), 1e-4)


def _chain(layers: int) -> Workload:
    # From below 0 some gradients are so steep that floats keep 2 digits of them (so does NumPy).
    x = np.random.default_rng(5).random(10_000, "float32")
    return Workload(f"chain{layers}", "chain", (x,), tolerance=1e-4, size=layers)


def _residual(layers: int) -> Workload:
    random, width = np.random.default_rng(6), RESIDUAL_WIDTH
    x = random.standard_normal((width, width)).astype("float32")
    scale = (width * layers) ** -0.5  # the gradient neither vanishes nor explodes at any depth
    state: list[np.ndarray] = []
    for _ in range(layers):
        state.append((scale * random.standard_normal((width, width))).astype("float32"))
        state.append(np.zeros(width, "float32"))
    return Workload(f"residual{layers}", "residual", (x,), tuple(state), 1e-3, size=layers)


def _forward() -> Workload:
    """Step k takes input k: a batch of the usual size, then two of each other size."""
    random = np.random.default_rng(3)
    sizes = [MLP_BATCH, *[n for n in OTHER_BATCHES for _ in range(2)]]
    batches = [random.standard_normal((n, MLP_SIZES[0])).astype("float32") for n in sizes]
    return Workload("forward", "forward", tuple(batches), _mlp_state(random), 1e-4)


def _tanh5(name: str, size: int) -> Workload:
    random = np.random.default_rng(7)
    return Workload(name, "tanh5", (random.random(size, "float32"), random.random(size, "float32")))


ROWS: dict[str, Callable[[], Workload]] = {
    "call": _call,
    "elem10k": partial(_pair, "elem10k", "elem", "float32", 10_000),
    "elem1m": partial(_pair, "elem1m", "elem", "float32", 1_000_000),
    "elem64-10k": partial(_pair, "elem64-10k", "elem", "float64", 10_000),
    "elem64-1m": partial(_pair, "elem64-1m", "elem", "float64", 1_000_000),
    "logsin100k": partial(_pair, "logsin100k", "logsin", "float64", 100_000),
    "logsin4m": partial(_pair, "logsin4m", "logsin", "float64", 4_000_000),
    "addone": _addone,
    "predicate": partial(_pair, "predicate", "predicate", "float64", 1_000_000),
    "sum0": partial(_total, "sum0", 0),
    "sum1": partial(_total, "sum1", 1),
    "sum2": partial(_total, "sum2", 2),
    "sumall": partial(_total, "sumall", None),
    "softmaxloss": _softmaxloss,
    "logreg": _logreg,
    "mlp": _mlp,
    "chain300": partial(_chain, 300),
    **{f"residual{n}": partial(_residual, n) for n in RESIDUAL_DEPTHS},
}

# What special rows time beside these.
PARTS: dict[str, Callable[[], Workload]] = {
    "forward": _forward,
    "tanh5": partial(_tanh5, "tanh5", MEMORY_SIZE),
    "tanh5-small": partial(_tanh5, "tanh5-small", 1000),
}


def make(name: str) -> Workload:
    """The workload of a name."""
    return (ROWS | PARTS)[name]()


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
