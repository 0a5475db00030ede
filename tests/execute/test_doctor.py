"""What the doctor says. Oracle: the machine itself, and machines that lack something."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from arignote import config, errors
from arignote.doctor import Item, doctor, report
from arignote.execute import compiler, toolchain

# `arignote.doctor` is the function; the module stands under its name in sys.modules.
MODULE = importlib.import_module("arignote.doctor")
COMPILER = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
ITEMS = [
    "Python",
    "C compiler",
    "kernel",
    "BLAS",
    "threads",
    "executor",
    "kernel cache",
    "GPU",
    "dot",
    "JupyterLab",
    "anywidget",
]


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch) -> Iterator[None]:
    """As in a new process, with an empty cache; no CC in the environment."""
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(compiler, "_found", {})
    with config.change(cache_dir=tmp_path / "kernels"):
        yield


def items() -> dict[str, Item]:
    return {item.item: item for item in report()}


def test_a_line_for_each_item(capsys: pytest.CaptureFixture[str]):
    assert doctor() is None
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(ITEMS)
    for name, line in zip(ITEMS, lines, strict=True):
        assert line.startswith((f"ok  {name} ", f"--  {name} "))
        assert line.startswith("ok") or "  ->  " in line, "what is not well has a fix"


def test_what_is_said_is_so():
    found = items()
    assert list(found) == ITEMS
    assert found["Python"].text == f"{platform.python_version()} with NumPy {np.__version__}"
    assert found["dot"].ok == (shutil.which("dot") is not None)
    assert str(config.cache_dir) in found["kernel cache"].text
    assert all(item.ok or item.fix for item in found.values())
    assert all("\n" not in item.text + item.fix for item in found.values())


@pytest.mark.skipif(COMPILER is None, reason="no C compiler")
def test_a_kernel_is_compiled_each_time_and_kept_nowhere():
    for _ in range(2):
        found = items()
        assert found["C compiler"].text.endswith(str(COMPILER))
        assert found["kernel"].ok
        assert found["kernel"].text.endswith(" ms")
        assert found["executor"] == Item("executor", True, "functions run as C")
        assert "0 kernels" in found["kernel cache"].text


@pytest.mark.skipif(COMPILER is None, reason="no C compiler")
def test_the_cache_is_counted():
    toolchain.compile_many(["int a;", "int b;"])
    assert "2 kernels" in items()["kernel cache"].text


def test_flags_are_told():
    cores = compiler.cores()
    assert (
        items()["threads"].text
        == f"{cores}; this process may use {cores} of {os.cpu_count()} cores"
    )
    with config.change(threads=3, linker="numpy"):
        found = items()
    assert found["threads"].text.startswith("3 by config.threads; ")
    assert found["executor"] == Item("executor", True, "functions run with NumPy, by config.linker")
    with config.change(mode="FAST_COMPILE"):
        found = items()
    assert found["executor"] == Item("executor", True, "functions run with NumPy, by config.mode")


def test_a_bare_machine(tmp_path: Path, monkeypatch):
    apt = tmp_path / "bin" / "apt-get"
    apt.parent.mkdir()
    apt.write_text("")
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", str(apt.parent))
    found = items()
    assert found["C compiler"] == Item(
        "C compiler",
        False,
        "There is no C compiler on PATH.",
        "apt-get install gcc libc6-dev",
    )
    assert found["kernel"] == Item(
        "kernel", False, "none without a compiler", "apt-get install gcc libc6-dev"
    )
    assert found["executor"] == Item(
        "executor",
        False,
        "functions run with NumPy: no C compiler",
        "apt-get install gcc libc6-dev",
    )
    assert found["dot"].fix == "apt-get install graphviz"
    assert found["GPU"].ok


def test_a_compiler_that_fails(tmp_path: Path):
    path = tmp_path / "cc"
    path.write_text('#!/bin/sh\n[ "$1" = --version ] && echo fake && exit\nexit 3\n')
    path.chmod(0o755)
    with config.change(cc=str(path)):
        found = items()
    assert found["C compiler"].ok
    assert not found["kernel"].ok
    assert found["kernel"].text == "The C compiler failed with exit status 3."
    assert "config.cc" in found["kernel"].fix
    assert not found["executor"].ok
    assert "config.linker = 'numpy'" in found["executor"].fix


def test_a_compiler_asked_for_by_name(monkeypatch):
    monkeypatch.setenv("CC", "nope")
    found = items()["C compiler"]
    assert not found.ok
    assert "CC=nope" in found.text
    assert "another command" in found.fix


def test_a_cache_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with config.change(cache_dir=tmp_path / "file" / "x"):
        found = items()["kernel cache"]
    assert not found.ok
    assert "cannot be written: Not a directory" in found.text
    assert "config.cache_dir" in found.fix


def test_a_card_is_looked_for_and_never_touched(tmp_path: Path, monkeypatch):
    """A tool that would leave a mark, and a CuPy that cannot be imported."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\ntouch {tmp_path}/touched\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(MODULE, "_is_installed", lambda module: False)
    found = items()["GPU"]
    assert (found.ok, found.fix) == (False, "pip install cupy-cuda12x")
    monkeypatch.undo()
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "cupy").mkdir()
    (tmp_path / "cupy" / "__init__.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with config.change(cache_dir=tmp_path / "kernels"):
        assert items()["GPU"] == Item("GPU", True, f"{tool} and CuPy are there")
    assert not (tmp_path / "touched").exists()


def test_blas_is_told_or_what_installs_it(monkeypatch):
    found = items()["BLAS"]
    assert found.ok == (importlib.util.find_spec("scipy_openblas32") is not None)
    lacking = errors.CompilerMissingError(errors.message("No OpenBLAS.", hint="pip install it"))

    def refuse() -> None:
        raise lacking

    monkeypatch.setattr(MODULE, "blas", refuse)
    assert items()["BLAS"] == Item("BLAS", False, "No OpenBLAS.", "pip install it")


def test_packages_that_are_missing(monkeypatch):
    monkeypatch.setattr(MODULE, "_version", lambda package: "")
    monkeypatch.setattr(MODULE, "_is_installed", lambda module: False)
    found = items()
    assert found["JupyterLab"].fix == "pip install jupyterlab"
    assert found["anywidget"].fix == "pip install anywidget"
