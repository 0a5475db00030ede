"""The fast way into a function: Python code written for it, which does what most calls need.

A call qualifies whose arguments are arrays of the right dtypes, in C order, with sizes that were
met before: everything else about them was checked then. Others take the general way.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from arignote.execute.c import Native
from arignote.execute.frame import workspace
from arignote.execute.libraries import ffi
from arignote.graph import SharedVariable
from arignote.lower.steps import Part

MISS = object()
"""What a quick caller gives for a call that does not qualify."""


def quick_caller(
    native: Native,
    targets: Sequence[SharedVariable],
    arrange: Callable[[list[Any]], Any] | None,
) -> Callable[..., Any] | None:
    """The function written for a program; None where it must go the general way.

    Parameters
    ----------
    native : Native
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
    if not set(part.inputs) <= set(native.leaves) or len(native.leaves) > 250:
        return None
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
    lines += ["except (KeyError, IndexError):", "    return MISS"]
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


def _listed(names: Sequence[str]) -> str:
    return "".join(f"{name}, " for name in names) or "()"
