"""What NumPy takes beside results, known without a run; oracles: tracemalloc and NumPy's shapes."""

import gc
import tracemalloc

import numpy as np
import pytest

from arignote import tensor as T
from arignote.execute.shapes import ShapeRun, temporary
from arignote.graph import Constant, toposort
from arignote.ops.elemwise import elemwise
from arignote.ops.nnet import LogSoftmax, LogSumExp, Softmax
from arignote.ops.reduce import ArgReduce, Mean, ProductOfOthers, Reduce
from arignote.scalar import RECORDS, maximum

SIZE = 100_000
# Ops that take no floats, or indices in bounds only.
WHOLE = {"and_", "or_", "xor", "invert", "left_shift", "right_shift", "wrap_index"}


def taken(perform, *arrays):
    """The most bytes that a call takes beside its result."""
    perform(*arrays)
    gc.collect()
    tracemalloc.start()
    result = perform(*arrays)[0]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    is_new = not any(np.may_share_memory(result, array) for array in arrays)
    return peak - result.nbytes * is_new


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(set(RECORDS) - WHOLE))
@pytest.mark.filterwarnings("ignore")
def test_scalar_ops(name, dtype):
    record = RECORDS[name]
    arrays = [np.linspace(0.1, 0.9, SIZE).astype(dtype) for _ in range(record.nin)]
    op = elemwise(record, dtype)
    node = op(*[T.tensor(dtype, (None,)) for _ in arrays]).owner
    result = op.perform(*arrays)[0]
    planned = temporary(node, arrays, result.nbytes)
    assert planned == pytest.approx(taken(op.perform, *arrays), abs=0.15 * result.nbytes)


@pytest.mark.parametrize(
    "op",
    [
        Softmax(1), Softmax(0), LogSoftmax(1), LogSumExp((1,)), ProductOfOthers((1,)),
        ArgReduce(maximum, (1,)), ArgReduce(maximum, (0,)), Mean((1,), "float64"),
        Reduce(maximum, (0,), "float64"),
    ],
    ids=str,
)  # fmt: skip
def test_other_ops(op):
    x = np.random.default_rng(0).normal(size=(400, 500))
    node = op(T.dmatrix()).owner
    result = op.perform(x)[0]
    planned = temporary(node, [x], result.nbytes)
    assert planned == pytest.approx(taken(op.perform, x), abs=0.1 * x.nbytes)


def test_conversions_take_memory():
    op = elemwise(RECORDS["add"], "float64")
    arrays = [np.ones(SIZE), np.ones(SIZE, "float32")]
    node = op(T.dvector(), T.fvector()).owner
    assert temporary(node, arrays, arrays[0].nbytes) == 8 * SIZE
    assert taken(op.perform, *arrays) == pytest.approx(8 * SIZE, rel=0.01)


def test_shapes_follow_through_views_and_sizes():
    x = T.dmatrix("x")
    out = T.exp(x.T[1:])[None] + T.arange(x.shape[0]).astype("float64")
    run = ShapeRun()
    run.see(x, np.empty((7, 5)))
    for node in toposort([out]):
        for leaf in node.inputs:
            if isinstance(leaf, Constant):
                run.know(leaf, leaf.data)
        run.step(node)
    assert run.values[out].shape == (1, 4, 7)
    assert not run.is_bound


def test_a_reshape_of_a_transposed_matrix_is_a_copy():
    x = T.dmatrix("x")
    flat, turned = x.flatten(), x.T.flatten()
    run = ShapeRun()
    run.see(x, np.empty((30, 50)))
    for node in toposort([flat, turned]):
        run.step(node)
    assert run.base(flat) is x
    assert run.base(turned) is turned
