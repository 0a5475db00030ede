"""Errors while building and running: they name the user's line, variables and shapes."""

import inspect

import numpy as np
import pytest

from arignote import errors, function, grad, shared
from arignote import tensor as T


def line() -> int:
    """The caller's line number."""
    return inspect.currentframe().f_back.f_lineno


def check(info, *parts):
    """At most 20 lines of text that hold all the parts."""
    text = str(info.value)
    assert len(text.splitlines()) <= errors.MAX_LINES
    for part in parts:
        assert str(part) in text, f"{part!r} is not in\n{text}"


def test_mismatch_of_known_sizes_raises_on_the_line_that_builds_it():
    left = T.tensor("float64", (2, 3), "left")
    right = T.tensor("float64", (4, 3), "right")
    at = line() + 2
    with pytest.raises(errors.ShapeError) as info:
        left + right
    check(info, "left: float64 (2, 3)", "right: float64 (4, 3)", "axis 0", f"test_errors.py:{at}")
    with pytest.raises(ValueError, match="not aligned"):
        T.dot(left, right)


@pytest.mark.parametrize(
    ("build", "kind"),
    [
        (lambda a, b: T.dot(a, a), ValueError),
        (lambda a, b: a @ b, ValueError),
        (lambda a, b: T.concatenate([a, b], axis=1), ValueError),
        (lambda a, b: T.concatenate([a, a.sum()]), ValueError),
        (lambda a, b: a.reshape((5, 5)), ValueError),
        (lambda a, b: a.reshape((-1, -1)), ValueError),
        (lambda a, b: a.dimshuffle(0), ValueError),
        (lambda a, b: a.transpose(0), ValueError),
        (lambda a, b: a[:, :, 0], IndexError),
        (lambda a, b: a[7], IndexError),
        (lambda a, b: a[1.5], IndexError),
        (lambda a, b: a["text"], IndexError),
        (lambda a, b: a.sum(axis=2), np.exceptions.AxisError),
        (lambda a, b: a.sum(axis=(0, 0)), np.exceptions.AxisError),
        (lambda a, b: a & 1, TypeError),
        (lambda a, b: T.set_subtensor(a, 0), IndexError),
        (lambda a, b: T.set_subtensor(a[0], b), IndexError),
        (lambda a, b: T.broadcast_to(a, (2, 2)), ValueError),
        (lambda a, b: T.tensor("float64", (0, 2), "a").max(axis=0), ValueError),
        (lambda a, b: T.nnet.categorical_crossentropy(a, a.sum()), ValueError),
        (lambda a, b: T.bvector("a") + 300, TypeError),
        (lambda a, b: a.astype("float33"), TypeError),
        (lambda a, b: a.mean(axis="rows"), np.exceptions.AxisError),
        (lambda a, b: a.swapaxes(0, 2), np.exceptions.AxisError),
        (lambda a, b: T.nnet.softmax(a, axis=1.0), np.exceptions.AxisError),
        (lambda a, b: T.expand_dims(a, 4), np.exceptions.AxisError),
        (lambda a, b: T.stack([a, a], axis=3), np.exceptions.AxisError),
        (lambda a, b: T.tensordot(a, b, axes=[[0], [2]]), np.exceptions.AxisError),
        (lambda a, b: a + "text", TypeError),
        (lambda a, b: a + None, TypeError),
        (lambda a, b: ~a, TypeError),
        (lambda a, b: grad(a, a), TypeError),
        (lambda a, b: grad(a.argmax(), a), ValueError),
    ],
)
def test_what_cannot_be_built(build, kind):
    a, b = T.tensor("float64", (2, 3), "a"), T.tensor("float64", (4, 5), "b")
    with pytest.raises(kind) as info:
        build(a, b)
    check(info, f"where: test_errors.py:{build.__code__.co_firstlineno}")
    assert any(shown in str(info.value) for shown in (" a: ", " b: ", "(a")), info.value


@pytest.mark.parametrize(
    "build",
    [
        lambda: T.zeros((2, -1)),
        lambda: T.stack([]),
        lambda: T.dot(T.dvector("a"), "text"),
        lambda: T.concatenate([T.dvector("a"), "text"]),
        lambda: T.constant("text"),
        lambda: T.dvector("a") + [T.dscalar("b"), "text"],
        lambda: T.nnet.softmax(None),
        lambda: T.arange("text"),
        lambda: T.dvector("a").reshape("text"),
        lambda: T.dvector("a")[np.array(["text"])],
        lambda: T.set_subtensor(T.dvector("a")[:2], "text"),
    ],
)
def test_values_that_are_none_are_told_with_the_line(build):
    with pytest.raises((TypeError, ValueError)) as info:
        build()
    check(info, f"where: test_errors.py:{build.__code__.co_firstlineno}")
    assert str(info.value).count("where:") == 1


def test_long_lines_are_cut():
    text = errors.message("wrong.", where="model.py:3: " + "x + " * 100)
    assert text.splitlines()[1].endswith("...")
    assert max(map(len, text.splitlines())) < 180


def test_what_is_given_to_functions_is_told_as_it_is():
    x, n = T.dvector("x"), T.iscalar("n")
    f, g = function([x], x), function([n], n)
    for call, parts in (
        (lambda: f(np.array([1j])), ["complex128", ".real"]),
        (lambda: g(1.5), ["cannot store 1.5 as int32", "declare the input as float64"]),
        (lambda: g(np.int64(3)), ["dtype int64", ".astype('int32')"]),
        (lambda: f([1.0], [2.0]), ["takes 1 input, but 2 were given"]),
        (lambda: shared(np.ones(3), "w").set_value(np.ones((2, 2))), ["ndarray: float64 (2, 2)"]),
    ):
        with pytest.raises(errors.InputError) as info:
            call()
        check(info, *parts)


def test_run_time_mismatch_names_both_variables_and_their_lines():
    made = line() + 1
    left, right = T.dmatrix("left"), T.dmatrix("right")
    at, total = line(), left * 2 + right
    f = function([left, right], total)
    with pytest.raises(ValueError, match="add") as info:
        f(np.zeros((2, 3)), np.zeros((4, 3)))
    assert isinstance(info.value, errors.ArignoteError)
    check(
        info, "(2, 3)", "(4, 3)", f"test_errors.py:{at}: at, total = line(), left * 2 + right",
        f"right: float64 (4, 3)  [test_errors.py:{made}",
    )  # fmt: skip


def test_run_time_error_in_a_gradient_names_the_forward_line():
    x, i = T.dvector("x"), T.lvector("i")
    at, cost = line(), (x[i] ** 2).sum()
    f = function([x, i], grad(cost, x))
    with pytest.raises(IndexError) as info:
        f([1.0, 2.0], [5])
    check(info, f"test_errors.py:{at}")


def test_named_results_are_named_in_run_time_errors():
    x, y = T.dvectors("x", "y")
    logits = x + y
    logits.name = "logits"
    with pytest.raises(ValueError, match="logits"):
        function([x, y], logits)([1.0, 2.0], [1.0, 2.0, 3.0])


def test_nan_in_integer_casts():
    x = T.dvector("x")
    f = function([x], x.astype("int32"))
    assert f([1.7, -1.7]).tolist() == [1, -1]
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="NaN or infinity"):
            f([1.0, bad])
    i = T.ivector("i")
    with pytest.raises(errors.InputError):
        function([i], i, allow_input_downcast=True)([np.nan])


def test_op_errors_keep_numpys_class():
    x, n = T.lvector("x"), T.lvector("n")
    with pytest.raises(ValueError, match="negative integer powers"):
        function([x, n], x**n)([2], [-1])
    m = T.dmatrix("m")
    with pytest.raises(ValueError, match="failed"):
        function([m], m.max(axis=0))(np.zeros((0, 3)))


def test_long_lists_in_messages_are_cut():
    names = [T.dscalar(f"variable_{n}") for n in range(100)]
    total = names[0]
    for x in names[1:]:
        total = total + x
    with pytest.raises(errors.MissingInputError) as info:
        function([], total)
    check(info, "variable_0", "more")


def test_message_shape():
    text = errors.message("What.", got=["one", "two"], where="here.py:1", hint="this")
    assert text.splitlines() == [
        "What.", "  got:   one", "         two", "  where: here.py:1", "  try:   this"
    ]  # fmt: skip
    assert len(errors.message("What.", got=map(str, range(99))).splitlines()) == 20


def test_shared_variables_in_messages_show_where_they_were_made():
    at, w = line(), shared(np.zeros(3), "weights")
    x = T.dvector("x")
    with pytest.raises(ValueError) as info:
        function([x], x * w)([1.0, 2.0])
    check(info, "weights: float64 (3,)", f"test_errors.py:{at}")
