"""Deep and large graphs: no recursion, and work that grows with the number of nodes.

Work is counted in function calls, not in seconds, so that a busy machine changes nothing.
"""

import copy
import gc
import io
import pickle
import sys
from collections.abc import Callable

import numpy as np
import pytest

from arignote import clone, debugprint, function, grad, pp
from arignote import tensor as T
from counting import calls

NODES = 20_000
GROWTH = 2.3


def chain(n: int):
    """An input and n nodes on top of it: h = tanh(h) * 1.01 + 0.001, ..."""
    x = T.dscalar("x")
    h = x
    for _ in range(n // 4):
        h = T.tanh(h) * 1.01
        h = h + 0.001
        h = -h
    return x, h


def by_hand(n: int, x: float) -> tuple[float, float]:
    """The value of the chain and its derivative."""
    h, slope = x, 1.0
    for _ in range(n // 4):
        t = np.tanh(h)
        h, slope = -(t * 1.01 + 0.001), -slope * 1.01 * (1 - t * t)
    return h, slope


@pytest.fixture(scope="module")
def deep():
    x, h = chain(NODES)
    return x, h, grad(h, x)


def test_the_recursion_limit_is_pythons_default():
    assert sys.getrecursionlimit() == 1000


def test_deep_graphs_compute_and_differentiate(deep):
    x, h, g = deep
    value, slope = function([x], [h, g])(0.3)
    expected = by_hand(NODES, 0.3)
    np.testing.assert_allclose([value, slope], expected, rtol=1e-9)
    assert h.eval({x: 0.3}) == value


def test_deep_graphs_print(deep):
    _, h, _ = deep
    assert len(pp(h)) < 20_000
    shown = debugprint(h, depth=5, file="str")
    assert len(shown.splitlines()) < 20
    whole = io.StringIO()
    debugprint(h, file=whole)
    assert len(whole.getvalue().splitlines()) > NODES


def test_deep_graphs_pickle_copy_and_clone(deep):
    x, _, g = deep
    x2, g2 = pickle.loads(pickle.dumps((x, g)))
    x3, g3 = copy.deepcopy((x, g))
    y = T.dscalar("y")
    g4 = clone(g, replace={x: y})
    expected = by_hand(NODES, 0.3)[1]
    for variable, gradient in [(x2, g2), (x3, g3), (y, g4)]:
        np.testing.assert_allclose(gradient.eval({variable: 0.3}), expected, rtol=1e-9)


def test_deep_functions_pickle(deep):
    x, h, _ = deep
    f = pickle.loads(pickle.dumps(function([x], h)))
    np.testing.assert_allclose(f(0.3), by_hand(NODES, 0.3)[0], rtol=1e-9)


TASKS: dict[str, Callable] = {
    "build": lambda n, x, h: chain(n),
    "differentiate": lambda n, x, h: grad(h, x),
    "compile": lambda n, x, h: function([x], h),
    "evaluate": lambda n, x, h: function([x], h)(0.3),
    "debugprint": lambda n, x, h: debugprint(h, file="str"),
    "pp": lambda n, x, h: pp(h),
    "pickle": lambda n, x, h: pickle.loads(pickle.dumps(h)),
    "clone": lambda n, x, h: clone(h, replace={x: T.dscalar()}),
}


@pytest.mark.parametrize("task", TASKS)
def test_work_grows_with_the_number_of_nodes(task):
    counts = []
    for n in (1000, 2000):
        x, h = chain(n)
        counts.append(calls(lambda n=n, x=x, h=h: TASKS[task](n, x, h)))
    assert counts[1] / counts[0] < GROWTH


def wide(n: int):
    """n vectors summed one after the other: each sum meets a new unknown size."""
    vectors = [T.dvector() for _ in range(n)]
    total = vectors[0]
    for v in vectors[1:]:
        total = total + v
    return vectors, total.sum()


@pytest.mark.parametrize("task", ["build", "grad"])
def test_work_grows_with_the_number_of_inputs(task):
    counts = []
    for n in (500, 1000):
        if task == "build":
            counts.append(calls(lambda n=n: wide(n)))
        else:
            vectors, cost = wide(n)
            counts.append(calls(lambda v=vectors, c=cost: grad(c, v)))
    assert counts[1] / counts[0] < GROWTH


def test_the_collector_is_on_again_after_pickling(deep):
    """Paused while nodes are made, as it would walk them all again and again."""
    _, h, _ = deep
    data = pickle.dumps(h)
    assert gc.isenabled()
    twin = pickle.loads(data)
    assert gc.isenabled()
    copy.deepcopy(twin)
    assert gc.isenabled()
    with pytest.raises((pickle.UnpicklingError, EOFError)):
        pickle.loads(data[: len(data) // 2])
    assert gc.isenabled()
    h.tag.unpicklable = lambda: None
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(h)
    del h.tag.unpicklable
    assert gc.isenabled()
