"""Which parameters loops read from memory wherever they need them."""

import re

from arignote.lower.kernel import Compute, Kernel, Parameter, Total
from arignote.lower.kinds import is_call


def read_again(kernel: Kernel) -> set[int]:
    """The parameters that loops read from memory wherever they need them.

    A function that is called leaves no vector register as it was. A parameter would be kept as a
    whole vector on the stack, and what comes after the call waits for it: log(c + x) and then a
    sine take 1.7 times as long. What only one side of a choice needs is left alone: a loop with
    such a read is not vectorised.
    """
    values = [value for value in kernel.values if isinstance(value, Compute)]
    if not any(is_call(value.record, value.compute) for value in values):
        return set()
    needed = _needed(kernel)
    maybe = {
        arg
        for n, value in enumerate(kernel.values)
        if isinstance(value, Compute)
        for place, arg in enumerate(value.args)
        if n not in needed or not _is_read(value, place)
    }
    return {
        value.number
        for n, value in enumerate(kernel.values)
        if isinstance(value, Parameter) and value.dtype in ("float32", "float64") and n not in maybe
    }


def _needed(kernel: Kernel) -> set[int]:
    """The values that are computed whatever side of choices is taken."""
    found = {write.value for write in kernel.writes}
    for n in reversed(range(len(kernel.values))):
        value = kernel.values[n]
        if n in found and isinstance(value, Compute):
            found.update(arg for k, arg in enumerate(value.args) if _is_read(value, k))
        elif isinstance(value, Total):
            found.add(value.arg)
    return found


def _is_read(value: Compute, place: int) -> bool:
    """Whether the C text of a value reads an argument before it chooses anything."""
    text = value.record.c_text(value.compute) or ""
    return f"{{{place}}}" in re.split(r"\?|&&|\|\|", text, maxsplit=1)[0]
