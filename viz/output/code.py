"""Generated source, highlighted where Pygments is there."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from html import escape
from typing import Any

from arignote import lazy
from arignote.compile import Function
from arignote.compile.inspection import step_of
from arignote.errors import GraphError, message
from arignote.graph import Apply, SharedVariable, Variable
from arignote.lower.names import user_name, where_text
from arignote.lower.steps import LoopProgram, LoopStep
from arignote.viz.files import static_text

# A display of more text than this is cut; the text itself is not.
MAX_HTML = 150_000
MAX_SHOWN = 40_000


class Language(Enum):
    """What a function's source is shown in."""

    C = "c"
    NUMPY = "numpy"

    @property
    def lexer(self) -> str:
        """Pygments' name of the language."""
        return "c" if self is Language.C else "python"


@dataclass(frozen=True, repr=False)
class Source:
    """Source text; notebooks show it highlighted.

    Attributes
    ----------
    text : str
    language : Language
    """

    text: str
    language: Language

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": _cut(self.text), "text/html": self.html}

    @property
    def html(self) -> str:
        """The text as HTML with its own style."""
        shown = _cut(self.text)
        body = _highlighted(shown, self.language)
        if len(body) > MAX_HTML:
            body = escape(shown)
        return f'<style>{_style()}</style><div class="ari-code"><pre>{body}</pre></div>'


def source(
    function: Function, of: Variable | str | int | None = None, language: Language = Language.C
) -> Source:
    """The source that was generated for a function.

    Parameters
    ----------
    function : Function
    of : Variable, str or int, optional
        Only the kernel that computes this variable, or that of this step.
    language : Language
        C is what is compiled; NumPy says in NumPy's terms what runs.

    Raises
    ------
    CompilerError
        There is no C.
    GraphError
        There is no such variable or step.

    Example
    -------
    >>> from arignote import function, tensor as T
    >>> x = T.dvector("x")
    >>> f = function([x], T.exp(x), name="f", mode="FAST_COMPILE")
    >>> print(source(f, language=Language.NUMPY).text.splitlines()[0])
    def f(x):
    """
    step = of if isinstance(of, int) or of is None else step_of(function, of)
    if language is Language.NUMPY:
        return Source(_numpy_text(function, step), language)
    return Source(str(function.code(step=step)), language)


# ---- NumPy --------------------------------------------------------------------------------------


def _numpy_text(f: Function, step: int | None) -> str:
    """The nodes that run, a line each, in the user's names where there are some."""
    names = _names(f)
    nodes = f.fgraph.order if step is None else _nodes_of(f, step)
    lines = []
    for node in nodes:
        outs = ", ".join(names[out] for out in node.outputs)
        text = node.op.pp([names.get(x) or str(x) for x in node.inputs])
        text = text[1:-1] if _is_enclosed(text) else text
        where = where_text(node)
        lines.append(f"    {f'{outs} = {text}':56}{f'  # {where}' if where else ''}".rstrip())
    if step is not None:
        return "\n".join([f"# step {step}", *[line[4:] for line in lines]])
    results = ", ".join(names.get(x) or str(x) for x in f.fgraph.outputs)
    updates = [
        f"    {names.get(target) or target}.set_value({names.get(value) or value})"
        for target, value in f.fgraph.updates
    ]
    inputs = ", ".join(names[x] for x in f.fgraph.inputs)
    name = f.name if f.name and f.name.isidentifier() else "f"
    return "\n".join([f"def {name}({inputs}):", *lines, *updates, f"    return {results or None}"])


def _nodes_of(f: Function, step: int) -> tuple[Apply, ...]:
    if not isinstance(f.program, LoopProgram):
        return (_step(f.program.steps, step).node,)
    found = _step(f.program.computing, step)
    return tuple(found.loops.nodes) if isinstance(found, LoopStep) else (found.node,)


def _step(steps: Sequence[Any], number: int) -> Any:
    if not 1 <= number <= len(steps):
        raise GraphError(message(f"there is no step {number}; steps are 1 to {len(steps)}."))
    return steps[number - 1]


def _names(f: Function) -> dict[Variable, str]:
    """An identifier for each variable that is given or computed."""
    names: dict[Variable, str] = {}
    taken: set[str] = set()
    results = [out for node in f.fgraph.order for out in node.outputs]
    for x in (*f.fgraph.inputs, *f.fgraph.shared, *results):
        base = user_name(x, f.fgraph.origin)
        if base is None or not base.isidentifier():
            base = "shared" if isinstance(x, SharedVariable) else "v"
        name, number = base, 1
        while name in taken or (base == "v" and number == 1):
            name, number = f"{base}{number}", number + 1
        taken.add(name)
        names[x] = name
    return names


def _is_enclosed(text: str) -> bool:
    depth = 0
    for place, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return char == ")" and place == len(text) - 1
    return False


# ---- HTML ---------------------------------------------------------------------------------------


def _highlighted(text: str, language: Language) -> str:
    try:
        pygments = lazy.module("pygments")
        lexer = lazy.module("pygments.lexers").get_lexer_by_name(language.lexer)
        formatter = lazy.module("pygments.formatters.html").HtmlFormatter(nowrap=True)
    except ImportError:
        return escape(text)
    return str(pygments.highlight(text, lexer, formatter))


def _cut(text: str) -> str:
    if len(text) <= MAX_SHOWN:
        return text
    return f"{text[:MAX_SHOWN]}\n... {len(text) - MAX_SHOWN} more characters; print() shows all"


@cache
def _style() -> str:
    return static_text("code.css")
