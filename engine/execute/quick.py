"""The fast way into a function: Python code written for it, which does what most calls need.

Functions of hundreds of arrays have a loop in place of code for each: the code would be long.

A call qualifies whose arguments are arrays of the right dtypes, in C order. What else there is to
check is checked when sizes are met for the first time. Others take the general way.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from operator import is_not
from typing import Any

import numpy as np

from arignote.execute.c import Native
from arignote.execute.frame import Frame
from arignote.execute.libraries import ffi
from arignote.execute.recipe import UnfitError
from arignote.execute.workspace import workspace
from arignote.graph import SharedVariable
from arignote.graph.variable import store_all
from arignote.lower.steps import Part

# Arrays, given and made, for each of which code is written.
MAX_WRITTEN = 250

MISS = object()
"""What a quick caller gives for a call that does not qualify."""


def quick_caller(
    native: Native,
    check: Callable[[Sequence[np.ndarray]], bool] | None,
    targets: Sequence[SharedVariable],
    arrange: Callable[[list[Any]], Any] | None,
) -> Callable[..., Any] | None:
    """The function written for a program; None where it must go the general way.

    Parameters
    ----------
    native : Native
    check : function or None
        Whether the program is right for the values of its leaves.
    targets : sequence of SharedVariable
        Those that the last results are the new values of.
    arrange : function or None
        Makes what a call returns of the list of outputs; None where that is the one output.
    """
    program = native.program
    results = program.graph.results
    if len(program.steps) != 1 or not isinstance(part := program.steps[0], Part):
        return None
    if len(set(results)) != len(results) or not set(results) <= set(part.outputs):
        return None
    if not set(part.inputs) <= set(native.leaves):
        return None
    fresh = _fresh(native, check)
    if len(native.leaves) + len(results) > MAX_WRITTEN:
        return _LoopingCaller(native, fresh, part, targets, arrange)
    names = {
        x: f"x{n}" if n < len(program.graph.inputs) else f"w{n}"
        for n, x in enumerate(native.leaves)
    }
    space: dict[str, Any] = {
        "ndarray": np.ndarray,
        "empty": np.empty,
        "buffer": ffi().from_buffer,
        "call": native.call_frame,
        "frames": native.frames,
        "fresh": fresh,
        "MISS": MISS,
        "arrange": arrange,
    }
    given = [names[x] for x in program.graph.inputs]
    lines = ["def quick(args):", "    try:", f"        {_listed(given)} = args"]
    lines += ["    except ValueError:", "        return MISS"]
    for x, name in zip(program.graph.inputs, given, strict=True):
        space[f"d{name}"] = x.type.numpy_dtype
        lines += [f"    if {name}.__class__ is not ndarray or {name}.dtype is not d{name}:"]
        lines += ["        return MISS"]
    indent = "    "
    for n, target in enumerate(sorted(targets, key=id)):
        space[f"l{n}"] = target.lock
        lines.append(f"    l{n}.acquire()")
    if targets:
        lines.append("    try:")
        indent = "        "
    lines += [indent + line for line in _body(native, part, targets, names, space)]
    if targets:
        lines.append("    finally:")
        lines += [f"        l{n}.release()" for n in range(len(targets))]
    exec("\n".join(lines), space)
    quick: Callable[..., Any] = space["quick"]
    return quick


def _body(
    native: Native,
    part: Part,
    targets: Sequence[SharedVariable],
    names: dict[Any, str],
    space: dict[str, Any],
) -> list[str]:
    """What is done with the arguments, and while shared variables are locked."""
    results = native.program.graph.results
    lines = []
    for cell in native.program.shared:
        space[f"s{names[cell]}"] = cell
        lines.append(f"{names[cell]} = s{names[cell]}._value")
    key = _listed([f"{names[x]}.shape" for x in native.leaves])
    lines += ["try:", f"    pool = frames[0, ({key})]", "    frame = pool.pop()"]
    lines += ["except (KeyError, IndexError):"]
    lines += [f"    pool, frame = fresh(({_listed([names[x] for x in native.leaves])}))"]
    lines += ["    if frame is None:", "        return MISS"]
    lines += ["try:", "    args = frame.args"]
    if any(x not in targets for x in native.program.shared):
        lines.append("    held, buffers = frame.held, frame.buffers")
    place = {x: n for n, x in enumerate((*part.inputs, *part.outputs))}
    for x in part.inputs:
        n, name = place[x], names[x]
        if x in native.program.shared and x not in targets:
            # It is mostly the array that it was in this frame's last call.
            lines += [f"    if held[{n}] is not {name}:", f"        buffers[{n}] = buffer({name})"]
            lines += [f"        args[{n}] = buffers[{n}]", f"        held[{n}] = {name}"]
        else:
            lines += [f"    args[{n}] = b{n} = buffer({name})"]
    lines.append(f"    {_listed([f'o{place[x]}' for x in part.outputs])} = frame.shapes")
    for x in part.outputs:
        n = place[x]
        space[f"t{n}"] = x.type.numpy_dtype
        lines.append(f"    r{n} = empty(o{n}, t{n})")
        lines.append(f"    args[{n}] = b{n} = buffer(r{n})")
    if part.pieces or any(loops.kernel.accumulates for loops in native.program.kernels):
        space |= {"workspace": workspace, "spaces": native.spaces}
        lines += [
            "    space = workspace(spaces, frame.room)",
            f"    args[{len(place)}] = space.buffer",
        ]
        lines += ["    failed = call(frame.whole)", "    spaces.append(space)"]
    else:
        lines += ["    failed = call(frame.whole)"]
    lines += ["except (ValueError, BufferError):", "    failed = True"]
    lines += ["pool.append(frame)", "if failed:", "    return MISS"]
    count = len(results) - len(targets)
    for target, x in zip(targets, results[count:], strict=True):
        space[f"u{place[x]}"] = target
        lines.append(f"u{place[x]}._value = r{place[x]}")
    shown = ", ".join(f"r{place[x]}" for x in results[:count])
    arrange = space["arrange"]
    return [*lines, f"return {shown}" if arrange is None else f"return arrange([{shown}])"]


Fresh = Callable[[Sequence[np.ndarray]], tuple[list[Frame], Frame | None]]


def _fresh(native: Native, check: Callable[[Sequence[np.ndarray]], bool] | None) -> Fresh:
    """Makes a frame for values whose sizes were not met before, and the pool that it belongs to.

    There is none where the general way has to say what is wrong, or another program has to run.
    """

    def fresh(values: Sequence[np.ndarray]) -> tuple[list[Frame], Frame | None]:
        try:
            made = native.fresh(values)
        except UnfitError:
            return [], None
        # Asked last, since it takes it that values have the axes that they must have.
        return made if check is None or check(values) else ([], None)

    return fresh


def _listed(names: Sequence[str]) -> str:
    return "".join(f"{name}, " for name in names) or "()"


class _LoopingCaller:
    """What `quick_caller` gives, with loops over the arguments."""

    def __init__(
        self,
        native: Native,
        fresh: Fresh,
        part: Part,
        targets: Sequence[SharedVariable],
        arrange: Callable[[list[Any]], Any] | None,
    ) -> None:
        graph, self._cells = native.program.graph, native.program.shared
        self._native, self._targets, self._arrange = native, list(targets), arrange
        self._fresh = fresh
        self._dtypes = [x.type.numpy_dtype for x in graph.inputs]
        self._locks = [target.lock for target in sorted(targets, key=id)]
        place = {x: n for n, x in enumerate(native.leaves)}
        self._taken = [place[x] for x in part.inputs]
        # They are mostly the arrays that they were in a frame's last call.
        stays = set(self._cells) - set(targets)
        self._stays = [x in stays for x in part.inputs]
        self._outputs = slice(len(part.inputs), len(part.inputs) + len(part.outputs))
        self._made_dtypes = [x.type.numpy_dtype for x in part.outputs]
        made = {x: n for n, x in enumerate(part.outputs)}
        self._shown = [made[x] for x in graph.outputs]
        self._stored = [made[x] for _, x in graph.updates]

    def __call__(self, args: tuple[Any, ...]) -> Any:
        if len(args) != len(self._dtypes):
            return MISS
        for x, dtype in zip(args, self._dtypes, strict=True):
            if x.__class__ is not np.ndarray or x.dtype is not dtype:
                return MISS
        if not self._locks:
            return self._run(args)
        with ExitStack() as stack:
            for lock in self._locks:
                stack.enter_context(lock)
            return self._run(args)

    def _run(self, args: tuple[Any, ...]) -> Any:
        values = [*args, *[cell._value for cell in self._cells]]
        try:
            pool = self._native.frames[0, tuple([x.shape for x in values])]
            frame: Frame | None = pool.pop()
        except (KeyError, IndexError):
            pool, frame = self._fresh(values)
        if frame is None:
            return MISS
        try:
            results = list(map(np.empty, frame.shapes, self._made_dtypes))
            failed = self._fill(frame, values, results)
        except (ValueError, BufferError):
            failed = True
        pool.append(frame)
        if failed:
            return MISS
        store_all(self._targets, [results[n] for n in self._stored])
        shown = [results[n] for n in self._shown]
        return shown[0] if self._arrange is None else self._arrange(shown)

    def _fill(self, frame: Frame, values: Sequence[np.ndarray], results: list[np.ndarray]) -> int:
        """Runs the table of a frame for these values; not 0 where that failed."""
        buffer, args, held, alive = ffi().from_buffer, frame.args, frame.held, []
        given = [values[n] for n in self._taken]
        if any(map(is_not, given, held)):
            for n, (x, stays) in enumerate(zip(given, self._stays, strict=True)):
                if x is not held[n]:
                    args[n] = data = buffer(x)
                    alive.append(data)
                    if stays:
                        frame.buffers[n], held[n] = data, x
        args[self._outputs] = made = list(map(buffer, results))
        alive += made
        space = workspace(self._native.spaces, frame.room)
        args[self._outputs.stop] = space.buffer
        failed = self._native.call_frame(frame.whole)
        self._native.spaces.append(space)
        return failed
