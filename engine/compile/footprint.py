"""What memory a function holds, and what its calls take, as far as it is known at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from arignote.compile.memory import MemoryPlan, Shape, bytes_text
from arignote.compile.planning import memory_if_known
from arignote.errors import join_names
from arignote.graph import SharedVariable, Variable
from arignote.rewrite.sizes import EqualSizes
from arignote.types import shape_text

if TYPE_CHECKING:
    from arignote.compile.compiled import Function

# What unknown sizes are taken to be for a function that has not been called.
EXAMPLES = (100, 1_000, 10_000)
# Nodes that are looked at in all: the plan of a call takes about 30 us for each.
MAX_PLANNED = 120
MAX_INPUTS = 4


@dataclass(frozen=True)
class Footprint:
    """What memory a function holds between calls, and what calls take.

    Attributes
    ----------
    shared, constants : int
        Bytes of the values of shared variables and of constants.
    workspace : int
        Bytes that earlier calls have left for later ones, for what lies between their steps.
    calls : tuple of (str, MemoryPlan)
        Calls, by the shapes of their inputs: with C those whose sizes were met last, else examples.
        None for large functions, whose plans take a while.
    was_called : bool
        Whether `calls` were.

    Example
    -------
    >>> from arignote import function, tensor as T
    >>> x = T.dvector("x")
    >>> found = footprint(function([x], T.exp(x)))
    >>> [(shapes, plan.peak) for shapes, plan in found.calls][:2]
    [('x (100,)', 1600), ('x (1000,)', 16000)]
    """

    shared: int
    constants: int
    workspace: int
    calls: tuple[tuple[str, MemoryPlan], ...]
    was_called: bool

    @property
    def held(self) -> list[tuple[str, int]]:
        """What is held between calls, and its bytes; what takes none is left out."""
        found = [
            ("shared variables", self.shared),
            ("constants", self.constants),
            ("workspace for later calls", self.workspace),
        ]
        return [(name, size) for name, size in found if size]

    def __str__(self) -> str:
        if self.calls:
            shapes, plan = self.calls[0]
            peak = f"peak {peak_text(plan)}{f' for {shapes}' if shapes else ''}"
        else:
            peak = "f.memory(...) tells the peak of a call"
        held = ", ".join([f"{name} {bytes_text(size)}" for name, size in self.held])
        return f"{peak}; kept: {held}" if held else peak


def footprint(f: "Function") -> Footprint:
    """What is known of a function's memory without computing or compiling anything.

    Parameters
    ----------
    f : Function
    """
    stored = {id(value): value.nbytes for value in _values(f.graph.shared)}
    native = f._running.linked.native
    met = _met(f)
    most = MAX_PLANNED // max(len(f.fgraph.order), 1)
    asked = (met or _examples(f))[:most] if most else []
    plans = [(shapes_text(f.inputs, shapes), memory_if_known(f, shapes)) for shapes in asked]
    return Footprint(
        sum(stored.values()),
        sum(x.data.nbytes for x in f.fgraph.constants),
        sum(space.room for space in native.spaces) if native is not None else 0,
        tuple((text, plan) for text, plan in plans if plan is not None),
        bool(met),
    )


def peak_text(plan: MemoryPlan) -> str:
    """The peak of a plan: `1.25 MiB`, or `at most 1.25 MiB`."""
    return f"{'at most ' if plan.is_bound else ''}{bytes_text(plan.peak)}"


def shapes_text(inputs: Sequence[Variable], shapes: Sequence[Shape]) -> str:
    """The shapes of inputs by name: `x (100, 784), y (100,)`; those that are numbers left out."""
    texts = [f"{x} {shape_text(shape)}" for x, shape in zip(inputs, shapes, strict=True) if shape]
    return join_names(texts, MAX_INPUTS)


def _values(shared: Iterable[SharedVariable]) -> list[np.ndarray]:
    return [x.get_value(borrow=True) for x in shared]


def _met(f: "Function") -> list[tuple[Shape, ...]]:
    """The shapes of the inputs of calls whose sizes were met last, the latest first."""
    native = f._running.linked.native
    if native is None:
        return []
    found = [key[: len(f.inputs)] for number, key in list(native.frames) if number == 0]
    return list(dict.fromkeys(reversed(found)))[: len(EXAMPLES)]


def _examples(f: "Function") -> list[tuple[Shape, ...]]:
    """Shapes of inputs that fit together and to shared variables, for some unknown sizes."""
    sizes = EqualSizes(f.graph)
    known = {
        sizes.value(size): got
        for x, value in zip(f.graph.shared, _values(f.graph.shared), strict=True)
        for size, got in zip(x.type.dims, value.shape, strict=True)
    }
    keys = [[sizes.value(size) for size in x.type.dims] for x in f.graph.inputs]
    found = [
        tuple([tuple([k if isinstance(k, int) else known.get(k, example) for k in of_input])
               for of_input in keys])
        for example in EXAMPLES
    ]  # fmt: skip
    return list(dict.fromkeys(found))
