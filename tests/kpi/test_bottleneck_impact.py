"""
What is slow, and what that costs.
"""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from droidscope.kpi.bottleneck_impact import (
    Baseline,
    ComparedTasks,
    droid_lost_ns,
    droid_slowness,
    duration_impact,
    excess_percent,
    integration_impact,
    is_communication_slow,
    is_integration_weak,
    is_slow_droid,
    phase_excess,
)

MINUTE_NS = 60_000_000_000
SECOND_NS = 1_000_000_000

baselines = Baseline(median_ns=10 * MINUTE_NS, p90_ns=14 * MINUTE_NS, n=5)
work_times = st.builds(
    ComparedTasks, st.integers(0, 10**13), st.integers(0, 10**13).map(float), st.integers(1, 3)
)


def excess(minutes, trailing=baselines, planned=None, *, on_critical_path=True):
    """
    The excess of a phase of so many minutes.
    """
    planned_ns = None if planned is None else planned * MINUTE_NS
    return phase_excess(minutes * MINUTE_NS, trailing, planned_ns, on_critical_path=on_critical_path)


def test_a_phase_of_twice_the_median():
    """
    20 minutes instead of 10: 100 % over it, and 10 minutes lost.
    """
    assert excess(20) == (10 * MINUTE_NS, 100, 10 * MINUTE_NS)


def test_off_the_critical_path_nothing_is_lost():
    """
    The phase is as slow, but nobody waited for it.
    """
    assert excess(20, on_critical_path=False) == (10 * MINUTE_NS, 100, 0)


@pytest.mark.parametrize(
    ("minutes", "trailing", "planned", "is_slow"),
    [
        (15, baselines, None, False),
        (16, baselines, None, True),
        (16, baselines._replace(p90_ns=16 * MINUTE_NS), None, False),
        (17, baselines._replace(p90_ns=16 * MINUTE_NS), None, True),
        (16, baselines, 60, True),
        (99, baselines._replace(n=4), None, False),
        (15, baselines._replace(n=4), 10, False),
        (16, baselines._replace(n=4), 10, True),
        (16, None, 10, True),
        (16, None, None, False),
        (16, None, 0, False),
        (16, baselines._replace(median_ns=0, p90_ns=0), None, False),
    ],
)
def test_when_a_phase_is_slow(minutes, trailing, planned, is_slow):
    """
    Over 1.5 x the median and over p90; the plan only where fewer than 5 came before.
    """
    assert (excess(minutes, trailing, planned) is not None) is is_slow


@given(st.integers(0, 10**13), st.integers(1, 10**13))
def test_the_percentage_of_the_specification(duration_ns, baseline_ns):
    """
    (d / baseline - 1) x 100, from -100 for no time at all.
    """
    percent = excess_percent(duration_ns, baseline_ns)

    assert percent == pytest.approx((duration_ns - baseline_ns) / baseline_ns * 100)
    assert percent >= -100


@given(st.lists(work_times, max_size=12))
def test_slowness_is_a_median_of_ratios(tasks):
    """
    Over the tasks that have a median to compare with, from 5 of them.
    """
    relative = [task.time_ns / task.median_ns for task in tasks if task.median_ns > 0 for _ in range(task.n)]
    slowness = droid_slowness(tasks)

    assert slowness == (statistics.median(relative) if len(relative) >= 5 else None)
    assert is_slow_droid(slowness) == (slowness is not None and slowness > 1.5)


def test_at_one_and_a_half_a_droid_is_not_slow():
    """
    Above it is.
    """
    assert not is_slow_droid(droid_slowness([ComparedTasks(15, 10.0)] * 5))
    assert is_slow_droid(droid_slowness([ComparedTasks(16, 10.0)] * 5))
    assert is_slow_droid(droid_slowness([ComparedTasks(16, 10.0, n=5)]))
    assert not is_slow_droid(droid_slowness([ComparedTasks(16, 10.0)] * 4))


def test_a_droid_loses_only_what_others_waited_for():
    """
    Of three tasks, each 30 against 10: one held its session throughout, one for 12, one never.
    """
    held = [ComparedTasks(time, 10.0) for time in (30, 12, 0)]

    assert droid_lost_ns(held) == 20 + 2 + 0
    assert droid_lost_ns([ComparedTasks(30, 10.0, n=3)]) == 60


@pytest.mark.parametrize(
    ("wait", "mean_response_ns", "unanswered", "expected"),
    [
        (None, None, 0, False),
        (0.2, 300.0 * SECOND_NS, 0, False),
        (0.21, None, 0, True),
        (None, 300.1 * SECOND_NS, 0, True),
        (0.0, 1.0, 1, True),
    ],
    ids=["nothing known", "at the limits", "waiting", "slow", "unanswered"],
)
def test_when_communication_is_slow(wait, mean_response_ns, unanswered, expected):
    """
    Any of the three is enough, at the limit none is.
    """
    assert is_communication_slow(wait, mean_response_ns, unanswered) is expected


@pytest.mark.parametrize(
    ("integrated", "syntheses", "is_weak", "impact"),
    [(0, 0, False, None), (3, 4, False, 25), (4, 5, True, 20), (17, 20, False, 15), (0, 5, True, 100)],
)
def test_integration(integrated, syntheses, is_weak, impact):
    """
    Weak below 0.85 from 5 syntheses; its impact is the share that was not integrated.
    """
    assert is_integration_weak(integrated, syntheses) is is_weak
    assert integration_impact(integrated, syntheses) == impact


@given(st.floats(0, 1e15), st.integers(1, 10**15))
def test_impact_is_a_share_of_session_time(lost_ns, sessions_ns):
    """
    From 0 to 100, however much is said to be lost.
    """
    assert duration_impact(lost_ns, sessions_ns) == pytest.approx(min(100, 100 * lost_ns / sessions_ns))


def test_without_sessions_there_is_no_impact():
    """
    Absent, not zero.
    """
    assert duration_impact(0, 0) is None
