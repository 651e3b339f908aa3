"""
Alerts about telemetry that is lost, stops, is refused, comes late, or has too many label values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from droidscope.conventions import fleet_thresholds, metrics
from droidscope.conventions.metrics import ORCHESTRATOR
from droidscope.rules.alerts.rule import (
    COUNT,
    DURATION,
    EVERYONE,
    GAUGE_KEEPS_FIRING,
    JOB,
    OVERVIEW_BOARD,
    PERCENTAGE,
    RATIO_KEEPS_FIRING,
    AlertKind,
    AlertRule,
    duration,
    name,
    percent,
)
from droidscope.rules.promql import INSTANCE, at_least, number
from droidscope.rules.rule_variants import Limit

if TYPE_CHECKING:
    from droidscope.rules.rule_variants import Limit
from droidscope.rules.promql import Scope

_WHO: Final = "{{ $labels.orchestrator }}"


def _lost(limit: Limit, scope: Scope) -> AlertRule:
    emitted = scope.increase(metrics.CLIENT_RECORDS_EMITTED, EVERYONE, limit.window)
    return AlertRule(
        limit,
        OVERVIEW_BOARD,
        EVERYONE,
        f"min by ({ORCHESTRATOR}) ({scope.select(metrics.COMPLETENESS)}) < {number(limit.limit)}\n"
        # Judged while records flow: what was lost a month ago calls nobody tonight.
        f"and {emitted} {at_least(limit.minimum)}",
        "Telemetry is lost.",
        f"Of the records that {_WHO} emitted {PERCENTAGE} were stored; the limit is {percent(limit.limit)}.",
        keep_firing_for=GAUGE_KEEPS_FIRING,
    )


def _stopped(limit: Limit, scope: Scope) -> AlertRule:
    arrival = scope.select(metrics.LAST_RECEIPT, 'signal="metrics"')
    return AlertRule(
        limit,
        OVERVIEW_BOARD,
        EVERYONE,
        # The gauge begins anew with the exporter; what it once said does not.
        f"time() - max by ({ORCHESTRATOR}) (max_over_time({arrival}[{limit.window}])) "
        f"> {number(limit.limit)}\n"
        f"and sum by ({ORCHESTRATOR}) (changes({arrival}[{limit.window}])) {at_least(limit.minimum)}\n"
        # Ours alone: its metrics come at rest, too. Others' may have every reason to stop.
        f"and {scope.increase(metrics.CLIENT_RECORDS_EMITTED, EVERYONE, limit.window)} >= 0\n"
        # While no exporter was there nothing could arrive, and what waited comes when it is back.
        f'and on () max(min_over_time(up{{job="{JOB}"}}[{number(limit.limit)}s])) == 1',
        "An orchestrator has stopped reporting.",
        f"The instrumentation of {_WHO} reports even at rest, and sent nothing for {DURATION}; "
        f"the limit is {duration(limit.limit)}.",
    )


def _rejected(limit: Limit, scope: Scope) -> AlertRule:
    by = (INSTANCE, "reason")
    harmless = "|".join(fleet_thresholds.HARMLESS_REJECTIONS)
    refused = scope.increase(metrics.REJECTED, by, limit.window, f'reason!~"{harmless}"')
    return AlertRule(
        limit,
        OVERVIEW_BOARD,
        by,
        f"{refused} > {number(limit.limit + 0.5)}",
        "Telemetry is refused.",
        f"The exporter {{{{ $labels.instance }}}} refused {COUNT} requests or items in the last "
        f"{limit.window}, reason {{{{ $labels.reason }}}}; the limit is {number(limit.limit)}.",
        keep_firing_for=RATIO_KEEPS_FIRING,
    )


def _late(limit: Limit, scope: Scope) -> AlertRule:
    by = (INSTANCE,)
    return AlertRule(
        limit,
        OVERVIEW_BOARD,
        by,
        f"{scope.increase(metrics.LATE_RECORDS, by, limit.window)}\n"
        f"/ ({scope.increase(metrics.RECORDS, by, limit.window)} {at_least(limit.minimum)})\n"
        f"> {number(limit.limit)}",
        "Telemetry comes late.",
        f"{PERCENTAGE} of the records that the exporter {{{{ $labels.instance }}}} stored in the last "
        f"{limit.window} came after their session had been closed; the limit is {percent(limit.limit)}.",
        keep_firing_for=RATIO_KEEPS_FIRING,
    )


def _label_limit(limit: Limit, scope: Scope) -> AlertRule:
    values = scope.newest(metrics.LABEL_VALUES, (ORCHESTRATOR, "label"))
    return AlertRule(
        limit,
        OVERVIEW_BOARD,
        (ORCHESTRATOR, "label"),
        f"{values}\n"
        f"/ on (label) group_left () max by (label) ({scope.select(metrics.LABEL_VALUES_LIMIT)})\n"
        f"> {number(limit.limit)}",
        "A label nears its limit of values.",
        f'{name("label")} of {{{{ or $labels.{ORCHESTRATOR} "all orchestrators" }}}} has '
        f"{PERCENTAGE} of the values it may have before the rest is counted under `other`; "
        f"the limit is {percent(limit.limit)}.",
        keep_firing_for=GAUGE_KEEPS_FIRING,
    )


def _series_limit(limit: Limit, scope: Scope) -> AlertRule:
    # Counters once each, histograms and summaries by their count: one series a label set.
    counts = (f'job="{JOB}"', f'__name__=~"{ORCHESTRATOR}_.+_(total|count)"')
    chosen = ", ".join((*counts, *scope.only))
    families = f'label_replace({{{chosen}}}, "family", "$1", "__name__", "(.+)")'
    by = (INSTANCE, ORCHESTRATOR, "family")
    return AlertRule(
        limit,
        OVERVIEW_BOARD,
        (ORCHESTRATOR, "family"),
        f"max by ({ORCHESTRATOR}, family) (count by ({', '.join(by)}) ({families})) > {number(limit.limit)}",
        "A metric nears its limit of series.",
        f"{{{{ $labels.family }}}} of {_WHO} has {COUNT} series; the limit is {number(limit.limit)}, "
        "80% of where the rest is counted under `other`.",
        keep_firing_for=GAUGE_KEEPS_FIRING,
    )


TELEMETRY: Final = (
    AlertKind(fleet_thresholds.TELEMETRY_LOST, EVERYONE, _lost),
    AlertKind(fleet_thresholds.TELEMETRY_STOPPED, EVERYONE, _stopped),
    AlertKind(fleet_thresholds.TELEMETRY_REJECTED, (INSTANCE, "reason"), _rejected),
    AlertKind(fleet_thresholds.TELEMETRY_LATE, (INSTANCE,), _late),
    AlertKind(fleet_thresholds.LABEL_LIMIT_NEAR, (ORCHESTRATOR, "label"), _label_limit),
    AlertKind(fleet_thresholds.SERIES_LIMIT_NEAR, (ORCHESTRATOR, "family"), _series_limit),
)
