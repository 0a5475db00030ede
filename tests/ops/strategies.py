"""Random index tuples in every mixture that NumPy allows, for an array of `SHAPE`."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

SHAPE = (3, 2, 4)


def _slices(size: int) -> st.SearchStrategy[slice]:
    bound = st.none() | st.integers(-size - 2, size + 2)
    return st.builds(slice, bound, bound, st.none() | st.sampled_from([-3, -2, -1, 1, 2, 3]))


def _entries(axis: int) -> st.SearchStrategy[tuple[int, Any]]:
    """An index entry for an axis, with the number of axes that it takes."""
    size = SHAPE[axis]
    numbers = st.integers(-size, size - 1)
    choices = [
        st.tuples(st.just(1), numbers),
        st.tuples(st.just(1), _slices(size)),
        st.tuples(st.just(1), st.lists(numbers, min_size=2, max_size=2).map(np.array)),
        st.tuples(st.just(1), numbers.map(lambda n: np.array([[n], [0], [n]]))),
        st.tuples(st.just(1), _masks((size,))),
        st.just((0, None)),
    ]
    if axis + 1 < len(SHAPE):
        choices.append(st.tuples(st.just(2), _masks(SHAPE[axis : axis + 2])))
    return st.one_of(choices)


def _masks(shape: tuple[int, ...]) -> st.SearchStrategy[np.ndarray]:
    """Boolean arrays with two elements set, so that they broadcast with two positions."""
    count = int(np.prod(shape))
    pairs = st.lists(st.integers(0, count - 1), min_size=2, max_size=2, unique=True)
    return pairs.map(lambda chosen: np.isin(np.arange(count), chosen).reshape(shape))


@st.composite
def indices(draw: st.DrawFn) -> tuple:
    """An index tuple for an array of `SHAPE`."""
    entries, axis = [], 0
    while axis < len(SHAPE) and draw(st.integers(0, 4)):
        width, entry = draw(_entries(axis))
        entries.append(entry)
        axis += width
    if draw(st.booleans()):
        entries.append(...)
        if axis < len(SHAPE) and draw(st.booleans()):
            entries.append(draw(st.integers(-SHAPE[-1], SHAPE[-1] - 1)))
    return tuple(entries)
