"""Names of what a program computes, as its listings show them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import count

from arignote.graph import Apply, Constant, FunctionGraph, Variable
from arignote.graph.source import SourceLine
from arignote.lower.sizes import Key, Less, SizeTable
from arignote.ops.elemwise import Elemwise
from arignote.ops.reduce import Reduce
from arignote.ops.view import DimShuffle

MAX_EXPRESSION = 80
MAX_OPERAND = 24
_LETTERS = ("n", "m", "k", *"abcdefghijlopqrstuwxyz")


class Text(str):
    """Text that is shown as it is, also as the last line of a notebook's cell."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Names:
    """Names for one program: the user's where there are some, else numbers such as `%3`.

    The second variable of one name is shown as `h#2`. What no step computes, such as a view, is
    shown as an expression of what steps do.

    Parameters
    ----------
    graph : FunctionGraph
    table : SizeTable
    made : iterable of Variable
        What steps compute, in order.
    """

    def __init__(self, graph: FunctionGraph, table: SizeTable, made: Iterable[Variable]) -> None:
        self._graph, self._table = graph, table
        self._numbers = count()
        self._taken: dict[str, int] = {}
        self._texts: dict[Variable, str] = {}
        self._letters: dict[Key, str] = {}
        self._legend: dict[str, str] = {}
        for x in (*graph.inputs, *graph.shared, *made):
            if x not in self._texts:
                self._texts[x] = self._name(x)
        self._named = set(self._texts)
        for node in graph.order:
            for out in node.outputs:
                if out not in self._texts:
                    self._texts[out] = self._expression(node, out.index)
        self._free = iter([x for x in _LETTERS if x not in self._taken])

    def _name(self, x: Variable) -> str:
        name = user_name(x, self._graph.origin)
        if name is None:
            return f"%{next(self._numbers)}"
        number = self._taken[name] = self._taken.get(name, 0) + 1
        return name if number == 1 else f"{name}#{number}"

    def __call__(self, x: Variable) -> str:
        """The name of a variable, or the expression that it is."""
        return self._texts.get(x) or str(x)

    def _expression(self, node: Apply, index: int) -> str:
        args = [self(x) for x in node.inputs]
        text = _applied(node, args)
        if len(text) > MAX_EXPRESSION:
            text = _applied(node, [x if len(x) <= MAX_OPERAND else "..." for x in args])
        return text if len(node.outputs) == 1 else f"{text}[{index}]"

    def equation(self, node: Apply) -> str:
        """What a node computes, of what."""
        outs = ", ".join(self(out) for out in node.outputs)
        return f"{outs} = {_stripped(_applied(node, [self(x) for x in node.inputs]))}"

    def labelled(self, x: Variable) -> str:
        """The name, followed by the op where it is only a number; or the expression."""
        text = self(x)
        if x not in self._named:
            return _stripped(text)
        return f"{text}, {x.owner.op}" if text.startswith("%") and x.owner is not None else text

    # ---- sizes ------------------------------------------------------------------------------

    def size(self, key: Key) -> str:
        """A size: a number, a letter that `legend` explains, or what it is of such."""
        if isinstance(key, int):
            return str(key)
        if isinstance(key, Less):
            return f"{self.size(key.size)}-{key.count}"
        if isinstance(key, frozenset):
            return f"max({', '.join(sorted(self.size(part) for part in key))})"
        known = self._letters.get(key)
        if known is None:
            known = self._letters[key] = next(self._free, f"size{len(self._letters)}")
            place = self._where(key)
            if place is not None:
                self._legend[known] = place
        return known

    def _where(self, key: Key) -> str | None:
        for x in (*self._graph.inputs, *self._graph.shared):
            keys = self._table.keys(x.type.dims)
            if key in keys:
                return f"{self(x)}.shape[{keys.index(key)}]"
        return None

    def sizes(self, keys: Sequence[Key]) -> str:
        """Sizes as a tuple."""
        return f"({', '.join(self.size(key) for key in keys)}{',' if len(keys) == 1 else ''})"

    @property
    def legend(self) -> str:
        """What the letters for sizes that were shown so far stand for."""
        return ", ".join(f"{letter} = {place}" for letter, place in self._legend.items())

    def legend_of(self, keys: Sequence[Key]) -> str:
        """What the letters of some sizes stand for."""
        letters = dict.fromkeys(letter for key in keys for letter in self._letters_in(key))
        return ", ".join(f"{x} = {self._legend[x]}" for x in letters if x in self._legend)

    def _letters_in(self, key: Key) -> list[str]:
        if isinstance(key, Less):
            return self._letters_in(key.size)
        if isinstance(key, frozenset):
            return [letter for part in key for letter in self._letters_in(part)]
        return [self._letters[key]] if key in self._letters else []


def user_name(x: Variable, origin: Mapping[Variable, Collection[Variable]]) -> str | None:
    """The user's name for a variable or for one that it stands for."""
    if isinstance(x, Constant) and x.name is None:
        return str(x)
    return x.name or next((user.name for user in origin.get(x, ()) if user.name), None)


def line_of(node: Apply) -> SourceLine | None:
    """The user's line that a node belongs to; for gradients that of what they are gradients of."""
    return node.source if node.gradient_of is None else node.gradient_of.source


def where_text(node: Apply) -> str:
    """Where in the user's code a node comes from, empty if that is not known."""
    line = line_of(node)
    if line is None:
        return ""
    return line.where if node.gradient_of is None else f"gradient of {line.where}"


def _applied(node: Apply, args: Sequence[str]) -> str:
    """The text of an op for its operands."""
    op = node.op
    if isinstance(op, DimShuffle) and not op.is_transpose:
        kept = [axis for axis in op.order if axis is not None]
        if kept == list(range(node.inputs[0].type.ndim)):
            entries = ", ".join("None" if axis is None else ":" for axis in op.order)
            return f"{args[0]}[{entries}]"
    if isinstance(op, Reduce) or (isinstance(op, Elemwise) and op.scalar.symbol is None):
        return op.pp([_stripped(x) for x in args])
    return op.pp(args)


def _stripped(text: str) -> str:
    """The text without parentheses that enclose all of it."""
    if not text.startswith("("):
        return text
    depth = 0
    for place, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return text[1:-1] if place == len(text) - 1 else text
    return text
