"""From variables and functions to the nodes and edges of a graph view, in linear time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from arignote.graph import (
    Apply,
    Constant,
    FunctionGraph,
    SharedVariable,
    SourceLine,
    Variable,
    toposort,
)
from arignote.ops.elemwise import Elemwise
from arignote.types import TensorType
from arignote.viz.drawing.glyphs import shorten, shorten_end
from arignote.viz.drawing.nodes import GraphData, GraphEdge, GraphNode, NodeKind, Root, Value

# A leaf whose users lie further apart than this many rows is drawn once for each group of them.
ROWS_TO_COPY = 6
MAX_SOURCE = 100
# Longer expressions stand as "…" within others.
MAX_OPERAND = 24
MAX_EXPRESSION = 120


class _Place(NamedTuple):
    """What is said of a user's line, each line once."""

    shown: str
    where: str
    text: str


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
        self.stands_for: list[Apply | Variable] = []
        self.places: dict[SourceLine | None, _Place] = {None: _Place("", "", "")}
        self.gradients: dict[Apply, str] = {}
        rows = _rows(order) if copies else {}
        for apply in order:
            self._add_apply(apply, rows.get(apply))

    def finished(self, title: str) -> GraphData:
        """All that was added, as a value."""
        return GraphData(
            tuple(self.nodes), tuple(self.edges), tuple(self.roots), title, tuple(self.stands_for)
        )

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
        place = self._add_leaf(NodeKind.UPDATE, label, target)
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
        place = self._add_leaf(kind, label, variable, self.originals.get(variable))
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
        place = self._add_op(apply, values)
        self.ops[apply] = place
        ordered = len(starts) > 1 and not (isinstance(op, Elemwise) and op.scalar.commutative)
        for port, ((start, output), x) in enumerate(zip(starts, apply.inputs, strict=True)):
            self.edges.append(GraphEdge(start, place, type_text(x.type), port, output, ordered))

    def _add_variable(self, variable: Variable, owner: Apply) -> int:
        place = self._add_leaf(NodeKind.VARIABLE, self._name(variable) or "", variable)
        self.variables[variable] = place
        type_ = self.nodes[place].type_text
        self.edges.append(GraphEdge(self.ops[owner], place, type_, 0, variable.index))
        return place

    def _add_op(self, apply: Apply, values: tuple[Value, ...]) -> int:
        op, text, forward = apply.op, str(apply.op), apply
        while forward.gradient_of is not None:
            forward = forward.gradient_of
        shown, (_, where, line) = self._place(apply.source).shown, self._place(forward.source)
        names = ", ".join([value.name for value in values if value.name])
        note = f"for the gradient of {apply.gradient_of.op}" if apply.gradient_of else ""
        types = ", ".join([value.type_text for value in values])
        title = f"{names} = {text}" if names else text
        place = len(self.nodes)
        self.nodes.append(
            GraphNode(
                id=place,
                kind=NodeKind.OP,
                label=op.label,
                values=values,
                text=text,
                source=shown,
                tooltip="\n".join([part for part in (title, types, op.doc, shown, note) if part]),
                is_gradient=apply.gradient_of is not None,
                expression=self._expression(apply),
                where=where,
                line=line,
                scope=forward.source.scope if forward.source else "",
                doc=op.doc,
                gradient_of=self._gradient_of(apply),
            )
        )
        self.stands_for.append(apply)
        return place

    def _add_leaf(
        self, kind: NodeKind, label: str, variable: Variable, copy_of: int | None = None
    ) -> int:
        """Adds a node that computes nothing."""
        value, text, source = self._value(variable), str(variable), variable.source
        shown, where, line = self._place(source)
        parts = (text, value.type_text, kind.value, shown)
        place = len(self.nodes)
        self.nodes.append(
            GraphNode(
                id=place,
                kind=kind,
                label=label,
                values=(value,),
                text=text,
                source=shown,
                tooltip="\n".join([part for part in parts if part]),
                copy_of=copy_of,
                where=where,
                line=line,
                scope=_scope_of(value.name, source.scope if source else ""),
            )
        )
        self.stands_for.append(variable)
        return place

    def _place(self, source: SourceLine | None) -> _Place:
        known = self.places.get(source)
        if known is None:
            assert source is not None
            shown = shorten_end(str(source), MAX_SOURCE)
            known = self.places[source] = _Place(shown, source.where, source.text)
        return known

    def _expression(self, apply: Apply) -> str:
        return shorten(apply.op.pp([self._operand(x) for x in apply.inputs]), MAX_EXPRESSION)

    def _operand(self, variable: Variable) -> str:
        """A variable within an expression: its name, a short expression, or a mark."""
        name = self._name(variable)
        if name is not None:
            return name
        if variable.owner is None or variable.owner not in self.ops:
            text = _constant_label(variable) if isinstance(variable, Constant) else str(variable)
        else:
            text = self.nodes[self.ops[variable.owner]].expression
            if len(variable.owner.outputs) > 1:
                text = f"{text}[{variable.index}]"
        return text if len(text) <= MAX_OPERAND else "…"

    def _gradient_of(self, apply: Apply) -> str:
        """The expression whose gradient a node helps to compute, or nothing."""
        forward = apply.gradient_of
        if forward is None:
            return ""
        known = self.gradients.get(forward)
        if known is None:
            operands = [_brief(x) for x in forward.inputs]
            known = shorten(forward.op.pp(operands), MAX_EXPRESSION)
            self.gradients[forward] = known
        return known

    def _value(self, variable: Variable) -> Value:
        return Value(self._name(variable), type_text(variable.type), str(variable.type))

    def _name(self, variable: Variable) -> str | None:
        """The variable's name, or that of a variable of the user's that it stands for."""
        if variable.name is not None or variable not in self.origin:
            return variable.name
        return next((x.name for x in self.origin[variable] if x.name is not None), None)


def _scope_of(name: str | None, scope: str) -> str:
    """The scope of a leaf: a name such as `layer1/W` or `layer1.W` says one of its own."""
    own, slash, _ = (name or "").rpartition("/")
    if not slash:
        own = (name or "").rpartition(".")[0].replace(".", "/")
    if not all(part.strip() for part in own.split("/")) or f"/{scope}".endswith(f"/{own}"):
        return scope
    return own if not scope or own.startswith(f"{scope}/") else f"{scope}/{own}"


def _brief(variable: Variable) -> str:
    """A variable of a graph that is not drawn: its name, an expression of names, or a mark."""
    if variable.name is not None or variable.owner is None:
        text = str(variable)
    else:
        owner = variable.owner
        text = owner.op.pp([x.name or ("…" if x.owner else str(x)) for x in owner.inputs])
    return text if len(text) <= MAX_OPERAND else "…"


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
