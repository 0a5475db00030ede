"""`x.eval(inputs)`: a function made for one variable, kept with it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from arignote.compile.compiled import Function
from arignote.compile.function import function
from arignote.config import OnProblem, config
from arignote.errors import InputError, MissingInputError, join_names, message
from arignote.graph import Constant, SharedVariable, Variable, hooks, leaves
from arignote.graph.describe import describe_all


def evaluate(variable: Variable, inputs: Mapping[Any, Any]) -> np.ndarray:
    """The value of a variable for given values of inputs."""
    __tracebackhide__ = True
    _check(variable, inputs)
    known: dict[Any, Function] = vars(variable).setdefault("_evaluators", {})
    key = (tuple(inputs), *map(config.member, ("mode", "linker", "optimizer")))
    if key not in known:
        _check_complete(variable, inputs)
        known[key] = function(
            list(inputs),
            variable,
            on_unused_input=OnProblem.IGNORE.value,
            name=f"eval of {variable}",
        )
    result: np.ndarray = known[key](*inputs.values())
    return result


def _check(variable: Variable, inputs: Any) -> None:
    """Raises unless inputs is a mapping from variables to values."""
    if not isinstance(inputs, Mapping) or not all(isinstance(x, Variable) for x in inputs):
        raise InputError(
            message(
                f"the inputs of eval are a dict from variables to values, but got {inputs!r}.",
                hint=f"{variable}.eval({{x: 1.0}}), where x is the variable itself, not its name",
            )
        )


def _check_complete(variable: Variable, inputs: Mapping[Any, Any]) -> None:
    """Raises if an input has no value."""
    missing = [
        leaf
        for leaf in leaves([variable], inputs)
        if leaf not in inputs and not isinstance(leaf, Constant | SharedVariable)
    ]
    if missing:
        values = ", ".join(f"{x}: ..." for x in (*inputs, *missing))
        raise MissingInputError(
            message(
                f"{variable} needs {join_names(map(str, missing))}, which got no value.",
                got=describe_all(missing),
                hint=f"{variable}.eval({{{values}}})",
            )
        )


hooks.evaluate = evaluate
