"""
Alerts about the monitoring: the exporter, its store, Prometheus' rules, Alertmanager's notifications.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions import fleet_thresholds, metrics
from droidscope.conventions.fleet_thresholds import WATCHDOG
from droidscope.conventions.thresholds import INSTANCE
from droidscope.formatting import number
from droidscope.limits.alert_limits import AnyThreshold
from droidscope.limits.sentences import limit_text
from droidscope.rules.alerts.rule import (
    COUNT,
    GAUGE_KEEPS_FIRING,
    JOB,
    OVERVIEW_BOARD,
    RATIO_KEEPS_FIRING,
    AlertKind,
    AlertRule,
    Links,
    runbook_url,
)
from droidscope.rules.promql import Scope, more_than

_AT: Final = "{{ $labels.instance }}"


def _down(limit: AnyThreshold, scope: Scope) -> AlertRule:
    del scope
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        # The comparison makes it fire when targets are down as well as when there are none.
        expr=f'absent(up{{job="{JOB}"}} == 1)',
        summary="No droidscope exporter is up.",
        description=(
            f"For {_minutes(limit.hold)} no exporter has been scraped; limits are not watched, "
            "and the other alerts are muted."
        ),
    )


def _instance_down(limit: AnyThreshold, scope: Scope) -> AlertRule:
    del scope
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        expr=f'up{{job="{JOB}"}} == 0',
        summary="A droidscope exporter is down.",
        description=f"The exporter {_AT} has not answered a scrape for {_minutes(limit.hold)}.",
    )


def _collect_failing(limit: AnyThreshold, scope: Scope) -> AlertRule:
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        expr=f"{scope.newest(metrics.COLLECT_SUCCESS, (INSTANCE, 'part'))} < {number(limit.limit)}",
        summary="A part of the metrics page is missing.",
        description=(
            f"The exporter {_AT} fails to collect the part {{{{ $labels.part }}}} of its page, so "
            "alerts that read it cannot fire."
        ),
        keep_firing_for=GAUGE_KEEPS_FIRING,
    )


def _store_filling(limit: AnyThreshold, scope: Scope) -> AlertRule:
    free = scope.select(metrics.STORE_FREE_BYTES)
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        expr=(
            f"{free}\n"
            f"and predict_linear({free}[{limit.window}], {number(limit.limit)}) < 0\n"
            f"and {free} offset {fleet_thresholds.STORE_HISTORY}"
        ),
        summary="The disk of a store is filling up.",
        description=(
            f"{{{{ $value | humanize1024 }}}}B are free on the disk of the store of {_AT}, and at the "
            f"pace of the last {limit.window} none will be; the limit is {limit_text(limit)} ahead."
        ),
        keep_firing_for=GAUGE_KEEPS_FIRING,
    )


def _rules_failing(limit: AnyThreshold, scope: Scope) -> AlertRule:
    del scope
    native = 'rule_group=~".*;droidscope-.*"'
    failed = f"increase(prometheus_rule_evaluation_failures_total{{{native}}}[{limit.window}])"
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        expr=f"sum by (instance, rule_group) ({failed}) {more_than(limit.limit)}",
        summary="Prometheus fails to evaluate rules.",
        description=(
            f"{COUNT} evaluations of {{{{ $labels.rule_group }}}} failed on {_AT} in the last "
            f"{limit.window}, so its alerts may be missing; the limit is {limit_text(limit)}."
        ),
        keep_firing_for=RATIO_KEEPS_FIRING,
    )


def _notifications_failing(limit: AnyThreshold, scope: Scope) -> AlertRule:
    del scope
    failed = f"increase(alertmanager_notifications_failed_total[{limit.window}])"
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        expr=f"sum by (instance, integration) ({failed}) {more_than(limit.limit)}",
        summary="Alertmanager fails to notify.",
        description=(
            f"{COUNT} notifications by {{{{ $labels.integration }}}} from {_AT} failed in the "
            f"last {limit.window}; the limit is {limit_text(limit)}."
        ),
        keep_firing_for=RATIO_KEEPS_FIRING,
        cause="receiver",
    )


def _alerts_undelivered(limit: AnyThreshold, scope: Scope) -> AlertRule:
    del scope
    failed = f"increase(prometheus_notifications_errors_total[{limit.window}])"
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        expr=f"sum by (instance, alertmanager) ({failed}) {more_than(limit.limit)}",
        summary="Prometheus fails to reach Alertmanager.",
        description=(
            f"{COUNT} alerts from {_AT} did not reach {{{{ $labels.alertmanager }}}} in the "
            f"last {limit.window}; the limit is {limit_text(limit)}."
        ),
        keep_firing_for=RATIO_KEEPS_FIRING,
        cause="alertmanager",
    )


def _minutes(hold: str) -> str:
    """
    A hold as a sentence has it: 5 minutes.
    """
    return f"{hold[:-1]} minutes" if hold.endswith("m") else hold


HEALTH: Final = (
    AlertKind(fleet_thresholds.DOWN, _down),
    AlertKind(fleet_thresholds.INSTANCE_DOWN, _instance_down),
    AlertKind(fleet_thresholds.COLLECT_FAILING, _collect_failing),
    AlertKind(fleet_thresholds.STORE_FILLING, _store_filling),
    AlertKind(fleet_thresholds.RULES_FAILING, _rules_failing),
    AlertKind(fleet_thresholds.NOTIFICATIONS_FAILING, _notifications_failing),
    AlertKind(fleet_thresholds.NOTIFICATIONS_FAILING, _alerts_undelivered),
)


def watchdog(links: Links) -> dict[str, object]:
    """
    The rule that always fires; it has no limit, and no severity that pages.
    """
    return {
        "alert": WATCHDOG,
        "expr": "vector(1)",
        "labels": {"severity": "none", "category": "health"},
        "annotations": {
            "summary": "The way from Prometheus to the receiver works.",
            "description": "Always firing: its absence at the receiver is the alarm.",
            "action": "none",
            "runbook_url": runbook_url(WATCHDOG, links),
            "dashboard_url": f"{links.grafana}/d/{OVERVIEW_BOARD}",
        },
    }
