"""`function`: a graph made ready to run."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from arignote import lazy
from arignote.compile.compiled import Function
from arignote.compile.guard import guarded_mode
from arignote.compile.io import In, parse_inputs, parse_outputs
from arignote.compile.mode import Mode, get_mode
from arignote.compile.prepare import (
    Pairs,
    check_leaves,
    check_unused,
    checked_updates,
    closed_graph,
    default_updates,
    state_updates,
    states_of,
)
from arignote.config import Device, OnProblem, config
from arignote.execute.building import builder
from arignote.graph import (
    SharedVariable,
    Variable,
)
from arignote.graph.collector import without_collector
from arignote.graph.replace import checked_pairs
from arignote.graph.source import user_line

if TYPE_CHECKING:
    from arignote.lower.names import Text


@without_collector
@builder
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
    profile: bool = False,
    nan: str | None = None,
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
    profile : bool
        Whether each step of each call is timed, for `f.profile`.
    nan : {'off', 'raise', 'warn', 'record'}, optional
        What a call does about NaN and Inf: it finds the op and the line in which they were born,
        and raises NanError before any update is stored, warns, or adds that to `f.nan_records`.
        By default what the mode says, else `config.nan`.

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
    graph = closed_graph(ins, outs, pairs, replacements)
    # What a default update needs may have one too.
    while more := default_updates(graph, no_default_updates):
        pairs.update(more)
        graph = closed_graph(ins, outs, pairs, replacements)
    check_leaves(graph, ins, name)
    check_unused(graph, ins, _policy(on_unused_input))
    made = lazy.module("arignote.compile.profiled").ProfiledFunction if profile else Function
    chosen = guarded_mode(get_mode(mode), nan)
    return made(ins, states, outs, arrange, graph, chosen, name, source)


def _policy(on_unused_input: str | None) -> OnProblem:
    if on_unused_input is None:
        policy = config.member("on_unused_input")
        assert isinstance(policy, OnProblem)
        return policy
    return OnProblem(on_unused_input)


def why_not_fused(f: Function, a: Variable | str, b: Variable | str) -> "Text":
    """Whether one kernel computes two variables of a function, and if not, why not.

    Parameters
    ----------
    f : Function
    a, b : Variable or str
        Variables of the graph that the function was made of, or their names.

    Returns
    -------
    str

    Raises
    ------
    GraphError
        The function has no such variable, or several of that name.

    Example
    -------
    >>> from arignote import function, tensor as T, why_not_fused
    >>> x = T.dmatrix("x")
    >>> y = T.exp(x)
    >>> y.name = "y"
    >>> f = function([x], [y + 1, T.dot(y, x)])
    >>> print(why_not_fused(f, y, x))
    y and x are not fused: x is an input; nothing computes it, kernels read it where they need it.
    """
    return f.why_not_fused(a, b)
