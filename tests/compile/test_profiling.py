"""Profiles of blocks; oracles: a clock of ours, wall time, and counts by hand."""

import itertools
import shutil
import threading
import time
from time import perf_counter_ns

import numpy as np
import pytest

from arignote import config, errors, function, grad, shared
from arignote import tensor as T
from arignote.compile.observers import watching
from arignote.compile.profiling import profiling
from arignote.compile.report_rows import By, RowKind
from arignote.execute.costs import Cost
from arignote.execute.peaks import Bound, Peaks
from arignote.execute.profile import OFF

LINKERS = ["numpy"] + ["c"] * any(map(shutil.which, ("cc", "gcc", "clang")))
PEAKS = Peaks(1, ((1 << 20, 100.0), (1 << 28, 10.0)), 100.0, 50.0)
ALL = [by.value for by in By]


def named(variable, name):
    variable.name = name
    return variable


def learning(name="learn"):
    x, y = T.fmatrix("x"), T.ivector("y")
    sizes = [(60, 40), (40,), (40, 10)]
    w, b, v = [shared(np.full(s, 0.01, "float32"), n) for s, n in zip(sizes, "wbv", strict=True)]
    h = named(T.tanh(x @ w + b), "h")
    p = named(T.nnet.softmax(h @ v), "p")
    loss = named(-T.log(p)[T.arange(y.shape[0]), y].mean(), "loss")
    steps = zip([w, b, v], grad(loss, [w, b, v]), strict=True)
    updates = {w: w - np.float32(0.1) * g for w, g in steps}
    return function([x, y], loss, updates=updates, name=name)


def batch(rows=50):
    return np.ones((rows, 60), "float32"), np.arange(rows, dtype="int32") % 10


def with_peaks(report):
    report.__dict__["peaks"] = PEAKS
    return report


@pytest.mark.parametrize("linker", LINKERS)
def test_rows_sum_up_to_the_wall_time_of_a_training_loop(linker):
    """The wall time is taken by another clock."""
    with config.change(linker=linker), profiling() as report:
        start = perf_counter_ns()
        learn = learning()
        for rows in (50, 50, 20, 50) * 25:
            learn(*batch(rows))
        time.sleep(0.02)
        wall = perf_counter_ns() - start
    with_peaks(report)
    assert report.wall == pytest.approx(wall, rel=0.05)
    for by in ALL:
        rows = report.rows(by)
        assert sum(row.nanoseconds for row in rows) == pytest.approx(wall, rel=0.05)
        assert sum(row.nanoseconds for row in rows) == pytest.approx(report.wall, rel=1e-6)
        assert all(row.nanoseconds >= 0 for row in rows), rows
        kinds = {row.kind for row in rows}
        assert {RowKind.COMPILING, RowKind.PYTHON} < kinds
    assert report.summary[RowKind.PYTHON] >= 20e6
    assert report.calls == 100
    assert sum(report.summary.values()) == pytest.approx(report.wall, rel=1e-6)


@pytest.mark.parametrize("linker", LINKERS)
def test_functions_made_before_are_measured_while_the_block_runs_only(linker):
    with config.change(linker=linker):
        learn = learning()
    learn(*batch())
    quick = learn._quick is not None
    with profiling() as report:
        learn(*batch())
        assert learn._quick is None
    learn(*batch())
    assert report.calls == 1
    assert learn._timing is None
    assert (learn._quick is not None) == quick
    assert str(learn.profile) == OFF
    with_peaks(report)
    steps = [row for row in report.rows("kernel") if row.kind in (RowKind.KERNEL, RowKind.PRODUCT)]
    assert bool(steps) == (linker == "c")


def test_measuring_changes_no_value():
    results = []
    for measured in (False, True):
        learn = learning()
        if measured:
            with profiling():
                values = [learn(*batch()) for _ in range(3)]
        else:
            values = [learn(*batch()) for _ in range(3)]
        results.append([*values, *[x.get_value() for x in learn.get_shared()]])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_clock_of_ones():
    """A step of NumPy takes 1, to note it takes 1, a call of n steps takes 3 n + 1."""
    x = T.dvector("x")
    with config.change(linker="numpy"):
        f = function([x], T.exp(x) * x + x.sum())
    count = len(f.program.steps)
    with profiling(clock=itertools.count().__next__) as report:
        f([1.0, 2.0])
        f([1.0, 2.0])
        # To get ready to measure is timed by the real clock; it has no place here.
        for built in (report.built, report.built_in_calls):
            built.clear()
        report.profiles[f].building = 0
    # A call is 3 n + 1 long; 1 passes before each, and 1 after the last.
    assert report.wall == 2 * (3 * count + 1) + 3
    rows = with_peaks(report).rows("kernel")
    steps = [row for row in rows if row.kind is RowKind.NUMPY]
    assert [(row.calls, row.nanoseconds) for row in steps] == [(2, 2.0)] * count
    (overhead,) = [row for row in rows if row.kind is RowKind.OVERHEAD]
    assert overhead.nanoseconds == 2 * (count + 1)
    (measuring,) = [row for row in rows if row.kind is RowKind.MEASURING]
    assert measuring.nanoseconds == 2 * count
    (python,) = [row for row in rows if row.kind is RowKind.PYTHON]
    assert python.nanoseconds == report.wall - 2 * (3 * count + 1) == 3


@pytest.mark.parametrize("linker", LINKERS)
def test_costs_and_shares_of_the_peak(linker):
    """By hand: 2 m n k operations of a product, the bytes of its operands once each."""
    x, y = T.fmatrices("x", "y")
    with config.change(linker=linker):
        f = function([x, y], T.dot(x, y))
    with profiling() as report:
        for _ in range(3):
            f(np.ones((70, 50), "float32"), np.ones((50, 60), "float32"))
    (row,) = [r for r in with_peaks(report).rows("op") if r.kind is RowKind.OP]
    assert row.calls == 3
    assert row.cost.operations == 3 * 2 * 70 * 50 * 60
    assert row.cost.bytes == 3 * 4 * (70 * 50 + 50 * 60 + 70 * 60)
    assert row.gflop_per_s == pytest.approx(row.cost.operations / row.nanoseconds)
    assert row.bound is Bound.COMPUTE
    assert row.of_peak == pytest.approx(row.gflop_per_s / 100.0)


def test_rows_by_line_name_the_users_lines():
    with profiling() as report:
        learn = learning()
        learn(*batch())
    rows = with_peaks(report).rows("line")
    lines = {row.name: row for row in rows if row.kind is RowKind.LINE}
    h = next(row for name, row in lines.items() if name.startswith("h = named(T.tanh"))
    assert "test_profiling.py:" in h.where
    assert h.function == "learn"
    assert any(row.where.startswith("gradient of ") for row in rows)
    assert any(row.name == "compiling learn" for row in rows)
    assert any(row.name.startswith("learn: checks") for row in rows)


def test_one_row_for_a_line_of_several_functions():
    x = T.dmatrix("x")
    y = T.exp(x)
    f, g = function([x], y, name="f"), function([x], y * 2, name="g")
    with profiling() as report:
        f(np.ones((3, 3)))
        g(np.ones((3, 3)))
        g(np.ones((3, 3)))
    rows = [r for r in with_peaks(report).rows("line") if r.name == "y = T.exp(x)"]
    assert len(rows) == 1
    assert rows[0].calls == 3
    assert set(rows[0].function.split(", ")) == {"f", "g"}
    rows = report.rows("function", "calls")
    assert [r.function for r in rows if r.kind is RowKind.FUNCTION] == ["g", "f"]


def test_functions_of_one_name_are_told_apart():
    x = T.dscalar("x")
    fs = [function([x], x + n, name="f") for n in range(3)]
    with profiling() as report:
        for f in fs:
            f(1.0)
    assert sorted(report.labels.values()) == ["f", "f #2", "f #3"]


def test_blocks_in_blocks_and_functions_with_profiles():
    x = T.dvector("x")
    f = function([x], x + 1, profile=True)
    f([1.0])
    with profiling() as outer:
        f([1.0])
        with profiling() as inner:
            f([1.0])
            f([1.0])
        f([1.0])
    f([1.0])
    assert (inner.calls, outer.calls, f.profile.calls) == (2, 4, 6)
    assert f.profile.steps[0].calls == 6


def test_an_error_comes_through_and_the_report_holds():
    x, i = T.dvector("x"), T.lvector("i")
    f = function([x, i], x[i] * 2)
    f([1.0, 2.0], [1])
    with pytest.raises(IndexError, match="out of bounds"), profiling() as report:
        [f([1.0, 2.0], [place]) for place in (1, 3)]
    assert report.calls == 2
    assert sum(r.nanoseconds for r in with_peaks(report).rows("line")) == pytest.approx(report.wall)


def test_calls_of_other_threads_are_in_the_rows_beyond_the_wall_time():
    x = T.dmatrix("x")
    f = function([x], T.exp(x))
    value = np.ones((300, 300))
    with profiling() as report:
        threads = [threading.Thread(target=lambda: [f(value) for _ in range(20)]) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(10):
            f(value)
        for thread in threads:
            thread.join()
    assert report.calls == 70
    others = report.overlapping
    assert others > 0
    total = sum(row.nanoseconds for row in with_peaks(report).rows("line"))
    assert total == pytest.approx(report.wall + others, rel=1e-6)
    assert report.python >= 0
    assert "other threads" in str(report)


def test_calls_within_calls_count_once_in_the_wall_time():
    x = T.dvector("x")
    f, g = function([x], x + 1, name="f"), function([x], x * 2, name="g")

    class Calling:
        def around(self, function, values, compute):
            if function is f:
                g([1.0, 2.0])
            return compute(values)

    with profiling() as report, watching(Calling()):
        f([1.0])
    assert report.calls == 2
    assert report.overlapping == report.profiles[g].nanoseconds > 0
    total = sum(row.nanoseconds for row in with_peaks(report).rows("line"))
    assert total == pytest.approx(report.wall + report.overlapping, rel=1e-6)


def test_functions_made_in_threads_while_blocks_begin_and_end():
    x, stop = T.dscalar("x"), threading.Event()
    f = function([x], x + 1)
    errors_seen = []

    def call():
        while not stop.is_set():
            if float(f(1.0)) != 2.0:
                errors_seen.append(1)

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        with profiling() as report:
            f(1.0)
        assert report.calls >= 1
    stop.set()
    for thread in threads:
        thread.join()
    assert not errors_seen
    assert f._timing is None
    assert (f._quick is None) == (f.linker == "numpy")


def test_memory_is_that_of_the_largest_call():
    learn = learning()
    with profiling() as report:
        for rows in (5, 500, 50):
            learn(*batch(rows))
    assert report.memory is not None
    assert report.memory.peak == learn.memory((500, 60), (500,)).peak
    assert any(x.name == "h" for x in report.memory.holdings)


def test_nodes_share_the_time_of_their_steps():
    learn = learning()
    with profiling() as report:
        learn(*batch())
    nodes = with_peaks(report).nodes(learn)
    steps = sum(record.nanoseconds for record in report.profiles[learn].steps)
    assert sum(row.nanoseconds for row in nodes.values()) == pytest.approx(steps)
    assert set(nodes) <= set(learn.fgraph.order)


def test_ways_that_are_not_there():
    with profiling() as report:
        pass
    with_peaks(report)
    with pytest.raises(errors.InputError, match="line, kernel, op, function"):
        report.rows("place")
    with pytest.raises(errors.InputError, match="time, calls, memory"):
        report.rows("line", "name")
    assert report.memory is None
    assert [row.kind for row in report.rows("line")] == [RowKind.PYTHON]


def test_text_has_the_parts():
    learn = learning()
    with profiling() as report:
        learn(*batch())
    text = str(with_peaks(report))
    for part in ("1 call:", "in kernels", "Python around", "% ", "GFLOP/s", "memory at its peak"):
        assert part in text, text
    assert repr(report).startswith("<ProfileReport: 1 calls in ")


# ---- peaks --------------------------------------------------------------------------------------


def test_bounds_by_hand():
    assert PEAKS.bandwidth(1) == 100.0
    assert PEAKS.bandwidth(1 << 24) == pytest.approx(55.0)
    assert PEAKS.least(Cost(500, 500, 10), 1, False) == (Bound.CACHE, 10.0)
    assert PEAKS.least(Cost(1 << 30, 0, 10), 1, False) == (Bound.MEMORY, (1 << 30) / 10.0)
    assert PEAKS.least(Cost(500, 500, 100_000), 1, True) == (Bound.COMPUTE, 2000.0)


def test_peaks_are_measured_once_and_kept(tmp_path, monkeypatch):
    from_numpy = np.ones((400, 400), "float32")  # noqa: F841
    peaks = pytest.importorskip("arignote.execute.peaks")
    monkeypatch.setattr(peaks, "SECONDS", 0.001)
    with config.change(cache_dir=str(tmp_path)):
        peaks._peaks.cache_clear()
        first = peaks.measured_peaks()
        assert [size for size, _ in first.copies] == sorted(peaks.SIZES)
        assert all(speed > 0.05 for _, speed in first.copies)
        assert first.float32 > 0.5
        assert first.float64 > 0.2
        monkeypatch.setattr(peaks, "_measure", None)
        assert peaks.measured_peaks() is first
        peaks._peaks.cache_clear()
        assert peaks.measured_peaks() == first
    peaks._peaks.cache_clear()
