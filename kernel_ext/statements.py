"""The body of a cell magic as code that runs as the cell itself would."""

import ast
import itertools
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FrameType

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from arignote.kernel_ext.tracebacks import CellSyntaxError, user_frames


@dataclass(frozen=True)
class Body:
    """A cell's statements, with the cell's own lines.

    Attributes
    ----------
    tree : ast.Module
    filename : str
    is_silent : bool
        Whether a semicolon at its end keeps the value of the last expression from being shown.
    """

    tree: ast.Module
    filename: str
    is_silent: bool


def body_of(shell: InteractiveShell, magic: str, line: str, cell: str) -> Body:
    """The body of a cell magic, read.

    Parameters
    ----------
    shell : InteractiveShell
    magic : str
        The cell's magic, without the signs.
    line : str
        The rest of its line: line 1 of the cell in what is shown of errors.
    cell : str
        The body.

    Raises
    ------
    CellSyntaxError
        The body is no Python.
    UsageError
        It begins with another cell magic.
    """
    if cell.lstrip().startswith("%%"):
        inner = cell.split(maxsplit=1)[0]
        raise UsageError(f"%%{magic}: {inner} cannot stand in the cell; write it above %%{magic}.")
    head = f"%%{magic} {line}".rstrip()
    # IPython drops blank lines before the first statement; lines are to keep their numbers.
    blank = itertools.takewhile(str.isspace, cell.splitlines(keepends=True))
    text = "".join(blank) + shell.transform_cell(cell) if cell.strip() else ""
    # Named after the text as it stands in the notebook: there ipykernel's debugger finds it.
    raw = f"{head}\n{cell}".removesuffix("\n")
    filename = shell.compile.cache(f"{head}\n{text}", cell_number(shell), raw_code=raw)
    with syntax_errors_of(filename):
        tree = shell.transform_ast(shell.compile.ast_parse(f"\n{text}", filename))
    return Body(tree, filename, raw.rstrip().endswith(";"))


@contextmanager
def syntax_errors_of(filename: str) -> Iterator[None]:
    """Errors of syntax in the block are shown as those of a cell."""
    try:
        yield
    except SyntaxError as error:
        error.filename = filename
        raise CellSyntaxError(error) from None


def cell_number(shell: InteractiveShell) -> int:
    """The number of the cell that runs; some IPythons have raised `execution_count` by then."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        label = shell.compile.format_code_name(frame.f_code.co_filename)
        if label is not None and (digits := re.search(r"\d+", label[1])):
            return int(digits[0])
        frame = frame.f_back
    return shell.displayhook.prompt_count


class Statements:
    """The statements of a cell magic, ready to run in the user's namespace.

    `Statements(shell, "profile", line, cell)` raises as `body_of`.
    """

    def __init__(self, shell: InteractiveShell, magic: str, line: str, cell: str) -> None:
        self._shell = shell
        body = body_of(shell, magic, line, cell)
        statements = body.tree.body
        self._last: CodeType | None = None
        with syntax_errors_of(body.filename):
            ending = statements[-1] if statements else None
            if isinstance(ending, ast.Expr) and not body.is_silent:
                statements.pop()
                whole = ast.Expression(ending.value)
                self._last = shell.compile(whole, body.filename, "eval")  # type: ignore[arg-type]
            self._code = shell.compile(body.tree, body.filename, "exec")  # type: ignore[arg-type]

    def run(self) -> object:
        """Runs them; gives the value of the expression at their end, if they end in one."""
        names = self._shell.user_ns
        with user_frames(self._code):
            exec(self._code, names)
        if self._last is None:
            return None
        with user_frames(self._last):
            return eval(self._last, names)
