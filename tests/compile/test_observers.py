"""Observers see every call; oracle: what is known to have been called, and NumPy's values."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from arignote import config, function, shared
from arignote import tensor as T
from arignote.compile.observers import observers, watching


class Recorder:
    """Notes the calls that it stands around."""

    def __init__(self) -> None:
        self.seen: list[tuple[str | None, list[np.ndarray], list[np.ndarray]]] = []

    def around(self, function, values, compute):
        results = compute(values)
        self.seen.append((function.name, list(values), results))
        return results


class Doubling:
    """Changes the inputs on the way in."""

    def around(self, function, values, compute):
        return compute([2 * value for value in values])


@pytest.mark.parametrize("linker", ["c", "numpy"])
def test_all_calls_are_seen_only_while_watching(linker) -> None:
    x = T.dvector("x")
    with config.change(linker=linker):
        early = function([x], x + 1, name="early")
        early([0.0])
        recorder = Recorder()
        with watching(recorder):
            late = function([x], x * 3, name="late")
            np.testing.assert_array_equal(early([1.0]), [2.0])
            np.testing.assert_array_equal(late(x=[1.0]), [3.0])
    early([2.0])
    late([2.0])
    assert [name for name, _, _ in recorder.seen] == ["early", "late"]
    np.testing.assert_array_equal(recorder.seen[0][1][0], [1.0])
    np.testing.assert_array_equal(recorder.seen[1][2][0], [3.0])


def test_the_first_observer_stands_outermost_and_the_way_back_is_free() -> None:
    x = T.dscalar("x")
    f = function([x], x + 1)
    outer, inner = Recorder(), Recorder()
    with watching(outer), watching(Doubling()), watching(inner):
        assert float(f(5.0)) == 11.0
    assert float(outer.seen[0][1][0]) == 5.0
    assert float(inner.seen[0][1][0]) == 10.0
    assert observers() == ()
    assert float(f(5.0)) == 6.0


def test_an_observer_twice_leaves_once_for_each_block() -> None:
    x = T.dscalar("x")
    f, recorder = function([x], x + 1), Recorder()
    with watching(recorder):
        with watching(recorder):
            f(1.0)
        f(1.0)
    assert len(recorder.seen) == 3


def test_an_error_of_an_observer_stores_no_update_and_frees_the_locks() -> None:
    class Refusing:
        def around(self, function, values, compute):
            raise RuntimeError("no")

    x, total = T.dscalar("x"), shared(0.0, "total")
    add = function([x], total, updates={total: total + x})
    with watching(Refusing()), pytest.raises(RuntimeError, match="no"):
        add(1.0)
    assert total.get_value() == 0.0
    thread = threading.Thread(target=add, args=(2.0,))
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert total.get_value() == 2.0


def test_functions_may_be_made_in_threads_while_others_begin_to_watch() -> None:
    x = T.dscalar("x")

    def make() -> None:
        for _ in range(20):
            function([x], x + 1)(1.0)

    with ThreadPoolExecutor(4) as pool:
        made = [pool.submit(make) for _ in range(4)]
        while not all(one.done() for one in made):
            with watching(Recorder()):
                pass
        for one in made:
            one.result()
