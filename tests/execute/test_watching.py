"""Steps that tell what they write. Oracle: NumPy looks at what is in memory afterwards."""

import itertools
import shutil

import numpy as np
import pytest

from arignote import config, function
from arignote import tensor as T
from arignote.codegen import kernel_text
from arignote.codegen.loops import WATCHED_BIT
from arignote.execute.libraries import ffi
from arignote.execute.runtime import Watching, copy_step, gemm_step, runtime
from execute.tables import gemm_batch_step, gemv_step

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler"
)

VALUES = {"nan": np.nan, "inf": np.inf, "minus inf": -np.inf, "big": -2e10, "small": 3.0}
VALUES |= {"edge": -1e10, "beyond": 1e10 + 1024, "largest": float(np.finfo("float32").max)}
LOUD = {
    Watching.NOTHING: set(),
    Watching.NAN: {"nan"},
    Watching.NON_FINITE: {"nan", "inf", "minus inf"},
    Watching.BIG: {"nan", "inf", "minus inf", "big", "beyond", "largest"},
}


SEEN = {
    Watching.NOTHING: np.zeros_like,
    Watching.NAN: np.isnan,
    Watching.NON_FINITE: lambda out: ~np.isfinite(out),
    Watching.BIG: lambda out: ~(np.abs(out) <= 1e10),
}


def run(steps, arrays):
    """What `arn_run` returns for a table of these steps and arrays as arguments."""
    table = ffi().new("int64_t[]", [word for step in steps for word in step])
    args = ffi().new("char*[]", [ffi().cast("char*", a.ctypes.data) for a in arrays])
    return runtime().run(table, len(steps), args, ffi().NULL)


def products(dtype, watch, jobs):
    """Each kind of product that copies its first operand, with the arrays that it works on."""
    double, item = dtype == "float64", np.dtype(dtype).itemsize
    m, n = 67, 45
    x, one = np.zeros((m, n), dtype), np.eye(n, dtype=dtype)
    out = np.empty((m, n), dtype)
    places = [((0, 0), n), ((1, 0), n), ((2, 0), n)]
    given = {"jobs": jobs, "watch": watch}
    none = (False, False)
    yield gemm_step(double, none, (m, n, n), *places, **given), [x, one, out]
    strides = (n * item, 0, n * item)
    rows = gemm_batch_step(double, none, (1, n, n), *places, count=m, strides=strides, **given)
    yield rows, [x, one, out]
    vector, unit = np.zeros((m, 1), dtype), np.ones(1, dtype)
    result = np.empty(m, dtype)
    step = gemv_step(double, False, (m, 1), ((0, 0), 1), ((1, 0), 1), ((2, 0), 1), **given)
    yield step, [vector, unit, result]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("watch", Watching)
@pytest.mark.parametrize("threads", [1, 3])
def test_products_tell_what_they_write(dtype, watch, threads):
    """Wherever it is, and no step after the one that told is run."""
    machine = runtime()
    machine.use(threads)
    try:
        for jobs, kind in itertools.product((1, 4), range(3)):
            step, arrays = list(products(dtype, watch, jobs))[kind]
            x, out = arrays[0], arrays[-1]
            mark, zeros = np.ones(8, "uint8"), np.zeros(8, "uint8")
            steps = [copy_step((3, 0), (4, 0), 4), step, copy_step((3, 4), (4, 4), 4)]
            assert run(steps, [*arrays, mark, zeros]) == 0
            for place, (name, value) in itertools.product(
                (0, x.size // 2, x.size - 1), VALUES.items()
            ):
                x.flat[place], mark[:] = value, 1
                code = run(steps, [*arrays, mark, zeros])
                told = bool(SEEN[watch](out).any())  # Inf times 0 is NaN
                assert told or name not in LOUD[watch]
                assert code == (-2 - 1 if told else 0), (kind, name)
                assert mark.tolist() == [0] * 4 + [int(told)] * 4
                x.flat[place] = 0
    finally:
        machine.use(0)


SHAPES = [(), (1,), (7,), (64,), (1000,), (3, 5), (40, 65), (2, 3, 17)]


def graphs(x):
    """Kernels of every kind: loops, rows with totals, sums that move and that do not, extrema."""
    yield x * 2
    if x.type.ndim:
        yield x.sum(axis=0)
        yield x.sum(axis=-1) + 1
        yield x.max(axis=-1)
        yield x.sum()
        yield x - x.max(axis=-1, keepdims=True)
        yield x[::-1] * 2
        yield x.prod(axis=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("threads", [1, 2])
def test_kernels_tell_what_they_write(dtype, shape, threads):
    """A recorded or silent call against whether NumPy finds NaN in any of the results."""
    x = T.tensor(dtype, (None,) * len(shape), "x")
    random = np.random.default_rng(0)
    with config.change(linker="c", async_compile="off", threads=threads):
        for out in graphs(x):
            f = function([x], out, nan="record")
            for place in {0, int(np.prod(shape)) // 2, int(np.prod(shape)) - 1}:
                value = random.random(shape).astype(dtype)
                f(value)
                assert not f.nan_records
                value.flat[place] = np.nan
                assert np.isnan(f(value)).any()
                assert len(f.nan_records) == 1, str(f.program)
                assert f.nan_records[0].variable is x
                f._alarm.records.clear()


def test_the_result_of_a_kernel_has_bits_for_what_it_met():
    """An index that does not fit is a failure, whatever else is written."""
    x, i = T.dvector("x"), T.lvector("i")
    with config.change(linker="c", async_compile="off"):
        f = function([x, i], x[i] * 2, nan="raise")
    assert f"? {WATCHED_BIT} : 0" in kernel_text(f.program.kernels[0].kernel).body
    with pytest.raises(IndexError):
        f([np.nan, 1.0], [0, 5])
