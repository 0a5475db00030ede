"""`inspect_values`: every intermediate value of a graph, with statistics, for given inputs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from arignote import lazy
from arignote.compile.function import function
from arignote.errors import (
    GraphError,
    InputError,
    MissingInputError,
    join_names,
    message,
    near_names,
)
from arignote.execute.numpy import run_node
from arignote.graph import Apply, Constant, SharedVariable, Variable, hooks, leaves, toposort
from arignote.graph.describe import describe, describe_all
from arignote.graph.replace import rebuild
from arignote.graph.variable import classes_of
from arignote.lower.names import where_text
from arignote.statistics import Statistics, statistics
from arignote.tables import Table, number, table
from arignote.types import shape_text

MAX_TEXT_ROWS = 60
MAX_OP, MAX_LINE = 30, 56
TITLES = ("value", "op", "shape", "dtype", ">min", ">max", ">mean", ">std", ">nan", ">inf", "line")


@dataclass(frozen=True, eq=False, repr=False)
class Values:
    """The values that a graph has for given inputs; `print` and notebooks show their statistics.

    Indexed by a variable, or by its name, it gives the array.

    Attributes
    ----------
    outputs : list of Variable
        What was computed.
    arrays : dict of Variable to ndarray
        Inputs and shared variables, then every result, in the order of computing.
    stats : dict of Variable to Statistics
    optimized : bool
        Whether the graph is the one that runs after the rewrites.
    """

    outputs: list[Variable]
    arrays: dict[Variable, np.ndarray]
    stats: dict[Variable, Statistics]
    optimized: bool = False
    origin: Mapping[Variable, Sequence[Variable]] | None = None

    def __getitem__(self, key: Variable | str) -> np.ndarray:
        __tracebackhide__ = True
        return self.arrays[self._found(key)]

    def __iter__(self) -> Iterator[Variable]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def __contains__(self, key: object) -> bool:
        return key in self.arrays or any(self.name(x) == key for x in self.arrays)

    def name(self, x: Variable) -> str | None:
        """The user's name for a variable or for one that it stands for."""
        users = (self.origin or {}).get(x, ())
        return x.name or next((user.name for user in users if user.name), None)

    def _found(self, key: Variable | str) -> Variable:
        """The variable that is meant; GraphError if there is none, or more than one."""
        __tracebackhide__ = True
        if isinstance(key, Variable):
            if key in self.arrays:
                return key
            standing = [x for x, users in (self.origin or {}).items() if key in users]
            if found := [x for x in standing if x in self.arrays]:
                return found[0]
            raise GraphError(message(f"{key} is no part of this graph.", got=[describe(key)]))
        named = [x for x in self.arrays if self.name(x) == key]
        if len(named) == 1:
            return named[0]
        if named:
            raise GraphError(
                message(f"{len(named)} variables are named {key!r}.",
                        got=map(describe, named), hint="give the variable itself")
            )  # fmt: skip
        names = [name for x in self.arrays if (name := self.name(x))]
        near = near_names(str(key), names)
        raise GraphError(
            message(
                f"no variable is named {key!r}.",
                hint=(f"{near[0]}; " if near else "")
                + f"names: {join_names(dict.fromkeys(names))}",
            )
        )

    @property
    def not_finite(self) -> list[Variable]:
        """The variables with NaN or infinity, in the order of computing."""
        return [x for x, found in self.stats.items() if not found.finite]

    def graph(self) -> Any:
        """The explorer of the graph, in which each node shows the statistics of its value."""
        return lazy.module("arignote.viz").explore(self)

    @property
    def table(self) -> Table:
        """The statistics as a table; those with NaN or infinity are marked."""
        shown = list(self.stats)
        rows = [self._row(x) for x in shown]
        marked = [n for n, x in enumerate(shown) if not self.stats[x].finite]
        note = f"NaN or infinity first in {describe(self.not_finite[0])}" if marked else ""
        return table(TITLES, rows, note=note, marked=marked)

    def _row(self, x: Variable) -> list[object]:
        found, node = self.stats[x], x.owner
        op = _cut(str(node.op), MAX_OP) if node is not None else _leaf_kind(x)
        where = where_text(node) if node is not None else str(x.source.where if x.source else "")
        line = node.source if node is not None else x.source
        text = f"{where}: {line.text}" if line is not None and line.text else where
        numbers = [number(value) for value in (found.min, found.max, found.mean, found.std)]
        if not found.shape and not found.finite:
            numbers[:3] = [str(self.arrays[x])] * 3
        counts = [value or None for value in (found.nan, found.inf)]
        sizes = shape_text(found.shape)
        return [self._text(x), op, sizes, found.dtype, *numbers, *counts, _cut(text, MAX_LINE)]

    def _text(self, x: Variable) -> str:
        """The name of a variable, or what it is of those with names."""
        name = self.name(x)
        if name is not None or x.owner is None:
            return name or str(x)
        args = [
            self.name(y) or (str(y) if isinstance(y, Constant) and not y.type.ndim else "…")
            for y in x.owner.inputs
        ]
        text = x.owner.op.pp(args)
        return _cut(text[1:-1] if text.startswith("(") and text.endswith(")") else text, MAX_OP)

    def __str__(self) -> str:
        whole = self.table
        rest = len(whole.rows) - MAX_TEXT_ROWS
        if rest <= 0:
            return str(whole)
        note = f"... and {rest} more; .table has all\n{whole.note}".rstrip()
        return str(table(whole.columns, whole.rows[:MAX_TEXT_ROWS], note=note))

    __repr__ = __str__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return hooks.mimebundle(self, include, exclude)


def inspect_values(
    outputs: Variable | Sequence[Variable] | Mapping[str, Variable],
    inputs: Mapping[Variable, Any] | None = None,
    optimized: bool = False,
) -> Values:
    """See `arignote.inspect_values`."""
    __tracebackhide__ = True
    wanted = _listed(outputs)
    given = _checked(inputs or {})
    missing = [
        x
        for x in leaves(wanted, given)
        if x not in given and not isinstance(x, Constant | SharedVariable)
    ]
    if missing:
        raise MissingInputError(
            message(
                f"no value is given for {join_names(map(str, missing))}.",
                got=describe_all(missing),
                hint=f"inspect_values(..., {{{', '.join(f'{x}: ...' for x in missing)}}})",
            )
        )
    if optimized:
        return _of_optimized(wanted, given)
    return _values(wanted, toposort(wanted, given), given, None)


def _of_optimized(wanted: list[Variable], given: dict[Variable, np.ndarray]) -> Values:
    """The values of the graph that a function of these inputs runs."""
    # A function takes no shared variable as an input.
    stand_ins: dict[Variable, Variable] = {
        x: classes_of(x.type).variable(x.type, x.name)
        for x in given
        if isinstance(x, SharedVariable)
    }
    outs = rebuild(wanted, stand_ins) if stand_ins else wanted
    entries = [stand_ins.get(x, x) for x in given]
    f = function(entries, list(outs), on_unused_input="ignore", no_default_updates=True)
    known = dict(zip(f.fgraph.inputs, given.values(), strict=True))
    origin = {**f.fgraph.origin, **{after: (x,) for after, x in zip(known, given, strict=True)}}
    return _values(list(f.fgraph.outputs), f.fgraph.order, known, origin)


def _values(
    outputs: list[Variable],
    order: Sequence[Apply],
    given: dict[Variable, np.ndarray],
    origin: Mapping[Variable, Sequence[Variable]] | None,
) -> Values:
    __tracebackhide__ = True
    arrays = dict(given)
    shown = [*given]
    for x in leaves(outputs, given):
        if isinstance(x, Constant):
            arrays[x] = x.data
        elif isinstance(x, SharedVariable) and x not in arrays:
            arrays[x] = x.get_value()
            shown.append(x)
    for node in order:
        shown += node.outputs
        given_to = [arrays[x] for x in node.inputs]
        found = run_node(node, node.op.perform, given_to)
        arrays.update(zip(node.outputs, found, strict=True))
    kept = {x: arrays[x] for x in (*shown, *outputs)}
    stats = {x: statistics(array) for x, array in kept.items() if not isinstance(x, Constant)}
    return Values(outputs, kept, stats, origin is not None, origin)


def _listed(outputs: Any) -> list[Variable]:
    values = outputs.values() if isinstance(outputs, Mapping) else outputs
    many = isinstance(values, Iterable) and not isinstance(values, Variable)
    found: list[Any] = list(values) if many else [values]
    if not found or not all(isinstance(x, Variable) for x in found):
        raise GraphError(
            message("inspect_values takes variables.", hint="inspect_values(loss, {x: value})")
        )
    return found


def _checked(inputs: Any) -> dict[Variable, np.ndarray]:
    """The values in the types of their variables; InputError names the variable that is wrong."""
    __tracebackhide__ = True
    if not isinstance(inputs, Mapping) or not all(isinstance(x, Variable) for x in inputs):
        raise InputError(
            message(
                "the inputs are a dict from variables to values.",
                hint="inspect_values(loss, {x: value}), where x is the variable, not its name",
            )
        )
    found = {}
    for x, value in inputs.items():
        try:
            found[x] = x.type.filter(value, downcast=True)
        except InputError as error:
            raise InputError(message(f"the value of {x}: {error}", got=[describe(x)])) from None
    return found


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _leaf_kind(x: Variable) -> str:
    return "shared" if isinstance(x, SharedVariable) else "input"
