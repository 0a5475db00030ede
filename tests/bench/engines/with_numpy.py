"""NumPy by hand: gradients derived on paper, temporaries reused. The others must agree with it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

import numpy as np

from workloads import LOGREG_DECAY, LOGREG_RATE, MLP_RATE, Built, Workload

VERSION = np.__version__


def _arrays(result: object) -> list[np.ndarray]:
    return [np.asarray(value) for value in result]


def call(work: Workload) -> Built:
    (x,) = work.inputs
    return Built(lambda: (x + 1,), _arrays)


def elem(work: Workload) -> Built:
    x, y = work.inputs

    def step() -> tuple[np.ndarray]:
        out = np.tanh(x)
        out += x * y
        np.negative(out, out=out)
        np.exp(out, out=out)
        out += 1
        np.divide(1, out, out=out)
        return (out,)

    return Built(step, _arrays)


def logsin(work: Workload) -> Built:
    x, y = work.inputs

    def step() -> tuple[np.ndarray]:
        out = x * x
        out += 1
        np.log(out, out=out)
        other = np.sin(y)
        out *= other
        np.abs(x, out=other)
        other **= 1.5
        out += other
        return (out,)

    return Built(step, _arrays)


def predicate(work: Workload) -> Built:
    a, b = work.inputs

    def step() -> tuple[np.ndarray]:
        left, right = a * b, 4.1 * a
        left -= right
        np.multiply(2.5, b, out=right)
        return (left > right,)

    return Built(step, _arrays)


def total(work: Workload) -> Built:
    (cube,) = work.inputs
    return Built(lambda: (cube.sum(axis=work.axis),), _arrays)


def _softmax_loss(logits: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The loss and its gradient; `logits` is overwritten."""
    rows = np.arange(len(y))
    logits -= logits.max(axis=1, keepdims=True)
    right = logits[rows, y]
    np.exp(logits, out=logits)
    sums = logits.sum(axis=1, keepdims=True)
    loss = (np.log(sums[:, 0]) - right).mean()
    logits /= sums * np.float32(len(y))
    logits[rows, y] -= np.float32(1 / len(y))
    return loss, logits


def softmaxloss(work: Workload) -> Built:
    x, y = work.inputs
    return Built(lambda: _softmax_loss(x.copy(), y), _arrays)


def logreg(work: Workload) -> Built:
    x, y = work.inputs
    w, b = (value.copy() for value in work.state)

    def step() -> np.ndarray:
        nonlocal w, b
        z = x @ w + b
        p = 1 / (1 + np.exp(-z))
        entropy = -y * np.log(p) - (1 - y) * np.log(1 - p)
        loss = entropy.mean() + LOGREG_DECAY * (w @ w)
        dz = (p - y) / len(y)
        w = w - LOGREG_RATE * (x.T @ dz + 2 * LOGREG_DECAY * w)
        b = b - LOGREG_RATE * dz.sum()
        return loss

    return Built(step, lambda loss: _arrays((loss, w, b)))


def mlp(work: Workload) -> Built:
    x, y = work.inputs
    state = [value.copy() for value in work.state]
    rate = np.float32(MLP_RATE)

    def step() -> np.ndarray:
        w1, b1, w2, b2, w3, b3 = state
        h1 = np.tanh(x @ w1 + b1)
        h2 = np.tanh(h1 @ w2 + b2)
        loss, d3 = _softmax_loss(h2 @ w3 + b3, y)
        d2 = (d3 @ w3.T) * (1 - h2 * h2)
        d1 = (d2 @ w2.T) * (1 - h1 * h1)
        gradients = [x.T @ d1, d1.sum(0), h1.T @ d2, d2.sum(0), h2.T @ d3, d3.sum(0)]
        for value, gradient in zip(state, gradients, strict=True):
            gradient *= rate
            value -= gradient
        return loss

    return Built(step, lambda loss: _arrays((loss, *state)))


def chain(work: Workload) -> Built:
    (x,) = work.inputs

    def step() -> tuple[np.ndarray]:
        h, slopes = x, []
        for i in range(work.size):
            t = h * 1.01
            t += i
            np.tanh(t, out=t)
            h = h + t
            np.multiply(t, t, out=t)
            t *= -1.01
            t += 2.01
            slopes.append(t)
        gradient = np.ones_like(x)
        for slope in reversed(slopes):
            gradient *= slope
        return (gradient,)

    return Built(step, _arrays)


def residual(work: Workload) -> Built:
    (x,) = work.inputs
    layers = list(zip(work.state[::2], work.state[1::2], strict=True))

    def step() -> list[np.ndarray]:
        h, kept = x, []
        for w, b in layers:
            t = h @ w
            t += b
            np.tanh(t, out=t)
            kept.append((h, t))
            h = h + t
        loss = np.sum(h * h) / np.float32(h.size)
        back = h * np.float32(2 / h.size)
        gradients = []
        for (w, _), (h, t) in zip(reversed(layers), reversed(kept), strict=True):
            t *= t
            d = back - back * t
            gradients += [d.sum(0), h.T @ d]
            back += d @ w.T
        return [loss, *reversed(gradients)]

    return Built(step, _arrays)


def forward(work: Workload) -> Built:
    w1, b1, w2, b2, w3, b3 = work.state
    batches = cycle(work.inputs)

    def step() -> tuple[np.ndarray]:
        hidden = np.tanh(np.tanh(next(batches) @ w1 + b1) @ w2 + b2)
        return (hidden @ w3 + b3,)

    return Built(step, _arrays)


def tanh5(work: Workload) -> Built:
    x, y = work.inputs

    def step() -> tuple[np.ndarray]:
        out = x + y
        np.tanh(out, out=out)
        for _ in range(4):
            out += y
            np.tanh(out, out=out)
        return (out,)

    return Built(step, _arrays)


BUILDERS: dict[str, Callable[[Workload], Built]] = {
    "call": call,
    "elem": elem,
    "logsin": logsin,
    "addone": call,
    "predicate": predicate,
    "total": total,
    "softmaxloss": softmaxloss,
    "logreg": logreg,
    "mlp": mlp,
    "chain": chain,
    "residual": residual,
    "forward": forward,
    "tanh5": tanh5,
}
