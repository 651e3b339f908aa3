"""
How things and numbers are said.
"""

from __future__ import annotations

import pytest

from droidscope.formatting import (
    counted,
    duration,
    exact_duration,
    exact_percent,
    full_duration,
    named,
    number,
    percent,
)


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
    [
        (0.0001, "0s"),
        (12.34, "12.3s"),
        (45, "45s"),
        (59.99, "60s"),
        (60, "1m"),
        (119.9, "1m 59s"),
        (7200, "2h"),
        (7203, "2h"),
        (7560, "2h 6m"),
        (1e7, "115d 17h"),
    ],
)
def test_durations_are_said_in_their_two_largest_units(seconds, said):
    """
    Two are enough, those that are 0 are left out, and no number is written with an exponent.
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
    assert percent(0.425) == "42.5%"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0s"), (0.5, "0.5s"), (300, "5m"), (5400, "1h 30m"), (3661, "1h 1m 1s"), (86_400, "1d")],
)
def test_a_limit_is_said_in_full(seconds, said):
    """
    Every unit that is not 0: a limit is never rounded.
    """
    assert exact_duration(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0s"), (12.345, "12.35s"), (60, "1m 0s"), (7203.9, "2h 0m 3s"), (90_000, "1d 1h 0m 0s")],
)
def test_a_full_duration_is_as_prometheus_writes_it(seconds, said):
    """
    As `humanizeDuration` of its templates.
    """
    assert full_duration(seconds) == said


def test_limits_are_exact_and_measurements_are_rounded():
    """
    No limit is rounded away, and none shows what binary fractions add.
    """
    assert [number(1 - 0.7), number(7200), number(0.25)] == ["0.3", "7200", "0.25"]
    assert [exact_percent(0.99995), percent(1 / 3)] == ["99.995%", "33.33%"]
