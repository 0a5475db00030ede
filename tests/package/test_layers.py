"""Each file imports only from rows above its own. Oracle: the table of layers in DESIGN."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from package.tree import ROOT, module_name, source_files

# Lowest first. A row is a file or a folder directly under its root.
ROWS = [
    "arignote.lazy",
    "arignote.errors",
    "arignote.tables",
    "arignote.config",
    "arignote.types",
    "arignote.statistics",
    "arignote.scalar",
    "arignote.ops",
    "arignote.graph",
    "arignote.autodiff",
    "arignote.control",
    "arignote.tensor",
    "arignote.rewrite",
    "arignote.lower",
    "arignote.codegen",
    "arignote.execute",
    "arignote.compile",
    "arignote.doctor",
    "arignote.layers",
    "arignote.theano",
    "arignote.viz.files",
    "arignote.viz.layout",
    "arignote.viz.drawing",
    "arignote.viz.output",
    "arignote.viz.monitor",
    "arignote.viz.explorer",
    "arignote.viz.timeline",
    "arignote.viz.profiles",
    "arignote.viz",
    "arignote.printing",
    "arignote.extension",
    "arignote",
    "arignote.kernel_ext",
]
# Imports against the rows that DESIGN allows: the porting face re-exports the face for looking.
ALLOWED = {("arignote.theano", "arignote.printing"), ("arignote.theano", "arignote.viz")}
# Who may import which package at the top of a file; others go through a lazy loader or not at all.
CORE = {"numpy", "cffi"}
WIDGETS = {"arignote.viz.monitor", "arignote.viz.explorer", "arignote.kernel_ext"}
OPTIONAL = {
    "IPython": {"arignote.kernel_ext"},
    **dict.fromkeys(["ipywidgets", "anywidget", "traitlets"], WIDGETS),
}
FILES = source_files()


def row_of(module: str) -> str:
    """The row a module belongs to: `arignote.ops.dot` -> `arignote.ops`, if that is one."""
    parts = module.split(".")
    names = [".".join(parts[:count]) for count in (3, 2)]
    return next((name for name in names if name in ROWS), parts[0])


def imported(tree: ast.AST, modules: set[str]) -> list[tuple[str, ast.stmt]]:
    """The absolute names of the modules that a file's import statements bring in."""
    found: list[tuple[str, ast.stmt]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                found.append((whole if whole in modules else base, node))
    return found


def faults(name: str, text: str, modules: set[str]) -> list[str]:
    """What one file's imports do against the layer line, a sentence each."""
    tree = ast.parse(text)
    guarded = {s for n in tree.body if isinstance(n, ast.If | ast.Try) for s in ast.walk(n)}
    top = set(tree.body) | guarded
    own = row_of(name)
    found = []
    for target, node in imported(tree, modules):
        where = f"{name}:{node.lineno} imports {target}"
        first = target.split(".")[0]
        if isinstance(node, ast.ImportFrom) and node.level:
            found.append(f"{where} with a relative import")
        if node not in top:
            found.append(f"{where} inside a function or class")
        if first in {"engine", "viz", "kernel_ext"}:
            found.append(f"{where}: a folder's name, not the package's")
        known = CORE | sys.stdlib_module_names | {"arignote"}
        if first not in known and own not in OPTIONAL.get(first, set()):
            found.append(f"{where}, no dependency of {own}")
        if first == "arignote" and target != name:
            found += [f"{where}, {why}" for why in upward(own, row_of(target))]
    return found


def upward(own: str, target: str) -> list[str]:
    """Why a row may not import a row, if it may not."""
    if target == own or (own, target) in ALLOWED:
        return []
    return [] if ROWS.index(target) < ROWS.index(own) else [f"a row above {own}"]


def test_every_file_belongs_to_a_row():
    strangers = {
        str(path.relative_to(ROOT))
        for path in FILES
        if row_of(module_name(path)) == "arignote" and path != ROOT / "engine" / "__init__.py"
    }
    assert strangers == set(), "not in the table of layers"


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_imports_keep_the_layer_line(path: Path):
    modules = {module_name(p) for p in FILES}
    assert faults(module_name(path), path.read_text("utf-8"), modules) == []


def test_no_cycles():
    modules = {module_name(path) for path in FILES}
    edges = {
        module_name(path): {
            target
            for target, _ in imported(ast.parse(path.read_text("utf-8")), modules)
            if target in modules and target != module_name(path)
        }
        for path in FILES
    }
    # Take away what imports nothing that is left; what can't be taken away lies on a cycle.
    while free := [name for name, targets in edges.items() if not targets & edges.keys()]:
        for name in free:
            del edges[name]
    assert edges == {}, "these files import each other in a circle (or import from one)"


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("arignote.ops.x", "from arignote.graph.variable import Variable", "a row above"),
        ("arignote.graph.x", "import arignote", "a row above"),
        ("arignote.graph.x", "def f():\n    import json", "inside a function"),
        ("arignote.graph.x", "from . import y", "relative"),
        ("arignote.graph.x", "from engine.types import TensorType", "folder's name"),
        ("arignote.printing", "import IPython.display", "no dependency"),
        ("arignote.scalar.x", "import scipy.special", "no dependency"),
        ("arignote.compile.x", "from arignote import printing", "a row above"),
    ],
)
def test_the_walk_sees_a_fault(name: str, text: str, word: str):
    found = faults(name, text, {"arignote.graph.variable", "arignote.printing"})
    assert any(word in fault for fault in found), found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("arignote.graph.x", "from arignote.types import TensorType"),
        ("arignote.printing", "from arignote.viz.drawing.model import GraphView"),
        ("arignote.theano.x", "from arignote.printing import pp"),
        ("arignote.kernel_ext.x", "import IPython\nimport arignote"),
        ("arignote.graph.x", "from arignote.graph.y import z"),
    ],
)
def test_the_walk_allows_what_is_right(name: str, text: str):
    assert faults(name, text, {"arignote.printing", "arignote.viz.drawing.model"}) == []
