"""What the families of magics share: reading expressions and the names of variables."""

from collections.abc import Mapping
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, magics_class

from arignote.compile import Function
from arignote.graph import Variable
from arignote.kernel_ext.cell import call_as, evaluate, run_cell
from arignote.kernel_ext.graph_cell import CellGraph, cell_graph
from arignote.kernel_ext.show import as_outputs


@magics_class
class Family(Magics):
    """The base of each family of magics; `arignote.kernel_ext.FAMILIES` lists them.

    IPython knows a family by the name of its class, which therefore starts with `Arignote`.
    """

    # Set by load_ipython_extension, which reads it when it unloads.
    loaded: Any
    shell: Any

    def _value(self, magic: str, text: str, local_names: Mapping[str, object]) -> object:
        """The value of the expression that a magic was given."""
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
                known = f"; the cell's variables: {', '.join(cell)}" if cell else ""
                raise UsageError(f"{option}: no variable {name!r}{known}.")
            found[name] = variable
        return found

    def _cell_graph(self, magic: str, line: str, cell: str) -> CellGraph:
        """The graph of a cell that runs as `%%graph` runs it; nothing is bound to a name."""
        run = run_cell(self.shell, line, cell, "_graph", magic)
        graph = cell_graph("_graph", run.inputs, run.variables, as_outputs(run.last))
        if not graph.outputs:
            raise UsageError(f"%%{magic}: the cell computes nothing from its inputs.")
        return graph

    def _function_of(self, magic: str, text: str, value: object) -> Function:
        """A function as it is; of anything else with a graph the one that it is compiled to."""
        if isinstance(value, Function):
            return value
        if not isinstance(value, CellGraph):
            outputs = as_outputs(value)
            if outputs is None:
                raise UsageError(
                    f"{magic}: nothing to compile in an object of type {type(value).__name__}."
                )
            value = cell_graph("f", {}, {}, outputs)
        return call_as(self.shell, f"{magic} {text}", value.compile)
