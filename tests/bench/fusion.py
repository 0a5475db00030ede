"""Random elementwise expressions, in Arignote with fusion and without: fused is never slower."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import arignote as ari
from arignote.compile import get_mode
from arignote.errors import ConfigError

SEED = 20
TAG = "fusion"
ALLOWED = 1.05
RETRIES = 3  # what seems slower is timed again, for longer each time
UNARY: dict[str, Callable[[Any, Any], Any]] = {
    "tanh": lambda T, x: T.tanh(x),
    "exp": lambda T, x: T.exp(-abs(x)),
    "log": lambda T, x: T.log(1.5 + abs(x)),
    "sqrt": lambda T, x: T.sqrt(abs(x)),
    "sin": lambda T, x: T.sin(x),
    "square": lambda T, x: T.tanh(x) ** 2,
    "negative": lambda T, x: -x,
}
BINARY: dict[str, Callable[[Any, Any, Any], Any]] = {
    "add": lambda T, x, y: x + y,
    "subtract": lambda T, x, y: x - y,
    "multiply": lambda T, x, y: x * T.tanh(y),
    "divide": lambda T, x, y: x / (2 + abs(y)),
    "maximum": lambda T, x, y: T.maximum(x, y),
    "where": lambda T, x, y: T.where(x > y, x, 0.5 * y),
}
SHAPES = [(1_000,), (30_000,), (200, 150), (1000, 300), (300_000,)]


@dataclass(frozen=True)
class Expression:
    """Leaves (dtype and shapes), then steps: an op and the earlier values that it takes."""

    dtype: str
    shapes: tuple[tuple[int, ...], ...]
    steps: tuple[tuple[str, tuple[int, ...]], ...]

    def value(self, T: Any, leaves: list[Any]) -> Any:
        """The expression over NumPy arrays (T is NumPy) or variables (T is arignote.tensor)."""
        values = list(leaves)
        for name, places in self.steps:
            values.append((UNARY | BINARY)[name](T, *(values[i] for i in places)))
        return values[-1]

    def __str__(self) -> str:
        steps = " ".join(f"{name}{places}" for name, places in self.steps)
        return f"{self.dtype} {self.shapes} {steps}".replace(",)", ")")


def random_expression(random: np.random.Generator) -> Expression:
    """Up to 4 leaves, some of them a row or a column, and 2 to 15 ops; everything is used."""
    shape = SHAPES[random.integers(len(SHAPES))]
    leaves = [shape, *(_broadcast(random, shape) for _ in range(random.integers(4)))]
    steps: list[tuple[str, tuple[int, ...]]] = []
    unused = list(range(len(leaves)))
    for _ in range(random.integers(2, 12)):
        count = len(leaves) + len(steps)
        names = list(UNARY) if random.random() < 0.5 else list(BINARY)
        arity = 1 if names[0] in UNARY else 2
        places = tuple(int(i) for i in random.integers(count, size=arity))
        steps.append((names[random.integers(len(names))], places))
        unused = [i for i in unused if i not in places] + [count]
    while len(unused) > 1:
        steps.append(("add", (unused.pop(0), unused.pop(0))))
        unused.append(len(leaves) + len(steps) - 1)
    dtype = "float32" if random.random() < 0.5 else "float64"
    return Expression(dtype, tuple(leaves), tuple(steps))


def _broadcast(random: np.random.Generator, shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) == 1 or random.random() < 0.5:
        return shape
    return (1, shape[1]) if random.random() < 0.5 else (shape[0], 1)


def compare(count: int, seconds: float) -> dict:
    """How many of so many expressions are slower fused, and the worst ratio.

    `{"note": ...}` while there is nothing to leave out.
    """
    try:
        unfused = get_mode().excluding(TAG)
    except ConfigError:
        return {"note": f"left out: there is no rewrite tag {TAG!r} yet"}
    random = np.random.default_rng(SEED)
    ratios: list[tuple[float, str]] = []
    for _ in range(count):
        expression = random_expression(random)
        arrays = [random.standard_normal(s).astype(expression.dtype) for s in expression.shapes]
        pair = [_function(expression, mode) for mode in (get_mode(), unfused)]
        want = expression.value(np, [array.astype("float64") for array in arrays])
        # A root or a logarithm near 0 makes much of one rounding, so a few elements may be off.
        for f in pair:
            close = np.isclose(f(*arrays), want, rtol=1e-4, atol=1e-5, equal_nan=True)
            assert close.mean() > 0.99, str(expression)
        ratios.append((_ratio(pair, arrays, seconds), str(expression)))
    worst, text = max(ratios)
    slower = sum(ratio > ALLOWED for ratio, _ in ratios)
    return {"count": count, "slower": slower, "worst": worst, "expression": text}


def _function(expression: Expression, mode: Any) -> Callable[..., Any]:
    leaves = [
        ari.T.tensor(expression.dtype, shape=tuple(1 if n == 1 else None for n in shape))
        for shape in expression.shapes
    ]
    f = ari.function(leaves, expression.value(ari.T, leaves), mode=mode)
    if hasattr(f, "wait"):
        f.wait()
    return f


def _ratio(pair: list[Callable[..., Any]], arrays: list[np.ndarray], seconds: float) -> float:
    """The best time of the first over that of the second, the smallest of some tries."""
    ratio = float("inf")
    for attempt in range(1 + RETRIES):
        ratio = min(ratio, _once(pair, arrays, seconds * 2**attempt))
        if ratio <= ALLOWED:
            break
    return ratio


def _once(pair: list[Callable[..., Any]], arrays: list[np.ndarray], seconds: float) -> float:
    clock = time.perf_counter
    start = clock()
    pair[0](*arrays)
    count = max(1, int(0.0005 / max(clock() - start, 1e-7)))
    best = [float("inf"), float("inf")]
    end, rounds = clock() + seconds, 0
    while clock() < end or rounds < 4:
        for which in (0, 1) if rounds % 2 else (1, 0):
            f = pair[which]
            start = clock()
            for _ in range(count):
                f(*arrays)
            best[which] = min(best[which], clock() - start)
        rounds += 1
    return best[0] / best[1]
