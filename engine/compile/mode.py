"""Modes: how a graph is rewritten and what runs it."""

import difflib
from dataclasses import dataclass

from arignote.config import Linker, ModeName, OptimizerLevel, config
from arignote.errors import ConfigError, message


@dataclass(frozen=True)
class Mode:
    """A choice of rewrites and executor.

    Attributes
    ----------
    linker : Linker
    optimizer : OptimizerLevel
    """

    linker: Linker
    optimizer: OptimizerLevel


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
        near = difflib.get_close_matches(str(mode), names, 1)
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
