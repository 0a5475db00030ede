"""Running a `%%graph` cell: names that are ready in it, and what a run leaves behind."""

import builtins
import itertools
import re
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import TypeVar

import numpy as np
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

import arignote.tensor as T
from arignote.autodiff import grad
from arignote.compile import function
from arignote.graph import shared
from arignote.kernel_ext.naming import CONSTRUCTORS, RUN_NAME, CellRun, CellTransformer
from arignote.kernel_ext.tracebacks import CellSyntaxError, user_frames

Result = TypeVar("Result")
READY_NAMES: Mapping[str, object] = {
    "T": T,
    "np": np,
    "shared": shared,
    "function": function,
    "grad": grad,
    "tensor": T.tensor,
    **CONSTRUCTORS,
}


def run_cell(
    shell: InteractiveShell, line: str, cell: str, graph_name: str, magic: str = "graph"
) -> CellRun:
    """What the body of a cell made when it ran in the user's namespace.

    Parameters
    ----------
    shell : InteractiveShell
    line : str
        The rest of the line `%%graph`: line 1 of the cell in what is shown of errors.
    cell : str
        The body.
    graph_name : str
        The name that the graph is to be bound to; the cell may not assign it too.
    magic : str
        The cell's magic, without the signs.

    Raises
    ------
    CellSyntaxError
        The body is no Python.
    UsageError
        The body holds no statement, or assigns `graph_name`.
    """
    code = compiled(shell, line, cell, graph_name, magic)
    run = CellRun()
    with ready_names(shell.user_ns, {RUN_NAME: run}), user_frames(code):
        exec(code, shell.user_ns)
    run.forget_rebound(shell.user_ns)
    return run


def compiled(
    shell: InteractiveShell, line: str, cell: str, graph_name: str, magic: str
) -> CodeType:
    """The changed cell as code whose file and lines are the cell's own."""
    if cell.lstrip().startswith("%%"):
        inner = cell.split(maxsplit=1)[0]
        raise UsageError(f"%%{magic}: {inner} cannot stand in the cell; write it above %%{magic}.")
    head = f"%%{magic} {line}".rstrip()
    # IPython drops blank lines before the first statement; lines are to keep their numbers.
    blank = itertools.takewhile(str.isspace, cell.splitlines(keepends=True))
    body = "".join(blank) + shell.transform_cell(cell) if cell.strip() else ""
    # Named after the text as it stands in the notebook: there ipykernel's debugger finds it.
    raw = f"{head}\n{cell}".removesuffix("\n")
    filename = shell.compile.cache(f"{head}\n{body}", cell_number(shell), raw_code=raw)
    transformer = CellTransformer()
    try:
        tree = shell.transform_ast(shell.compile.ast_parse(f"\n{body}", filename))
        if not tree.body:
            raise UsageError(f"%%{magic}: the cell body holds no statement.")
        tree = transformer.changed(tree)
        if graph_name in transformer.assigned:
            raise UsageError(
                f"%%{magic} {graph_name}: the cell assigns {graph_name} too; give the graph another"
                " name."
            )
        return shell.compile(tree, filename, "exec")  # type: ignore[arg-type]
    except SyntaxError as error:
        error.filename = filename
        raise CellSyntaxError(error) from None


def evaluate(shell: InteractiveShell, text: str, local_names: Mapping[str, object]) -> object:
    """The value of an expression in the user's namespace, with the same names ready.

    Raises
    ------
    UsageError
        The text is no expression.
    """
    filename = shell.compile.cache(text, cell_number(shell))
    try:
        code = shell.compile(text, filename, "eval")
    except SyntaxError as error:
        raise UsageError(f"{text!r} is no expression: {error.msg}") from None
    with ready_names(shell.user_ns, {}), user_frames(code):
        return eval(code, shell.user_ns, local_names)


def call_as(shell: InteractiveShell, text: str, call: Callable[[], Result]) -> Result:
    """What a function returns; what it makes comes from the line `text` of the cell that runs."""
    filename = shell.compile.cache(text, cell_number(shell))
    code = shell.compile("call()", filename, "eval")
    with user_frames(code):
        result: Result = eval(code, {"call": call, "__name__": "__main__"})
    return result


def cell_number(shell: InteractiveShell) -> int:
    """The number of the cell that runs; some IPythons have raised `execution_count` by then."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        label = shell.compile.format_code_name(frame.f_code.co_filename)
        if label is not None and (digits := re.search(r"\d+", label[1])):
            return int(digits[0])
        frame = frame.f_back
    return shell.displayhook.prompt_count


@contextmanager
def ready_names(
    namespace: MutableMapping[str, object], more: Mapping[str, object]
) -> Iterator[None]:
    """For the length of the block, code that runs in `namespace` finds the ready names.

    They stand behind the builtins, where a function that the code defines goes on finding them;
    the namespace itself is not touched, and its own names win.
    """
    missing = "__builtins__" not in namespace
    before = namespace.get("__builtins__", builtins)
    plain = before if isinstance(before, dict) else vars(before)
    namespace["__builtins__"] = {**READY_NAMES, **plain, **more}
    try:
        yield
    finally:
        if missing:
            del namespace["__builtins__"]
        else:
            namespace["__builtins__"] = before
