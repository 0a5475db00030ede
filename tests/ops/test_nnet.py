"""Softmax and its kin, costs. Oracles: scipy.special, and the formulas in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special

from arignote import grad
from arignote import tensor as T
from arignote.errors import DTypeError, ShapeError
from ops.cases import Case, check, reals, whole
from oracles import assert_arrays

nnet = T.nnet
INF, NAN = np.inf, np.nan

SOFTMAX = [
    Case(f"{build.__name__} {shape} {axis}", lambda x, f=build, a=axis: f(x, a),
         lambda x, f=reference, a=axis: f(x, a), (reals(*shape),), order)
    for build, reference in [(nnet.softmax, scipy.special.softmax),
                             (nnet.log_softmax, scipy.special.log_softmax)]
    for shape, axis, order in [((3,), -1, 2), ((3, 4), -1, 2), ((3, 4), 0, 1), ((2, 3, 2), 1, 1),
                               ((1, 3), 0, 1), ((0, 3), 1, 1), ((3, 1), -1, 1)]
]  # fmt: skip
LOGSUMEXP = [
    Case(f"logsumexp {axis} {keepdims}",
         lambda x, a=axis, k=keepdims: T.logsumexp(x, a, keepdims=k),
         lambda x, a=axis, k=keepdims: scipy.special.logsumexp(x, a, keepdims=k),
         (reals(2, 3, 2),), order)
    for axis, keepdims, order in [(None, False, 2), (0, False, 1), (-1, True, 2),
                                  ((0, 2), False, 1), ((0, 1), True, 1), (1, False, 1)]
]  # fmt: skip
LOGSUMEXP.append(Case("logsumexp of a scalar", T.logsumexp, lambda x: x, (reals(),)))

# Rows whose exponentials overflow, underflow or are infinite.
EXTREME = np.array([
    [1000.0, 0.0, -1000.0], [-1000.0, -1001.0, -1e4], [1e308, -1e308, 0.0], [0.0, 0.0, 0.0],
    [-INF, 0.0, 1.0], [700.0, 710.0, 709.0],
])  # fmt: skip
INFINITE = np.array([[INF, 0.0, 1.0], [-INF, -INF, -INF], [NAN, 0.0, 1.0], [-INF, INF, 0.0]])
SPECIAL = [
    Case("softmax extremes", nnet.softmax, lambda x: scipy.special.softmax(x, -1), (EXTREME,), 0),
    Case("log_softmax extremes", nnet.log_softmax, lambda x: scipy.special.log_softmax(x, -1),
         (EXTREME,), 0),
    Case("logsumexp extremes", lambda x: T.logsumexp(x, 1),
         lambda x: scipy.special.logsumexp(x, 1), (np.concatenate([EXTREME, INFINITE]),), 0),
    Case("float32", lambda x: [nnet.softmax(x), nnet.log_softmax(x), T.logsumexp(x)],
         lambda x: [scipy.special.softmax(x, -1), scipy.special.log_softmax(x, -1),
                    scipy.special.logsumexp(x)], (EXTREME[[0, 1, 3, 5]].astype("float32"),), 0),
    Case("integers", lambda x: [nnet.softmax(x), T.logsumexp(x)],
         lambda x: [scipy.special.softmax(x, -1), scipy.special.logsumexp(x)],
         (np.array([[1, 2, 700]]),), 0),
]  # fmt: skip


def _xent(p: np.ndarray, t: np.ndarray) -> np.ndarray:
    return -(t * np.log(p)).sum(-1)


P = scipy.special.softmax(reals(4, 3), -1)
Q = scipy.special.softmax(reals(4, 3, seed=1), -1)
COSTS = [
    Case("cross-entropy with classes", nnet.categorical_crossentropy,
         lambda p, t: -np.log(p[np.arange(4), t]), (P, np.array([0, 2, 1, 2])), 2),
    Case("cross-entropy with uint8 classes", nnet.categorical_crossentropy,
         lambda p, t: -np.log(p[np.arange(4), t]), (P, np.array([0, 2, 1, 2], "uint8"))),
    Case("cross-entropy with probabilities", nnet.categorical_crossentropy, _xent, (P, Q), 2),
    Case("cross-entropy of one row", nnet.categorical_crossentropy, _xent, (P[0], Q[0])),
    Case("cross-entropy of a softmax",
         lambda x, t: nnet.categorical_crossentropy(nnet.softmax(x), t).mean(),
         lambda x, t: -scipy.special.log_softmax(x, -1)[np.arange(4), t].mean(),
         (reals(4, 3), np.array([0, 2, 1, 2])), 2),
    Case("binary cross-entropy", nnet.binary_crossentropy,
         lambda p, t: -t * np.log(p) - (1 - t) * np.log1p(-p), (P, Q), 2),
    Case("binary cross-entropy, 0 or 1", nnet.binary_crossentropy,
         lambda p, t: -np.log(np.where(t, p, 1 - p)), (P, whole(4, 3, high=2))),
    Case("with logits", nnet.sigmoid_binary_crossentropy,
         lambda x, t: np.logaddexp(0, x) - t * x, (reals(4, 3) * 3, Q), 2),
    Case("with extreme logits", nnet.sigmoid_binary_crossentropy,
         lambda x, t: np.where(x > 0, (1 - t) * x, -t * x),
         (np.array([1e3, -1e3, 1e300, -1e300]), np.array([0.25, 0.25, 1.0, 0.0])), 0),
    Case("relu", nnet.relu, lambda x: np.maximum(x, 0), (reals(3, 4),)),
    Case("leaky relu", lambda x: nnet.relu(x, 0.1), lambda x: np.where(x > 0, x, 0.1 * x),
         (reals(3, 4),)),
    Case("relu with learned slopes", nnet.relu, lambda x, a: np.where(x > 0, x, a * x),
         (reals(3, 4), reals(4)), 2),
    Case("names of the scalar ops", lambda x: [nnet.sigmoid(x), nnet.softplus(x)],
         lambda x: [scipy.special.expit(x), np.logaddexp(x, 0)], (reals(3, 4),)),
]  # fmt: skip

TABLES = [SOFTMAX, LOGSUMEXP, SPECIAL, COSTS]


@pytest.mark.parametrize("case", [case for table in TABLES for case in table], ids=str)
def test_case(case: Case) -> None:
    check(case)


def test_gradients_far_out_are_finite() -> None:
    """log_softmax has the gradient 1 - softmax, also where exp overflows. Oracle: this identity."""
    x, rows = T.dmatrix("x"), EXTREME[[0, 1, 3, 5]]
    value = grad(nnet.log_softmax(x)[:, 0].sum(), x).eval({x: rows})
    wanted = -scipy.special.softmax(rows, -1)
    wanted[:, 0] += 1
    assert_arrays(value, wanted)


def test_rows_of_infinities_have_no_softmax() -> None:
    value = nnet.softmax(INFINITE).eval()
    assert np.isnan(value).any(axis=1).all()


BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: nnet.softmax(T.zmatrix()), DTypeError, "real floats, not complex128"),
    (lambda: nnet.softmax(T.dmatrix(), 2), np.exceptions.AxisError, "out of range for 2 axes"),
    (lambda: nnet.softmax(T.dscalar()), np.exceptions.AxisError, "out of range"),
    (
        lambda: nnet.categorical_crossentropy(T.dmatrix(), T.dvector()),
        ShapeError,
        "vector of integers",
    ),
    (
        lambda: nnet.categorical_crossentropy(T.dtensor3(), T.lvector()),
        ShapeError,
        "predictions' rank",
    ),
]


@pytest.mark.parametrize(("build", "error", "text"), BAD)
def test_what_is_no_operand(build: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        build()
