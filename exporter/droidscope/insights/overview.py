"""
The overview of a window: rankings of droids and patterns, communication, issues and what to change.

It is the specification's PerformanceInsights.

Definition: docs/kpis.md#rankings-and-insights
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from droidscope.conventions.attributes import Outcome
from droidscope.facts.fact_totals import Totals, sketch_by, sum_by
from droidscope.facts.facts import MessagesSent, QualityIssues
from droidscope.facts.sketched_facts import SessionDurations
from droidscope.insights import forecasts
from droidscope.insights.analysis_window import AnalysisWindow
from droidscope.insights.forecasts import ForecastKpi, Trend, trend_of
from droidscope.insights.insight_types import Recommendation
from droidscope.kpi import communication
from droidscope.kpi.durations import mean_response_ns
from droidscope.kpi.efficiency import droid_efficiency, orchestrator_efficiency
from droidscope.kpi.message_totals import QueryTotals, is_sent
from droidscope.kpi.rankings import (
    Outcomes,
    Rank,
    Standing,
    fastest_completions,
    has_collaboration_issue,
    needs_improvement,
    problematic_patterns,
    rank_droids,
    rank_patterns,
)
from droidscope.kpi.statistics import median_of_counts
from droidscope.kpi.totals import DroidTotals, PatternTotals, WindowTotals
from droidscope.kpi.trends import Direction
from droidscope.model.examples import ExampleKind, ExampleSession
from droidscope.units import SECOND_NS

LISTED: Final = 10
"""
Entries of each list, at most.
"""


class Ranked(Struct, frozen=True):
    """
    A droid or pattern in a ranking, the value it is ranked by, and the number of samples.
    """

    name: str
    value: float
    samples: int


class EfficiencyInsights(Struct, frozen=True):
    """
    The efficiency score over the window, and its trend, which is stable if *insufficient_data*.
    """

    score: float | None
    samples: int
    trend: Direction
    insufficient_data: bool
    recommendations: list[str]


class DroidInsights(Struct, frozen=True):
    """
    Droids by efficiency score, those that need improvement, and those with collaboration issues.
    """

    top_performers: list[Ranked]
    needs_improvement: list[str]
    collaboration_issues: list[str]


class PatternInsights(Struct, frozen=True):
    """
    Patterns by the lower bound of their success rate, and those whose upper bound is below the target.
    """

    efficient_patterns: list[Ranked]
    problematic_patterns: list[Ranked]
    optimization_suggestions: list[str]


class QualityInsights(Struct, frozen=True):
    """
    The medians of each score by bucket, oldest first.
    """

    code_quality_trend: list[float]
    test_coverage_trend: list[float]
    security_score_trend: list[float]


class Communication(Struct, frozen=True):
    """
    The messages between droids in the window; *average_response_time_seconds* is over the answers.
    """

    total_messages: int
    messages_by_type: dict[str, int]
    messages_by_droid: dict[str, int]
    average_response_time_seconds: float | None
    success_ratio: float | None
    conflict_ratio: float | None
    communication_efficiency_ratio: float | None
    wait_ratio: float | None


class Completion(Struct, frozen=True):
    """
    A session that completed fast: *relative_duration* is 1 for the median of its pattern.
    """

    session_id: str
    trace_id: str
    pattern: str
    duration_seconds: float
    relative_duration: float


class Issue(Struct, frozen=True):
    """
    A rule of quality reports, and how many of its issues were reported.
    """

    rule: str
    count: int


class Insights(Struct, frozen=True):
    """
    The overview of one orchestrator and window.
    """

    efficiency: EfficiencyInsights
    droid_performance: DroidInsights
    pattern_optimization: PatternInsights
    quality_metrics: QualityInsights
    communication: Communication
    fastest_completions: list[Completion]
    common_issues: list[Issue]


def insights(
    window: AnalysisWindow, recommendations: Sequence[Recommendation], trends: Sequence[Trend]
) -> Insights:
    """
    The overview of a window.

    Args:
        window: The window.
        recommendations: Those of the window, the highest impact first.
        trends: Those of the orchestrator.

    Definition: docs/kpis.md#rankings-and-insights
    """
    totals = window.subjects
    return Insights(
        efficiency=_efficiency(totals, recommendations, trend_of(forecasts.EFFICIENCY, trends)),
        droid_performance=_droids(totals.droids),
        pattern_optimization=_patterns(totals.patterns, recommendations),
        quality_metrics=_quality(trends),
        communication=communication_of(window.minutes, totals),
        fastest_completions=_completions(window),
        common_issues=[Issue(rule, n) for rule, n in issues(window.minutes).most_common(LISTED)],
    )


def communication_of(minutes: Totals, totals: WindowTotals) -> Communication:
    """
    The communication of a window.

    Args:
        minutes: The window's totals kept by the minute.
        totals: The same by subject.

    Definition: docs/kpis.md#communication-per-orchestrator
    """
    traffic, messages = totals.orchestrator.traffic, minutes.of(MessagesSent)
    queries = [droid.queries for droid in totals.droids.values()]
    answers = QueryTotals(
        query_ns=sum(of_droid.query_ns for of_droid in queries),
        queries_timed=sum(of_droid.queries_timed for of_droid in queries),
    )
    mean_ns = mean_response_ns(answers)
    return Communication(
        total_messages=traffic.messages,
        messages_by_type=_present(sum_by(messages, lambda key: key.message_type, where=is_sent)),
        messages_by_droid=_present(sum_by(messages, lambda key: key.sender, where=is_sent)),
        average_response_time_seconds=None if mean_ns is None else mean_ns / SECOND_NS,
        success_ratio=communication.success_ratio(traffic),
        conflict_ratio=communication.conflict_ratio(traffic),
        communication_efficiency_ratio=communication.efficiency_ratio(traffic),
        wait_ratio=communication.wait_ratio(traffic),
    )


def _present(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: n for name, n in counts.items() if n}


def issues(minutes: Totals) -> Counter[str]:
    """
    How many issues of each rule were reported in a window.

    Definition: docs/kpis.md#rankings-and-insights
    """
    by_rule = sum_by(minutes.of(QualityIssues), lambda key: key.rule)
    return Counter({rule: n for rule, n in by_rule.items() if n > 0})


def _efficiency(
    totals: WindowTotals, recommendations: Sequence[Recommendation], trend: Trend | None
) -> EfficiencyInsights:
    return EfficiencyInsights(
        score=orchestrator_efficiency(totals.orchestrator).score,
        samples=totals.orchestrator.work.tasks_ended,
        trend=trend.analysis.direction if trend else Direction.STABLE,
        insufficient_data=trend.analysis.insufficient_data if trend else True,
        recommendations=[recommendation.description for recommendation in recommendations[:LISTED]],
    )


def _droids(droids: Mapping[str, DroidTotals]) -> DroidInsights:
    standings = {
        droid: Standing(
            droid_efficiency(totals).score, Outcomes(totals.work.tasks_completed, totals.work.tasks_ended)
        )
        for droid, totals in droids.items()
    }
    with_issues = [
        droid
        for droid, totals in droids.items()
        if has_collaboration_issue(
            communication.collaboration_score(totals),
            totals.queries.queries_unanswered,
            median_of_counts(totals.session_messages),
        )
    ]
    return DroidInsights(
        top_performers=[_ranked(rank) for rank in rank_droids(standings)[:LISTED]],
        needs_improvement=needs_improvement(standings)[:LISTED],
        collaboration_issues=sorted(with_issues)[:LISTED],
    )


def _patterns(
    patterns: Mapping[str, PatternTotals], recommendations: Sequence[Recommendation]
) -> PatternInsights:
    outcomes = {
        pattern: Outcomes(totals.sessions.sessions_completed, totals.sessions.sessions_ended)
        for pattern, totals in patterns.items()
    }
    suggestions = [
        step
        for recommendation in recommendations
        if recommendation.pattern is not None
        for step in recommendation.recommendations
    ]
    return PatternInsights(
        efficient_patterns=[_ranked(rank) for rank in rank_patterns(outcomes)[:LISTED]],
        problematic_patterns=[_ranked(rank) for rank in problematic_patterns(outcomes)[:LISTED]],
        optimization_suggestions=suggestions[:LISTED],
    )


def _quality(trends: Sequence[Trend]) -> QualityInsights:
    def medians(kpi: ForecastKpi) -> list[float]:
        trend = trend_of(kpi, trends)
        return trend.values if trend else []

    return QualityInsights(
        code_quality_trend=medians(forecasts.CODE_QUALITY),
        test_coverage_trend=medians(forecasts.TEST_COVERAGE),
        security_score_trend=medians(forecasts.SECURITY),
    )


def _ranked(rank: Rank) -> Ranked:
    return Ranked(rank.subject, rank.value, rank.n)


def _completions(window: AnalysisWindow) -> list[Completion]:
    sketches = sketch_by(
        window.hours.of(SessionDurations),
        lambda key: key.pattern,
        where=lambda key: key.outcome == Outcome.COMPLETED,
    )
    medians = {pattern: sketch.quantile(0.5) for pattern, sketch in sketches.items()}
    examples = {
        example.session: (pattern, example, median_ns)
        for pattern, median_ns in medians.items()
        if median_ns
        for example in window.examples(ExampleKind.FASTEST, (pattern,))
    }
    # The weight of a fast session is its negative duration.
    ranks = fastest_completions(
        {
            session: (round(-example.weight), median_ns)
            for session, (_, example, median_ns) in examples.items()
        }
    )
    return [_completion(rank, *examples[rank.subject][:2]) for rank in ranks[:LISTED]]


def _completion(rank: Rank, pattern: str, example: ExampleSession) -> Completion:
    return Completion(
        session_id=rank.subject,
        trace_id=example.trace_id,
        pattern=pattern,
        duration_seconds=-example.weight / SECOND_NS,
        relative_duration=rank.value,
    )
