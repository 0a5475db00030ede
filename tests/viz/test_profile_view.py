"""Pages and pictures of profiles; oracles: the report's own sums, and an XML parser."""

from __future__ import annotations

import json
import re
import shutil
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from arignote import config, errors, function, grad, profiling, shared, viz
from arignote import tensor as T
from arignote.compile.memory import Holding, MemoryPlan, Role
from arignote.viz.profiles.memory_chart import memory_data, memory_svg
from arignote.viz.profiles.view import ProfileView, heats_of, icicle

LINKERS = ["numpy"] + ["c"] * any(map(shutil.which, ("cc", "gcc", "clang")))


def report_of(linker="numpy", layers=2, name="train"):
    x = T.dmatrix("x")
    ws = [shared(np.full((20, 20), 0.01), f"w{n}") for n in range(layers)]
    h = x
    for w in ws:
        h = T.tanh(h @ w)
    loss = T.square(h).sum()
    with config.change(linker=linker), profiling() as report:
        updates = {w: w - 0.1 * g for w, g in zip(ws, grad(loss, ws), strict=True)}
        train = function([x], loss, updates=updates, name=name)
        for _ in range(5):
            train(np.ones((30, 20)))
    return report, train


@pytest.fixture(scope="module", params=LINKERS)
def report(request):
    return report_of(request.param)[0]


def test_the_output_of_a_cell(report):
    bundle = report._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert sum(len(text.encode()) for text in bundle.values()) < 200_000
    assert bundle["text/plain"] == str(report)
    assert "sandbox=" in bundle["text/html"]
    # Where scripts do not run the picture is seen.
    assert "data:image/svg+xml;base64," in bundle["text/html"]


def test_tables_and_icicle_sum_up_to_the_block(report):
    data = ProfileView(report).data
    json.dumps(data, allow_nan=False)
    for rows in data["tables"].values():
        assert sum(row["ns"] for row in rows) == pytest.approx(report.wall, rel=0.05)
    root = icicle(report)
    assert root["ns"] == report.whole

    def check(branch):
        inner = sum(child["ns"] for child in branch.get("children", []))
        if branch.get("children"):
            assert inner == pytest.approx(branch["ns"], rel=0.01, abs=50)
        for child in branch.get("children", []):
            check(child)

    check(root)


def test_heat_of_a_graph_sums_up_to_its_steps():
    report, train = report_of()
    graph = viz.view(train)
    time, near, _ = heats_of(report, train, graph)
    steps = sum(record.nanoseconds for record in report.profiles[train].steps)
    assert sum(x for x in time.of if x is not None) * 5e3 == pytest.approx(steps, rel=0.01)
    assert len(near.of) == len(graph.nodes)
    shown = ProfileView(report).data["graphs"]
    assert [one["name"] for one in shown] == ["train"]
    assert [heat["name"] for heat in shown[0]["document"]["heats"]] == ["time", "of peak", "GB/s"]


def test_a_large_profile_leaves_out_what_does_not_fit():
    report, _ = report_of(layers=60)
    forms = ProfileView(report).forms("text")
    assert len(forms["text/html"]) < 200_000


@pytest.mark.parametrize("suffix", [".html", ".json", ".svg"])
def test_files(report, tmp_path, suffix):
    path = viz.profile(report).save(tmp_path / f"profile{suffix}")
    text = path.read_text()
    if suffix == ".json":
        assert json.loads(text)["calls"] == report.calls
    elif suffix == ".svg":
        assert ET.fromstring(text).tag.endswith("svg")
    else:
        assert text.startswith("<!doctype html>")
        assert not re.search(r"(?:src|href)=.?https?:", text)


def test_ways_that_are_not_there(report, tmp_path):
    with pytest.raises(errors.GraphError, match="table, icicle"):
        viz.profile(report, view="tree")
    with pytest.raises(errors.InputError, match="by is one of"):
        viz.profile(report, by="place")
    with pytest.raises(errors.GraphError, match=r"(?s)no theme .blue.*light"):
        viz.profile(report, theme="blue")
    with pytest.raises(
        errors.GraphError, match=r"(?s)not a Function.*with profiling\(\) as report"
    ):
        viz.profile(function([], T.constant(1.0)))
    with pytest.raises(errors.GraphError, match=r"\.html"):
        viz.profile(report).save(tmp_path / "profile.pdf")


def test_names_with_signs_of_html_are_text():
    report, _ = report_of(name="<script>alert(1)</script>")
    picture = viz.profile(report).picture
    assert ET.fromstring(picture) is not None
    assert "<script>" not in picture


# ---- memory -------------------------------------------------------------------------------------

PLAN = MemoryPlan(
    "f <C>",
    ("one", "two", "three & more"),
    (
        Holding("x", Role.INPUT, 10, 0, 2),
        Holding("a<b", Role.INTERMEDIATE, 100, 0, 1),
        Holding("b", Role.OUTPUT, 50, 1, 2),
    ),
)


def test_the_chart_is_as_high_as_what_is_alive():
    root = ET.fromstring(memory_svg(PLAN))
    paths = {
        path.get("class"): path.get("d")
        for path in root.iter("{http://www.w3.org/2000/svg}path")
        if (path.get("class") or "").startswith("r-")
    }
    assert set(paths) == {"r-input", "r-output", "r-intermediate"}
    heights = {
        name: [float(y) for y in re.findall(r"(?:V|M[\d.]+ )([\d.]+)", path)]
        for name, path in paths.items()
    }
    every = [y for found in heights.values() for y in found]
    # The highest point is the peak, the lowest nothing; 10 of 160 is a 16th of that.
    low, high = max(every), min(every)
    assert low - min(heights["r-input"]) == pytest.approx((low - high) / 16, abs=0.2)
    assert low - min(heights["r-output"]) == pytest.approx((low - high) * 60 / 160, abs=0.2)


def test_charts_are_equal_for_equal_plans_and_small():
    assert memory_svg(PLAN) == memory_svg(PLAN)
    _, train = report_of(layers=40)
    assert len(memory_svg(train.memory((30, 20))).encode()) < 30_000


def test_small_arrays_beyond_the_limit_are_one(monkeypatch):
    monkeypatch.setattr("arignote.viz.profiles.memory_chart.MAX_HOLDINGS", 1)
    data = memory_data(PLAN)
    assert [holding[0] for holding in data["holdings"]] == ["a<b"]
    assert data["more"] == [10, 60, 60]
    assert data["peak"] == 160
