"""Origins: where in a graph NaN and Inf were born, by computing parts of it again with NumPy.

A node gives birth to NaN where it gives NaN and no element with a part in that is NaN. Inf is born
likewise, but not where it is exact because of an Inf that was given: that of 1 / x where x is
exp(-inf), say. Only elements count that have a part in what was found wrong: what a choice does
not choose has none.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from arignote.execute.marks import Marks, moves_only, reached, sources
from arignote.graph import Apply, Constant, Variable, toposort
from arignote.lower.limits import Limits, is_nan
from arignote.ops.base import View

Arrays = Mapping[Variable, np.ndarray]


@dataclass(frozen=True, eq=False)
class Origin:
    """Where NaN or Inf was born, or came in.

    Attributes
    ----------
    variable : Variable
        Of the graph that ran: the result of a node, or a leaf whose value was given.
    value : ndarray
    elements : ndarray of bool
        Which of the value's elements are meant.
    inputs : sequence of ndarray
        The values of the inputs of the variable's node.
    """

    variable: Variable
    value: np.ndarray
    elements: np.ndarray
    inputs: Sequence[np.ndarray] = ()


class Replay:
    """Part of a graph computed with NumPy.

    Parameters
    ----------
    wrong : mapping of Variable to ndarray
        Results in which something was found, with their values.
    known : mapping of Variable to ndarray
        What they are computed from.
    limits : Limits

    Attributes
    ----------
    values : dict of Variable to ndarray
    marks : dict of Variable to ndarray of bool
        The elements that have a part in what was found and are wrong themselves.
    """

    def __init__(self, wrong: Arrays, known: Arrays, limits: Limits) -> None:
        self.limits = limits
        self.order = toposort(wrong, known)
        self.values: dict[Variable, np.ndarray] = dict(known)
        for node in self.order:
            for x in node.inputs:
                if isinstance(x, Constant):
                    self.values.setdefault(x, x.data)
        with np.errstate(all="ignore"):
            for node in self.order:
                found = node.op.perform(*[self.values[x] for x in node.inputs])
                self.values.update(zip(node.outputs, map(np.asarray, found), strict=True))
        self.marks: Marks = {}
        for x, value in wrong.items():
            self.marks[x] = self._wrong(value)
        self._trace()

    def _wrong(self, value: np.ndarray) -> np.ndarray:
        return is_nan(value) | self.limits.huge(value)

    def _trace(self) -> None:
        """Marks of results become marks of what they were computed from."""
        for node in reversed(self.order):
            for out in node.outputs:
                mark = self.marks.get(out)
                if mark is None or not mark.any():
                    continue
                for n, x in enumerate(node.inputs):
                    found = self._wrong(self.values[x])
                    if found.any():
                        found &= sources(node, n, self.values, mark)
                        self.marks[x] = self.marks.get(x, False) | found

    @property
    def given(self) -> Iterator[Variable]:
        """What was not computed and has a part in what was found."""
        made = {out for node in self.order for out in node.outputs}
        return (x for x, mark in self.marks.items() if x not in made and mark.any())

    def births(self) -> Iterator[tuple[Origin, bool]]:
        """Where something was born, in order, and whether it is NaN."""
        exact = self._exact()
        for node in self.order:
            if moves_only(node):
                continue
            for out in node.outputs:
                mark = self.marks.get(out)
                if mark is None or not mark.any():
                    continue
                born = self._born(node, out, exact)
                for is_for_nan, elements in zip((True, False), born, strict=True):
                    if (elements & mark).any():
                        inputs = [self.values[x] for x in node.inputs]
                        yield Origin(out, self.values[out], elements & mark, inputs), is_for_nan

    def _born(self, node: Apply, out: Variable, exact: Marks) -> tuple[np.ndarray, np.ndarray]:
        """Where a node gives birth to NaN, and where to Inf."""
        value, limits = self.values[out], self.limits
        nan, huge = is_nan(value), limits.huge(value)
        was_nan = self._through(node, {x: is_nan(self.values[x]) for x in node.inputs}, out)
        was_huge = self._through(node, {x: limits.huge(self.values[x]) for x in node.inputs}, out)
        none = np.zeros(value.shape, "bool")
        born_nan = nan & ~was_nan if limits.nan else none
        born_huge = huge & ~was_huge & ~was_nan & ~exact[out]
        return born_nan, born_huge if limits.inf or limits.big else none

    def _through(self, node: Apply, marks: Arrays, out: Variable) -> np.ndarray:
        if out is not node.outputs[0]:
            return np.full(self.values[out].shape, any(mark.any() for mark in marks.values()))
        return reached(node, self.values, marks)

    def _exact(self) -> Marks:
        """Where values are infinite, or 0, because of an Inf that was given."""
        found: Marks = {}
        for node in self.order:
            for x in node.inputs:
                if x not in found:
                    found[x] = self.limits.huge(self.values[x])
            marks = {x: found[x] for x in node.inputs}
            for out in node.outputs:
                value = self.values[out]
                can_be = (value == 0) | self.limits.huge(value)
                found[out] = can_be & self._through(node, marks, out)
        return found

    def unexplained(self, wrong: Arrays) -> Origin | None:
        """What was found in a result and is not there when NumPy computes it."""
        for x, value in wrong.items():
            elements = self.marks[x] & ~self._wrong(self.values[x])
            if elements.any():
                return Origin(x, value, elements)
        return None


def find_origin(
    wrong: Arrays,
    known: Arrays,
    leaves: Arrays,
    judged: Container[Variable],
    limits: Limits,
) -> Origin | None:
    """Where something that was found in results of a step was born; None if it was fed in as Inf.

    Parameters
    ----------
    wrong : mapping of Variable to ndarray
        Results of the step in which something was found, with their values.
    known : mapping of Variable to ndarray
        What the step read.
    leaves : mapping of Variable to ndarray
        What the call was given: the values of inputs and of shared variables.
    judged : container of Variable
        What earlier steps have computed and was found right, or to be fed in.
    limits : Limits
    """
    replay = Replay(wrong, known, limits)
    nan_in = _nan_given(replay, limits, leaves)
    if nan_in is not None:
        return nan_in
    first = next(replay.births(), None)
    unknown = [x for x in replay.given if not (x in leaves or isinstance(x, Constant))]
    if any(not _is_judged(x, judged) for x in unknown):
        return _from_the_start(wrong, leaves, limits) or (first and first[0])
    if first is None:
        return replay.unexplained(wrong)
    origin, is_for_nan = first
    if is_for_nan or not any(limits.huge(value).any() for value in _given(wrong, leaves)):
        return origin
    return _from_the_start(wrong, leaves, limits)


def _given(wrong: Arrays, leaves: Arrays) -> Iterator[np.ndarray]:
    """The values of all leaves that results need."""
    yield from leaves.values()
    for node in toposort(wrong):
        yield from (x.data for x in node.inputs if isinstance(x, Constant))


def _from_the_start(wrong: Arrays, leaves: Arrays, limits: Limits) -> Origin | None:
    """The origin found by computing all that results need."""
    replay = Replay(wrong, leaves, limits)
    nan_in = _nan_given(replay, limits, leaves)
    if nan_in is not None:
        return nan_in
    return next((origin for origin, _ in replay.births()), None)


def _nan_given(replay: Replay, limits: Limits, leaves: Arrays) -> Origin | None:
    """NaN that has a part in what was found and was not computed."""
    for x in replay.given if limits.nan else ():
        if x in leaves or isinstance(x, Constant):
            elements = is_nan(replay.values[x]) & replay.marks[x]
            if elements.any():
                return Origin(x, replay.values[x], elements)
    return None


def _is_judged(x: Variable, judged: Container[Variable]) -> bool:
    """Whether a value was judged before; no step looks at what is only another look at one."""
    while x.owner is not None and isinstance(x.owner.op, View):
        x = x.owner.inputs[0]
    return x in judged
