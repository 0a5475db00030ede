"""The scripts and styles of views."""

from functools import cache
from pathlib import Path

STATIC = Path(__file__).with_name("static")


@cache
def static_text(name: str) -> str:
    """The text of a file in `static/`."""
    return (STATIC / name).read_text(encoding="utf-8")
