"""Where the sources of the package are, and what each file is imported as."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Folder of the repository -> the name it is imported by. Longest names come first in lookups.
FOLDERS = {
    "kernel_ext": "arignote.kernel_ext",
    "viz": "arignote.viz",
    "engine": "arignote",
}
# What a package carries beside Python.
DATA_SUFFIXES = {".js", ".json", ".css", ".c", ".h", ".cu", ".typed"}


def project_table() -> dict:
    """pyproject.toml, parsed."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def source_files(suffixes: set[str] | None = None) -> list[Path]:
    """The package's files with one of the suffixes (default: Python), in order."""
    wanted = suffixes or {".py"}
    return sorted(
        path
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix in wanted and "__pycache__" not in path.parts
    )


def installed_path(path: Path) -> str:
    """`engine/ops/reduce.py` -> `arignote/ops/reduce.py`."""
    folder, *rest = path.relative_to(ROOT).parts
    return "/".join([*FOLDERS[folder].split("."), *rest])


def module_name(path: Path) -> str:
    """`engine/ops/reduce.py` -> `arignote.ops.reduce`; a package's `__init__` is the package."""
    name = installed_path(path).removesuffix(".py").replace("/", ".")
    return name.removesuffix(".__init__")
