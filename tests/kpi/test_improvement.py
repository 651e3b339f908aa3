"""
When to advise, and what it may gain.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from droidscope.kpi.improvement import (
    Urgency,
    failure_point_improvement,
    pattern_impact,
    pattern_urgency,
    reassignment_gain,
    reassignment_impact,
    sequencing_impact,
)
from droidscope.kpi.rankings import Outcomes
from droidscope.kpi.statistics import wilson_interval

outcomes = st.integers(1, 60).flatmap(lambda n: st.builds(Outcomes, st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("completed", "n", "urgency"),
    [
        (0, 0, None),
        (0, 4, None),
        (0, 5, Urgency.REVIEW),
        (4, 5, Urgency.WATCH),
        (17, 20, None),
        (16, 20, Urgency.WATCH),
        (161, 200, Urgency.WATCH),
        (160, 200, Urgency.REVIEW),
        (150, 200, Urgency.REVIEW),
        (20, 20, None),
    ],
)
def test_a_pattern_is_reviewed_when_significantly_too_low(completed, n, urgency):
    """
    Watched while only the estimate is below 0.85; with 160 of 200 the upper bound is, too.
    """
    assert pattern_urgency(completed, n) is urgency


def test_the_impact_of_a_pattern_by_hand():
    """
    Half of its sessions complete, 41 % below the target, and it makes a quarter of all sessions.
    """
    assert pattern_impact(10, 20, 80) == pytest.approx(100 * 0.35 / 0.85 / 4)


@pytest.mark.parametrize(("completed", "n", "everything"), [(0, 0, 5), (0, 0, 0)])
def test_without_sessions_a_pattern_has_no_impact(completed, n, everything):
    """
    Absent, not zero.
    """
    assert pattern_impact(completed, n, everything) is None


@given(outcomes, st.integers(0, 100))
def test_a_patterns_impact_is_on_the_scale(sessions, others):
    """
    0 from the target on, at most its share of sessions.
    """
    impact = pattern_impact(*sessions, sessions.n + others)

    assert 0 <= impact <= 100 * sessions.n / (sessions.n + others) + 1e-9
    assert (impact == 0) == (sessions.successes / sessions.n >= 0.85)


def test_what_fixing_a_failure_point_removes_at_most():
    """
    8 of 10 failures: 80 %, somewhere from 49 to 94 %.
    """
    assert failure_point_improvement(8, 10) == pytest.approx((0.8, 0.4901625, 0.9433178), abs=1e-6)


@pytest.mark.parametrize("failures", [0, 1, 9])
def test_few_failures_promise_nothing(failures):
    """
    Under 10 the share says too little.
    """
    assert failure_point_improvement(failures, failures) is None


def test_reassigning_gains_what_is_sure():
    """
    30 of 30 is above 0.886 with 95 % confidence; against 2 of 4 that is 0.386 more.
    """
    gain = reassignment_gain(Outcomes(2, 4), Outcomes(30, 30))

    assert gain == pytest.approx(0.88649 - 0.5, abs=1e-4)
    assert reassignment_impact(gain, 4, 40) == pytest.approx(3.8649, abs=1e-3)


@pytest.mark.parametrize(
    ("current", "other"),
    [
        (Outcomes(0, 2), Outcomes(30, 30)),
        (Outcomes(0, 3), Outcomes(2, 2)),
        (Outcomes(3, 4), Outcomes(4, 4)),
        (Outcomes(0, 3), Outcomes(0, 30)),
        (Outcomes(0, 0), Outcomes(0, 0)),
    ],
    ids=["too few here", "too few there", "not significantly better", "no better", "nothing"],
)
def test_when_nothing_speaks_for_another_droid(current, other):
    """
    It must do better with 95 % confidence, with 3 tasks of each.
    """
    assert reassignment_gain(current, other) is None


@given(outcomes, outcomes)
def test_a_gain_is_never_promised_without_a_better_estimate(current, other):
    """
    It lies within 0 and the difference of the two estimates.
    """
    gain = reassignment_gain(current, other)
    lower, _ = wilson_interval(*other)
    is_significantly_better = lower > current.successes / current.n

    assert (gain is not None) == (is_significantly_better and min(current.n, other.n) >= 3)
    if gain is not None:
        assert 0 < gain <= other.successes / other.n - current.successes / current.n


def test_without_tasks_a_reassignment_has_no_impact():
    """
    Absent, not zero.
    """
    assert reassignment_impact(0.5, 0, 0) is None


@pytest.mark.parametrize(("share", "impact"), [(0.0, None), (0.1, None), (0.25, 25), (1.0, 100)])
def test_sequencing_is_worth_it_above_a_tenth(share, impact):
    """
    Its impact is the share in percent.
    """
    assert sequencing_impact(share) == impact
