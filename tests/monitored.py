"""What tests of the monitor look on at: small trainings, what NumPy makes of them, and panels."""

from __future__ import annotations

import io
import time

import numpy as np

import arignote.tensor as T
from arignote import function, grad, shared
from arignote.compile.watched import STATISTICS
from arignote.viz.monitor.feed import Batch
from arignote.viz.monitor.session import OnNaN, Watch

RATE = 0.05


def regression(dtype: str = "float64", name: str = "loss"):
    """Data, weights, and a step of descent on the mean squared error."""
    rng = np.random.default_rng(0)
    data, truth = rng.normal(size=(30, 4)), np.array([1.0, -2.0, 0.5, 3.0])
    x, y = T.matrix("x", dtype=dtype), T.vector("y", dtype=dtype)
    w, b = shared(np.full(4, 0.1, dtype), "w"), shared(np.asarray(0.2, dtype), "b")
    h = T.dot(x, w) + b
    h.name = "h"
    loss = ((h - y) ** 2).mean()
    loss.name = name
    gw, gb = grad(loss, [w, b])
    lr = np.asarray(RATE, dtype)
    step = function([x, y], loss, updates={w: w - lr * gw, b: b - lr * gb})
    return data.astype(dtype), (data @ truth + 1.0).astype(dtype), w, b, step


def by_hand(data: np.ndarray, goal: np.ndarray, steps: int) -> dict[str, list]:
    """What happens in each step, computed with NumPy."""
    w, b = np.full(4, 0.1), 0.2
    rows: dict[str, list] = {key: [] for key in ("loss", "w", "h", "gw", "rw", "gb", "b")}
    for _ in range(steps):
        h = data @ w + b
        away = 2 * (h - goal) / len(goal)
        new, shift = w - RATE * data.T @ away, b - RATE * away.sum()
        rows["loss"].append(((h - goal) ** 2).mean())
        rows["h"].append(h)
        rows["gw"].append(np.linalg.norm(data.T @ away))
        rows["gb"].append(abs(away.sum()))
        rows["rw"].append(np.linalg.norm(new - w) / np.linalg.norm(w))
        w, b = new, shift
        rows["w"].append(w)
        rows["b"].append(b)
    return rows


def sick(every: int = 1):
    """A step whose loss becomes NaN once the weight is below 0: log(w)."""
    x, w = T.dscalar("x"), shared(1.0, "w")
    h = T.log(w)
    h.name = "h"
    loss = h * x
    loss.name = "loss"
    return w, function([x], loss, updates={w: w - 0.3})


def forever(step) -> None:
    while True:
        step()


class Recorder:
    """A panel that keeps what it is told, and may claim that others see it too."""

    def __init__(self, is_seen: bool = False) -> None:
        self.is_seen = is_seen
        self.batches: list[Batch] = []
        self.events: list[str] = []

    def open(self, seen) -> None:
        self.events.append("open")

    def send(self, batch: Batch) -> None:
        self.events.append(f"batch {batch.steps}")
        self.batches.append(batch)

    def alarm(self, first) -> bool:
        self.events.append(f"alarm {first.step}")
        return self.is_seen

    def close(self, seen) -> None:
        self.events.append("close")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class FakeClock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def recorded(panel, clock=time.perf_counter, nan=OnNaN.RECORD, hist: bool = False) -> Watch:
    """A watch with a panel, of each step."""
    return Watch(None, 1, None, STATISTICS, nan, True, hist, panel, clock)
