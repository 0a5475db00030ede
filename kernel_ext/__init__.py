"""The IPython extension: `%load_ext arignote`."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass

from IPython.core.interactiveshell import InteractiveShell

import arignote
from arignote.compile import get_mode
from arignote.compile.link import executor_name
from arignote.compile.progress import set_progress_display
from arignote.errors import ArignoteError
from arignote.graph.source import set_filename_formatter
from arignote.kernel_ext.arguments import help_without_body
from arignote.kernel_ext.completion import Matcher, matcher_for
from arignote.kernel_ext.magics import ArignoteMagics
from arignote.kernel_ext.progress import ProgressOutput
from arignote.kernel_ext.tracebacks import RENDER, rendered

__all__ = ["load_ipython_extension", "unload_ipython_extension"]


@dataclass(frozen=True)
class Loaded:
    """What the extension set in a shell, and which magics of these names were there before."""

    matcher: Matcher
    before: dict[tuple[str, str], Callable[..., object]]


def load_ipython_extension(ip: InteractiveShell) -> None:
    """Adds the magics, their completions and short error displays to a shell.

    Parameters
    ----------
    ip : InteractiveShell
        `%load_ext arignote` calls this. Loading twice is the same as loading once.
    """
    _unload(ip)
    magics = ArignoteMagics(ip)
    tables = ip.magics_manager.magics
    before = {
        (kind, name): tables[kind][name]
        for kind, added in magics.magics.items()
        for name in added
        if name in tables[kind]
    }
    ip.register_magics(magics)
    magics.loaded = Loaded(matcher_for(ip), before)
    ip.Completer.custom_matchers.append(magics.loaded.matcher)
    ip.input_transformers_cleanup.append(help_without_body)
    set_filename_formatter(_cell_names(ip))
    setattr(ArignoteError, RENDER, rendered)
    # A shell of a notebook's kernel has that kernel; in a terminal the engine's own line does.
    if ip.has_trait("kernel"):
        set_progress_display(ProgressOutput())
    print(_greeting())


def unload_ipython_extension(ip: InteractiveShell) -> None:
    """Takes out of a shell all that `load_ipython_extension` put in."""
    _unload(ip)


def _unload(ip: InteractiveShell) -> None:
    manager = ip.magics_manager
    magics = manager.registry.pop(ArignoteMagics.__name__, None)
    if magics is None:
        return
    for kind, added in magics.magics.items():
        for name, method in added.items():
            if manager.magics[kind].get(name) == method:
                del manager.magics[kind][name]
    for (kind, name), method in magics.loaded.before.items():
        manager.magics[kind].setdefault(name, method)
    if magics.loaded.matcher in ip.Completer.custom_matchers:
        ip.Completer.custom_matchers.remove(magics.loaded.matcher)
    if help_without_body in ip.input_transformers_cleanup:
        ip.input_transformers_cleanup.remove(help_without_body)
    set_filename_formatter(None)
    set_progress_display(None)
    if RENDER in vars(ArignoteError):
        delattr(ArignoteError, RENDER)


def _cell_names(ip: InteractiveShell) -> Callable[[str], str | None]:
    """File names of cells as people know them: `cell In[3]`."""

    def formatted(filename: str) -> str | None:
        found = ip.compile.format_code_name(filename)
        return f"{found[0].lower()} {found[1]}" if found else None

    return formatted


def _greeting() -> str:
    config = arignote.config
    executor = executor_name(get_mode())
    dot = "found" if shutil.which("dot") else "not found, pictures use the layout built in"
    return (
        f"arignote {arignote.__version__}: device {config.device}, executor {executor}, mode"
        f" {config.mode}, floatX {config.floatX}; dot {dot}"
    )
