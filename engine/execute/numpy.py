"""The NumPy executor: one `perform` per step. The reference for all others."""

from collections.abc import Callable, Sequence
from typing import NoReturn

import numpy as np

from arignote.config import Verbosity, config
from arignote.errors import ArignoteError, message
from arignote.graph import Apply
from arignote.graph.describe import describe_all
from arignote.lower import Program

# What NumPy and SciPy functions raise on values that they cannot take.
FAILURES = (ValueError, TypeError, IndexError, ArithmeticError, MemoryError, NotImplementedError)


def load(program: Program) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
    """The program as a Python function of the values of its inputs and shared variables."""
    steps = [
        (
            step.node.op.bind([x.type for x in step.node.inputs]),
            step.inputs,
            step.outputs,
            step.dead,
        )
        for step in program.steps
    ]
    constants, size, results = list(program.constants), program.size, program.results

    def run(values: Sequence[np.ndarray]) -> list[np.ndarray]:
        __tracebackhide__ = True
        slots: list = [*values, *constants]
        slots.extend([None] * (size - len(slots)))
        position = 0
        try:
            with np.errstate(all="ignore"):
                for perform, inputs, outputs, dead in steps:
                    computed = perform(*[slots[n] for n in inputs])
                    if len(outputs) == 1:
                        slots[outputs[0]] = computed[0]
                    else:
                        for n, array in zip(outputs, computed, strict=True):
                            slots[n] = array
                    for n in dead:
                        slots[n] = None
                    position += 1
        except FAILURES as error:
            step = program.steps[position]
            fail(error, step.node, [slots[n] for n in step.inputs])
        return [slots[n] for n in results]

    return run


def run_node(
    node: Apply, perform: Callable[..., Sequence[np.ndarray]], given: Sequence[np.ndarray]
) -> Sequence[np.ndarray]:
    """What a node gives by `perform`, which is its op's or was bound from it."""
    __tracebackhide__ = True
    try:
        with np.errstate(all="ignore"):
            return perform(*given)
    except FAILURES as error:
        fail(error, node, given)


def fail(error: Exception, node: Apply, values: Sequence[np.ndarray]) -> NoReturn:
    """Raises what a node's failure means to the user: op, variables, values' shapes, line."""
    __tracebackhide__ = True
    got = describe_all(node.inputs, values)
    if config.member("exception_verbosity") is Verbosity.HIGH:
        got = [f"{line}  {_statistics(value)}" for line, value in zip(got, values, strict=True)]
    role = "the gradient of " if node.gradient_of is not None else ""
    where = node.gradient_of.source if node.gradient_of is not None else node.source
    text = message(
        f"{role}{_subject(node)} failed: {_first_line(error)}",
        got=got,
        where=str(where),
        hint=None
        if config.member("exception_verbosity") is Verbosity.HIGH
        else "config.exception_verbosity = 'high' shows the inputs' values",
    )
    raise _error_class(type(error))(text) from None


def _subject(node: Apply) -> str:
    names = [out.name for out in node.outputs if out.name]
    op = node.gradient_of.op if node.gradient_of is not None else node.op
    return f"{op}, which computes {names[0]}," if names else str(op)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _statistics(value: np.ndarray) -> str:
    if value.size == 0 or value.dtype.kind not in "biuf":
        return ""
    if value.size <= 6:
        return f"= {value.tolist()}"
    nans = int(np.isnan(value).sum()) if value.dtype.kind == "f" else 0
    return f"min {value.min()}, max {value.max()}, {nans} NaN"


_CLASSES: dict[type[Exception], type[Exception]] = {}


def _error_class(kind: type[Exception]) -> type[Exception]:
    """A class that is both ArignoteError and what NumPy raised."""
    base = next(known for known in FAILURES if issubclass(kind, known))
    if base not in _CLASSES:
        _CLASSES[base] = type(base.__name__, (ArignoteError, base), {"__module__": __name__})
    return _CLASSES[base]
