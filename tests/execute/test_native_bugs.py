"""What goes wrong most easily in an array compiler, each with its test; NumPy is the oracle.

Elsewhere: threads that stall (tests/bench), all pairs of sizes (rewrite/test_sizes.py), memory
layouts (test_native_layouts.py), rules and dtypes (rewrite/test_rules.py), threads
(test_threads.py), the processor in the cache's key (test_toolchain.py).
"""

import gc
import itertools

import numpy as np
import pytest

from arignote import In, config, function, grad, shared
from arignote import tensor as T
from arignote.compile import get_mode
from arignote.compile.link import executor_name
from arignote.errors import ArignoteError
from arignote.execute.c import kernels_of
from arignote.lower.fusion import CAP
from arignote.lower.kernel import Compute
from arignote.lower.steps import AliasStep, LoopStep, Part
from execute.random_graphs import random_graph
from oracles import assert_arrays

pytestmark = pytest.mark.skipif(executor_name(get_mode()) != "c", reason="no C compiler")


@pytest.fixture(autouse=True)
def c_by_name():
    with config.change(linker="c", async_compile="off"):
        yield


def numbers(*shape, seed=0, dtype="float64"):
    return np.random.default_rng(seed).uniform(-2, 2, shape).astype(dtype)


# ---- sizes of kernels ----------------------------------------------------------------------------

# An operation of the graph may be a few of C, and what is cheap is computed again where needed.
MOST = 4 * CAP


def operations(f):
    return [
        sum(isinstance(v, Compute) for v in kernel.values)
        for kernel in kernels_of(f.program.kernels)
    ]


ENDS = {
    "sum": lambda y: y.sum(),
    "max": lambda y: y.max(),
    "sums of rows": lambda y: y.reshape((2, -1)).sum(1),
    "pick": lambda y: y[T.arange(2) * 2],
    "sort": T.sort,
    "softmax": T.nnet.softmax,
    "product": lambda y: T.dot(y, y),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_chain_of_20000_nodes_is_cut(end):
    length = 10_000 if end == "sum" else 1_500
    x = T.dvector("x")
    y, value = x, numbers(6)
    want = value
    for n in range(length):
        y = (T.tanh(y) if n % 2 else y * 1.01) + (x if n % 3 else 0.5)
        want = (np.tanh(want) if n % 2 else want * 1.01) + (value if n % 3 else 0.5)
    f = function([x], ENDS[end](y))
    assert max(operations(f)) <= MOST
    power = np.exp(want - want.max())
    wanted = {
        "sum": want.sum(), "max": want.max(), "sums of rows": want.reshape(2, -1).sum(1),
        "pick": want[[0, 2]], "sort": np.sort(want), "softmax": power / power.sum(),
        "product": want @ want,
    }[end]  # fmt: skip
    np.testing.assert_allclose(f(value), wanted, rtol=1e-9)


def test_many_results_of_one_operand_are_cut():
    x = T.dmatrix("x")
    outputs = [f(x * (n + 1)) for n in range(60) for f in (T.sum, lambda y: y.max(0), T.tanh)]
    f = function([x], outputs)
    assert max(operations(f)) <= MOST
    value = numbers(3, 5)
    wanted = [g(value * (n + 1)) for n in range(60) for g in (np.sum, lambda y: y.max(0), np.tanh)]
    for got, want in zip(f(value), wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-13)


def test_more_than_512_operands():
    inputs = [T.dvector(f"x{n}") for n in range(700)]
    total = inputs[0]
    for x in inputs[1:]:
        total = total + x
    f = function(inputs, [total, T.stack(inputs).sum(), *[x * 2 for x in inputs]])
    values = [numbers(5, seed=n) for n in range(700)]
    for _ in range(2):
        first, second, *others = f(*values)
        np.testing.assert_allclose(first, np.sum(values, 0), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(second, np.sum(values), rtol=1e-12, atol=1e-10)
        for other, value in zip(others, values, strict=True):
            np.testing.assert_array_equal(other, value * 2)


@pytest.mark.parametrize("view", [lambda y: y.T, lambda y: y[::-1]], ids=["transposed", "slice"])
def test_thousands_of_views_are_no_recursion(view):
    x = T.dmatrix("x")
    y = x
    for _ in range(5_001):
        y = view(y)
    with config.change(optimizer="o0"):
        f = function([x], [y + 1, y.sum(0)])
    value = numbers(2, 3)
    turned = value.T if f(value)[0].shape == (3, 2) else value[::-1]
    np.testing.assert_array_equal(f(value)[0], turned + 1)


# ---- errors --------------------------------------------------------------------------------------


A4, B4 = numbers(4), numbers(4, seed=1)
ONES = np.ones(4)
# Outputs of a vector x, indices i, a matrix m; arguments with which they fail, and do not.
FAILING = {
    "index": (lambda x, i, m, a: (x * a)[i], (ONES, [0, 9]), (ONES, [0, -4])),
    "picked": (lambda x, i, m, a: T.tanh(x)[:, None][i, i], (ONES, [0, 1]), (ONES, [0, 0])),
    "shape": (lambda x, i, m, a: i.sum(), (np.ones(3), [0]), (ONES, [0])),
    "product": (lambda x, i, m, a: T.dot(m, a), (ONES, [0], np.ones((4, 3))), (ONES, [0])),
    "nothing's extremum": (lambda x, i, m, a: i.max(), (ONES, np.zeros(0, "int64")), (ONES, [1])),
}


@pytest.mark.parametrize("case", FAILING)
@pytest.mark.parametrize("warm", [False, True])
def test_an_error_leaves_all_shared_variables_as_they_were(case, warm):
    """See also compile/test_function.py."""
    build, bad, good = FAILING[case]
    a, b = shared(A4, "a"), shared(B4, "b")
    x, i, m = T.dvector("x"), T.lvector("i"), T.dmatrix("m")
    out = build(x, i, m, a)
    updates = {a: a * 2 + x, b: T.dot(b - x, m.T @ m)}
    f = function([x, i, In(m, value=np.eye(4))], out, updates=updates, on_unused_input="ignore")
    for _ in range(2 * warm):
        f(*good)
    before = a.get_value(), b.get_value()
    for _ in range(3):
        with pytest.raises(ArignoteError) as caught:
            f(*bad)
        assert len(str(caught.value).splitlines()) <= 20
        assert a.get_value().tobytes() == before[0].tobytes()
        assert b.get_value().tobytes() == before[1].tobytes()
    f(*good)
    assert (a.get_value() != before[0]).any()
    assert (b.get_value() != before[1]).any()


x, v, i = T.dmatrix("x"), T.dvector("v"), T.lvector("i")
GATHERS = {
    "rows": lambda: x[i],
    "of what is computed": lambda: T.tanh(x)[i],
    "in a fused kernel": lambda: (T.exp(v[i]) * 2).sum(),
    "picked": lambda: T.nnet.log_softmax(x)[T.arange(i.shape[0]), i],
    "loss": lambda: T.nnet.categorical_crossentropy(T.nnet.softmax(x), i).mean(),
    "gradient of a loss": lambda: grad(
        T.nnet.categorical_crossentropy(T.nnet.softmax(x), i).mean(), x
    ),
    "of a view": lambda: x.T[::-1][i],
    "take": lambda: T.take(x, i, axis=1),
    "twice": lambda: v[i][i],
    "written": lambda: T.inc_subtensor(v[i], 1.0),
}


@pytest.mark.parametrize("kind", GATHERS)
def test_indices_that_are_not_there(kind):
    """The error names the user's line; negative indices count from the end."""
    out = GATHERS[kind]()
    inputs = [x, v, i]
    f = function(inputs, out, on_unused_input="ignore")
    plain = function(inputs, out, mode="FAST_COMPILE", on_unused_input="ignore")
    values = numbers(3, 3), numbers(3)
    for _ in range(2):
        for index in ([0, 1, 2], [-1, -3, 0], [2, 2, 2]):
            got, want = (g(*values, np.array(index)) for g in (f, plain))
            np.testing.assert_allclose(got, want, rtol=1e-12)
        for index in ([0, 3, 0], [0, 0, -4], [2**62, 0, 0], [-(2**63), 0, 0]):
            with pytest.raises(IndexError, match=r"test_native_bugs\.py") as caught:
                f(*values, np.array(index))
            assert isinstance(caught.value, ArignoteError)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint64"])
def test_indices_of_all_dtypes(dtype):
    k = T.tensor(dtype, (None,), "k")
    f = function([v, k], v[k] + 1)
    value = numbers(200)
    chosen = np.array([0, 100, 120, 5]).astype(dtype)
    np.testing.assert_array_equal(f(value, chosen), value[chosen] + 1)
    with pytest.raises(IndexError):
        f(value[:100], chosen)


# ---- addresses -----------------------------------------------------------------------------------


def test_values_that_are_set_are_seen():
    w = shared(np.zeros(4), "w")
    y = T.dvector("y")
    f = function([y], w * 2 + y)
    f(np.ones(4)), f(np.ones(4))
    kept = [w.get_value(borrow=True)]
    for size in (4, 4, 7, 1, 4, 0, 4):
        new = numbers(size, seed=size)
        w.set_value(new, borrow=True)
        kept.pop().fill(np.nan)
        gc.collect()
        for _ in range(2):
            given = np.ones(max(size, 1) if size else 0)
            np.testing.assert_array_equal(f(given), new * 2 + given)
        kept.append(w.get_value(borrow=True))


def test_what_is_updated_keeps_no_old_memory():
    w = shared(np.zeros(3), "w")
    f = function([], w.sum(), updates={w: w + 1})
    seen = []
    for n in range(5):
        assert f() == 3 * n
        seen.append(w.get_value(borrow=True))
    assert [array[0] for array in seen] == [1, 2, 3, 4, 5]
    w.set_value(np.zeros(9))
    assert f() == 0
    assert f() == 9


# ---- order and memory ----------------------------------------------------------------------------


def parts_of(f):
    return [step for step in f.program.steps if isinstance(step, Part)]


@pytest.mark.parametrize("seeds", [range(n, n + 10) for n in range(0, 60, 10)], ids=str)
def test_what_is_read_was_written_before_and_is_not_overwritten(seeds):
    """The plan of memory, step by step, by the definition of each step."""
    for seed in seeds:
        graph = random_graph(seed, 16)
        f = function(graph.inputs, graph.outputs, on_unused_input="ignore")
        for part in parts_of(f):
            holder = {}  # piece -> what lies in it
            ready = set(part.inputs)
            base = {}
            for step in part.steps:
                for read in step.inputs:
                    memory = base.get(read, read)
                    if memory in part.slots:
                        assert holder[part.slots[memory]] is memory, f"graph {seed}"
                    elif memory.owner is not None and memory.owner not in f.program.hosts:
                        assert memory in ready, f"graph {seed}"
                if isinstance(step, AliasStep):
                    (look,), (of,) = step.outputs, step.inputs
                    base[look] = base.get(of, of)
                    continue
                reads = [m for r in step.inputs if (m := base.get(r, r)) in part.slots]
                taken = {part.slots[m] for m in reads}
                for out in step.outputs:
                    ready.add(out)
                    if out in part.slots:
                        # In place, each element is read once, as it lies, and then written.
                        if part.slots[out] in taken:
                            over = holder[part.slots[out]]
                            assert reads.count(over) == 1, f"graph {seed}"
                            assert over in step.inputs, f"graph {seed}: read through a view"
                            assert over.type.numpy_dtype == out.type.numpy_dtype
                        holder[part.slots[out]] = out
            assert set(part.outputs) <= ready
            kernels = [step for step in part.steps if isinstance(step, LoopStep)]
            assert all(set(k.inputs).isdisjoint(k.outputs) for k in kernels)


def test_updates_see_old_values():
    W, b = shared(numbers(4, 4), "W"), shared(numbers(4, 4, seed=1), "b")
    y = T.dmatrix("y")
    f = function(
        [y],
        [T.dot(y, W), T.dot(W.T, y), W.sum(0), T.dot(T.tanh(T.dot(y, W)), b)],
        updates={W: W.T - 0.1 * T.dot(y.T, T.dot(y, W)), b: W},
    )
    w, c, given = W.get_value(), b.get_value(), numbers(4, 4, seed=2)
    for _ in range(3):
        got = f(given)
        wanted = [given @ w, w.T @ given, w.sum(0), np.tanh(given @ w) @ c]
        for a, want in zip(got, wanted, strict=True):
            np.testing.assert_allclose(a, want, rtol=1e-12)
        w, c = w.T - 0.1 * given.T @ (given @ w), w
        np.testing.assert_allclose(W.get_value(), w, rtol=1e-12)
        np.testing.assert_allclose(b.get_value(), c, rtol=1e-12)


def test_swaps_and_equal_updates():
    a, b, c = shared(np.zeros(3), "a"), shared(np.ones(3), "b"), shared(np.ones(3), "c")
    f = function([], [a, b], updates=[(a, b), (b, a), (c, b)])
    f()
    assert [w.get_value()[0] for w in (a, b, c)] == [1, 0, 1]
    values = [w.get_value(borrow=True) for w in (a, b, c)]
    pairs = itertools.combinations(values, 2)
    assert not any(np.may_share_memory(one, other) for one, other in pairs)
    new = b + 1
    g = function([], new, updates=[(a, new), (b, new), (c, new)])
    out = g()
    values = [out, *(w.get_value(borrow=True) for w in (a, b, c))]
    assert [value[0] for value in values] == [1, 1, 1, 1]
    pairs = itertools.combinations(values, 2)
    assert not any(np.may_share_memory(one, other) for one, other in pairs)


def test_an_input_may_be_the_memory_of_what_is_updated():
    w = shared(np.arange(5.0), "w")
    y = T.dvector("y")
    f = function([y], [y * 2, w + y], updates={w: w + y})
    for _ in range(3):
        borrowed = w.get_value(borrow=True)
        kept = borrowed.copy()
        twice, both = f(borrowed)
        np.testing.assert_array_equal(twice, kept * 2)
        np.testing.assert_array_equal(both, kept * 2)
        np.testing.assert_array_equal(borrowed, kept)
        np.testing.assert_array_equal(w.get_value(), kept * 2)


FRESH = {
    "input": lambda: x,
    "input as another shape": lambda: x.flatten(),
    "part of an input": lambda: x[1:],
    "transposed input": lambda: x.T,
    "constant": lambda: T.constant(np.ones((2, 2))),
    "constant spread": lambda: T.ones_like(x),
    "number spread": lambda: T.alloc(np.float16(2.5), x.shape[0], 2),
    "complex number spread": lambda: T.broadcast_to(T.constant(np.complex64(1 + 2j)), (2,)),
    "sizes": lambda: x.shape,
    "size": lambda: x.shape[0],
    "size times two": lambda: x.size * 2,
    "view of a result": lambda: T.exp(x).T,
    "result": lambda: T.exp(x),
    "sorted": lambda: T.sort(x),
    "view of a sorted": lambda: T.sort(x)[1:],
    "counted": lambda: T.arange(x.shape[0]),
    "cast to what it is": lambda: T.cast(x, "float64"),
    "sum over an axis of size 1": lambda: x[:1].sum(0),
}


@pytest.mark.parametrize("kind", FRESH)
def test_results_are_fresh_and_writable(kind):
    out = FRESH[kind]()
    f = function([x], [out, out, T.tanh(x)], on_unused_input="ignore")
    value = numbers(3, 4)
    wanted = [np.array(array) for array in f(value)]
    kept = value.copy()
    for _ in range(3):
        got = f(value)
        for array, want in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(array, want)
            assert array.flags.writeable
            assert not np.may_share_memory(array, value)
        assert not np.may_share_memory(got[0], got[1])
        for array in got:
            array[...] = 99
        np.testing.assert_array_equal(value, kept)


# ---- sizes that are learnt late ------------------------------------------------------------------


def test_slices_whose_sizes_are_unified_later():
    a, b, c = T.dvectors("a", "b", "c")
    part = a[1:]
    total = (part + b[1:]).sum() + ((a + c) * b).sum() + (part * c[1:]).sum()
    outputs = [total, part * c[1:], *grad(total, [a, b, c])]
    f = function([a, b, c], outputs)
    plain = function([a, b, c], outputs, mode="FAST_COMPILE")
    for sizes in [(5, 5, 5), (1, 1, 1), (5, 1, 5), (1, 5, 5), (5, 5, 1), (2, 2, 2), (5, 5, 5)]:
        values = [numbers(size, seed=n) for n, size in enumerate(sizes)]
        results = []
        for g in (f, plain):
            try:
                results.append(g(*values))
            except ValueError:
                results.append(None)
        assert (results[0] is None) == (results[1] is None), sizes
        for got, want in zip(*(r or [] for r in results), strict=True):
            assert_arrays(got, want, sizes)
    seen = []
    f._linked.native._replay = seen.append
    f(*[numbers(9, seed=n) for n in range(3)])
    assert not seen


def test_counted_numbers_along_an_axis_of_size_1():
    y = T.dvector("y")
    f = function([v, y], y - (T.arange(v.shape[0]) + 0.5))
    for size in (4, 1, 4, 1):
        got = f(np.ones(size), np.arange(4.0))
        np.testing.assert_array_equal(got, np.arange(4.0) - (np.arange(size) + 0.5))


def test_products_over_an_axis_of_size_0():
    a, b = T.dmatrix("a"), T.dmatrix("b")
    w = shared(np.ones((3, 2)), "w")
    f = function([a, b, v], [a @ b, T.dot(b.T, v), w - 0.5 * (a @ b), T.tanh(a @ b + 1)])
    got = f(np.ones((3, 0)), np.ones((0, 2)), np.ones(0))
    wanted = [np.zeros((3, 2)), np.zeros(2), np.ones((3, 2)), np.full((3, 2), np.tanh(1))]
    for _ in range(2):
        for one, want in zip(got, wanted, strict=True):
            np.testing.assert_allclose(one, want, rtol=1e-14)
        got = f(np.ones((3, 0)), np.ones((0, 2)), np.ones(0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_of_all_sizes_with_what_is_added(dtype):
    """0, 1, and sizes around those of the BLAS kernels; alpha and beta as BLAS takes them."""
    a, b, c = (T.tensor(dtype, (None, None), name) for name in "abc")
    k, m = (T.tensor(dtype, (None,), name) for name in "km")
    s = T.tensor(dtype, (), "s")
    half = np.dtype(dtype).type(0.5)
    f = function(
        [a, b, c, k, m, s],
        [a @ b, c - half * (a @ b), c + s * (a @ b), b.T @ a.T, m + s * T.dot(a, k), T.dot(k, b)],
    )
    for rows, inner, columns in itertools.product((0, 1, 2, 37), (0, 1, 3, 64), (0, 1, 5, 40)):
        shapes = [(rows, inner), (inner, columns), (rows, columns), (inner,), (rows,), ()]
        A, B, C, K, M, S = values = [
            np.asarray(numbers(*shape, seed=n, dtype=dtype)) for n, shape in enumerate(shapes)
        ]
        product = A @ B
        wanted = [product, C - half * product, C + S * product, product.T, M + S * (A @ K), K @ B]
        for got, want in zip(f(*values), wanted, strict=True):
            want = np.asarray(want, dtype)
            assert_arrays(got / 8, want / 8, (rows, inner, columns))


@pytest.mark.parametrize("size", [1, 3, 40])
def test_squares_and_their_transposes(size):
    """Both have equal sizes, so that only axes keep them out of one kernel."""
    m = T.tensor("float64", (None, None), "m")
    y = T.tanh(m @ m.T)
    outs = [y + y.T, y * y[::-1, ::-1], y - y.sum(1), y / y.sum(1, keepdims=True), (y * y.T).sum(0)]
    outs += [(y + y.T[::-1]).sum(1), y.T + y.max(1), T.exp(y).dimshuffle(1, 0) * y]
    f = function([m], outs)
    value = numbers(size, 5)
    z = np.tanh(value @ value.T)
    wanted = [
        z + z.T, z * z[::-1, ::-1], z - z.sum(1), z / z.sum(1, keepdims=True), (z * z.T).sum(0),
        (z + z.T[::-1]).sum(1), z.T + z.max(1), np.exp(z).T * z,
    ]  # fmt: skip
    for got, want in zip(f(value), wanted, strict=True):
        assert_arrays(got, want)
    skew = T.tensor("float64", (size, size), "skew")
    w = T.sin(skew)
    g = function([skew], [w + w.T, (w * w.T).sum(1), w.T.max(0) - w, T.tanh(w).T @ w])
    value = numbers(size, size)
    z = np.sin(value)
    wanted = [z + z.T, (z * z.T).sum(1), z.T.max(0) - z, np.tanh(z).T @ z]
    for got, want in zip(g(value), wanted, strict=True):
        assert_arrays(got, want)


# ---- extrema -------------------------------------------------------------------------------------

SPECIAL = [np.nan, -np.inf, np.inf, -0.0, 0.0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("inner", [True, False])
def test_extrema_with_special_values_in_every_lane(dtype, inner):
    """Lengths around those of vectors; each place in turn."""
    m = T.tensor(dtype, (None, None), "m")
    outs = [T.max(m, 1), T.min(m, 1), T.argmax(m, 1), T.argmin(m, 1), T.max(m), T.min(m)]
    outs += [m - T.max(m, axis=1, keepdims=True), T.any(m > 0, axis=1), T.all(m > 0, axis=1)]
    if not inner:
        outs = [T.max(m.T, 0), T.min(m.T, 0), T.argmax(m.T, 0), T.argmin(m.T, 0)]
    f = function([m], outs)
    for length in range(1, 41):
        for special in SPECIAL:
            rows = np.repeat(numbers(1, length, dtype=dtype), length, 0)
            np.fill_diagonal(rows, special)
            with np.errstate(invalid="ignore"):
                wanted = [rows.max(1), rows.min(1), rows.argmax(1), rows.argmin(1)]
                wanted += [rows.max(), rows.min(), rows - rows.max(1, keepdims=True)]
                wanted += [(rows > 0).any(1), (rows > 0).all(1)]
            for got, want in zip(f(rows), wanted[: len(outs)], strict=True):
                np.testing.assert_array_equal(got, want, f"{special} in rows of {length}")


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "uint64", "bool"])
def test_extrema_of_integers(dtype):
    m = T.tensor(dtype, (None, None), "m")
    f = function([m], [m.max(1), m.min(1), m.max(0), m.min(), m.any(0), m.all(1)])
    for length in range(1, 40):
        low, high = (0, 2) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        rng = np.random.default_rng(length)
        value = rng.integers(low, high, (3, length), dtype="uint64" if low == 0 else "int64")
        value = value.astype(dtype)
        wanted = [value.max(1), value.min(1), value.max(0), value.min(), value.any(0), value.all(1)]
        for got, want in zip(f(value), wanted, strict=True):
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("out", [T.max, T.min, T.argmax, T.argmin], ids=lambda f: f.__name__)
def test_extrema_of_nothing(out):
    f = function([x], out(T.tanh(x), axis=1))
    f(np.ones((2, 3)))
    assert f(np.ones((0, 3))).shape == (0,)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"test_native_bugs\.py"):
            f(np.ones((2, 0)))


# ---- kernels that go over rows more than once ----------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_row_kernels(threads, dtype):
    m = T.tensor(dtype, (None, None), "m")
    e = T.exp(m)
    centred = m - m.mean(axis=1, keepdims=True)
    outs = [e / e.sum(axis=1, keepdims=True), T.nnet.softmax(m * 2), T.logsumexp(m, 1)]
    outs += [centred / T.sqrt((centred**2).mean(axis=1, keepdims=True) + 1), e.sum(1).sum()]
    outs += [T.nnet.softmax(T.tanh(T.nnet.softmax(m)) * m)]
    with config.change(threads=threads):
        f = function([m], outs)
    for shape in [(1, 1), (1, 7), (7, 1), (3, 2), (1, 20_000), (20_000, 1), (65, 333), (2, 4097)]:
        value = numbers(*shape, dtype=dtype)
        wide = value.astype("float64")
        power = np.exp(wide)
        s = power / power.sum(1, keepdims=True)
        again = np.exp(np.tanh(s) * wide)
        middle = wide - wide.mean(1, keepdims=True)
        wanted = [
            s, power**2 / (power**2).sum(1, keepdims=True), np.log(power.sum(1)),
            middle / np.sqrt((middle**2).mean(1, keepdims=True) + 1), power.sum(),
            again / again.sum(1, keepdims=True),
        ]  # fmt: skip
        got = f(value)
        for a, want in zip(got, wanted, strict=True):
            assert_arrays(a, np.asarray(want, dtype), f"{shape}")
        # 15: the same bits at a fixed number of threads, however often.
        for _ in range(3):
            for a, first in zip(f(value), got, strict=True):
                np.testing.assert_array_equal(a, first)


# ---- constants -----------------------------------------------------------------------------------

NAN_WITH_BITS = np.array([0x7FF8_0000_DEAD_BEEF], "uint64").view("float64")[0]
CONSTANTS = [
    np.int64(2**53 + 1), np.int64(-(2**63)), np.uint64(2**64 - 1), np.uint64(2**63 + 1),
    np.float64(-0.0), np.float64(0.0), NAN_WITH_BITS, np.float64(5e-324), np.float64(np.inf),
    np.float64(0.1), np.float32(0.1), np.float32(-0.0), np.float32(1e-45), np.float32(3.4e38),
    np.bool_(True), np.bool_(False), np.int8(-128), np.uint8(255), np.int32(-(2**31)),
]  # fmt: skip


@pytest.mark.parametrize("constant", CONSTANTS, ids=lambda c: f"{c.dtype} {c!s}")
def test_constants_reach_kernels_bit_for_bit(constant):
    mask, y = T.bvector("mask"), T.tensor(constant.dtype.name, (None,), "y")
    f = function([mask, y], T.switch(mask, y, T.constant(constant)))
    given = np.zeros(9, constant.dtype)
    got = f(np.arange(9, dtype="int8") % 2, given)
    assert got.dtype == constant.dtype
    assert got[::2].tobytes() == np.full(5, constant).tobytes()


def test_arithmetic_with_zeros_and_narrow_constants():
    f32 = T.fvector("f32")
    tenth = np.float32(0.1)
    outs = [
        f32 * T.constant(tenth),
        f32 + np.float32(0.1),
        f32 * 0.1,
        f32 * T.constant(-0.0, dtype="float32"),
    ]
    f = function([f32], outs)
    value = np.array([-0.0, 0.0, 1, -1, 3, np.nan, np.inf] * 5, "float32")
    with np.errstate(invalid="ignore"):
        wanted = [value * tenth, value + tenth, value * tenth, value * np.float32(-0.0)]
    for got, want in zip(f(value), wanted, strict=True):
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, want)
        kept = ~np.isnan(want)
        np.testing.assert_array_equal(np.signbit(got[kept]), np.signbit(want[kept]))
    y = T.dvector("y")
    g = function([y], [y * T.constant(-0.0), y + T.constant(-0.0), y + T.constant(0.0)])
    value = np.array([-0.0, 0.0, 1.0, -1.0, np.inf] * 3)
    with np.errstate(invalid="ignore"):
        wanted = [value * -0.0, value + -0.0, value + 0.0]
    for got, want in zip(g(value), wanted, strict=True):
        np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(np.signbit(got[:4]), np.signbit(want[:4]))


def test_large_integers_are_no_doubles():
    n, u = T.lvector("n"), T.tensor("uint64", (None,), "u")
    f = function(
        [n, u], [n + (2**53 + 1), T.maximum(n, 2**62 + 1), u + np.uint64(1), u.sum(), n.sum()]
    )
    a = np.array([1, 2**53, -(2**62)])
    b = np.array([2**63 + 1, 2**53 + 1, 5], "uint64")
    wanted = [a + 2**53 + 1, np.maximum(a, 2**62 + 1), b + np.uint64(1), b.sum(), a.sum()]
    for got, want in zip(f(a, b), wanted, strict=True):
        assert got.dtype == np.asarray(want).dtype
        np.testing.assert_array_equal(got, want)


TWO = {
    "sin of arctan": (T.sin, T.arctan), "cos of arctan": (T.cos, T.arctan),
    "sinh of arctanh": (T.sinh, T.arctanh), "cosh of arctanh": (T.cosh, T.arctanh),
    "tan of arctan": (T.tan, T.arctan), "log of exp": (T.log, T.exp), "exp of log": (T.exp, T.log),
    "expm1 of log1p": (T.expm1, T.log1p), "square of sqrt": (T.square, T.sqrt),
}  # fmt: skip


@pytest.mark.parametrize("name", TWO)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_compiler_keeps_nan_through_two_functions(name, dtype):
    outer, inner = TWO[name]
    y = T.tensor(dtype, (None,), "y")
    value = np.array([np.nan, 0.5, 0.0, 0.25, np.nan, -0.5, 0.9, np.nan, 0.1], dtype)
    with np.errstate(invalid="ignore", divide="ignore"):
        want = getattr(np, outer.name)(getattr(np, inner.name)(value))
    assert_arrays(function([y], outer(inner(y)))(value), want)


# ---- sums ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2])
def test_float32_sums_of_many_short_rows(threads):
    """Not rounded after each row: where rows have 3 elements that would cost digits."""
    m, b = T.fmatrix("m"), T.fvector("b")
    rows = T.tanh(m) * b
    outs = [(m + b).sum(), (m * b).mean(), (m - rows.sum(1, keepdims=True)).sum(), m.max(1).sum()]
    with config.change(threads=threads):
        f = function([m, b], outs)
    value, by = np.abs(numbers(1_000_000, 3, dtype="float32")), np.ones(3, "float32")
    wide = value.astype("float64")
    wanted = [(wide + 1).sum(), wide.mean(), (wide - np.tanh(wide).sum(1, keepdims=True)).sum()]
    wanted += [wide.max(1).sum()]
    for got, want in zip(f(value, by), wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-6)


# ---- the same bits -------------------------------------------------------------------------------


def repeated():
    m, n = T.fmatrix("m"), T.fmatrix("n")
    loss = (T.nnet.softmax(T.tanh(m @ n)) ** 2).sum()
    outs = [
        loss,
        *grad(loss, [m, n]),
        m.sum(0),
        m.sum(1),
        m.sum(),
        (m * n.T).mean(),
        T.exp(m).sum(),
    ]
    return function([m, n], outs)


def test_50_repeats_have_the_same_bits():
    values = numbers(300, 257, dtype="float32") / 4, numbers(257, 300, dtype="float32") / 4
    results = {}
    for threads in (1, 2, 3):
        with config.change(threads=threads):
            f = repeated()
            first = f(*values)
            for _ in range(50):
                for got, want in zip(f(*values), first, strict=True):
                    assert got.tobytes() == want.tobytes()
        results[threads] = first
    for threads in (2, 3):
        for number, (got, want) in enumerate(zip(results[threads], results[1], strict=True)):
            assert_arrays(got, want, f"{threads} threads, result {number}")


def test_two_equal_results_are_two_arrays():
    y = T.dvector("y")
    a, b = T.tanh(y) + 1, T.tanh(y) + 1
    f = function([y], [a, b, a, b.sum(), a.sum()])
    value = numbers(50)
    for _ in range(3):
        got = f(value)
        for one in got[:3]:
            np.testing.assert_array_equal(one, got[0])
        np.testing.assert_allclose(got[0], np.tanh(value) + 1, rtol=1e-14)
        assert not np.may_share_memory(got[0], got[1])
        assert not np.may_share_memory(got[0], got[2])
        np.testing.assert_allclose(got[3:], got[0].sum(), rtol=1e-13)
