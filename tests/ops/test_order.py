"""Sorting. Oracle: NumPy's stable sort."""

from __future__ import annotations

import numpy as np
import pytest

from arignote import tensor as T
from ops.cases import Case, check, reals, whole

SORT = [
    Case(f"sort {array.shape} {axis}", lambda x, a=axis: [T.sort(x, a), x.sort(a)],
         lambda x, a=axis: [np.sort(x, a), np.sort(x, a)], (array,), order)
    for array, axis, order in [
        (reals(5), -1, 2), (reals(3, 4), 0, 2), (reals(3, 4), 1, 1), (reals(3, 4), None, 1),
        (reals(2, 3, 2), 1, 1), (reals(2, 3, 2), -3, 1), (reals(0, 3), 0, 1), (reals(3, 0), 1, 1),
        (reals(1), 0, 1),
    ]
]  # fmt: skip
ARGSORT = [
    Case(f"argsort {array.dtype} {array.shape} {axis}",
         lambda x, a=axis: [T.argsort(x, a), x.argsort(a)],
         lambda x, a=axis: [np.argsort(x, a, kind="stable")] * 2, (array,), 0)
    for array, axis in [
        (reals(5), -1), (reals(3, 4), 0), (reals(3, 4), None), (reals(2, 3, 2), -2),
        (whole(30, high=4), 0), (whole(3, 9, high=3, dtype="uint8"), 1), (reals(0, 3), 1),
        (whole(9, high=2, dtype="bool"), 0),
    ]
]  # fmt: skip
SPECIAL = [
    Case(f"{text}", lambda x: [T.sort(x), T.argsort(x), T.argmax(x), T.argmin(x)],
         lambda x: [np.sort(x), np.argsort(x, kind="stable"), np.argmax(x), np.argmin(x)],
         (array,), 0)
    for text, array in [
        ("NaN last", np.array([np.nan, 1.0, -np.inf, np.inf, np.nan, 0.0])),
        ("zeros of both signs", np.array([0.0, -0.0, 0.0, -0.0])),
        ("equal elements", np.array([2, 1, 2, 1, 1])),
        ("float32", reals(7, dtype="float32")),
        ("extreme integers", np.array([2**63 - 1, -(2**63), 2**63 - 2])),
    ]
]  # fmt: skip
MORE = [
    Case("sorted by another", lambda x, y: x[T.argsort(y)], lambda x, y: x[np.argsort(y)],
         (reals(5), reals(5, seed=1))),
    Case("median", lambda x: T.sort(x)[x.shape[0] // 2], lambda x: np.median(x), (reals(5),)),
    Case("sort, twice", lambda x: T.sort(T.sort(x, 0), 1), lambda x: np.sort(np.sort(x, 0), 1),
         (reals(3, 4),)),
]  # fmt: skip


@pytest.mark.parametrize("case", [*SORT, *ARGSORT, *SPECIAL, *MORE], ids=str)
def test_case(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("build", [T.sort, T.argsort], ids=lambda f: f.__name__)
def test_a_scalar_has_no_axis(build: object) -> None:
    with pytest.raises(np.exceptions.AxisError):
        build(T.dscalar())  # type: ignore[operator]
