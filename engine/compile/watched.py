"""What of a function's graph is watched, and where its values come from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from arignote.graph import (
    Constant,
    FunctionGraph,
    SharedVariable,
    Variable,
    ancestors,
    leaves,
)
from arignote.graph.source import SourceLine

if TYPE_CHECKING:
    from arignote.compile.compiled import Function

STATISTICS = ("min", "max", "mean", "std", "nan", "inf", "norm")
"""What is computed of each variable."""
OF_VALUES = STATISTICS[:4]
"""What is computed over the finite values only."""
RATIO, GRADIENT = "ratio", "gradient"
"""What is computed of updated variables too: the norm of the change over that of the value before,
and the norm of the gradient of the cost."""
CHANNELS = (*STATISTICS, RATIO, GRADIENT)
"""All that may be known of a variable."""


class Role(Enum):
    """Where the value of a variable comes from."""

    OUTPUT = "output"
    INPUT = "input"
    SHARED = "shared variable"
    INNER = "computed inside"


@dataclass(frozen=True, eq=False)
class Watched:
    """A variable of a function that is looked at.

    Attributes
    ----------
    name : str
    variable : Variable
        Of the function's graph.
    role : Role
    place : int
        Its place among the outputs or the inputs.
    update : Variable or None
        The expression of its new value.
    gradient : Variable or None
        The gradient of the cost by it.
    """

    name: str
    variable: Variable
    role: Role
    place: int = -1
    update: Variable | None = None
    gradient: Variable | None = None

    @property
    def is_loss(self) -> bool:
        """Whether it is one real number that the function computes."""
        computed = self.role in (Role.OUTPUT, Role.INNER)
        return computed and self.variable.type.ndim == 0 and is_real(self.variable)

    @property
    def source(self) -> SourceLine | None:
        """The user's line that computes it."""
        computed = self.update if self.update is not None else self.variable
        return computed.source or self.variable.source

    @property
    def cell(self) -> SharedVariable:
        """The variable, which is shared."""
        assert isinstance(self.variable, SharedVariable)
        return self.variable

    def value(self, values: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> np.ndarray:
        """Its value, which is known, after a call with these inputs and outputs."""
        if self.role is Role.SHARED:
            return self.cell.get_value(borrow=True)
        return (outputs if self.role is Role.OUTPUT else values)[self.place]

    @property
    def channels(self) -> tuple[str, ...]:
        """All that may be computed of it."""
        more: tuple[str, ...] = (RATIO,) if self.update is not None else ()
        if self.gradient is not None:
            more += (GRADIENT,)
        return STATISTICS + more


# ---- what is watched ----------------------------------------------------------------------------


def by_default(f: "Function") -> list[Watched]:
    """The losses of a function and the variables that it updates, with their gradients.

    A loss is an output that is one real number; where there is none, the cost that a gradient is
    taken of.
    """
    graph, gradients = f.graph, _gradients(f.graph)
    chosen = [x for x in graph.outputs if x.type.ndim == 0 and is_real(x)]
    if not chosen:
        chosen = _costs(graph)
    chosen += [target for target, _ in graph.updates if target.type.is_float]
    return _all_watched(f, dict.fromkeys(chosen), gradients, {})


def by_name(f: "Function", names: Iterable[str | Variable]) -> list[Watched]:
    """The variables of a function that have these names or are these; others are left out."""
    known = _variables(f)
    chosen: dict[Variable, None] = {}
    given: dict[Variable, str] = {}
    for name in names:
        if isinstance(name, Variable):
            found = [name] if name in known else _same(name, f, known)
        else:
            found = [x for x in known if x.name == name]
        for x in found:
            chosen[x] = None
            given[x] = name if isinstance(name, str) else str(name)
    return _all_watched(f, chosen, _gradients(f.graph), given)


def names_of(f: "Function") -> list[str]:
    """The names that a function's variables have, each once."""
    return list(dict.fromkeys(x.name for x in _variables(f) if x.name))


def _variables(f: "Function") -> dict[Variable, None]:
    """The variables of the graph, those first that a name most likely means."""
    graph = f.graph
    found = dict.fromkeys([*graph.outputs, *graph.shared, *graph.inputs])
    found.update(dict.fromkeys(out for node in graph.order for out in node.outputs))
    return {x: None for x in found if not isinstance(x, Constant)}


def _same(x: Variable, f: "Function", known: Iterable[Variable]) -> list[Variable]:
    """What stands for a user's variable in a graph in which `givens` were put in."""
    after = [y for y, before in f.graph.origin.items() if x in before]
    named = [y for y in known if x.name is not None and y.name == x.name]
    return after or (named if len(named) == 1 else [])


def _all_watched(
    f: "Function",
    chosen: Iterable[Variable],
    gradients: Mapping[Variable, list[Variable]],
    given: Mapping[Variable, str],
) -> list[Watched]:
    taken: dict[str, int] = {}
    outputs = {x: n for n, x in reversed(list(enumerate(f.graph.outputs)))}
    inputs = {x: n for n, x in enumerate(f.graph.inputs)}
    updates = dict(f.graph.updates)
    found = []
    for x in chosen:
        name = given.get(x) or _name(x, outputs)
        taken[name] = taken.get(name, 0) + 1
        name = name if taken[name] == 1 else f"{name} ({taken[name]})"
        if isinstance(x, SharedVariable):
            gradient = _gradient(x, updates.get(x), gradients)
            found.append(Watched(name, x, Role.SHARED, -1, updates.get(x), gradient))
        elif x in inputs:
            found.append(Watched(name, x, Role.INPUT, inputs[x]))
        elif x in outputs:
            found.append(Watched(name, x, Role.OUTPUT, outputs[x]))
        else:
            found.append(Watched(name, x, Role.INNER))
    return found


def _name(x: Variable, outputs: Mapping[Variable, int]) -> str:
    if x.name:
        return x.name
    if x in outputs:
        return f"output {outputs[x]}" if len(outputs) > 1 else "output"
    return "shared variable" if isinstance(x, SharedVariable) else str(x)


def is_real(x: Variable) -> bool:
    return bool(x.type.is_float) and not x.type.dtype.startswith("complex")


def _marks(x: Variable) -> Sequence[tuple[Variable, Variable]]:
    """The costs and variables that `grad` made an expression of, as it noted them."""
    return getattr(x.tag, "gradient_by", ()) if "_tag" in vars(x) else ()


def _gradients(graph: FunctionGraph) -> dict[Variable, list[Variable]]:
    """For the variables that gradients are taken by, these."""
    found: dict[Variable, list[Variable]] = {}
    for node in graph.order:
        for x in node.outputs:
            for _, target in _marks(x):
                if x not in found.setdefault(target, []):
                    found[target].append(x)
    return found


def _gradient(
    target: Variable, update: Variable | None, gradients: Mapping[Variable, list[Variable]]
) -> Variable | None:
    """The one gradient by a variable that its update depends on; None if it is not clear."""
    found = gradients.get(target, [])
    if update is None or not found:
        return None
    if len(found) > 1:
        needed = set(ancestors([update]))
        found = [x for x in found if x in needed]
    return found[0] if len(found) == 1 else None


def _costs(graph: FunctionGraph) -> list[Variable]:
    """The costs of the gradients in a graph, as far as its inputs are enough to compute them."""
    given = {*graph.inputs, *graph.leaves}
    costs = [cost for node in graph.order for x in node.outputs for cost, _ in _marks(x)]
    return [
        cost
        for cost in dict.fromkeys(costs)
        if all(x in given or isinstance(x, Constant) for x in leaves([cost]))
    ]
