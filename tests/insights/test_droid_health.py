"""
The status of a droid.
"""

from __future__ import annotations

import pytest

from droidscope.insights.droid_health import droid_status
from droidscope.kpi.totals import DroidTotals, ScoreTotals, TaskTotals
from droidscope.units import MICRO


@pytest.mark.parametrize(
    ("work", "status"),
    [
        (TaskTotals(tasks_completed=9, tasks_failed=1, attempts_succeeded=9, attempts_failed=3), "healthy"),
        (TaskTotals(tasks_completed=9, tasks_failed=1, attempts_succeeded=9, attempts_failed=4), "degraded"),
    ],
)
def test_more_than_a_quarter_of_failed_attempts_degrades(work, status):
    """
    25 % is still healthy, more is not.
    """
    assert droid_status(DroidTotals(work), 0) == status


@pytest.mark.parametrize(("points", "status"), [(0, "degraded"), (90, "healthy")])
def test_a_low_efficiency_score_degrades(points, status):
    """
    With half of its tasks completed, the quality of its code decides on which side of 60 it is.
    """
    facts = DroidTotals(
        TaskTotals(tasks_completed=5, tasks_failed=5, attempts_succeeded=8, attempts_failed=2),
        code_quality=ScoreTotals(1, points * MICRO, (points * MICRO) ** 2),
    )

    assert droid_status(facts, 0) == status


@pytest.mark.parametrize(("in_flight", "status"), [(0, "offline"), (1, "healthy")])
def test_nothing_for_a_day_is_offline_unless_it_is_at_work(in_flight, status):
    """
    A droid in the middle of its first attempt in a day is there.
    """
    assert droid_status(None, in_flight) == status


def test_a_droid_that_was_only_asked_is_healthy():
    """
    No score and no ratio: nothing speaks against it.
    """
    assert droid_status(DroidTotals(), 0) == "healthy"
