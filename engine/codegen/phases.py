"""Which values a kernel computes in which of its loops."""

from collections.abc import Sequence
from typing import TypeGuard

from arignote.lower.kernel import (
    Accumulate,
    Compute,
    Gathered,
    Inner,
    Kernel,
    Load,
    Position,
    Store,
    Total,
    Value,
)
from arignote.lower.kinds import is_call

Root = Total | Store | Accumulate
"""What a loop is for."""

Reducing = Total | Accumulate

# What a later loop computes again rather than keeps: a few operations, none of them a call.
CHEAP = 6
_CALL = 10


def weight(value: Value) -> int:
    """About how many additions a value takes to compute."""
    if not isinstance(value, Compute):
        return 0
    return _CALL if is_call(value.record, value.compute) else 1


def args_of(value: Value) -> tuple[int, ...]:
    """The values that one needs for the same element."""
    if isinstance(value, Compute):
        return value.args
    return value.indices if isinstance(value, Gathered) else ()


class Phases:
    """The loops over a row, in order, and what is known before each.

    A total over a row is known in the phase after that of what it adds up. What a phase needs of
    an earlier one is read back if it was stored, computed again if that is cheap, and else kept
    for the length of a row.

    Attributes
    ----------
    full : list of bool
        For each value whether it differs within a row.
    phase : list of int
        For each value the first phase in which it can be computed.
    count : int
        How many phases there are.
    kept : dict of int to int
        Values that are kept, and the row of scratch memory that each has.
    lent : dict of int to int
        Values that are kept where a result will be, and its operand. Nothing is read from there:
        loops that know totals do not write over what they read.
    """

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.full: list[bool] = []
        self.phase: list[int] = []
        for value in kernel.values:
            self.full.append(self._is_full(value))
            self.phase.append(self._phase_of(value))
        self.count = 1 + max(self.phase, default=0)
        self.stored = {w.value: w.operand for w in kernel.writes if isinstance(w, Store)}
        self.kept: dict[int, int] = {}
        self.lent: dict[int, int] = {}
        self._first: dict[int, int] = {}
        self.roots = [self._roots(phase) for phase in range(self.count)]
        # In this order, since a phase decides what those before it have to keep.
        self.needed = [self._needed(phase) for phase in range(self.count)]

    def _is_full(self, value: Value) -> bool:
        split = self.kernel.split
        if isinstance(value, Position):
            return value.axis >= split
        if isinstance(value, Load | Gathered):
            moves = any(axis >= split for axis in self.kernel.operands[value.operand].axes)
            return moves or any(self.full[n] for n in args_of(value))
        return isinstance(value, Compute) and any(self.full[n] for n in value.args)

    def _phase_of(self, value: Value) -> int:
        if isinstance(value, Total):
            return self.phase[value.arg] + 1
        return max((self.phase[n] for n in args_of(value)), default=0)

    def is_inner(self, write: Store | Accumulate) -> bool:
        """Whether a write is made for each element of a row, not for each row."""
        moves = self.kernel.operands[write.operand].axes if isinstance(write, Store) else write.axes
        return any(axis >= self.kernel.split for axis in moves)

    def is_local(self, root: Root) -> TypeGuard[Reducing]:
        """Whether what a root combines has a variable of its own in the innermost loop."""
        if isinstance(root, Accumulate):
            return self.kernel.rank - 1 not in self.kernel.operands[root.operand].axes
        return isinstance(root, Total)

    def _roots(self, phase: int) -> list[Root]:
        writes = [w for w in self.kernel.writes if self.is_inner(w)]
        totals = [value for value in self.kernel.values if isinstance(value, Total)]
        return [root for root in (*writes, *totals) if self.phase[source(root)] == phase]

    def _needed(self, phase: int) -> list[int]:
        """The values that the loop of a phase has in hand, in order."""
        found = set[int]()
        waiting = [source(root) for root in self.roots[phase] if self.full[source(root)]]
        while waiting:
            n = waiting.pop()
            if n in found:
                continue
            found.add(n)
            self._first.setdefault(n, phase)
            if not self.is_known(n, phase):
                waiting.extend(a for a in args_of(self.kernel.values[n]) if self.full[a])
        return sorted(found)

    def is_known(self, n: int, phase: int) -> bool:
        """Whether a value of an earlier phase is read back rather than computed again."""
        if self._first[n] >= phase or not isinstance(self.kernel.values[n], Compute):
            return False
        if self.is_kept(n) or (n in self.stored and self.phase[n] < phase):
            return True
        one_loop = self.kernel.split == self.kernel.rank - 1
        if not one_loop or self._cost(n) <= CHEAP:
            return False
        free = [operand for operand in self._last_stores(n) if operand not in self.lent.values()]
        if free:
            self.lent[n] = free[0]
        else:
            self.kept[n] = len(self.kept)
        return True

    def is_kept(self, n: int) -> bool:
        """Whether a value is kept for the length of a row."""
        return n in self.kept or n in self.lent

    def _last_stores(self, n: int) -> list[int]:
        """The operands with room for a value until the last phase, when results are put there."""
        dtype, operands = self.kernel.values[n].dtype, self.kernel.operands
        return [
            root.operand
            for root in self.roots[-1]
            if isinstance(root, Store)
            and operands[root.operand].dtype == dtype
            and operands[root.operand].inner is Inner.UNIT
        ]

    def keeps(self, n: int, phase: int) -> bool:
        """Whether a phase computes a value and keeps it for later ones."""
        return self.is_kept(n) and self._first[n] == phase

    def _cost(self, n: int) -> int:
        """What computing a value from loads takes."""
        found, waiting, cost = set[int](), [n], 0
        while waiting and cost <= CHEAP:
            n = waiting.pop()
            if n not in found and self.full[n]:
                found.add(n)
                cost += weight(self.kernel.values[n])
                waiting.extend(args_of(self.kernel.values[n]))
        return cost

    def row_values(self, phase: int) -> Sequence[int]:
        """The values that are the same in a whole row and known from this phase on."""
        return [
            n
            for n, value in enumerate(self.kernel.values)
            if not self.full[n] and self.phase[n] == phase
        ]


def source(root: Root) -> int:
    """The value that is written or combined."""
    return root.arg if isinstance(root, Total) else root.value
