"""Function: a graph that runs."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

import numpy as np

from arignote import lazy
from arignote.compile.guard import alarm_of
from arignote.compile.interrupts import shield
from arignote.compile.io import In, Out, first
from arignote.compile.mode import Mode
from arignote.compile.observers import observed, observers, register
from arignote.compile.running import Running
from arignote.errors import (
    InputError,
    join_names,
    message,
    near_names,
)
from arignote.execute.building import building
from arignote.graph import (
    FunctionGraph,
    SharedVariable,
    Variable,
    hooks,
)
from arignote.graph.describe import describe
from arignote.graph.source import SourceLine
from arignote.graph.variable import store_all
from arignote.types import describe_value

if TYPE_CHECKING:
    from arignote.compile.link import Linked
    from arignote.compile.memory import MemoryPlan
    from arignote.compile.timing import Timing
    from arignote.execute.finding import Finding
    from arignote.execute.profile import Profile
    from arignote.lower import Program
    from arignote.lower.names import Text
    from arignote.lower.steps import LoopProgram
    from arignote.rewrite.rule import Firing


def _if_alive(method: WeakMethod[Callable[[], None]]) -> Callable[[], None]:
    """Calls a method of an object, which this does not keep, if the object is still there."""

    def call() -> None:
        found = method()
        if found is not None:
            found()

    return call


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
    is_profiled : bool
        Whether `profile` tells of the calls.
    """

    is_profiled = False
    # The measured way through a call, while somebody wants to know how long it takes.
    _timing: "Timing | None" = None

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
        self._targets = [target for target, _ in self.graph.updates]
        # Two functions with the same targets take their locks in one order, so neither waits
        # for ever; a call of a function without updates sees the values of one moment each.
        self._locks = [target.lock for target in sorted(self._targets, key=id)]
        self._filters = [(given.variable.type.filter, given.allow_downcast) for given in self._ins]
        self._simple = all(cell is None for cell in self._states)
        borrowed = [out.borrow for out in self._outs] + [False] * len(self._targets)
        self._borrowed = tuple(borrowed)
        self._alarm = alarm_of(self.mode)
        self._running = Running(self.graph, self.mode, self._shared, alarm=self._alarm)
        self._general: Running | None = None
        register(self)
        self.take_over()
        self._running.start(_if_alive(WeakMethod(self.take_over)))

    def take_over(self) -> None:
        """Looks up what runs from now on; called when that has changed."""
        # Observers may come and go meanwhile; who sees them last has to set what they want.
        seen: tuple[Any, ...] | None = None
        while seen is not observers():
            seen = observers()
            self._take_over(seen)

    def _take_over(self, watching: tuple[Any, ...]) -> None:
        linked = self._linked
        self.fgraph: FunctionGraph = linked.graph
        self.rewrites: list[Firing] = linked.rewrites
        self.program: Program | LoopProgram = linked.program
        timing: Timing | None = None
        if self.is_profiled or watching:
            timing = lazy.module("arignote.compile.profiled").timing_of(self, self._timing)
        self._timing = timing
        quick: Callable[..., Any] | None = None
        is_free = timing is None and not watching
        if self._simple and linked.native is not None and is_free:
            arrange = None if self._arrange is first else self._arrange
            module = lazy.module("arignote.execute.quick")
            self._miss = module.MISS
            quick = module.quick_caller(linked.native, linked.check, self._targets, arrange)
        # Set once: other threads may be about to call it.
        self._quick = quick

    @property
    def _linked(self) -> "Linked":
        """What runs now."""
        return self._running.linked

    @property
    def linker(self) -> str:
        """What runs calls now: `c`, or `numpy`, which may be so only until the C code is ready."""
        return "numpy" if self._linked.native is None else "c"

    def wait(self, timeout: float | None = None) -> bool:
        """Whether nothing is left to compile, after at most `timeout` seconds of waiting for it.

        Where compiling takes long, calls run with NumPy until the C code is ready
        (`config.async_compile`). An interrupt ends the waiting, not the compiling.

        Raises
        ------
        CompilerError
            Compiling failed, and `config.linker` asks for C by name.

        Example
        -------
        >>> from arignote import function, tensor as T
        >>> x = T.dvector("x")
        >>> f = function([x], x + 1)
        >>> f.wait()
        True
        """
        end = None if timeout is None else time.monotonic() + timeout
        for running in (self._running, self._general):
            if running is not None:
                left = None if end is None else max(0.0, end - time.monotonic())
                if not running.wait(left):
                    return False
        return True

    def code(self, prelude: bool = False, step: int | None = None) -> "Text":
        """The C source of the kernels that run, with the user's variables and lines as comments.

        Each kernel stands once, in the order in which they first run; products are calls of BLAS
        and have none. A kernel for operands that lie otherwise in memory is made when a call first
        needs it; only its strides differ.

        Parameters
        ----------
        prelude : bool
            Whether the text begins with what all kernels need to be compiled.
        step : int, optional
            Only the kernel of this step, as `print(f.program)` counts them.

        Raises
        ------
        CompilerError
            There is no C: NumPy runs the function, or this step is one of BLAS or NumPy.
        GraphError
            There is no such step.

        Example
        -------
        >>> from arignote import config, function, tensor as T
        >>> x = T.dvector("x")
        >>> f = function([x], T.exp(x) + 1)
        >>> "exp(v0)" in f.code()
        True
        """
        text: Text = lazy.module("arignote.compile.inspection").code(self, prelude, step)
        return text

    def memory(self, *args: Any, **kwargs: Any) -> "MemoryPlan":
        """The memory that a call will take: its peak, and what is alive then, by name.

        Nothing is computed; if C code is still being compiled, this waits for it.

        Parameters
        ----------
        args, kwargs
            As for a call; instead of an array its shape as a tuple will do.

        Returns
        -------
        MemoryPlan

        Raises
        ------
        InputError
            As a call.

        Example
        -------
        >>> from arignote import function, tensor as T
        >>> x, y = T.fmatrices("x", "y")
        >>> f = function([x, y], T.dot(x, y))
        >>> f.memory((256, 512), (512, 64)).peak
        720896
        """
        plan: MemoryPlan = lazy.module("arignote.compile.planning").memory(self, args, kwargs)
        return plan

    def why_not_fused(self, a: Variable | str, b: Variable | str) -> "Text":
        """As `arignote.why_not_fused(f, a, b)`."""
        text: Text = lazy.module("arignote.compile.inspection").why_not_fused(self, a, b)
        return text

    @property
    def profile(self) -> "Profile":
        """What the calls so far took, if the function was made with `profile=True`."""
        off: Profile = lazy.module("arignote.execute.profile").Profile(is_on=False)
        return off

    @property
    def nan_records(self) -> list["Finding"]:
        """What calls have found, oldest first, if the function was made with `nan='record'`.

        Each Finding says where a NaN or Inf was born; `nan='warn'` records too.

        Example
        -------
        >>> from arignote import function, tensor as T
        >>> x = T.dvector("x")
        >>> f = function([x], T.log(x), nan="record")
        >>> result = f([1.0, 0.0])
        >>> print(f.nan_records[0].what)
        Inf in log: 1 of 2 elements, the first at [1].
        """
        return list(self._alarm.records)

    @property
    def updates(self) -> list[tuple[SharedVariable, Variable]]:
        """The shared variables that a call changes, with the expressions of their new values."""
        return list(self.graph.updates)

    def get_shared(self) -> list[SharedVariable]:
        """The shared variables that a call reads or changes."""
        return list(self.fgraph.shared)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if (quick := self._quick) is not None and not kwargs:
            result = quick(args)
            if result is not self._miss:
                return result
        timing, call = self._timing, self._shielded if observers() else self._call
        return call(args, kwargs) if timing is None else timing.call(call, args, kwargs)

    def _shielded(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """As `_call`; who observes may have interrupts wait until it is over."""
        __tracebackhide__ = True
        with shield:
            return self._call(args, kwargs)

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result for any arguments."""
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
        if not self._locks:
            return self._arrange(self._compute(values))
        for lock in self._locks:
            lock.acquire()
        try:
            return self._arrange(self._compute(values))
        finally:
            for lock in self._locks:
                lock.release()

    def _compute(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs for filtered inputs; updates are stored."""
        __tracebackhide__ = True
        if observers():
            results: list[np.ndarray] = observed(self, values, self._computed)
            return results
        return self._computed(values)

    def _computed(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """As `_compute`, with nobody looking on."""
        __tracebackhide__ = True
        stored = [cell.get_value(borrow=True) for cell in self._shared]
        linked = self._running.linked
        if linked.finish is not None:
            linked = self._running.settled()
        if linked.check is not None and not linked.check([*values, *stored]):
            linked = self._for_all_sizes()
        results = self._execute(linked, [*values, *stored])
        results = self._own(results, [*values, *stored])
        count = len(self._outs)
        store_all(self._targets, results[count:])
        return results[:count]

    def _execute(self, linked: "Linked", values: Sequence[np.ndarray]) -> list[np.ndarray]:
        __tracebackhide__ = True
        timing = self._timing
        return linked.run(values) if timing is None else timing.run(linked, values)

    def _for_all_sizes(self) -> "Linked":
        """What runs where sizes that meet are not equal: the graph without that assumption."""
        if self._general is None:
            with building(self):
                general = Running(self.graph, self.mode, self._shared, False, self._alarm)
            general.start()
            self._general = general
        return self._general.settled()

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
                    f"{self._title} takes {self._count}, but {len(args)} were given.",
                    got=self._signature(),
                )
            )
        values = dict(enumerate(args))
        names = {given.name: n for n, given in enumerate(self._ins) if given.name is not None}
        for name, value in kwargs.items():
            if name not in names:
                near = near_names(name, names)
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
                    f"{self._title} takes {self._count}; missing: {names_text}.",
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
                    describe_value(value),
                    f"for {describe(variable)}",
                ],
                where=str(self.source),
            )
        ) from None

    @property
    def _title(self) -> str:
        ins = join_names(str(x) for x in self.inputs)
        return f"the function {self.name}" if self.name else f"the function of ({ins})"

    @property
    def _count(self) -> str:
        return "1 input" if len(self._ins) == 1 else f"{len(self._ins)} inputs"

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
