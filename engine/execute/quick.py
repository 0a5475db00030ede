"""The fast way into a function: Python code written for it, which does what most calls need.

A call qualifies whose arguments are arrays of the right dtypes, in C order, with sizes that were
met before: everything else about them was checked then. Others take the general way.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from arignote.execute.c import Native
from arignote.execute.libraries import ffi
from arignote.graph import SharedVariable
from arignote.lower.schedule import Part

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
        "run": native._run_table,
        "NULL": ffi().NULL,
        "frames": native.frames,
        "MISS": MISS,
        "arrange": arrange,
    }
    lines = [f"def quick({', '.join(names[x] for x in program.graph.inputs)}):"]
    for x in program.graph.inputs:
        space[f"d{names[x]}"] = x.type.numpy_dtype
        test = f"{names[x]}.__class__ is not ndarray or {names[x]}.dtype is not d{names[x]}"
        lines += [f"    if {test}:", "        return MISS"]
    for x in program.shared:
        space[f"s{names[x]}"] = x
        lines.append(f"    {names[x]} = s{names[x]}._value")
    key = "".join(f"{names[x]}.shape, " for x in native.leaves)
    lines += ["    try:", f"        pool = frames[0, ({key})]", "        frame = pool.pop()"]
    lines += ["    except (KeyError, IndexError):", "        return MISS"]
    lines += ["    try:", "        args = frame.args"]
    place = {x: n for n, x in enumerate((*part.inputs, *part.outputs))}
    for x in part.inputs:
        n = place[x]
        lines += [f"        b{n} = buffer({names[x]})", f"        args[{n}] = b{n}"]
    outputs = "".join(f"o{place[x]}, " for x in part.outputs)
    lines.append(f"        {outputs}= frame.shapes")
    for x in part.outputs:
        n = place[x]
        space[f"t{n}"] = x.type.numpy_dtype
        lines += [f"        r{n} = empty(o{n}, t{n})", f"        b{n} = buffer(r{n})"]
        lines.append(f"        args[{n}] = b{n}")
    lines += ["        failed = run(frame.table, frame.steps, args, NULL)"]
    lines += ["    except (ValueError, BufferError):", "        failed = True"]
    lines += ["    pool.append(frame)", "    if failed:", "        return MISS"]
    count = len(results) - len(targets)
    for target, x in zip(targets, results[count:], strict=True):
        space[f"u{place[x]}"] = target
        lines.append(f"    u{place[x]}._value = r{place[x]}")
    shown = ", ".join(f"r{place[x]}" for x in results[:count])
    lines.append(f"    return {shown}" if arrange is None else f"    return arrange([{shown}])")
    exec("\n".join(lines), space)  # noqa: S102
    quick: Callable[..., Any] = space["quick"]
    return quick
