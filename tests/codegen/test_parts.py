"""Loops that call several functions. Oracles: NumPy's own functions, the count of calls in C."""

from __future__ import annotations

import re

import numpy as np
import pytest

from arignote import config, function, shared
from arignote import tensor as T
from arignote.compile import get_mode
from arignote.compile.link import executor_name
from arignote.lower.steps import LoopStep, Part

pytestmark = pytest.mark.skipif(executor_name(get_mode()) != "c", reason="no C compiler")

# Below, at and beyond one block and two.
LENGTHS = (0, 1, 7, 511, 512, 513, 1024, 1500)
CALLS = r"\b(?:exp|tanh|sin|cos|log)f?\("


def compiled(inputs, outputs, **options):
    with config.change(linker="c"):
        return function(inputs, outputs, **options)


def calls_in_loops(f) -> list[int]:
    """How many functions each innermost loop calls."""
    loops = re.split(r"for \(int64_t i = ", str(f.code()))[1:]
    return [len(re.findall(CALLS, loop)) for loop in loops]


def writes_over_what_it_reads(f) -> bool:
    """Whether loops put a result where one of their operands is."""
    return any(
        {part.slots.get(x) for x in step.inputs}
        & {part.slots.get(x) for x in step.outputs} - {None}
        for part in f.program.steps
        if isinstance(part, Part)
        for step in part.steps
        if isinstance(step, LoopStep)
    )


def test_each_loop_calls_one_function():
    x, y = T.dvectors("x", "y")
    e = T.exp(x)
    f = compiled([x, y], [T.tanh(e) * T.sin(y) + e, T.log(y) + T.cos(x)])
    assert max(calls_in_loops(f)) == 1
    assert sum(calls_in_loops(f)) == 5


def test_what_calls_nothing_has_one_loop():
    x, y = T.dvectors("x", "y")
    f = compiled([x, y], [x * y + 1, T.sqrt(abs(x)) - y])
    assert "from" not in str(f.code())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("length", LENGTHS)
def test_values_are_carried_from_part_to_part(dtype, length):
    x, y = T.vector("x", dtype=dtype), T.vector("y", dtype=dtype)
    e, t = T.exp(x), T.tanh(y - x)
    small = e < 1
    outputs = [
        T.tanh(e * y),
        T.sin(t) + e,
        T.switch(small, T.cos(t), e),
        T.sum(T.exp(t) - e),
        small,
    ]
    f = compiled([x, y], outputs)
    random = np.random.default_rng(length)
    a, b = (random.standard_normal(length).astype(dtype) for _ in range(2))
    ne, nt = np.exp(a), np.tanh(b - a)
    expected = [
        np.tanh(ne * b),
        np.sin(nt) + ne,
        np.where(ne < 1, np.cos(nt), ne),
        np.sum(np.exp(nt) - ne, dtype="float64"),
        ne < 1,
    ]
    tolerance = 3e-5 if dtype == "float32" else 1e-12
    for have, want in zip(f(a, b), expected, strict=True):
        np.testing.assert_allclose(have, want, tolerance, tolerance)


@pytest.mark.parametrize("stride", [1, 2, -1])
def test_rows_that_carry_values(stride):
    """The last function of a softmax over rows longer than a block, and another."""
    x = T.dmatrix("x")
    s = T.nnet.softmax(T.tanh(x), axis=1)
    f = compiled([x], [s, T.sin(s).sum(axis=1)])
    a = np.random.default_rng(3).standard_normal((3, 2 * 700))[:, ::stride][:, :700]
    e = np.exp(np.tanh(a))
    e /= e.sum(axis=1, keepdims=True)
    s_value, sums = f(a)
    np.testing.assert_allclose(s_value, e, 1e-12)
    np.testing.assert_allclose(sums, np.sin(e).sum(axis=1), 1e-12)


def test_what_is_read_in_all_parts_is_written_over_in_the_last():
    """`h` is read by each part, and a result of the loops takes its place."""
    w = shared(np.eye(600) + 0.1, "w")
    x = T.dmatrix("x")
    h = T.dot(x, w)
    first, second = T.exp(h), T.tanh(h) + h
    third = T.sin(T.exp(-h) + h)
    f = compiled([x], [T.dot(first, w), T.dot(second, w), T.dot(third, w)])
    assert max(calls_in_loops(f)) == 1
    assert writes_over_what_it_reads(f)
    a = np.random.default_rng(4).standard_normal((5, 600)) / 30
    m = a @ w.get_value()
    expected = [np.exp(m), np.tanh(m) + m, np.sin(np.exp(-m) + m)]
    for have, want in zip(f(a), expected, strict=True):
        np.testing.assert_allclose(have, want @ w.get_value(), 1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_rows_keep_lies_where_their_results_will_be(dtype):
    x = T.matrix("x", dtype=dtype)
    e = T.exp(x - x.max(axis=1, keepdims=True))
    total = e.sum(axis=1, keepdims=True)
    t = T.tanh(x)
    mean = t.mean(axis=1, keepdims=True)
    # One result for one kept value, two for one, one for two, none, one of two in time.
    cases = [
        ([e / total], True),
        ([e / total, T.sin(e) - total], True),
        ([e / total + t * mean], False),
        ([(e * total).max(axis=1)], False),
        ([T.cos(t - mean) * T.exp(t + mean), T.sqrt(e + total)], False),
    ]
    a = np.random.default_rng(8).standard_normal((5, 700)).astype(dtype)
    ne = np.exp(a - a.max(axis=1, keepdims=True))
    nt, sums = np.tanh(a), ne.sum(axis=1, keepdims=True)
    middle = nt.mean(axis=1, keepdims=True)
    expected = [
        [ne / sums],
        [ne / sums, np.sin(ne) - sums],
        [ne / sums + nt * middle],
        [(ne * sums).max(axis=1)],
        [np.cos(nt - middle) * np.exp(nt + middle), np.sqrt(ne + sums)],
    ]
    for (outputs, no_scratch), wanted in zip(cases, expected, strict=True):
        f = compiled([x], outputs)
        assert ("scratch +" not in str(f.code())) == no_scratch
        for have, want in zip(f(a), wanted, strict=True):
            np.testing.assert_allclose(have, want, 2e-5, 1e-5)
