"""Finding where NaN and Inf are born.

Oracle: each case was written so that one known op of one known line is to blame, for the values
that are given; the counts and statistics are by hand. The silent cases have results that are
right in the sense of NumPy: what is infinite or NaN on the way was fed in or is masked.
"""

import contextlib
import pickle
import shutil
import threading
import warnings
from dataclasses import dataclass

import numpy as np
import pytest

from arignote import NanError, NanGuardMode, config, errors, function, grad, shared
from arignote import tensor as T
from arignote.compile import get_mode
from arignote.execute import origin
from arignote.execute.finding import Source, Trouble, finding_of
from arignote.lower.guard import guarded_variables
from arignote.lower.limits import Limits
from oracles import assert_elements

HAS_COMPILER = any(map(shutil.which, ("cc", "gcc", "clang")))
NAN, INF = np.nan, np.inf

WAYS = [
    pytest.param(
        (linker, optimizer, fused, threads),
        id=f"{linker}-{optimizer}{'' if fused else '-unfused'}-{threads}",
        marks=pytest.mark.skipif(linker == "c" and not HAS_COMPILER, reason="no C compiler"),
    )
    for linker, optimizer, fused, threads in [
        ("c", "o0", True, 1),
        ("c", "o1", True, 2),
        ("c", "o2", True, 1),
        ("c", "o3", True, 2),
        ("c", "o3", False, 1),
        ("numpy", "o0", True, 1),
        ("numpy", "o1", True, 1),
        ("numpy", "o3", True, 1),
    ]
]
NATIVE = pytest.mark.skipif(not HAS_COMPILER, reason="no C compiler")


@pytest.fixture(params=WAYS)
def way(request):
    """Sets linker, optimizer, threads; gives the mode."""
    linker, optimizer, fused, threads = request.param
    with config.change(linker=linker, optimizer=optimizer, threads=threads, async_compile="off"):
        mode = get_mode()
        yield mode if fused else mode.excluding("fusion")


@dataclass
class Case:
    """A graph with values for which something is born, and what is to be said of it.

    `ops` may be named for it, since rewrites put one in place of another; `line` is part of the
    user's line.
    """

    build: object
    ops: tuple
    line: str
    trouble: Trouble = Trouble.NAN
    gradient: bool = False
    source: Source = Source.BORN


CASES, SILENT = {}, {}


def found(*ops, line, **given):
    """Registers a graph: a function that gives inputs, outputs, updates, values."""

    def register(build):
        CASES[build.__name__] = Case(build, ops, line, **given)
        return build

    return register


def silent(build):
    SILENT[build.__name__] = build
    return build


def as_list(results):
    return results if isinstance(results, list) else [results]


def made(inputs, outputs, values, updates=()):
    return inputs, outputs, updates, values


# ---- what must be found -------------------------------------------------------------------------


@found("log", line="logs = T.log(x)", trouble=Trouble.INF)
def log_of_zero():
    x = T.dmatrix("x")
    logs = T.log(x)
    return made([x], (logs * 2).sum(), [[[1.0, 0.0], [2.0, 3.0]]])


@found("log", line="logs = T.log(y)")
def log_of_a_negative():
    x = T.fvector("x")
    y = x * 2 - 1
    logs = T.log(y)
    return made([x], T.tanh(logs), [np.array([3, 0.25], "float32")])


@found("true_div", line="share = x / y")
def zero_by_zero():
    x, y = T.dvectors("x", "y")
    share = x / y
    return made([x, y], share + 1, [[1.0, 0.0], [2.0, 0.0]])


@found("true_div", "reciprocal", line="inverse = 1 / x", trouble=Trouble.INF)
def one_by_zero():
    x = T.dvector("x")
    inverse = 1 / x
    return made([x], inverse + x, [[1.0, 0.0]])


@found("sub", line="away = x - y")
def inf_minus_inf():
    x, y = T.dvectors("x", "y")
    away = x - y
    return made([x, y], away * 3, [[INF, 1.0], [INF, 2.0]])


@found("exp", line="grown = T.exp(x)", trouble=Trouble.INF)
def overflow_of_exp():
    x = T.fvector("x")
    grown = T.exp(x)
    return made([x], grown + 1, [np.array([1, 100, 2], "float32")])


@found("sqrt", line="root = T.sqrt(x - 1)")
def root_of_a_negative():
    x = T.dvector("x")
    root = T.sqrt(x - 1)
    return made([x], root.sum(), [[2.0, 0.5]])


@found("true_div", "mul", "reciprocal", line="root = T.sqrt(x)", trouble=Trouble.INF, gradient=True)
def gradient_of_a_root_at_zero():
    x = T.dvector("x")
    root = T.sqrt(x)
    return made([x], grad(root.sum(), x), [[1.0, 0.0]])


@found("true_div", "mul", line="norm = T.sqrt(T.square(x).sum())", gradient=True, trouble=None)
def gradient_of_a_norm_at_zero():
    x = T.dvector("x")
    norm = T.sqrt(T.square(x).sum())
    return made([x], [norm, grad(norm, x)], [[0.0, 0.0]])


@found("mul", line="weighted = x * T.exp(y)")
def zero_times_inf_in_a_kernel():
    x, y = T.dvectors("x", "y")
    weighted = x * T.exp(y)
    return made([x, y], T.tanh(weighted) + 1, [[0.0, 1.0], [INF, 2.0]])


@found(line="x = T.dmatrix", source=Source.GIVEN)
def fed_in():
    x = T.dmatrix("x")
    return made([x], T.tanh(x + 1).sum(), [[[1.0, NAN]]])


@found(line="x = T.dvector", source=Source.GIVEN)
def fed_in_and_given_back():
    x = T.dvector("x")
    return made([x], [x, x + 1], [[1.0, NAN]])


@found(line="w = shared(", source=Source.SHARED)
def in_a_shared_variable():
    x = T.dvector("x")
    w = shared(np.array([1.0, NAN]), "w")
    return made([x], (w * x).sum(), [[1.0, 2.0]])


@found("log", line="new = w + T.log(x)", trouble=Trouble.INF)
def born_in_an_update():
    x = T.dvector("x")
    w = shared(np.ones(2), "w")
    new = w + T.log(x)
    return made([x], x.sum(), [[1.0, 0.0]], {w: new})


@found("arccos", line="angle = T.arccos(x)")
def arc_of_two():
    x = T.dscalar("x")
    angle = T.arccos(x)
    return made([x], angle * 2, [2.0])


@found("Mean", "true_div", "mul", "reciprocal", line="middle = x.mean()", trouble=None)
def mean_of_nothing():
    x = T.dvector("x")
    middle = x.mean()
    return made([x], middle + 1, [np.zeros(0)])


@found("power", line="powers = x**y")
def fraction_power_of_a_negative():
    x, y = T.dvectors("x", "y")
    powers = x**y
    return made([x, y], powers.sum(), [[-1.0, 2.0], [0.5, 0.5]])


@found("exp", line="e = T.exp(x * 10)", trouble=Trouble.INF)
def softmax_by_hand():
    x = T.dmatrix("x")
    e = T.exp(x * 10)
    p = e / (1 + e.max(axis=1, keepdims=True) * 2)
    return made([x], p * 3, [[[1.0, 100.0], [1.0, 2.0]]])


@found("dot", "MatMul", "Gemm", line="h = T.dot(x, w)")
def inf_times_zero_in_a_product():
    x, w = T.dmatrices("x", "w")
    h = T.dot(x, w)
    return made([x, w], T.tanh(h), [[[INF, 1.0], [1.0, 2.0]], [[0.0, 1.0], [1.0, 1.0]]])


@found("dot", "Gemm", "gemm", line="h = T.dot(x, w)", trouble=Trouble.INF)
def overflow_of_a_product():
    x, w = T.fmatrices("x", "w")
    h = T.dot(x, w)
    big = np.full((40, 40), 1e30, "float32")
    return made([x, w], h * 0.5, [big, big])


@found("Sum", line="total = T.sum(x)", trouble=Trouble.INF)
def overflow_of_a_sum():
    x = T.fvector("x")
    total = T.sum(x)
    # Each thread's share is finite.
    return made([x], total * 0.5, [np.full(500_000, 1e33, "float32")])


@found("erfinv", line="odd = T.erfinv(x)")
def in_a_step_of_numpy():
    x = T.dvector("x")
    odd = T.erfinv(x)
    return made([x], T.exp(odd) + 1, [[0.5, 2.0]])


@found("log", line="logs = T.log(x)")
def in_half_precision():
    x = T.tensor("float16", (None,), "x")
    logs = T.log(x)
    return made([x], logs.astype("float32") + 1, [np.array([1, -1], "float16")])


@found(line="x = T.dvector", source=Source.GIVEN)
def fed_in_and_reshaped():
    x = T.dvector("x")
    y = x.reshape((2, 2))
    return made([x], [T.arctan2(y, 2.0), T.argmax(y, axis=1)], [[1.0, NAN, 2.0, 3.0]])


@found("log", line="logs = T.log(x)", trouble=Trouble.INF)
def taken_by_a_choice():
    """What a choice takes is an error of what gave it, seen where the choice is made."""
    x = T.dvector("x")
    logs = T.log(x)
    return made([x], T.switch(x < 1, logs, x) * 2, [[0.0, 2.0]])


@found("log", line="logs = T.log(x - 1)")
def born_among_what_is_masked():
    """Of two elements that are NaN one is masked."""
    x, mask = T.dvector("x"), T.lvector("mask")
    logs = T.log(x - 1)
    return made([x, mask], T.switch(mask, logs, 0.0).sum(), [[0.5, 0.25, 3.0], [0, 1, 1]])


@found("log", line="logs = T.log(x)", trouble=Trouble.INF)
def beside_an_inf_that_was_given():
    x = T.dvector("x")
    logs = T.log(x)
    return made([x], logs + 1, [[INF, 0.0, 1.0]])


@found(
    "true_div", "reciprocal", "mul", line="share = T.dot(x, w) / T.dot(x, w).sum()", trouble=None
)
def after_a_product():
    x, w = T.dmatrices("x", "w")
    share = T.dot(x, w) / T.dot(x, w).sum()
    return made([x, w], T.tanh(share), [np.zeros((2, 3)), np.ones((3, 2))])


@pytest.mark.parametrize("name", CASES)
def test_what_is_born_is_found(name, way):
    case = CASES[name]
    inputs, outputs, updates, values = case.build()
    f = function(inputs, outputs, updates=updates, mode=way, nan="raise")
    before = [target.get_value() for target, _ in f.updates]
    with pytest.raises(NanError) as caught:
        f(*values)
    finding, text = caught.value.finding, str(caught.value)
    assert finding.source is case.source, text
    assert case.trouble in (None, finding.trouble), text
    assert case.line in finding.line.text, text
    assert finding.is_gradient is case.gradient, text
    if case.ops:
        name_of_op = str(finding.node.op).partition("{")[0]
        assert name_of_op in case.ops, text
        assert finding.node in finding.graph.order
        assert finding.node_in(f.fgraph) in f.fgraph.order
    assert case.line.partition(" =")[0] in text
    assert len(text.splitlines()) <= errors.MAX_LINES + 1
    for (target, _), value in zip(f.updates, before, strict=True):
        np.testing.assert_array_equal(target.get_value(), value)


# ---- what must be silent ------------------------------------------------------------------------


@silent
def masked_by_a_choice():
    x = T.dvector("x")
    return made([x], T.switch(x > 0, T.log(x), 0.0).sum(), [[1.0, 0.0, -1.0]])


@silent
def masked_in_both_branches():
    x = T.dvector("x")
    y = T.switch(x > 0, T.sqrt(x), T.sqrt(-x))
    return made([x], y * 2, [[4.0, -4.0, 0.0]])


@silent
def masked_after_more_ops():
    x = T.dmatrix("x")
    y = (T.log(x)[:, ::-1] * 2 + 1).T
    return made([x], T.switch(x.T > 0, y[::-1], 0.0) + 1, [[[1.0, 2.0], [3.0, 4.0]]])


@silent
def nan_repaired():
    x = T.dvector("x")
    y = x / x
    return made([x], T.switch(T.isnan(y), 0.0, y).sum(), [[1.0, 0.0]])


@silent
def nan_fed_in_and_repaired():
    x = T.dvector("x")
    return made([x], T.switch(T.isnan(x), 0.0, x) * 2, [[1.0, NAN]])


@silent
def asked_for_only():
    x = T.dvector("x")
    return made([x], [T.isnan(T.log(x)), T.isinf(1 / x), (T.sqrt(x) < 1).sum()], [[-1.0, 0.0]])


@silent
def minus_inf_in_log_space():
    x = T.dmatrix("x")
    total = T.logsumexp(x, axis=1)
    return made([x], total + 1, [[[-INF, 0.0], [-INF, -INF], [1.0, 2.0]]])


@silent
def minus_inf_in_log_space_by_hand():
    x = T.dmatrix("x")
    total = T.log(T.exp(x).sum(axis=1))
    return made([x], total + 1, [[[-INF, 0.0], [-INF, -INF], [1.0, 2.0]]])


@silent
def padded_before_max():
    x, mask = T.dmatrix("x"), T.lmatrix("mask")
    padded = T.switch(mask, x, -INF)
    return made([x, mask], padded.max(axis=1) + padded.max(), [[[1.0, 9.0]], [[1, 0]]])


@silent
def padded_before_softmax():
    x, mask = T.fmatrix("x"), T.lmatrix("mask")
    p = T.nnet.softmax(T.switch(mask, x, np.float32(-INF)))
    values = [np.array([[1, 9, 2]], "float32"), [[1, 0, 1]]]
    return made([x, mask], [p, grad(T.square(p).sum(), x)], values)


@silent
def integers_with_the_bits_of_nan():
    x = T.ivector("x")
    bits = np.array([0x7FC00000, 0x7F800000, -1], "int32")
    return made([x], [x + 0, T.maximum(x, x[::-1]), x.astype("int64") * 1], [bits])


@silent
def masked_gradient():
    x = T.dvector("x")
    safe = T.switch(x > 0, x, 1.0)
    y = T.switch(x > 0, T.log(safe), 0.0).sum()
    return made([x], [y, grad(y, x)], [[2.0, 0.0, -1.0]])


@silent
def maximum_of_minus_inf():
    x = T.dvector("x")
    return made([x], T.maximum(x, -INF) + T.minimum(x, INF), [[1.0, -2.0]])


@silent
def empty():
    x = T.dmatrix("x")
    w = T.dmatrix("w")
    return made([x, w], [T.dot(x, w), T.exp(x) + 1, x.sum()], [np.zeros((0, 3)), np.ones((3, 2))])


@silent
def product_over_nothing():
    """BLAS is given memory that nothing has written to."""
    x, w = T.dmatrix("x"), T.dmatrix("w")
    return made([x, w], T.tanh(T.dot(x, w)) + 1, [np.zeros((3, 0)), np.zeros((0, 4))])


@silent
def bools():
    x = T.dvector("x")
    return made([x], [x > 1, T.any(x > 1), T.switch(x > 1, True, False)], [[1.0, INF]])


@silent
def inf_passed_on():
    x = T.dmatrix("x")
    w = T.dmatrix("w")
    return made([x, w], [T.tanh(x) + 1, x * 2 + 1, T.dot(x, w)], [[[INF, 1.0]], np.ones((2, 3))])


@silent
def parts_not_taken():
    x, i = T.dmatrix("x"), T.lvector("i")
    logs = T.log(x)
    return made([x, i], -logs[T.arange(2), i].mean(), [[[0.0, 1.0], [1.0, -1.0]], [1, 0]])


@silent
def overwritten():
    x = T.dvector("x")
    return made([x], T.set_subtensor(T.log(x)[0], 0.0) * 2, [[0.0, 1.0]])


@silent
def shape_of_nan():
    x = T.dvector("x")
    return made([x], T.ones_like(T.log(x)) * 2, [[-1.0, 1.0]])


@pytest.mark.parametrize("name", SILENT)
def test_what_is_masked_or_given_is_silent(name, way):
    inputs, outputs, updates, values = SILENT[name]()
    f = function(inputs, outputs, updates=updates, mode=way, nan="raise")
    expected = as_list(function(inputs, outputs, updates=updates, mode=way)(*values))
    for _ in range(3):  # the fast way in is there from the second call on
        for got, wanted in zip(as_list(f(*values)), expected, strict=True):
            assert_elements(got, wanted)


# ---- what is done about it ----------------------------------------------------------------------


def logs_and_update():
    x = T.dvector("x")
    w = shared(np.ones(2), "w")
    logs = T.log(x)
    logs.name = "logs"
    new = w + logs
    return x, w, logs, new


@pytest.fixture(params=[pytest.param("c", marks=NATIVE), "numpy"])
def linker(request):
    with config.change(linker=request.param, async_compile="off"):
        yield request.param


def test_the_error_says_all_that_is_known(linker):
    x, w, logs, new = logs_and_update()
    f = function([x], logs.sum(), updates={w: new}, nan="raise")
    f([1.0, 2.0])
    with pytest.raises(FloatingPointError) as caught:
        f([-1.0, 0.0])
    error = caught.value
    assert isinstance(error, NanError)
    assert isinstance(error, errors.ArignoteError)
    first, got, where, *_ = str(error).splitlines()
    assert first == (
        "NaN in log, which computes logs: 1 of 2 elements, the first at [0]. No update was stored."
    )
    assert got == "  got:   x: float64 (2,)  min -1, max 0, mean -0.5"
    assert where.startswith("  where: test_nan_guard.py:")
    assert where.endswith("logs = T.log(x)")
    assert error.node in f.fgraph.order
    assert error.node.outputs[0] is error.finding.output
    assert error.variable is logs
    assert error.step == 1
    assert (error.finding.count, error.finding.size, error.finding.index) == (1, 2, (0,))
    (operand,) = error.finding.inputs
    assert (operand.name, operand.statistics.min, operand.statistics.max) == ("x", -1.0, 0.0)
    assert (error.finding.statistics.nan, error.finding.statistics.inf) == (1, 1)
    np.testing.assert_array_equal(w.get_value(), [1.0, 1.0 + np.log(2)])


def test_an_error_can_be_pickled(linker):
    x, _, logs, _ = logs_and_update()
    f = function([x], logs, nan="raise")
    with pytest.raises(NanError) as caught:
        f([-1.0, 0.0])
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.finding.index == caught.value.finding.index


def test_records_leave_results_and_updates_as_they_are(linker):
    x, w, logs, new = logs_and_update()
    f = function([x], logs, updates={w: new}, nan="record")
    assert f.nan_records == []
    np.testing.assert_array_equal(f([1.0, 0.0]), [0.0, -INF])
    np.testing.assert_array_equal(w.get_value(), [1.0, -INF])
    (finding,) = f.nan_records
    assert finding.trouble is Trouble.INF
    assert finding.variable is logs
    f([np.e, 1.0])
    assert len(f.nan_records) == 1, "an Inf in a shared variable is passed on, not born"
    f([-1.0, -1.0])
    assert [found.trouble for found in f.nan_records] == [Trouble.INF, Trouble.NAN]
    assert f.nan_records[1].count == 2


def test_one_call_that_is_full_of_nan_has_one_finding(linker):
    x, w = T.dmatrix("x"), T.dmatrix("w")
    h = T.log(x)
    for _ in range(4):
        h = T.tanh(T.dot(h, w))
    f = function([x, w], [h, h.sum()], nan="record")
    f(-np.ones((2, 2)), np.ones((2, 2)))
    assert [str(found.node.op) for found in f.nan_records] == ["log"]


def test_warnings_come_once_for_each_node(linker):
    x, _, logs, _ = logs_and_update()
    f = function([x], logs, nan="warn")
    with pytest.warns(RuntimeWarning, match="Inf in log, which computes logs") as caught:
        f([1.0, 0.0])
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        f([0.0, 0.0])
    assert len(f.nan_records) == 2


def test_where_it_comes_from(linker):
    """Argument, mode and configuration; the first of these that says something counts."""
    x = T.dvector("x")
    with config.change(nan="record"):
        f = function([x], T.log(x))
        off = function([x], T.log(x), nan="off")
        raising = function([x], T.log(x), mode=NanGuardMode())
        recording = function([x], T.log(x), mode=NanGuardMode(), nan="record")
    for quiet in (f, off, recording):
        quiet([0.0])
    assert [len(quiet.nan_records) for quiet in (f, off, recording)] == [1, 0, 1]
    with pytest.raises(NanError):
        raising([0.0])
    function([x], T.log(x))([0.0])
    with pytest.raises(errors.ConfigError, match="'raise', 'warn', 'record'"):
        function([x], T.log(x), nan="print")


@pytest.mark.parametrize(
    ("given", "loud"),
    [
        ((True, True, True), {"nan", "inf", "big"}),
        ((True, True, False), {"nan", "inf"}),
        ((True, False, False), {"nan"}),
        ((False, True, False), {"inf"}),
        ((False, False, True), {"inf", "big"}),
        ((False, False, False), set()),
    ],
)
def test_what_is_an_error_can_be_chosen(linker, given, loud):
    x = T.dvector("x")
    f = function([x], [T.log(x) + 1, T.exp(x)], mode=NanGuardMode(*given))
    values = {"nan": [-1.0], "inf": [0.0], "big": [30.0]}
    alarms = set()
    for name, value in values.items():
        with contextlib.suppress(NanError):
            f(value)
            continue
        alarms.add(name)
    assert alarms == loud
    f([2.0])


def test_big_values_that_were_given_are_not_born(linker):
    x = T.dvector("x")
    f = function([x], x * 2 + 1, mode=NanGuardMode(big_is_error=True))
    f([1e11, 1.0])
    with pytest.raises(NanError, match="beyond 1e10 in mul"):
        f([1e11, 9e9])


# ---- ways of running ----------------------------------------------------------------------------


def test_other_sizes_are_looked_at_too(linker):
    """Sizes that meet and differ have another graph run."""
    x, y = T.dvectors("x", "y")
    out = T.log(x + y)
    f = function([x, y], out, nan="raise")
    f([1.0, 2.0], [1.0, 2.0])
    f([1.0, 2.0], [1.0])
    for values in (([1.0, 0.0], [1.0, 0.0]), ([1.0, -2.0], [2.0]), ([1.0, 0.0, 3.0], [0.0])):
        with pytest.raises(NanError) as caught:
            f(*values)
        assert caught.value.finding.index == (1,)
        assert str(caught.value.finding.node_in(f.fgraph).op) == "log"
        assert f([1.0, 1.0], [0.0, 0.0]).tolist() == [0.0, 0.0]


@NATIVE
def test_it_is_looked_at_while_c_is_compiled(monkeypatch):
    x = T.dvector("x")
    with config.change(linker="auto", async_compile="auto"):
        monkeypatch.setattr("arignote.compile.link.PATIENCE_S", -1.0)
        f = function([x], T.log(x) + 1.25, nan="raise")
    for _ in range(2):
        with pytest.raises(NanError, match="Inf in log"):
            f([0.0])
        assert f.wait()
    assert f.linker == "c"


def test_it_is_looked_at_where_time_is_taken(linker):
    x, w = T.dmatrix("x"), T.dmatrix("w")
    f = function([x, w], T.log(T.dot(x, w)), nan="raise", profile=True)
    f(np.ones((2, 2)), np.ones((2, 2)))
    with pytest.raises(NanError, match="Inf in log"):
        f(np.ones((2, 2)), np.zeros((2, 2)))


@NATIVE
def test_threads_have_their_own_findings():
    x = T.dvector("x")
    with config.change(linker="c", async_compile="off", threads=2):
        f = function([x], T.log(T.exp(x) - 1) * 2, nan="raise")
    places = {}

    def work(place):
        value = np.ones(10_000)
        for _ in range(20):
            np.testing.assert_allclose(f(value), 2 * np.log(np.e - 1))
        value[place] = -1.0
        with pytest.raises(NanError) as caught:
            f(value)
        places[place] = caught.value.finding.index

    threads = [threading.Thread(target=work, args=(17 * n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert places == {17 * n: (17 * n,) for n in range(6)}


@pytest.mark.parametrize(
    ("values", "op", "count", "index"),
    [
        (([5.0, 0.5, -1.0], [1.0, -1.0, -1.0]), "log", 1, (2,)),
        (([5.0, 0.5, 0.1, 2.0], [-1.0, -1.0, -1.0, -2.0]), "sqrt", 2, (0,)),
    ],
)
def test_of_two_branches_the_one_that_was_taken_is_to_blame(linker, values, op, count, index):
    x, y = T.dvectors("x", "y")
    f = function([x, y], T.switch(x > 1, T.sqrt(y), T.log(x)) + 1, nan="raise")
    with pytest.raises(NanError) as caught:
        f(*values)
    finding = caught.value.finding
    assert (str(finding.node.op), finding.count, finding.index) == (op, count, index)


@NATIVE
def test_only_the_guilty_kernel_is_computed_again(monkeypatch):
    """The step reads what the steps before it have left in memory that others use later."""
    seen = []

    class Noted(origin.Replay):
        def __init__(self, *args):
            super().__init__(*args)
            seen.append(self)

    monkeypatch.setattr(origin, "Replay", Noted)
    x, w = T.dmatrix("x"), T.dmatrix("w")
    h = x
    for _ in range(3):
        h = T.tanh(T.dot(h, w))
    h = T.log(T.dot(h, w) - 5)
    for _ in range(3):
        h = T.tanh(T.dot(h, w))
    with config.change(linker="c", async_compile="off"):
        f = function([x, w], h, nan="raise")
    with pytest.raises(NanError) as caught:
        f(np.ones((3, 3)), np.ones((3, 3)))
    (replay,) = seen
    assert [str(node.op) for node in replay.order] == ["sub", "log"]
    before_it = str(f.program).partition(" = log(")[0].splitlines()
    assert f"{caught.value.step} loops" in before_it[-3]
    (operand,) = caught.value.finding.inputs
    a = np.ones((3, 3))
    for _ in range(3):
        a = np.tanh(a @ np.ones((3, 3)))
    expected = (a @ np.ones((3, 3)) - 5).max()
    assert operand.statistics.max == pytest.approx(expected, rel=1e-13)


@NATIVE
def test_an_inf_that_was_given_is_traced_no_further_than_needed(monkeypatch):
    """Steps that pass it on are each computed again alone, and are not taken for its origin."""
    orders = []

    class Noted(origin.Replay):
        def __init__(self, *args):
            super().__init__(*args)
            orders.append(len(self.order))

    monkeypatch.setattr(origin, "Replay", Noted)
    x, w = T.dmatrix("x"), T.dmatrix("w")
    h = x
    for _ in range(3):
        h = T.dot(h, w) + 1
    with config.change(linker="c", async_compile="off"):
        f = function([x, w], h, nan="raise")
    assert np.isinf(f(np.full((2, 2), INF), np.ones((2, 2)))).all()
    assert orders
    assert max(orders) <= 2


def test_what_compiled_code_alone_computes_is_told_as_that():
    """As where a kernel rounds otherwise than NumPy: NaN is there, and NumPy finds none."""
    x = T.dvector("x")
    f = function([x], T.log(x), mode="FAST_COMPILE")
    (out,) = f.fgraph.outputs
    value = np.array([0.0, NAN])
    leaves = {f.fgraph.inputs[0]: np.ones(2)}
    found = origin.find_origin({out: value}, leaves, leaves, (), Limits())
    finding = finding_of(found, f.fgraph, False, 3, f.fgraph.order)
    assert finding.source is Source.ROUNDING
    assert "as step 3 computes it; NumPy finds none there: 1 of 2 elements" in str(finding)
    assert "step 3 computes: log" in str(finding)


@NATIVE
def test_functions_that_are_not_guarded_have_the_kernels_that_they_had():
    x = T.fvector("x")
    with config.change(linker="c", async_compile="off"):
        plain, guarded = function([x], T.log(x)), function([x], T.log(x), nan="raise")
    assert "odd" not in plain.code()
    assert "odd32 |= w1 - w1 == 0 ? 0 : 1;" in guarded.code()


@NATIVE
def test_what_is_masked_is_not_watched():
    x = T.fmatrix("x")
    logs = T.log(x)
    with config.change(linker="c", async_compile="off"):
        f = function([x], T.switch(x > 0, T.dot(logs, x), 0), nan="raise")
    assert f.code().count("odd32 |=") == 1
    names = {str(v.owner.op) for v in guarded_variables(f.fgraph)}
    assert "switch" in names
    assert not names & {"log", "dot"}
