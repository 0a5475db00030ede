"""Copies of graphs in which some variables are replaced by others."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from arignote.errors import ArignoteError, GraphError, message
from arignote.graph.build import as_variable
from arignote.graph.describe import describe
from arignote.graph.traverse import leaves, toposort
from arignote.graph.variable import Apply, Constant, SharedVariable, Variable

Pairs = Mapping[Any, Any] | Sequence[tuple[Any, Any]]


def checked_pairs(pairs: Pairs, what: str) -> dict[Variable, Variable]:
    """Replacements as a dict of variables of equal dtype and rank."""
    result: dict[Variable, Variable] = {}
    for old, new in pairs.items() if isinstance(pairs, Mapping) else pairs:
        value = as_variable(new)
        if not isinstance(old, Variable):
            raise GraphError(message(f"{what} replaces variables, but {old!r} is none."))
        if (old.type.dtype, old.type.ndim) != (value.type.dtype, value.type.ndim):
            raise GraphError(
                message(
                    f"{what} replaces {old} by a variable of another type.",
                    got=[describe(old), describe(value)],
                    hint=f"convert it: .astype({old.type.dtype!r})",
                )
            )
        result[old] = value
    return result


def rebuild(
    outputs: Sequence[Variable], replacements: Mapping[Variable, Variable]
) -> list[Variable]:
    """The outputs with variables replaced; what no replacement reaches stays the same object."""
    new: dict[Variable, Variable] = dict(replacements)
    for node in toposort(outputs, replacements):
        inputs = [new.get(x, x) for x in node.inputs]
        if any(a is not b for a, b in zip(inputs, node.inputs, strict=True)):
            copied_outputs(node, reapply(node, inputs), new)
    return [new.get(output, output) for output in outputs]


def reapply(node: Apply, inputs: Sequence[Variable]) -> Apply:
    """The node's op applied to other inputs, on the same user line."""
    try:
        out_types = node.op.infer(*[x.type for x in inputs])
    except ArignoteError as error:
        raise GraphError(
            message(
                f"{node.op} does not take the replaced inputs: {error}",
                got=[describe(x) for x in inputs],
                where=str(node.source),
            )
        ) from None
    return Apply(node.op, inputs, [t.with_dims() for t in out_types], node.source, node.gradient_of)


def copied_outputs(old: Apply, new: Apply, table: dict[Variable, Variable]) -> None:
    """Notes the new node's outputs in a table, with the names and tags of the old ones."""
    for before, after in zip(old.outputs, new.outputs, strict=True):
        after.name = before.name
        if "_tag" in vars(before):
            after.tag = SimpleNamespace(**vars(before.tag))
        table[before] = after


def clone(output: Any, replace: Pairs | None = None, share_inputs: bool = True) -> Any:
    """A copy of a graph in which some variables are replaced.

    Parameters
    ----------
    output : Variable, or list or tuple of them
    replace : mapping of Variable to Variable, or pairs of them, optional
        All replacements happen at once; what replaces is not itself searched.
    share_inputs : bool
        False gives the copy inputs of its own (constants and shared variables stay).

    Returns
    -------
    Variable, list or tuple
        In the form of `output`.

    Raises
    ------
    GraphError
        When a replacement has another dtype or number of axes.

    Example
    -------
    >>> from arignote import clone, pp, tensor as T
    >>> x, y = T.scalars("x", "y")
    >>> pp(clone(x + 1, replace={x: y}))
    '(y + 1)'
    """
    outputs = list(output) if isinstance(output, list | tuple) else [output]
    table = checked_pairs(replace or {}, "clone")
    if not share_inputs:
        for leaf in leaves(outputs, table):
            if leaf not in table and not isinstance(leaf, Constant | SharedVariable):
                table[leaf] = leaf.clone()
    copies = rebuild([as_variable(item) for item in outputs], table)
    return type(output)(copies) if isinstance(output, list | tuple) else copies[0]
