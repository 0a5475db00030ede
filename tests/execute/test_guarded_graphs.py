"""Random graphs with a guard: the same results, and what is said of NaN and Inf is true.

Oracle: every node of the graph that ran is computed by its own `perform`, one after the other.
"""

import numpy as np
import pytest

from arignote import config, function
from arignote.compile import get_mode
from arignote.compile.link import executor_name
from arignote.execute.finding import Source, Trouble
from arignote.ops.elemwise import Elemwise
from execute.random_graphs import agree, calls, random_graph

LINKERS = [
    pytest.param(
        "c", marks=pytest.mark.skipif(executor_name(get_mode()) != "c", reason="no C compiler")
    ),
    "numpy",
]


def made(graph, linker, nan):
    with config.change(linker=linker, async_compile="off"):
        return function(graph.inputs, graph.outputs, on_unused_input="ignore", nan=nan)


def all_values(graph, inputs):
    """The value of each variable."""
    values = dict(zip(graph.inputs, inputs, strict=True))
    values.update((x, x.data) for x in graph.constants)
    with np.errstate(all="ignore"):
        for node in graph.order:
            found = node.op.perform(*[values[x] for x in node.inputs])
            values.update(zip(node.outputs, found, strict=True))
    return values


def is_float(value):
    return np.asarray(value).dtype.kind in "fc"


def check(finding, inputs, where):
    """What a finding says holds of the values of its graph."""
    values = all_values(finding.graph, inputs)
    value = np.asarray(values[finding.output])
    if finding.source is Source.GIVEN:
        assert finding.output in finding.graph.inputs, where
        assert np.isnan(value[finding.index]), where
        return
    assert finding.source is Source.BORN, where
    test = np.isnan if finding.trouble is Trouble.NAN else np.isinf
    assert test(value[finding.index]), where
    if isinstance(finding.node.op, Elemwise):
        for x in finding.node.inputs:
            given = np.broadcast_to(values[x], value.shape)[finding.index]
            if is_float(given):
                assert not np.isnan(given), where
                assert finding.trouble is Trouble.NAN or not np.isinf(given), where
    elif finding.trouble is Trouble.NAN and len(finding.node.inputs) == 1:
        given = values[finding.node.inputs[0]]
        assert not is_float(given) or not np.isnan(given).all() or not given.size, where


@pytest.mark.parametrize("linker", LINKERS)
@pytest.mark.parametrize("seeds", [range(n, n + 10) for n in range(0, 60, 10)], ids=str)
def test_what_is_said_of_random_graphs_is_true(linker, seeds):
    for seed in seeds:
        graph = random_graph(seed, 9)
        plain, guarded = made(graph, linker, "off"), made(graph, linker, "record")
        for name, shapes, special in calls(graph, seed):
            values, where = graph.values(shapes, seed, special), f"graph {seed}, {name}"
            try:
                wanted = plain(*values)
            except (ValueError, IndexError):
                continue
            for _ in range(2):
                guarded._alarm.records.clear()
                for number, (a, b) in enumerate(zip(guarded(*values), wanted, strict=True)):
                    agree(a, b, graph, f"{where}, output {number}")
                for finding in guarded.nan_records:
                    check(finding, values, f"{where}: {finding}")
                floats = [x for x in wanted if is_float(x)]
                is_nan = any(np.isnan(x).any() for x in floats)
                is_inf = any(np.isinf(x).any() for x in floats) and not special
                assert guarded.nan_records or not (is_nan or is_inf), where
