"""
Insights: who does well, who needs help, and what to change; the specification's PerformanceInsights.

Definition: docs/kpis.md#rankings-and-insights
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from droidscope.conventions.attributes import Outcome
from droidscope.facts.fact_totals import Totals, sketch_by, sum_by
from droidscope.facts.facts import MessagesSent, QualityIssues
from droidscope.facts.sketched_facts import SessionDurations
from droidscope.insights.analysis_window import AnalysisWindow
from droidscope.insights.forecasts import Trend
from droidscope.insights.recommendations import Recommendation
from droidscope.kpi import communication
from droidscope.kpi.durations import mean_response_ns
from droidscope.kpi.efficiency import droid_efficiency, orchestrator_efficiency
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
from droidscope.kpi.totals import DroidTotals, PatternTotals, QueryTotals, WindowTotals
from droidscope.kpi.trends import Direction
from droidscope.model.examples import ExampleKind
from droidscope.units import SECOND_NS

LISTED: Final = 10
"""
Entries of each list, at most.
"""


class Ranked(Struct, frozen=True):
    """
    A droid or pattern in a list, the value that put it there, and the samples behind it.
    """

    name: str
    value: float
    samples: int


class EfficiencyInsights(Struct, frozen=True):
    """
    The efficiency score over the window, and which way it goes: stable where *insufficient_data*.
    """

    score: float | None
    samples: int
    trend: Direction
    insufficient_data: bool
    recommendations: list[str]


class DroidInsights(Struct, frozen=True):
    """
    Droids by efficiency score, those that need improvement, and those that take part badly.
    """

    top_performers: list[Ranked]
    needs_improvement: list[str]
    collaboration_issues: list[str]


class PatternInsights(Struct, frozen=True):
    """
    Patterns by the lower bound of their success, and those whose upper bound is below the target.
    """

    efficient_patterns: list[Ranked]
    problematic_patterns: list[Ranked]
    optimization_suggestions: list[str]


class QualityInsights(Struct, frozen=True):
    """
    The medians of each score, bucket by bucket, oldest first.
    """

    code_quality_trend: list[float]
    test_coverage_trend: list[float]
    security_score_trend: list[float]


class Communication(Struct, frozen=True):
    """
    What droids said to each other in the window; *average_response_time_seconds* is over the answers.
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
    A rule of quality reports, and how many issues of it they gave.
    """

    rule: str
    count: int


class Insights(Struct, frozen=True):
    """
    What an orchestrator's window says.
    """

    efficiency: EfficiencyInsights
    droid_performance: DroidInsights
    pattern_optimization: PatternInsights
    quality_metrics: QualityInsights
    communication: Communication
    fastest_completions: list[Completion]
    common_issues: list[Issue]


def insights(window: AnalysisWindow, advice: Sequence[Recommendation], trends: Iterable[Trend]) -> Insights:
    """
    What a window says.

    Args:
        window: The window.
        advice: Its recommendations, what matters most first.
        trends: Those of the orchestrator.

    Definition: docs/kpis.md#rankings-and-insights
    """
    facts = window.subjects
    by_kpi = {trend.kpi: trend for trend in trends}
    return Insights(
        _efficiency(facts, advice, by_kpi.get("efficiency_score")),
        _droids(facts.droids),
        _patterns(facts.patterns, advice),
        QualityInsights(
            *(
                by_kpi[kpi].values if kpi in by_kpi else []
                for kpi in ("code_quality_score", "test_coverage_score", "security_score")
            )
        ),
        communication_of(window.minutes, facts),
        _completions(window),
        [Issue(*issue) for issue in issues(window.minutes).most_common(LISTED)],
    )


def communication_of(minutes: Totals, facts: WindowTotals) -> Communication:
    """
    The communication of a window.

    Args:
        minutes: The totals of the window.
        facts: The same by subject.

    Definition: docs/kpis.md#communication-per-orchestrator
    """
    traffic, messages = facts.orchestrator.traffic, minutes.of(MessagesSent)
    queries = [droid.queries for droid in facts.droids.values()]
    answers = QueryTotals(
        query_ns=sum(of_droid.query_ns for of_droid in queries),
        queries_timed=sum(of_droid.queries_timed for of_droid in queries),
    )
    mean_ns = mean_response_ns(answers)
    return Communication(
        total_messages=traffic.messages,
        messages_by_type=_present(sum_by(messages, lambda key: key.message_type)),
        messages_by_droid=_present(sum_by(messages, lambda key: key.sender)),
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
    How many issues of each rule the quality reports of a window gave.

    Definition: docs/kpis.md#rankings-and-insights
    """
    by_rule = sum_by(minutes.of(QualityIssues), lambda key: key.rule)
    return Counter({rule: n for rule, n in by_rule.items() if n > 0})


def _efficiency(
    facts: WindowTotals, advice: Sequence[Recommendation], trend: Trend | None
) -> EfficiencyInsights:
    return EfficiencyInsights(
        orchestrator_efficiency(facts.orchestrator).score,
        facts.orchestrator.work.tasks_ended,
        trend.analysis.direction if trend else Direction.STABLE,
        trend.analysis.insufficient_data if trend else True,
        [each.description for each in advice[:LISTED]],
    )


def _droids(droids: Mapping[str, DroidTotals]) -> DroidInsights:
    standings = {
        droid: Standing(
            droid_efficiency(each).score, Outcomes(each.work.tasks_completed, each.work.tasks_ended)
        )
        for droid, each in droids.items()
    }
    return DroidInsights(
        [_ranked(rank) for rank in rank_droids(standings)[:LISTED]],
        needs_improvement(standings)[:LISTED],
        sorted(
            droid
            for droid, each in droids.items()
            if has_collaboration_issue(
                communication.collaboration_score(each),
                each.queries.queries_unanswered,
                median_of_counts(each.session_messages),
            )
        )[:LISTED],
    )


def _patterns(patterns: Mapping[str, PatternTotals], advice: Sequence[Recommendation]) -> PatternInsights:
    ended = {
        pattern: Outcomes(each.sessions.sessions_completed, each.sessions.sessions_ended)
        for pattern, each in patterns.items()
    }
    return PatternInsights(
        [_ranked(rank) for rank in rank_patterns(ended)[:LISTED]],
        [_ranked(rank) for rank in problematic_patterns(ended)[:LISTED]],
        [step for each in advice if each.pattern is not None for step in each.recommendations][:LISTED],
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
    shown = {
        each.session: (pattern, each, median_ns)
        for pattern, median_ns in medians.items()
        if median_ns
        for each in window.examples(ExampleKind.FASTEST, (pattern,))
    }
    ranks = fastest_completions(
        {session: (round(-each.weight), median_ns) for session, (_, each, median_ns) in shown.items()}
    )
    return [
        Completion(
            rank.subject,
            shown[rank.subject][1].trace_id,
            shown[rank.subject][0],
            -shown[rank.subject][1].weight / SECOND_NS,
            rank.value,
        )
        for rank in ranks[:LISTED]
    ]
