"""`%%profile`, `%profile` and `%memory`: where time and memory go."""

import re
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import (
    line_cell_magic,
    line_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from arignote import lazy
from arignote.compile import Function
from arignote.compile.profiling import profiling
from arignote.kernel_ext.arguments import EXPRESSION, HELP, expressions, one_of, parse, unquoted
from arignote.kernel_ext.cell import evaluate
from arignote.kernel_ext.family import Family
from arignote.kernel_ext.statements import Statements
from arignote.viz.profiles.profile import profile

if TYPE_CHECKING:
    from arignote.compile.memory import MemoryPlan
    from arignote.compile.report import ProfileReport

NAME = "_profile"
WAYS = ("line", "kernel", "op", "function")
ORDERS = ("time", "memory", "calls")
FORMS = ("table", "icicle", "graph", "memory", "text")


@magics_class
class ArignoteProfileMagics(Family):
    """`%%profile`, `%profile` and `%memory`."""

    @magic_arguments("profile")
    @EXPRESSION
    @argument("--sort", default="time", help="What the first row has most of.", **one_of(*ORDERS))
    @argument("--top", type=int, default=20, metavar="N", help="How many rows are shown.")
    @argument("--by", default="line", help="What a row stands for.", **one_of(*WAYS))
    @argument("--view", default="table", help="What is shown first.", **one_of(*FORMS))
    @argument("--json", type=unquoted, metavar="FILE", help="Write all rows to FILE.")
    @argument("--return", action="store_true", dest="returned", help="Return the report.")
    @HELP
    @no_var_expand
    @needs_local_scope
    @line_cell_magic("profile")  # type: ignore[arg-type]
    def profile(
        self, line: str, cell: str | None = None, local_ns: Mapping[str, object] | None = None
    ) -> object:
        """Run a cell, or one expression, and show where its time went.

        The rows sum up to the time that the cell took: steps of compiled functions, overhead of
        their calls, compiling, and Python around them. Functions need not be made to be profiled.

            %%profile --by kernel
            for x, y in batches:
                train(x, y)

        %profile train(x, y) --view icicle

        Afterwards _profile is the report: _profile.rows("op"), _profile.memory, _profile.peaks.
        -r is short for --return.
        """
        arguments = parse(self.profile, _long(line, cell is not None))
        if arguments is None:
            return None
        expression = arguments.expression
        if cell is None and not expression:
            raise UsageError("%profile needs an expression: %profile train(x, y); or %%profile.")
        if cell is not None and expression:
            raise UsageError(f"%%profile: {expression!r} is no option (%%profile -h for help).")
        if arguments.top < 1:
            raise UsageError(f"--top: {arguments.top} is no number of rows.")
        statements = None if cell is None else Statements(self.shell, "profile", line, cell)
        result: object = None
        report: ProfileReport | None = None
        try:
            with profiling() as report:
                self.shell.user_ns[NAME] = report
                if statements is None:
                    evaluate(self.shell, expression, local_ns or {})
                else:
                    result = statements.run()
        finally:
            if report is not None:
                self._tell(report, arguments)
        return report if arguments.returned else result

    def _tell(self, report: "ProfileReport", arguments: Namespace) -> None:
        """Writes and shows a report as the options say."""
        by, sort, top = arguments.by, arguments.sort, arguments.top
        if arguments.json is not None:
            path = Path(arguments.json).expanduser()
            path.write_text(report.json(), encoding="utf-8")
            print(f"wrote {path}")
        if arguments.view == "text":
            print(lazy.module("arignote.compile.report_text").report_table(report, by, sort, top))
        elif not arguments.returned:
            display(profile(report, by=by, sort=sort, top=top, view=arguments.view))

    @magic_arguments("memory")
    @EXPRESSION
    @HELP
    @no_var_expand
    @needs_local_scope
    @line_magic("memory")  # type: ignore[arg-type]
    def memory(self, line: str, local_ns: Mapping[str, object]) -> None:
        """Show how much memory a call of a function takes, and what is alive at its peak.

        %memory train x, y
        %memory train (128, 784) (128,)

        Instead of an array its shape as a tuple will do; the call does not run. Without inputs
        it is the most demanding call of the last %profile.
        """
        arguments = parse(self.memory, line)
        if arguments is None:
            return
        first, *rest = expressions(arguments.expression) or [""]
        f = self._value("%memory", first, local_ns)
        if not isinstance(f, Function):
            raise UsageError(f"%memory needs a function, not {type(f).__name__}: %memory f x, y")
        given: list[Any] = []
        for text in rest:
            found = evaluate(self.shell, f"[{text}]", local_ns)
            assert isinstance(found, list)
            given += found
        plan = f.memory(*given) if given or _is_known(f) else self._last_plan(f)
        display(plan)

    def _last_plan(self, f: Function) -> "MemoryPlan":
        """The most demanding call of a function that the last profile saw."""
        report = self.shell.user_ns.get(NAME)
        plan: MemoryPlan | None = None
        if isinstance(report, lazy.module("arignote.compile.report").ProfileReport):
            plan = report.memory_of(f)
        if plan is None:
            raise UsageError(
                "%memory: give the inputs or their shapes: %memory f x, y or %memory f (128, 784)"
            )
        return plan


def _long(line: str, is_cell: bool) -> str:
    """The line with `-r` written out; after an expression it could be part of that."""
    pattern = r"(?:^|(?<=\s))-r(?=\s|$)" if is_cell else r"^\s*-r(?=\s)"
    return re.sub(pattern, "--return", line)


def _is_known(f: Function) -> bool:
    """Whether a call can be made without inputs."""
    return all(cell is not None for cell in f._states)
