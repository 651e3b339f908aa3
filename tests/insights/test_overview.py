"""
Insights: lists and numbers of a window against plain lists of what happened.
"""

from __future__ import annotations

import statistics
from collections import Counter

import pytest
from hypothesis import given, settings
from statsmodels.stats.proportion import proportion_confint

from droidscope.facts.fact_totals import Totals
from droidscope.facts.facts import QualityIssues
from droidscope.insights.bottlenecks import bottlenecks
from droidscope.insights.forecasts import Trend
from droidscope.insights.overview import LISTED, communication_of, insights, issues
from droidscope.insights.recommendations import recommendations
from droidscope.kpi.totals import by_subject
from droidscope.kpi.trends import Direction, TrendAnalysis
from droidscope.model.examples import ExampleKind
from insights import windows as k
from insights.windows import Query, Session, Task, example, window_of


def overview(*happened, trends=(), **more):
    window = window_of(*happened, **more)
    return insights(window, recommendations(window, bottlenecks(window)), trends)


def moved(kpi, direction=Direction.IMPROVING, values=(1.0, 2.0)):
    analysis = TrendAnalysis(values[-1], direction, False, 1.0, (0.5, 2.0), 0.01, 0.1, len(values))
    return Trend(kpi, "7d", analysis, [0.0, 1.0], list(values))


@given(k.histories)
@settings(deadline=None)
def test_patterns_are_ranked_by_the_lower_bound_of_success(happened):
    """
    From five sessions: by the lower bound; problematic are those whose upper bound is below 85 %.
    """
    found = overview(*happened).pattern_optimization

    sessions = k.of(happened, Session)
    bounds = {}
    for pattern in {session.pattern for session in sessions}:
        outcomes = [session.failed_at is None for session in sessions if session.pattern == pattern]
        if len(outcomes) >= 5:
            bounds[pattern] = (
                *proportion_confint(sum(outcomes), len(outcomes), method="wilson"),
                len(outcomes),
            )
    assert {each.name: (each.value, each.samples) for each in found.efficient_patterns} == {
        pattern: (pytest.approx(low, abs=1e-6), n) for pattern, (low, _, n) in bounds.items()
    }
    assert {each.name for each in found.problematic_patterns} == {
        pattern for pattern, (_, high, _) in bounds.items() if high < 0.85
    }
    values = [each.value for each in found.efficient_patterns]
    assert values == sorted(values, reverse=True)


@given(k.histories)
@settings(deadline=None)
def test_communication_is_what_was_sent(happened):
    """
    Messages by sender, and the mean over all answers, not the mean of droids' means.
    """
    found = overview(*happened).communication

    sent = Counter()
    for session in k.of(happened, Session):
        sent.update(dict(session.sent))
    answers = [q.waited_ns for q in k.of(happened, Query) if q.outcome in {"answered", "late"}]
    assert found.messages_by_droid == +sent
    assert found.total_messages == sent.total() == sum(found.messages_by_type.values())
    mean = statistics.fmean(answers) / k.SECOND if answers else None
    assert found.average_response_time_seconds == (None if mean is None else pytest.approx(mean))


def test_nothing_known_says_nothing():
    """
    Nulls and empty lists.
    """
    found = overview()

    assert found.efficiency.score is None
    assert (found.efficiency.trend, found.efficiency.insufficient_data) == ("stable", True)
    assert found.droid_performance.top_performers == found.pattern_optimization.efficient_patterns == []
    assert communication_of(Totals({}), by_subject(Totals({}))).success_ratio is None
    assert found.fastest_completions == found.common_issues == []


def test_trends_are_those_of_their_kpis():
    """
    The direction of efficiency, and the medians of the three scores.
    """
    kpis = ("efficiency_score", "code_quality_score", "test_coverage_score", "security_score")
    values = [(1.0, 2.0), (3.0, 4.0), (5.0, 6.0), (7.0, 8.0)]

    found = overview(trends=[moved(kpi, values=of) for kpi, of in zip(kpis, values, strict=True)])

    assert (found.efficiency.trend, found.efficiency.insufficient_data) == ("improving", False)
    quality = found.quality_metrics
    assert (quality.code_quality_trend, quality.test_coverage_trend, quality.security_score_trend) == (
        [3.0, 4.0],
        [5.0, 6.0],
        [7.0, 8.0],
    )


def test_droids_that_take_part_badly_are_named():
    """
    One leaves queries, one sends too much, one fails; the fourth is fine.
    """
    fine = [Task("p", "code", "fine")] * 9
    failing = [Task("p", "code", "failing", outcome="failed")] * 9
    found = overview(
        *fine,
        *failing,
        Query("fine", "answered", 1),
        Query("failing", "answered", 1),
        Query("silent", "unanswered", 5),
        Session("p", 10, None, (("loud", 21), ("fine", 12))),
    ).droid_performance

    assert found.collaboration_issues == ["loud", "silent"]
    assert found.needs_improvement == ["failing"]
    assert [each.name for each in found.top_performers] == ["fine", "failing"]


def test_the_fastest_completions_are_relative_to_their_pattern():
    """
    40 of usually 50 is faster than 9 of usually 10.
    """
    sessions = [Session("slow", ns) for ns in (40, 50, 60)] + [Session("quick", ns) for ns in (9, 10, 11)]
    shown = {
        (ExampleKind.FASTEST, "slow"): [example("s1", -40.0)],
        (ExampleKind.FASTEST, "quick"): [example("s2", -9.0)],
    }

    found = overview(*sessions, examples=shown).fastest_completions

    assert [(each.session_id, each.pattern, each.relative_duration) for each in found] == [
        ("s1", "slow", pytest.approx(0.8)),
        ("s2", "quick", pytest.approx(0.9)),
    ]
    assert found[0].duration_seconds == pytest.approx(40e-9)
    assert found[0].trace_id == "trace of s1"


def test_common_issues_add_up_over_droids():
    """
    The most frequent first; what was taken back is gone.
    """
    minutes = {
        QualityIssues(droid="coder", rule="E501"): 3,
        QualityIssues(droid="tester", rule="E501"): 2,
        QualityIssues(droid="tester", rule="F401"): 4,
        QualityIssues(droid="tester", rule="gone"): -1,
    }

    assert issues(Totals(minutes)).most_common() == [("E501", 5), ("F401", 4)]


def test_lists_are_short():
    """
    Ten entries, however many there are.
    """
    sessions = [Session(f"p{n:02}", 10) for n in range(30) for _ in range(5)]

    found = overview(*sessions).pattern_optimization.efficient_patterns

    assert [each.name for each in found] == [f"p{n:02}" for n in range(LISTED)]
