"""Places on a line that keep their distances and make weighted lengths short: network simplex.

Source
------
E. Gansner, E. Koutsofios, S. North, K.-P. Vo, "A technique for drawing directed graphs", IEEE
Transactions on Software Engineering 19 (1993), section 4.2.
"""

from collections.abc import Sequence
from heapq import heappop, heappush

import numpy as np

# (left, right, least distance, weight of the length)
Constraint = tuple[int, int, float, float]


def shorten_lengths(
    places: Sequence[float], constraints: Sequence[Constraint], steps: int
) -> np.ndarray:
    """Places that minimise the sum of weight * (right - left), distances kept.

    Parameters
    ----------
    places : sequence of float
        Where to begin; all distances must be kept there, and constraints must connect all places.
    constraints : sequence of (left, right, distance, weight)
    steps : int
        The most exchanges to make; every step leaves places that keep the distances.

    Returns
    -------
    numpy.ndarray
        float, one place for each given.
    """
    x, tree = _tight_tree(places, constraints)
    tails = np.array([left for left, _, _, _ in constraints])
    heads = np.array([right for _, right, _, _ in constraints])
    lengths = np.array([distance for _, _, distance, _ in constraints])
    pull = np.zeros(len(places))  # what the sum grows by when one place moves right
    for left, right, _, weight in constraints:
        pull[right] += weight
        pull[left] -= weight
    for _ in range(steps):
        order, size, above = _walk(len(places), tree, constraints)
        sums = pull[order].cumsum()
        before = sums - pull[order]
        total = np.empty(len(places))
        ends = np.arange(len(places)) + size
        total[order] = sums[ends - 1] - before
        worst = _worst(total, above, heads)
        if worst is None:
            break
        child = worst[1]
        start = int(np.flatnonzero(order == child)[0])
        inside = np.zeros(len(places), bool)
        inside[order[start : start + size[start]]] = True
        if heads[worst[0]] != child:
            inside = ~inside
        back = np.flatnonzero(inside[tails] & ~inside[heads])
        if not len(back):
            break
        slack = x[heads[back]] - x[tails[back]] - lengths[back]
        best = int(np.argmin(slack))
        x[inside] += max(slack[best], 0.0)
        tree.remove(worst[0])
        tree.append(int(back[best]))
    return x


def _tight_tree(
    places: Sequence[float], constraints: Sequence[Constraint]
) -> tuple[np.ndarray, list[int]]:
    """Places moved until constraints without slack connect them all; these constraints."""
    near: list[list[int]] = [[] for _ in places]
    for number, (left, right, _, _) in enumerate(constraints):
        near[left].append(number)
        near[right].append(number)
    x = np.array(places, float)
    joined = bytearray(len(places))
    rightward: list[tuple[float, int]] = []
    leftward: list[tuple[float, int]] = []
    tree: list[int] = []
    shift = 0.0  # of all places that are not joined yet
    place = 0
    while True:
        joined[place] = 1
        x[place] += shift
        for number in near[place]:
            left, right, distance, _ = constraints[number]
            if not joined[right]:
                heappush(rightward, (x[right] - x[left] - distance, number))
            elif not joined[left]:
                heappush(leftward, (x[right] - x[left] - distance, number))
        while rightward and joined[constraints[rightward[0][1]][1]]:
            heappop(rightward)
        while leftward and joined[constraints[leftward[0][1]][0]]:
            heappop(leftward)
        if not rightward and not leftward:
            return x, tree
        if not leftward or (rightward and rightward[0][0] + shift <= leftward[0][0] - shift):
            slack, number = heappop(rightward)
            shift = -slack
            place = constraints[number][1]
        else:
            slack, number = heappop(leftward)
            shift = slack
            place = constraints[number][0]
        tree.append(number)


def _walk(
    count: int, tree: Sequence[int], constraints: Sequence[Constraint]
) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int]]]:
    """Places in preorder, the sizes of their subtrees (in that order), tree edges with children."""
    near: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for number in tree:
        left, right, _, _ = constraints[number]
        near[left].append((right, number))
        near[right].append((left, number))
    order: list[int] = []
    parents: list[int] = []
    above: list[tuple[int, int]] = []
    spot = [-1] * count
    stack = [(0, -1, -1)]
    while stack:
        place, parent, edge = stack.pop()
        spot[place] = len(order)
        order.append(place)
        parents.append(parent)
        if edge >= 0:
            above.append((edge, place))
        for other, number in near[place]:
            if number != edge:
                stack.append((other, spot[place], number))
    size = [1] * len(order)
    for number in range(len(order) - 1, 0, -1):
        size[parents[number]] += size[number]
    return np.array(order), np.array(size), above


def _worst(
    total: np.ndarray, above: Sequence[tuple[int, int]], heads: np.ndarray
) -> tuple[int, int] | None:
    """The tree edge (and its lower end) whose lengthening shortens the sum most, if any."""
    edges = np.array([edge for edge, _ in above], int)
    children = np.array([child for _, child in above], int)
    if not len(edges):
        return None
    value = np.where(heads[edges] == children, total[children], -total[children])
    best = int(np.argmin(value))
    return (int(edges[best]), int(children[best])) if value[best] < -1e-9 else None
