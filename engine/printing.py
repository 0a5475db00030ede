"""The face for looking at graphs: pp, debugprint, pydotprint, and rich displays."""

import re
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from arignote import lazy
from arignote.compile import Function
from arignote.errors import GraphError, message
from arignote.graph import Apply, SharedVariable, Variable, hooks, toposort
from arignote.ops.base import Op
from arignote.types import shape_text

if TYPE_CHECKING:
    from arignote.viz.drawing.model import GraphView
    from arignote.viz.drawing.text import Ids

# ---- pp -----------------------------------------------------------------------------------------

MAX_EXPRESSION = 10_000
SHORT_OPERAND = 20
ELIDED = ("...", False)

# Operands stand in an op's text as single characters of a private plane, so that the text around
# each shows whether it needs its parentheses there.
_FIRST_MARK = 0xF0000
_MARKS = re.compile("([\U000f0000-\U000ffffd])")
_MAX_OPERANDS = 65_000


def pp(variable: Any) -> str:
    """The expression that computes a variable, as text.

    Inputs and shared variables stand under their names; what is computed is written out, the
    user's names for intermediate results notwithstanding. Text beyond 10,000 characters becomes
    `...`.

    Parameters
    ----------
    variable : Variable or Apply with one output

    Returns
    -------
    str

    Example
    -------
    >>> from arignote import tensor as T
    >>> x, y = T.fmatrices("x", "y")
    >>> pp(x + y), pp(T.exp(-x)), pp(T.fmatrix())
    ('(x + y)', 'exp(-x)', '<TensorType(float32, matrix)>')
    """
    root = variable.outputs[0] if isinstance(variable, Apply) else variable
    if not isinstance(root, Variable):
        raise GraphError(
            message(
                f"pp prints a variable, not an object of type {type(variable).__name__}.",
                hint="for a function or several variables use debugprint",
            )
        )
    return _expression(root, MAX_EXPRESSION)


def _expression(root: Variable, limit: int) -> str:
    texts: dict[Apply, tuple[str, bool]] = {}
    templates: dict[tuple[Op, int], list[str]] = {}
    for node in toposort([root]):
        key = (node.op, len(node.inputs))
        if key not in templates:
            templates[key] = _template(*key)
        operands = [_operand(x, texts) for x in node.inputs]
        text, wrapped = _filled(templates[key], operands)
        if len(text) > limit:
            short = [given if len(given[0]) <= SHORT_OPERAND else ELIDED for given in operands]
            text, wrapped = _filled(templates[key], short)
        texts[node] = (text, wrapped) if len(text) <= limit else ELIDED
    return _operand(root, texts)[0]


def _operand(variable: Variable, texts: dict[Apply, tuple[str, bool]]) -> tuple[str, bool]:
    """The text of a variable, and whether parentheses enclose all of it."""
    if variable.owner is None:
        return str(variable), False
    text, wrapped = texts[variable.owner]
    if len(variable.owner.outputs) > 1:
        return f"{text}[{variable.index}]", False
    return text, wrapped


def _template(op: Op, count: int) -> list[str]:
    """An op's text, split at its operands: text, mark, text, mark, ..., text."""
    if count > _MAX_OPERANDS:
        return [f"{op.name}(...)"]
    return _MARKS.split(op.pp([chr(_FIRST_MARK + place) for place in range(count)]))


def _filled(template: Sequence[str], operands: Sequence[tuple[str, bool]]) -> tuple[str, bool]:
    """The text with its operands, and whether parentheses enclose all of it."""
    parts = list(template)
    for place in range(1, len(parts), 2):
        text, wrapped = operands[ord(parts[place]) - _FIRST_MARK]
        before, after = parts[place - 1], parts[place + 1]
        # An operand that is a whole argument or index needs no parentheses of its own.
        opened = before.endswith(("(", "[", ", ", "=")) and after.startswith((")", "]", ","))
        is_group = before == "(" and after == ")" and len(parts) == 3
        parts[place] = text[1:-1] if wrapped and opened and not is_group else text
    return "".join(parts), _is_wrapped(template)


def _is_wrapped(template: Sequence[str]) -> bool:
    """Whether the parenthesis that opens an op's text closes at its very end."""
    text = "".join(template[::2])
    if not (text.startswith("(") and text.endswith(")")):
        return False
    depth = 0
    for place, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return place == len(text) - 1
    return False


# ---- debugprint ---------------------------------------------------------------------------------


def debugprint(
    thing: Any,
    depth: int | None = None,
    print_type: bool = False,
    file: TextIO | str | None = None,
    ids: str = "CHAR",
    stop_on_name: bool = False,
    print_source: bool = False,
) -> str | None:
    """Prints the graph of a thing as a tree, one node a line.

    A line shows the op or leaf, an id, its type if asked for, the user's name in quotes and, in a
    compiled function, `#` and the node's place in the order of execution. `···` marks a node whose
    arguments were printed above.

    Parameters
    ----------
    thing : Variable, list, tuple or dict of Variable, Apply, Function or object with `outputs`
        Of a function it is the compiled graph with its updates.
    depth : int, optional
        How many levels are shown; None and -1 mean all.
    print_type : bool
        Whether types are shown.
    file : file, 'str' or None
        Where to print; 'str' returns the text instead. None prints to standard output.
    ids : {'CHAR', 'int', ''}
        What tells nodes apart: letters, numbers or nothing.
    stop_on_name : bool
        Whether what is below a named result is left out.
    print_source : bool
        Whether the user's line that made a node is shown.

    Returns
    -------
    str or None
        The text if `file` is 'str'.

    Raises
    ------
    GraphError
        When the thing has no graph.

    Example
    -------
    >>> from arignote import tensor as T
    >>> x, y = T.fmatrices("x", "y")
    >>> debugprint(T.exp(x + y))
    exp [id A]
     └─ add [id B]
         ├─ x [id C]
         └─ y [id D]
    """
    levels = None if depth is None or depth < 0 else max(depth, 1)
    text = lazy.module("arignote.viz.drawing.text").to_text(
        lazy.module("arignote.viz.drawing.model").view(thing, copies=False, depth=levels),
        depth=levels,
        types=print_type,
        ids=_ids(ids),
        stop_on_name=stop_on_name,
        source=print_source,
    )
    if file == "str":
        return text
    if isinstance(file, str):
        raise GraphError(
            message(f"file is an open file, 'str' or None, not {file!r}.", hint="file='str'")
        )
    print(text, file=sys.stdout if file is None else file)
    return None


def _ids(text: str) -> "Ids":
    ids = lazy.module("arignote.viz.drawing.text").Ids
    known = {"char": ids.CHAR, "int": ids.INT, "": ids.NONE, "none": ids.NONE}
    if text.lower() not in known:
        raise GraphError(message(f"ids is 'CHAR', 'int' or '', not {text!r}."))
    found: Ids = known[text.lower()]
    return found


# ---- pydotprint ---------------------------------------------------------------------------------


def pydotprint(
    thing: Any,
    outfile: str | Path | None = None,
    compact: bool = True,
    format: str | None = None,
    with_ids: bool = False,
    high_contrast: bool = True,
    max_label_size: int = 70,
    var_with_name_simple: bool = False,
    print_output_file: bool = True,
    return_image: bool = False,
) -> "GraphView | bytes | None":
    """Draws the graph of a thing into a file.

    An SVG is drawn by the layout built in; 'dot' (or 'gv') writes Graphviz's language. Other
    formats need Graphviz's program `dot`.

    Parameters
    ----------
    thing : Variable, list, tuple or dict of Variable, Apply, Function or object with `outputs`
    outfile : str or Path, optional
        By default `arignote.` and the format, in the working directory.
    compact : bool
        False draws the results of ops as nodes of their own.
    format : str, optional
        'svg', 'dot', 'png', 'pdf', ...; by default what the suffix of `outfile` says, else 'svg'.
    with_ids : bool
        Whether nodes are numbered.
    high_contrast : bool
        Whether kinds of nodes are told apart by colour.
    max_label_size : int
        Longer labels are shortened, in characters.
    var_with_name_simple : bool
        Whether types are left out where there is a name.
    print_output_file : bool
        Whether the name of the file that was written is printed.
    return_image : bool
        True writes no file and returns the picture: for SVG a `GraphView`, which notebooks display,
        else the bytes of the format.

    Returns
    -------
    GraphView, bytes or None

    Raises
    ------
    GraphError
        When the thing has no graph, or the format needs `dot` and it is missing.
    """
    options = lazy.module("arignote.viz.drawing.options").PictureOptions(
        types_of_named=not var_with_name_simple,
        max_label=max_label_size,
        ids=with_ids,
        colours=high_contrast,
    )
    made = lazy.module("arignote.viz.drawing.model").view(thing, compact=compact)
    graph: GraphView = made.with_options(options)
    path = None if outfile is None else Path(outfile).expanduser()
    chosen = (format or (path.suffix.removeprefix(".") if path else "") or "svg").lower()
    if return_image and chosen == "svg":
        return graph
    drawn = _drawn(graph, chosen)
    if return_image:
        return drawn
    path = path or Path(f"arignote.{chosen}")
    path.write_bytes(drawn)
    if print_output_file:
        print(f"The output file is available at {path}")
    return None


def _drawn(graph: "GraphView", format: str) -> bytes:
    if format == "svg":
        return graph.svg.encode()
    if format in ("dot", "gv"):
        return graph.dot.encode()
    drawn: bytes = lazy.module("arignote.viz.drawing.dot").render(graph.dot, format)
    return drawn


# ---- rich displays ------------------------------------------------------------------------------

MAX_PLAIN = 300


def _mimebundle(
    thing: Any, include: Collection[str] | None = None, exclude: Collection[str] | None = None
) -> dict[str, str]:
    """The forms in which notebooks show a variable, a function, a table and their like."""
    bundle = lazy.module("arignote.viz.displays").bundle(thing, _plain(thing))
    return {
        form: text
        for form, text in bundle.items()
        if (not include or form in include) and not (exclude and form in exclude)
    }


def _plain(thing: Any) -> str:
    if isinstance(thing, Function):
        return _summary(thing)
    if isinstance(thing, SharedVariable):
        return _shared(thing)
    if isinstance(thing, Variable):
        text = _expression(thing, MAX_PLAIN)
        if thing.owner is not None and thing.name is not None:
            text = f"{thing.name} = {text}"
        return text if len(text) <= MAX_PLAIN else f"{text[: MAX_PLAIN - 3]}..."
    return str(thing)


def _shared(variable: SharedVariable) -> str:
    """Type, statistics and first elements of a shared variable's value."""
    value = variable.get_value(borrow=True)
    found = lazy.module("arignote.statistics").statistics(value)
    number = lazy.module("arignote.tables").number
    numbers = [
        f"{name} {number(value)}"
        for name, value in (("min", found.min), ("max", found.max), ("mean", found.mean),
                            ("std", found.std), ("nan", found.nan or None),
                            ("inf", found.inf or None))
        if value is not None
    ]  # fmt: skip
    first = np.array2string(value, threshold=20, edgeitems=2, precision=4, max_line_width=80)
    head = f"{variable.name or 'shared'}: {found.dtype} {shape_text(found.shape)}"
    lines = [head, *(["  " + ", ".join(numbers)] if value.ndim and numbers else [])]
    return "\n".join([*lines, *(f"  {line}" for line in first.splitlines()[:12])])


def _summary(function: Function) -> str:
    """Inputs, outputs and updates of a function, a line each, and how many nodes it runs."""
    graph = function.fgraph
    lines = [
        repr(function),
        *[f"  input   {_typed(x)}" for x in function.inputs],
        *[f"  output  {_typed(x)}" for x in function.outputs],
        *[f"  update  {_typed(target)}" for target, _ in graph.updates],
        f"  runs    {len(graph.order)} node{'' if len(graph.order) == 1 else 's'}",
    ]
    if len(lines) > 30:
        lines = [*lines[:20], f"  ... {len(lines) - 21} more lines", lines[-1]]
    return "\n".join(lines)


def _typed(variable: Variable) -> str:
    return f"{variable}: {variable.type}" if variable.name else str(variable.type)


hooks.mimebundle = _mimebundle
