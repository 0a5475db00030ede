"""Arignote with its NumPy executor."""

from __future__ import annotations

import arignote as ari
from engines.with_arignote import BUILDERS, VERSION

__all__ = ["BUILDERS", "VERSION"]

ari.config.linker = "numpy"
