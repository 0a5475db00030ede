"""The plan of memory: what is written over, and what is not. Oracle: NumPy's executor."""

from __future__ import annotations

import numpy as np
import pytest

from arignote import config, function, shared
from arignote import tensor as T
from arignote.compile import get_mode
from arignote.compile.link import executor_name
from arignote.lower.steps import AliasStep, Part
from oracles import assert_arrays

pytestmark = pytest.mark.skipif(executor_name(get_mode()) != "c", reason="no C compiler")

ROWS = COLUMNS = 5
X = np.random.default_rng(5).normal(size=(ROWS, COLUMNS))
W = shared(np.random.default_rng(6).normal(size=(COLUMNS, COLUMNS)), "W")


def product(x):
    """Something that is in memory: no loop takes it in."""
    return T.dot(x, W)


OVERWRITTEN = {
    "elementwise": lambda x: T.dot(T.tanh(product(x)), W),
    "two operands, one of them read later": lambda x: T.dot(
        T.dot(T.exp(product(x)) * x, W) * product(x + 1), W
    ),
    "two outputs": lambda x: T.dot(T.sin(product(x)), W) + T.dot(T.cos(product(x)), W.T),
    "added to a product": lambda x: T.tanh(product(x)) @ W + product(T.exp(x)),
}
KEPT = {
    "rows that need their totals": lambda x: T.dot(T.nnet.softmax(product(x)), W),
    "read in another order too": lambda x: T.dot(T.exp(product(x) * product(x).T), W),
    "one row for all": lambda x: T.dot(T.exp(x + T.dot(x[0], W)), W),
    "read through a view": lambda x: T.dot(T.exp(product(x)[::-1]), W),
    "gathered": lambda x: T.dot(T.exp(product(x)[T.argsort(x[:, 0])]), W),
    "halves of it": lambda x: T.dot(T.exp(product(x)[:, 1:] - product(x)[:, :-1]), W[1:]),
    "another dtype": lambda x: T.dot(T.exp(product(x).astype("float32")), W.astype("float32")),
    "the other way round": lambda x: T.dot(T.exp(product(x).T + x), W),
    "an output": lambda x: [product(x), T.dot(T.exp(product(x)), W)],
}


def overwriting(f) -> list[str]:
    """The steps whose output lies where one of their inputs did."""
    found = []
    for part in f.program.steps:
        for step in part.steps if isinstance(part, Part) else ():
            if isinstance(step, AliasStep):
                continue
            given = {part.slots[x] for x in step.inputs if x in part.slots}
            found += [str(x.owner) for x in step.outputs if part.slots.get(x) in given]
    return found


def compiled(make):
    """The function in C, whose values are NumPy's, time and again."""
    x = T.dmatrix("x")
    made = make(x)
    outputs = made if isinstance(made, list) else [made]
    with config.change(linker="numpy"):
        expected = function([x], outputs)(X)
    with config.change(linker="c", async_compile="off"):
        f = function([x], outputs)
    for _ in range(2):
        for found, value in zip(f(X), expected, strict=True):
            assert_arrays(found, value)
    return f


@pytest.mark.parametrize("name", OVERWRITTEN)
def test_what_nobody_reads_later_is_written_over(name):
    assert overwriting(compiled(OVERWRITTEN[name]))


@pytest.mark.parametrize("name", KEPT)
def test_what_is_read_elsewhere_is_not(name):
    assert not overwriting(compiled(KEPT[name]))


def test_nothing_is_where_a_nan_is_looked_for():
    """Whoever looks for its origin wants to see what a step has read."""
    x = T.dmatrix("x")
    out = OVERWRITTEN["elementwise"](x)
    assert not overwriting(function([x], out, nan="raise"))
