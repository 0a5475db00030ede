"""Replay: a graph's rewriting step by step, each state a whole graph that can be shown and run.

The pipeline is deterministic, so that what a function went through is found again when somebody
asks for it; nothing is kept while functions are made.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from time import perf_counter

from arignote.config import OptimizerLevel
from arignote.graph import FunctionGraph, Variable
from arignote.rewrite.excerpt import Excerpt
from arignote.rewrite.mirror import ROOT, Change, Mirror, MirrorNode, Ref, built
from arignote.rewrite.pipeline import optimize
from arignote.rewrite.recorder import Progress, Stage
from arignote.rewrite.rule import Firing

# Of a step that does the same to many nodes, how many are written out.
MAX_LINES = 6


class StepKind(Enum):
    """What a step does."""

    RULE = "rewrite"
    MERGE = "merge"
    FOLD = "fold"


@dataclass(frozen=True, eq=False)
class Step:
    """What changes a graph at once.

    Attributes
    ----------
    kind : StepKind
    stage : Stage
    firing : Firing or None
        The rule, if one fired, and what it replaced.
    before, after : str
        The expression that was replaced, and by which; of many nodes a line for each.
    count : int
        How many nodes were merged or folded; 1 where a rule fired.
    root : int
        The key of what gives the value now.
    changes : tuple of Change
    """

    kind: StepKind
    stage: Stage
    firing: Firing | None
    before: str
    after: str
    count: int
    root: int
    changes: tuple[Change, ...]

    @property
    def came(self) -> tuple[int, ...]:
        """The keys of the nodes that were put in."""
        return tuple([key for key, old, _ in self.changes if old is None])

    @property
    def went(self) -> tuple[int, ...]:
        """The keys of the nodes that are gone."""
        return tuple([key for key, _, new in self.changes if new is None])


@dataclass(frozen=True, eq=False)
class Replay:
    """How a graph was rewritten.

    Attributes
    ----------
    original : FunctionGraph
        Before all steps.
    start : dict of int to MirrorNode
        The same by keys.
    steps : tuple of Step
    seconds : dict of Stage to float
        What each pass took.
    """

    original: FunctionGraph
    start: dict[int, MirrorNode]
    steps: tuple[Step, ...]
    seconds: dict[Stage, float]

    def nodes(self, count: int) -> dict[int, MirrorNode]:
        """The nodes after so many steps."""
        nodes = dict(self.start)
        for step in self.steps[:count]:
            for key, _, new in step.changes:
                if new is None:
                    del nodes[key]
                else:
                    nodes[key] = new
        return nodes

    def graph(self, count: int) -> FunctionGraph:
        """The graph after so many steps."""
        return built(self.nodes(count), self.original)[0]


def replay(
    graph: FunctionGraph,
    level: OptimizerLevel,
    excluded: Collection[str] = (),
    assume_equal_sizes: bool = True,
    expand: bool = False,
    included: Collection[str] = (),
) -> Replay:
    """The steps by which `optimize` rewrites a graph; see there for the parameters.

    Returns
    -------
    Replay

    Example
    -------
    >>> from arignote import function, tensor as T
    >>> from arignote.config import OptimizerLevel
    >>> x = T.dvector("x")
    >>> steps = replay(function([x], T.log(1 + x)).graph, OptimizerLevel.O3).steps
    >>> [(step.firing.name, step.before, step.after) for step in steps if step.firing]
    [('log_of_one_plus', 'log(1 + x)', 'log1p(x)')]
    """
    watcher = _Watcher(graph)
    optimize(graph, level, excluded, assume_equal_sizes, expand, watcher, included)
    return Replay(graph, watcher.start, tuple(watcher.steps), watcher.seconds)


class _Watcher:
    """The recorder that keeps a mirror up to date."""

    def __init__(self, graph: FunctionGraph) -> None:
        self.mirror = Mirror(graph)
        self.start = dict(self.mirror.nodes)
        self.steps: list[Step] = []
        self.seconds: dict[Stage, float] = {}
        self._stage = Stage.FOLD
        self._began = self._spent = 0.0
        self._merged: list[str] = []
        self._merges = 0

    def begin(self, stage: Stage) -> None:
        self._stage, self._spent, self._began = stage, 0.0, perf_counter()

    def end(self) -> None:
        self.seconds[self._stage] = perf_counter() - self._began - self._spent
        self._end_merging()

    def visited(
        self, state: Progress, variable: Variable, after: Variable, firing: Firing | None
    ) -> None:
        began = perf_counter()
        assert variable.owner is not None
        assert after.owner is not None
        if firing is not None:
            self._end_merging()
            self._fired(state, self.mirror.key(variable.owner), firing)
        elif after.owner is not variable.owner:
            # A node on rewritten inputs keeps its key.
            self.mirror.rename(after.owner, self.mirror.key(variable.owner))
        self._spent += perf_counter() - began

    def joined(self, state: Progress, variable: Variable, known: Variable) -> None:
        began = perf_counter()
        node = variable.owner
        assert node is not None
        key, kept = self.mirror.key(node), self._shown(state, known)
        if kept.key != key:
            if len(self._merged) < MAX_LINES:
                self._merged.append(Excerpt(self.mirror.nodes).text(Ref(key)))
            self._merges += 1
            first = kept.output - variable.index
            for output in range(len(node.outputs)):
                self.mirror.redirect(Ref(key, output), Ref(kept.key, first + output))
            self.mirror.rename(node, kept.key)
        self._spent += perf_counter() - began

    def folded(self, old: FunctionGraph, new: FunctionGraph) -> None:
        began = perf_counter()
        lines: list[tuple[str, str]] = []
        count, root = 0, ROOT
        seen: set[Variable] = set()
        pairs = list(zip(old.results, new.results, strict=True))
        while pairs:
            before, after = pairs.pop()
            if before is after or before in seen or before.owner is None:
                continue
            seen.add(before)
            if after.owner is not None:
                self.mirror.rename(after.owner, self.mirror.key(before.owner))
                pairs.extend(zip(before.owner.inputs, after.owner.inputs, strict=True))
                continue
            gone, root = self.mirror.ref(before), self.mirror.leaf(after)
            if len(lines) < MAX_LINES:
                excerpt = Excerpt(self.mirror.nodes)
                lines.append((excerpt.text(gone), excerpt.text(Ref(root))))
            self.mirror.redirect(gone, Ref(root))
            count += 1
        if count:
            self._add_step(StepKind.FOLD, None, _lines([line for line, _ in lines], count),
                           _lines([line for _, line in lines], count), count, root)  # fmt: skip
        self._spent += perf_counter() - began

    def _end_merging(self) -> None:
        """The merges since the last rule fired are one step."""
        if not self._merges:
            return
        count, text = self._merges, _lines(self._merged, self._merges)
        self._merged, self._merges = [], 0
        self._add_step(StepKind.MERGE, None, text, "", count, ROOT)

    def _fired(self, state: Progress, key: int, firing: Firing) -> None:
        first = self.mirror.next_key
        root = self._shown(state, firing.after)
        excerpt = Excerpt(self.mirror.nodes, range(first, self.mirror.next_key), root.key)
        before, after = excerpt.text(Ref(key)), excerpt.text(root)
        self.mirror.redirect(Ref(key), root)
        self._add_step(StepKind.RULE, firing, before, after, 1, root.key)

    def _add_step(
        self, kind: StepKind, firing: Firing | None, before: str, after: str, count: int, root: int
    ) -> None:
        changes = self.mirror.changes()
        self.steps.append(Step(kind, self._stage, firing, before, after, count, root, changes))

    def _shown(self, state: Progress, variable: Variable) -> Ref:
        """The use of a variable; what computes it and is not there yet is added."""
        mirror = self.mirror
        stack = [_current(state, variable, False)]
        while stack:
            found, is_final = stack[-1]
            if found.owner is None or mirror.shows(found.owner):
                stack.pop()
                continue
            inputs = [_current(state, x, is_final) for x in found.owner.inputs]
            missing = [x for x in inputs if x[0].owner and not mirror.shows(x[0].owner)]
            if missing:
                stack.extend(reversed(missing))
                continue
            refs = [mirror.ref(x) for x, _ in inputs]
            mirror.add(found.owner, refs, [None] * len(found.owner.outputs))
        return mirror.ref(_current(state, variable, False)[0])


def _current(state: Progress, variable: Variable, is_final: bool) -> tuple[Variable, bool]:
    """What a variable has become so far, and whether the driver is done with it.

    The inputs of what the driver is done with stay what they are.
    """
    while not is_final:
        if variable in state.done:
            return state.done[variable], True
        if variable not in state.pending:
            break
        variable = state.pending[variable]
    return variable, is_final


def _lines(lines: list[str], count: int) -> str:
    more = count - len(lines)
    return "\n".join([*lines, f"... {more} more"] if more else lines)
