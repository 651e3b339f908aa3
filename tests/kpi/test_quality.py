"""
Means and spread of scores, against the scores themselves.
"""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from droidscope.conventions import metrics
from droidscope.kpi.quality import consistency_ratio, mean_score
from droidscope.kpi.totals import DroidTotals, PatternTotals, ScoreTotals, by_subject
from kpi.full_history import Expected
from kpi.history import DROIDS, PATTERNS, histories, mean, of

IN_FULL = {
    metrics.DROID_CODE_QUALITY_SCORE: Expected(90, 4),
    metrics.DROID_TEST_COVERAGE_SCORE: Expected(80, 4),
    metrics.DROID_SECURITY_SCORE: Expected(70, 4),
    metrics.DROID_QUALITY_CONSISTENCY_RATIO: Expected(1, 4),
    metrics.PATTERN_CODE_QUALITY_SCORE: Expected(90, 4),
}


def scores(*points):
    """
    The sums of these scores of 0..100.
    """
    micro = [round(point * 1_000_000) for point in points]
    return ScoreTotals(len(micro), sum(micro), sum(value**2 for value in micro))


@given(histories)
def test_mean_scores_of_droids_and_patterns(history):
    """
    Each mean is over the scores given; an output without a score is not a 0.
    """
    facts = by_subject(history.totals())

    for droid in DROIDS:
        found, tasks = facts.droids.get(droid, DroidTotals()), of(history.tasks, droid=droid)
        for score in ("code_quality", "test_coverage", "security"):
            given_points = [getattr(task, score) for task in tasks if getattr(task, score) is not None]
            assert mean_score(getattr(found, score)) == pytest.approx(mean(given_points))
    for pattern in PATTERNS:
        found, tasks = facts.patterns.get(pattern, PatternTotals()), of(history.tasks, pattern=pattern)
        given_points = [task.code_quality for task in tasks if task.code_quality is not None]
        assert mean_score(found.code_quality) == pytest.approx(mean(given_points))


@given(st.lists(st.floats(0, 100), min_size=3, max_size=20))
def test_consistency_is_one_less_the_spread(points):
    """
    1 - population SD / 50, within 0 and 1.
    """
    consistency = consistency_ratio(scores(*points))

    assert consistency == pytest.approx(1 - statistics.pstdev(points) / 50, abs=1e-6)
    assert 0 <= consistency <= 1


def test_consistency_needs_three_scores():
    """
    Two scores say nothing about spread; three equal ones say 1.
    """
    assert consistency_ratio(scores(80, 80)) is None
    assert consistency_ratio(scores(80, 80, 80)) == 1


@given(st.integers(2, 500))
def test_the_widest_spread_has_no_consistency(half):
    """
    Half 0, half 100 make exactly 0.
    """
    assert consistency_ratio(scores(*[0] * half, *[100] * half)) == 0


@given(st.lists(st.floats(0, 100), min_size=1, max_size=20))
def test_a_mean_is_a_score(points):
    """
    A mean lies within 0 and 100.
    """
    assert 0 <= mean_score(scores(*points)) <= 100


def test_the_worked_example():
    """
    The documented session ended with 92 of 100: one score is its own mean.
    """
    assert mean_score(scores(92)) == 92
