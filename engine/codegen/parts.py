"""Which values are computed in which of the loops over a block of elements."""

from dataclasses import dataclass

from arignote.codegen.phases import Phases, Root, args_of, source
from arignote.lower.kernel import Compute, Gathered, Inner, Store
from arignote.lower.kinds import is_call


@dataclass
class Part:
    """One loop over a block.

    Attributes
    ----------
    values : list of int
        What it has in hand, in order.
    read : dict of int to (int or None)
        Those of them that an earlier part has computed: the operand that it stored them in, None
        if they are carried.
    roots : list of Root
        What it is for.
    """

    values: list[int]
    read: dict[int, int | None]
    roots: list[Root]


class Parts:
    """The loops over a block that make up a phase: one for each function that is called.

    A processor works ahead of what it waits for by about as many instructions as one function
    has. In a loop with two, of which the second needs the first, it waits for most of them:
    `exp(tanh(x))` takes a third longer in one loop than in two. What later parts need is carried
    to them in arrays as long as a block, which stay in the cache.

    No part writes to operands before all have read theirs, since what is written may take the place
    of what is read.

    Attributes
    ----------
    parts : list of Part
    carried : dict of int to tuple of (str, int)
        Values that later parts read, unless they are stored: their dtype, and which of the arrays
        of this dtype has them.
    """

    def __init__(self, phases: Phases, phase: int) -> None:
        self._phases, self._phase = phases, phase
        self._values = phases.kernel.values
        self._first: dict[int, int] = {}
        self._stored: dict[int, int] = {}
        calls = self._after_calls()
        wanted: list[list[int]] = [[] for _ in range(1 + max(calls.values(), default=0))]
        for n, part in calls.items():
            wanted[part].append(n)
        roots: list[list[Root]] = [[] for _ in wanted]
        last_load = max((k for k, w in enumerate(wanted) if self._loads(k, w)), default=0)
        for root in phases.roots[phase]:
            earliest = 0 if phases.is_local(root) else last_load
            roots[max(earliest, calls.get(source(root), 0))].append(root)
        self._first.clear()
        self.parts = [
            self._part(k, [*w, *map(source, r)], r)
            for k, (w, r) in enumerate(zip(wanted, roots, strict=True))
        ]
        self.carried = self._arrays()

    def _is_computed(self, n: int) -> bool:
        known = self._phases.is_known(n, self._phase)
        return isinstance(self._values[n], Compute | Gathered) and not known

    def _after_calls(self) -> dict[int, int]:
        """The earliest part of each value that a call computes, or that needs one."""
        found: dict[int, int] = {}
        calls = 0
        for n in self._phases.needed[self._phase]:
            value = self._values[n]
            if not self._is_computed(n):
                continue
            if isinstance(value, Compute) and is_call(value.record, value.compute):
                found[n] = calls
                calls += 1
            elif parts := [found[a] for a in args_of(value) if a in found]:
                found[n] = max(parts)
        return found

    def _part(self, number: int, wanted: list[int], roots: list[Root]) -> Part:
        """What a part has in hand for what is wanted of it; what needs no call is computed late."""
        values, read = set[int](), dict[int, int | None]()
        waiting = [n for n in wanted if self._phases.full[n]]
        while waiting:
            n = waiting.pop()
            if n in values:
                continue
            values.add(n)
            if not self._is_computed(n):
                continue
            if self._first.setdefault(n, number) < number:
                read[n] = self._stored.get(n)
            else:
                waiting.extend(a for a in args_of(self._values[n]) if self._phases.full[a])
        for root in roots:
            if isinstance(root, Store) and self._is_read_back(root, number):
                self._stored[root.value] = root.operand
        return Part(sorted(values), read, roots)

    def _loads(self, number: int, wanted: list[int]) -> bool:
        """Whether a part reads operands for what is wanted of it."""
        return not all(self._is_computed(n) for n in self._part(number, wanted, []).values)

    def _is_read_back(self, store: Store, part: int) -> bool:
        """Whether a part stores a value just as it has computed it, side by side."""
        operand, value = self._phases.kernel.operands[store.operand], self._values[store.value]
        as_it_is = operand.dtype == value.dtype and operand.inner is Inner.UNIT
        return as_it_is and self._first.get(store.value) == part

    def _arrays(self) -> dict[int, tuple[str, int]]:
        """The array of each value that is carried: one that no value is in any more, or another."""
        last_use: dict[int, int] = {}
        for k, part in enumerate(self.parts):
            last_use |= dict.fromkeys([n for n, place in part.read.items() if place is None], k)
        ends: dict[str, list[int]] = {}
        found = {}
        for n in sorted(last_use, key=lambda n: self._first[n]):
            dtype = self._values[n].dtype
            arrays = ends.setdefault(dtype, [])
            free = (k for k, end in enumerate(arrays) if end < self._first[n])
            k = next(free, len(arrays))
            arrays[k : k + 1] = [last_use[n]]
            found[n] = (dtype, k)
        return found
