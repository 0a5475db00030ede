"""inspect_values. Oracle: NumPy, step by step, on the same values."""

from __future__ import annotations

import numpy as np
import pytest

import arignote as ari
import arignote.tensor as T
from arignote import errors
from arignote.compile.looking import inspect_values

A = np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]])
B = np.array([[1.0, -1.0], [2.0, 0.5], [0.0, 1.0]])


def model():
    x = T.dmatrix("x")
    w = ari.shared(B, "w")
    h = T.tanh(x @ w)
    h.name = "h"
    loss = T.log(h).mean()
    loss.name = "loss"
    return x, w, h, loss


@pytest.mark.parametrize("optimized", [False, True])
def test_arrays_and_statistics_are_numpys(optimized):
    x, _, h, loss = model()
    values = inspect_values(loss, {x: A}, optimized=optimized)
    want = np.tanh(A @ B)
    np.testing.assert_allclose(values["h"], want)
    np.testing.assert_allclose(values[h], want)
    np.testing.assert_array_equal(values["x"], A)
    np.testing.assert_array_equal(values["w"], B)
    with np.errstate(invalid="ignore"):
        logs = np.log(want)
    found = values.stats[values._found(h)]
    assert found.shape == (2, 2)
    np.testing.assert_allclose([found.min, found.max, found.mean, found.std],
                               [want.min(), want.max(), want.mean(), want.std()])  # fmt: skip
    bad = values.stats[values.not_finite[0]]
    assert bad.nan == np.isnan(logs).sum()
    assert values.optimized == optimized


def test_the_table_names_op_line_and_first_nan():
    x, _, _, loss = model()
    table = inspect_values(loss, {x: A}).table
    rows = {row[0]: row for row in table.rows}
    assert rows["h"][1:4] == ("tanh", "(2, 2)", "float64")
    assert "h = T.tanh(x @ w)" in rows["h"][-1]
    assert rows["log(h)"][8] == "1"
    assert table.note.startswith("NaN or infinity first in log(h)")
    assert {table.rows[n][0] for n in table.marked} == {"log(h)", "loss"}


def test_the_graph_as_built_is_not_rewritten():
    x = T.dvector("x")
    y = T.log(T.exp(x))
    assert inspect_values(y, {x: [1000.0]})[y][0] == np.inf
    plain = [row[1] for row in inspect_values(y, {x: [1.0]}).table.rows]
    assert plain == ["input", "exp", "log"]
    ran = [row[1] for row in inspect_values(x * 1, {x: [1.0]}, optimized=True).table.rows]
    assert ran == ["input"]


def test_values_for_computed_and_shared_variables():
    x, w, h, loss = model()
    values = inspect_values(loss, {h: np.ones((3, 2))})
    assert values[loss] == 0
    assert x not in values
    for optimized in (False, True):
        values = inspect_values(loss, {x: A, w: 2 * B}, optimized=optimized)
        np.testing.assert_allclose(values["h"], np.tanh(A @ B * 2))
        np.testing.assert_array_equal(values[w], 2 * B)
    np.testing.assert_array_equal(w.get_value(), B)


def test_several_outputs_and_gradients():
    x, w, h, _ = model()
    gradient = ari.grad(h.sum(), w)
    values = inspect_values({"h": h, "g": gradient}, {x: A})
    np.testing.assert_allclose(values[gradient], A.T @ (1 - np.tanh(A @ B) ** 2))
    assert any("gradient of" in row[-1] for row in values.table.rows)


def test_a_wrong_shape_names_the_inputs_and_the_line():
    x, _, _, loss = model()
    with pytest.raises(errors.ArignoteError) as caught:
        inspect_values(loss, {x: np.zeros((2, 5))})
    assert isinstance(caught.value, ValueError)
    text = str(caught.value)
    assert "x: float64 (2, 5)" in text
    assert "w: float64 (3, 2)" in text
    assert "h = T.tanh(x @ w)" in text


@pytest.mark.parametrize(
    ("inputs", "error", "words"),
    [
        ({}, errors.MissingInputError, "no value is given for x"),
        ({"x": A}, errors.InputError, "the variable, not its name"),
        ({"ndim": A[0]}, errors.InputError, "the value of x: wrong number of dimensions"),
    ],
)
def test_bad_inputs(inputs, error, words):
    x, _, _, loss = model()
    given = {x: inputs["ndim"]} if "ndim" in inputs else inputs
    with pytest.raises(error, match=words):
        inspect_values(loss, given)


def test_bad_keys_and_outputs():
    x, _, h, loss = model()
    values = inspect_values(loss, {x: A})
    assert "h" in values
    assert h in values
    assert "hh" not in values
    with pytest.raises(errors.GraphError, match="h; names: x, w, h, loss"):
        values["hh"]
    with pytest.raises(errors.GraphError, match="no part of this graph"):
        values[T.dscalar("other")]
    twin = h + 1
    twin.name = "h"
    with pytest.raises(errors.GraphError, match="2 variables are named 'h'"):
        inspect_values(twin, {x: A})["h"]
    for wrong in (3, [], [1, 2]):
        with pytest.raises(errors.GraphError, match="takes variables"):
            inspect_values(wrong, {})


def test_displays_are_small_and_complete():
    x = y = T.dscalar("x")
    for _ in range(3000):
        y = y + 1
    values = inspect_values(y, {x: 0.0})
    assert values[y] == 3000
    assert len(values.table.rows) == 3001
    bundle = values._repr_mimebundle_()
    assert len(bundle["text/plain"].splitlines()) < 70
    assert sum(len(text.encode()) for text in bundle.values()) < 200_000
    assert "2601 more rows" in bundle["text/html"]


@pytest.mark.parametrize("optimized", [False, True])
def test_the_explorer_shows_the_statistics_of_each_node(optimized):
    x, _, _, loss = model()
    values = inspect_values(loss, {x: A}, optimized=optimized)
    nodes = values.graph().document["nodes"]
    (found,) = [
        node["stats"] for node in nodes if node.get("name") == "h" or "tanh" in node["label"]
    ]
    want = np.tanh(A @ B)
    np.testing.assert_allclose([found["min"], found["max"]], [want.min(), want.max()])
    assert found["shape"] == "(2, 2)"
    assert all("stats" in node for node in nodes if node["kind"] in ("op", "input"))


def test_a_scalar_that_is_infinite_shows_its_value():
    x = T.dscalar("x")
    found = inspect_values(T.exp(x), {x: 1000.0})
    row = next(row for row in found.table.rows if row[1] == "exp")
    assert row[4:7] == ("inf", "inf", "inf")
