"""Modules that cost too much to import at start, imported when they are first needed."""

import importlib
from functools import cache
from types import ModuleType


@cache
def module(name: str) -> ModuleType:
    """The module of this name."""
    return importlib.import_module(name)
