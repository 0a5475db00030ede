"""PyTorch on the CPU, eager."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np
import torch

from workloads import LOGREG_DECAY, LOGREG_RATE, MLP_RATE, Built, Workload

VERSION = torch.__version__


def _arrays(result: Any) -> list[np.ndarray]:
    return [value.detach().numpy().copy() for value in result]


def _inputs(work: Workload) -> list[torch.Tensor]:
    # Class labels are int64 in PyTorch.
    tensors = [torch.from_numpy(value.copy()) for value in work.inputs]
    return [t.long() if t.dtype == torch.int32 else t for t in tensors]


def call(work: Workload) -> Built:
    (x,) = _inputs(work)
    return Built(lambda: (x + 1,), _arrays)


def elem(work: Workload) -> Built:
    x, y = _inputs(work)
    return Built(lambda: (1 / (1 + torch.exp(-(x * y + torch.tanh(x)))),), _arrays)


def logsin(work: Workload) -> Built:
    x, y = _inputs(work)
    return Built(lambda: (torch.log(1 + x * x) * torch.sin(y) + abs(x) ** 1.5,), _arrays)


def predicate(work: Workload) -> Built:
    a, b = _inputs(work)
    return Built(lambda: (a * b - 4.1 * a > 2.5 * b,), _arrays)


def total(work: Workload) -> Built:
    (cube,) = _inputs(work)
    return Built(lambda: (torch.sum(cube, dim=work.axis),), _arrays)


def softmaxloss(work: Workload) -> Built:
    x, y = _inputs(work)
    x.requires_grad_()

    def step() -> Any:
        loss = torch.nn.functional.cross_entropy(x, y)
        return loss, *torch.autograd.grad(loss, x)

    return Built(step, _arrays)


def _training(work: Workload, loss: Callable[..., Any], rate: float) -> Built:
    inputs = _inputs(work)
    state = [torch.tensor(value, requires_grad=True) for value in work.state]

    def step() -> Any:
        value = loss(state, *inputs)
        gradients = torch.autograd.grad(value, state)
        with torch.no_grad():
            for variable, gradient in zip(state, gradients, strict=True):
                variable.sub_(gradient, alpha=rate)
        return value

    return Built(step, lambda value: _arrays([value, *state]))


def _logreg_loss(state: list[Any], x: Any, y: Any) -> Any:
    w, b = state
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(x @ w + b, y)
    return entropy + LOGREG_DECAY * (w**2).sum()


def _logits(state: list[Any], x: Any) -> Any:
    w1, b1, w2, b2, w3, b3 = state
    hidden = torch.tanh(torch.addmm(b2, torch.tanh(torch.addmm(b1, x, w1)), w2))
    return torch.addmm(b3, hidden, w3)


def _mlp_loss(state: list[Any], x: Any, y: Any) -> Any:
    return torch.nn.functional.cross_entropy(_logits(state, x), y)


def chain(work: Workload) -> Built:
    (x,) = _inputs(work)
    x.requires_grad_()

    def step() -> Any:
        h = x
        for i in range(work.size):
            h = torch.tanh(h * 1.01 + i) + h
        return torch.autograd.grad(h.sum(), x)

    return Built(step, _arrays)


def residual(work: Workload) -> Built:
    (x,) = _inputs(work)
    state = [torch.tensor(value, requires_grad=True) for value in work.state]

    def step() -> Any:
        h = x
        for w, b in zip(state[::2], state[1::2], strict=True):
            h = torch.tanh(torch.addmm(b, h, w)) + h
        loss = (h**2).sum() / h.numel()
        return loss, *torch.autograd.grad(loss, state)

    return Built(step, _arrays)


def forward(work: Workload) -> Built:
    state = [torch.from_numpy(value.copy()) for value in work.state]
    batches = cycle(_inputs(work))
    return Built(lambda: (_logits(state, next(batches)),), _arrays)


def tanh5(work: Workload) -> Built:
    x, y = _inputs(work)

    def step() -> Any:
        out = x
        for _ in range(5):
            out = torch.tanh(out + y)
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
    "logreg": lambda work: _training(work, _logreg_loss, LOGREG_RATE),
    "mlp": lambda work: _training(work, _mlp_loss, MLP_RATE),
    "chain": chain,
    "residual": residual,
    "forward": forward,
    "tanh5": tanh5,
}
