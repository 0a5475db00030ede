"""FunctionGraph: the closed graph of a function, from its inputs to its outputs and updates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from arignote.graph import hooks
from arignote.graph.traverse import toposort
from arignote.graph.variable import Apply, Constant, SharedVariable, Variable

# Inputs and outputs that a graph names.
MAX_SHOWN = 8


@dataclass(frozen=True, repr=False)
class FunctionGraph:
    """An immutable graph; a pass takes one and gives another.

    Attributes
    ----------
    inputs : tuple of Variable
        Leaves, in the order in which values are given.
    outputs : tuple of Variable
    updates : tuple of (SharedVariable, Variable)
        New values of shared variables.
    origin : mapping of Variable to tuple of Variable
        For variables of this graph the user's variables that they stand for.
    """

    inputs: tuple[Variable, ...]
    outputs: tuple[Variable, ...]
    updates: tuple[tuple[SharedVariable, Variable], ...] = ()
    origin: Mapping[Variable, tuple[Variable, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        ins, outs = (", ".join(map(str, xs[:MAX_SHOWN])) for xs in (self.inputs, self.outputs))
        ins += ", ..." if len(self.inputs) > MAX_SHOWN else ""
        outs += ", ..." if len(self.outputs) > MAX_SHOWN else ""
        counts = [(len(self.order), "node"), (len(self.updates), "update")]
        about = [f"{n} {what}{'' if n == 1 else 's'}" for n, what in counts if n or what == "node"]
        return f"<FunctionGraph ({ins}) -> [{outs}]: {', '.join(about)}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return hooks.mimebundle(self, include, exclude)

    @property
    def results(self) -> tuple[Variable, ...]:
        """Outputs, then the new values of updates."""
        return (*self.outputs, *[value for _, value in self.updates])

    @cached_property
    def order(self) -> tuple[Apply, ...]:
        """The nodes, each after the nodes that it needs."""
        return tuple(toposort(self.results))

    @cached_property
    def leaves(self) -> tuple[Variable, ...]:
        """The variables without an owner that results need, in the order first met."""
        found = {x: None for node in self.order for x in node.inputs if x.owner is None}
        found.update({x: None for x in self.results if x.owner is None})
        return tuple(found)

    @cached_property
    def shared(self) -> tuple[SharedVariable, ...]:
        """The shared variables that are read or updated."""
        found = dict.fromkeys(x for x in self.leaves if isinstance(x, SharedVariable))
        found.update(dict.fromkeys(target for target, _ in self.updates))
        return tuple(found)

    @cached_property
    def constants(self) -> tuple[Constant, ...]:
        """The constants that are used."""
        return tuple(x for x in self.leaves if isinstance(x, Constant))
