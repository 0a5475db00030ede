"""function: inputs, outputs, updates, givens, states, aliasing; NumPy by hand is the oracle."""

import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from arignote import In, Out, clone, config, errors, function, grad, shared
from arignote import tensor as T

# ---- forms of outputs ----------------------------------------------------------------------------


def test_forms_of_outputs():
    x = T.dvector("x")
    assert function([x], x * 2)([1, 2]).tolist() == [2, 4]
    (one,) = function([x], [x * 2])([1, 2])
    assert one.tolist() == [2, 4]
    both = function([x], {"double": x * 2, "sum": x.sum()})([1, 2])
    assert both["double"].tolist() == [2, 4]
    assert both["sum"] == 3
    assert function([], None)() == []
    assert function([], [])() == []


def test_results_are_arrays_of_the_variables_dtype():
    x = T.fscalar("x")
    result = function([x], x + 1)(2)
    assert isinstance(result, np.ndarray)
    assert result.shape == ()
    assert result.dtype == np.float32


def test_the_same_output_twice_gives_two_arrays():
    x = T.dvector("x")
    y = x + 1
    first, second = function([x], [y, y])([1.0])
    assert first is not second
    first[0] = 9
    assert second[0] == 2


# ---- calls ---------------------------------------------------------------------------------------


def test_calls_by_position_name_and_default():
    x, y = T.dscalar("x"), T.dscalar("y")
    f = function([x, In(y, value=10.0)], x - y)
    assert f(1.0) == -9
    assert f(1.0, 2.0) == -1
    assert f(y=2.0, x=5.0) == 3
    g = function([In(x, name="left"), y], x - y)
    assert g(left=3.0, y=1.0) == 2


@pytest.mark.parametrize(
    "value", [[1, 2, 3], (1, 2, 3), range(1, 4), np.arange(1, 4, dtype="int8")]
)
def test_lists_ranges_and_narrow_integers_are_taken(value):
    x = T.fvector("x")
    result = function([x], x * 2)(value)
    assert result.tolist() == [2, 4, 6]
    assert result.dtype == np.float32


def test_downcasting():
    x = T.fvector("x")
    wide = np.array([0.1, 0.2])
    with pytest.raises(errors.InputError, match="allow_input_downcast"):
        function([x], x)(wide)
    assert function([x], x, allow_input_downcast=True)(wide).dtype == np.float32
    assert function([x], x)([0.1, 0.2]).dtype == np.float32
    with pytest.raises(errors.InputError):
        function([x], x, allow_input_downcast=False)([0.1])
    assert function([In(x, allow_downcast=True)], x)(wide).dtype == np.float32


def test_a_state_is_kept_between_calls():
    step, total = T.dscalar("step"), T.dscalar("total")
    f = function([step, In(total, value=1.0, update=total + step)], total)
    assert [float(f(2.0)), float(f(3.0)), float(f(0.0))] == [1.0, 3.0, 6.0]
    assert f(1.0, 100.0) == 100
    assert f(0.0) == 101


# ---- updates -------------------------------------------------------------------------------------


def test_updates_come_after_outputs_and_see_old_values():
    a, b = shared(1.0, "a"), shared(2.0, "b")
    swap = function([], [a, b], updates=[(a, b), (b, a)])
    assert [float(v) for v in swap()] == [1, 2]
    assert (a.get_value(), b.get_value()) == (2, 1)
    function([], updates={a: a + b, b: a * 10})()
    assert (a.get_value(), b.get_value()) == (3, 20)


def test_updating_by_another_shared_variable_does_not_alias():
    a, b = shared(np.zeros(2), "a"), shared(np.ones(2), "b")
    function([], updates={a: b})()
    a.get_value(borrow=True)[0] = 5
    assert b.get_value().tolist() == [1, 1]


def test_default_updates():
    state = shared(0, "state")
    state.default_update = state + 1
    read = function([], state)
    assert [int(read()), int(read())] == [0, 1]
    assert function([], state, no_default_updates=True)() == 2
    assert state.get_value() == 2
    function([], state, updates={state: state + 10})()
    assert state.get_value() == 12


def test_default_updates_of_what_an_update_needs():
    counter = shared(0, "counter")
    counter.default_update = counter + 1
    target = shared(0, "target")
    f = function([], updates={target: counter * 10})
    f()
    f()
    assert (counter.get_value(), target.get_value()) == (2, 10)


def test_a_narrow_update_is_widened_and_a_wide_one_refused():
    w = shared(np.float32(1), "w")
    n = shared(1, "n")
    function([], updates={n: T.constant(3, dtype="int8")})()
    assert n.get_value().dtype == np.int64
    with pytest.raises(errors.UpdateError, match=r"astype\('float32'\)"):
        function([], updates={w: w * T.constant(2.0, dtype="float64")})
    function([], updates={w: 2.5})()
    assert w.get_value() == 2.5


@pytest.mark.parametrize("bad", ["not shared", "twice", "axes", "no pair"])
def test_bad_updates(bad):
    w, x = shared(np.zeros(2), "w"), T.dvector("x")
    updates = {
        "not shared": [(x, x + 1)],
        "twice": [(w, w + 1), (w, w + 2)],
        "axes": [(w, w.sum())],
        "no pair": [w],
    }[bad]
    with pytest.raises(errors.UpdateError, match=r"w|x"):
        function([x], x, updates=updates)


def test_a_failing_call_leaves_shared_variables_bitwise_unchanged():
    a, b = shared(np.arange(3.0), "a"), shared(np.arange(4.0), "b")
    i = T.lscalar("i")
    f = function([i], a[i], updates={b: b * 2, a: a + 1})
    before = a.get_value().tobytes(), b.get_value().tobytes()
    with pytest.raises(IndexError):
        f(7)
    x = T.dvector("x")
    g = function([x], updates={b: b * 2, a: a + x})
    with pytest.raises(ValueError, match="add"):
        g(np.zeros(5))
    assert (a.get_value().tobytes(), b.get_value().tobytes()) == before


# ---- givens, intermediate inputs, clone ----------------------------------------------------------


def test_givens_replace_at_once():
    x, y = T.dscalars("x", "y")
    f = function([x, y], x - y, givens={x: y, y: x})
    assert f(1.0, 5.0) == 4
    data, i = shared(np.arange(10.0), "data"), T.lscalar("i")
    v = T.dvector("v")
    assert function([i], v.sum(), givens=[(v, data[i * 2 : i * 2 + 2])])(2) == 9


def test_givens_must_keep_the_type():
    x = T.dscalar("x")
    with pytest.raises(errors.GraphError, match=r"astype"):
        function([], x, givens={x: T.constant(1, dtype="int64")})


def test_givens_replace_shared_variables_and_results():
    w, x = shared(2.0, "w"), T.dscalar("x")
    h = w * x
    assert function([x], h + w, givens={w: T.constant(10.0)})(1.0) == 20
    assert function([x], h + x, givens={h: x + 100})(1.0) == 102


def test_intermediate_results_as_inputs():
    x = T.dvector("x")
    h = x * 2
    y = h.sum() + h[0]
    assert function([h], y)([1.0, 2.0]) == 4
    # x is still reachable beside the given result.
    assert function([h, x], y + x[0])([1.0, 2.0], [7.0]) == 11


def test_clone():
    x, y = T.dscalars("x", "y")
    w = shared(3.0, "w")
    h = x * w
    a, b = clone([h, h + x], replace={x: y})
    assert a.eval({y: 2.0}) == 6
    assert b.eval({y: 2.0}) == 8
    (c,) = clone([h], replace={w: T.constant(5.0)})
    assert c.eval({x: 2.0}) == 10
    assert clone(h) is h
    h.name, h.tag.role = "h", "hidden"
    copied = clone(h, replace={x: y})
    assert (copied.name, copied.tag.role, copied.source) == ("h", "hidden", h.source)
    assert clone(h, share_inputs=False) is not h


# ---- what is missing or too much -----------------------------------------------------------------


def test_missing_inputs_are_named_with_their_line():
    x, y = T.dscalars("x", "why")
    with pytest.raises(errors.MissingInputError, match=r"why.*\n.*test_function.py"):
        function([x], x + y)


def test_unused_inputs():
    x, y = T.dscalars("x", "y")
    with pytest.raises(errors.UnusedInputError, match="y"):
        function([x, y], x)
    with pytest.warns(UserWarning, match="y"):
        function([x, y], x, on_unused_input="warn")
    assert function([x, y], x, on_unused_input="ignore")(1.0, 2.0) == 1
    with config.change(on_unused_input="ignore"):
        function([x, y], x)


def test_wrong_calls():
    x, y = T.dscalar("x"), T.dvector("y")
    f = function([x, y], x + y, name="f")
    for call in (
        lambda: f(1.0),
        lambda: f(1.0, [1.0], 2.0),
        lambda: f(1.0, [1.0], z=1),
        lambda: f(1.0, [1.0], x=2),
        lambda: f([1.0], [1.0]),
        lambda: f(1.0, [[1.0]]),
        lambda: f("text", [1.0]),
        lambda: f(None, [1.0]),
        lambda: f(1.0, [[1.0], [1.0, 2.0]]),
    ):
        with pytest.raises(TypeError) as info:
            call()
        assert isinstance(info.value, errors.InputError)
        assert len(str(info.value).splitlines()) <= 20
        assert "the function f" in str(info.value)


def test_an_input_given_twice_and_names_given_twice():
    x, other = T.dscalar("x"), T.dscalar("x")
    with pytest.raises(errors.GraphError, match="twice"):
        function([x, x], x)
    with pytest.raises(errors.GraphError, match="two inputs have the name 'x'"):
        function([x, other], x + other)
    assert function([x, In(other, name="other")], x + other)(1.0, other=2.0) == 3


def test_shared_variables_and_constants_are_no_inputs():
    for variable in (shared(1.0, "w"), T.constant(1.0)):
        with pytest.raises(errors.InputError, match="cannot be an input"):
            function([variable], variable + 1)


# ---- memory --------------------------------------------------------------------------------------


def test_results_never_share_memory_with_inputs_or_shared_variables():
    x, w = T.dvector("x"), shared(np.zeros(3), "w")
    value = np.arange(3.0)
    outputs = [x, x[1:], x.T, x.reshape((3, 1)), x.dimshuffle("x", 0), w, w[::-1]]
    for result in function([x], outputs)(value):
        assert not np.shares_memory(result, value)
        assert not np.shares_memory(result, w.get_value(borrow=True))
        assert result.flags.writeable
    assert value.tolist() == [0, 1, 2]


def test_constants_as_results_are_writable_copies():
    c = T.constant(np.arange(3.0))
    f = function([], c)
    f()[0] = 9
    assert f().tolist() == [0, 1, 2]


def test_broadcast_results_are_writable_arrays():
    result = function([], T.zeros((2, 3)))()
    result[0, 0] = 1
    assert result.sum() == 1


def test_borrowed_memory():
    x, w = T.dvector("x"), shared(np.zeros(3), "w")
    value = np.arange(3.0)
    assert function([x], Out(x, borrow=True))(value) is value
    assert np.shares_memory(function([], Out(w, borrow=True))(), w.get_value(borrow=True))


def test_shared_values_are_copied_unless_borrowed():
    value = np.zeros(2)
    w, borrowed = shared(value, "w"), shared(value, borrow=True)
    value[0] = 1
    assert w.get_value()[0] == 0
    assert borrowed.get_value()[0] == 1
    w.get_value()[1] = 5
    assert w.get_value()[1] == 0
    w.set_value(value)
    value[0] = 7
    assert w.get_value()[0] == 1
    w.set_value(value, borrow=True)
    assert w.get_value(borrow=True) is value
    w.set_value([3.0, 4.0, 5.0])
    assert w.get_value().tolist() == [3, 4, 5]


def test_bad_values_of_shared_variables():
    w = shared(np.zeros(2, "float32"), "weights")
    for value in (np.zeros(2), np.zeros((2, 2), "float32"), "text"):
        with pytest.raises(errors.InputError, match="weights"):
            w.set_value(value)
    with pytest.raises(errors.DTypeError, match="symbolic"):
        shared(T.dscalar("x"))
    with pytest.raises(errors.DTypeError):
        shared("text")


# ---- pickles -------------------------------------------------------------------------------------


def test_pickled_functions_run_and_keep_their_state():
    x, w = T.dvector("x"), shared(np.arange(2.0), "w")
    cost = ((x * w) ** 2).sum()
    f = function(
        [x, In(T.dscalar("rate"), value=0.1)], {"cost": cost},
        updates={w: w - 0.1 * grad(cost, w)}, name="f", on_unused_input="ignore",
    )  # fmt: skip
    f([1.0, 2.0])
    twin = pickle.loads(pickle.dumps(f))
    assert twin.name == "f"
    for _ in range(2):
        assert twin([1.0, 2.0])["cost"] == f([1.0, 2.0])["cost"]
    assert twin.get_shared()[0] is not w


def test_functions_pickled_together_share_their_variables():
    w = shared(1.0, "w")
    add, read = function([], updates={w: w + 1}), function([], w)
    add2, read2, w2 = pickle.loads(pickle.dumps((add, read, w)))
    add2()
    assert read2() == 2
    assert w2.get_value() == 2
    assert read() == 1


# ---- threads ----------------------------------------------------------------------------------


@pytest.fixture
def switching_often():
    """Threads take turns after every few byte codes, so that a lost update shows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def run_in_threads(work, count: int = 8) -> None:
    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(work, n) for n in range(count)]:
            done.result()


@pytest.mark.usefixtures("switching_often")
def test_no_update_is_lost_between_threads():
    a, b, x = shared(0, "a"), shared(0, "b"), T.lscalar("x")
    up = function([x], [a, b], updates=[(a, a + x), (b, b - x)])
    down = function([x], updates=[(b, b + 2 * x), (a, a - x)])
    run_in_threads(lambda n: [(up if n % 2 else down)(1) for _ in range(200)])
    assert (a.get_value(), b.get_value()) == (0, 800)


@pytest.mark.usefixtures("switching_often")
def test_threads_do_not_mix_their_values():
    x = T.dvector("x")
    f = function([x], T.exp(T.tanh(x) * 2).sum())

    def work(n: int) -> None:
        value = np.full(50 + n, n / 10)
        expected = np.exp(np.tanh(value) * 2).sum()
        for _ in range(100):
            np.testing.assert_allclose(f(value), expected, rtol=1e-14)

    run_in_threads(work)


def test_a_failing_call_lets_go_of_its_locks():
    a, i = shared(np.zeros(2), "a"), T.lscalar("i")
    f = function([i], a[i], updates={a: a + 1})
    with pytest.raises(IndexError):
        f(5)
    assert f(0) == 0


# ---- modes ---------------------------------------------------------------------------------------


def test_modes_agree_and_the_optimizer_merges():
    x = T.dvector("x")
    y = T.exp(x) * T.exp(x) + (T.constant(2.0) * 3.0)
    fast, plain = function([x], y), function([x], y, mode="FAST_COMPILE")
    value = np.linspace(-1, 1, 5)
    np.testing.assert_array_equal(fast(value), plain(value))
    assert [str(node.op) for node in fast.fgraph.order].count("exp") == 1
    assert [str(node.op) for node in plain.fgraph.order].count("exp") == 2
    assert len(fast.fgraph.order) == len(plain.fgraph.order) - 2


def test_constants_that_differ_in_bits_stay_apart():
    x = T.dscalar("x")
    f = function([x], [x * T.constant(0.0), x * T.constant(-0.0), x + T.constant(2**53 + 1)])
    plus, minus, _ = f(1.0)
    assert not np.signbit(plus)
    assert np.signbit(minus)


@pytest.mark.parametrize(("linker", "step"), [("numpy", "exp(s0)"), ("c", "%0 = exp(x)")])
def test_a_program_prints_its_steps(linker, step):
    x = T.dvector("x")
    with config.change(linker=linker):
        text = str(function([x], T.exp(x) * 2).program)
    assert step in text
    assert text.splitlines()[-1].startswith("results")


def test_unknown_mode_is_refused_with_the_known_ones():
    with pytest.raises(errors.ConfigError, match="FAST_RUN"):
        function([], T.constant(1), mode="FASTRUN")


def test_a_shared_variable_that_is_replaced_is_not_updated_by_default():
    count, other = shared(1.0, "count"), shared(10.0, "other")
    count.default_update, other.default_update = count + 1, other + 5
    f = function([], 2 * count, givens={count: other})
    assert [float(f()), float(f())] == [20.0, 30.0]
    assert (float(count.get_value()), float(other.get_value())) == (1.0, 20.0)
