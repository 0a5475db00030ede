"""Frames: what one tuple of sizes makes of a part of a program, ready for the runtime.

Kernels and steps know no sizes. For each tuple of sizes the runtime makes a table of them: where
each operand lies, its strides, how many jobs share a loop. This is done once per tuple.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from arignote.execute.geometry import LoopsCost
from arignote.execute.libraries import ffi
from arignote.execute.recipe import Numbers, Recipe, UnfitError
from arignote.execute.runtime import Outcome, runtime
from arignote.graph import Constant, Variable
from arignote.lower.kernel import Kernel
from arignote.lower.sizes import CallSizes, SizeTable
from arignote.lower.steps import Part


@dataclass(slots=True)
class Frame:
    """A table with the arguments that it works on; one call at a time has it.

    `whole` is what the runtime takes for both; `owners` has for each step of the table the number
    of the part's step that it belongs to; `held` are arrays of inputs that the arguments still
    point to, and `buffers` what keeps them in place; `room` is the size of the workspace that the
    argument after inputs and outputs must lead to.
    """

    table: Any
    steps: int
    args: Any
    shapes: tuple[tuple[int, ...], ...]
    whole: Any
    kept: Any
    owners: Sequence[int]
    held: list[Any]
    buffers: list[Any]
    room: int


class FramePlan:
    """What the frames of a part have in common, whatever the sizes are.

    Parameters
    ----------
    part, table, hosts, addresses, threads
        As `Recipe` has them.
    """

    def __init__(
        self,
        part: Part,
        table: SizeTable,
        hosts: set[Variable],
        addresses: Callable[[Kernel], tuple[int, LoopsCost]],
        threads: int,
    ) -> None:
        self.part = part
        self.recipe = Recipe(part, table, hosts, addresses, threads)
        alignments = [x.type.numpy_dtype.alignment for x in part.inputs]
        self._alignments = ffi().new("int64_t[]", alignments or [1])
        self._word_room, self._step_room = 64, 8
        self._arguments = self.recipe.workspace + 1 + len(self.recipe.given)

    def frame(self, sizes: CallSizes, hosts: Mapping[Variable, np.ndarray]) -> Frame:
        """The frame for the sizes of a call.

        Raises
        ------
        UnfitError
            The native code does not fit them.
        """
        new, part = ffi().new, self.part
        numbers = self.recipe.numbers(sizes, hosts)
        table, owners, out = self._lay_out(numbers)
        args = new("char*[]", self._arguments)
        kept: list[Any] = [self._alignments]
        for n, x in enumerate(self.recipe.given, self._arguments - len(self.recipe.given)):
            array = x.data if isinstance(x, Constant) else hosts[x]
            buffer = ffi().from_buffer(np.ascontiguousarray(array).reshape(-1))
            args[n] = buffer
            kept.append(buffer)
        steps, inputs = out[5], len(part.inputs)
        whole = new(
            "int64_t[]",
            [_address(table), steps, _address(args), inputs, _address(self._alignments)],
        )
        shapes = tuple([numbers.shape(x) for x in part.outputs])
        held = [None] * inputs
        return Frame(table, steps, args, shapes, whole, kept, owners, held, held.copy(), out[6])

    def _lay_out(self, numbers: Numbers, places: Any = None) -> tuple[Any, Any, Any]:
        """The table, the owners of its steps, and what the runtime says of them."""
        new, recipe, machine = ffi().new, self.recipe, runtime()
        given = new("int64_t[]", numbers.values)
        while True:
            words = new("int64_t[]", self._word_room)
            owners = new("int64_t[]", self._step_room)
            room = (self._word_room, self._step_room)
            out = new("int64_t[]", [_address(words), _address(owners), *room, 0, 0, 0, 0])
            at = ffi().NULL if places is None else places
            outcome = machine.lay_out(ffi().from_buffer(recipe.words), given, out, at)
            if outcome == Outcome.LAID_OUT:
                return words, owners, out
            if outcome == Outcome.NO_ROOM:
                self._word_room = max(self._word_room, out[4])
                self._step_room = max(self._step_room, out[5])
            elif outcome == Outcome.UNKNOWN_KERNEL:
                recipe.add_variant(out[7], list(words[0 : recipe.operands(out[7])]))
            elif outcome == Outcome.NO_MEMORY:
                raise MemoryError
            else:
                raise UnfitError

    def places(
        self, sizes: CallSizes, hosts: Mapping[Variable, np.ndarray]
    ) -> tuple[Numbers, dict[Variable, tuple[int, int]]]:
        """What is known of a call, and for each variable its argument and offset there."""
        numbers = self.recipe.numbers(sizes, hosts)
        at = ffi().new("int64_t[]", 2 * self.recipe.place_count + 1)
        self._lay_out(numbers, at)
        return numbers, self.recipe.places(at)


def _address(pointer: Any) -> int:
    return int(ffi().cast("intptr_t", pointer))
