"""The IPython extension: `%load_ext arignote`."""

import shutil
from collections.abc import Callable, Iterable
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
from arignote.kernel_ext.config_magics import ArignoteConfigMagics
from arignote.kernel_ext.family import Family
from arignote.kernel_ext.function_magics import ArignoteFunctionMagics
from arignote.kernel_ext.graph_magics import ArignoteGraphMagics
from arignote.kernel_ext.profile_magics import ArignoteProfileMagics
from arignote.kernel_ext.progress import ProgressOutput
from arignote.kernel_ext.tracebacks import RENDER, rendered
from arignote.kernel_ext.watch_magics import ArignoteWatchMagics

__all__ = ["load_ipython_extension", "unload_ipython_extension"]


FAMILIES: tuple[type[Family], ...] = (
    ArignoteGraphMagics,
    ArignoteFunctionMagics,
    ArignoteConfigMagics,
    ArignoteWatchMagics,
    ArignoteProfileMagics,
)


@dataclass(frozen=True)
class Loaded:
    """What the extension set in a shell, and which magics of these names were there before."""

    matcher: Matcher
    transformer: Callable[[list[str]], list[str]]
    before: dict[tuple[str, str], Callable[..., object]]


def load_ipython_extension(ip: InteractiveShell) -> None:
    """Adds the magics, their completions and short error displays to a shell.

    Parameters
    ----------
    ip : InteractiveShell
        `%load_ext arignote` calls this. Loading twice is the same as loading once.
    """
    _unload(ip)
    families = [family(ip) for family in FAMILIES]
    tables = ip.magics_manager.magics
    ours = {kind: _magics(families, kind) for kind in tables}
    before = {
        (kind, name): tables[kind][name]
        for kind, added in ours.items()
        for name in added
        if name in tables[kind]
    }
    loaded = Loaded(matcher_for(ip, ours), help_without_body(ours["cell"].keys()), before)
    for family in families:
        family.loaded = loaded
        ip.register_magics(family)
    ip.Completer.custom_matchers.append(loaded.matcher)
    ip.input_transformers_cleanup.append(loaded.transformer)
    set_filename_formatter(_cell_names(ip))
    setattr(ArignoteError, RENDER, rendered)
    # A shell of a notebook's kernel has that kernel; in a terminal the engine's own line does.
    if ip.has_trait("kernel"):
        set_progress_display(ProgressOutput())
    print(_greeting())


def _magics(families: Iterable[Family], kind: str) -> dict[str, Callable[..., object]]:
    """The magics of a kind, 'line' or 'cell', by name."""
    return {name: method for family in families for name, method in family.magics[kind].items()}


def unload_ipython_extension(ip: InteractiveShell) -> None:
    """Takes out of a shell all that `load_ipython_extension` put in."""
    _unload(ip)


def _unload(ip: InteractiveShell) -> None:
    manager = ip.magics_manager
    found = [manager.registry.pop(family.__name__, None) for family in FAMILIES]
    families = [family for family in found if family is not None]
    if not families:
        return
    for kind, table in manager.magics.items():
        for name, method in _magics(families, kind).items():
            if table.get(name) == method:
                del table[name]
    loaded = families[0].loaded
    for (kind, name), method in loaded.before.items():
        manager.magics[kind].setdefault(name, method)
    if loaded.matcher in ip.Completer.custom_matchers:
        ip.Completer.custom_matchers.remove(loaded.matcher)
    if loaded.transformer in ip.input_transformers_cleanup:
        ip.input_transformers_cleanup.remove(loaded.transformer)
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
