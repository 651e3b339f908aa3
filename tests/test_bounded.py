"""
Tests of the bounded mapping.
"""

from __future__ import annotations

from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from droidscope.bounded import BoundedMap


@given(st.integers(1, 5), st.lists(st.tuples(st.integers(0, 9), st.integers())))
def test_the_entries_set_last_are_kept(limit, items):
    """
    What is kept are the last *limit* distinct keys set, oldest first, each with its last value.
    """
    kept = BoundedMap(limit, items)

    newest = list(OrderedDict.fromkeys(key for key, _ in reversed(items)))[:limit]
    assert list(kept.items()) == [(key, dict(items)[key]) for key in reversed(newest)]


def test_what_was_dropped_is_returned():
    """
    The oldest entry, or None while there is room.
    """
    kept = BoundedMap(1)

    assert kept.put("a", 1) is None
    assert kept.put("a", 2) is None
    assert kept.put("b", 3) == ("a", 2)


def test_reading_keeps_the_order():
    """
    To be read does not make an entry newer.
    """
    kept = BoundedMap(2, [("a", 1), ("b", 2)])

    assert kept["a"] == 1
    assert kept.put("c", 3) == ("a", 1)


def test_a_replaced_value_grows_no_newer():
    """
    It keeps its turn; there must be an entry to replace.
    """
    kept = BoundedMap(2, [("a", 1), ("b", 2)])

    kept.replace("a", 3)

    assert list(kept.items()) == [("a", 3), ("b", 2)]
    with pytest.raises(KeyError):
        kept.replace("c", 4)


def test_a_copy_has_the_same_limit():
    """
    What is set in it changes only the copy.
    """
    kept = BoundedMap(2, [("a", 1), ("b", 2)])

    copied = kept.copy()
    copied["c"] = 3

    assert list(copied.items()) == [("b", 2), ("c", 3)]
    assert list(kept.items()) == [("a", 1), ("b", 2)]
