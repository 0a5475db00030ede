"""The workloads in Theano's vocabulary, for every engine that speaks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from types import ModuleType
from typing import Any

import numpy as np

from workloads import LOGREG_DECAY, LOGREG_RATE, MLP_RATE, Built, Workload


@dataclass(frozen=True)
class Face:
    """The few names that the workloads need. `function` takes inputs, outputs and updates."""

    T: ModuleType
    function: Callable[..., Callable[..., Any]]
    shared: Callable[..., Any]
    grad: Callable[..., Any]


def builders(face: Face) -> dict[str, Callable[[Workload], Built]]:
    """The builder of each kind of workload for one engine."""
    kinds = [call, elem, logsin, addone, predicate, total, softmaxloss, logreg, mlp]
    kinds += [chain, residual, forward, tanh5]
    return {kind.__name__: _bind(kind, face) for kind in kinds}


def _bind(kind: Callable[[Face, Workload], Built], face: Face) -> Callable[[Workload], Built]:
    return lambda work: kind(face, work)


def _arrays(result: Any) -> list[np.ndarray]:
    return [np.asarray(value) for value in result]


def _built(f: Callable[..., Any], work: Workload, state: list[Any]) -> Built:
    inputs = work.inputs
    return Built(
        lambda: f(*inputs),
        lambda result: _arrays([*result, *(variable.get_value() for variable in state)]),
    )


def call(face: Face, work: Workload) -> Built:
    x = face.T.fvector("x")
    return _built(face.function([x], [x + 1]), work, [])


def _vectors(face: Face, work: Workload) -> list[Any]:
    """An input for each of the workload's, of its dtype."""
    return [face.T.vector(f"x{i}", dtype=str(v.dtype)) for i, v in enumerate(work.inputs)]


def elem(face: Face, work: Workload) -> Built:
    x, y = _vectors(face, work)
    out = 1 / (1 + face.T.exp(-(x * y + face.T.tanh(x))))
    return _built(face.function([x, y], [out]), work, [])


def logsin(face: Face, work: Workload) -> Built:
    T, (x, y) = face.T, _vectors(face, work)
    out = T.log(1 + x * x) * T.sin(y) + abs(x) ** 1.5
    return _built(face.function([x, y], [out]), work, [])


def addone(face: Face, work: Workload) -> Built:
    (a,) = _vectors(face, work)
    return _built(face.function([a], [a + 1]), work, [])


def predicate(face: Face, work: Workload) -> Built:
    a, b = _vectors(face, work)
    return _built(face.function([a, b], [a * b - 4.1 * a > 2.5 * b]), work, [])


def total(face: Face, work: Workload) -> Built:
    cube = face.T.ftensor3("cube")
    return _built(face.function([cube], [face.T.sum(cube, axis=work.axis)]), work, [])


def _loss(T: ModuleType, logits: Any, y: Any) -> Any:
    """As a newcomer writes it; to make it stable is the engine's work."""
    shifted = logits - T.max(logits, axis=1, keepdims=True)
    log_p = shifted - T.log(T.sum(T.exp(shifted), axis=1, keepdims=True))
    return -T.mean(log_p[T.arange(y.shape[0]), y])


def softmaxloss(face: Face, work: Workload) -> Built:
    x, y = face.T.fmatrix("x"), face.T.ivector("y")
    loss = _loss(face.T, x, y)
    return _built(face.function([x, y], [loss, face.grad(loss, x)]), work, [])


def _train(face: Face, inputs: list[Any], loss: Any, state: list[Any], rate: Any) -> Any:
    gradients = face.grad(loss, state)
    updates = [(v, v - rate * g) for v, g in zip(state, gradients, strict=True)]
    return face.function(inputs, [loss], updates=updates)


def logreg(face: Face, work: Workload) -> Built:
    T = face.T
    x, y = T.dmatrix("x"), T.dvector("y")
    w, b = state = [face.shared(value) for value in work.state]
    p = 1 / (1 + T.exp(-T.dot(x, w) - b))
    entropy = -y * T.log(p) - (1 - y) * T.log(1 - p)
    loss = T.mean(entropy) + LOGREG_DECAY * T.sum(w**2)
    return _built(_train(face, [x, y], loss, state, LOGREG_RATE), work, state)


def mlp(face: Face, work: Workload) -> Built:
    T = face.T
    x, y = T.fmatrix("x"), T.ivector("y")
    w1, b1, w2, b2, w3, b3 = state = [face.shared(value) for value in work.state]
    hidden = T.tanh(T.dot(T.tanh(T.dot(x, w1) + b1), w2) + b2)
    loss = _loss(T, T.dot(hidden, w3) + b3, y)
    rate = np.float32(MLP_RATE)
    return _built(_train(face, [x, y], loss, state, rate), work, state)


def chain(face: Face, work: Workload) -> Built:
    h = x = face.T.fvector("x")
    for i in range(work.size):
        h = face.T.tanh(h * np.float32(1.01) + np.float32(i)) + h
    return _built(face.function([x], [face.grad(face.T.sum(h), x)]), work, [])


def residual(face: Face, work: Workload) -> Built:
    T = face.T
    h = x = T.fmatrix("x")
    state = [face.shared(value) for value in work.state]
    for w, b in zip(state[::2], state[1::2], strict=True):
        h = T.tanh(T.dot(h, w) + b) + h
    loss = T.sum(h**2) / np.float32(work.inputs[0].size)
    return _built(face.function([x], [loss, *face.grad(loss, state)]), work, [])


def forward(face: Face, work: Workload) -> Built:
    T = face.T
    x = T.fmatrix("x")
    w1, b1, w2, b2, w3, b3 = [face.shared(value) for value in work.state]
    hidden = T.tanh(T.dot(T.tanh(T.dot(x, w1) + b1), w2) + b2)
    f, batches = face.function([x], [T.dot(hidden, w3) + b3]), cycle(work.inputs)
    return Built(lambda: f(next(batches)), _arrays)


def tanh5(face: Face, work: Workload) -> Built:
    x, y = _vectors(face, work)
    out = x
    for _ in range(5):
        out = face.T.tanh(out + y)
    return _built(face.function([x, y], [out]), work, [])
