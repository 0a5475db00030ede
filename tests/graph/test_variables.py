"""Variables: constructors, attributes, operators, Python protocols."""

import copy
import pickle

import numpy as np
import pytest

import arignote
from arignote import config, errors, shared
from arignote import tensor as T

PREFIXES = {
    "": "float64",
    "b": "int8",
    "w": "int16",
    "i": "int32",
    "l": "int64",
    "f": "float32",
    "d": "float64",
    "c": "complex64",
    "z": "complex128",
}
SHAPES = {
    "scalar": (), "vector": (None,), "row": (1, None), "col": (None, 1), "matrix": (None,) * 2,
    "tensor3": (None,) * 3, "tensor4": (None,) * 4, "tensor5": (None,) * 5,
}  # fmt: skip


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("kind", SHAPES)
def test_constructors(prefix, kind):
    x = getattr(T, prefix + kind)("x")
    assert (x.name, x.dtype, x.type.shape) == ("x", PREFIXES[prefix], SHAPES[kind])
    assert x.broadcastable == tuple(size == 1 for size in SHAPES[kind])
    plural = prefix + ("matrices" if kind == "matrix" else f"{kind}s")
    a, b = getattr(T, plural)("a", "b")
    assert (a.name, b.name, a.type) == ("a", "b", x.type)
    assert len(getattr(T, plural)(3)) == 3


def test_tensor_constructor():
    assert T.tensor("int8", (None, 3)).type.shape == (None, 3)
    assert T.tensor("float32", broadcastable=(True, False)).type.shape == (1, None)
    assert T.tensor(shape=()).dtype == "float64"
    assert T.matrix("m", shape=(2, None)).type.shape == (2, None)
    assert T.matrix("m", dtype="int8").dtype == "int8"
    for wrong in (
        lambda: T.tensor("float32"),
        lambda: T.matrix(3),
        lambda: T.matrix(shape=(1,)),
        lambda: T.tensor("float3", (1,)),
        lambda: T.tensor("float32", (-1,)),
        lambda: T.tensor("float32", (2.5,)),
    ):
        with pytest.raises(errors.ArignoteError):
            wrong()


def test_constants():
    assert T.constant(1).dtype == "int64"
    assert T.constant(True).dtype == "bool"
    assert T.constant(1.5).dtype == "float64"
    with config.change(floatX="float32"):
        assert T.constant(1.5).dtype == T.constant([1.5, 2]).dtype == "float32"
        assert T.constant(np.float64(1.5)).dtype == "float64"
    value = np.arange(3.0)
    c = T.constant(value, name="c")
    value[0] = 9
    assert c.data.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="read-only"):
        c.data[0] = 1
    with pytest.raises(errors.DTypeError):
        T.constant("text")
    with pytest.raises(errors.DTypeError):
        T.constant([[1.0], [1.0, 2.0]])
    with pytest.raises(errors.DTypeError, match="300"):
        T.constant(300, dtype="int8")


def test_as_tensor_variable():
    x = T.dscalar("x")
    assert T.as_tensor_variable(x) is x
    assert T.as_tensor_variable([[x, 1], [2, x * 2]]).eval({x: 3}).tolist() == [[3, 1], [2, 6]]
    assert T.as_tensor_variable((x + 1).owner).eval({x: 3}) == 4
    with pytest.raises(errors.DTypeError, match="call it"):
        T.as_tensor_variable(T.matrix)


def test_names_tags_and_foreign_attributes_survive_copy_and_pickle():
    x = T.dmatrix("x")
    y = x * 2
    y.name, y.tag.role, y._keras_shape = "y", "weight", (3, 4)
    x.tag.partner = y
    for twin in (copy.copy(y), copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        assert (twin.name, twin.tag.role, twin._keras_shape) == ("y", "weight", (3, 4))
        assert twin is not y
        assert twin.type == y.type
    shallow = copy.copy(y)
    shallow.tag.role = "bias"
    assert y.tag.role == "weight"
    assert shallow.owner is y.owner
    deep = copy.deepcopy(y)
    assert deep.owner.inputs[0] is not x
    assert deep.owner.inputs[0].tag.partner is deep
    clone = x.clone()
    assert (clone.name, clone.tag.partner, clone.owner) == ("x", y, None)


def test_graphs_pickled_together_keep_their_identities():
    x = T.dvector("x")
    h = T.exp(x)
    y = h + h
    x2, y2, h2, ys = pickle.loads(pickle.dumps((x, y, h, [y, y])))
    assert y2.owner.inputs[0] is h2
    assert y2.owner.inputs[1] is h2
    assert h2.owner.inputs[0] is x2
    assert ys[0] is y2
    assert y2.eval({x2: [0.0]}) == 2


def test_evaluators_are_not_pickled():
    x = T.dvector("x")
    y = x + 1
    before = len(pickle.dumps(y))
    y.eval({x: [1.0]})
    assert len(pickle.dumps(y)) == before


def test_constants_stay_read_only_after_pickling():
    c = pickle.loads(pickle.dumps(T.constant([1.0, 2.0])))
    assert not c.data.flags.writeable


def test_types_compare_by_value_and_variables_by_identity():
    x, y = T.matrix("x"), T.matrix("y")
    assert x.type == y.type == T.dmatrix().type
    assert hash(x.type) == hash(y.type)
    assert x.type != T.fmatrix().type
    assert x == x
    assert x != y
    assert x in [y, x]
    assert {x: 1}[x] == 1


def test_strings():
    x = T.fmatrix("x")
    assert (str(x), repr(x)) == ("x", "x")
    assert str(T.fmatrix()) == "<TensorType(float32, matrix)>"
    assert str(x + 1) == "add.0"
    assert str(T.constant(1.5)) == "1.5"


@pytest.mark.parametrize(
    ("use", "hint"),
    [
        (lambda x: bool(x > 0), "T.switch"),
        (lambda x: [1 for _ in x], "whole array"),
        (lambda x: len(x), r"x\.shape\[0\]"),
        (lambda x: float(x), "eval"),
        (lambda x: int(x), "eval"),
        (lambda x: [1, 2, 3][x], "stack"),
        (lambda x: 1 in x, "T.any"),
        (lambda x: np.asarray(x), "T.stack"),
        (lambda x: x.__setitem__(0, 1), "set_subtensor"),
        (lambda x: np.cumsum(x), "arignote.tensor|eval"),
    ],
)
def test_what_needs_a_value_raises_a_helpful_error(use, hint):
    with pytest.raises(errors.ArignoteError, match=hint) as info:
        use(T.ivector("x"))
    assert "x: TensorType(int32, vector)" in str(info.value) or "symbolic" in str(info.value)


def test_iteration_over_a_known_length():
    m, n = T.matrix("x").shape
    assert m.dtype == n.dtype == "int64"
    a, b = T.tensor("float64", (2, None), "a")
    assert a.ndim == b.ndim == 1
    assert len(T.tensor("float64", (2, None))) == 2


def test_numpy_arrays_and_functions_leave_work_to_variables():
    x = T.dvector("x")
    value = np.array([1.0, 2.0])
    for expression, expected in [
        (np.ones(2) * x, value), (np.float64(2) + x, value + 2), (np.exp(x), np.exp(value)),
        (np.add(1, x), value + 1), (np.array([[1, 0], [0, 2]]) @ x, [1, 4]),
        (np.arctan2(x, 2), np.arctan2(value, 2)), (np.ones(2) < x, [False, True]),
    ]:  # fmt: skip
        np.testing.assert_array_equal(expression.eval({x: value}), expected)
    with pytest.raises(errors.DTypeError, match=r"np\.hypot"):
        np.hypot(x, x)


def test_operators_with_python_numbers_on_both_sides():
    x = T.dvector("x")
    value = np.array([1.5, -2.0])
    cases = {
        "x + 1": x + 1, "1 + x": 1 + x, "x - 1": x - 1, "1 - x": 1 - x, "x * 3": x * 3,
        "3 * x": 3 * x, "x / 2": x / 2, "2 / x": 2 / x, "x // 2": x // 2, "3 // x": 3 // x,
        "x % 2": x % 2, "3 % x": 3 % x, "x ** 2": x**2, "2 ** x": 2**x, "-x": -x, "+x": +x,
        "abs(x)": abs(x), "x < 0": x < 0, "x <= 1.5": x <= 1.5, "x > 0": x > 0, "0 >= x": x <= 0,
        "divmod(x, 2)[0]": divmod(x, 2)[0], "divmod(5, x)[1]": divmod(5, x)[1],
    }  # fmt: skip
    for text, expression in cases.items():
        expected = eval(text, {"x": value})
        np.testing.assert_array_equal(expression.eval({x: value}), expected, err_msg=text)
    i = T.lvector("i")
    whole = np.array([6, 3])
    for text in ("i & 2", "5 | i", "i ^ 1", "~i", "i << 2", "1 << i", "i >> 1"):
        expected = eval(text, {"i": whole})
        np.testing.assert_array_equal(eval(text, {"i": i}).eval({i: whole}), expected)


def test_eval_takes_lists_and_says_what_is_missing():
    x, y = T.dvectors("x", "y")
    assert (x + y).eval({x: [1], y: [2]}).tolist() == [3]
    with pytest.raises(errors.MissingInputError, match=r"needs y, which got no value"):
        (x + y).eval({x: [1]})
    w = shared(2.0)
    assert (w * 2).eval() == 4


def test_public_names_exist():
    for name in arignote.__all__:
        assert hasattr(arignote, name)
    for name in T.__all__:
        assert hasattr(T, name)
