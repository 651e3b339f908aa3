"""
Alerts about sessions that hang, die or grow old, and about the objective they are to meet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from droidscope.conventions import fleet_thresholds, metrics
from droidscope.rules.alerts.rule import (
    COUNT,
    DURATION,
    EVERYONE,
    GAUGE_KEEPS_FIRING,
    OVERVIEW_BOARD,
    PATTERN,
    PERCENTAGE,
    RATIO_KEEPS_FIRING,
    AlertKind,
    AlertRule,
    duration,
    percent,
    who,
)
from droidscope.rules.promql import at_least, number, sum_by
from droidscope.rules.rule_variants import Limit

if TYPE_CHECKING:
    from droidscope.conventions.metrics import MetricSpec
    from droidscope.rules.rule_variants import Limit
from droidscope.rules.promql import Scope


def _silent(limit: Limit, scope: Scope) -> AlertRule:
    return AlertRule(
        limit,
        OVERVIEW_BOARD,
        PATTERN,
        _running(metrics.SESSIONS_SILENT, limit, scope),
        "Sessions are silent.",
        f"Nothing arrives any more of {COUNT} running session(s) of {who('pattern')}; "
        f"the limit is {number(limit.limit)}.",
        keep_firing_for=GAUGE_KEEPS_FIRING,
    )


def _stalled(limit: Limit, scope: Scope) -> AlertRule:
    return AlertRule(
        limit,
        OVERVIEW_BOARD,
        PATTERN,
        _running(metrics.SESSIONS_STALLED, limit, scope),
        "Sessions make no progress.",
        f"{COUNT} session(s) of {who('pattern')} are alive and make no progress; "
        f"the limit is {number(limit.limit)}.",
        keep_firing_for=GAUGE_KEEPS_FIRING,
    )


def _running(metric: MetricSpec, limit: Limit, scope: Scope) -> str:
    # Each session is with one exporter, so counts of sessions may be summed over exporters.
    return f"{sum_by(PATTERN, scope.select(metric))} > {number(limit.limit)}"


def _lost(limit: Limit, scope: Scope) -> AlertRule:
    return AlertRule(
        limit,
        OVERVIEW_BOARD,
        PATTERN,
        f"{scope.lost(PATTERN, limit.window)} > {number(limit.limit + 0.5)}",
        "Sessions were lost.",
        f"{COUNT} session(s) of {who('pattern')} were declared lost in the last {limit.window} "
        f"and have not come back; the limit is {number(limit.limit)}.",
    )


def _oldest(limit: Limit, scope: Scope) -> AlertRule:
    by = ", ".join(PATTERN)
    return AlertRule(
        limit,
        OVERVIEW_BOARD,
        PATTERN,
        f"time() - min by ({by}) ({scope.select(metrics.SESSION_OLDEST_START)}) > {number(limit.limit)}",
        "A session is very old.",
        f"The oldest running session of {who('pattern')} began {DURATION} ago; "
        f"the limit is {duration(limit.limit)}.",
        keep_firing_for=GAUGE_KEEPS_FIRING,
    )


def _objective(limit: Limit, scope: Scope) -> AlertRule:
    short = fleet_thresholds.BURN_SHORT_WINDOW
    return AlertRule(
        limit,
        OVERVIEW_BOARD,
        EVERYONE,
        f"{scope.unsuccessful(EVERYONE, limit.window)}\n"
        f"/ ({scope.increase(metrics.SESSIONS, EVERYONE, limit.window)} {at_least(limit.minimum)})\n"
        f"> {number(limit.limit)}\n"
        f"and {scope.unsuccessful(EVERYONE, short)}\n"
        f"/ ({scope.increase(metrics.SESSIONS, EVERYONE, short)} {at_least(1)})\n"
        f"> {number(limit.limit)}",
        "The success objective is missed fast.",
        f"{PERCENTAGE} of the sessions of {{{{ $labels.orchestrator }}}} did not complete in the last "
        f"{limit.window}, and it goes on in the last {short}; the limit is {percent(limit.limit)} in both "
        f"(the objective is {percent(fleet_thresholds.SUCCESS_OBJECTIVE)} success).",
        keep_firing_for=RATIO_KEEPS_FIRING,
    )


SESSIONS: Final = (
    AlertKind(fleet_thresholds.SESSIONS_SILENT, PATTERN, _silent),
    AlertKind(fleet_thresholds.SESSIONS_STALLED, PATTERN, _stalled),
    AlertKind(fleet_thresholds.SESSIONS_LOST, PATTERN, _lost),
    AlertKind(fleet_thresholds.SESSION_OLDEST, PATTERN, _oldest),
    AlertKind(fleet_thresholds.OBJECTIVE_BURNING, EVERYONE, _objective),
)
