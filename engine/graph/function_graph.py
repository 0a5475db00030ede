"""FunctionGraph: the closed graph of a function, from its inputs to its outputs and updates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from arignote.graph.traverse import toposort
from arignote.graph.variable import Apply, Constant, SharedVariable, Variable


@dataclass(frozen=True)
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
