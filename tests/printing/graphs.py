"""Graphs that several tests draw, and an independent walk over them."""

from __future__ import annotations

import numpy as np

import arignote as ari
import arignote.tensor as T
from arignote import Constant, SharedVariable, Variable


def softmax_regression():
    """Inputs, shared variables, loss and gradients of softmax regression."""
    x, y = T.fmatrix("x"), T.ivector("y")
    W = ari.shared(np.zeros((64, 10), "float32"), name="W")
    b = ari.shared(np.zeros(10, "float32"), name="b")
    p = T.nnet.softmax(x @ W + b)
    p.name = "p"
    loss = -T.log(p)[T.arange(y.shape[0]), y].mean()
    loss.name = "loss"
    return x, y, W, b, loss, ari.grad(loss, [W, b])


def train_function():
    x, y, W, b, loss, (dW, db) = softmax_regression()
    updates = {W: W - 0.1 * dW, b: b - 0.1 * db}
    return ari.function([x, y], loss, updates=updates, name="train")


def chain(length: int) -> Variable:
    x = T.dscalar("x")
    for number in range(length):
        x = T.tanh(x) if number % 2 else x + 1
    return x


def counted(outputs: list[Variable]) -> dict[str, int]:
    """How many ops, inputs, shared variables and uses of constants outputs need."""
    waiting, seen = list(outputs), set()
    found = {"ops": 0, "inputs": 0, "shared": 0, "constants": 0, "edges": 0}
    while waiting:
        variable = waiting.pop()
        key = variable.owner if variable.owner is not None else variable
        if isinstance(variable, Constant):
            found["constants"] += 1
        if id(key) in seen:
            continue
        seen.add(id(key))
        if variable.owner is not None:
            found["ops"] += 1
            found["edges"] += len(variable.owner.inputs)
            waiting.extend(variable.owner.inputs)
        elif isinstance(variable, SharedVariable):
            found["shared"] += 1
        elif not isinstance(variable, Constant):
            found["inputs"] += 1
    return found
