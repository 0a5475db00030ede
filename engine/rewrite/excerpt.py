"""Excerpts: the part of a graph that a rule replaces or puts in, as a short expression."""

import re
from collections.abc import Collection, Mapping

from arignote.graph import Apply, Constant, Variable
from arignote.rewrite.mirror import MirrorNode, Ref

# Few rules look deeper.
MAX_DEPTH = 4
MAX_LENGTH = 160
MAX_OPERANDS = 6
_LEFT_OUT = "…"
_CALL = re.compile(r"\w+\(")


class Excerpt:
    """Writes expressions of a state of a graph.

    Parameters
    ----------
    nodes : mapping of int to MirrorNode
    came : collection of int
        The keys of what a rule put in: written out.
    root : int, optional
        The key of what the rule gives.
    """

    def __init__(
        self, nodes: Mapping[int, MirrorNode], came: Collection[int] = (), root: int | None = None
    ) -> None:
        self._nodes, self._came = nodes, came
        # Both expressions end where they meet.
        self._met = {x.key for key in came for x in nodes[key].inputs} - set(came)
        if root is not None and root not in came:
            self._met.add(root)

    def text(self, ref: Ref) -> str:
        """The value as an expression, cut where it gets long."""
        text = _bare(self._text(ref, 0))
        return text if len(text) <= MAX_LENGTH else f"{text[: MAX_LENGTH - 1]}{_LEFT_OUT}"

    def _text(self, ref: Ref, depth: int) -> str:
        node = self._nodes[ref.key]
        name = node.names[ref.output]
        if isinstance(node.what, Variable):
            return name or _leaf(node.what)
        assert isinstance(node.what, Apply)
        op, is_met = node.what.op, ref.key in self._met
        if name and (depth > 1 or (depth and is_met)) and ref.key not in self._came:
            return name
        below = MAX_DEPTH if is_met else depth + 1
        shown = node.inputs[:MAX_OPERANDS]
        args = [_LEFT_OUT if depth >= MAX_DEPTH else self._text(x, below) for x in shown]
        if len(node.inputs) > MAX_OPERANDS:
            return f"{op.name}({', '.join([_bare(x) for x in args])}, {_LEFT_OUT})"
        # Between commas operands need no parentheses.
        is_call = _CALL.match(op.pp(args))
        text = op.pp([_bare(x) for x in args] if is_call else args)
        return f"{text}[{ref.output}]" if len(node.names) > 1 else text


def _leaf(variable: Variable) -> str:
    return str(variable) if isinstance(variable, Constant) else str(variable.type)


def _bare(text: str) -> str:
    """An expression without parentheses that enclose all of it."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for place, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0 and place < len(text) - 1:
            return text
    return text[1:-1]
