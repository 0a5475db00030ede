"""Tables that the runtime makes for sizes. Oracles: what the words mean, by `runtime.h`; NumPy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from arignote import config, function, shared
from arignote import tensor as T
from arignote.compile import get_mode
from arignote.compile.link import executor_name
from arignote.execute.recipe import UnfitError
from arignote.execute.runtime import Kind

pytestmark = pytest.mark.skipif(executor_name(get_mode()) != "c", reason="no C compiler")


@dataclass
class Step:
    """One step of a table, by what `runtime.h` says of its words."""

    kind: Kind
    words: list[int]

    @property
    def jobs(self) -> int:
        return self.words[4]

    @property
    def split(self) -> int:
        return self.words[3]

    @property
    def sizes(self) -> list[int]:
        return self.words[8 : 8 + self.words[2]]

    @property
    def strides(self) -> list[list[int]]:
        operands, rank = self.words[1:3]
        at = 8 + rank + 3 * operands
        return [self.words[at + k * rank : at + (k + 1) * rank] for k in range(operands)]


def compiled(inputs, outputs, threads=4, **options):
    with config.change(linker="c", threads=threads):
        return function(inputs, outputs, **options)


def steps_for(f, *values) -> list[Step]:
    """The table that a function with one native part has for some values."""
    native = f._linked.native
    cells = [cell.get_value(borrow=True) for cell in native.program.shared]
    _, frame = native.fresh([*values, *cells])
    words, found = list(frame.table), []
    for _ in range(frame.steps):
        found.append(Step(Kind(words[0]), words[2 : words[1]]))
        words = words[words[1] :]
    assert not any(words), "there is nothing after the last step"
    assert len(list(frame.owners)[: frame.steps]) == frame.steps
    return found


def test_axes_that_go_on_evenly_are_one():
    x, y, row = T.dmatrix("x"), T.dmatrix("y"), T.dvector("row")
    a, b = np.ones((30, 40)), np.ones((30, 40))
    (step,) = steps_for(compiled([x, y], x * y + 1), a, b)
    assert step.sizes == [1, 1200]
    assert step.strides == [[0, 8]] * 3
    (step,) = steps_for(compiled([x, row], x + row), a, np.ones(40))
    assert step.sizes == [30, 40]
    assert step.strides == [[320, 8], [0, 8], [320, 8]]
    (step,) = steps_for(compiled([x, y], x + y.T), a, np.ones((40, 30)))
    assert step.sizes == [30, 40]
    assert step.strides == [[320, 8], [8, 240], [320, 8]]


def test_rows_stay_rows():
    x = T.tensor3("x", dtype="float64")
    f = compiled([x], T.nnet.softmax(x, axis=-1))
    (step,) = steps_for(f, np.ones((3, 5, 7)))
    assert step.sizes == [1, 15, 7]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_long_loops_are_shared_and_short_ones_are_not(threads):
    x = T.dvector("x")
    f = compiled([x], T.exp(x), threads)
    (short,) = steps_for(f, np.ones(100))
    (long,) = steps_for(f, np.ones(1_000_000))
    assert (short.jobs, short.split) == (1, -1)
    assert (long.jobs, long.split) == ((4 * threads, 0) if threads > 1 else (1, -1))


def test_jobs_that_combine_have_copies_of_the_result():
    x = T.dmatrix("x")
    f = compiled([x], x.sum())
    first, second = steps_for(f, np.ones((1000, 1000)))
    assert first.jobs == 8
    assert second.sizes == [8, 1]
    assert second.strides == [[64, 8], [0, 8]]
    (alone,) = steps_for(f, np.ones((10, 10)))
    assert alone.jobs == 1


def test_a_column_that_is_summed_over_is_cut_along_the_others():
    """So that no copies are needed: the axis that stays is shared."""
    x = T.dmatrix("x")
    (step,) = steps_for(compiled([x], x.sum(axis=0)), np.ones((2000, 3000)))
    assert step.jobs > 1
    assert step.sizes[step.split] == 3000


@pytest.mark.parametrize(
    ("shapes", "runs"),
    [
        (((4, 3, 5, 6), (4, 3, 6, 2)), [12]),
        (((1, 3, 5, 6), (4, 3, 6, 2)), [3] * 4),
        (((4, 1, 5, 6), (1, 3, 6, 2)), [3] * 4),
        (((1, 1, 5, 6), (4, 3, 6, 2)), [12]),
        (((0, 3, 5, 6), (0, 3, 6, 2)), []),
    ],
)
def test_stacks_of_products_take_as_few_runs_as_may_be(shapes, runs):
    x, y = (T.tensor("float64", [1 if n == 1 else None for n in shape]) for shape in shapes)
    f = compiled([x, y], T.matmul(x, y))
    random = np.random.default_rng(1)
    a, b = (random.standard_normal(shape) for shape in shapes)
    steps = steps_for(f, a, b)
    assert [step.kind for step in steps] == [Kind.GEMM_BATCH] * len(runs)
    assert [step.words[-5] for step in steps] == runs
    np.testing.assert_allclose(f(a, b), np.matmul(a, b), 1e-12)


def test_what_is_added_to_a_product_is_copied_unless_it_ends():
    x, y, z = T.dmatrices("x", "y", "z")
    a = np.ones((6, 6))
    f = compiled([x, y, z], T.dot(x, y) + z)
    assert [step.kind for step in steps_for(f, a, a, a)] == [Kind.COPY, Kind.GEMM]
    f = compiled([x, y, z], T.dot(x, y) + T.exp(z))
    kinds = [step.kind for step in steps_for(f, a, a, a)]
    assert kinds in ([Kind.KERNEL, Kind.GEMM], [Kind.KERNEL, Kind.COPY, Kind.GEMM])


def test_sizes_that_do_not_fit_are_refused():
    x, y = T.dmatrix("x"), T.dmatrix("y")
    f = compiled([x, y], T.dot(x, y))
    with pytest.raises(UnfitError):
        steps_for(f, np.ones((2, 3)), np.ones((4, 5)))


def test_a_table_of_any_length_has_room():
    cells = [shared(np.eye(4), f"w{n}") for n in range(60)]
    x = h = T.dmatrix("x")
    for cell in cells:
        h = T.tanh(T.dot(h, cell)) + 1
    f = compiled([x], h)
    steps = steps_for(f, np.ones((3, 4)))
    assert [step.kind for step in steps] == [Kind.GEMM, Kind.KERNEL] * 60


def test_one_function_for_many_sizes():
    """Each size has its own table, also after many others and with views and extrema."""
    x, w = T.fmatrix("x"), shared(np.linspace(-1, 1, 48).reshape(6, 8).astype("float32"), "w")
    h = T.tanh(T.dot(x, w))
    f = compiled([x], [h[1:] - h[:-1].max(axis=1, keepdims=True), h.mean(axis=0), h[::-1, 2:5]])
    random = np.random.default_rng(5)
    for n in [2, 300, 1, 2, 77, 5000, 300, *range(3, 40)]:
        a = random.standard_normal((n, 6)).astype("float32")
        t = np.tanh(a @ w.get_value())
        if n == 1:
            expected = [np.empty((0, 8), "float32"), t.mean(axis=0), t[::-1, 2:5]]
        else:
            expected = [t[1:] - t[:-1].max(axis=1, keepdims=True), t.mean(axis=0), t[::-1, 2:5]]
        for have, want in zip(f(a), expected, strict=True):
            np.testing.assert_allclose(have, want, 2e-5, 2e-5)


def test_products_of_parts_of_what_is_in_memory():
    """A slice of rows is another look at the same memory, further on; a slice of that too."""
    x, y = T.dmatrices("x", "y")
    h = T.dot(x, y)
    f = compiled([x, y], [T.dot(x[2:], y), T.dot(h[1:][3:], y), T.dot(y[1], h[5:][0])])
    random = np.random.default_rng(6)
    for n in (9, 30):
        a, b = random.standard_normal((n, 4)), random.standard_normal((4, 4))
        m = a @ b
        for have, want in zip(f(a, b), [a[2:] @ b, m[4:] @ b, b[1] @ m[5]], strict=True):
            np.testing.assert_allclose(have, want, 1e-12, 1e-12)


@pytest.mark.parametrize("reduce", ["sum", "max", "prod"])
@pytest.mark.parametrize("axis", [0, 1, 2, (0, 1), (0, 2), (1, 2), None])
def test_reductions_of_all_axes_in_few_and_in_many_jobs(reduce, axis):
    x = T.tensor("float64", (None,) * 3)
    f = compiled([x], getattr(x, reduce)(axis=axis), threads=3)
    for shape in [(2, 3, 4), (1, 5, 1), (40, 30, 50), (3, 1, 7000), (9000, 2, 2), (2, 9000, 1)]:
        a = np.random.default_rng(7).uniform(0.999, 1.001, shape)
        np.testing.assert_allclose(f(a), getattr(a, reduce)(axis=axis), 1e-10)
