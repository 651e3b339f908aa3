"""
Alerts about sessions that hang, die or grow old, and about the objective they are to meet.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions import fleet_thresholds, metrics
from droidscope.conventions.metrics import MetricSpec
from droidscope.formatting import exact_percent, number
from droidscope.limits.alert_limits import AnyThreshold
from droidscope.limits.sentences import limit_text
from droidscope.rules.alerts.rule import (
    COUNT,
    DURATION,
    GAUGE_KEEPS_FIRING,
    OVERVIEW_BOARD,
    PERCENTAGE,
    RATIO_KEEPS_FIRING,
    AlertKind,
    AlertRule,
    subject,
)
from droidscope.rules.promql import Scope, at_least, more_than, sum_by


def _silent(limit: AnyThreshold, scope: Scope) -> AlertRule:
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        expr=_running(metrics.SESSIONS_SILENT, limit, scope),
        summary="Sessions are silent.",
        description=(
            f"Nothing arrives any more of {COUNT} running session(s) of {subject('pattern')}; "
            f"the limit is {limit_text(limit)}."
        ),
        keep_firing_for=GAUGE_KEEPS_FIRING,
    )


def _stalled(limit: AnyThreshold, scope: Scope) -> AlertRule:
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        expr=_running(metrics.SESSIONS_STALLED, limit, scope),
        summary="Sessions make no progress.",
        description=(
            f"{COUNT} session(s) of {subject('pattern')} are alive and make no progress; "
            f"the limit is {limit_text(limit)}."
        ),
        keep_firing_for=GAUGE_KEEPS_FIRING,
    )


def _running(metric: MetricSpec, limit: AnyThreshold, scope: Scope) -> str:
    # Each session is with one exporter, so counts of sessions may be summed over exporters.
    return f"{sum_by(limit.by, scope.select(metric))} > {number(limit.limit)}"


def _lost(limit: AnyThreshold, scope: Scope) -> AlertRule:
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        expr=f"{scope.lost(limit.by, limit.window)} {more_than(limit.limit)}",
        summary="Sessions were lost.",
        description=(
            f"{COUNT} session(s) of {subject('pattern')} were declared lost in the last {limit.window} "
            f"and have not come back; the limit is {limit_text(limit)}."
        ),
    )


def _oldest(limit: AnyThreshold, scope: Scope) -> AlertRule:
    by = ", ".join(limit.by)
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        expr=f"time() - min by ({by}) ({scope.select(metrics.SESSION_OLDEST_START)}) > {number(limit.limit)}",
        summary="A session is very old.",
        description=(
            f"The oldest running session of {subject('pattern')} began {DURATION} ago; "
            f"the limit is {limit_text(limit)}."
        ),
        keep_firing_for=GAUGE_KEEPS_FIRING,
    )


def _objective(limit: AnyThreshold, scope: Scope) -> AlertRule:
    short = fleet_thresholds.BURN_SHORT_WINDOW
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        expr=(
            f"{scope.unsuccessful(limit.by, limit.window)}\n"
            f"/ ({scope.judged(metrics.SESSIONS, limit.by, limit.window)} {at_least(limit.minimum)})\n"
            f"> {number(limit.limit)}\n"
            f"and {scope.unsuccessful(limit.by, short)}\n"
            f"/ ({scope.judged(metrics.SESSIONS, limit.by, short)} {at_least(1)})\n"
            f"> {number(limit.limit)}"
        ),
        summary="The success objective is missed fast.",
        description=(
            f"{PERCENTAGE} of the sessions of {{{{ $labels.orchestrator }}}} failed or were lost in the last "
            f"{limit.window}, and it goes on in the last {short}; the limit is {limit_text(limit)} in both "
            f"(the objective is {exact_percent(fleet_thresholds.SUCCESS_OBJECTIVE)} success)."
        ),
        keep_firing_for=RATIO_KEEPS_FIRING,
    )


SESSIONS: Final = (
    AlertKind(fleet_thresholds.SESSIONS_SILENT, _silent),
    AlertKind(fleet_thresholds.SESSIONS_STALLED, _stalled),
    AlertKind(fleet_thresholds.SESSIONS_LOST, _lost),
    AlertKind(fleet_thresholds.SESSION_OLDEST, _oldest),
    AlertKind(fleet_thresholds.OBJECTIVE_BURNING, _objective),
)
