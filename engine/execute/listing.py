"""The C text of a program with comments that lead back to the user's variables and lines.

What is compiled has no comments: a kernel's name is the hash of its text, and functions of other
variables share it.
"""

import re
from collections.abc import Sequence
from itertools import islice

from arignote.codegen import kernel_text
from arignote.execute.c import KERNEL_TABLE, kernel_name, kernels_of
from arignote.graph import Apply, Variable
from arignote.lower.build import Access, Extent, Loops
from arignote.lower.kernel import Accumulate, Kernel
from arignote.lower.names import Names, Text, line_of, where_text
from arignote.lower.steps import LoopProgram, LoopStep

# A kernel that many steps use is explained by the first few of them.
MAX_STEPS = 3
_DECLARED = re.compile(r"b?([vktqfac])(\d+)")


def listing(program: LoopProgram, with_prelude: bool = False) -> Text:
    """The kernels of a program in C, each once, in the order in which they first run.

    Parameters
    ----------
    program : LoopProgram
    with_prelude : bool
        Whether the text begins with what kernels need to be compiled.
    """
    names, users = program.names, _users(program)
    texts = [KERNEL_TABLE.header] if with_prelude else []
    texts += [_one(kernel, users.get(kernel, ()), names) for kernel in kernels_of(program.kernels)]
    return Text("\n".join(texts))


def kernel_listings(program: LoopProgram) -> dict[Kernel, Text]:
    """The C text of each kernel that steps of a program run, in the order of `listing`."""
    names = program.names
    return {kernel: Text(_one(kernel, steps, names)) for kernel, steps in _users(program).items()}


def step_listing(program: LoopProgram, number: int) -> Text | None:
    """The C text of the kernel of one step; None where BLAS or NumPy computes it.

    Parameters
    ----------
    program : LoopProgram
    number : int
        As `print(program)` counts, from 1 to the number of computing steps.
    """
    step = program.computing[number - 1]
    if not isinstance(step, LoopStep):
        return None
    return Text(_one(step.loops.kernel, [(number, step.loops)], program.names))


def _users(program: LoopProgram) -> dict[Kernel, list[tuple[int, Loops]]]:
    """The steps of each kernel, with their numbers."""
    users: dict[Kernel, list[tuple[int, Loops]]] = {}
    for number, step in enumerate(program.computing, 1):
        if isinstance(step, LoopStep):
            users.setdefault(step.loops.kernel, []).append((number, step.loops))
    return users


def _one(kernel: Kernel, users: Sequence[tuple[int, Loops]], names: Names) -> str:
    """The text of a kernel with its comments."""
    text = kernel_text(kernel)
    body = text.named(kernel_name(text)).rstrip("\n")
    if users:
        return f"{_head(users, names)}\n{_commented(body, users, names)}\n"
    what = "Combines what several jobs of a loop have accumulated, in the order of the jobs."
    return f"{_comment([what])}\n{body}\n"


def _comment(lines: Sequence[str]) -> str:
    """A comment of some lines, whatever stands in them."""
    safe = [_safe(line) for line in lines]
    return "/* " + "\n   ".join(safe) + " */"


def _safe(text: str) -> str:
    return " ".join(text.split("\n")).replace("*/", "* /").replace("/*", "/ *").rstrip("\\")


# ---- before a kernel ----------------------------------------------------------------------------


def _head(users: Sequence[tuple[int, Loops]], names: Names) -> str:
    lines = []
    for number, loops in users[:MAX_STEPS]:
        lines += _step_lines(number, loops, names)
    if len(users) > MAX_STEPS:
        others = ", ".join(str(number) for number, _ in islice(users, MAX_STEPS, 12))
        more = ", ..." if len(users) > 12 else ""
        lines.append(f"and {len(users) - MAX_STEPS} more steps: {others}{more}")
    return _comment(lines)


def _step_lines(number: int, loops: Loops, names: Names) -> list[str]:
    """What a step computes over which sizes, an equation a line, with the user's lines."""
    over = names.sizes(loops.domain)
    legend = names.legend_of(loops.domain)
    lines = [f"step {number}, over {over}{f' where {legend}' if legend else ''}"]
    equations = [names.equation(node) for node in loops.nodes]
    width = min(max(map(len, equations)), 48)
    seen: set[object] = set()
    for node, equation in zip(loops.nodes, equations, strict=True):
        where = _where(node, seen)
        lines.append(f"  {equation:{width}}  {where}".rstrip())
    reads = ", ".join(dict.fromkeys(names(x) for x in loops.inputs))
    writes = ", ".join(names(x) for x in loops.outputs)
    return [*lines, f"  reads {reads or 'nothing'}; writes {writes}"]


def _where(node: Apply, seen: set[object]) -> str:
    """Where a node comes from; the text of a line is shown once."""
    line, where = line_of(node), where_text(node)
    if line is None or line in seen:
        return where
    seen.add(line)
    return f"{where}: {line.text}" if line.text else where


# ---- within a kernel ----------------------------------------------------------------------------


def _commented(body: str, users: Sequence[tuple[int, Loops]], names: Names) -> str:
    """The text with a comment after each line that declares what has a name for the user."""
    lines = []
    for line in body.split("\n"):
        found = _DECLARED.fullmatch(_declared(line))
        shown: dict[str, None] = {}
        if found is not None:
            for _, loops in users:
                shown.setdefault(_meaning(found[1], int(found[2]), loops, names))
        shown.pop("", None)
        text = ", ".join(islice(shown, MAX_STEPS)) + (", ..." if len(shown) > MAX_STEPS else "")
        lines.append(f"{line}  {_comment([text])}" if text else line)
    return "\n".join(lines)


def _declared(line: str) -> str:
    """The name of the C variable that a line declares, or nothing."""
    words = line.partition(" = ")[0].split()
    return words[-1].lstrip("*") if len(words) > 1 and line.endswith(";") else ""


def _meaning(letter: str, number: int, loops: Loops, names: Names) -> str:
    """What a C variable of a kernel is for the user; the letters are those of the writer."""
    if letter in "vkt":
        x = loops.names[number]
        return "" if x is None else names.labelled(x)
    if letter in "qf":
        return _read(loops.accesses[number], names)
    if letter == "a":
        write = loops.kernel.writes[number]
        assert isinstance(write, Accumulate)
        return names.labelled(loops.accesses[write.operand].base)
    source = loops.parameters[number]
    if isinstance(source, Extent):
        what = "stride" if source.is_stride else "size"
        return f"{what} of axis {source.axis} of {_read(loops.accesses[source.operand], names)}"
    return names(source.variable)


def _read(access: Access, names: Names) -> str:
    shown: Variable = access.views[-1].outputs[0] if access.views else access.base
    return names(shown)
