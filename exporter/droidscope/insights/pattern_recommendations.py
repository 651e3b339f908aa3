"""
Recommendations for patterns with a low success rate, from the phases and reasons at which they fail.

Definition: docs/kpis.md#recommendations
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from droidscope.conventions import metrics
from droidscope.conventions.insight_kinds import (
    REVIEW_FAILURE_POINTS,
    WATCH_FAILURE_POINTS,
    RecommendationRule,
)
from droidscope.conventions.thresholds import SUCCESS_TARGET
from droidscope.facts.fact_totals import Totals
from droidscope.facts.facts import Failures
from droidscope.formatting import counted, named, percent
from droidscope.insights.analysis_window import AnalysisWindow
from droidscope.insights.insight_types import Improvement, Recommendation, SessionRef
from droidscope.kpi.improvement import Urgency, failure_point_improvement, pattern_impact, pattern_urgency
from droidscope.kpi.patterns import FailurePoint, failure_points
from droidscope.model.examples import ExampleKind

POINTS_SHOWN: Final = 3
"""
Failure points that a recommendation names, at most.
"""


def pattern_recommendations(window: AnalysisWindow) -> Iterator[Recommendation]:
    """
    One for each pattern whose success rate is below the target.

    Definition: docs/kpis.md#recommendations
    """
    patterns = window.subjects.patterns
    all_sessions = sum(totals.sessions.sessions_ended for totals in patterns.values())
    failures = _failures(window.minutes)
    for pattern, totals in patterns.items():
        completed, n = totals.sessions.sessions_completed, totals.sessions.sessions_ended
        urgency = pattern_urgency(completed, n)
        if urgency is None:
            continue
        rule = REVIEW_FAILURE_POINTS if urgency is Urgency.REVIEW else WATCH_FAILURE_POINTS
        points = failure_points(failures[pattern])
        success = completed / n
        yield Recommendation(
            kind=rule.kind,
            rule=rule.id,
            orchestrator=window.orchestrator,
            window=window.name,
            subject=pattern,
            description=(
                f"{named('Pattern', pattern)} has a low success rate: {percent(success)} of "
                f"{counted(n, 'session')}; the target is {percent(SUCCESS_TARGET)}."
            ),
            recommendations=_steps(rule, points),
            impact_score=pattern_impact(completed, n, all_sessions) or 0.0,
            value=success,
            baseline=SUCCESS_TARGET,
            unit="ratio",
            n=n,
            expected_improvement=_improvement(points, success),
            pattern=pattern,
            sessions=_failed_sessions(window, pattern, points),
        )


def _failures(minutes: Totals) -> defaultdict[str, dict[tuple[str, str], int]]:
    """
    The number of failures by phase and reason, of each pattern.
    """
    failures: defaultdict[str, dict[tuple[str, str], int]] = defaultdict(dict)
    for key, n in minutes.of(Failures).items():
        if n > 0:
            failures[key.pattern][key.phase, key.reason] = n
    return failures


def _steps(rule: RecommendationRule, points: Sequence[FailurePoint]) -> list[str]:
    shown = ", ".join(
        f"{_phase_text(point)}: {point.reason} ({percent(point.share)})" for point in points[:POINTS_SHOWN]
    )
    target = next((named("phase", point.phase) for point in points if point.phase), "its last phase")
    return [step.format(points=shown or "none is known yet", target=target) for step in rule.steps]


def _phase_text(point: FailurePoint) -> str:
    return point.phase or "the session itself"


def _improvement(points: Sequence[FailurePoint], success: float) -> Improvement | None:
    """
    What fixing the top failure point gains; None with too few failures.
    """
    if not points:
        return None
    top = points[0]
    gain = failure_point_improvement(top.failures, round(top.failures / top.share))
    if gain is None:
        return None
    failed = 1 - success
    return Improvement(
        metric=metrics.SESSION_SUCCESS_RATIO.short_name,
        estimate=gain.share * failed,
        low=gain.low * failed,
        high=gain.high * failed,
        text=(
            f"Fixing {_phase_text(top)}: {top.reason} removes at most {percent(gain.share)} of the "
            f"failures ({percent(gain.low)} to {percent(gain.high)}): "
            f"up to {percent(gain.share * failed)} more of all sessions succeed."
        ),
    )


def _failed_sessions(
    window: AnalysisWindow, pattern: str, points: Sequence[FailurePoint]
) -> list[SessionRef]:
    """
    The example sessions of the most frequent failure point that has any.
    """
    for point in points:
        examples = window.example_sessions(ExampleKind.FAILURE, pattern, point.phase, point.reason)
        if examples:
            return examples
    return []
