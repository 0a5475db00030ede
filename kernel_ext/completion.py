"""What Tab offers on the lines of the magics: options, their values, names."""

import re
from collections.abc import Callable, Iterable

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)
from IPython.core.interactiveshell import InteractiveShell

from arignote.compile import Function
from arignote.graph import Variable
from arignote.kernel_ext.graph_cell import CellGraph

MAGIC = re.compile(r"\s*(%%?)(graph|debugprint)\s(?:.*\s)?(?P<word>\S*)$")
ASSIGNED = re.compile(r"^[ \t]*([^\W\d]\w*)\s*(?::(?!=)|=(?!=))", re.MULTILINE)
NAME_OPTIONS = {"-o", "--outputs", "-i", "--inputs"}

Matcher = Callable[[CompletionContext], SimpleMatcherResult]


def matcher_for(shell: InteractiveShell) -> Matcher:
    """A matcher for `IPCompleter.custom_matchers`."""

    @context_matcher(identifier="arignote.kernel_ext")
    def complete_magics(context: CompletionContext) -> SimpleMatcherResult:
        found = MAGIC.match(context.text_until_cursor)
        if found is None:
            return {"completions": []}
        word, cell_magic = found["word"], found[1] == "%%"
        kind = "cell" if cell_magic else "line"
        magic = shell.magics_manager.magics[kind].get(found[2])
        if magic is None:
            return {"completions": []}
        before = context.text_until_cursor[: found.start("word")].split()[-1]
        if word.startswith("--") and "=" in word:
            before, _, word = word.partition("=")
        usage = magic.__doc__
        if before in NAME_OPTIONS:
            word = word.rpartition(",")[2]
            offered: Iterable[str] = dict.fromkeys(ASSIGNED.findall(context.full_text))
        elif before.startswith("--") and (choices := re.search(rf"{before} <([\w|]+)>", usage)):
            offered = choices[1].split("|")
        elif word.startswith("-"):
            offered = sorted(set(re.findall(r"--[a-z-]+", usage)))
        elif not cell_magic and word.isidentifier():
            offered = (name for name, value in shell.user_ns.items() if _has_graph(value))
        else:
            offered = ()
        return {
            "completions": [
                SimpleCompletion(x, type="magic") for x in offered if x.startswith(word)
            ],
            "matched_fragment": word,
            "suppress": word[:1] == "-" or before[:1] == "-",
        }

    return complete_magics


def _has_graph(value: object) -> bool:
    return isinstance(value, Variable | Function | CellGraph)
