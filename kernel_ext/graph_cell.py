"""CellGraph: what a `%%graph` cell leaves behind."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from arignote import lazy
from arignote.autodiff import grad
from arignote.compile import Function, Mode, function
from arignote.errors import GraphError, join_names, message, near_names
from arignote.graph import Constant, SharedVariable, Variable, ancestors, leaves, toposort
from arignote.printing import debugprint
from arignote.viz import GraphView

MAX_LINES = 40
MAX_DEPTH = 12

Named = str | Variable
Outputs = Named | Sequence[Named] | Mapping[str, Named] | None
Pairs = Mapping[Named, object] | Iterable[tuple[Named, object]]


class UnknownNameError(GraphError, AttributeError):
    """A name that no variable of a `%%graph` cell has."""


@dataclass(frozen=True, eq=False, repr=False)
class CellGraph:
    """The graph of a `%%graph` cell: its inputs, its outputs and every variable it named.

    Attributes
    ----------
    name : str
    inputs : dict of str to Variable
        In the order in which they were declared, or that of `-i`.
    outputs : dict of str to Variable
    variables : dict of str to Variable
        Every variable that the cell named; each is an attribute of the graph too.
    chosen : bool
        Whether the inputs were given by `-i`; then `compile` adds no other.

    Example
    -------
    >>> import arignote.tensor as T
    >>> x = T.fmatrix("x")
    >>> y = x.sum()
    >>> graph = CellGraph("g", {"x": x}, {"y": y}, {"x": x, "y": y})
    >>> graph
    <CellGraph g: x -> y>
    >>> float(graph.compile("y")([[1, 2], [3, 4]]))
    10.0
    """

    name: str
    inputs: dict[str, Variable]
    outputs: dict[str, Variable]
    variables: dict[str, Variable]
    chosen: bool = False

    @property
    def shared(self) -> dict[str, SharedVariable]:
        """The shared variables of the cell and those that its variables depend on, by name."""
        own = [*self.variables.values(), *self.outputs.values()]
        every = dict.fromkeys([*own, *ancestors(own)])
        found = [variable for variable in every if isinstance(variable, SharedVariable)]
        return unique_names(found, "shared")  # type: ignore[return-value]

    @property
    def parameters(self) -> list[SharedVariable]:
        """The shared variables that a gradient can be taken by: those of float dtype."""
        return [v for v in self.shared.values() if v.type.dtype.startswith("float")]

    def grad(
        self, cost: Named, wrt: Named | Sequence[Named] | None = None
    ) -> Variable | list[Variable]:
        """The gradient of `cost` with respect to each variable of `wrt`.

        Parameters
        ----------
        cost : str or Variable
            A scalar of this graph.
        wrt : str, Variable or list of them, optional
            By default all of `parameters`; the gradient by one that `cost` does not depend on is
            then zero.

        Returns
        -------
        Variable or list of Variable
            One variable for one `wrt`, a list for a list.
        """
        __tracebackhide__ = True
        target = self[cost] if isinstance(cost, str) else cost
        if wrt is None:
            return grad(target, self.parameters, disconnected_inputs="ignore")
        if isinstance(wrt, str | Variable):
            return grad(target, self._find(wrt))
        return grad(target, [self._find(variable) for variable in wrt])

    def compile(
        self,
        outputs: Outputs = None,
        *,
        updates: Pairs = (),
        givens: Pairs = (),
        name: str | None = None,
        mode: Mode | str | None = None,
        inputs: Sequence[Named] | None = None,
        profile: bool = False,
        nan: str | None = None,
    ) -> Function:
        """A function from the inputs that the outputs and updates need, in the inputs' order.

        Parameters
        ----------
        outputs : str, Variable, list or dict of them, optional
            By default the outputs of the cell: one is returned as it is, several as a list.
        updates : dict or pairs
            New values of shared variables, computed with the outputs and stored after them.
        givens : dict or pairs
            Replacements of variables.
        name : str, optional
            Name of the function.
        mode : str, optional
            As `arignote.function` takes it.
        inputs : list of str or Variable, optional
            The inputs, in order, in place of those.
        profile : bool
            Whether each step of each call is timed.
        nan : {'off', 'raise', 'warn', 'record'}, optional
            What calls do about NaN and Inf, as `arignote.function` takes it.

        Returns
        -------
        Function
        """
        __tracebackhide__ = True
        wanted = self._chosen_outputs(outputs)
        new_values, replaced = self._pairs(updates), self._pairs(givens)
        many = wanted.values() if isinstance(wanted, dict) else wanted
        roots = [*many] if not isinstance(many, Variable) else [many]
        roots += [value for _, value in new_values]
        if inputs is None:
            found = self._inputs(roots, replaced)
        else:
            found = [self._find(variable) for variable in inputs]
        label = outputs if isinstance(outputs, str) else None
        return function(
            found,
            wanted,
            updates=new_values,
            givens=replaced,
            name=name or (f"{self.name}.{label}" if label else self.name),
            mode=mode,
            profile=profile,
            nan=nan,
        )

    def _inputs(
        self, roots: Sequence[object], givens: Iterable[tuple[Variable, object]]
    ) -> list[Variable]:
        """The inputs that roots need, in the graph's order."""
        own = list(self.inputs.values())
        needed = needed_inputs(roots, givens, own)
        inputs = [variable for variable in own if variable in needed]
        return inputs if self.chosen else list(dict.fromkeys([*inputs, *needed]))

    def _chosen_outputs(self, outputs: Outputs) -> Variable | list[Variable] | dict[str, Variable]:
        """The variables that `compile` was asked for."""
        __tracebackhide__ = True
        if outputs is None:
            found = list(self.outputs.values())
            return found[0] if len(found) == 1 else found
        if isinstance(outputs, str | Variable):
            return self._find(outputs)
        if isinstance(outputs, Mapping):
            return {name: self._find(output) for name, output in outputs.items()}
        return [self._find(output) for output in outputs]

    def _pairs(self, given: Pairs) -> list[tuple[Variable, object]]:
        """Updates or givens as pairs, their names looked up."""
        __tracebackhide__ = True
        items = given.items() if isinstance(given, Mapping) else given
        return [(self._find(variable), value) for variable, value in items]

    def _find(self, variable: Named) -> Variable:
        """The variable of that name; a variable is returned as it is."""
        __tracebackhide__ = True
        return self[variable] if isinstance(variable, str) else variable

    def __getitem__(self, name: str) -> Variable:
        __tracebackhide__ = True
        for table in (self.variables, self.outputs, self.inputs):
            if name in table:
                return table[name]
        raise UnknownNameError(self._unknown(name))

    def __getattr__(self, name: str) -> Variable:
        __tracebackhide__ = True
        if name.startswith("__") or "variables" not in self.__dict__:
            raise AttributeError(name)
        for table in (self.variables, self.outputs, self.inputs):
            if name in table:
                return table[name]
        raise UnknownNameError(self._unknown(name))

    def _unknown(self, name: str) -> str:
        names = [*dict.fromkeys([*self.variables, *self.outputs])]
        near = near_names(str(name), names)
        return message(
            f"The graph {self.name} has no variable {name!r}.",
            hint=(f"{near[0]}; " if near else "") + f"its variables: {join_names(names)}",
        )

    # A graph is looked into by name; without this, iteration would ask for 0, 1, ...
    __iter__ = None

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(name for name in self.variables if name.isidentifier())]

    def _ipython_key_completions_(self) -> list[str]:
        return [*dict.fromkeys([*self.variables, *self.outputs])]

    def __repr__(self) -> str:
        return f"<CellGraph {self.name}: {', '.join(self.inputs)} -> {', '.join(self.outputs)}>"

    @property
    def view(self) -> GraphView:
        """The graph of the outputs as pictures are drawn from it."""
        return GraphView.from_variables(self.outputs, title=self.name)

    @property
    def dot(self) -> str:
        """The graph in the language of Graphviz."""
        return self.view.dot

    @property
    def svg(self) -> str:
        """The graph as an SVG picture."""
        return self.view.svg

    def debugprint(
        self,
        depth: int | None = None,
        print_type: bool = False,
        ids: str = "CHAR",
        print_source: bool = False,
    ) -> None:
        """Prints the outputs as trees of nodes; the options are those of `arignote.debugprint`."""
        debugprint(self.outputs, depth, print_type, ids=ids, print_source=print_source)

    def _text(self, graph: GraphView) -> str:
        """The outputs as trees, cut to what can be read at a glance."""
        lines = str(debugprint(graph, depth=MAX_DEPTH, file="str")).splitlines()
        if len(lines) > MAX_LINES:
            more = f"... {len(lines) - MAX_LINES} more lines: {self.name}.debugprint()"
            lines = [*lines[:MAX_LINES], more]
        return "\n".join([repr(self), *lines])

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        # Without copies each node has one id, and no more nodes than the picture has.
        plain = self._text(GraphView.from_variables(self.outputs, copies=False))
        explorer = lazy.module("arignote.viz.explorer.explorer")
        forms = explorer.mimebundle(self.view, plain) if self.outputs else {"text/plain": plain}
        found: dict[str, str] = explorer.chosen(forms, include, exclude)
        return found


def unique_names(variables: Iterable[Variable], default: str) -> dict[str, Variable]:
    """Variables by name; one without a name, or whose name is taken, gets a number."""
    found: dict[str, Variable] = {}
    for variable in variables:
        base = variable.name or default
        name, number = base, 2
        while name in found:
            name, number = f"{base}_{number}", number + 1
        found[name] = variable
    return found


def cell_graph(
    name: str,
    declared: Mapping[str, Variable],
    assigned: Mapping[str, Variable],
    outputs: Mapping[str, Variable] | None = None,
    inputs: Mapping[str, Variable] | None = None,
) -> CellGraph:
    """The graph of a cell.

    Parameters
    ----------
    name : str
    declared : dict of str to Variable
        Inputs that the cell declared.
    assigned : dict of str to Variable
        Variables by the names that the cell left them under.
    outputs : dict of str to Variable, optional
        By default the assigned variables that no other assigned variable depends on.
    inputs : dict of str to Variable, optional
        By default the declared ones, then all others that the cell assigned or the outputs need.
    """
    if outputs is None:
        outputs = unique_names(last_variables(assigned.values()), "output")
    if inputs is None:
        own = [variable for variable in assigned.values() if is_input(variable)]
        needed = [variable for variable in leaves(outputs.values()) if is_input(variable)]
        every = dict.fromkeys([*declared.values(), *own, *needed])
        return CellGraph(
            name,
            unique_names(every, "input"),
            dict(outputs),
            {**declared, **assigned},
        )
    return CellGraph(name, dict(inputs), dict(outputs), {**declared, **assigned}, chosen=True)


def is_input(variable: Variable) -> bool:
    """Whether a value for this variable has to come from outside."""
    return variable.owner is None and not isinstance(variable, Constant | SharedVariable)


def needed_inputs(
    roots: Iterable[object], givens: Iterable[tuple[Variable, object]], inputs: Iterable[Variable]
) -> dict[Variable, None]:
    """The inputs (those of `inputs` and others) that roots need once givens are put in."""
    replaced, known = dict(givens), set(inputs)
    pending = [v for v in roots if isinstance(v, Variable)]
    seen: dict[Variable, None] = {}
    # A shared variable may bring its default update, and that further shared variables.
    while pending:
        new = [v for v in leaves(pending, known | replaced.keys()) if v not in seen]
        seen.update(dict.fromkeys(new))
        updates = [getattr(v, "default_update", None) for v in new]
        pending = [v for v in updates if isinstance(v, Variable)]
    given = [v for key in seen if isinstance(v := replaced.get(key), Variable)]
    found = [*(v for v in seen if v not in replaced), *leaves(given, known)]
    return {v: None for v in found if v in known or is_input(v)}


def last_variables(variables: Iterable[Variable]) -> list[Variable]:
    """Those of `variables` that are computed and that no other of them depends on."""
    computed = list(dict.fromkeys(v for v in variables if v.owner is not None))
    used = {variable for node in toposort(computed) for variable in node.inputs}
    return [variable for variable in computed if variable not in used]
