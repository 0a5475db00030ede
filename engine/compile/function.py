"""`function` and what it gives."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from arignote.compile.io import In, Out, first, parse_inputs, parse_outputs
from arignote.compile.link import Linked, link
from arignote.compile.mode import Mode, get_mode
from arignote.compile.prepare import (
    Pairs,
    add_defaults,
    check_leaves,
    check_unused,
    checked_updates,
    closed_graph,
    state_updates,
    states_of,
)
from arignote.config import Device, OnProblem, config
from arignote.errors import (
    InputError,
    join_names,
    message,
)
from arignote.execute import Executable
from arignote.execute.quick import MISS, quick_caller
from arignote.graph import (
    FunctionGraph,
    SharedVariable,
    Variable,
    hooks,
)
from arignote.graph.collector import without_collector
from arignote.graph.describe import describe
from arignote.graph.replace import checked_pairs
from arignote.graph.source import SourceLine, user_line
from arignote.lower import Program
from arignote.lower.schedule import LoopProgram


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
    states = states_of(ins)
    pairs = checked_updates(updates)
    pairs.update(state_updates(ins, states))
    replacements = checked_pairs(dict(givens), "givens")
    add_defaults(pairs, outs, replacements, ins, no_default_updates)
    graph = closed_graph(ins, outs, pairs, replacements)
    check_leaves(graph, ins, name)
    check_unused(graph, ins, _policy(on_unused_input))
    return Function(ins, states, outs, arrange, graph, get_mode(mode), name, source)


def _policy(on_unused_input: str | None) -> OnProblem:
    if on_unused_input is None:
        policy = config.member("on_unused_input")
        assert isinstance(policy, OnProblem)
        return policy
    return OnProblem(on_unused_input)


def _shown(value: Any) -> str:
    """A value that was given, in a few words."""
    if isinstance(value, np.ndarray | np.generic):
        return f"{type(value).__name__}: {value.dtype} {value.shape}"
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"


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
        self._shared = self.graph.shared
        self._linked: Linked = link(self.graph, self.mode, self._shared)
        self.fgraph, self.rewrites = self._linked.graph, self._linked.rewrites
        self.program: Program | LoopProgram = self._linked.program
        self._check, self._run = self._linked.check, self._linked.run
        self._run_general: Executable | None = None
        self._targets = [target for target, _ in self.fgraph.updates]
        # Two functions with the same targets take their locks in one order, so neither waits
        # for ever; a call of a function without updates sees the values of one moment each.
        self._locks = [target.lock for target in sorted(self._targets, key=id)]
        self._filters = [(given.variable.type.filter, given.allow_downcast) for given in self._ins]
        self._simple = all(cell is None for cell in self._states)
        borrowed = [out.borrow for out in self._outs] + [False] * len(self._targets)
        self._borrowed = tuple(borrowed)
        self._quick: Callable[..., Any] | None = None
        if self._simple and self._linked.native is not None:
            arrange = None if self._arrange is first else self._arrange
            self._quick = quick_caller(self._linked.native, self._targets, arrange)

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
            if self._quick is not None:
                result = self._try_quick(args)
                if result is not MISS:
                    return result
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
        if not self._locks:
            return self._arrange(self._compute(values))
        for lock in self._locks:
            lock.acquire()
        try:
            return self._arrange(self._compute(values))
        finally:
            for lock in self._locks:
                lock.release()

    def _try_quick(self, args: Sequence[Any]) -> Any:
        """What a call gives that only does what calls before it did; else MISS."""
        assert self._quick is not None
        if not self._locks:
            return self._quick(*args)
        for lock in self._locks:
            lock.acquire()
        try:
            return self._quick(*args)
        finally:
            for lock in self._locks:
                lock.release()

    def _compute(self, values: list[np.ndarray]) -> list[np.ndarray]:
        """The outputs for filtered inputs; updates are stored."""
        __tracebackhide__ = True
        stored = [cell.get_value(borrow=True) for cell in self._shared]
        run = self._run
        if self._check is not None and not self._check([*values, *stored]):
            run = self._general()
        results = run([*values, *stored])
        results = self._own(results, [*values, *stored])
        count = len(self._outs)
        for target, value in zip(self._targets, results[count:], strict=True):
            target.store(value)
        return results[:count]

    def _general(self) -> Executable:
        """What runs where sizes that meet are not equal: the graph without that assumption."""
        if self._run_general is None:
            self._run_general = link(self.graph, self.mode, self._shared, equal_sizes=False).run
        return self._run_general

    def _own(self, results: list[Any], others: Sequence[Any]) -> list[Any]:
        """The results, copied where they are or may be somebody else's memory."""
        taken = {id(array) for array in others}
        taken.update(id(x.data) for x in self.fgraph.constants)
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
