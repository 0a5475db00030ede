"""What `function` makes of its arguments: states, updates, the closed graph, and its checks."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from arignote.compile.io import In, Out
from arignote.config import OnProblem
from arignote.errors import (
    GraphError,
    InputError,
    MissingInputError,
    UnusedInputError,
    UpdateError,
    join_names,
    message,
)
from arignote.graph import (
    Constant,
    FunctionGraph,
    SharedVariable,
    Variable,
    as_variable,
    shared,
)
from arignote.graph.describe import describe
from arignote.graph.replace import rebuild

Pairs = Mapping[Any, Any] | Iterable[tuple[Any, Any]]


def states_of(ins: Sequence[In]) -> list[Any]:
    """For each input with a default the shared variable that holds it, else None."""
    cells: list[Any] = []
    for given in ins:
        if given.value is None:
            cells.append(None)
            continue
        try:
            value = given.variable.type.filter(
                given.value, downcast=given.allow_downcast, borrow=given.borrow
            )
        except InputError as error:
            raise InputError(
                message(f"the default of the input {given.variable}: {error}")
            ) from None
        cells.append(shared(value, given.name, borrow=True))
    return cells


def state_updates(ins: Sequence[In], states: Sequence[Any]) -> dict[Any, Any]:
    """The new values of inputs that are states."""
    return {
        cell: as_update(cell, given.update)
        for given, cell in zip(ins, states, strict=True)
        if given.update is not None
    }


def checked_updates(updates: Pairs) -> dict[Any, Any]:
    items = updates.items() if isinstance(updates, Mapping) else updates
    pairs: dict[Any, Any] = {}
    for item in items:
        target, value = _pair(item)
        if not isinstance(target, SharedVariable):
            raise UpdateError(
                message(
                    f"{target} cannot be updated: it is no shared variable.",
                    got=[describe(target)] if isinstance(target, Variable) else [repr(target)],
                    hint="make it with shared(value)",
                )
            )
        if target in pairs:
            raise UpdateError(message(f"{target} is updated twice.", got=[describe(target)]))
        pairs[target] = as_update(target, value)
    return pairs


def _pair(item: Any) -> tuple[Any, Any]:
    if isinstance(item, list | tuple) and len(item) == 2:
        return item[0], item[1]
    raise UpdateError(
        message(
            f"updates are pairs (shared variable, new value), but got {item!r}.",
            hint="updates={w: w - 0.1 * g} or updates=[(w, w - 0.1 * g)]",
        )
    )


def as_update(target: Any, value: Any) -> Any:
    """The new value as a variable of the target's dtype; UpdateError if it is another type."""
    new = as_variable(value)
    if isinstance(value, bool | int | float) and new.ndim == 0:
        new = as_variable(np.asarray(value, target.dtype))
    if new.ndim != target.ndim:
        raise UpdateError(
            message(
                f"the update of {target} has {new.ndim} axes, not {target.ndim}.",
                got=[describe(target), describe(new)],
            )
        )
    if new.dtype == target.dtype:
        return new
    if np.can_cast(new.dtype, target.dtype, "safe"):
        return new.astype(target.dtype)
    raise UpdateError(
        message(
            f"the update of {target} is {new.dtype}, but {target} holds {target.dtype}.",
            got=[describe(target), describe(new)],
            hint=f"convert it: .astype({target.dtype!r}); with config.floatX = 'float32' float32"
            " stays float32 beside integers",
        )
    )


def default_updates(
    graph: FunctionGraph, skip: bool | Sequence[SharedVariable]
) -> dict[SharedVariable, Variable]:
    """The default updates of the graph's shared variables that are not updated yet."""
    if skip is True:
        return {}
    known = {target for target, _ in graph.updates}.union(skip or ())
    return {
        leaf: as_update(leaf, leaf.default_update)
        for leaf in graph.leaves
        if isinstance(leaf, SharedVariable) and leaf not in known and "default_update" in vars(leaf)
    }


def closed_graph(
    ins: Sequence[In],
    outs: Sequence[Out],
    pairs: Mapping[Any, Any],
    replacements: Mapping[Variable, Variable],
) -> FunctionGraph:
    """The graph from inputs to results, with givens put in and computed inputs made leaves."""
    table = dict(replacements)
    entries: list[Variable] = []
    for given in ins:
        variable = given.variable
        if variable.owner is None:
            entries.append(variable)
            continue
        if variable in replacements:
            raise GraphError(message(f"{variable} is both an input and replaced by givens."))
        table[variable] = variable.clone(name=str(variable))
        entries.append(table[variable])
    inner = {x: table[x] for x in table if x not in replacements}
    if inner and replacements:
        table.update(zip(replacements, rebuild(list(replacements.values()), inner), strict=True))
    results = [out.variable for out in outs] + list(pairs.values())
    new = rebuild(results, table) if table else results
    origin = {
        after: (before,) for before, after in zip(results, new, strict=True) if before is not after
    }
    return FunctionGraph(
        tuple(entries),
        tuple(new[: len(outs)]),
        tuple(zip(pairs, new[len(outs) :], strict=True)),
        origin,
    )


def check_leaves(graph: FunctionGraph, ins: Sequence[In], name: str | None) -> None:
    known = set(graph.inputs)
    missing = [
        leaf
        for leaf in graph.leaves
        if leaf not in known and not isinstance(leaf, Constant | SharedVariable)
    ]
    if missing:
        names = join_names(str(x) for x in missing)
        raise MissingInputError(
            message(
                f"{names} {'is' if len(missing) == 1 else 'are'} needed but not given as"
                f" input{'' if len(missing) == 1 else 's'}.",
                got=[describe(x) for x in missing],
                hint=f"function([{join_names(str(x.variable) for x in ins)}"
                f"{', ' if ins else ''}{names}], ...)",
            )
        )


def check_unused(graph: FunctionGraph, ins: Sequence[In], policy: OnProblem) -> None:
    if policy is OnProblem.IGNORE:
        return
    used = set(graph.leaves)
    unused = [x for x, given in zip(graph.inputs, ins, strict=True) if x not in used]
    unused = [x for x, given in zip(graph.inputs, ins, strict=True) if x in unused
              and given.update is None]  # fmt: skip
    if not unused:
        return
    names = join_names(str(x) for x in unused)
    text = message(
        f"no output or update depends on the input{'' if len(unused) == 1 else 's'} {names}.",
        got=[describe(x) for x in unused],
        hint="leave it out, or pass on_unused_input='ignore'",
    )
    if policy is OnProblem.RAISE:
        raise UnusedInputError(text)
    warnings.warn(text, stacklevel=4)
