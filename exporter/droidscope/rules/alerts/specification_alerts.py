"""
The seven alerts of the specification.

The exporter judges them too, from the same thresholds (`droidscope.insights.alerts`).
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions import metrics, thresholds
from droidscope.conventions.attributes import Outcome, Severity
from droidscope.conventions.matchers import label_matches, outcome_is
from droidscope.formatting import number
from droidscope.limits import sentences
from droidscope.limits.alert_limits import AnyThreshold
from droidscope.limits.sentences import sentence, subject_text
from droidscope.rules.alerts.rule import (
    COUNT,
    DROIDS_BOARD,
    DURATION,
    GAUGE_KEEPS_FIRING,
    ORCHESTRATOR_NAME,
    PATTERNS_BOARD,
    PERCENTAGE,
    POINTS,
    RATIO_KEEPS_FIRING,
    AlertKind,
    AlertRule,
    label_value,
)
from droidscope.rules.promql import Scope, at_least, more_than


def _low_success_rate(limit: AnyThreshold, scope: Scope) -> AlertRule:
    unsuccessful = 1 - limit.limit
    recent = thresholds.RECENT_FAILURE_WINDOW
    return AlertRule(
        threshold=limit,
        board=PATTERNS_BOARD,
        expr=(
            f"{scope.unsuccessful(limit.by, limit.window)}\n"
            f"/ ({scope.judged(metrics.SESSIONS, limit.by, limit.window)} {at_least(limit.minimum)})\n"
            f"> {number(unsuccessful)}\n"
            f"and {scope.unsuccessful(limit.by, recent)} {at_least(1)}"
        ),
        summary="Session success rate is low.",
        description=_description(sentences.LOW_SUCCESS_RATE, limit, PERCENTAGE),
        keep_firing_for=RATIO_KEEPS_FIRING,
    )


def _long_duration(limit: AnyThreshold, scope: Scope) -> AlertRule:
    return AlertRule(
        threshold=limit,
        board=PATTERNS_BOARD,
        expr=(
            f"sum by ({', '.join(limit.by)}) ({scope.select(metrics.SESSIONS_OVER_LIMIT)}) > 0\n"
            f"or {scope.increase(metrics.SESSIONS_ENDED_OVER_LIMIT, limit.by, limit.window)} {at_least(1)}"
        ),
        summary="Sessions take too long.",
        description=_description(sentences.LONG_DURATION, limit, COUNT),
        keep_firing_for=GAUGE_KEEPS_FIRING,
    )


def _high_error_rate(limit: AnyThreshold, scope: Scope) -> AlertRule:
    failed = scope.increase(metrics.ATTEMPTS, limit.by, limit.window, outcome_is(Outcome.FAILED))
    return AlertRule(
        threshold=limit,
        board=DROIDS_BOARD,
        expr=(
            f"{failed}\n"
            f"/ ({scope.judged(metrics.ATTEMPTS, limit.by, limit.window)} {at_least(limit.minimum)})\n"
            f"> {number(limit.limit)}"
        ),
        summary="Droid error rate is high.",
        description=_description(sentences.HIGH_ERROR_RATE, limit, PERCENTAGE),
        keep_firing_for=RATIO_KEEPS_FIRING,
    )


def _low_code_quality(limit: AnyThreshold, scope: Scope) -> AlertRule:
    scores = scope.increase(metrics.CODE_QUALITY, limit.by, limit.window, part="count")
    return AlertRule(
        threshold=limit,
        board=DROIDS_BOARD,
        expr=(
            f"{scope.increase(metrics.CODE_QUALITY, limit.by, limit.window, part='sum')}\n"
            f"/ ({scores} {at_least(limit.minimum)})\n"
            f"< {number(limit.limit)}"
        ),
        summary="Droid code quality is low.",
        description=_description(sentences.LOW_CODE_QUALITY, limit, POINTS),
        keep_firing_for=RATIO_KEEPS_FIRING,
    )


def _security_issues(limit: AnyThreshold, scope: Scope) -> AlertRule:
    by = ", ".join(limit.by)
    some = limit.finding_severities
    matchers = () if set(some) == set(Severity) else (label_matches("finding_severity", "|".join(some)),)
    return AlertRule(
        threshold=limit,
        board=DROIDS_BOARD,
        expr=f"max by ({by}) ({scope.select(metrics.FINDINGS_OPEN, *matchers)}) > {number(limit.limit)}",
        summary="Security findings are open.",
        description=_description(sentences.SECURITY_ISSUES, limit, COUNT),
        keep_firing_for=GAUGE_KEEPS_FIRING,
    )


def _slow_responses(limit: AnyThreshold, scope: Scope) -> AlertRule:
    answers = scope.increase(metrics.QUERY_RESPONSE, limit.by, limit.window, part="count")
    return AlertRule(
        threshold=limit,
        board=DROIDS_BOARD,
        expr=(
            f"{scope.increase(metrics.QUERY_RESPONSE, limit.by, limit.window, part='sum')}\n"
            f"/ ({answers} {at_least(limit.minimum)})\n"
            f"> {number(limit.limit)}"
        ),
        summary="Droid answers queries slowly.",
        description=_description(sentences.SLOW_RESPONSES, limit, DURATION),
        keep_firing_for=RATIO_KEEPS_FIRING,
        cause="slow",
    )


def _unanswered_queries(limit: AnyThreshold, scope: Scope) -> AlertRule:
    unanswered = scope.increase(metrics.QUERIES, limit.by, limit.window, outcome_is(Outcome.UNANSWERED))
    return AlertRule(
        threshold=limit,
        board=DROIDS_BOARD,
        expr=f"{unanswered} {at_least(1)}",
        summary="Droid leaves queries unanswered.",
        description=_description(sentences.UNANSWERED_QUERIES, limit, COUNT),
        cause="unanswered",
    )


def _communication_conflicts(limit: AnyThreshold, scope: Scope) -> AlertRule:
    return AlertRule(
        threshold=limit,
        board=PATTERNS_BOARD,
        expr=f"{scope.increase(metrics.CONFLICTS, limit.by, limit.window)} {more_than(limit.limit)}",
        summary="Droids are in conflict.",
        description=_description(sentences.COMMUNICATION_CONFLICTS, limit, COUNT),
    )


def _description(template: str, limit: AnyThreshold, value: str) -> str:
    """
    A sentence with template actions of Prometheus for names and for *value*.
    """
    subject = subject_text(
        ORCHESTRATOR_NAME,
        pattern=label_value("pattern") if "pattern" in limit.by else None,
        droid=label_value("droid") if "droid" in limit.by else None,
    )
    return sentence(
        template, limit, value=value, subject=subject, finding_severity="{{ $labels.finding_severity }}"
    )


SPECIFIED: Final = (
    AlertKind(thresholds.LOW_SUCCESS_RATE, _low_success_rate),
    AlertKind(thresholds.LONG_DURATION, _long_duration),
    AlertKind(thresholds.HIGH_ERROR_RATE, _high_error_rate),
    AlertKind(thresholds.LOW_CODE_QUALITY, _low_code_quality),
    AlertKind(thresholds.SECURITY_ISSUES, _security_issues),
    AlertKind(thresholds.RESPONSE_TIME_HIGH, _slow_responses),
    AlertKind(thresholds.RESPONSE_TIME_HIGH, _unanswered_queries),
    AlertKind(thresholds.COMMUNICATION_CONFLICTS, _communication_conflicts),
)
"""
The rules of the specification's alerts, in its order.
"""
