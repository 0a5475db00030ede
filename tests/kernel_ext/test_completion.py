"""What Tab offers. Oracle: the options as the help of each magic lists them."""

from __future__ import annotations

import re

import pytest

from arignote.config import FLAGS
from arignote.kernel_ext import FAMILIES
from arignote.kernel_ext.show import VIEWS

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
    assert {"--view", "--export", "--optimized"} <= set(completing.completions("%graph x --"))
    assert completing.completions("%%graph --no") == ["--no-show"]
    assert completing.completions("%debugprint x --s") == ["--source"]


def magics() -> list[str]:
    """All magics, as their families declare them."""
    line = {f"%{name}" for family in FAMILIES for name in family.magics["line"]}
    cell = {f"%%{name}" for family in FAMILIES for name in family.magics["cell"]}
    return sorted(line | cell)


def test_these_are_the_magics():
    assert {"%graph", "%%graph", "%debugprint", "%compile", "%%compile", "%passes", "%ccode",
            "%gradcheck", "%%gradcheck", "%ari"} <= set(magics())  # fmt: skip


@pytest.mark.parametrize("magic", magics())
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
    assert set(completing.completions("%graph --view ")) == set(VIEWS)
    assert completing.completions("%%graph g --view s") == ["svg"]
    assert completing.completions("%graph x --view=t") == ["text"]
    assert set(completing.completions("%compile x --mode ")) == {"FAST_RUN", "FAST_COMPILE"}
    assert completing.completions("%ccode f --lang n") == ["numpy"]
    assert set(completing.completions("%debugprint x --ids ")) == {"char", "int", "none"}


def test_names_of_the_cell_for_outputs(completing):
    cell = "%%graph g -o lo\nlogs: fmatrix\nloss = logs.sum()\nother = 3 == 4\n"
    assert set(completing.completions(cell)) == {"logs", "loss"}
    cell = "%%graph g -o loss,lo\nlogs: fmatrix\nloss = 3"
    assert set(completing.completions(cell)) == {"logs", "loss"}


def test_names_with_a_graph(completing):
    assert {"lossy", "logit"} <= set(completing.completions("%graph lo"))
    assert {"lossy"} <= set(completing.completions("%debugprint x + los"))


def test_names_for_inputs_and_updates(completing):
    completing.good("xs = x + 1\nxtra = 3\nupdated = {}")
    assert {"x", "xs"} == set(completing.completions("%compile lossy --inputs x"))
    assert {"xs"} == set(completing.completions("%compile lossy --inputs x,xs"))
    assert "updated" in completing.completions("%compile lossy --updates up")


def test_names_in_a_cell_magic_that_takes_an_expression(completing):
    assert "logger" in completing.completions("%%gradcheck log\nlogger: dvector\nlogger.sum()")


def test_flags(completing):
    assert {f"{name}=" for name in FLAGS} == set(completing.completions("%ari "))
    assert completing.completions("%ari floatX=float32 mo") == ["mode="]
    assert set(completing.completions("%ari floatX=")) == {"float16", "float32", "float64"}
    assert completing.completions("%ari floatX=float32 mode=FAST_R") == ["FAST_RUN"]
    assert completing.completions('%ari --flags "floatX=float32,mode=FAST_R') == ["FAST_RUN"]
    assert completing.completions("%ari --r") == ["--reset"]


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
