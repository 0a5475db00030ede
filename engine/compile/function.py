"""`function` and what it gives."""

import difflib
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from arignote.compile.io import In, Out, first, parse_inputs, parse_outputs
from arignote.compile.mode import Mode, get_mode
from arignote.config import Device, Linker, OnProblem, config
from arignote.errors import (
    GraphError,
    InputError,
    MissingInputError,
    UnusedInputError,
    UpdateError,
    join_names,
    message,
)
from arignote.execute import Executable, Executor, load
from arignote.graph import (
    Constant,
    FunctionGraph,
    SharedVariable,
    Variable,
    as_variable,
    hooks,
    leaves,
    shared,
)
from arignote.graph.collector import without_collector
from arignote.graph.describe import describe
from arignote.graph.replace import checked_pairs, rebuild
from arignote.graph.source import SourceLine, user_line
from arignote.lower import Program, lower
from arignote.rewrite import optimize

EXECUTORS: dict[Linker, Executor] = {Linker.AUTO: load, Linker.NUMPY: load}

Pairs = Mapping[Any, Any] | Iterable[tuple[Any, Any]]


@without_collector
def function(
    inputs: Sequence[Variable | In],
    outputs: Any = None,
    updates: Pairs = (),
    givens: Any = (),
    mode: Mode | str | None = None,
    name: str | None = None,
    on_unused_input: str | None = None,
    allow_input_downcast: bool | None = None,
    no_default_updates: bool | Sequence[SharedVariable] = False,
) -> "Function":
    """A callable that computes outputs from inputs, then stores updates.

    Parameters
    ----------
    inputs : sequence of Variable or In
        Any variables, results of other variables too (these are then given, not computed).
        Shared variables and constants need not and cannot be given.
    outputs : Variable, Out, list, dict with str keys, or None
        The form of what a call returns: an array, a list, a dict, or an empty list.
    updates : mapping or pairs of SharedVariable and expression
        New values, stored once everything is computed; all expressions see the old values.
    givens : mapping or pairs of Variable and replacement
        Replacements in outputs and updates, all made at once.
    mode : {'FAST_RUN', 'FAST_COMPILE'} or Mode, optional
        By default `config.mode`.
    name : str, optional
        For messages and pictures.
    on_unused_input : {'raise', 'warn', 'ignore'}, optional
        By default `config.on_unused_input`.
    allow_input_downcast : bool, optional
        False: inputs convert only without loss. None: Python floats and lists of them also go into
        narrower float inputs. True: any real dtype converts.
    no_default_updates : bool or list of SharedVariable
        Whose `default_update` is left out.

    Returns
    -------
    Function

    Raises
    ------
    MissingInputError, UnusedInputError, UpdateError, GraphError, InputError

    Example
    -------
    >>> from arignote import function, shared, tensor as T
    >>> x, total = T.dscalar("x"), shared(0.0, "total")
    >>> add = function([x], total + x, updates={total: total + x})
    >>> float(add(2.0)), float(add(3.0)), float(total.get_value())
    (2.0, 5.0, 5.0)
    """
    config.use("device")
    assert config.member("device") is Device.CPU
    ins = parse_inputs(inputs, allow_input_downcast)
    outs, arrange = parse_outputs(outputs)
    source = user_line()
    states = _states(ins)
    pairs = _updates(updates)
    pairs.update(
        {cell: _fits(cell, value) for cell, value in zip(*_state_updates(ins, states), strict=True)}
    )
    replacements = checked_pairs(dict(givens), "givens")
    _add_defaults(pairs, outs, replacements, ins, no_default_updates)
    graph = _closed(ins, outs, pairs, replacements)
    _check_leaves(graph, ins, name)
    _check_unused(graph, ins, _policy(on_unused_input))
    return Function(ins, states, outs, arrange, graph, get_mode(mode), name, source)


def _policy(on_unused_input: str | None) -> OnProblem:
    if on_unused_input is None:
        policy = config.member("on_unused_input")
        assert isinstance(policy, OnProblem)
        return policy
    return OnProblem(on_unused_input)


# ---- states: inputs with a default -------------------------------------------------------------


def _states(ins: Sequence[In]) -> list[Any]:
    """For each input with a default the shared variable that holds it, else None."""
    cells: list[Any] = []
    for given in ins:
        if given.value is None:
            cells.append(None)
            continue
        try:
            value = given.variable.type.filter(
                given.value, downcast=given.allow_downcast, borrow=given.borrow
            )
        except InputError as error:
            raise InputError(
                message(f"the default of the input {given.variable}: {error}")
            ) from None
        cells.append(shared(value, given.name, borrow=True))
    return cells


def _state_updates(ins: Sequence[In], states: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    pairs = [
        (cell, given.update) for given, cell in zip(ins, states, strict=True) if given.update
        is not None
    ]  # fmt: skip
    return [cell for cell, _ in pairs], [value for _, value in pairs]


# ---- updates -------------------------------------------------------------------------------------


def _updates(updates: Pairs) -> dict[Any, Any]:
    items = updates.items() if isinstance(updates, Mapping) else updates
    pairs: dict[Any, Any] = {}
    for item in items:
        target, value = _pair(item)
        if not isinstance(target, SharedVariable):
            raise UpdateError(
                message(
                    f"{target} cannot be updated: it is no shared variable.",
                    got=[describe(target)] if isinstance(target, Variable) else [repr(target)],
                    hint="make it with shared(value)",
                )
            )
        if target in pairs:
            raise UpdateError(message(f"{target} is updated twice.", got=[describe(target)]))
        pairs[target] = _fits(target, value)
    return pairs


def _pair(item: Any) -> tuple[Any, Any]:
    if isinstance(item, list | tuple) and len(item) == 2:
        return item[0], item[1]
    raise UpdateError(
        message(
            f"updates are pairs (shared variable, new value), but got {item!r}.",
            hint="updates={w: w - 0.1 * g} or updates=[(w, w - 0.1 * g)]",
        )
    )


def _fits(target: Any, value: Any) -> Any:
    """The new value as a variable of the target's dtype; UpdateError if it is another type."""
    new = as_variable(value)
    if isinstance(value, bool | int | float) and new.ndim == 0:
        new = as_variable(np.asarray(value, target.dtype))
    if new.ndim != target.ndim:
        raise UpdateError(
            message(
                f"the update of {target} has {new.ndim} axes, not {target.ndim}.",
                got=[describe(target), describe(new)],
            )
        )
    if new.dtype == target.dtype:
        return new
    if np.can_cast(new.dtype, target.dtype, "safe"):
        return new.astype(target.dtype)
    raise UpdateError(
        message(
            f"the update of {target} is {new.dtype}, but {target} holds {target.dtype}.",
            got=[describe(target), describe(new)],
            hint=f"convert it: .astype({target.dtype!r}); with config.floatX = 'float32' float32"
            " stays float32 beside integers",
        )
    )


def _add_defaults(
    pairs: dict[Any, Any],
    outs: Sequence[Out],
    replacements: Mapping[Variable, Variable],
    ins: Sequence[In],
    skip: bool | Sequence[SharedVariable],
) -> None:
    """Adds the default updates of shared variables in the graph, and of those that these need."""
    if skip is True:
        return
    given = {item.variable for item in ins}
    left_out = set(skip) if skip else set()
    waiting = [out.variable for out in outs] + list(pairs.values()) + list(replacements.values())
    while waiting:
        found = leaves(waiting, given)
        waiting = []
        for leaf in found:
            if not isinstance(leaf, SharedVariable) or leaf in pairs or leaf in left_out:
                continue
            if "default_update" in vars(leaf):
                pairs[leaf] = _fits(leaf, leaf.default_update)
                waiting.append(pairs[leaf])


# ---- the graph -----------------------------------------------------------------------------------


def _closed(
    ins: Sequence[In],
    outs: Sequence[Out],
    pairs: Mapping[Any, Any],
    replacements: Mapping[Variable, Variable],
) -> FunctionGraph:
    """The graph from inputs to results, with givens put in and computed inputs made leaves."""
    table = dict(replacements)
    entries: list[Variable] = []
    for given in ins:
        variable = given.variable
        if variable.owner is None:
            entries.append(variable)
            continue
        if variable in replacements:
            raise GraphError(message(f"{variable} is both an input and replaced by givens."))
        table[variable] = variable.clone(name=str(variable))
        entries.append(table[variable])
    inner = {x: table[x] for x in table if x not in replacements}
    if inner and replacements:
        table.update(zip(replacements, rebuild(list(replacements.values()), inner), strict=True))
    results = [out.variable for out in outs] + list(pairs.values())
    new = rebuild(results, table) if table else results
    origin = {
        after: (before,) for before, after in zip(results, new, strict=True) if before is not after
    }
    return FunctionGraph(
        tuple(entries),
        tuple(new[: len(outs)]),
        tuple(zip(pairs, new[len(outs) :], strict=True)),
        origin,
    )


def _check_leaves(graph: FunctionGraph, ins: Sequence[In], name: str | None) -> None:
    known = set(graph.inputs)
    missing = [
        leaf
        for leaf in graph.leaves
        if leaf not in known and not isinstance(leaf, Constant | SharedVariable)
    ]
    if missing:
        names = join_names(str(x) for x in missing)
        raise MissingInputError(
            message(
                f"{names} {'is' if len(missing) == 1 else 'are'} needed but not given as"
                f" input{'' if len(missing) == 1 else 's'}.",
                got=[describe(x) for x in missing],
                hint=f"function([{join_names(str(x.variable) for x in ins)}"
                f"{', ' if ins else ''}{names}], ...)",
            )
        )


def _check_unused(graph: FunctionGraph, ins: Sequence[In], policy: OnProblem) -> None:
    if policy is OnProblem.IGNORE:
        return
    used = set(graph.leaves)
    unused = [x for x, given in zip(graph.inputs, ins, strict=True) if x not in used]
    unused = [x for x, given in zip(graph.inputs, ins, strict=True) if x in unused
              and given.update is None]  # fmt: skip
    if not unused:
        return
    names = join_names(str(x) for x in unused)
    text = message(
        f"no output or update depends on the input{'' if len(unused) == 1 else 's'} {names}.",
        got=[describe(x) for x in unused],
        hint="leave it out, or pass on_unused_input='ignore'",
    )
    if policy is OnProblem.RAISE:
        raise UnusedInputError(text)
    warnings.warn(text, stacklevel=4)


def _shown(value: Any) -> str:
    """A value that was given, in a few words."""
    if isinstance(value, np.ndarray | np.generic):
        return f"{type(value).__name__}: {value.dtype} {value.shape}"
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"


# ---- what is called ------------------------------------------------------------------------------


class Function:
    """A compiled function; made by `function`.

    Attributes
    ----------
    name : str or None
    inputs, outputs : list of Variable
        The user's variables.
    graph : FunctionGraph
        The graph as the user built it.
    fgraph : FunctionGraph
        The graph that runs, after the rewrites of the mode.
    rewrites : list of Firing
        The rewrite rules that fired, in order: each has a name, a variable before and after.
    program : Program
        The steps that run.
    """

    def __init__(
        self,
        ins: Sequence[In],
        states: Sequence[Any],
        outs: Sequence[Out],
        arrange: Callable[[list[Any]], Any],
        graph: FunctionGraph,
        mode: Mode,
        name: str | None,
        source: SourceLine | None,
    ) -> None:
        self._ins, self._states, self._outs = list(ins), list(states), list(outs)
        self._arrange = arrange
        self.graph, self.mode, self.name, self.source = graph, mode, name, source
        self.inputs = [given.variable for given in ins]
        self.outputs = [out.variable for out in outs]
        self._load()

    def _load(self) -> None:
        mode = self.mode
        self.fgraph, self.rewrites, self._check = optimize(
            self.graph, mode.optimizer, mode.excluded
        )
        self._shared = self.graph.shared
        self.program: Program = lower(self.fgraph, self._shared)
        self._run = EXECUTORS[mode.linker](self.program)
        self._run_general: Executable | None = None
        self._targets = [target for target, _ in self.fgraph.updates]
        self._filters = [(given.variable.type.filter, given.allow_downcast) for given in self._ins]
        self._simple = all(cell is None for cell in self._states)
        borrowed = [out.borrow for out in self._outs] + [False] * len(self._targets)
        self._borrowed = tuple(borrowed)

    @property
    def updates(self) -> list[tuple[SharedVariable, Variable]]:
        """The shared variables that a call changes, with the expressions of their new values."""
        return list(self.graph.updates)

    def get_shared(self) -> list[SharedVariable]:
        """The shared variables that a call reads or changes."""
        return list(self.fgraph.shared)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if not kwargs and self._simple and len(args) == len(self._filters):
            given: Sequence[Any] = args
        else:
            given = self._bind(args, kwargs)
        values = []
        for position, ((check, downcast), value) in enumerate(
            zip(self._filters, given, strict=True)
        ):
            try:
                values.append(check(value, downcast=downcast))
            except InputError as error:
                self._refuse(position, value, error)
        stored = [cell.get_value(borrow=True) for cell in self._shared]
        run = self._run
        if self._check is not None and not self._check([*values, *stored]):
            run = self._general()
        results = run([*values, *stored])
        results = self._own(results, [*values, *stored])
        count = len(self._outs)
        for target, value in zip(self._targets, results[count:], strict=True):
            target.store(value)
        return self._arrange(results[:count])

    def _general(self) -> Executable:
        """What runs where sizes that meet are not equal: the graph without that assumption."""
        if self._run_general is None:
            mode = self.mode
            graph = optimize(self.graph, mode.optimizer, mode.excluded, False).graph
            self._run_general = EXECUTORS[mode.linker](lower(graph, self._shared))
        return self._run_general

    def _own(self, results: list[Any], others: Sequence[Any]) -> list[Any]:
        """The results, copied where they are or may be somebody else's memory."""
        taken = {id(array) for array in others}
        taken.update(id(array) for array in self.program.constants)
        for n, array in enumerate(results):
            if self._borrowed[n]:
                continue
            if id(array) in taken or array.base is not None or not array.flags.writeable:
                results[n] = array = array.copy()
            taken.add(id(array))
        return results

    def _bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
        """Values for all inputs from positions, names and defaults."""
        if len(args) > len(self._ins):
            raise InputError(
                message(
                    f"{self._title} takes {len(self._ins)} inputs, but {len(args)} were given.",
                    got=self._signature(),
                )
            )
        values = dict(enumerate(args))
        names = {given.name: n for n, given in enumerate(self._ins) if given.name is not None}
        for name, value in kwargs.items():
            if name not in names:
                near = difflib.get_close_matches(name, names, 1)
                raise InputError(
                    message(
                        f"{self._title} has no input {name!r}.",
                        got=self._signature(),
                        hint=f"{near[0]}=..." if near else None,
                    )
                )
            if names[name] in values:
                raise InputError(message(f"{self._title} got the input {name!r} twice."))
            values[names[name]] = value
        for n, cell in enumerate(self._states):
            if n not in values and cell is not None:
                values[n] = cell.get_value(borrow=True)
        missing = [n for n in range(len(self._ins)) if n not in values]
        if missing:
            names_text = join_names(str(self._ins[n].variable) for n in missing)
            raise InputError(
                message(
                    f"{self._title} takes {len(self._ins)} inputs; missing: {names_text}.",
                    got=self._signature(),
                )
            )
        return [values[n] for n in range(len(self._ins))]

    def _refuse(self, position: int, value: Any, error: InputError) -> None:
        __tracebackhide__ = True
        variable = self.inputs[position]
        raise InputError(
            message(
                f"{self._title}, input {variable} (position {position}): {error}",
                got=[
                    _shown(value),
                    f"for {describe(variable)}",
                ],
                where=str(self.source),
            )
        ) from None

    @property
    def _title(self) -> str:
        ins = join_names(str(x) for x in self.inputs)
        return f"the function {self.name}" if self.name else f"the function of ({ins})"

    def _signature(self) -> list[str]:
        return [
            f"{n}: {describe(given.variable)}{'' if cell is None else '  has a default'}"
            for n, (given, cell) in enumerate(zip(self._ins, self._states, strict=True))
        ]

    def __getstate__(self) -> dict[str, Any]:
        names = ("_ins", "_states", "_outs", "_arrange", "graph", "mode", "name", "source")
        return {key: self.__dict__[key] for key in (*names, "inputs", "outputs")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._load()

    def __repr__(self) -> str:
        ins = ", ".join(str(x) for x in self.inputs)
        outs = ", ".join(str(x) for x in self.outputs)
        shown = outs if self._arrange is first else f"[{outs}]"
        return f"<Function {self.name or ''}({ins}) -> {shown}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return hooks.mimebundle(self, include, exclude)
