"""Inputs in any layout of memory: what a C-ordered copy of the same numbers gives is the oracle."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from arignote import config, function, shared
from arignote import tensor as T
from arignote.compile import get_mode
from arignote.compile.link import executor_name

pytestmark = pytest.mark.skipif(executor_name(get_mode()) != "c", reason="no C compiler")


@pytest.fixture(autouse=True)
def c_by_name():
    with config.change(linker="c", async_compile="off"):
        yield


def _at_odd_address(array):
    raw = np.frombuffer(b"\0" + array.tobytes(), array.dtype, array.size, offset=1)
    return raw.reshape(array.shape)


def _read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def _flipped(*axes):
    def lay(array):
        chosen = [a for a in axes if a < array.ndim]
        return np.flip(np.flip(array, chosen).copy(), chosen)

    return lay


def _slice_of_larger(array):
    room = np.full([size + 3 for size in array.shape], 7).astype(array.dtype)
    view = room[tuple(slice(2, 2 + size) for size in array.shape)]
    view[...] = array
    return view


def _in_steps(array):
    room = np.full([3 * size for size in array.shape], 7).astype(array.dtype)
    view = room[tuple(slice(None, None, 3) for _ in array.shape)]
    view[...] = array
    return view


def _repeated(array):
    """All rows are the first one: strides of 0."""
    return np.broadcast_to(array[:1], array.shape)


def _one_number(array):
    return np.broadcast_to(array.reshape(-1)[0], array.shape)


LAYOUTS: dict[str, Callable] = {
    "C": np.copy,
    "Fortran": np.asfortranarray,
    "first axis backwards": _flipped(0),
    "last axis backwards": _flipped(1),
    "all axes backwards": _flipped(0, 1),
    "rows repeated": _repeated,
    "one number": _one_number,
    "slice of a larger one": _slice_of_larger,
    "every third": _in_steps,
    "transposed": lambda array: array.T.copy().T,
    "read-only": _read_only,
    "at an odd address": _at_odd_address,
}

x, y = T.matrix("x"), T.matrix("y")
i = T.lmatrix("i")
v = T.vector("v")
# Expressions of matrices and vectors, with the shapes of what they take.
SQUARE, ROW = (37, 37), (37,)
KINDS: dict[str, tuple[list, list, list]] = {
    "elementwise": ([x, y], [T.tanh(x) * y + 1, x > y], [SQUARE, SQUARE]),
    "elementwise of a transpose": ([x, y], [x.T - y, (x + 2).T[::-1]], [SQUARE, SQUARE]),
    "elementwise with a row": ([x, v], [x * v, x - v[:, None]], [SQUARE, ROW]),
    "reductions of all": (
        [x],
        [x.sum(), x.max(), x.min(), T.tanh(x).prod(), (x > 0).any(), (x > -9).all()],
        [SQUARE],
    ),
    "reductions of rows": ([x], [x.sum(1), x.max(1), T.tanh(x).prod(1), (x > 0).all(1)], [SQUARE]),
    "reductions of columns": ([x], [x.sum(0), x.min(0), T.tanh(x).prod(0), x.mean(0)], [SQUARE]),
    "gather": ([x, i], [x[i[0]] * 2, x[i[0], i[1]]], [SQUARE, (2, 9)]),
    "product": ([x, y], [x @ y, x.T @ y, x @ y.T], [SQUARE, SQUARE]),
    "product with a vector": ([x, v], [x @ v, x.T @ v, v @ x], [SQUARE, ROW]),
    "rows": ([x], [T.nnet.softmax(x), x / T.sqrt((x**2).sum(1, keepdims=True))], [SQUARE]),
    "views": ([x, y], [x[::-1, 1:], x.T, T.concatenate([x[1:], y]), x.flatten()], [SQUARE, SQUARE]),
}


def numbers(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "i":
        return rng.integers(-5, 5, shape).astype(dtype)
    return rng.uniform(-2, 2, shape).astype(dtype)


COMPILED: dict[tuple, Callable] = {}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(kind, layout):
    inputs, outputs, shapes = KINDS[kind]
    if kind not in COMPILED:
        COMPILED[kind] = function(inputs, outputs)
        assert COMPILED[kind].linker == "c"
    f, lay = COMPILED[kind], LAYOUTS[layout]
    pairs = zip(inputs, shapes, strict=True)
    plain = [numbers(shape, z.dtype, n) for n, (z, shape) in enumerate(pairs)]
    for position in [*range(len(inputs)), None]:
        laid = [lay(p) if position in (k, None) else p for k, p in enumerate(plain)]
        # The same numbers as those of a layout in which some are repeated.
        wanted = f(*[np.array(array, order="C") for array in laid])
        before = [array.copy() for array in laid]
        for _ in range(3):  # the general way, then twice the quick one
            for got, want in zip(f(*laid), wanted, strict=True):
                np.testing.assert_array_equal(got, want)
                assert got.flags.writeable
                assert not any(np.may_share_memory(got, array) for array in laid)
        for array, copy in zip(laid, before, strict=True):
            np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("dtype", ["float32", "int8", "int32", "bool", "complex64", "float16"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_other_dtypes(layout, dtype):
    a, b = T.tensor(dtype, (None, None), "a"), T.tensor(dtype, (None, None), "b")
    key = ("other", dtype)
    if key not in COMPILED:
        outputs = [T.switch(T.eq(a, b), a, b), a[::-1].T, T.eq(a, b).sum(0)]
        COMPILED[key] = function([a, b], outputs)
    plain = [numbers((9, 33), "float64", seed).astype(dtype) for seed in (0, 1)]
    laid = [LAYOUTS[layout](plain[0]), LAYOUTS[layout](plain[1])]
    wanted = COMPILED[key](*[np.array(array, order="C") for array in laid])
    for _ in range(3):
        for got, want in zip(COMPILED[key](*laid), wanted, strict=True):
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0), (1, 1), (1, 5), (5, 1)], ids=str)
@pytest.mark.parametrize("kind", [k for k in KINDS if k != "gather"])
def test_sizes_of_0_and_1(kind, shape):
    """NumPy's executor is the oracle, errors included."""
    inputs, outputs, _ = KINDS[kind]
    if kind not in COMPILED:
        COMPILED[kind] = function(inputs, outputs)
    with config.change(linker="numpy"):
        by_numpy = COMPILED.setdefault((kind, "numpy"), function(inputs, outputs))
    values = [numbers(shape if z.ndim == 2 else shape[-1:], z.dtype) for z in inputs]
    for given in (values, [np.asfortranarray(value) for value in values]):
        try:
            wanted = by_numpy(*values)
        except (ValueError, IndexError) as error:
            with pytest.raises(type(error)):
                COMPILED[kind](*given)
            continue
        for _ in range(2):
            for got, want in zip(COMPILED[kind](*given), wanted, strict=True):
                assert got.shape == want.shape
                np.testing.assert_allclose(got, want, rtol=1e-12)


def test_strides_of_axes_of_size_1_say_nothing():
    z = T.tensor3("z")
    f = function([z], [z * 2, z.sum(1), z.max((0, 2)), z[:, ::-1]])
    plain = numbers((1, 6, 1), "float64")
    wanted = f(plain)
    for strides in [(-24, 8, 3), (0, 8, 0), (1 << 40, 8, -(1 << 40)), (7, 8, 7)]:
        odd = as_strided(plain, plain.shape, strides)
        for _ in range(3):
            for got, want in zip(f(odd), wanted, strict=True):
                np.testing.assert_array_equal(got, want)


def test_numbers_without_axes():
    s, t = T.dscalar("s"), T.dscalar("t")
    f = function([s, t], [s * t, s + 1, T.maximum(s, t)])
    room = np.arange(20.0)
    odd = np.frombuffer(b"\0" + np.float64(3).tobytes(), "float64", 1, offset=1).reshape(())
    for value in (np.float64(3.0), np.array(3.0), room[3:4].reshape(()), odd, _read_only(odd)):
        for _ in range(3):
            assert [float(r) for r in f(value, room[4:5].reshape(()))] == [12.0, 4.0, 4.0]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_shared_values_in_any_layout(layout):
    w = shared(np.zeros((3, 3)), "w")
    f = function([v], [T.dot(w, v), w * 2, w.sum(0)], updates={w: w + v})
    array = LAYOUTS[layout](numbers((5, 5), "float64"))
    vector = numbers((5,), "float64")
    for borrow in (False, True):
        w.set_value(array, borrow=borrow)
        kept = array.copy()
        for _ in range(3):
            before = w.get_value()
            product, twice, total = f(vector)
            np.testing.assert_allclose(product, before @ vector, rtol=1e-12, atol=1e-12)
            np.testing.assert_array_equal(twice, before * 2)
            np.testing.assert_allclose(total, before.sum(0), rtol=1e-12, atol=1e-12)
            np.testing.assert_array_equal(w.get_value(), before + vector)
        np.testing.assert_array_equal(array, kept)
