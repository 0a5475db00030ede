"""The C runtime: tables, products and threads. Oracle: NumPy."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest

from arignote.errors import CompilerError
from arignote.execute import blas as blas_module
from arignote.execute import runtime as runtime_module
from arignote.execute.compiler import cores
from arignote.execute.libraries import ffi
from arignote.execute.runtime import (
    MAX_THREADS,
    OPTIONS,
    PRODUCTS,
    SOURCE,
    Runtime,
    copy_step,
    double_word,
    float_word,
    gemm_step,
    load_runtime,
    runtime,
    text_of,
)
from arignote.execute.toolchain import compile_c, load_c
from execute.tables import gemm_batch_step, gemv_step, kernel_step
from oracles import assert_arrays

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler"
)

HEAD = """
#include <stdint.h>
typedef union { int64_t i; uint64_t u; double d; float f; } arn_value;
#define KERNEL(name) int name(char *const *p, const int64_t *lo, const int64_t *hi, \\
                              const int64_t *s, const arn_value *c, char *scratch)
#define AT(k, i, j) *(double *)(p[k] + (i) * s[2 * (k)] + (j) * s[2 * (k) + 1])
"""
KERNELS = (
    HEAD
    + """
KERNEL(affine) {
    for (int64_t i = lo[0]; i < hi[0]; i++)
        for (int64_t j = lo[1]; j < hi[1]; j++)
            AT(0, i, j) = c[0].d * AT(1, i, j) + c[1].f + c[2].i;
    return scratch != 0;
}
KERNEL(partial_sum) {
    double total = 0;
    for (int64_t i = lo[0]; i < hi[0]; i++)
        total += *(double *)(p[1] + i * s[1]);
    *(double *)p[0] = total;
    return 0;
}
static int calls;
KERNEL(count_calls) {
    calls++;
    return 0;
}
int calls_so_far(void) { return calls; }
KERNEL(bounds) {
    int64_t *out = (int64_t *)p[0];
    out[0] = lo[0];
    out[1] = hi[0];
    out[2] = hi[1];
    out[3] = (uintptr_t)scratch % 64;
    return 0;
}
KERNEL(reverse) {
    double *row = (double *)scratch;
    for (int64_t i = lo[0]; i < hi[0]; i++) {
        for (int64_t j = 0; j < hi[1]; j++)
            row[j] = AT(1, i, j);
        for (int64_t j = 0; j < hi[1]; j++)
            AT(0, i, j) = row[hi[1] - 1 - j];
    }
    return 0;
}
KERNEL(sum_operands) {
    for (int64_t i = lo[0]; i < hi[0]; i++) {
        double total = 0;
        for (int64_t k = 1; k <= c[0].i; k++)
            total += *(double *)(p[k] + i * s[k]);
        *(double *)(p[0] + i * s[0]) = total;
    }
    return 0;
}
KERNEL(refuse_negative) {
    for (int64_t i = lo[0]; i < hi[0]; i++)
        if (*(double *)(p[0] + i * s[0]) < 0)
            return 3;
    return 0;
}
KERNEL(add_one) {
    for (int64_t i = lo[0]; i < hi[0]; i++)
        *(double *)(p[0] + i * s[0]) += 1;
    return 0;
}
"""
)
NAN = float("nan")


@pytest.fixture(autouse=True, params=[1, 3], ids=["one thread", "three threads"])
def threads(request) -> Iterator[int]:
    """Each test runs with and without workers."""
    runtime().use(request.param)
    yield request.param
    runtime().use(1)


@cache
def address(name: str) -> int:
    return load_c(KERNELS).address(name)


def run(
    steps: Sequence[list[int]],
    arrays: Sequence[np.ndarray],
    *,
    nanoseconds: np.ndarray | None = None,
    on: Runtime | None = None,
) -> int:
    """What `arn_run` returns for a table of these steps and arrays as arguments."""
    words = [word for step in steps for word in step]
    table = ffi().new("int64_t[]", words)
    args = ffi().new("char*[]", [ffi().cast("char*", a.ctypes.data) for a in arrays])
    times = ffi().NULL
    if nanoseconds is not None:
        times = ffi().cast("int64_t*", nanoseconds.ctypes.data)
    return (on or runtime()).run(table, len(steps), args, times)


def affine(x: np.ndarray, y: np.ndarray, **options) -> list[int]:
    """The step `y = 2.5 x - 0.5 + 7` of argument 1 to argument 0."""
    constants = [double_word(2.5), float_word(-0.5), 7]
    strides = [y.strides, x.strides]
    places = [(0, 0), (1, 0)]
    return kernel_step(address("affine"), x.shape, places, strides, constants=constants, **options)


@pytest.mark.parametrize("jobs", range(1, 8))
@pytest.mark.parametrize("split", [0, 1])
def test_strides_and_constants_reach_a_kernel(jobs: int, split: int):
    base = np.random.default_rng(0).normal(size=(40, 60))
    for x in (base, base.T, base[::-2, 3::5], np.broadcast_to(base[0], (9, 60)), base[:1, :1]):
        y = np.full((x.shape[1], x.shape[0] + 3), NAN).T[3:]
        assert run([affine(x, y, split=split, jobs=jobs)], [y, x]) == 0
        np.testing.assert_array_equal(y, 2.5 * x - 0.5 + 7)


def test_offsets_are_bytes_and_arguments_are_chosen_by_number():
    x, y = np.arange(10.0), np.zeros(10)
    places, strides = [(2, 16), (0, 24)], [(0, 8), (0, 8)]
    constants = [double_word(1.0), float_word(0.0), 0]
    step = kernel_step(address("affine"), (1, 4), places, strides, constants=constants)
    assert run([step], [x, np.zeros(0), y]) == 0
    np.testing.assert_array_equal(y, [0, 0, 3, 4, 5, 6, 0, 0, 0, 0])


@pytest.mark.parametrize("jobs", range(1, 8))
@pytest.mark.parametrize("size", [0, 1, 6, 7, 1000])
def test_each_job_has_an_accumulator_of_its_own(jobs: int, size: int):
    x = np.random.default_rng(1).normal(size=size)
    parts, total = np.full(8 * jobs, NAN), np.zeros(1)
    steps = [
        kernel_step(
            address("partial_sum"),
            (size,),
            [(1, 0), (0, 0)],
            [(0,), (8,)],
            job_strides=[64, 0],
            split=0,
            jobs=jobs,
        ),
        kernel_step(address("partial_sum"), (jobs,), [(2, 0), (1, 0)], [(0,), (64,)]),
    ]
    assert run(steps, [x, parts, total]) == 0
    assert_arrays(total, x.sum(keepdims=True))
    assert not np.isnan(parts[::8]).any()


@pytest.mark.parametrize("jobs", range(1, 8))
@pytest.mark.parametrize("block", [1, 8, 1000])
@pytest.mark.parametrize("size", [0, 1, 63, 64, 100, 1001])
def test_jobs_share_an_axis_in_blocks(jobs: int, block: int, size: int):
    out = np.full((jobs, 4), -1)
    step = kernel_step(
        address("bounds"),
        (size, 17),
        [(0, 0)],
        [(0, 0)],
        job_strides=[32],
        split=0,
        jobs=jobs,
        block=block,
        scratch=100,
    )
    assert run([step], [out]) == 0
    lo, hi, other, alignment = out.T
    assert lo[0] == 0
    assert hi[-1] == size
    np.testing.assert_array_equal(lo[1:], hi[:-1])
    assert all(bound % block == 0 or bound == size for bound in hi)
    counts = -(-(hi - lo) // block)
    assert counts.max() - counts.min() <= 1
    assert set(other) == {17}
    assert set(alignment) == {0}


@pytest.mark.parametrize("jobs", [1, 4])
def test_without_a_split_each_job_has_all_of_every_axis(jobs: int):
    x = np.random.default_rng(2).normal(size=(jobs, 5, 6))
    y = np.empty_like(x)
    step = affine(x[0], y[0], jobs=jobs, job_strides=[y.strides[0], x.strides[0]])
    assert run([step], [y, x]) == 0
    np.testing.assert_array_equal(y, 2.5 * x - 0.5 + 7)


@pytest.mark.parametrize("jobs", [1, 4])
def test_scratch_is_a_jobs_own(jobs: int):
    for size in (3, 5000):  # a second use grows what the first one left
        x = np.random.default_rng(3).normal(size=(50, size))
        y = np.empty_like(x)
        places, strides = [(0, 0), (1, 0)], [y.strides, x.strides]
        step = kernel_step(
            address("reverse"), x.shape, places, strides, split=0, jobs=jobs, scratch=8 * size
        )
        assert run([step], [y, x]) == 0
        np.testing.assert_array_equal(y, x[:, ::-1])


@pytest.mark.parametrize("jobs", [1, 4])
def test_a_kernel_may_have_thousands_of_operands(jobs: int):
    many = 5000
    x, y = np.random.default_rng(4).integers(0, 100, (many, 9)).astype(float), np.empty(9)
    places = [(0, 0), *((1, k * x.strides[0]) for k in range(many))]
    step = kernel_step(
        address("sum_operands"),
        (9,),
        places,
        [(8,)] * (many + 1),
        constants=[many],
        split=0,
        jobs=jobs,
    )
    assert run([step], [y, x]) == 0
    np.testing.assert_array_equal(y, x.sum(0))


def test_a_kernel_without_axes_or_operands_is_called():
    step = kernel_step(address("count_calls"), (), [], [])
    first = load_c(KERNELS).function("calls_so_far", "int(*)(void)")()
    assert [run([step] * 3, []) for _ in range(2)] == [0, 0]
    assert load_c(KERNELS).function("calls_so_far", "int(*)(void)")() == first + 6


@pytest.mark.parametrize("jobs", [1, 2, 7])
@pytest.mark.parametrize("bad", [0, 500, 999])
def test_a_failing_kernel_ends_the_run_and_is_named(jobs: int, bad: int):
    x, y = np.ones(1000), np.zeros(3)
    x[bad] = -1
    add = kernel_step(address("add_one"), (3,), [(1, 0)], [(8,)])
    check = kernel_step(address("refuse_negative"), (1000,), [(0, 0)], [(8,)], split=0, jobs=jobs)
    assert run([add, check, add], [x, y]) == 2
    np.testing.assert_array_equal(y, 1)
    x[bad] = 1
    assert run([add, check, add], [x, y]) == 0
    np.testing.assert_array_equal(y, 3)


def test_an_unknown_step_fails():
    assert run([[99, 2]], []) == 1
    assert run([], []) == 0


@pytest.mark.parametrize("jobs", [1, 2, 5])
@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 50_001])
def test_copies(jobs: int, size: int):
    x = np.random.default_rng(5).integers(1, 255, size + 9).astype("uint8")
    y = np.full(size + 5, 7, "uint8")
    assert run([copy_step((1, 2), (0, 9), size, jobs=jobs)], [x, y]) == 0
    np.testing.assert_array_equal(y, [7, 7, *x[9:], 7, 7, 7])


def test_nanoseconds_are_added_step_by_step():
    x, y = np.random.default_rng(6).normal(size=(2000, 100)), np.empty((2000, 100))
    times = np.array([5, 10**15, -1])
    steps = [affine(x, y), copy_step((0, 0), (1, 0), 8)]
    assert run(steps, [y, x], nanoseconds=times) == 0
    assert 5 + 1000 < times[0] < 10**10
    assert 0 <= times[1] - 10**15 < 10**10
    assert times[2] == -1
    first = times[0]
    run(steps, [y, x], nanoseconds=times)
    assert times[0] > first + 1000


def test_a_step_is_not_charged_for_those_before_it():
    x, y = np.ones((2000, 100)), np.empty((2000, 100))
    times = np.zeros((20, 2), int)
    for row in times:
        assert run([affine(x, y), copy_step((0, 0), (1, 0), 8)], [y, x], nanoseconds=row) == 0
    assert (times[:, 1] < times[:, 0]).any()


# ---- products


def matrix(rows: int, columns: int, dtype: str, padding: int, seed: int = 0) -> np.ndarray:
    """A row-major matrix whose rows lie further apart than they are long; NaN is between them."""
    whole = np.full((rows, columns + padding), NAN, dtype)
    whole[:, :columns] = np.random.default_rng(seed).uniform(-1, 1, (rows, columns))
    return whole[:, :columns]


def place(a: np.ndarray, argument: int) -> tuple[tuple[int, int], int]:
    """A matrix as a product's step has it."""
    return (argument, 0), a.strides[0] // a.itemsize


def product(
    a: np.ndarray, b: np.ndarray, c: np.ndarray, transposed: tuple[bool, bool], **options
) -> list[int]:
    """The step of a product of arguments 0 and 1 to argument 2."""
    inner = a.shape[0] if transposed[0] else a.shape[1]
    return gemm_step(
        c.dtype == "float64",
        transposed,
        (*c.shape, inner),
        place(a, 0),
        place(b, 1),
        place(c, 2),
        **options,
    )


def expected(a, b, c, transposed, alpha: float, beta: float) -> np.ndarray:
    """The product in float64, and in the dtype in the end."""
    a, b = (x.T if t else x for x, t in zip((a, b), transposed, strict=True))
    value = alpha * (a.astype("float64") @ b.astype("float64"))
    return (value + (beta * c.astype("float64") if beta else 0)).astype(c.dtype)


FORMS = list(itertools.product([False, True], repeat=2))
SIZES = list(itertools.product([0, 1, 2, 17, 50], repeat=3))


@pytest.mark.parametrize("transposed", FORMS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("jobs", [1, 3])
def test_products_of_all_sizes(dtype: str, transposed: tuple[bool, bool], jobs: int):
    for (M, N, K), padding in itertools.product(SIZES, [0, 3]):
        a = matrix(*((K, M) if transposed[0] else (M, K)), dtype, padding, 1)
        b = matrix(*((N, K) if transposed[1] else (K, N)), dtype, padding, 2)
        for alpha, beta in ((1.0, 0.0), (-0.5, 1.0), (2.0, 0.25)):
            c = matrix(M, N, dtype, padding, 3)
            around = c.base
            right = expected(a, b, c, transposed, alpha, beta)
            if beta == 0:
                c[:] = NAN
            step = product(a, b, c, transposed, alpha=alpha, beta=beta, jobs=jobs)
            assert run([step], [a, b, c]) == 0
            assert_arrays(np.array(c), right, (M, N, K, padding, alpha, beta))
            assert around is None or np.isnan(around[:, N:]).all()


@pytest.mark.parametrize("sizes", [(1, 300, 200), (300, 1, 200), (257, 129, 65), (70, 400, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("transposed", FORMS)
@pytest.mark.parametrize("jobs", range(1, 8))
def test_jobs_share_a_product(sizes, dtype: str, transposed, jobs: int):
    M, N, K = sizes
    a = matrix(*((K, M) if transposed[0] else (M, K)), dtype, 5, 1)
    b = matrix(*((N, K) if transposed[1] else (K, N)), dtype, 7, 2)
    c = matrix(M, N, dtype, 2, 3)
    right = expected(a, b, c, transposed, -3.0, 1.0)
    scale = np.array([0.0, 1.5], dtype)
    options = {"alpha": -2.0, "beta": 1.0, "scale": (3, scale.itemsize), "jobs": jobs}
    assert run([product(a, b, c, transposed, **options)], [a, b, c, scale]) == 0
    np.testing.assert_allclose(c, right, rtol=1e-4 if dtype == "float32" else 1e-11, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_where_there_is_one_row_its_stride_does_not_matter(dtype: str):
    for M, N, K in ((1, 1, 4), (1, 5, 1), (1, 5, 4)):
        a, b, c = matrix(M, K, dtype, 0, 1), matrix(N, K, dtype, 0, 2), matrix(M, N, dtype, 0, 3)
        places = ((0, 0), 0), ((1, 0), K if N > 1 else -7), ((2, 0), 0)
        step = gemm_step(dtype == "float64", (False, True), (M, N, K), *places)
        assert run([step], [a, b, c]) == 0
        assert_arrays(c, a @ b.T)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("jobs", [1, 3])
def test_vector_products(dtype: str, transposed: bool, jobs: int):
    for M, N in itertools.product([0, 1, 2, 33, 100], repeat=2):
        a = matrix(M, N, dtype, 4, 1)
        ins, outs = (M, N) if transposed else (N, M)
        for incx, incy in ((1, 1), (3, 2), (-1, 1), (-2, -3)):
            x = matrix(1, 3 * ins + 3, dtype, 0, 2)[0][:: incx or 1][:ins]
            y = matrix(1, 3 * outs + 3, dtype, 0, 3)[0][:: incy or 1][:outs]
            for alpha, beta in ((1.0, 0.0), (-2.0, 1.0), (0.5, 3.0)):
                op = a.T if transposed else a
                right = alpha * op.astype("float64") @ x + beta * y.astype("float64")
                if beta == 0:
                    y[:] = NAN
                step = gemv_step(
                    dtype == "float64",
                    transposed,
                    (M, N),
                    place(a, 0),
                    ((1, 0), incx),
                    ((2, 0), incy),
                    alpha=alpha,
                    beta=beta,
                    jobs=jobs,
                )
                assert run([step], [a, x, y]) == 0
                assert_arrays(np.array(y), right.astype(dtype), (M, N, incx, incy, alpha, beta))
                y[:] = matrix(1, 3 * outs + 3, dtype, 0, 4)[0][:outs]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("transposed", FORMS)
@pytest.mark.parametrize("jobs", [1, 2, 7])
@pytest.mark.parametrize("count", [0, 1, 5, 23])
@pytest.mark.parametrize("shared", [False, True])
def test_batches(dtype: str, transposed, jobs: int, count: int, shared: bool):
    rng = np.random.default_rng(7)
    for M, N, K in ((3, 4, 5), (1, 4, 5), (3, 1, 5), (3, 4, 0), (0, 4, 5)):
        a = rng.uniform(-1, 1, (count, *((K, M) if transposed[0] else (M, K)))).astype(dtype)
        shape = (1 if shared else count, *((N, K) if transposed[1] else (K, N)))
        b = rng.uniform(-1, 1, shape).astype(dtype)
        c = np.full((count, M, N), NAN, dtype)
        step = gemm_batch_step(
            dtype == "float64",
            transposed,
            (M, N, K),
            ((0, 0), a.shape[2]),
            ((1, 0), b.shape[2]),
            ((2, 0), N),
            count=count,
            strides=(a.strides[0], 0 if shared else b.strides[0], c.strides[0]),
            jobs=jobs,
        )
        assert run([step], [a, b, c]) == 0
        A = a.swapaxes(1, 2) if transposed[0] else a
        B = b.swapaxes(1, 2) if transposed[1] else b
        assert_arrays(c, A @ B, (M, N, K))


def test_nan_and_infinity_in_factors_reach_the_product():
    for dtype, M, N in itertools.product(["float32", "float64"], [1, 3, 20], [1, 3, 20]):
        a, b, c = matrix(M, 6, dtype, 0), matrix(6, N, dtype, 0), matrix(M, N, dtype, 0)
        a[0, 2], a[-1, 3], b[2, 0] = np.inf, NAN, 0.0
        with np.errstate(invalid="ignore"):
            right = a @ b
        assert run([product(a, b, c, (False, False))], [a, b, c]) == 0
        np.testing.assert_array_equal(np.isfinite(c), np.isfinite(right))
        np.testing.assert_array_equal(np.isnan(c), np.isnan(right))


def test_a_stride_that_blas_would_refuse_fails_and_prints_nothing(capfd):
    a, b, c = (matrix(4, 4, "float64", 0, k) for k in range(3))
    places = ((0, 0), 4), ((1, 0), 4), ((2, 0), 4)
    for k, stride in itertools.product(range(3), [3, 0, -4, 2**31]):
        wrong = [(place, stride if n == k else size) for n, (place, size) in enumerate(places)]
        assert run([gemm_step(True, (False, False), (4, 4, 4), *wrong)], [a, b, c]) == 1
    for k, stride in itertools.product((1, 2), [0, 2**31]):
        wrong = [(p, stride if n == k else (4, 1, 1)[n]) for n, (p, _) in enumerate(places)]
        assert run([gemv_step(True, False, (4, 4), *wrong)], [a, b, c]) == 1
    assert capfd.readouterr() == ("", "")


def test_axes_longer_than_blas_counts_go_in_pieces():
    small = load_runtime((*OPTIONS, "-DARN_BLAS_PIECE=5"))
    small.connect(blas_module.blas())
    for dtype, transposed in itertools.product(["float32", "float64"], FORMS):
        for M, N, K in ((13, 11, 12), (1, 11, 12), (13, 1, 12), (1, 1, 12)):
            a = matrix(*((K, M) if transposed[0] else (M, K)), dtype, 1, 1)
            b = matrix(*((N, K) if transposed[1] else (K, N)), dtype, 1, 2)
            c = matrix(M, N, dtype, 1, 3)
            right = expected(a, b, c, transposed, 2.0, 0.5)
            step = product(a, b, c, transposed, alpha=2.0, beta=0.5)
            assert run([step], [a, b, c], on=small) == 0
            assert_arrays(np.array(c), right, (M, N, K, transposed))


def test_without_blas_products_are_refused_and_the_rest_runs(monkeypatch):
    a = np.ones((2, 2))
    step = product(a, a, a, (False, False))
    poor = load_runtime((*OPTIONS, "-DPOOR"))
    blas_module.blas.cache_clear()
    runtime_module.products.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(blas_module, "PACKAGE", "no_such_package")
        with pytest.raises(CompilerError, match="pip install scipy-openblas32"):
            product(a, a, a, (False, False))
        with pytest.raises(CompilerError, match="pip install scipy-openblas32"):
            gemv_step(True, False, (2, 2), place(a, 0), ((0, 0), 1), ((0, 0), 1))
    assert run([step], [a, a, a], on=poor) == 1
    assert run([copy_step((0, 0), (1, 0), 16)], [a, np.zeros(2)], on=poor) == 0
    np.testing.assert_array_equal(a, [[0, 0], [1, 1]])


# ---- threads


def big_table(x: np.ndarray, y: np.ndarray, parts: np.ndarray, jobs: int) -> list[list[int]]:
    """Steps of many jobs on arguments y, x, parts, a product and a matrix for it."""
    product = gemm_step(
        True, (False, True), (len(x), len(x), x.shape[1]), place(x, 1), place(y, 0), place(x, 3),
        jobs=jobs,
    )  # fmt: skip
    total = kernel_step(
        address("partial_sum"),
        (x.size,),
        [(2, 0), (0, 0)],
        [(0,), (8,)],
        job_strides=[8, 0],
        split=0,
        jobs=jobs,
    )
    product[16] = len(x)
    return [affine(x, y, split=0, jobs=jobs), total, product]


def big_arrays(seed: int, jobs: int) -> list[np.ndarray]:
    x = np.random.default_rng(seed).normal(size=(60, 50))
    return [np.full_like(x, NAN), x, np.full(jobs, NAN), np.full((60, 60), NAN)]


@pytest.mark.parametrize("jobs", [2, 5, 64])
def test_results_repeat_bit_for_bit(jobs: int):
    first: list[np.ndarray] = []
    for repeat in range(50):
        runtime().use(1 + repeat % 4)
        arrays = big_arrays(8, jobs)
        y, x, parts, square = arrays
        assert run(big_table(x, y, parts, jobs), arrays) == 0
        if not first:
            first = arrays
            assert_arrays(y, 2.5 * x - 0.5 + 7)
            np.testing.assert_allclose(square, x @ y.T, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(parts.sum(), y.sum(), rtol=1e-12)
        for mine, theirs in zip(arrays, first, strict=True):
            assert mine.tobytes() == theirs.tobytes()


def test_calls_from_eight_threads_at_once():
    barrier = threading.Barrier(8)

    def work(seed: int) -> None:
        barrier.wait()
        for repeat in range(40):
            arrays = big_arrays(100 * seed + repeat, 6)
            y, x, parts, square = arrays
            assert run(big_table(x, y, parts, 6), arrays) == 0
            assert_arrays(y, 2.5 * x - 0.5 + 7)
            np.testing.assert_allclose(square, x @ y.T, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(parts.sum(), y.sum(), rtol=1e-12)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


def test_the_number_of_threads_may_change_during_runs():
    end = threading.Event()

    def work(seed: int) -> int:
        runs = 0
        while not end.is_set() or runs == 0:
            arrays = big_arrays(seed, 6)
            y, x, parts, _ = arrays
            assert run(big_table(x, y, parts, 6), arrays) == 0
            assert_arrays(y, 2.5 * x - 0.5 + 7)
            runs += 1
        return runs

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(work, seed) for seed in range(2)]
        for repeat in range(200):
            assert runtime().set_threads(1 + repeat % 5) == 0
            assert runtime().get_threads() == 1 + repeat % 5
        end.set()
        assert all(future.result() > 0 for future in futures)


def test_numbers_of_threads(threads: int):
    assert runtime().get_threads() == threads
    for wrong in (0, -1, MAX_THREADS + 1):
        assert runtime().set_threads(wrong) != 0
    assert runtime().get_threads() == threads
    runtime().use(0)
    assert runtime().get_threads() == cores()
    runtime().use(10**9)
    assert runtime().get_threads() == MAX_THREADS
    assert runtime() is runtime()


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs Linux")
def test_workers_are_started_when_needed_and_ended_when_not(threads: int):
    def new() -> set[str]:
        return set(os.listdir("/proc/self/task")) - before

    before = set(os.listdir("/proc/self/task"))
    x, y = np.ones((8, 8)), np.empty((8, 8))
    assert run([affine(x, y)], [y, x]) == 0
    assert not new()
    assert run([affine(x, y, split=0, jobs=4)], [y, x]) == 0
    assert len(new()) == threads - 1
    runtime().use(1)
    while new():  # the system lists a thread for a moment after its end
        time.sleep(0.001)


FORK = """
import os, sys, threading
sys.path[:0] = [{tests!r}, {here!r}]
import numpy as np
from test_runtime import big_arrays, big_table, run, runtime

def work(seed):
    arrays = big_arrays(seed, 6)
    y, x, parts, square = arrays
    assert run(big_table(x, y, parts, 6), arrays) == 0
    np.testing.assert_array_equal(y, 2.5 * x - 0.5 + 7)
    np.testing.assert_allclose(square, x @ y.T, rtol=1e-9, atol=1e-9)

runtime().use(4)
work(0)
end = threading.Event()
def keep_busy():
    while not end.is_set():
        work(1)
thread = threading.Thread(target=keep_busy)
thread.start()
for repeat in range(30):
    child = os.fork()
    if child == 0:
        try:
            for seed in range(3):
                work(seed)
            assert len(os.listdir("/proc/self/task")) == 4
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    work(repeat)
end.set()
thread.join()
print("done")
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs Linux")
def test_a_fork_starts_its_own_workers(threads: int):
    if threads == 1:
        pytest.skip("the script chooses")
    here = os.path.dirname(os.path.abspath(__file__))
    script = FORK.format(tests=os.path.dirname(here), here=here)
    # Newer Pythons warn of every fork of a process that has threads.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


# ---- the source


@pytest.mark.parametrize("source", [SOURCE, PRODUCTS], ids="_".join)
def test_the_sources_compile_without_warnings(source):
    compile_c(text_of(source), (*OPTIONS, "-Wall", "-Wextra", "-Werror"))


def test_what_has_no_products_does_not_wait_for_those(tmp_path):
    script = """
from arignote import function, tensor as T
from arignote.execute import runtime
from arignote.execute.cache import KERNELS
x = T.dmatrix("x")
f = function([x], x + 1)
f([[1.0]])
print([runtime.is_ready(False), runtime.is_ready(True)])
print([entry.source.read_text().startswith(runtime.text_of(runtime.SOURCE)) for entry in
       KERNELS.list() if "arn_run" in entry.source.read_text()])
print(any("arn_gemm_job(" in entry.source.read_text() for entry in KERNELS.list()))
g = function([x], T.dot(x, x))
print(g([[3.0]]).tolist(), runtime.is_ready(True))
"""
    environment = {**os.environ, "ARIGNOTE_FLAGS": f"cache_dir={tmp_path},linker=c"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    expected = "[True, False]\n[True]\nFalse\n[[9.0]] True\n"
    assert (done.stdout, done.stderr) == (expected, "")
