"""What Tab offers. Oracle: the options as the help of each magic lists them."""

from __future__ import annotations

import re

import pytest

CELL_OPTIONS = {"--outputs", "--inputs", "--view", "--no-show", "--help"}


@pytest.fixture(params=[False, True], ids=["plain", "jedi"])
def completing(shell, request):
    before = shell.ip.Completer.use_jedi
    shell.ip.Completer.use_jedi = request.param
    shell.good("%%graph digits --no-show\nx: fmatrix\nlossy = x + 1\nlogit = x - 1")
    yield shell
    shell.ip.Completer.use_jedi = before


def test_options(completing):
    assert set(completing.completions("%%graph --")) == CELL_OPTIONS
    assert set(completing.completions("%%graph name --")) == CELL_OPTIONS
    assert set(completing.completions("%graph x --")) == {"--view", "--export", "--help"}
    assert completing.completions("%%graph --no") == ["--no-show"]
    assert completing.completions("%debugprint x --s") == ["--source"]


@pytest.mark.parametrize("magic", ["%%graph", "%graph", "%debugprint"])
def test_every_option_of_the_help_is_offered(completing, magic):
    completing.good("1")
    listed = set(
        re.findall(
            r"--[a-z-]+",
            completing.good(f"{magic} -h\nx" if "%%" in magic else f"{magic} -h").stdout,
        )
    )
    assert set(completing.completions(f"{magic} --")) == listed


def test_values_of_options(completing):
    assert set(completing.completions("%graph --view ")) == {"svg", "text", "dot", "none"}
    assert completing.completions("%%graph g --view s") == ["svg"]
    assert completing.completions("%graph x --view=t") == ["text"]
    assert set(completing.completions("%debugprint x --ids ")) == {"char", "int", "none"}


def test_names_of_the_cell_for_outputs(completing):
    cell = "%%graph g -o lo\nlogs: fmatrix\nloss = logs.sum()\nother = 3 == 4\n"
    assert set(completing.completions(cell)) == {"logs", "loss"}
    cell = "%%graph g -o loss,lo\nlogs: fmatrix\nloss = 3"
    assert set(completing.completions(cell)) == {"logs", "loss"}


def test_names_with_a_graph(completing):
    assert {"lossy", "logit"} <= set(completing.completions("%graph lo"))
    assert {"lossy"} <= set(completing.completions("%debugprint x + los"))


def test_names_inside_a_graph(completing):
    found = {name.removeprefix(".") for name in completing.completions("digits.lo")}
    assert found == {"lossy", "logit"}
    assert set(completing.completions('digits["lo')) == {"lossy", "logit"}


def test_other_lines_are_left_alone(completing):
    assert "--view" not in completing.completions("x --")
    assert "--view" not in completing.completions("%%graph g\nx --", line=1)
    assert "--view" not in completing.completions("%%graphs --")


def test_a_magic_someone_replaced_is_not_completed(completing):
    tables = completing.ip.magics_manager.magics
    before = tables["line"]["graph"]
    tables["line"]["graph"] = lambda line: None
    try:
        assert "--view" not in completing.completions("%graph --")
    finally:
        tables["line"]["graph"] = before
