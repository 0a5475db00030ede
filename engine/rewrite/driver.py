"""The driver: one pass over a graph, each node visited once, each firing noted.

Inputs are in normal form before a node is looked at; what a rule puts in is visited in turn, and
since everything below it is done, only its new nodes cost a visit.
"""

from dataclasses import dataclass, field

from arignote.errors import DTypeError, GraphError, message
from arignote.graph import Apply, FunctionGraph, Variable
from arignote.rewrite.index import RuleIndex
from arignote.rewrite.interner import Interner
from arignote.rewrite.pattern import Bindings, Call, Hole, Literal, Term
from arignote.rewrite.recorder import Recorder
from arignote.rewrite.rule import Firing, Rule
from arignote.rewrite.sizes import EqualSizes
from arignote.types import kind

# A rule set that does not come to rest is an error in the rules, found long before memory ends.
MAX_FIRINGS_PER_NODE = 50


def fire(rules: RuleIndex, make: Interner, variable: Variable) -> Firing | None:
    """The first rule that replaces a variable, and by what."""
    node = variable.owner
    assert node is not None
    for rule in rules.candidates(node):
        if isinstance(rule, Rule):
            after = _put(make, rule, variable)
        else:
            after = rule.function(make, node)
        if after is not None and _fits(after, variable, make.sizes):
            return Firing(rule, variable, after)
    return None


def _put(make: Interner, rule: Rule, variable: Variable) -> Variable | None:
    bindings = rule.match(variable)
    if bindings is None:
        return None
    dtypes = {x.type.dtype for x in bindings}
    if rule.reals_only and any(kind(dtype) != "f" for dtype in dtypes):
        return None
    if len(dtypes) > 1 and any(kind(dtype) in "biu" for dtype in dtypes):
        return None  # integers of different widths wrap at different numbers
    try:
        return _instantiate(make, rule.put, bindings, variable)
    except DTypeError:
        return None  # such as the negation of a bool, which its product with -1 allows


def _fits(after: Variable, before: Variable, sizes: EqualSizes) -> bool:
    """Whether a replacement is another variable of the same dtype and sizes."""
    if after is before or after.type.dtype != before.type.dtype:
        return False
    return sizes.same(after.type.dims, before.type.dims)


def _instantiate(make: Interner, term: Term, bindings: Bindings, root: Variable) -> Variable:
    """The expression that a pattern means for what its holes stand for."""
    if isinstance(term, Literal):
        return make.constant(term.value, root.type.dtype)
    return _operand(make, term, bindings)


def _operand(make: Interner, term: Term, bindings: Bindings) -> Variable:
    if isinstance(term, Hole):
        return bindings[term.position]
    if isinstance(term, Literal):
        return term.value  # type: ignore[return-value]
    assert isinstance(term, Call)
    return make.scalar(term.record, *[_operand(make, child, bindings) for child in term.children])


@dataclass
class Pass:
    """The state of one pass over a graph."""

    rules: RuleIndex
    log: list[Firing]
    limit: int
    make: Interner
    recorder: Recorder | None = None
    reuse: bool = False
    done: dict[Variable, Variable] = field(default_factory=dict)
    pending: dict[Variable, Variable] = field(default_factory=dict)
    uses: dict[Variable, int] = field(default_factory=dict)

    def run(self, graph: FunctionGraph) -> list[Variable]:
        """What the graph's results become."""
        done, leaf, stack = self.done, self.make.leaf, list[Variable]()
        uses = self.uses
        uses.update(dict.fromkeys(graph.results, 1))
        for node in graph.order:
            for variable in node.inputs:
                if variable in uses:
                    uses[variable] += 1
                else:
                    uses[variable] = 1
        for variable in graph.leaves:
            done[variable] = leaf(variable)
        for node in graph.order:
            for variable in node.outputs:
                self._visit(node, variable, stack)
                if stack:
                    self._finish(stack)
        return [done[x] for x in graph.results]

    def _finish(self, stack: list[Variable]) -> None:
        """Brings variables, and what they need, to normal form."""
        while stack:
            variable = stack.pop()
            if variable in self.done:
                continue
            if variable.owner is None:
                self.done[variable] = self.make.leaf(variable)
            elif variable in self.pending:
                after = self.pending.pop(variable)
                if after not in self.done:
                    raise self._no_rest()
                self.done[variable] = self.done[after]
            else:
                missing = [x for x in variable.owner.inputs if x not in self.done]
                if missing:
                    stack.append(variable)
                    stack.extend(reversed(missing))
                else:
                    self._visit(variable.owner, variable, stack)

    def _visit(self, node: Apply, variable: Variable, stack: list[Variable]) -> None:
        done, make = self.done, self.make
        make.source, make.gradient_of = node.source, node.gradient_of
        new = make.rebuilt(node, tuple([done[x] for x in node.inputs]), self.reuse)
        after = new.outputs[variable.index]
        make.uses[after] += self.uses.get(variable, 1)
        known = done.get(after)
        if known is not None:
            done[variable] = known
            if self.recorder is not None:
                self.recorder.joined(self, variable, known)
            return
        firing = fire(self.rules, make, after) if len(new.outputs) == 1 else None
        if firing is None:
            done[after] = done[variable] = after
            if self.recorder is not None:
                self.recorder.visited(self, variable, after, None)
            return
        self.log.append(firing)
        if firing.after in self.pending or len(self.log) > self.limit:
            raise self._no_rest()
        if firing.after not in self.done:
            self.uses.setdefault(firing.after, self.uses.get(variable, 1))
        for before in {variable, after}:
            self.pending[before] = firing.after
            stack.append(before)
        stack.append(firing.after)
        if self.recorder is not None:
            self.recorder.visited(self, variable, after, firing)

    def _no_rest(self) -> GraphError:
        """The error of a replacement that leads back to what it replaces, or goes on and on."""
        names = [firing.name for firing in self.log[-6:]]
        return GraphError(
            message(
                "rewrite rules replace each other's results without end.",
                got=[f"the last ones: {', '.join(names)}"],
            )
        )


def rewrite(
    graph: FunctionGraph,
    rules: RuleIndex,
    log: list[Firing],
    sizes: EqualSizes,
    recorder: Recorder | None = None,
    reuse: bool = False,
) -> FunctionGraph:
    """The graph in normal form under some rules; firings are added to the log.

    With `reuse` nodes that stay as they are may be the same objects, which then take over names:
    the graph is one that rewriting gave, and not the user's.
    """
    limit = len(log) + MAX_FIRINGS_PER_NODE * (len(graph.order) + 1)
    state = Pass(rules, log, limit, Interner(sizes), recorder, reuse)
    results = state.run(graph)
    count = len(graph.outputs)
    targets = [target for target, _ in graph.updates]
    return FunctionGraph(
        graph.inputs,
        tuple(results[:count]),
        tuple(zip(targets, results[count:], strict=True)),
        _origin(graph, state.done),
    )


def _origin(
    graph: FunctionGraph, done: dict[Variable, Variable]
) -> dict[Variable, tuple[Variable, ...]]:
    """The user's variables behind each new variable, which takes over a name from them."""
    origin: dict[Variable, tuple[Variable, ...]] = {}
    merged: dict[Variable, list[Variable]] = {}
    known = graph.origin
    for node in graph.order:
        for before in node.outputs:
            after = done.get(before)
            if after is None or after.owner is None:
                continue
            users = known.get(before) or (before,)
            if after not in origin:
                origin[after] = users
            elif after in merged:
                merged[after] += users
            else:
                merged[after] = [*origin[after], *users]
            if before.name and not after.name:
                after.name = before.name
    for after, all_users in merged.items():
        origin[after] = tuple(all_users)
    return origin
