"""
Recommendations for communication: fewer messages, shorter waits, faster answers, no unanswered queries.

Definition: docs/kpis.md#recommendations
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from droidscope.conventions.insight_kinds import (
    ANSWER_QUERIES,
    BATCH_MESSAGES,
    SHORTEN_WAITS,
    SPEED_UP_RESPONSES,
    RecommendationRule,
)
from droidscope.conventions.thresholds import MESSAGES_PLATEAU, RESPONSE_LIMIT_SECONDS
from droidscope.formatting import counted, duration, named, percent, rounded
from droidscope.insights.analysis_window import AnalysisWindow
from droidscope.insights.insight_types import Bottleneck, Improvement, Recommendation
from droidscope.kpi.improvement import FAILURES_MINIMUM
from droidscope.kpi.statistics import median_of_counts, wilson_interval
from droidscope.model.examples import ExampleKind


def message_recommendations(window: AnalysisWindow) -> Iterator[Recommendation]:
    """
    One for each droid that sends more messages per session than are useful.

    Definition: docs/kpis.md#recommendations
    """
    _, plateau, _ = MESSAGES_PLATEAU
    droids = window.subjects.droids
    all_messages = sum(totals.mail.sent for totals in droids.values())
    for droid, totals in droids.items():
        median = median_of_counts(totals.session_messages)
        if median is None or median <= plateau or not all_messages:
            continue
        surplus = sum(max(0.0, sent - plateau) * n for sent, n in totals.session_messages.items())
        share = min(1.0, surplus / all_messages)
        n = sum(totals.session_messages.values())
        yield Recommendation(
            kind=BATCH_MESSAGES.kind,
            rule=BATCH_MESSAGES.id,
            orchestrator=window.orchestrator,
            window=window.name,
            subject=droid,
            description=(
                f"{named('Droid', droid)} sends {rounded(median)} messages per session (median of "
                f"{counted(n, 'session')}); more than {rounded(plateau)} are not useful."
            ),
            recommendations=list(BATCH_MESSAGES.steps),
            impact_score=100 * share,
            value=median,
            baseline=plateau,
            unit="messages",
            n=n,
            expected_improvement=Improvement(
                metric="messages_ratio",
                estimate=share,
                low=None,
                high=None,
                text=f"Up to {percent(share)} of all messages are saved.",
            ),
            droid=droid,
            sessions=window.example_sessions(ExampleKind.MESSAGES, droid),
        )


def wait_recommendations(bottlenecks: Iterable[Bottleneck]) -> Iterator[Recommendation]:
    """
    One for each phase that waits too long for answers.

    Definition: docs/kpis.md#recommendations
    """
    for bottleneck in bottlenecks:
        if bottleneck.kind == "communication" and bottleneck.phase is not None:
            share = bottleneck.value
            improvement = Improvement(
                metric="phase_duration_ratio",
                estimate=share,
                low=None,
                high=None,
                text=f"The phase ends up to {percent(share)} earlier.",
            )
            yield _from_bottleneck(SHORTEN_WAITS, bottleneck, improvement)


def responder_recommendations(
    window: AnalysisWindow, bottlenecks: Iterable[Bottleneck]
) -> Iterator[Recommendation]:
    """
    One for each droid that answers too slowly, and one for each that leaves queries unanswered.

    Definition: docs/kpis.md#recommendations
    """
    for bottleneck in bottlenecks:
        if bottleneck.kind != "communication" or bottleneck.droid is None:
            continue
        if bottleneck.unit == "seconds":
            yield _from_bottleneck(SPEED_UP_RESPONSES, bottleneck, _faster_responses(bottleneck.value))
        queries = window.subjects.droids[bottleneck.droid].queries
        unanswered, n = queries.queries_unanswered, queries.queries
        if unanswered:
            silence = msgspec.structs.replace(bottleneck, value=unanswered, baseline=0.0, unit="queries", n=n)
            yield _from_bottleneck(ANSWER_QUERIES, silence, _more_answers(unanswered, n))


def _faster_responses(mean_seconds: float) -> Improvement:
    share = 1 - RESPONSE_LIMIT_SECONDS / mean_seconds
    return Improvement(
        metric="response_time_ratio",
        estimate=share,
        low=None,
        high=None,
        text=(
            f"With answers within {duration(RESPONSE_LIMIT_SECONDS)}, the mean response time falls by "
            f"{percent(share)}."
        ),
    )


def _more_answers(unanswered: int, queries: int) -> Improvement | None:
    interval = wilson_interval(unanswered, queries)
    if interval is None or queries < FAILURES_MINIMUM:
        return None
    low, high = interval
    share = unanswered / queries
    return Improvement(
        metric="queries_answered_ratio",
        estimate=share,
        low=low,
        high=high,
        text=f"Up to {percent(share)} more of its queries are answered ({percent(low)} to {percent(high)}).",
    )


def _from_bottleneck(
    rule: RecommendationRule, bottleneck: Bottleneck, improvement: Improvement | None
) -> Recommendation:
    """
    The recommendation of a rule, with a bottleneck as its evidence.
    """
    return Recommendation(
        kind=rule.kind,
        rule=rule.id,
        orchestrator=bottleneck.orchestrator,
        window=bottleneck.window,
        subject=bottleneck.subject,
        description=bottleneck.description,
        recommendations=list(rule.steps),
        impact_score=bottleneck.impact_score,
        value=bottleneck.value,
        baseline=bottleneck.baseline,
        unit=bottleneck.unit,
        n=bottleneck.n,
        expected_improvement=improvement,
        pattern=bottleneck.pattern,
        phase=bottleneck.phase,
        droid=bottleneck.droid,
        sessions=bottleneck.sessions,
    )
