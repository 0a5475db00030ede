"""Modes: how a graph is rewritten and what runs it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from arignote.config import Linker, ModeName, NanAction, OptimizerLevel, config
from arignote.errors import ConfigError, message, near_names
from arignote.graph import Apply, FunctionGraph
from arignote.lower.limits import Limits
from arignote.rewrite import RULES, Tag

FUSION = "fusion"
"""What is excluded by this name is the sharing of loops between nodes."""


@dataclass(frozen=True)
class Guard:
    """Which values are errors, and what to do about them."""

    limits: Limits = field(default_factory=Limits)
    action: NanAction = NanAction.RAISE


Hook = Callable[[FunctionGraph, int, Apply, Any], None]
"""Called with a graph, a node's place in its order, the node, and what it was given and gave."""


@dataclass(frozen=True)
class Monitor:
    """What is called before and after each node; see `MonitorMode`."""

    pre_func: Hook | None = None
    post_func: Hook | None = None


@dataclass(frozen=True, repr=False)
class Mode:
    """A choice of rewrites and executor.

    Attributes
    ----------
    linker : Linker
    optimizer : OptimizerLevel
    excluded : frozenset of str
        Names and tags of rewrites that are left out; `fusion` gives each node a loop of its own.
    included : frozenset of str
        Names and tags of rewrites that are there whatever the optimizer's level; a rewrite's own
        name counts before its tag.
    guard : Guard or None
        Whether calls look for NaN and Inf.
    monitor : Monitor or None
        What sees each node of a call.

    Example
    -------
    >>> from arignote.compile import get_mode
    >>> sorted(get_mode("FAST_RUN").excluding("stabilize", "power_two").excluded)
    ['power_two', 'stabilize']
    >>> get_mode("FAST_COMPILE").including("stabilize").included
    frozenset({'stabilize'})
    """

    linker: Linker
    optimizer: OptimizerLevel
    excluded: frozenset[str] = frozenset()
    included: frozenset[str] = frozenset()
    guard: Guard | None = None
    monitor: Monitor | None = None

    def __repr__(self) -> str:
        parts = [f"linker={self.linker.value!r}", f"optimizer={self.optimizer.value!r}"]
        names = (("excluded", self.excluded), ("included", self.included))
        parts += [f"{name}={sorted(chosen)}" for name, chosen in names if chosen]
        parts += [f"nan={self.guard.action.value!r}"] if self.guard is not None else []
        parts += ["monitored"] if self.monitor is not None else []
        return f"<Mode {', '.join(parts)}>"

    def excluding(self, *names: str) -> "Mode":
        """This mode without some rewrites, by name or by tag; ConfigError for unknown names."""
        for name in names:
            _check_rewrite(name)
        chosen = set(names)
        return replace(self, excluded=self.excluded | chosen, included=self.included - chosen)

    def including(self, *names: str) -> "Mode":
        """This mode with some rewrites, by name or by tag, whatever its level or excluded before.

        ConfigError for unknown names. Those that make loops and calls of BLAS, and fusion, are
        there where C runs.
        """
        for name in names:
            _check_rewrite(name)
        chosen = set(names)
        return replace(self, excluded=self.excluded - chosen, included=self.included | chosen)


def _check_rewrite(name: str) -> None:
    known = {rule.name for rule in RULES} | {tag.value for tag in Tag} | {FUSION}
    if name in known:
        return
    near = near_names(name, known)
    raise ConfigError(
        message(
            f"there is no rewrite and no tag {name!r}.",
            hint=(f"{near[0]}; " if near else "")
            + f"tags: {', '.join([*[t.value for t in Tag], FUSION])}",
        )
    )


def get_mode(mode: "Mode | str | None" = None) -> Mode:
    """The mode of a name; None is what the configuration says.

    Raises
    ------
    ConfigError
        For an unknown name.

    Example
    -------
    >>> from arignote.compile import get_mode
    >>> get_mode("FAST_COMPILE").optimizer.value
    'o0'
    """
    if isinstance(mode, Mode):
        return mode
    if mode is None:
        name = config.member("mode")
    elif any(choice.value == mode for choice in ModeName):
        name = ModeName(mode)
    else:
        names = [choice.value for choice in ModeName]
        near = near_names(str(mode), names)
        raise ConfigError(
            message(
                f"there is no mode {mode!r}.",
                hint=(f"{near[0]}; " if near else "") + f"modes: {', '.join(names)}",
            )
        )
    linker = config.member("linker")
    optimizer = config.member("optimizer")
    assert isinstance(linker, Linker)
    assert isinstance(optimizer, OptimizerLevel)
    if name is ModeName.FAST_COMPILE:
        return Mode(Linker.NUMPY, OptimizerLevel.O0)
    return Mode(linker, optimizer)
