"""Test values: every node computed on sample inputs while it is built."""

import warnings

import numpy as np

from arignote.config import TestValues, config
from arignote.errors import ArignoteError, TestValueError, message
from arignote.graph.describe import describe_all
from arignote.graph.traverse import ancestors, toposort
from arignote.graph.variable import Apply, Constant, SharedVariable, Variable


def compute_test_values(node: Apply) -> None:
    """Puts `tag.test_value` on the outputs of a new node, as `config.compute_test_value` says."""
    policy = config.member("compute_test_value")
    if policy is TestValues.OFF:
        return
    try:
        values = [_test_value(x) for x in node.inputs]
        results = _perform(node, values)
    except TestValueError as error:
        if policy is TestValues.RAISE:
            raise
        warnings.warn(str(error), stacklevel=2)
        return
    for out, result in zip(node.outputs, results, strict=True):
        out.tag.test_value = result


def _test_value(variable: Variable) -> np.ndarray:
    if isinstance(variable, Constant):
        return variable.data
    if "test_value" in vars(variable.tag):
        try:
            value: np.ndarray = variable.type.filter(variable.tag.test_value)
        except ArignoteError as error:
            raise TestValueError(
                message(
                    f"the test value of {variable} does not fit its type {variable.type}: {error}",
                    where=str(variable.source),
                )
            ) from None
        return value
    if isinstance(variable, SharedVariable):
        return variable.get_value(borrow=True)
    if variable.owner is not None:
        return _late(variable)
    raise TestValueError(
        message(
            f"{variable} has no test value.",
            where=str(variable.source),
            hint=f"{variable}.tag.test_value = an array of type {variable.type},"
            " or config.compute_test_value = 'off'",
        )
    )


def _late(variable: Variable) -> np.ndarray:
    """The value of what was built before test values were turned on; kept for the next time."""
    known = {
        x for x in ancestors([variable]) if x.owner is not None and "test_value" in vars(x.tag)
    }
    for node in toposort([variable], known):
        results = _perform(node, [_test_value(x) for x in node.inputs])
        for out, result in zip(node.outputs, results, strict=True):
            out.tag.test_value = result
    value: np.ndarray = variable.tag.test_value
    return value


def _perform(node: Apply, values: list[np.ndarray]) -> tuple[np.ndarray, ...]:
    try:
        with np.errstate(all="ignore"):
            return node.op.perform(*values)
    except (ValueError, TypeError, IndexError, ArithmeticError) as error:
        raise TestValueError(
            message(
                f"{node.op} fails on the test values: {error}",
                got=describe_all(node.inputs, values),
                where=str(node.source),
            )
        ) from None
