"""Linking: a graph rewritten, lowered and given to an executor."""

import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from arignote import lazy
from arignote.compile.background import in_background
from arignote.compile.guard import Alarm, alarm_of, watchers
from arignote.compile.mode import FUSION, Mode
from arignote.compile.progress import progress_line
from arignote.config import AsyncCompile, Linker, config
from arignote.errors import CompilerError, CompilerMissingError
from arignote.execute import Executable, load
from arignote.execute.building import building
from arignote.execute.compiler import find_compiler
from arignote.graph import FunctionGraph, SharedVariable
from arignote.graph.source import user_line
from arignote.lower import Program, lower
from arignote.rewrite import optimize
from arignote.rewrite.rule import Firing
from arignote.rewrite.sizes import SizeCheck

if TYPE_CHECKING:
    from arignote.execute.c import Native
    from arignote.lower.build import Loops
    from arignote.lower.steps import LoopProgram

# Whoever would wait for longer gets a function that runs with NumPy in the meantime.
PATIENCE_S = 1.0

Report = Callable[[int, int], None]
"""Called with the number of files compiled so far and of all."""

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
    native : Native or None
        The native code, if it is what runs.
    watched : bool
        Whether each node or step is looked at for what the mode says; NumPy runs only so then.
    finish : function or None
        Compiles the C code of the program, which takes long, and gives what is to run then; NumPy
        is what runs until then. None: this is what stays.
    """

    graph: FunctionGraph
    rewrites: list[Firing]
    check: SizeCheck | None
    program: "Program | LoopProgram"
    run: Executable
    native: "Native | None" = None
    watched: bool = False
    finish: "Callable[[Report], Linked] | None" = None


def link(
    graph: FunctionGraph,
    mode: Mode,
    shared: Sequence[SharedVariable],
    equal_sizes: bool = True,
    alarm: Alarm | None = None,
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
    alarm : Alarm, optional
        What is done about NaN and Inf, where the mode has a guard; by default what that says.

    Raises
    ------
    CompilerError
        The mode asks for C by name, and it cannot be had.
    """
    if alarm is None:
        alarm = alarm_of(mode)
    if mode.linker is Linker.NUMPY:
        return link_numpy(graph, mode, shared, equal_sizes, alarm)
    try:
        find_compiler()
        return _native(graph, mode, shared, equal_sizes, alarm)
    except CompilerError as error:
        if mode.linker is Linker.C:
            raise
        tell(error)
    return link_numpy(graph, mode, shared, equal_sizes, alarm)


def executor_name(mode: Mode) -> str:
    """The executor of a mode, `c` or `numpy`; `auto` is whichever can be had."""
    if mode.linker is Linker.AUTO:
        try:
            find_compiler()
        except CompilerError:
            return Linker.NUMPY.value
        return Linker.C.value
    return str(mode.linker.value)


def tell(error: CompilerError) -> None:
    """Says once that functions run with NumPy, why, and what to do about it."""
    missing = isinstance(error, CompilerMissingError)
    kind = "missing" if missing else "failing"
    if kind in _told:
        return
    _told.add(kind)
    lines = str(error).splitlines()
    hint = next((line.partition("try: ")[2].strip() for line in lines if "try: " in line), "")
    text = (
        f"functions run with NumPy, which is slower than C. {lines[0]}"
        + (f" For native speed: {hint}." if hint else "")
        + " arignote.doctor() says more."
    )
    line = user_line()
    if line is None:
        warnings.warn(text, UserWarning, stacklevel=2)
    else:
        warnings.warn_explicit(text, UserWarning, line.filename, line.lineno)


def link_numpy(
    graph: FunctionGraph,
    mode: Mode,
    shared: Sequence[SharedVariable],
    equal_sizes: bool = True,
    alarm: Alarm | None = None,
) -> Linked:
    """A graph made ready to run with NumPy."""
    optimized = optimize(graph, mode.optimizer, mode.excluded, equal_sizes, included=mode.included)
    program = lower(optimized.graph, shared)
    watches = watchers(mode, optimized.graph, alarm or alarm_of(mode))
    module = lazy.module("arignote.execute.watched") if watches else None
    run = load(program) if module is None else module.load_watched(program, watches)
    return Linked(
        optimized.graph, optimized.firings, optimized.check, program, run, watched=bool(watches)
    )


def _native(
    graph: FunctionGraph,
    mode: Mode,
    shared: Sequence[SharedVariable],
    equal_sizes: bool,
    alarm: Alarm,
) -> Linked:
    executor = lazy.module("arignote.execute.c")
    runtime = lazy.module("arignote.execute.runtime")
    with_products = any(map(lazy.module("arignote.lower.kinds").is_product, graph.order))
    if not runtime.is_ready(with_products):
        # Compiling it takes longest; this thread would keep the other from beginning.
        begun = threading.Event()
        in_background(partial(runtime.prepare, with_products, begun.set))
        begun.wait(PATIENCE_S)
    optimized = optimize(
        graph, mode.optimizer, mode.excluded, equal_sizes, expand=True, included=mode.included
    )
    guard = mode.guard

    def begin(loops: "Sequence[Loops]") -> None:
        work = executor.KERNEL_TABLE.begin(executor.kernels_of(loops), PATIENCE_S)
        if work is not None:
            in_background(work)

    # Who looks for the origin of a NaN wants to see what a step has read; kernels that look for
    # one are others.
    program = lazy.module("arignote.lower.schedule").schedule(
        optimized.graph,
        optimized.sizes,
        shared,
        fusion=FUSION not in mode.excluded,
        in_place=guard is None,
        hear=begin if guard is None else None,
    )
    optimized.sizes.rely()
    check = optimized.sizes.check()
    replay, threads = _replay(graph, mode, shared, alarm), config.threads
    if guard is not None:
        program = lazy.module("arignote.lower.guard").watching(program, guard.limits.watch)
    kernels = executor.kernels_of(program.kernels)

    def finish(report: Report) -> Linked:
        executor.KERNEL_TABLE.compile(kernels, report)
        if guard is None:
            native = executor.Native(program, replay, threads)
        else:
            judge = lazy.module("arignote.execute.judge").Judge(program.graph, guard.limits, alarm)
            guarded = lazy.module("arignote.execute.guarded").GuardedNative
            native = guarded(program, replay, threads, judge)
        return Linked(optimized.graph, optimized.firings, check, program, native, native)

    waits = config.member("async_compile") is AsyncCompile.OFF
    if not waits and executor.KERNEL_TABLE.seconds(kernels, PATIENCE_S) > PATIENCE_S:
        # What NumPy runs holds for all sizes.
        graph, firings = optimized.graph, optimized.firings
        return Linked(graph, firings, None, program, replay, finish=finish)
    with progress_line() as report:
        return finish(report)


def _replay(
    graph: FunctionGraph, mode: Mode, shared: Sequence[SharedVariable], alarm: Alarm
) -> Executable:
    """The graph with NumPy, made when it is first needed; it holds for all sizes."""
    made: list[Callable[[Sequence[np.ndarray]], Any]] = []

    def run(values: Sequence[np.ndarray]) -> list[np.ndarray]:
        __tracebackhide__ = True
        if not made:
            with building("a function with NumPy"):
                made.append(link_numpy(graph, mode, shared, False, alarm).run)
        return made[0](values)

    return run
