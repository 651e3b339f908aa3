"""
The seven alerts of the specification.

The exporter judges them too, from the same thresholds (`droidscope.insights.alerts`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from droidscope.conventions import metrics, thresholds
from droidscope.conventions.attributes import Severity
from droidscope.rules.alerts.rule import (
    COUNT,
    DROID,
    DROIDS_BOARD,
    DURATION,
    GAUGE_KEEPS_FIRING,
    PATTERN,
    PATTERNS_BOARD,
    PERCENTAGE,
    RATIO_KEEPS_FIRING,
    AlertKind,
    AlertRule,
    duration,
    name,
    percent,
    who,
)
from droidscope.rules.promql import at_least, number
from droidscope.rules.rule_variants import Limit

if TYPE_CHECKING:
    from droidscope.rules.rule_variants import Limit
from droidscope.rules.promql import Scope


def _low_success_rate(limit: Limit, scope: Scope) -> AlertRule:
    unsuccessful = 1 - limit.limit
    recent = thresholds.RECENT_FAILURE_WINDOW
    return AlertRule(
        limit,
        PATTERNS_BOARD,
        PATTERN,
        f"{scope.unsuccessful(PATTERN, limit.window)}\n"
        f"/ ({scope.increase(metrics.SESSIONS, PATTERN, limit.window)} {at_least(limit.minimum)})\n"
        f"> {number(unsuccessful)}\n"
        f"and {scope.unsuccessful(PATTERN, recent)} {at_least(1)}",
        "Session success rate is low.",
        f"{PERCENTAGE} of the sessions of {who('pattern')} did not complete in the last {limit.window}; "
        f"the limit is {percent(unsuccessful)} (a success rate of {percent(limit.limit)}).",
        keep_firing_for=RATIO_KEEPS_FIRING,
    )


def _long_duration(limit: Limit, scope: Scope) -> AlertRule:
    return AlertRule(
        limit,
        PATTERNS_BOARD,
        PATTERN,
        f"sum by ({', '.join(PATTERN)}) ({scope.select(metrics.SESSIONS_OVER_LIMIT)}) > 0\n"
        f"or {scope.increase(metrics.SESSIONS_ENDED_OVER_LIMIT, PATTERN, limit.window)} {at_least(1)}",
        "Sessions take too long.",
        f"{COUNT} session(s) of {who('pattern')} run for longer than their limit, or ended so "
        f"in the last {limit.window}; the limit is {duration(limit.limit)} "
        "unless one is set for the pattern.",
        keep_firing_for=GAUGE_KEEPS_FIRING,
    )


def _high_error_rate(limit: Limit, scope: Scope) -> AlertRule:
    failed = scope.increase(metrics.ATTEMPTS, DROID, limit.window, 'outcome="failed"')
    return AlertRule(
        limit,
        DROIDS_BOARD,
        DROID,
        f"{failed}\n"
        f"/ ({scope.increase(metrics.ATTEMPTS, DROID, limit.window)} {at_least(limit.minimum)})\n"
        f"> {number(limit.limit)}",
        "Droid error rate is high.",
        f"{PERCENTAGE} of the attempts of {who('droid')} failed in the last {limit.window}; "
        f"the limit is {percent(limit.limit)}.",
        keep_firing_for=RATIO_KEEPS_FIRING,
    )


def _low_code_quality(limit: Limit, scope: Scope) -> AlertRule:
    scores = scope.increase(metrics.CODE_QUALITY, DROID, limit.window, part="count")
    return AlertRule(
        limit,
        DROIDS_BOARD,
        DROID,
        f"{scope.increase(metrics.CODE_QUALITY, DROID, limit.window, part='sum')}\n"
        f"/ ({scores} {at_least(limit.minimum)})\n"
        f"< {number(limit.limit)}",
        "Droid code quality is low.",
        f"The mean code quality score of {who('droid')} was "
        '{{ printf "%.1f" $value }} of 100 '
        f"in the last {limit.window}; the limit is {number(limit.limit)}.",
        keep_firing_for=RATIO_KEEPS_FIRING,
    )


def _security_issues(limit: Limit, scope: Scope) -> AlertRule:
    subject = (*PATTERN, "droid")
    by = ", ".join((*subject, "finding_severity"))
    some = limit.finding_severities
    matchers = () if set(some) == set(Severity) else (f'finding_severity=~"{"|".join(some)}"',)
    return AlertRule(
        limit,
        DROIDS_BOARD,
        subject,
        f"max by ({by}) ({scope.select(metrics.FINDINGS_OPEN, *matchers)}) > {number(limit.limit)}",
        "Security findings are open.",
        f"{COUNT} {{{{ $labels.finding_severity }}}} finding(s) are open in the latest report of "
        f"{who('droid')}, {name('pattern')}; the limit is {number(limit.limit)}.",
        keep_firing_for=GAUGE_KEEPS_FIRING,
    )


def _slow_responses(limit: Limit, scope: Scope) -> AlertRule:
    answers = scope.increase(metrics.QUERY_RESPONSE, DROID, limit.window, part="count")
    return AlertRule(
        limit,
        DROIDS_BOARD,
        DROID,
        f"{scope.increase(metrics.QUERY_RESPONSE, DROID, limit.window, part='sum')}\n"
        f"/ ({answers} {at_least(limit.minimum)})\n"
        f"> {number(limit.limit)}",
        "Droid answers queries slowly.",
        f"Queries put to {who('droid')} took {DURATION} on average to be answered "
        f"in the last {limit.window}; the limit is {duration(limit.limit)}.",
        keep_firing_for=RATIO_KEEPS_FIRING,
        cause="slow",
    )


def _unanswered_queries(limit: Limit, scope: Scope) -> AlertRule:
    unanswered = scope.increase(metrics.QUERIES, DROID, limit.window, 'outcome="unanswered"')
    return AlertRule(
        limit,
        DROIDS_BOARD,
        DROID,
        f"{unanswered} {at_least(1)}",
        "Droid leaves queries unanswered.",
        f"{COUNT} query(ies) put to {who('droid')} went unanswered in the last {limit.window}; "
        "the limit is 0.",
        cause="unanswered",
    )


def _communication_conflicts(limit: Limit, scope: Scope) -> AlertRule:
    return AlertRule(
        limit,
        PATTERNS_BOARD,
        PATTERN,
        f"{scope.increase(metrics.CONFLICTS, PATTERN, limit.window)} > {number(limit.limit + 0.5)}",
        "Droids are in conflict.",
        f"{COUNT} conflict(s) between droids in {who('pattern')} in the last {limit.window}; "
        f"the limit is {number(limit.limit)}.",
    )


SPECIFIED: Final = (
    AlertKind(thresholds.LOW_SUCCESS_RATE, PATTERN, _low_success_rate),
    AlertKind(thresholds.LONG_DURATION, PATTERN, _long_duration),
    AlertKind(thresholds.HIGH_ERROR_RATE, DROID, _high_error_rate),
    AlertKind(thresholds.LOW_CODE_QUALITY, DROID, _low_code_quality),
    AlertKind(thresholds.SECURITY_ISSUES, (*PATTERN, "droid"), _security_issues),
    AlertKind(thresholds.RESPONSE_TIME_HIGH, DROID, _slow_responses),
    AlertKind(thresholds.RESPONSE_TIME_HIGH, DROID, _unanswered_queries),
    AlertKind(thresholds.COMMUNICATION_CONFLICTS, PATTERN, _communication_conflicts),
)
"""
The rules of the specification's alerts, in its order.
"""
