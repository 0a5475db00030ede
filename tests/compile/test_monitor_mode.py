"""Modes that look at calls node by node. Oracle: NumPy, and what Theano's manual shows."""

import numpy as np
import pytest

from arignote import MonitorMode, debugprint, detect_nan, function, shared
from arignote import tensor as T


def test_the_example_of_theanos_manual(capsys):
    """https://theano-pymc.readthedocs.io, debug_faq: how do I step through a compiled function."""

    def detect(fgraph, i, node, fn):
        for output in fn.outputs:
            if not isinstance(output[0], np.random.RandomState) and np.isnan(output[0]).any():
                print("*** NaN detected ***")
                debugprint(node.outputs[0])
                print(f"Inputs : {[cell[0] for cell in fn.inputs]}")
                print(f"Outputs: {[output[0] for output in fn.outputs]}")
                break

    x = T.dscalar("x")
    own, ready = (
        function([x], [T.log(x) * x], mode=MonitorMode(post_func=func))
        for func in (detect, detect_nan)
    )
    own(1)
    assert capsys.readouterr().out == ""
    assert np.isnan(own(0)[0])
    shown = capsys.readouterr().out
    assert shown.startswith("*** NaN detected ***\n")
    assert "log [id B]" in shown
    assert "Inputs : [array(-inf), array(0.)]\nOutputs: [array(nan)]" in shown
    ready(0)
    assert capsys.readouterr().out == shown


def test_hooks_see_each_node_before_and_after():
    seen = []

    def before(fgraph, i, node, fn):
        seen.append(("before", i, str(node.op), [cell[0] for cell in fn.inputs], fn.outputs))

    def after(fgraph, i, node, fn):
        assert node is fgraph.order[i]
        seen.append(("after", i, str(node.op), [cell[0] for cell in fn.inputs], fn.outputs[0][0]))

    x = T.dvector("x")
    f = function([x], T.tanh(T.exp(x)), mode=MonitorMode(before, after, optimizer="o0"))
    value = np.array([0.5, 1.0])
    np.testing.assert_array_equal(f(value), np.tanh(np.exp(value)))
    assert [entry[:3] for entry in seen] == [
        ("before", 0, "exp"),
        ("after", 0, "exp"),
        ("before", 1, "tanh"),
        ("after", 1, "tanh"),
    ]
    assert seen[0][4] == ([None],)
    np.testing.assert_array_equal(seen[1][4], np.exp(value))
    np.testing.assert_array_equal(seen[2][3][0], np.exp(value))
    assert f.linker == "numpy"


def test_hooks_of_older_theano_take_no_graph():
    numbers = []

    def hook(i, node, fn):
        numbers.append((i, float(fn.outputs[0][0])))

    x = T.dscalar("x")
    function([x], T.exp(x), mode=MonitorMode(post_func=hook))(0.0)
    assert numbers == [(0, 1.0)]


def test_what_a_hook_raises_leaves_shared_variables_as_they_were():
    def stop(fgraph, i, node, fn):
        raise KeyboardInterrupt

    x, w = T.dscalar("x"), shared(1.0, "w")
    f = function([x], [], updates={w: w * x}, mode=MonitorMode(pre_func=stop))
    with pytest.raises(KeyboardInterrupt):
        f(2.0)
    assert w.get_value() == 1.0


def test_nan_can_be_looked_for_as_well():
    x, names = T.dscalar("x"), []

    def note(fgraph, i, node, fn):
        names.append(str(node.op))

    f = function([x], T.exp(T.log(x)), mode=MonitorMode(note, optimizer="o0"), nan="record")
    f(-1.0)
    assert names == ["log", "exp"]
    assert [str(found.node.op) for found in f.nan_records] == ["log"]
