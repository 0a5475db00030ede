"""The graph: variables, apply nodes, constants, shared variables; walks, copies, pickles."""

from arignote.graph import tensor
from arignote.graph.build import apply_op, apply_scalar, as_variable, constant, stack
from arignote.graph.function_graph import FunctionGraph
from arignote.graph.replace import clone
from arignote.graph.shared import shared
from arignote.graph.source import SourceLine, name_scope
from arignote.graph.tensor import TensorConstant, TensorSharedVariable, TensorVariable
from arignote.graph.traverse import ancestors, leaves, toposort
from arignote.graph.variable import Apply, Constant, SharedVariable, Variable

__all__ = [
    "Apply",
    "Constant",
    "FunctionGraph",
    "SharedVariable",
    "SourceLine",
    "TensorConstant",
    "TensorSharedVariable",
    "TensorVariable",
    "Variable",
    "ancestors",
    "apply_op",
    "apply_scalar",
    "as_variable",
    "clone",
    "constant",
    "leaves",
    "name_scope",
    "shared",
    "stack",
    "tensor",
    "toposort",
]
