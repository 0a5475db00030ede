"""Functions that many threads call at once; and float32 that stays float32. NumPy is the oracle."""

import random
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from arignote import config, errors, function, grad, shared
from arignote import tensor as T
from arignote.codegen import kernel_text
from arignote.compile import get_mode
from arignote.compile.link import executor_name
from arignote.execute.c import kernels_of
from execute.random_graphs import Maker
from oracles import assert_arrays

pytestmark = pytest.mark.skipif(executor_name(get_mode()) != "c", reason="no C compiler")

THREADS = 32


@pytest.fixture(autouse=True)
def c_by_name():
    with config.change(linker="c", async_compile="off"):
        yield


@pytest.fixture(autouse=True)
def switching_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def at_once(work):
    """Runs work(0), work(1), ... in threads that begin together."""
    gate = threading.Barrier(THREADS)

    def begin(n):
        gate.wait()
        work(n)

    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(begin, n) for n in range(THREADS)]:
            done.result()


def numbers(*shape, seed=0, dtype="float64"):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(dtype)


def network():
    x, W = T.dmatrix("x"), shared(numbers(20, 30, seed=1), "W")
    i = T.lvector("i")
    hidden = T.tanh(x @ W)
    loss = -T.log(T.nnet.softmax(hidden))[T.arange(x.shape[0]), i].mean()
    return [x, i], W, loss


def by_hand(x, w, i):
    hidden = np.tanh(x @ w)
    return (np.log(np.exp(hidden).sum(1)) - hidden[np.arange(len(x)), i]).mean()


@pytest.mark.parametrize("threads", [1, 2])
def test_one_function_with_many_shapes(threads):
    inputs, W, loss = network()
    with config.change(threads=threads):
        f = function(inputs, [loss, T.nnet.softmax(inputs[0], axis=0)])
    w = W.get_value()

    def work(n):
        for k in range(25):
            rows = 1 + (n * 7 + k) % 40
            x, i = numbers(rows, 20, seed=n), np.arange(rows) % 30
            got, columns = f(x, i)
            np.testing.assert_allclose(got, by_hand(x, w, i), rtol=1e-12)
            np.testing.assert_allclose(columns, np.exp(x) / np.exp(x).sum(0), rtol=1e-12)

    at_once(work)


def test_large_work_is_shared_by_all_threads_at_once():
    m = T.dmatrix("m")
    with config.change(threads=2):
        f = function([m], [T.tanh(m).sum(0), (m @ m.T).sum(), T.exp(m)])
    values = [numbers(200, 300 + n, seed=n) for n in range(4)]
    alone = [f(value) for value in values]

    def work(n):
        for _ in range(4):
            for got, want in zip(f(values[n % 4]), alone[n % 4], strict=True):
                assert got.tobytes() == want.tobytes()

    at_once(work)


def test_no_update_is_lost():
    total, count = shared(np.zeros(7), "total"), shared(np.int64(0), "count")
    y = T.dvector("y")
    f = function([y], [total.sum()], updates={total: total + y, count: count + 1})
    g = function([], count, updates={count: count + 1})

    def work(n):
        for _ in range(50):
            f(np.full(7, float(n)))
            g()

    at_once(work)
    assert count.get_value() == 2 * 50 * THREADS
    assert total.get_value().tolist() == [50.0 * sum(range(THREADS))] * 7


def test_updates_by_products_are_not_lost():
    """Each call must see both matrices of one moment."""
    A, B = shared(np.eye(4), "A"), shared(np.eye(4), "B")
    turn = np.roll(np.eye(4), 1, 0)
    y = T.dmatrix("y")
    f = function([y], [T.dot(A, B)], updates=[(A, T.dot(A, y)), (B, T.dot(y.T, B))])

    def work(n):
        for _ in range(40):
            np.testing.assert_array_equal(f(turn)[0], np.eye(4))

    at_once(work)
    np.testing.assert_array_equal(A.get_value(), np.linalg.matrix_power(turn, 40 * THREADS % 4))


def test_some_fail_and_others_do_not():
    w, i = shared(np.zeros(5), "w"), T.lvector("i")
    f = function([i], w[i] - w[0], updates={w: w + 1})

    def work(n):
        for _ in range(30):
            if n % 2:
                assert f(np.array([1, -1])).tolist() == [0, 0]
            else:
                with pytest.raises(errors.ArignoteError):
                    f(np.array([5]))

    at_once(work)
    assert w.get_value().tolist() == [30 * THREADS / 2] * 5


def test_the_first_call_of_a_new_kind_of_sizes():
    """All at once meet sizes of 1, for which the function has to be compiled again."""
    x, y = T.dvector("x"), T.dmatrix("y")
    out = [(x * y).sum(), *grad((x * T.sin(y)).sum(), [x, y])]
    f = function([x, y], out)

    def work(n):
        sizes = [(1, 6), (6, 1), (6, 6)][n % 3]
        a, b = numbers(sizes[0], seed=n), numbers(3, sizes[1], seed=n + 1)
        total, by_a, by_b = f(a, b)
        np.testing.assert_allclose(total, (a * b).sum(), rtol=1e-12)
        wanted = a * np.cos(b)
        wanted = wanted.sum(1, keepdims=True) if sizes == (6, 1) else wanted
        np.testing.assert_allclose(by_b, wanted, rtol=1e-12)
        every = np.sin(b) * np.ones_like(a)
        wanted = every.sum(keepdims=True)[0] if sizes[0] == 1 else every.sum(0)
        np.testing.assert_allclose(by_a, wanted, rtol=1e-12, atol=1e-12)

    at_once(work)


def test_functions_made_and_called_at_once():
    def work(n):
        x = T.dvector("x")
        f = function([x], T.tanh(x * (n % 4)) + 0.25 * (n % 3))
        np.testing.assert_allclose(
            f(np.ones(5)), np.tanh(np.ones(5) * (n % 4)) + 0.25 * (n % 3), rtol=1e-14
        )

    at_once(work)


def test_set_value_while_others_call():
    w, y = shared(np.zeros(4), "w"), T.dvector("y")
    f = function([y], [w + y, w.sum()])

    def work(n):
        for k in range(60):
            if n < 4:
                w.set_value(np.full(4 + k % 3, float(n)))
                continue
            # Any of the sizes may be there: the result fits one of them, or the error says so.
            try:
                both, total = f(np.zeros(4 + k % 3))
            except ValueError:
                continue
            assert len(set(both.tolist())) == 1
            assert total == both[0] * len(both)

    at_once(work)


# ---- float32 -------------------------------------------------------------------------------------


class Narrow(Maker):
    """Graphs of float32, bool and small integers."""

    def inputs(self):
        super().inputs()
        for x in self.graph.inputs:
            assert x.dtype != "float64"


def narrow_graph(seed):
    maker = Narrow(random.Random(seed), ["float32"], ["bool", "int8", "int16"])
    return maker.make(7)


@pytest.mark.parametrize("first", range(0, 500, 100))
def test_float32_graphs_have_no_float64(first):
    """500 random ones; a node that NumPy would make double is named."""
    with config.change(floatX="float32"):
        for seed in range(first, first + 100):
            graph = narrow_graph(seed)
            outs = [x for x in graph.outputs if x.dtype == "float32"]
            if not outs:
                continue
            cost = sum(T.tanh(x).sum() for x in outs)
            wrt = [x for x in graph.inputs if x.dtype == "float32"]
            outs += grad(cost, wrt, disconnected_inputs="ignore")
            with config.change(linker="numpy"):
                f = function(graph.inputs, outs, on_unused_input="ignore")
            made = [x for node in f.fgraph.order for x in node.outputs]
            assert not [x for x in made if x.dtype == "float64"], f"graph {seed}"


# Sums are added up in double, and rounded at their end.
SUMS = re.compile(r"double [at]\d+ = 0;|\([a-z]+\)[at]\d+|[at]\d+ \+= ")
NAMES = "exp log sin cos tan tanh sqrt pow fabs erf fmod atan atan2 floor ceil log1p expm1 exp2"
DOUBLE = re.compile(
    rf"double|\b\d+\.\d*(?![\df.])|\b({'|'.join(NAMES.split())}|copysign|fmax|fmin)\("
)


@pytest.mark.parametrize("seeds", [range(n, n + 10) for n in range(0, 60, 10)], ids=str)
def test_kernels_of_float32_compute_in_float32(seeds):
    """Their C text, without compiling it."""
    with config.change(floatX="float32"):
        for seed in seeds:
            graph = narrow_graph(seed)
            f = function(graph.inputs, graph.outputs, on_unused_input="ignore")
            narrow = {"float32", "bool", "int8", "int16", "int32", "int64", "uint64"}
            for kernel in kernels_of(f.program.kernels):
                assert {operand.dtype for operand in kernel.operands} <= narrow
                for line in kernel_text(kernel).body.splitlines():
                    if not SUMS.search(line):
                        assert not DOUBLE.search(line), f"graph {seed}: {line}"


def test_the_search_for_doubles_finds_some():
    assert DOUBLE.search("const float v1 = exp(v0);")
    assert DOUBLE.search("const float v1 = v0 * 0.5;")
    assert not DOUBLE.search("const float v1 = expf(v0) * 0.5f + q0[i];")


def test_float32_results_are_those_of_numpy():
    y = T.fvector("y")
    out = T.exp(y * 0.1) + 1.5 / (2 + T.tanh(y)) - T.sqrt(T.abs(y)) * 3
    got = function([y], out)(value := numbers(1000, dtype="float32"))
    tenth, half = np.float32(0.1), np.float32(1.5)
    want = np.exp(value * tenth) + half / (2 + np.tanh(value)) - np.sqrt(np.abs(value)) * 3
    assert_arrays(got, want)
