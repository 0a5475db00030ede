"""JAX on the CPU, `jit` around the whole step, state given away to its successor."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from workloads import LOGREG_DECAY, LOGREG_RATE, MLP_RATE, Built, Workload

VERSION = jax.__version__
LARGEST = {"residual": 1000}  # its compile takes 9 s for 1,000 layers, and more than doubles
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_enable_x64", True)  # logreg is in doubles; float32 arrays stay float32


def _arrays(result: Any) -> list[np.ndarray]:
    return [np.asarray(value) for value in result]


def _plain(work: Workload, function: Callable[..., Any]) -> Built:
    compiled, inputs = jax.jit(function), tuple(jnp.asarray(v) for v in work.inputs)
    return Built(lambda: jax.block_until_ready(compiled(*inputs)), _arrays)


def _training(work: Workload, loss: Callable[..., Any], rate: float) -> Built:
    inputs = tuple(jnp.asarray(v) for v in work.inputs)
    state = [jnp.asarray(v) for v in work.state]

    def descend(state: list[Any], *inputs: Any) -> tuple[Any, list[Any]]:
        value, gradients = jax.value_and_grad(loss)(state, *inputs)
        return value, [v - rate * g for v, g in zip(state, gradients, strict=True)]

    compiled = jax.jit(descend, donate_argnums=0)

    def step() -> Any:
        nonlocal state
        value, state = compiled(state, *inputs)
        jax.block_until_ready(state)
        return value

    return Built(step, lambda value: _arrays([value, *state]))


def _softmax_loss(logits: Any, y: Any) -> Any:
    return -jax.nn.log_softmax(logits)[jnp.arange(y.shape[0]), y].mean()


def _logreg_loss(state: list[Any], x: Any, y: Any) -> Any:
    w, b = state
    p = 1 / (1 + jnp.exp(-x @ w - b))
    entropy = -y * jnp.log(p) - (1 - y) * jnp.log(1 - p)
    return entropy.mean() + LOGREG_DECAY * (w**2).sum()


def _logits(state: list[Any], x: Any) -> Any:
    w1, b1, w2, b2, w3, b3 = state
    return jnp.tanh(jnp.tanh(x @ w1 + b1) @ w2 + b2) @ w3 + b3


def _mlp_loss(state: list[Any], x: Any, y: Any) -> Any:
    return _softmax_loss(_logits(state, x), y)


def _logsin(x: Any, y: Any) -> Any:
    return (jnp.log(1 + x * x) * jnp.sin(y) + jnp.abs(x) ** 1.5,)


def _total(work: Workload) -> Built:
    return _plain(work, lambda cube: (cube.sum(axis=work.axis),))


def _chain(work: Workload) -> Built:
    def loss(h: Any) -> Any:
        for i in range(work.size):
            h = jnp.tanh(h * 1.01 + i) + h
        return h.sum()

    gradient = jax.grad(loss)
    return _plain(work, lambda x: (gradient(x),))


def _residual(work: Workload) -> Built:
    def loss(state: list[Any], h: Any) -> Any:
        for w, b in zip(state[::2], state[1::2], strict=True):
            h = jnp.tanh(h @ w + b) + h
        return (h**2).sum() / h.size

    compiled = jax.jit(jax.value_and_grad(loss))
    state, x = [jnp.asarray(v) for v in work.state], jnp.asarray(work.inputs[0])
    step = lambda: jax.block_until_ready(compiled(state, x))
    return Built(step, lambda result: _arrays([result[0], *result[1]]))


def _forward(work: Workload) -> Built:
    compiled, state = jax.jit(_logits), [jnp.asarray(v) for v in work.state]
    batches = cycle([jnp.asarray(v) for v in work.inputs])
    step = lambda: jax.block_until_ready(compiled(state, next(batches)))
    return Built(step, lambda result: [np.asarray(result)])


def _tanh5(x: Any, y: Any) -> Any:
    for _ in range(5):
        x = jnp.tanh(x + y)
    return (x,)


BUILDERS: dict[str, Callable[[Workload], Built]] = {
    "call": lambda work: _plain(work, lambda x: (x + 1,)),
    "elem": lambda work: _plain(work, lambda x, y: (1 / (1 + jnp.exp(-(x * y + jnp.tanh(x)))),)),
    "logsin": lambda work: _plain(work, _logsin),
    "addone": lambda work: _plain(work, lambda a: (a + 1,)),
    "predicate": lambda work: _plain(work, lambda a, b: (a * b - 4.1 * a > 2.5 * b,)),
    "total": _total,
    "softmaxloss": lambda work: _plain(work, jax.value_and_grad(_softmax_loss)),
    "logreg": lambda work: _training(work, _logreg_loss, LOGREG_RATE),
    "mlp": lambda work: _training(work, _mlp_loss, MLP_RATE),
    "chain": _chain,
    "residual": _residual,
    "forward": _forward,
    "tanh5": lambda work: _plain(work, _tanh5),
}
