"""Gradients of scalar records. Oracle: central differences over each record's domain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from arignote import grad, verify_grad
from arignote import tensor as T
from arignote.scalar import ScalarOp
from arignote.types import is_float
from scalar.samples import ALL, draw, label

FLOATS = [record for record in ALL if "f" in record.rule.takes]
SMOOTH = [record for record in FLOATS if is_float(record.rule.gives("float64"))]
FLAT = [record for record in ALL if record not in SMOOTH]
COMPLEX = [
    record
    for record in ALL
    if "c" in record.rule.takes and record.rule.gives("complex128") in ("float64", "complex128")
]


def points(record: ScalarOp, dtype: str) -> list[np.ndarray]:
    """Operands from the domain; the order of a polygamma is a whole number."""
    operands = draw(record, dtype, 4)
    if record.name == "polygamma":
        operands[0] = np.array([0, 1, 2, 3])
    return operands


def derivative(record: ScalarOp, position: int) -> Callable[..., Any]:
    """The sum of the record's results differentiated by one operand, as a function of variables."""

    def build(*operands: Any) -> Any:
        total = record(*operands).real.sum()
        return grad(total, operands[position], disconnected_inputs="ignore")

    return build


@pytest.mark.parametrize("record", SMOOTH, ids=label)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_first_order(record: ScalarOp, dtype: str) -> None:
    verify_grad(record, points(record, dtype), n_tests=1)


@pytest.mark.parametrize("record", SMOOTH, ids=label)
def test_second_order(record: ScalarOp) -> None:
    operands = points(record, "float64")
    for position, operand in enumerate(operands):
        if operand.dtype.kind == "f":
            verify_grad(derivative(record, position), operands, n_tests=1)


@pytest.mark.parametrize("record", COMPLEX, ids=label)
def test_complex(record: ScalarOp) -> None:
    verify_grad(record, points(record, "complex128"), n_tests=1)


@pytest.mark.parametrize("record", COMPLEX, ids=label)
def test_complex_second_order(record: ScalarOp) -> None:
    operands = points(record, "complex128")
    for position in range(record.nin):
        verify_grad(derivative(record, position), operands, n_tests=1)


@pytest.mark.parametrize("record", FLAT, ids=label)
def test_steps_have_gradient_zero(record: ScalarOp) -> None:
    """Comparisons, bits and casts to integers pass nothing on, whatever the operands are."""
    dtype = "float64" if "f" in record.rule.takes else "int64"
    inputs = [T.tensor("float64", (None,)) for _ in range(record.nin)]
    cost = record(*[x.astype(dtype) for x in inputs]).astype("float64").sum()
    values = dict(zip(inputs, draw(record), strict=True))
    for gradient in grad(cost, inputs):
        np.testing.assert_array_equal(gradient.eval(values), np.zeros(8))


# Where a record is not smooth: operands and the gradients that are promised there.
KINKS = [
    (T.maximum, [1.0, 1.0], [0.5, 0.5]),
    (T.minimum, [1.0, 1.0], [0.5, 0.5]),
    (T.maximum, [2.0, 1.0], [1.0, 0.0]),
    (T.relu, [0.0], [0.0]),
    (T.abs, [0.0], [0.0]),
    (T.sign, [0.0], [0.0]),
    (T.power, [0.0, 0.0], [0.0, 0.0]),
    (T.power, [0.0, 1.0], [1.0, 0.0]),
    (T.power, [0.0, 2.0], [0.0, 0.0]),
    (T.power, [3.0, 0.0], [0.0, np.log(3.0)]),
    (T.clip, [0.5, 0.0, 1.0], [1.0, 0.0, 0.0]),
    (T.clip, [-1.0, 0.0, 1.0], [0.0, 1.0, 0.0]),
    (T.clip, [2.0, 0.0, 1.0], [0.0, 0.0, 1.0]),
    (T.clip, [2.0, 3.0, 1.0], [0.0, 0.0, 1.0]),
    (T.clip, [0.0, 3.0, 1.0], [0.0, 0.0, 1.0]),
    (T.switch, [0.0, 1.0, 2.0], [0.0, 0.0, 1.0]),
    (T.sigmoid, [1000.0], [0.0]),
    (T.sigmoid, [-1000.0], [0.0]),
    (T.softplus, [1000.0], [1.0]),
    (T.softplus, [-1000.0], [0.0]),
    (T.tanh, [1000.0], [0.0]),
]


@pytest.mark.parametrize(("record", "operands", "wanted"), KINKS, ids=label)
def test_kinks_and_far_ends(record: Any, operands: list[float], wanted: list[float]) -> None:
    inputs = T.dscalars(len(operands))
    gradients = grad(record(*inputs), inputs, disconnected_inputs="ignore")
    values = dict(zip(inputs, operands, strict=True))
    assert [float(gradient.eval(values)) for gradient in gradients] == wanted


def test_whole_powers_of_negative_numbers() -> None:
    """Only the gradient by the exponent needs a logarithm; it must not spoil the other one."""
    verify_grad(lambda x: x**3, [np.array([-1.5, 0.0, 2.0])])
    verify_grad(lambda x: x**2, [np.array([-1.5, 0.0, 2.0])])
