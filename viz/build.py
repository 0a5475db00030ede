"""From variables and functions to the nodes and edges of a graph view, in linear time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from arignote.graph import Apply, Constant, FunctionGraph, SharedVariable, Variable, toposort
from arignote.ops.elemwise import Elemwise
from arignote.types import TensorType
from arignote.viz.nodes import GraphData, GraphEdge, GraphNode, NodeKind, Root, Value

# A leaf whose users lie further apart than this many rows is drawn once for each group of them.
ROWS_TO_COPY = 6
MAX_SOURCE = 100


def graph_of_variables(
    outputs: Mapping[str, Variable] | Iterable[Variable],
    *,
    compact: bool = True,
    copies: bool = True,
    depth: int | None = None,
    title: str = "",
) -> GraphData:
    """The graph that variables are computed by; the keys of a mapping name them."""
    named = isinstance(outputs, Mapping)
    keys = [str(key) for key in outputs] if isinstance(outputs, Mapping) else []
    variables = list(outputs.values() if isinstance(outputs, Mapping) else outputs)
    builder = _Builder(toposort(variables, _beyond(variables, depth)), {}, compact, copies)
    for place, variable in enumerate(variables):
        node, output = builder.output(variable)
        builder.roots.append(Root(node, output, keys[place] if named else None))
    return builder.finished(title)


def graph_of_function(
    graph: FunctionGraph,
    *,
    compact: bool = True,
    copies: bool = True,
    depth: int | None = None,
    title: str = "",
) -> GraphData:
    """The graph that runs when a function is called, with its updates."""
    order = toposort(graph.results, _beyond(graph.results, depth)) if depth else graph.order
    builder = _Builder(order, graph.origin, compact, copies)
    for step, apply in enumerate(graph.order):
        builder.set_step(apply, step)
    for variable in graph.inputs:
        builder.leaf_node(variable)
    for variable in graph.outputs:
        node, output = builder.output(variable)
        builder.roots.append(Root(node, output))
    for target, variable in graph.updates:
        node, output = builder.value(variable)
        builder.roots.append(Root(node, output, update_of=str(target)))
        builder.update(target, variable, node, output)
    return builder.finished(title)


def _beyond(variables: Sequence[Variable], depth: int | None) -> set[Variable]:
    """The variables first met that many levels above the given ones."""
    level = dict.fromkeys(variables)
    seen = set(level)
    for _ in range(depth or 0):
        above = dict.fromkeys(
            [x for variable in level if variable.owner for x in variable.owner.inputs]
        )
        level = {x: None for x in above if x not in seen}
        seen.update(level)
    return set(level) if depth else set()


class _Builder:
    """Nodes and edges while they are being made."""

    def __init__(
        self,
        order: Sequence[Apply],
        origin: Mapping[Variable, tuple[Variable, ...]],
        compact: bool,
        copies: bool,
    ) -> None:
        self.nodes: list[GraphNode] = []
        self.edges: list[GraphEdge] = []
        self.roots: list[Root] = []
        self.origin, self.compact, self.copies = origin, compact, copies
        self.ops: dict[Apply, int] = {}
        self.variables: dict[Variable, int] = {}
        # Leaves: the row from which the latest copy is drawn, and the copy.
        self.leaves: dict[Variable, tuple[int, int]] = {}
        self.originals: dict[Variable, int] = {}
        rows = _rows(order) if copies else {}
        for apply in order:
            self._add_apply(apply, rows.get(apply))

    def finished(self, title: str) -> GraphData:
        """All that was added, as a value."""
        return GraphData(tuple(self.nodes), tuple(self.edges), tuple(self.roots), title)

    def set_step(self, apply: Apply, step: int) -> None:
        """Notes when a node runs."""
        if apply in self.ops:
            place = self.ops[apply]
            self.nodes[place] = replace(self.nodes[place], step=step)

    def output(self, variable: Variable) -> tuple[int, int]:
        """Marks a variable as an output; the node and which of its values it is."""
        place, output = self.value(variable)
        node = self.nodes[place]
        kind = NodeKind.OUTPUT if node.kind is NodeKind.VARIABLE else node.kind
        if output not in node.outputs:
            self.nodes[place] = replace(node, kind=kind, outputs=(*node.outputs, output))
        return place, output

    def update(self, target: Variable, value: Variable, node: int, output: int) -> None:
        """Adds the place where the new value of a shared variable goes."""
        label = f"{self._name(target) or 'shared'} ← new value"
        place = self._add(
            NodeKind.UPDATE, label, (self._value(target),), str(target), target.source
        )
        self.edges.append(GraphEdge(node, place, type_text(value.type), 0, output))

    def value(self, variable: Variable, row: int | None = None) -> tuple[int, int]:
        """The node that holds a variable, and which of the node's values it is."""
        if variable in self.variables:
            return self.variables[variable], 0
        if variable.owner is None or variable.owner not in self.ops:
            return self.leaf_node(variable, row), 0
        if self.compact:
            return self.ops[variable.owner], variable.index
        return self._add_variable(variable, variable.owner), 0

    def leaf_node(self, variable: Variable, row: int | None = None) -> int:
        """The node of a leaf for a user in this row: a copy where the last one is far away."""
        known = self.leaves.get(variable)
        if known is not None and not self._far(variable, known[0], row):
            return known[1]
        kind = _leaf_kind(variable)
        name = self._name(variable)
        label = name or (_constant_label(variable) if isinstance(variable, Constant) else "")
        place = self._add(kind, label, (self._value(variable),), str(variable), variable.source)
        if variable in self.originals:
            self.nodes[place] = replace(self.nodes[place], copy_of=self.originals[variable])
        self.originals.setdefault(variable, place)
        self.leaves[variable] = (row or 0, place)
        return place

    def _far(self, variable: Variable, known: int, row: int | None) -> bool:
        if not self.copies or row is None:
            return False
        return isinstance(variable, Constant) or abs(row - known) > ROWS_TO_COPY

    def _add_apply(self, apply: Apply, row: int | None) -> None:
        starts = [self.value(x, row) for x in apply.inputs]
        op = apply.op
        values = tuple([self._value(x) for x in apply.outputs])
        if not self.compact:
            values = tuple([Value(None, "", value.type_repr) for value in values])
        place = self._add(NodeKind.OP, op.label, values, str(op), apply.source, op.doc)
        if apply.gradient_of is not None:
            self.nodes[place] = replace(
                self.nodes[place],
                is_gradient=True,
                tooltip=f"{self.nodes[place].tooltip}\nfor the gradient of {apply.gradient_of.op}",
            )
        self.ops[apply] = place
        ordered = len(starts) > 1 and not (isinstance(op, Elemwise) and op.scalar.commutative)
        for port, ((start, output), x) in enumerate(zip(starts, apply.inputs, strict=True)):
            self.edges.append(GraphEdge(start, place, type_text(x.type), port, output, ordered))

    def _add_variable(self, variable: Variable, owner: Apply) -> int:
        value = self._value(variable)
        place = self._add(
            NodeKind.VARIABLE, value.name or "", (value,), str(variable), variable.source
        )
        self.variables[variable] = place
        self.edges.append(GraphEdge(self.ops[owner], place, value.type_text, 0, variable.index))
        return place

    def _add(
        self,
        kind: NodeKind,
        label: str,
        values: tuple[Value, ...],
        text: str,
        source: object,
        doc: str = "",
    ) -> int:
        shown = str(source) if source is not None else ""
        shown = shown if len(shown) <= MAX_SOURCE else f"{shown[: MAX_SOURCE - 1]}…"
        names = ", ".join([value.name for value in values if value.name])
        title = f"{names} = {text}" if names and kind is NodeKind.OP else text
        what = doc if kind is NodeKind.OP else kind.value
        types = ", ".join([value.type_text for value in values])
        tooltip = "\n".join([line for line in (title, types, what, shown) if line])
        place = len(self.nodes)
        self.nodes.append(GraphNode(place, kind, label, values, text, shown, tooltip))
        return place

    def _value(self, variable: Variable) -> Value:
        return Value(self._name(variable), type_text(variable.type), str(variable.type))

    def _name(self, variable: Variable) -> str | None:
        """The variable's name, or that of a variable of the user's that it stands for."""
        if variable.name is not None or variable not in self.origin:
            return variable.name
        return next((x.name for x in self.origin[variable] if x.name is not None), None)


def _rows(order: Sequence[Apply]) -> dict[Apply, int]:
    """About the row that each node will be drawn in."""
    rows: dict[Apply, int] = {}
    users: dict[Apply, list[Apply]] = {}
    of_leaves: list[Apply] = []
    floating: set[Apply] = set()
    for apply in order:
        before = [x.owner for x in apply.inputs if x.owner in rows]
        rows[apply] = max([rows[owner] for owner in before if owner], default=-1) + 1
        for owner in before:
            if owner is not None:
                users.setdefault(owner, []).append(apply)
        if floating.issuperset(before):
            floating.add(apply)
            of_leaves.append(apply)
    # What needs leaves only is drawn next to its first user.
    for apply in reversed(of_leaves):
        if apply in users:
            rows[apply] = min([rows[user] for user in users[apply]]) - 1
    return rows


def type_text(type_: object) -> str:
    """Dtype and shape for people: `float32 (?, 10)`; of a scalar the dtype alone."""
    if not isinstance(type_, TensorType):
        return str(type_)
    sizes = ", ".join(["?" if size is None else str(size) for size in type_.shape])
    if not sizes:
        return type_.dtype
    return f"{type_.dtype} ({sizes},)" if type_.ndim == 1 else f"{type_.dtype} ({sizes})"


def _leaf_kind(variable: Variable) -> NodeKind:
    if isinstance(variable, Constant):
        return NodeKind.CONSTANT
    return NodeKind.SHARED if isinstance(variable, SharedVariable) else NodeKind.INPUT


def _constant_label(constant: Any) -> str:
    text = str(constant)
    if constant.data.ndim == 0 and constant.name is None and len(text) > 8:
        text = f"{constant.data.item():.6g}"
    return type_text(constant.type) if text.startswith("<") else text
