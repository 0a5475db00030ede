"""`%compile`, `%passes`, `%ccode` and `%gradcheck`: what compiles and checks."""

import keyword
from collections.abc import Mapping
from time import perf_counter

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
from arignote.compile.looking import gradcheck
from arignote.config import ModeName, NanAction
from arignote.errors import near_names
from arignote.graph import Variable
from arignote.kernel_ext.arguments import (
    EXPRESSION,
    HELP,
    expressions,
    keyword_values,
    name_list,
    one_of,
    parse,
    unquoted,
)
from arignote.kernel_ext.cell import call_as, evaluate
from arignote.kernel_ext.family import Family
from arignote.kernel_ext.graph_cell import CellGraph, cell_graph
from arignote.kernel_ext.show import as_outputs

MODES = tuple(mode.value for mode in ModeName)
LANGUAGES = ("c", "numpy")
ACTIONS = tuple(action.value for action in NanAction)


@magics_class
class ArignoteFunctionMagics(Family):
    """`%compile`, `%%compile`, `%passes`, `%ccode`, `%gradcheck` and `%%gradcheck`."""

    @magic_arguments("compile")
    @EXPRESSION
    @argument("--inputs", type=name_list, metavar="X,Y", help="The inputs, in order.")
    @argument("--mode", help="How it is rewritten and what runs it.", **one_of(*MODES))
    @argument("--name", type=unquoted, metavar="NAME", help="The name it is bound to.")
    @argument("--updates", type=unquoted, metavar="NAME", help="New values of shared variables.")
    @argument("--profile", action="store_true", help="Time each step of each call.")
    @argument("--nan", help="What is done where NaN or Inf is born.", **one_of(*ACTIONS))
    @HELP
    @no_var_expand
    @needs_local_scope
    @line_cell_magic("compile")  # type: ignore[arg-type]
    def compile(
        self, line: str, cell: str | None = None, local_ns: Mapping[str, object] | None = None
    ) -> None:
        """Compile an expression, bind the function and show what was built.

        %compile loss
        %compile [loss, error] --inputs x,y --name test
        %compile loss --updates steps --name train --mode FAST_RUN --profile

        Without --inputs they are all that the expression needs; without --name the function is f.
        --updates is an expression such as a dict {w: w - 0.1 * g}. As a cell magic, %%compile NAME
        runs the cell as %%graph does and compiles its outputs.
        """
        arguments = parse(self.compile, line)
        if arguments is None:
            return
        expression = arguments.expression
        name = arguments.name or (expression if cell is not None else "") or "f"
        if not name.isidentifier() or keyword.iskeyword(name):
            raise UsageError(f"%compile: {name!r} cannot be the name of a variable.")
        local_names = local_ns or {}
        if cell is not None:
            graph = self._cell_graph("compile", line, cell)
        else:
            graph = self._graph(self._value("%compile", expression, local_names))
        inputs = self._chosen("--inputs", arguments.inputs, graph.variables)
        updates = evaluate(self.shell, arguments.updates, local_names) if arguments.updates else ()

        def made() -> Function:
            return graph.compile(
                updates=updates,  # type: ignore[arg-type]
                name=name,
                mode=arguments.mode,
                inputs=None if inputs is None else list(inputs.values()),
                profile=arguments.profile,
                nan=arguments.nan,
            )

        start = perf_counter()
        f = call_as(self.shell, f"%compile {line}", made)
        seconds = perf_counter() - start
        self.shell.user_ns[name] = f
        texts = lazy.module("arignote.viz.explorer.summary")
        display(texts.summary(f, {"all": seconds, **texts.pass_times(f)}))

    def _graph(self, value: object) -> CellGraph:
        """The value as a graph that can be compiled."""
        if isinstance(value, CellGraph):
            return value
        outputs = as_outputs(value)
        if outputs is None:
            kind = type(value).__name__
            raise UsageError(
                f"%compile: no graph in an object of type {kind}; give a variable, a list of"
                " variables or the name of a %%graph cell."
            )
        return cell_graph("f", {}, {}, outputs)

    @magic_arguments("passes")
    @EXPRESSION
    @HELP
    @no_var_expand
    @needs_local_scope
    @line_magic("passes")  # type: ignore[arg-type]
    def passes(self, line: str, local_ns: Mapping[str, object]) -> None:
        """Show how a function's graph was rewritten, step by step.

        %passes f
        """
        arguments = parse(self.passes, line)
        if arguments is None:
            return
        f = self._function("%passes", arguments.expression, local_ns)
        display(lazy.module("arignote.viz.timeline.passes").passes(f))

    @magic_arguments("ccode")
    @EXPRESSION
    @argument("--lang", default="c", help="The language.", **one_of(*LANGUAGES))
    @HELP
    @no_var_expand
    @needs_local_scope
    @line_magic("ccode")  # type: ignore[arg-type]
    def ccode(self, line: str, local_ns: Mapping[str, object]) -> None:
        """Show the source that was generated for a function, or the kernel of one variable.

        %ccode f
        %ccode f h
        %ccode f 3
        %ccode f --lang numpy

        A number is that of a step as print(f.program) counts.
        """
        arguments = parse(self.ccode, line)
        if arguments is None:
            return
        first, *others = expressions(arguments.expression) or [""]
        f = self._function("%ccode", first, local_ns)
        if len(others) > 1:
            raise UsageError("%ccode takes a function and one variable, name or step.")
        of = self._variable_of(f, others[0], local_ns) if others else None
        code = lazy.module("arignote.viz.output.code")
        display(code.source(f, of, code.Language(arguments.lang)))

    def _function(self, magic: str, text: str, local_names: Mapping[str, object]) -> Function:
        """The function that an expression is; of a graph the one that it is compiled to."""
        if not text:
            raise UsageError(f"{magic} needs a function: {magic} f ({magic} -h for help).")
        return self._function_of(magic, text, evaluate(self.shell, text, local_names))

    def _variable_of(
        self, f: Function, text: str, local_names: Mapping[str, object]
    ) -> Variable | str | int:
        """A step's number, the name of a variable of the function, or a variable."""
        if text.isdecimal():
            return int(text)
        names = [x.name for node in f.graph.order for x in node.outputs if x.name]
        if unquoted(text) in names:
            return unquoted(text)
        if text.isidentifier() and text not in self.shell.user_ns and text not in local_names:
            near = near_names(text, names)
            hint = f"; did you mean {near[0]}?" if near else "."
            raise UsageError(f"%ccode: no variable {text!r} in {f.name or 'the function'}{hint}")
        value = evaluate(self.shell, text, local_names)
        if not isinstance(value, Variable | int | str):
            raise UsageError(f"%ccode: {text} is no variable and no step.")
        return value

    @magic_arguments("gradcheck")
    @EXPRESSION
    @argument("--eps", type=float, metavar="E", help="The step of the differences.")
    @argument("--tol", type=float, metavar="E", help="The error that is tolerated.")
    @argument("--values", type=unquoted, metavar="X=A,Y=B", help="Values of inputs.")
    @HELP
    @no_var_expand
    @needs_local_scope
    @line_cell_magic("gradcheck")  # type: ignore[arg-type]
    def gradcheck(
        self, line: str, cell: str | None = None, local_ns: Mapping[str, object] | None = None
    ) -> None:
        """Compare the gradients of a cost with finite differences, for each variable.

        %gradcheck loss W,b
        %gradcheck (x ** 2).sum() x --values "x=[1.0, 2.0]"

        Without variables all of float dtype are checked. Inputs get their values from --values or
        their test values. As a cell magic it runs the cell as %%graph does; the output is the cost.
        """
        arguments = parse(self.gradcheck, line)
        if arguments is None:
            return
        local_names = dict(local_ns or {})
        if cell is not None:
            graph = self._cell_graph("gradcheck", line, cell)
            texts = expressions(arguments.expression)
            cost: object = next(iter(graph.outputs.values()), None)
        else:
            first, *texts = expressions(arguments.expression) or [""]
            cost = self._value("%gradcheck", first, local_names)
        if isinstance(cost, CellGraph):
            cost = next(iter(cost.outputs.values()), None)
        if not isinstance(cost, Variable):
            raise UsageError(f"%gradcheck: a cost is a variable, not a {type(cost).__name__}.")
        wrt = self._value("%gradcheck", texts[0], local_names) if texts else None
        inputs = {}
        for name, text in keyword_values(arguments.values or "").items():
            (variable,) = (self._chosen("--values", [name], {}) or {}).values()
            inputs[variable] = evaluate(self.shell, text, local_names)
        checked = gradcheck(
            cost,
            wrt,  # type: ignore[arg-type]
            inputs,
            eps=arguments.eps,
            tol=arguments.tol,
        )
        display(checked)
