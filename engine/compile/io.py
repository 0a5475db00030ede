"""Inputs and outputs of functions, as the user declares them."""

from collections.abc import Sequence
from typing import Any

from arignote.errors import GraphError, InputError, message
from arignote.graph import Constant, SharedVariable, Variable, as_variable
from arignote.graph.describe import describe


class In:
    """An input of a function.

    Parameters
    ----------
    variable : Variable
    name : str, optional
        For calls by keyword; by default the variable's name.
    value : array_like, optional
        The default. An input with a default may be left out of a call.
    update : Variable, optional
        The new default after each call; the input is then a state of the function.
    borrow : bool
        True keeps the very array that `value` is, and lets outputs share memory with the input.
    allow_downcast : bool, optional
        See `function`'s `allow_input_downcast`.

    Example
    -------
    >>> from arignote import In, function, tensor as T
    >>> x, n = T.dscalar("x"), T.lscalar("n")
    >>> f = function([x, In(n, value=2)], x ** n)
    >>> float(f(3.0)), float(f(3.0, 3))
    (9.0, 27.0)
    """

    def __init__(
        self,
        variable: Variable,
        name: str | None = None,
        value: Any = None,
        update: Any = None,
        borrow: bool = False,
        allow_downcast: bool | None = None,
    ) -> None:
        if not isinstance(variable, Variable):
            raise InputError(message(f"In needs a variable, but got {variable!r}."))
        if isinstance(variable, SharedVariable | Constant):
            kind = "shared variable" if isinstance(variable, SharedVariable) else "constant"
            raise InputError(
                message(
                    f"{variable} is a {kind}, which has its value and cannot be an input.",
                    got=[describe(variable)],
                    hint="leave it out of the inputs; givens={it: another} replaces it",
                )
            )
        if update is not None and value is None:
            raise InputError(
                message(f"the input {variable} has an update but no value to start from.")
            )
        self.variable = variable
        self.name = variable.name if name is None else name
        self.value = value
        self.update = None if update is None else as_variable(update)
        self.borrow = borrow
        self.allow_downcast = allow_downcast

    def __repr__(self) -> str:
        return f"In({self.variable})"


class Out:
    """An output of a function.

    Parameters
    ----------
    variable : Variable
    borrow : bool
        True lets the result share memory with inputs, shared variables and other results.
    """

    def __init__(self, variable: Any, borrow: bool = False) -> None:
        self.variable = as_variable(variable)
        self.borrow = borrow

    def __repr__(self) -> str:
        return f"Out({self.variable})"


def parse_inputs(inputs: Sequence[Any], allow_downcast: bool | None) -> list[In]:
    """Each input as an `In`; errors for doubles."""
    if isinstance(inputs, Variable | In):
        raise InputError(
            message(f"inputs must be a list, but got {inputs}.", hint=f"function([{inputs}], ...)")
        )
    parsed: list[In] = []
    for item in inputs:
        given = item if isinstance(item, In) else In(item)
        if given.allow_downcast is None:
            given.allow_downcast = allow_downcast
        parsed.append(given)
    seen: dict[Any, In] = {}
    for given in parsed:
        for key in (given.variable, given.name):
            if key is not None and key in seen:
                _double(given, seen[key])
            seen[key] = given
    return parsed


def _double(given: In, other: In) -> None:
    if given.variable is other.variable:
        raise GraphError(
            message(f"{given.variable} is given as an input twice.", got=[describe(given.variable)])
        )
    raise GraphError(
        message(
            f"two inputs have the name {given.name!r}.",
            got=[describe(given.variable), describe(other.variable)],
            hint="rename one: x.name = ..., or In(x, name=...)",
        )
    )


def parse_outputs(outputs: Any) -> tuple[list[Out], Any]:
    """Each output as an `Out`, and the function that arranges results as the user wrote them."""
    if outputs is None:
        return [], as_list
    if isinstance(outputs, dict):
        for key in outputs:
            if not isinstance(key, str):
                raise GraphError(
                    message(f"keys of a dict of outputs are text, but {key!r} is not.")
                )
        return [_as_out(item) for item in outputs.values()], AsDict(tuple(outputs))
    if isinstance(outputs, list | tuple):
        return [_as_out(item) for item in outputs], as_list
    return [_as_out(outputs)], first


def _as_out(item: Any) -> Out:
    return item if isinstance(item, Out) else Out(item)


def as_list(results: list[Any]) -> list[Any]:
    """The results as they are."""
    return results


def first(results: list[Any]) -> Any:
    """The one result."""
    return results[0]


class AsDict:
    """The results under keys."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self.keys = keys

    def __call__(self, results: list[Any]) -> dict[str, Any]:
        return dict(zip(self.keys, results, strict=True))
