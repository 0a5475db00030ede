"""Running a `%%graph` cell: names that are ready in it, and what a run leaves behind."""

import builtins
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from types import CodeType
from typing import TypeVar

import numpy as np
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

import arignote.tensor as T
from arignote.autodiff import grad
from arignote.compile import function
from arignote.graph import shared
from arignote.kernel_ext.naming import CONSTRUCTORS, RUN_NAME, CellRun, CellTransformer
from arignote.kernel_ext.statements import body_of, cell_number, syntax_errors_of
from arignote.kernel_ext.tracebacks import user_frames

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
    body = body_of(shell, magic, line, cell)
    if not body.tree.body:
        raise UsageError(f"%%{magic}: the cell body holds no statement.")
    transformer = CellTransformer()
    with syntax_errors_of(body.filename):
        tree = transformer.changed(body.tree)
        if graph_name in transformer.assigned:
            raise UsageError(
                f"%%{magic} {graph_name}: the cell assigns {graph_name} too; give the graph another"
                " name."
            )
        return shell.compile(tree, body.filename, "exec")  # type: ignore[arg-type]


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
