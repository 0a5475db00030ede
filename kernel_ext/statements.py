"""The body of a cell magic as code that runs as the cell itself would."""

import ast
import itertools
from types import CodeType

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from arignote.kernel_ext.cell import cell_number
from arignote.kernel_ext.tracebacks import CellSyntaxError


def compiled_cell(
    shell: InteractiveShell, magic: str, line: str, cell: str
) -> tuple[CodeType, CodeType | None]:
    """The statements of a cell, and the expression at its end, with the cell's own lines.

    Parameters
    ----------
    shell : InteractiveShell
    magic : str
        The cell's magic, without the signs.
    line : str
        The rest of its line.
    cell : str
        The body.

    Raises
    ------
    CellSyntaxError
        The body is no Python.
    """
    if cell.lstrip().startswith("%%"):
        inner = cell.split(maxsplit=1)[0]
        raise UsageError(f"%%{magic}: {inner} cannot stand in the cell; write it above %%{magic}.")
    head = f"%%{magic} {line}".rstrip()
    # IPython drops blank lines before the first statement; lines are to keep their numbers.
    blank = itertools.takewhile(str.isspace, cell.splitlines(keepends=True))
    text = "".join(blank) + shell.transform_cell(cell) if cell.strip() else ""
    raw = f"{head}\n{cell}".removesuffix("\n")
    filename = shell.compile.cache(f"{head}\n{text}", cell_number(shell), raw_code=raw)
    try:
        tree = shell.transform_ast(shell.compile.ast_parse(f"\n{text}", filename))
        last = None
        ending = tree.body[-1] if tree.body else None
        if isinstance(ending, ast.Expr) and not raw.rstrip().endswith(";"):
            tree.body.pop()
            whole = ast.Expression(ending.value)
            last = shell.compile(whole, filename, "eval")  # type: ignore[arg-type]
        return shell.compile(tree, filename, "exec"), last
    except SyntaxError as error:
        error.filename = filename
        raise CellSyntaxError(error) from None
