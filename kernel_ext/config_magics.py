"""`%ari`: the flags."""

import re

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from arignote.config import config
from arignote.errors import ConfigError
from arignote.kernel_ext.arguments import HELP, parse, unquoted
from arignote.kernel_ext.family import Family


@magics_class
class ArignoteConfigMagics(Family):
    """`%ari`."""

    @magic_arguments("ari")
    @argument("flag=value", nargs="*", help="Flags to set.")
    @argument("--flags", type=unquoted, metavar="A=B,C=D", help="Flags as in ARIGNOTE_FLAGS.")
    @argument("--reset", action="store_true", help="Take back what was set in code.")
    @HELP
    @no_var_expand
    @line_magic("ari")  # type: ignore[arg-type]
    def ari(self, line: str) -> None:
        """Show the flags, or set some.

        %ari
        %ari floatX=float32 mode=FAST_COMPILE
        %ari --flags "floatX=float32,mode=FAST_COMPILE"
        %ari --reset
        """
        arguments = parse(self.ari, line)
        if arguments is None:
            return
        words = [unquoted(word) for word in vars(arguments)["flag=value"]]
        if arguments.flags:
            words += [unquoted(word) for word in re.split(r",(?=\s*\w+\s*=)", arguments.flags)]
        changes = dict(map(_pair, words))
        try:
            if arguments.reset:
                config.reset()
            for name, value in changes.items():
                setattr(config, name, value)
        except ConfigError as error:
            raise UsageError(_one_line(error)) from None
        if not words and not arguments.reset:
            display(config)


def _pair(word: str) -> tuple[str, str]:
    name, sign, value = word.partition("=")
    if not sign:
        raise UsageError(f"%ari: {word!r} is not of the form flag=value.")
    return name.strip(), unquoted(value)


def _one_line(error: ConfigError) -> str:
    """The message of an error with what can be given."""
    what, *others = str(error).splitlines()
    hint = next((x.partition("try:")[2].strip() for x in others if "try:" in x), "")
    return f"%ari: {what} Try {hint}" if hint else f"%ari: {what}"
