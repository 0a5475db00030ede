"""Which rewrites made each node of a compiled graph.

A pass copies nodes whose inputs changed, so nodes of different passes are compared by what they
are: an op applied to equal values. A firing says that the values before and after it are equal;
with that, a node and its later copies have one class, which collects the names of the rules.
"""

from collections.abc import Hashable, Iterable, Sequence

from arignote.graph import Apply, Constant, FunctionGraph, Variable
from arignote.rewrite.fold import fold_constants
from arignote.rewrite.interner import constant_key
from arignote.rewrite.rule import Firing

MAX_BYTES = 256


def rules_of(firings: Iterable[Firing], order: Sequence[Apply]) -> dict[Apply, tuple[str, ...]]:
    """For the nodes of a graph that rules made or changed, the rules' names in order.

    Parameters
    ----------
    firings : iterable of Firing
        What led to the graph, in order.
    order : sequence of Apply
        The nodes of the graph, each after the nodes that it needs.

    Returns
    -------
    dict of Apply to tuple of str
        For a node that several rules made one after the other, all of them.
    """
    log, values = list(firings), _Values()
    for number, firing in enumerate(log):
        values.fire(number, firing)
    values.close()
    found: dict[Apply, tuple[str, ...]] = {}
    for node in order:
        values.add(node)
        numbers = values.fired[values.find(values.of[node.outputs[0]])]
        if numbers:
            found[node] = tuple(dict.fromkeys([log[n].name for n in sorted(numbers)]))
    return found


class _Values:
    """Classes of equal values: numbers, with a forest that leads from merged ones to one."""

    def __init__(self) -> None:
        self.of: dict[Variable, int] = {}
        self.fired: list[list[int]] = []
        self._forest: list[int] = []
        self._keys: dict[Hashable, int] = {}
        self._leaves: set[Hashable] = set()
        self._nodes: list[Apply] = []

    def fire(self, number: int, firing: Firing) -> None:
        """Notes that two values are equal, and what a rule made."""
        self._visit(firing.before)
        made = self._visit(firing.after)
        for node in made:
            self.fired[self.find(self.of[node.outputs[0]])].append(number)
        if firing.after.owner is not None:
            self._merge(self.of[firing.before], self.of[firing.after])
            root = firing.after.owner
            if root not in made:
                self.fired[self.find(self.of[firing.after])].append(number)
        else:
            self._merge(self.of[firing.after], self.of[firing.before])

    def close(self) -> None:
        """Merges what was different when it was met, but equal later."""
        leaves = {key: number for key, number in self._keys.items() if key in self._leaves}
        merged = True
        while merged:
            merged, self._keys = False, dict(leaves)
            for node in self._nodes:
                for out in node.outputs:
                    known = self._keys.setdefault(self._key(node, out.index), self.of[out])
                    merged |= self._merge(known, self.of[out])

    def find(self, number: int) -> int:
        """The number that stands for a class."""
        while self._forest[number] != number:
            self._forest[number] = self._forest[self._forest[number]]
            number = self._forest[number]
        return number

    def add(self, node: Apply) -> None:
        """Notes a node; what it needs is noted if it is a leaf."""
        for x in node.inputs:
            if x not in self.of:
                self._add_leaf(x)
        for out in node.outputs:
            if out not in self.of:
                self.of[out] = self._number(self._key(node, out.index))

    def _visit(self, variable: Variable) -> list[Apply]:
        """Notes a value with all that it needs; the nodes that were new, in order."""
        new: list[Apply] = []
        waiting = [variable]
        while waiting:
            x = waiting[-1]
            missing = [y for y in x.owner.inputs if y not in self.of] if x.owner else []
            if x in self.of or not missing:
                waiting.pop()
            if x in self.of:
                continue
            if x.owner is None:
                self._add_leaf(x)
            elif missing:
                waiting.extend(missing)
            else:
                self.add(x.owner)
                new.append(x.owner)
        self._nodes += new
        return new

    def _add_leaf(self, leaf: Variable) -> None:
        key: Hashable = leaf
        if isinstance(leaf, Constant) and leaf.data.nbytes <= MAX_BYTES:
            key = constant_key(leaf)
        self._leaves.add(key)
        self.of[leaf] = self._number(key)

    def _key(self, node: Apply, index: int) -> Hashable:
        constant = self._folded(node)
        if constant is not None:
            self._leaves.add(constant)
            return constant
        return node.op, index, tuple([self.find(self.of[x]) for x in node.inputs])

    def _folded(self, node: Apply) -> Hashable | None:
        """The key of the constant that folding makes of a node, if it does."""
        inputs = [x for x in node.inputs if isinstance(x, Constant) and x.data.nbytes <= MAX_BYTES]
        if not inputs or len(inputs) < len(node.inputs):
            return None
        known = fold_constants(FunctionGraph((), (node.outputs[0],))).outputs[0]
        return constant_key(known) if isinstance(known, Constant) else None

    def _number(self, key: Hashable) -> int:
        number = self._keys.setdefault(key, len(self._forest))
        if number == len(self._forest):
            self._forest.append(number)
            self.fired.append([])
        return number

    def _merge(self, first: int, second: int) -> bool:
        """Makes two classes one; False if they were."""
        first, second = self.find(first), self.find(second)
        if first == second:
            return False
        self._forest[second] = first
        self.fired[first] += self.fired[second]
        return True
