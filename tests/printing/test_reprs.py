"""What a prompt shows of things that users meet: short, on one line, in their own terms."""

from __future__ import annotations

import re

import numpy as np

import arignote as ari
from arignote import Out, function, grad, shared
from arignote import tensor as T
from arignote.compile import get_mode
from arignote.viz import view


def trained():
    x, w = T.dmatrix("x"), shared(np.ones((3, 2)), "w")
    loss = (T.tanh(x @ w) ** 2).mean()
    loss.name = "loss"
    return function([x], loss, updates={w: w - 0.1 * grad(loss, w)})


def test_graphs_name_inputs_outputs_and_counts():
    f = trained()
    built, run = f.graph, f.fgraph
    assert repr(built) == f"<FunctionGraph (x) -> [loss]: {len(built.order)} nodes, 1 update>"
    assert repr(run) == f"<FunctionGraph (x) -> [loss]: {len(run.order)} nodes, 1 update>"
    x = T.dvector("x")
    assert repr(function([x], x).graph) == "<FunctionGraph (x) -> [x]: 0 nodes>"
    many = [T.dscalar(f"x{n}") for n in range(20)]
    names = ", ".join(f"x{n}" for n in range(8))
    shown = repr(function(many, sum(many[1:], many[0])).graph)
    assert shown == f"<FunctionGraph ({names}, ...) -> [add.0]: 19 nodes>"


def test_graphs_are_drawn_as_functions_are():
    f = trained()
    forms = f.fgraph._repr_mimebundle_()
    assert forms["text/plain"] == repr(f.fgraph)
    assert forms["image/svg+xml"] == view(f.fgraph).svg
    assert "<iframe" in forms["text/html"]
    assert set(f.graph._repr_mimebundle_(include={"text/plain"})) == {"text/plain"}


def test_every_firing_is_one_line_with_its_rule_and_place():
    f = trained()
    assert f.rewrites
    for firing in f.rewrites:
        shown = repr(firing)
        assert re.fullmatch(rf"<Firing {firing.name}: .+, test_reprs\.py:\d+>", shown), shown


def test_modes_say_what_is_not_as_usual():
    usual = get_mode("FAST_RUN")
    assert repr(usual) == "<Mode linker='auto', optimizer='o3'>"
    other = usual.excluding("fusion", "blas").including("assume")
    lists = "excluded=['blas', 'fusion'], included=['assume']"
    assert repr(other) == f"<Mode linker='auto', optimizer='o3', {lists}>"
    guarded = function([], T.constant(1.0), nan="warn").mode
    assert repr(guarded) == "<Mode linker='auto', optimizer='o3', nan='warn'>"
    monitored = ari.MonitorMode(post_func=lambda *_: None)
    assert repr(monitored).endswith(", monitored>")


def test_outputs_name_their_variables():
    assert repr(Out(T.dvector("x"), borrow=True)) == "Out(x)"
