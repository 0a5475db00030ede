"""`%%graph`, `%graph` and `%debugprint`: what looks at graphs."""

import keyword
from argparse import Namespace
from collections.abc import Mapping

from IPython.core.error import UsageError
from IPython.core.magic import (
    cell_magic,
    line_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from arignote.kernel_ext.arguments import EXPRESSION, HELP, name_list, one_of, parse, unquoted
from arignote.kernel_ext.cell import run_cell
from arignote.kernel_ext.family import Family
from arignote.kernel_ext.graph_cell import cell_graph
from arignote.kernel_ext.show import DEFAULT_VIEW, VIEWS, as_outputs, drawable, export, show
from arignote.printing import debugprint
from arignote.viz import explore, view

# What boxes of the explorer can stand for, and the views that are the explorer.
GROUPINGS = ("kernel", "scope", "function", "line", "none")
EXPLORERS = ("explorer", "html")


@magics_class
class ArignoteGraphMagics(Family):
    """`%%graph`, `%graph` and `%debugprint`."""

    @magic_arguments("%graph")
    @argument("name", nargs="?", default="_graph", help="The name the graph is bound to.")
    @argument("-o", "--outputs", type=name_list, metavar="A,B", help="The outputs.")
    @argument("-i", "--inputs", type=name_list, metavar="X,Y", help="The inputs, in order.")
    @argument("--view", default=DEFAULT_VIEW, help="What is shown.", **one_of(*VIEWS))
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
    @argument("--view", default=DEFAULT_VIEW, help="What is shown.", **one_of(*VIEWS))
    @argument("--grouping", help="What boxes stand for.", **one_of(*GROUPINGS))
    @argument("--heat", help="By what nodes are coloured.", **one_of("time"))
    @argument("--height", type=int, metavar="N", help="Height in pixels.")
    @argument("--depth", type=int, metavar="N", help="How many levels of ops are shown.")
    @argument("--optimized", action="store_true", help="Compile first; show what runs.")
    @argument("--export", type=unquoted, metavar="FILE", help="Write FILE (.html .svg .dot .png).")
    @HELP
    @no_var_expand
    @needs_local_scope
    @line_magic("graph")  # type: ignore[arg-type]
    def graph_line(self, line: str, local_ns: Mapping[str, object]) -> None:
        """Show the graph of a variable, a list of variables, a function or a %%graph cell.

        %graph loss
        %graph digits --view text
        %graph loss --optimized --grouping line --height 700
        %graph grad(loss, W) --export gradient.html
        """
        arguments = parse(self.graph_line, line)
        if arguments is None:
            return
        value = self._value("%graph", arguments.expression, local_ns)
        if arguments.optimized:
            value = self._function_of("%graph", line, value)
        thing = drawable(value)
        if arguments.depth is not None:
            thing = view(thing, depth=arguments.depth)
        if arguments.export is not None:
            print(f"wrote {export(thing, arguments.export)}")
        elif arguments.view in EXPLORERS and _is_special(arguments):
            shown = explore(
                thing,
                grouping=arguments.grouping,
                heat=arguments.heat,
                height=arguments.height,
            )
            display(shown)
        else:
            show(thing, arguments.view)

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


def _is_special(arguments: Namespace) -> bool:
    """Whether the explorer is asked for with options."""
    return any(x is not None for x in (arguments.grouping, arguments.heat, arguments.height))
