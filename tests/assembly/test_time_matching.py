"""
The matching of intervals with those around them is the largest one, by an independent search.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from droidscope.assembly.time_matching import TOLERANCE_NS, Interval, encloses, match_enclosing

GROUPS = "ab"


def largest(inner, outer):
    """
    How many pairs the largest matching has, by augmenting paths; each of *inner* and *outer* has a group.
    """
    taken = {}

    def find(number, seen):
        group, each = inner[number]
        for at, (other_group, around) in enumerate(outer):
            if at in seen or other_group != group or not encloses(around, each):
                continue
            seen.add(at)
            if at not in taken or find(taken[at], seen):
                taken[at] = number
                return True
        return False

    return sum(find(number, set()) for number in range(len(inner)))


intervals = st.lists(
    st.tuples(st.sampled_from(GROUPS), st.integers(0, 12), st.integers(0, 12)).map(
        lambda drawn: (drawn[0], min(drawn[1:]) * TOLERANCE_NS, max(drawn[1:]) * TOLERANCE_NS)
    ),
    max_size=8,
)


@given(intervals, intervals, st.randoms(use_true_random=False))
def test_as_many_as_possible_have_one_whatever_the_order(inside, around, random):
    """
    Each pair is one around the other in one group, and none is taken twice.
    """
    inner = [(group, Interval(start, end, at)) for at, (group, start, end) in enumerate(inside)]
    outer = [(group, Interval(start, end, at)) for at, (group, start, end) in enumerate(around)]
    groups = {each.number: [group] for group, each in inner}

    found = match_enclosing([each for _, each in inner], outer, groups)
    assert len(found) == largest(inner, outer) == len(set(found.values()))
    assert all(outer[at][0] == inner[number][0] for number, at in found.items())
    assert all(encloses(outer[at][1], inner[number][1]) for number, at in found.items())
    shuffled = [random.sample(each, len(each)) for each in ([each for _, each in inner], outer)]
    assert match_enclosing(*shuffled, groups) == found
