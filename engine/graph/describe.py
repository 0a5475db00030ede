"""Variables in error messages."""

from collections.abc import Sequence

import numpy as np

from arignote.graph.variable import Constant, Variable
from arignote.ops.base import View
from arignote.types import shape_text

MAX_EXPRESSION = 40


def describe(variable: Variable, value: np.ndarray | None = None) -> str:
    """One line: name, dtype and shape (of the value, if there is one), where it was made."""
    type_ = variable.type if value is None else value
    shape = shape_text(type_.shape)
    text = f"{label(variable)}: {type_.dtype} {shape}"
    if variable.source is not None:
        text += f"  [{variable.source}]"
    return text if len(text) <= 160 else f"{text[:157]}..."


def label(variable: Variable) -> str:
    """The variable's name, what it is a view of, or a short expression of named variables."""
    views: list[str] = []
    base = variable
    while base.name is None and base.owner is not None and isinstance(base.owner.op, View):
        views.append(str(base.owner.op))
        base = base.owner.inputs[0]
    return " of ".join([*views, _expression(base)])


def _expression(variable: Variable) -> str:
    """`score > 1` for a result of named variables and numbers, else the variable as text."""
    node = variable.owner
    if variable.name is not None or node is None or len(node.outputs) != 1:
        return str(variable)
    if any(x.name is None and not isinstance(x, Constant) for x in node.inputs):
        return str(variable)
    text = node.op.pp([str(x) for x in node.inputs])
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    return text if len(text) <= MAX_EXPRESSION else str(variable)


def describe_all(
    variables: Sequence[Variable], values: Sequence[np.ndarray | None] | None = None
) -> list[str]:
    """One line for each variable."""
    return [
        describe(variable, None if values is None else values[position])
        for position, variable in enumerate(variables)
    ]
