"""The arguments of the magics: words, options and quotes."""

import ast
import io
import keyword
import re
import tokenize
from argparse import Namespace
from collections.abc import Callable, Collection

from IPython.core.error import UsageError
from IPython.core.magic_arguments import MagicArgumentParser, argument

# Quotes hold words together: f("a b", c) --export "my file.svg" is f("a, b", c), then two more.
WORD = re.compile(r"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\S)+""")
HELP_WORDS = {"-h", "--help"}
HELP = argument("-h", "--help", action="store_true", help="Print this and do nothing else.")
EXPRESSION = argument("expression", nargs="*", help="A Python expression.")


def one_of(*choices: str) -> dict[str, object]:
    """The settings of an option that takes one of these words."""
    return {"type": unquoted, "choices": choices, "metavar": "|".join(choices)}


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
    words = WORD.findall(_joined(line) if takes_expression else _squeezed(line))
    if HELP_WORDS & set(words):
        print((magic.__doc__ or "").removeprefix("::").strip("\n"))
        return None
    if takes_expression:
        # argparse takes a word that begins with a blank for an argument, whatever follows.
        words = [word if word.startswith("--") else f" {word}" for word in words]
    found = parser.parse_args(words)
    if takes_expression:
        found.expression = "".join(found.expression).strip()
    return found


def _squeezed(line: str) -> str:
    """The line without blanks around commas that are not in quotes."""
    return re.sub(r"""("[^"]*"|'[^']*')|\s*,\s*""", lambda found: found[1] or ",", line)


def _joined(line: str) -> str:
    """The line with `--inputs x, y` as one word each."""
    return re.sub(r"--\w+[ =]+\w+(\s*,\s*\w+)+", lambda m: re.sub(r"\s*,\s*", ",", m[0]), line)


def help_without_body(names: Collection[str]) -> Callable[[list[str]], list[str]]:
    """A change of a cell's lines: `%%graph -h` gets a body.

    Without one IPython refuses a cell magic.

    Parameters
    ----------
    names : collection of str
        The cell magics that it is for.
    """

    def with_body(lines: list[str]) -> list[str]:
        text = "".join(lines).strip()
        words = WORD.findall(text)
        name = words[0].removeprefix("%%") if words and words[0].startswith("%%") else ""
        if "\n" in text or name not in names or not HELP_WORDS & set(words):
            return lines
        return [f"get_ipython().run_cell_magic({name!r}, '-h', '\\n')\n"]

    return with_body


def expressions(text: str) -> list[str]:
    """Expressions that stand one after the other: `f(x) + 1 [a, b]` is `f(x) + 1` and `[a, b]`.

    A new one begins where one operand follows another with a blank between them.
    """
    cuts, depth, ended = [0], 0, None
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            is_word = token.type in (tokenize.NAME, tokenize.NUMBER, tokenize.STRING)
            is_operand = is_word and not keyword.iskeyword(token.string)
            is_operand = is_operand or token.string in ("None", "True", "False")
            opens, closes = token.string in ("(", "[", "{"), token.string in (")", "]", "}")
            start = _place(text, token.start)
            if not depth and (is_operand or opens) and ended is not None and ended < start:
                cuts.append(start)
            depth += opens - closes
            ended = _place(text, token.end) if is_operand or (closes and not depth) else None
    except (tokenize.TokenError, IndentationError):
        return [text]
    ends = [*cuts[1:], len(text)]
    return [text[a:b].strip() for a, b in zip(cuts, ends, strict=True) if text[a:b].strip()]


def _place(text: str, position: tuple[int, int]) -> int:
    """The offset of a line and column."""
    row, column = position
    return sum(map(len, text.splitlines(keepends=True)[: row - 1])) + column


def keyword_values(text: str) -> dict[str, str]:
    """`x=a[:5], y=b` as names and expressions.

    Raises
    ------
    UsageError
        The text is no such list.
    """
    try:
        call = ast.parse(f"f({unquoted(text)})", mode="eval").body
    except SyntaxError:
        call = None
    if not isinstance(call, ast.Call) or call.args or not all(k.arg for k in call.keywords):
        raise UsageError(f"{text!r} is not of the form x=value, y=value.")
    return {str(k.arg): ast.unparse(k.value) for k in call.keywords}


def unquoted(text: str) -> str:
    """An option's value without the blanks and the quotes around it."""
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def name_list(text: str) -> list[str]:
    """`a,b` as a list of names."""
    return [name.strip() for name in unquoted(text).split(",") if name.strip()]
