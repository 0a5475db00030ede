"""Places on a line that keep their distances and make weighted lengths short: network simplex.

Source
------
E. Gansner, E. Koutsofios, S. North, K.-P. Vo, "A technique for drawing directed graphs", IEEE
Transactions on Software Engineering 19 (1993), section 4.2.
"""

from collections.abc import Sequence
from heapq import heappop, heappush

# (left, right, least distance, weight of the length)
Constraint = tuple[int, int, float, float]

# Of so many edges that could leave the tree the best one does.
_SEARCHED = 30


def shorten_lengths(
    places: Sequence[float], constraints: Sequence[Constraint], steps: int
) -> list[float]:
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
    list of float
        One place for each given; only their differences count.
    """
    ends: list[list[int]] = [[] for _ in places]
    for number, (left, right, _, _) in enumerate(constraints):
        ends[left].append(number)
        ends[right].append(number)
    x, numbers = _tight_tree(places, constraints, ends)
    tree = _SpanningTree(numbers, constraints, ends)
    for _ in range(steps):
        child = tree.worst()
        if child is None:
            break
        way = 1 if constraints[tree.edge[child]][1] == child else -1
        moved = tree.below(child)
        within = set(moved)
        best, slack = -1, float("inf")
        for place in moved:
            for number in ends[place]:
                left, right, distance, _ = constraints[number]
                if (right if way > 0 else left) in within:
                    continue
                room = x[right] - x[left] - distance
                if room < slack or (room == slack and number < best):
                    best, slack = number, room
        if best < 0:
            break
        if slack > 0:
            for place in moved:
                x[place] += way * slack
        tree.exchange(child, best, within)
    return x


class _SpanningTree:
    """Constraints that connect all places, as a tree that hangs from place 0.

    `parent` and `edge` are what is above each place, `pull` is what the sum grows by when all
    that is below a place moves right.
    """

    def __init__(
        self,
        numbers: Sequence[int],
        constraints: Sequence[Constraint],
        ends: Sequence[Sequence[int]],
    ) -> None:
        self.constraints = constraints
        self.near: list[set[int]] = [set() for _ in ends]
        for number in numbers:
            left, right, _, _ = constraints[number]
            self.near[left].add(number)
            self.near[right].add(number)
        self.parent = [-1] * len(ends)
        self.edge = [-1] * len(ends)
        self.pull = [0.0] * len(ends)
        for left, right, _, weight in constraints:
            self.pull[right] += weight
            self.pull[left] -= weight
        for place in reversed(self.below(0)[1:]):
            self.pull[self.parent[place]] += self.pull[place]
        self.next = 0  # where the search goes on for an edge that is to leave the tree

    def worst(self) -> int | None:
        """The lower end of an edge of the tree whose lengthening shortens the sum, if any."""
        count = len(self.pull)
        child, least, found = None, -1e-9, 0
        for _ in range(count - 1):
            self.next = self.next + 1 if self.next + 1 < count else 1
            place = self.next
            growth = self.pull[place]
            if self.constraints[self.edge[place]][1] != place:
                growth = -growth
            if growth >= -1e-9:
                continue
            found += 1
            if growth < least:
                child, least = place, growth
            if found == _SEARCHED:
                break
        return child

    def below(self, root: int) -> list[int]:
        """A place and all below it, parents first."""
        found = [root]
        for place in found:
            above = self.edge[place]
            for number in self.near[place]:
                if number == above:
                    continue
                left, right, _, _ = self.constraints[number]
                other = right if left == place else left
                self.parent[other], self.edge[other] = place, number
                found.append(other)
        return found

    def exchange(self, child: int, number: int, within: set[int]) -> None:
        """Hang a child and all below it, `within`, on another constraint."""
        self._hold(self.edge[child], False)
        self._hold(number, True)
        whole = self.pull[child]
        self._add_above(self.parent[child], -whole)
        left, right, _, _ = self.constraints[number]
        place, above = (left, right) if left in within else (right, left)
        self._add_above(above, whole)
        # From there up to the child what was below is above now.
        link, rest = number, 0.0
        while True:
            following, between, before = self.parent[place], self.edge[place], self.pull[place]
            self.parent[place], self.edge[place], self.pull[place] = above, link, whole - rest
            if place == child:
                return
            place, above, link, rest = following, place, between, before

    def _hold(self, number: int, holds: bool) -> None:
        for place in self.constraints[number][:2]:
            (self.near[place].add if holds else self.near[place].discard)(number)

    def _add_above(self, place: int, amount: float) -> None:
        while place >= 0:
            self.pull[place] += amount
            place = self.parent[place]


def _tight_tree(
    places: Sequence[float],
    constraints: Sequence[Constraint],
    ends: Sequence[Sequence[int]],
) -> tuple[list[float], list[int]]:
    """Places moved until constraints without slack connect them all; these constraints."""
    x = [float(place) for place in places]
    joined = bytearray(len(places))
    rightward: list[tuple[float, int]] = []
    leftward: list[tuple[float, int]] = []
    tree: list[int] = []
    shift = 0.0  # of all places that are not joined yet
    place = 0
    while True:
        joined[place] = 1
        x[place] += shift
        for number in ends[place]:
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
