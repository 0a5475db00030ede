"""What is installed is what is in the tree. Oracle: the folders of the repository."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest

import arignote
from package.tree import (
    DATA_SUFFIXES,
    FOLDERS,
    ROOT,
    installed_path,
    module_name,
    project_table,
    source_files,
)


def test_pyproject_lists_every_package():
    in_tree = {module_name(path) for path in source_files() if path.name == "__init__.py"}
    assert set(project_table()["tool"]["setuptools"]["packages"]) == in_tree


def test_every_folder_with_python_is_a_package():
    folders = {path.parent for path in source_files()}
    assert [str(f.relative_to(ROOT)) for f in folders if not (f / "__init__.py").exists()] == []


def test_pyproject_maps_the_three_folders():
    mapping = project_table()["tool"]["setuptools"]["package-dir"]
    assert mapping == {name: folder for folder, name in FOLDERS.items()}


def test_pyproject_lists_every_data_file():
    tables = project_table()["tool"]["setuptools"]["package-data"]
    globs = [f"{name.replace('.', '/')}/{glob}" for name, many in tables.items() for glob in many]
    files = [installed_path(path) for path in source_files(DATA_SUFFIXES)]
    assert [name for name in files if not any(fnmatch(name, glob) for glob in globs)] == []


def test_version_is_said_once():
    assert arignote.__version__ == project_table()["project"]["version"]


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel built from a copy (a build leaves files beside its sources)."""
    work = tmp_path_factory.mktemp("wheel")
    source = work / "source"
    source.mkdir()
    ignore = shutil.ignore_patterns("__pycache__")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, source / folder, ignore=ignore)
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps"]
    command += ["--no-build-isolation", "--no-index", "--wheel-dir", str(work), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = work.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_holds_the_tree_and_nothing_else(wheel_names: set[str]):
    in_tree = {installed_path(path) for path in source_files({".py"} | DATA_SUFFIXES)}
    packed = {name for name in wheel_names if ".dist-info/" not in name}
    assert packed == in_tree


def test_wheel_is_pure_python_and_typed(wheel_names: set[str]):
    assert "arignote/py.typed" in wheel_names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel_names)
    assert not [name for name in wheel_names if Path(name).suffix in {".so", ".pyd"}]
