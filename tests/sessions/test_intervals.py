"""
Disjoint intervals: what queries cover of a phase, however many they are.
"""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from droidscope.sessions.session_state import add_interval, covered_ns

edges = st.integers(0, 30)
intervals = st.lists(st.tuples(edges, edges).map(sorted))


@given(intervals, st.tuples(edges, edges).map(sorted))
def test_the_covered_part_is_that_of_the_union(added, within):
    """
    Counted point by point it is the same, whatever overlaps, touches or has no length.
    """
    joined = []
    for low, high in added:
        add_interval(joined, low, high)

    points = {point for low, high in added for point in range(low, high)}
    assert covered_ns(joined, tuple(within)) == len(points & set(range(*within)))


@given(intervals)
def test_they_stay_disjoint_and_in_order(added):
    """
    Between any two of them is a gap, so overlapping ones take no more room than one.
    """
    joined = []
    for low, high in added:
        add_interval(joined, low, high)

    assert all(first[1] < second[0] for first, second in pairwise(joined))


@given(intervals, st.tuples(edges, edges).map(sorted))
def test_what_was_not_covered_before_is_told(added, more):
    """
    Point by point: what is new of an interval, in disjoint intervals in order.
    """
    joined = []
    for low, high in added:
        add_interval(joined, low, high)

    fresh = add_interval(joined, *more)

    before = {point for low, high in added for point in range(low, high)}
    assert [point for low, high in fresh for point in range(low, high)] == sorted(set(range(*more)) - before)
