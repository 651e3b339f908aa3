"""
Lengths of time: each unit once, and one grammar of durations for all files of a user.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import droidscope
from droidscope.units import duration_seconds

LENGTHS = re.compile(r"\b(3_?600|86_?400|604_?800)\b")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("15s", 15), ("90m", 5400), ("1.5h", 5400), ("30d", 2_592_000), ("2w", 1_209_600)],
)
def test_durations(text, seconds):
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "m", "5 m", "5m\n", "-5m", "1h30m", "5y", "٣m"])
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match=r"expected a duration, such as 10s, 5m, 2h or 30d"):
        duration_seconds(text)


@pytest.mark.parametrize("text", ["1.5h", "500ms", "2w"])
def test_limits_have_whole_units(text):
    with pytest.raises(ValueError, match=r"expected a duration in whole s, m, h or d, such as 15m"):
        duration_seconds(text, whole=True)


def test_no_module_has_units_of_its_own():
    """
    Lengths of units, as numbers, stand in `units` alone; bounds of buckets and limits are no units.
    """
    modules = Path(droidscope.__file__).parent
    found = {
        str(path.relative_to(modules))
        for path in modules.rglob("*.py")
        if path.relative_to(modules).parts[0] != "conventions" and LENGTHS.search(path.read_text())
    }
    assert not found
