"""
Alerts about telemetry that is lost, stops, is refused, comes late, or has too many label values.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions import fleet_thresholds, metrics
from droidscope.conventions.matchers import label_differs, label_is
from droidscope.conventions.metrics import ORCHESTRATOR
from droidscope.conventions.thresholds import INSTANCE
from droidscope.formatting import number
from droidscope.limits.alert_limits import AnyThreshold
from droidscope.limits.sentences import limit_text
from droidscope.rules.alerts.rule import (
    COUNT,
    DURATION,
    GAUGE_KEEPS_FIRING,
    JOB,
    ORCHESTRATOR_NAME,
    OVERVIEW_BOARD,
    PERCENTAGE,
    RATIO_KEEPS_FIRING,
    AlertKind,
    AlertRule,
    label_value,
)
from droidscope.rules.promql import Scope, at_least, more_than


def _lost(limit: AnyThreshold, scope: Scope) -> AlertRule:
    emitted = scope.increase(metrics.CLIENT_RECORDS_EMITTED, limit.by, limit.window)
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        expr=(
            f"min by ({ORCHESTRATOR}) ({scope.select(metrics.COMPLETENESS)}) < {number(limit.limit)}\n"
            # Judged while records arrive: what was lost a month ago does not page.
            f"and {emitted} {at_least(limit.minimum)}"
        ),
        summary="Telemetry is lost.",
        description=(
            f"Of the records that {ORCHESTRATOR_NAME} emitted {PERCENTAGE} were stored; "
            f"the limit is {limit_text(limit)}."
        ),
        keep_firing_for=GAUGE_KEEPS_FIRING,
    )


def _stopped(limit: AnyThreshold, scope: Scope) -> AlertRule:
    arrival = scope.select(metrics.LAST_RECEIPT, label_is("signal", "metrics"))
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        # The gauge begins anew with the exporter; its earlier values count, too.
        expr=(
            f"time() - max by ({ORCHESTRATOR}) (max_over_time({arrival}[{limit.window}])) "
            f"> {number(limit.limit)}\n"
            f"and sum by ({ORCHESTRATOR}) (changes({arrival}[{limit.window}])) {at_least(limit.minimum)}\n"
            # Only droidscope's instrumentation sends metrics at rest; other clients may have reason to stop.
            f"and {scope.increase(metrics.CLIENT_RECORDS_EMITTED, limit.by, limit.window)} >= 0\n"
            # While no exporter was there nothing could arrive, and what waited comes when it is back.
            f'and on () max(min_over_time(up{{job="{JOB}"}}[{number(limit.limit)}s])) == 1'
        ),
        summary="An orchestrator has stopped reporting.",
        description=(
            f"The instrumentation of {ORCHESTRATOR_NAME} reports even at rest, and sent nothing for "
            f"{DURATION}; the limit is {limit_text(limit)}."
        ),
    )


def _rejected(limit: AnyThreshold, scope: Scope) -> AlertRule:
    by = (INSTANCE, "reason")
    harmless = "|".join(fleet_thresholds.HARMLESS_REJECTIONS)
    refused = scope.increase(metrics.REJECTED, by, limit.window, label_differs("reason", harmless))
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        expr=f"{refused} {more_than(limit.limit)}",
        summary="Telemetry is refused.",
        description=(
            f"The exporter {{{{ $labels.instance }}}} refused {COUNT} requests or items in the last "
            f"{limit.window}, reason {{{{ $labels.reason }}}}; the limit is {limit_text(limit)}."
        ),
        keep_firing_for=RATIO_KEEPS_FIRING,
    )


def _late(limit: AnyThreshold, scope: Scope) -> AlertRule:
    by = (INSTANCE,)
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        expr=(
            f"{scope.increase(metrics.LATE_RECORDS, by, limit.window)}\n"
            f"/ ({scope.increase(metrics.RECORDS, by, limit.window)} {at_least(limit.minimum)})\n"
            f"> {number(limit.limit)}"
        ),
        summary="Telemetry comes late.",
        description=(
            f"{PERCENTAGE} of the records that the exporter {{{{ $labels.instance }}}} stored in the last "
            f"{limit.window} came after their session had been closed; the limit is {limit_text(limit)}."
        ),
        keep_firing_for=RATIO_KEEPS_FIRING,
    )


def _label_limit(limit: AnyThreshold, scope: Scope) -> AlertRule:
    values = scope.newest(metrics.LABEL_VALUES, (ORCHESTRATOR, "label"))
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        expr=(
            f"{values}\n"
            f"/ on (label) group_left () max by (label) ({scope.select(metrics.LABEL_VALUES_LIMIT)})\n"
            f"> {number(limit.limit)}"
        ),
        summary="A label nears its limit of values.",
        description=(
            f'label {label_value("label")} of {{{{ or $labels.{ORCHESTRATOR} "all orchestrators" }}}} has '
            f"{PERCENTAGE} of the values it may have before the rest is counted under `other`; "
            f"the limit is {limit_text(limit)}."
        ),
        keep_firing_for=GAUGE_KEEPS_FIRING,
    )


def _series_limit(limit: AnyThreshold, scope: Scope) -> AlertRule:
    # Counters once each, histograms and summaries by their count: one series a label set.
    counts = (f'job="{JOB}"', f'__name__=~"{ORCHESTRATOR}_.+_(total|count)"')
    chosen = ", ".join((*counts, *scope.only))
    families = f'label_replace({{{chosen}}}, "family", "$1", "__name__", "(.+)")'
    by = (INSTANCE, ORCHESTRATOR, "family")
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        expr=(
            f"max by ({ORCHESTRATOR}, family) (count by ({', '.join(by)}) ({families})) "
            f"> {number(limit.limit)}"
        ),
        summary="A metric nears its limit of series.",
        description=(
            f"{{{{ $labels.family }}}} of {ORCHESTRATOR_NAME} has {COUNT} series; "
            f"the limit is {limit_text(limit)}, 80% of where the rest is counted under `other`."
        ),
        keep_firing_for=GAUGE_KEEPS_FIRING,
    )


TELEMETRY: Final = (
    AlertKind(fleet_thresholds.TELEMETRY_LOST, _lost),
    AlertKind(fleet_thresholds.TELEMETRY_STOPPED, _stopped),
    AlertKind(fleet_thresholds.TELEMETRY_REJECTED, _rejected),
    AlertKind(fleet_thresholds.TELEMETRY_LATE, _late),
    AlertKind(fleet_thresholds.LABEL_LIMIT_NEAR, _label_limit),
    AlertKind(fleet_thresholds.SERIES_LIMIT_NEAR, _series_limit),
)
