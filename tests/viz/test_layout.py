"""The layered layout. Oracles: geometry checked point by point, SciPy's linear programs."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression, linprog

from arignote.viz.layout.layered import ROUTED_NODES, layout
from arignote.viz.layout.layers import assign_rows, make_layered, order_and_back_edges
from arignote.viz.layout.ordering import _first_order, count_crossings, order_rows
from arignote.viz.layout.placement import nearest_rising
from arignote.viz.layout.simplex import shorten_lengths
from counting import calls


@st.composite
def dags(draw, max_nodes: int = 24):
    """Sizes and edges of a random graph without cycles."""
    count = draw(st.integers(1, max_nodes))
    pair = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    edges = [(min(p), max(p)) for p in draw(st.lists(pair, max_size=3 * count)) if p[0] != p[1]]
    sizes = draw(
        st.lists(
            st.tuples(st.integers(20, 160), st.integers(16, 50)), min_size=count, max_size=count
        )
    )
    return sizes, edges


def random_dag(count: int, seed: int = 0):
    """A deep graph: most nodes use one of the last few and one from anywhere."""
    draw = random.Random(seed)
    edges = []
    for node in range(1, count):
        edges.append((max(0, node - draw.randint(1, 4)), node))
        if draw.random() < 0.5:
            edges.append((draw.randrange(node), node))
    return [(90, 34)] * count, edges


def overlapping(boxes):
    return [
        (a, b)
        for a, first in enumerate(boxes)
        for b, second in enumerate(boxes[:a])
        if abs(first.x - second.x) < (first.width + second.width) / 2 - 1e-6
        and abs(first.y - second.y) < (first.height + second.height) / 2 - 1e-6
    ]


def curve_points(path):
    """Points on an edge as it is drawn: cubics with vertical ends."""
    for (x0, y0), (x1, y1) in pairwise(path):
        for t in np.linspace(0, 1, 15):
            s = 1 - t
            middle = (y0 + y1) / 2
            yield (
                s**3 * x0 + 3 * s * s * t * x0 + 3 * s * t * t * x1 + t**3 * x1,
                s**3 * y0 + 3 * s * s * t * middle + 3 * s * t * t * middle + t**3 * y1,
            )


def check_drawing(sizes, edges):
    drawn = layout(sizes, edges)
    assert overlapping(drawn.boxes) == []
    for box, (width, height) in zip(drawn.boxes, sizes, strict=True):
        assert (box.width, box.height) == (width, height)
        assert box.x - width / 2 >= -1e-6
        assert box.x + width / 2 <= drawn.width + 1e-6
        assert box.y - height / 2 >= -1e-6
        assert box.y + height / 2 <= drawn.height + 1e-6
    for (start, end), path in zip(edges, drawn.paths, strict=True):
        source, target = drawn.boxes[start], drawn.boxes[end]
        assert path[0] == pytest.approx((source.x, source.y + source.height / 2))
        assert path[-1][1] == pytest.approx(target.y - target.height / 2)
        assert abs(path[-1][0] - target.x) <= target.width / 2
        assert path[0][1] < path[-1][1]
        assert all(a[1] <= b[1] + 1e-6 for a, b in pairwise(path))
    return drawn


@given(dags())
def test_boxes_do_not_overlap_and_edges_go_down(graph):
    check_drawing(*graph)


@given(dags())
def test_edges_pass_beside_boxes(graph):
    sizes, edges = graph
    drawn = layout(sizes, edges)
    for edge, path in zip(edges, drawn.paths, strict=True):
        for x, y in curve_points(path):
            for number, box in enumerate(drawn.boxes):
                if number not in edge:
                    inside = (
                        abs(x - box.x) < box.width / 2 - 1 and abs(y - box.y) < box.height / 2 - 1
                    )
                    assert not inside, (edge, number)


def test_an_edge_leaves_its_row_before_it_turns():
    sizes = [(30, 16), (60, 200), (60, 200), (30, 16), (30, 16)]
    edges = [(0, 3), (1, 4), (2, 4), (0, 4)]
    drawn = check_drawing(sizes, edges)
    row_end = drawn.boxes[1].y + 100
    for (start, _), path in zip(edges, drawn.paths, strict=True):
        turns = [y for (x, y), (below, _) in pairwise(path) if x != below]
        assert all(y >= row_end - 1e-6 for y in turns), start


@given(dags())
def test_the_same_graph_is_drawn_the_same(graph):
    assert layout(*graph) == layout(*graph)


@pytest.mark.parametrize("count", [60, ROUTED_NODES, ROUTED_NODES + 1, 700])
def test_larger_graphs(count: int):
    check_drawing(*random_dag(count))


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20))
def test_loops_and_cycles_are_tolerated(edges):
    drawn = layout([(50, 20)] * 8, edges)
    assert overlapping(drawn.boxes) == []
    assert len(drawn.paths) == len(edges)
    for (start, end), path in zip(edges, drawn.paths, strict=True):
        assert (len(path) == 0) == (start == end)


def test_nothing_and_one_node():
    assert layout([], []).boxes == ()
    assert layout([(40, 20)], []).width == 40


def test_a_chain_is_straight():
    sizes = [(40 + 10 * (n % 3), 20) for n in range(12)]
    drawn = layout(sizes, [(n, n + 1) for n in range(11)])
    assert len({round(box.x, 6) for box in drawn.boxes}) == 1
    assert all(len({x for x, _ in path}) == 1 for path in drawn.paths)


def test_two_arguments_stand_left_to_right_and_the_user_between():
    first, second, user = layout([(60, 20)] * 3, [(0, 2), (1, 2)]).boxes
    assert first.x < user.x < second.x
    assert user.x == pytest.approx((first.x + second.x) / 2)


def test_edges_leave_where_they_are_told_to():
    drawn = layout([(90, 20), (40, 20), (40, 20)], [(0, 1), (0, 2)], [-0.25, 0.25])
    left, right = (path[0][0] for path in drawn.paths)
    assert (left, right) == pytest.approx((drawn.boxes[0].x - 22.5, drawn.boxes[0].x + 22.5))


def test_a_tree_has_no_crossings():
    edges = [(child, (child - 1) // 2) for child in range(1, 31)]
    graph = make_layered(31, edges, stand_ins=True)
    order_rows(graph)
    assert count_crossings(graph) == 0


# ---- the parts ----------------------------------------------------------------------------------


@given(dags())
def test_crossings_are_counted(graph):
    sizes, edges = graph
    layered = make_layered(len(sizes), edges, stand_ins=True)
    place = {v: n for row in layered.rows for n, v in enumerate(row)}
    expected = 0
    for row in layered.rows:
        pairs = [(place[v], place[u]) for v in row for u in layered.down[v]]
        expected += sum(
            (a - c) * (b - d) < 0 for n, (a, b) in enumerate(pairs) for c, d in pairs[:n]
        )
    assert count_crossings(layered) == expected


@given(dags())
def test_sweeps_add_no_crossings(graph):
    sizes, edges = graph
    layered = make_layered(len(sizes), edges, stand_ins=True)
    members = [sorted(row) for row in layered.rows]
    _first_order(layered)
    first = count_crossings(layered)
    order_rows(layered)
    assert [sorted(row) for row in layered.rows] == members
    assert count_crossings(layered) <= first


def test_sweeps_take_crossings_away():
    layered = make_layered(40, random_dag(40, seed=3)[1], stand_ins=True)
    _first_order(layered)
    first = count_crossings(layered)
    order_rows(layered)
    assert count_crossings(layered) < 0.8 * first


@given(dags())
def test_rows_make_edges_short(graph):
    """Oracle: HiGHS, by its minimum of the total length."""
    sizes, edges = graph
    count = len(sizes)
    order, back = order_and_back_edges(count, edges)
    assert back == set()
    rows = assign_rows(count, edges, order)
    assert all(rows[end] - rows[start] >= 1 for start, end in edges)
    if not edges:
        return
    cost, matrix = np.zeros(count), np.zeros((len(edges), count))
    for number, (start, end) in enumerate(edges):
        cost[end] += 1
        cost[start] -= 1
        matrix[number, start], matrix[number, end] = 1, -1
    best = linprog(cost, A_ub=matrix, b_ub=-np.ones(len(edges)), bounds=(0, None))
    assert sum(rows[end] - rows[start] for start, end in edges) == pytest.approx(best.fun)


@given(st.integers(2, 12), st.randoms(use_true_random=False))
def test_network_simplex_finds_the_minimum(count: int, draw):
    """Oracle: HiGHS."""
    places = sorted(draw.uniform(0, 100) for _ in range(count))
    constraints = [(n, n + 1, 0.0, draw.choice([0.0, 1.0])) for n in range(count - 1)]
    for _ in range(2 * count):
        left, right = sorted(draw.sample(range(count), 2))
        reach = places[right] - places[left]
        constraints.append((left, right, reach * draw.random(), float(draw.randint(0, 5))))
    found = shorten_lengths(places, constraints, 1000)
    cost, matrix, least = np.zeros(count), np.zeros((len(constraints), count)), []
    for number, (left, right, distance, weight) in enumerate(constraints):
        cost[right] += weight
        cost[left] -= weight
        matrix[number, left], matrix[number, right] = 1, -1
        least.append(-distance)
        assert found[right] - found[left] >= distance - 1e-6
    best = linprog(cost, A_ub=matrix, b_ub=least, bounds=(0, None))
    assert cost @ found == pytest.approx(best.fun, abs=1e-6)


@given(st.lists(st.floats(-100, 100), max_size=30))
def test_nearest_rising(values):
    """Oracle: SciPy's isotonic regression."""
    found = nearest_rising(values)
    if values:
        np.testing.assert_allclose(found, isotonic_regression(values).x, atol=1e-9)


def test_work_for_twice_the_nodes():
    small, large = random_dag(1000), random_dag(2000)
    assert calls(lambda: layout(*large)) < 2.3 * calls(lambda: layout(*small))


def test_a_chain_of_20000():
    count = 20_000
    drawn = layout([(50, 20)] * count, [(n, n + 1) for n in range(count - 1)])
    assert len({round(box.x, 3) for box in drawn.boxes}) == 1
