"""Linking: a graph rewritten, lowered and given to an executor."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from arignote.compile.mode import Mode
from arignote.config import Linker, config
from arignote.errors import CompilerError, CompilerMissingError
from arignote.execute import Executable, load
from arignote.execute.c import Native
from arignote.execute.compiler import find_compiler
from arignote.graph import FunctionGraph, SharedVariable
from arignote.lower import Program, lower
from arignote.lower.schedule import LoopProgram, schedule
from arignote.rewrite import optimize
from arignote.rewrite.rule import Firing
from arignote.rewrite.sizes import SizeCheck

_told: set[str] = set()


@dataclass(frozen=True, eq=False)
class Linked:
    """A graph that can run.

    Attributes
    ----------
    graph : FunctionGraph
        After the rewrites.
    rewrites : list of Firing
    check : SizeCheck or None
        What must hold of the values of a call.
    program : Program or LoopProgram
    run : Executable
    """

    graph: FunctionGraph
    rewrites: list[Firing]
    check: SizeCheck | None
    program: Program | LoopProgram
    run: Executable

    @property
    def native(self) -> Native | None:
        """The native code, if it is what runs."""
        return self.run if isinstance(self.run, Native) else None


def link(
    graph: FunctionGraph, mode: Mode, shared: Sequence[SharedVariable], equal_sizes: bool = True
) -> Linked:
    """A graph made ready to run as a mode says.

    Parameters
    ----------
    graph : FunctionGraph
    mode : Mode
    shared : sequence of SharedVariable
        In the order in which their values are given.
    equal_sizes : bool
        Whether unknown sizes that meet are taken to be equal.

    Raises
    ------
    CompilerError
        The mode asks for C by name, and it cannot be had.
    """
    if mode.linker is Linker.NUMPY:
        return _numpy(graph, mode, shared, equal_sizes)
    try:
        find_compiler()
        return _native(graph, mode, shared, equal_sizes)
    except CompilerError as error:
        if mode.linker is Linker.C:
            raise
        _tell(error)
    return _numpy(graph, mode, shared, equal_sizes)


def executor_name(mode: Mode) -> str:
    """The executor of a mode, `c` or `numpy`; `auto` is whichever can be had."""
    if mode.linker is Linker.AUTO:
        try:
            find_compiler()
        except CompilerError:
            return Linker.NUMPY.value
        return Linker.C.value
    return str(mode.linker.value)


def _tell(error: CompilerError) -> None:
    """Says once that functions run with NumPy, and why."""
    missing = isinstance(error, CompilerMissingError)
    kind = "missing" if missing else "failing"
    if kind in _told:
        return
    _told.add(kind)
    lines = str(error).splitlines()
    hint = next((line.partition("try: ")[2] for line in lines if "try: " in line), "")
    warnings.warn(
        f"functions run with NumPy, which is slower: {lines[0]}"
        + (f" For native speed: {hint}" if hint else ""),
        UserWarning,
        stacklevel=2,
    )


def _numpy(
    graph: FunctionGraph, mode: Mode, shared: Sequence[SharedVariable], equal_sizes: bool
) -> Linked:
    optimized = optimize(graph, mode.optimizer, mode.excluded, equal_sizes)
    program = lower(optimized.graph, shared)
    return Linked(
        optimized.graph, optimized.firings, optimized.check, program, load(program)
    )


def _native(
    graph: FunctionGraph, mode: Mode, shared: Sequence[SharedVariable], equal_sizes: bool
) -> Linked:
    optimized = optimize(graph, mode.optimizer, mode.excluded, equal_sizes, expand=True)
    program = schedule(optimized.graph, optimized.sizes, shared)
    optimized.sizes.rely()
    check = optimized.sizes.check()
    run = Native(program, _replay(graph, mode, shared), config.threads)
    return Linked(optimized.graph, optimized.firings, check, program, run)


def _replay(graph: FunctionGraph, mode: Mode, shared: Sequence[SharedVariable]) -> Executable:
    """The graph with NumPy, made when it is first needed; it holds for all sizes."""
    made: list[Callable[[Sequence[np.ndarray]], Any]] = []

    def run(values: Sequence[np.ndarray]) -> list[np.ndarray]:
        __tracebackhide__ = True
        if not made:
            made.append(_numpy(graph, mode, shared, equal_sizes=False).run)
        return made[0](values)

    return run
