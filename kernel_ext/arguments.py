"""The arguments of the magics: words, options and quotes."""

import re
from argparse import Namespace
from collections.abc import Callable

from IPython.core.magic_arguments import MagicArgumentParser

# Quotes hold words together: f("a b", c) --export "my file.svg" is f("a, b", c), then two more.
WORD = re.compile(r"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\S)+""")
HELP = {"-h", "--help"}


def parse(magic: Callable[..., object], line: str) -> Namespace | None:
    """The arguments in `line`, or None once help was asked for and printed.

    Where the magic has an argument `expression`, all words but options are Python, `-x` too.

    Raises
    ------
    UsageError
        One line, for arguments that the magic does not have.
    """
    parser: MagicArgumentParser = magic.parser  # type: ignore[attr-defined]
    takes_expression = "[expression" in parser.format_usage()
    # `-o a, b` is one list of names.
    words = WORD.findall(line if takes_expression else re.sub(r"\s*,\s*", ",", line))
    if HELP & set(words):
        print((magic.__doc__ or "").removeprefix("::").strip("\n"))
        return None
    if takes_expression:
        # argparse takes a word that begins with a blank for an argument, whatever follows.
        words = [word if word.startswith("--") else f" {word}" for word in words]
    found = parser.parse_args(words)
    if takes_expression:
        found.expression = "".join(found.expression).strip()
    return found


def help_without_body(lines: list[str]) -> list[str]:
    """The lines of a cell; `%%graph -h` gets a body, without which IPython refuses a cell magic."""
    text = "".join(lines).strip()
    words = WORD.findall(text)
    if "\n" not in text and words[:1] == ["%%graph"] and HELP & set(words):
        return ["get_ipython().run_cell_magic('graph', '-h', '\\n')\n"]
    return lines


def unquoted(text: str) -> str:
    """An option's value without the blanks and the quotes around it."""
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def name_list(text: str) -> list[str]:
    """`a,b` as a list of names."""
    return [name.strip() for name in unquoted(text).split(",") if name.strip()]
