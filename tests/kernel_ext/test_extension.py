"""Loading and unloading. Oracle: the shell's own tables, compared before and after."""

from __future__ import annotations

import re
import shutil

import pytest

import arignote
from arignote import errors
from arignote.graph.source import SourceLine


def state(ip) -> dict[str, object]:
    """All that an extension can leave behind in a shell."""
    return {
        "names": {name for name in ip.user_ns if not re.match(r"_i*\d*$|In$|Out$", name)},
        "line magics": dict(ip.magics_manager.magics["line"]),
        "cell magics": dict(ip.magics_manager.magics["cell"]),
        "registry": set(ip.magics_manager.registry),
        "matchers": list(ip.Completer.custom_matchers),
        "completers": list(ip.strdispatchers["complete_command"].regexs),
        "transformers": [
            *ip.input_transformers_cleanup, *ip.input_transformers_post, *ip.ast_transformers
        ],
        "events": {name: list(found) for name, found in ip.events.callbacks.items()},
        "custom errors": ip.custom_exceptions,
        "formatters": {
            kind: dict(formatter.type_printers)
            for kind, formatter in ip.display_formatter.formatters.items()
        },
        "where": SourceLine(next(iter(ip.compile._filename_map), "none"), 1, "f").where,
        "error display": "_render_traceback_" in vars(errors.ArignoteError),
    }  # fmt: skip


def test_load_prints_one_line(plain):
    outcome = plain.good("%load_ext arignote")
    (line,) = outcome.stdout.splitlines()
    has_compiler = any(map(shutil.which, ("cc", "gcc", "clang")))
    executor = "c" if has_compiler else "numpy"
    start = f"arignote {arignote.__version__}: device cpu, executor {executor}, "
    assert line.startswith(start)
    assert "mode FAST_RUN" in line
    assert "floatX float64" in line
    assert re.search(r"; dot (found|not found)", line)
    plain.good("%unload_ext arignote")


def test_unload_leaves_nothing_behind(plain):
    plain.good("1")
    before = state(plain.ip)
    plain.good("%load_ext arignote")
    assert state(plain.ip) != before
    plain.good("%unload_ext arignote")
    assert state(plain.ip) == before
    assert before["where"].endswith(":1")
    assert not before["error display"]
    assert "not found" in plain.run("%%graph\nx: fmatrix").stderr
    assert "--view" not in plain.completions("%%graph --")


def test_loading_twice_and_reloading_are_the_same_as_loading(plain):
    before = state(plain.ip)
    plain.good("%load_ext arignote")
    names = {kind: set(table) for kind, table in plain.ip.magics_manager.magics.items()}
    matchers = len(plain.ip.Completer.custom_matchers)
    assert "already loaded" in plain.good("%load_ext arignote").stdout
    arignote.load_ipython_extension(plain.ip)
    for _ in range(2):
        assert plain.good("%reload_ext arignote").stdout.count("\n") == 1
    assert {kind: set(table) for kind, table in plain.ip.magics_manager.magics.items()} == names
    assert len(plain.ip.Completer.custom_matchers) == matchers
    plain.good("%%graph g --no-show\nx: fmatrix\ny = x + 1")
    assert "--view" in plain.completions("%%graph --")
    plain.good("del g, x, y")
    plain.good("%unload_ext arignote")
    assert state(plain.ip) == before


def test_a_magic_of_the_same_name_comes_back(plain):
    def graph(line):
        return "mine"

    plain.ip.register_magic_function(graph, "line")
    plain.good("%load_ext arignote")
    assert plain.run("%graph").stderr.startswith("UsageError")
    plain.good("%unload_ext arignote")
    assert plain.good("%graph").result == "mine"
    del plain.ip.magics_manager.magics["line"]["graph"]


def test_a_magic_that_replaced_ours_stays(plain):
    def graph(line):
        return "later"

    plain.good("%load_ext arignote")
    plain.ip.register_magic_function(graph, "line")
    plain.good("%unload_ext arignote")
    assert plain.good("%graph").result == "later"
    del plain.ip.magics_manager.magics["line"]["graph"]


def test_unloading_what_is_not_loaded_does_nothing(plain):
    before = state(plain.ip)
    arignote.unload_ipython_extension(plain.ip)
    assert state(plain.ip) == before


def test_objects_outlive_the_extension(plain):
    plain.good("%load_ext arignote")
    plain.good("%%graph g --no-show\nx: fvector\ny = x + 1")
    plain.good("%unload_ext arignote")
    assert plain.good("g.compile('y')([1]).tolist()").result == [2.0]
    assert isinstance(plain.run("g.z").error, errors.ArignoteError)
    plain.good("del g, x, y")


@pytest.mark.parametrize("mode", ["Plain", "Context", "Verbose", "Minimal"])
def test_every_traceback_mode_works(shell, mode):
    before = shell.ip.InteractiveTB.mode
    shell.good(f"%xmode {mode}")
    outcome = shell.run("%%graph g\nx: fmatrix\ny = 1 / 0")
    shell.good(f"%xmode {before}")
    assert "ZeroDivisionError" in outcome.stdout
    assert "run_cell_magic" not in outcome.stdout
