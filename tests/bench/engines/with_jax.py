"""JAX on the CPU, `jit` around the whole step, state given away to its successor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from workloads import LOGREG_DECAY, LOGREG_RATE, MLP_RATE, Built, Workload

VERSION = jax.__version__
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


def _mlp_loss(state: list[Any], x: Any, y: Any) -> Any:
    w1, b1, w2, b2, w3, b3 = state
    hidden = jnp.tanh(jnp.tanh(x @ w1 + b1) @ w2 + b2)
    return _softmax_loss(hidden @ w3 + b3, y)


BUILDERS: dict[str, Callable[[Workload], Built]] = {
    "call": lambda work: _plain(work, lambda x: (x + 1,)),
    "elem": lambda work: _plain(work, lambda x, y: (1 / (1 + jnp.exp(-(x * y + jnp.tanh(x)))),)),
    "softmaxloss": lambda work: _plain(work, jax.value_and_grad(_softmax_loss)),
    "logreg": lambda work: _training(work, _logreg_loss, LOGREG_RATE),
    "mlp": lambda work: _training(work, _mlp_loss, MLP_RATE),
}
