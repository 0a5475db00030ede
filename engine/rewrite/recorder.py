"""What the pipeline tells whoever looks on while it rewrites a graph."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from typing import Protocol

from arignote.graph import FunctionGraph, Variable
from arignote.rewrite.rule import Firing


class Stage(Enum):
    """A pass of the pipeline."""

    FOLD = "fold constants"
    SIZES = "find equal sizes"
    REWRITE = "rewrite"
    EXPAND = "expand"
    FOLD_AGAIN = "fold constants again"


class Progress(Protocol):
    """How far the driver is with a graph.

    Attributes
    ----------
    done : mapping of Variable to Variable
        What variables have become for good.
    pending : mapping of Variable to Variable
        By what variables were replaced that is not done itself.
    """

    @property
    def done(self) -> Mapping[Variable, Variable]: ...

    @property
    def pending(self) -> Mapping[Variable, Variable]: ...


class Recorder(Protocol):
    """Looks on while a graph is rewritten."""

    def begin(self, stage: Stage) -> None:
        """A pass begins."""

    def end(self) -> None:
        """The pass is done."""

    def visited(
        self, state: Progress, variable: Variable, after: Variable, firing: Firing | None
    ) -> None:
        """The driver rebuilt a variable on rewritten inputs, and a rule fired at it or none did."""

    def joined(self, state: Progress, variable: Variable, known: Variable) -> None:
        """The driver found a variable that equals one for which it has put `known`."""

    def folded(self, old: FunctionGraph, new: FunctionGraph) -> None:
        """What depends on constants only was computed."""


@contextmanager
def told(recorder: Recorder | None, stage: Stage) -> Iterator[None]:
    """Tells a recorder, if there is one, that this block is a pass."""
    if recorder is not None:
        recorder.begin(stage)
    yield
    if recorder is not None:
        recorder.end()
