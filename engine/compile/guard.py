"""Looking into calls: where NaN and Inf are born, and node by node."""

import inspect
import sys
import warnings
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from arignote import lazy
from arignote.compile.mode import Guard, Hook, Mode, Monitor, get_mode
from arignote.config import Linker, NanAction, OptimizerLevel, config
from arignote.errors import ConfigError, NanError, message
from arignote.graph import Apply, FunctionGraph, Variable
from arignote.graph.source import user_line
from arignote.lower.limits import Limits

if TYPE_CHECKING:
    from arignote.execute.finding import Finding
    from arignote.execute.watched import Watcher

# How many findings a function keeps; the oldest go.
MAX_RECORDS = 1000


def NanGuardMode(
    nan_is_error: bool = True,
    inf_is_error: bool = True,
    big_is_error: bool = False,
    optimizer: str | None = None,
    linker: str | None = None,
) -> Mode:
    """A mode in which calls raise where NaN or Inf is born, as `function(..., nan='raise')`.

    Parameters
    ----------
    nan_is_error, inf_is_error : bool
    big_is_error : bool
        Whether values further from 0 than 1e10 are errors too.
    optimizer, linker : str, optional
        By default those of `config`.

    Returns
    -------
    Mode

    Example
    -------
    >>> from arignote import NanError, NanGuardMode, function, tensor as T
    >>> x = T.dvector("x")
    >>> f = function([x], T.exp(x), mode=NanGuardMode(big_is_error=True))
    >>> try:
    ...     f([1.0, 30.0])
    ... except NanError as error:
    ...     print(error.finding.what)
    a value beyond 1e10 in exp: 1 of 2 elements, the first at [1].
    """
    mode = _mode(optimizer, linker)
    return replace(mode, guard=Guard(Limits(nan_is_error, inf_is_error, big_is_error)))


def MonitorMode(
    pre_func: Callable[..., None] | None = None,
    post_func: Callable[..., None] | None = None,
    optimizer: str | None = None,
) -> Mode:
    """A mode in which calls compute node by node, with NumPy, and call functions at each.

    Parameters
    ----------
    pre_func, post_func : function, optional
        Called before and after each node as `func(fgraph, i, node, fn)`, or `func(i, node, fn)`:
        the graph that runs, the node's place in `fgraph.order`, the node, and its values:
        `fn.inputs[k][0]` and, afterwards, `fn.outputs[k][0]` are arrays, not to be changed. What
        they raise ends the call, before any update is stored.
    optimizer : str, optional
        By default that of `config`.

    Returns
    -------
    Mode

    Example
    -------
    >>> from arignote import MonitorMode, function, tensor as T
    >>> def show(fgraph, i, node, fn):
    ...     print(i, node.op, fn.outputs[0][0])
    >>> x = T.dvector("x")
    >>> f = function([x], T.exp(x) + 1, mode=MonitorMode(post_func=show))
    >>> f([0.0, 0.0]).tolist()
    0 exp [1. 1.]
    1 add [2. 2.]
    [2.0, 2.0]
    """
    hooks = [None if hook is None else _with_graph(hook) for hook in (pre_func, post_func)]
    return replace(_mode(optimizer, Linker.NUMPY.value), monitor=Monitor(*hooks))


def detect_nan(fgraph: FunctionGraph, i: int, node: Apply, fn: "NodeValues") -> None:
    """Prints a node that gives NaN, and its values: a `post_func` of `MonitorMode`.

    Example
    -------
    >>> from arignote import MonitorMode, detect_nan, function, tensor as T
    >>> x = T.dscalar("x")
    >>> f = function([x], T.log(x) * x, mode=MonitorMode(post_func=detect_nan))
    >>> float(f(0.0))  # doctest: +ELLIPSIS
    *** NaN detected ***
    mul [id A]...
    Inputs : [array(-inf), array(0.)]
    Outputs: [array(nan)]
    nan
    """
    if any(cell[0].dtype.kind in "fc" and np.isnan(cell[0]).any() for cell in fn.outputs):
        sys.stdout.write("*** NaN detected ***\n")
        lazy.module("arignote.printing").debugprint(node.outputs[0])
        inputs, outputs = [cell[0] for cell in fn.inputs], [cell[0] for cell in fn.outputs]
        sys.stdout.write(f"Inputs : {inputs}\nOutputs: {outputs}\n")


@dataclass(frozen=True)
class NodeValues:
    """The values of a node in one call: each of `inputs` and `outputs` is a list of one array."""

    inputs: tuple[list[Any], ...]
    outputs: tuple[list[Any], ...]


def _mode(optimizer: str | None, linker: str | None) -> Mode:
    mode = get_mode()
    try:
        if optimizer is not None:
            mode = replace(mode, optimizer=OptimizerLevel(optimizer))
        return mode if linker is None else replace(mode, linker=Linker(linker))
    except ValueError as error:
        raise ConfigError(message(f"{error}.")) from None


def _with_graph(hook: Callable[..., None]) -> Hook:
    """A hook that takes the graph too; Theano's take (i, node, fn)."""
    if len(inspect.signature(hook).parameters) != 3:
        return hook
    return partial(_call_without_graph, hook)


def _call_without_graph(
    hook: Callable[..., None], fgraph: FunctionGraph, i: int, node: Apply, fn: NodeValues
) -> None:
    hook(i, node, fn)


# ---- guards of functions ------------------------------------------------------------------------


def guarded_mode(mode: Mode, nan: str | None) -> Mode:
    """The mode with what is to be done about NaN; None is what the configuration says.

    Raises
    ------
    ConfigError
        For an unknown action.
    """
    if nan is None:
        action = config.member("nan")
        assert isinstance(action, NanAction)
        if mode.guard is not None or action is NanAction.OFF:
            return mode
    else:
        try:
            action = NanAction(nan)
        except ValueError:
            known = ", ".join(repr(choice.value) for choice in NanAction)
            raise ConfigError(message(f"nan={nan!r} is unknown.", hint=f"one of {known}")) from None
    if action is NanAction.OFF:
        return replace(mode, guard=None)
    return replace(mode, guard=replace(mode.guard or Guard(), action=action))


def alarm_of(mode: Mode) -> "Alarm":
    """What a mode does about findings."""
    return Alarm() if mode.guard is None else Alarm(mode.guard.action)


@dataclass(eq=False)
class Alarm:
    """What a function does about findings, and those that it recorded."""

    action: NanAction = NanAction.RAISE
    records: "deque[Finding]" = field(default_factory=lambda: deque(maxlen=MAX_RECORDS))
    warned: set[Variable] = field(default_factory=set)

    def __call__(self, finding: "Finding") -> None:
        """Raises, warns or records."""
        __tracebackhide__ = True
        if self.action is NanAction.RAISE:
            what, *rest = str(finding).splitlines()
            if finding.graph.updates:
                what += " No update was stored."
            raise NanError("\n".join([what, *rest]), finding)
        self.records.append(finding)
        if self.action is NanAction.WARN and finding.output not in self.warned:
            # A loop of training would repeat it with other numbers each time.
            self.warned.add(finding.output)
            line = user_line()
            name, number = (line.filename, line.lineno) if line else ("<unknown>", 0)
            warnings.warn_explicit(str(finding), RuntimeWarning, name, number)


class _Monitoring:
    """Calls the functions of a monitor for the nodes of one call."""

    def __init__(self, monitor: Monitor, graph: FunctionGraph) -> None:
        self._monitor, self._graph = monitor, graph

    def before(self, number: int, node: Apply, given: Sequence[np.ndarray]) -> None:
        if self._monitor.pre_func is not None:
            values = NodeValues(_cells(given), _cells([None] * len(node.outputs)))
            self._monitor.pre_func(self._graph, number, node, values)

    def after(
        self,
        number: int,
        node: Apply,
        given: Sequence[np.ndarray],
        outputs: Sequence[np.ndarray],
    ) -> None:
        if self._monitor.post_func is not None:
            values = NodeValues(_cells(given), _cells(outputs))
            self._monitor.post_func(self._graph, number, node, values)


def _cells(values: Sequence[Any]) -> tuple[list[Any], ...]:
    return tuple([[value] for value in values])


def watchers(
    mode: Mode, graph: FunctionGraph, alarm: Alarm
) -> list[Callable[[Mapping[Variable, np.ndarray]], "Watcher"]]:
    """What looks on where NumPy computes a graph, made anew for the values of each call."""
    found: list[Callable[[Mapping[Variable, np.ndarray]], Watcher]] = []
    if mode.guard is not None:
        module = lazy.module("arignote.execute.judge")
        judge = module.Judge(graph, mode.guard.limits, alarm)
        found.append(lambda leaves: module.NodeGuard(judge, leaves))
    if mode.monitor is not None:
        monitor = mode.monitor
        found.append(lambda leaves: _Monitoring(monitor, graph))
    return found
