"""
How things and numbers are said.
"""

from __future__ import annotations

import pytest

from droidscope.insights.formatting import counted, duration, named, percent


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("pattern", "bug-fix", "pattern bug-fix"),
        ("Phase", "phase-1-design", "phase-1-design"),
        ("Phase", "phaser", "Phase phaser"),
        ("droid", "", "droid (none)"),
    ],
)
def test_a_name_that_says_what_it_is_needs_no_more(kind, name, said):
    """
    Neither "Phase phase-1" nor nothing at all.
    """
    assert named(kind, name) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.0001, "0 s"), (45, "45 s"), (119.9, "120 s"), (750, "12.5 min"), (7560, "2.1 h"), (1e7, "2778 h")],
)
def test_durations_are_said_in_their_largest_unit(seconds, said):
    """
    Three digits are enough, and no number is written with an exponent.
    """
    assert duration(seconds) == said


def test_one_of_a_thing_is_not_many():
    """
    Also where the plural is irregular.
    """
    assert [counted(1, "query", "queries"), counted(2, "query", "queries"), counted(0, "run")] == [
        "1 query",
        "2 queries",
        "0 runs",
    ]
    assert percent(0.425) == "42.5 %"
