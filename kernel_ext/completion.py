"""What Tab offers on the lines of the magics: options, their values, names, flags."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)
from IPython.core.interactiveshell import InteractiveShell

from arignote.compile import Function
from arignote.compile.observers import functions
from arignote.compile.watched import names_of
from arignote.config import FLAGS, EnumFlag
from arignote.graph import Variable
from arignote.kernel_ext.graph_cell import CellGraph

MAGIC = re.compile(r"\s*(%%?)([^\W\d]\w*)\s(?:.*\s)?(?P<word>\S*)$")
ASSIGNED = re.compile(r"^[ \t]*([^\W\d]\w*)\s*(?::(?!=)|=(?!=))", re.MULTILINE)

Matcher = Callable[[CompletionContext], SimpleMatcherResult]
Magics = Mapping[str, Mapping[str, Callable[..., object]]]


@dataclass(frozen=True)
class Line:
    """The line of a magic up to the cursor."""

    usage: str
    is_cell: bool
    text: str
    before: str
    word: str
    whole: str

    @property
    def option(self) -> str:
        """The option whose value is being typed, else an empty text."""
        return self.before if self.before.startswith("-") else ""

    @property
    def value(self) -> str:
        """What the usage says of that option's value: `svg|text` or `A,B`; empty without one."""
        found = re.search(rf"(?<![\w-]){re.escape(self.option)}[ ]<?([^\s\]>]+)", self.usage)
        return found[1] if self.option and found else ""

    @property
    def names_taken(self) -> bool:
        """Whether the magic takes an expression."""
        return "[expression" in self.usage


def matcher_for(shell: InteractiveShell, magics: Magics) -> Matcher:
    """A matcher for `IPCompleter.custom_matchers`.

    Parameters
    ----------
    shell : InteractiveShell
    magics : mapping of 'line' and 'cell' to magics by name
        Those whose lines it completes, as long as nobody replaced them.
    """

    @context_matcher(identifier="arignote.kernel_ext")
    def complete_magics(context: CompletionContext) -> SimpleMatcherResult:
        found = MAGIC.match(context.text_until_cursor)
        if found is None:
            return {"completions": []}
        kind = "cell" if found[1] == "%%" else "line"
        magic = magics[kind].get(found[2])
        if magic is None or shell.magics_manager.magics[kind].get(found[2]) != magic:
            return {"completions": []}
        line = _line(context, found, str(magic.__doc__))
        word, offered = _offered(line, shell.user_ns)
        return {
            "completions": [
                SimpleCompletion(x, type="magic") for x in offered if x.startswith(word)
            ],
            "matched_fragment": word,
            "suppress": line.word[:1] == "-"
            or bool(line.option)
            or "[flag=" in line.usage
            or "[NAMES" in line.usage,
        }

    return complete_magics


def _line(context: CompletionContext, found: re.Match[str], usage: str) -> Line:
    word = found["word"]
    before = context.text_until_cursor[: found.start("word")].split()[-1]
    if word.startswith("--") and "=" in word:
        before, _, word = word.partition("=")
    return Line(usage, found[1] == "%%", context.text_until_cursor, before, word, context.full_text)


def _offered(line: Line, namespace: Mapping[str, object]) -> tuple[str, Iterable[str]]:
    """The part of the word that is completed, and what can stand there."""
    last = re.split(r"[=,\"']", line.word)[-1]
    value = line.value
    if value in LISTS:
        return last, LISTS[value](line, namespace)
    if "|" in value:
        return last, value.split("|")
    if value:
        return line.word, ()
    if line.word.startswith("-"):
        return line.word, sorted(set(re.findall(r"(?<![\w-])--[a-z-]+", line.usage)))
    if "[flag=" in line.usage:
        return _flag_part(line.word), _flags(line, namespace)
    if "[NAMES" in line.usage:
        return last, dict.fromkeys(name for f in functions() for name in names_of(f))
    if "[NAMES" in line.usage:
        return last, _variables(line, namespace)
    if line.names_taken and line.word.isidentifier():
        return line.word, _expressions(line, namespace)
    return line.word, ()


def _variables(line: Line, namespace: Mapping[str, object]) -> Iterable[str]:
    """The user's variables; in a cell that builds a graph the names that it assigns."""
    if line.is_cell and "[NAMES" not in line.usage:
        return dict.fromkeys(ASSIGNED.findall(line.whole))
    return [name for name, value in namespace.items() if isinstance(value, Variable)]


def _expressions(line: Line, namespace: Mapping[str, object]) -> Iterable[str]:
    """The names of what has a graph; in a cell what the cell assigns too."""
    found = [name for name, value in namespace.items() if _has_graph(value)]
    return [*found, *ASSIGNED.findall(line.whole)] if line.is_cell else found


def _anything(_: Line, namespace: Mapping[str, object]) -> Iterable[str]:
    return [name for name in namespace if not name.startswith("_")]


def _flags(line: Line, _: Mapping[str, object]) -> Iterable[str]:
    """`mode=` and its like; after the sign the flag's values."""
    name, sign, _value = re.split(r"[,\"']", line.word)[-1].partition("=")
    if not sign:
        return [f"{flag}=" for flag in FLAGS]
    flag = FLAGS.get(name)
    return flag.choices if isinstance(flag, EnumFlag) else ()


def _flag_part(word: str) -> str:
    return re.split(r"[=,\"']", word)[-1]


def _has_graph(value: object) -> bool:
    return isinstance(value, Variable | Function | CellGraph)


# What the usage calls an option's value -> what can stand there.
LISTS: Mapping[str, Callable[[Line, Mapping[str, object]], Iterable[str]]] = {
    "A,B": _variables,
    "X,Y": _variables,
    "NAME": _anything,
    "A=B,C=D": _flags,
}
