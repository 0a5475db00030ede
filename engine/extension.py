"""What `%load_ext arignote` calls; the extension itself is imported only then."""

import importlib
from typing import Any


def load_ipython_extension(shell: Any) -> None:
    """Adds the magics to a shell; `%load_ext arignote` calls this."""
    importlib.import_module("arignote.kernel_ext").load_ipython_extension(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Takes the magics out of a shell; `%unload_ext arignote` calls this."""
    importlib.import_module("arignote.kernel_ext").unload_ipython_extension(shell)
