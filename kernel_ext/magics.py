"""The magics: each reads its arguments, makes public calls and shows the result."""

import keyword
from collections.abc import Mapping
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import (
    Magics,
    cell_magic,
    line_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from IPython.core.magic_arguments import argument, magic_arguments

from arignote.graph import Variable
from arignote.kernel_ext.arguments import name_list, parse, unquoted
from arignote.kernel_ext.cell import evaluate, run_cell
from arignote.kernel_ext.graph_cell import cell_graph
from arignote.kernel_ext.show import VIEWS, as_outputs, drawable, export, show
from arignote.printing import debugprint

HELP = argument("-h", "--help", action="store_true", help="Print this and do nothing else.")
EXPRESSION = argument("expression", nargs="*", help="A Python expression.")


def one_of(*choices: str) -> dict[str, object]:
    """The settings of an option that takes one of these words."""
    return {"type": unquoted, "choices": choices, "metavar": "|".join(choices)}


@magics_class
class ArignoteMagics(Magics):
    """`%%graph`, `%graph` and `%debugprint`."""

    # Set by load_ipython_extension, which reads it when it unloads.
    loaded: Any
    shell: Any

    @magic_arguments("%graph")
    @argument("name", nargs="?", default="_graph", help="The name the graph is bound to.")
    @argument("-o", "--outputs", type=name_list, metavar="A,B", help="The outputs.")
    @argument("-i", "--inputs", type=name_list, metavar="X,Y", help="The inputs, in order.")
    @argument("--view", default="svg", help="What is shown.", **one_of(*VIEWS))
    @argument("--no-show", action="store_true", help="The same as --view none.")
    @HELP
    @no_var_expand
    @cell_magic("graph")  # type: ignore[arg-type]
    def graph_cell(self, line: str, cell: str) -> object:
        """Run the cell, bind its graph to NAME and show it.

        A bare annotation declares an input; every assigned variable is named after its Python
        name. The last expression or -o gives the outputs; without them the outputs are the
        variables that nothing else in the cell uses. T, np, shared, function, grad, tensor,
        fmatrix and the other constructors are there without an import.

            %%graph model
            x: fmatrix
            w = shared(np.zeros(3, "float32"))
            y = T.tanh(x @ w)

        Afterwards model.y is the variable, model.grad("y", w) a gradient (of a scalar) and
        model.compile("y") a function.
        """
        arguments = parse(self.graph_cell, line)
        if arguments is None:
            return None
        name = arguments.name
        if not name.isidentifier() or keyword.iskeyword(name):
            raise UsageError(f"%%graph: {name!r} cannot be the name of a variable.")
        run = run_cell(self.shell, line, cell, name)
        last = as_outputs(run.last)
        outputs = self._chosen("-o", arguments.outputs, run.variables) or last
        inputs = self._chosen("-i", arguments.inputs, {**run.variables, **run.inputs})
        graph = cell_graph(name, run.inputs, run.variables, outputs, inputs)
        self.shell.user_ns[name] = graph
        if not graph.outputs:
            print(f"%%graph {name}: no outputs yet; assign a variable computed from the inputs.")
        else:
            show(graph, "none" if arguments.no_show else arguments.view)
        return run.last if last is None else None

    @magic_arguments("graph")
    @EXPRESSION
    @argument("--view", default="svg", help="What is shown.", **one_of(*VIEWS))
    @argument("--export", type=unquoted, metavar="FILE", help="Write it to FILE (.svg .dot .png).")
    @HELP
    @no_var_expand
    @needs_local_scope
    @line_magic("graph")  # type: ignore[arg-type]
    def graph_line(self, line: str, local_ns: Mapping[str, object]) -> None:
        """Show the graph of a variable, a list of variables, a function or a %%graph cell.

        %graph loss
        %graph digits --view text
        %graph grad(loss, W) --export gradient.svg
        """
        arguments = parse(self.graph_line, line)
        if arguments is None:
            return
        value = self._value("%graph", arguments.expression, local_ns)
        if arguments.export is not None:
            print(f"wrote {export(value, arguments.export)}")
        else:
            show(value, arguments.view)

    @magic_arguments("debugprint")
    @EXPRESSION
    @argument("--depth", type=int, metavar="N", help="How many levels are printed.")
    @argument(
        "--ids", default="char", help="How nodes are numbered.", **one_of("char", "int", "none")
    )
    @argument("--types", action="store_true", help="Print the type of each variable.")
    @argument("--source", action="store_true", help="Print the line that made each node.")
    @HELP
    @no_var_expand
    @needs_local_scope
    @line_magic("debugprint")  # type: ignore[arg-type]
    def debugprint_line(self, line: str, local_ns: Mapping[str, object]) -> None:
        """Print a graph as a tree of nodes; a node that is used twice is printed once.

        %debugprint loss --depth 3 --types
        """
        arguments = parse(self.debugprint_line, line)
        if arguments is None:
            return
        value = self._value("%debugprint", arguments.expression, local_ns)
        debugprint(
            drawable(value),
            depth=arguments.depth,
            print_type=arguments.types,
            ids=arguments.ids,
            print_source=arguments.source,
        )

    def _value(self, magic: str, text: str, local_names: Mapping[str, object]) -> object:
        """The value of the expression that a line magic was given."""
        if not text:
            raise UsageError(f"{magic} needs an expression: {magic} loss ({magic} -h for help).")
        return evaluate(self.shell, text, local_names)

    def _chosen(
        self, option: str, names: list[str] | None, cell: Mapping[str, Variable]
    ) -> dict[str, Variable] | None:
        """The variables that an option names, of the cell or else of the notebook."""
        if names is None:
            return None
        found = {}
        for name in names:
            variable: object = cell.get(name, self.shell.user_ns.get(name))
            if not isinstance(variable, Variable):
                known = ", ".join(cell) or "none"
                raise UsageError(f"{option}: no variable {name!r}; the cell's variables: {known}.")
            found[name] = variable
        return found
