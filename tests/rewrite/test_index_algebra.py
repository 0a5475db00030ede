"""Indices of indices are one index. NumPy is the oracle, over negative numbers, steps and sizes."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from arignote import function
from arignote import tensor as T
from arignote.compile import get_mode
from arignote.ops.indexing import At, IndexPattern, NewAxis, Range
from arignote.rewrite.rules.indexing import as_slice, compose, merged

BOUND = st.none() | st.integers(-7, 7)
RANGES = st.builds(Range, BOUND, BOUND, st.none() | st.sampled_from([-3, -2, -1, 1, 2, 3]))
AXIS_ENTRIES = RANGES | st.builds(At, st.integers(-7, 7))
ENTRIES = AXIS_ENTRIES | st.just(NewAxis())


def read(x, entries):
    """What NumPy gives, or IndexError."""
    try:
        return x[IndexPattern(tuple(entries)).bind([])]
    except IndexError:
        return IndexError


@given(RANGES, AXIS_ENTRIES, st.integers(0, 6), st.booleans())
def test_two_entries_are_one(first, second, size, known):
    """For a known size the one entry serves that size; for an unknown size it serves any."""
    one = compose(first, second, size if known else None)
    for n in [size] if known else range(8):
        x = np.arange(n)
        expected = read(read(x, [first]), [second])
        if one is None:
            assert not known or expected is IndexError
        elif expected is IndexError:
            assert read(x, [one]) is IndexError
        else:
            np.testing.assert_array_equal(read(x, [one]), expected)


@given(st.integers(0, 8), RANGES)
def test_positions_are_a_slice_again(size, entry):
    chosen = range(size)[IndexPattern((entry,)).bind([])[0]]
    np.testing.assert_array_equal(read(np.arange(size), [as_slice(chosen)]), list(chosen))


@given(
    st.lists(ENTRIES, max_size=4), st.lists(ENTRIES, max_size=5),
    st.lists(st.integers(0, 4), min_size=3, max_size=3), st.booleans(),
)  # fmt: skip
def test_two_indices_are_one(first, second, shape, known):
    assume(sum(entry != NewAxis() for entry in first) <= len(shape))
    x = np.arange(np.prod(shape)).reshape(shape)
    inner = read(x, first)
    expected = IndexError if inner is IndexError else read(inner, second)
    one = merged(first, second, shape if known else [None] * 3)
    if one is not None and inner is not IndexError and expected is not IndexError:
        got = read(x, one)
        assert got.shape == expected.shape
        np.testing.assert_array_equal(got, expected)
    elif one is not None:
        assert read(x, one) is IndexError


@given(st.lists(ENTRIES, max_size=3), st.lists(AXIS_ENTRIES, max_size=2), st.booleans())
def test_reads_of_reads_of_expressions(first, second, known):
    """Through the compiler: elementwise ops, transposes, joins and reads, as NumPy does it."""
    x = T.tensor("float64", (3, 4) if known else (None, None), "x")
    value = np.arange(12.0).reshape(3, 4)
    outer, inner = (IndexPattern(tuple(e)).bind([]) for e in (second, first))
    made = np.concatenate([value.T * 2, np.ones((2, 3))])
    try:
        expected = made[inner][outer]
    except IndexError:
        return
    try:
        y = T.concatenate([x.T * 2, T.constant(np.ones((2, 3)))])[inner][outer]
    except IndexError:
        pytest.fail("NumPy takes this index")
    f = function([x], y, on_unused_input="ignore")
    assert f(value).shape == expected.shape
    np.testing.assert_array_equal(f(value), expected)


def test_positions_out_of_range_are_still_errors_at_the_users_line():
    x = T.dmatrix("x")
    line = x[1:][::2][3]
    f = function([x], line, mode=get_mode("FAST_RUN"))
    assert [str(node.op) for node in f.fgraph.order] == ["Subtensor{7}"]
    with pytest.raises(IndexError, match="test_index_algebra"):
        f(np.ones((7, 2)))
