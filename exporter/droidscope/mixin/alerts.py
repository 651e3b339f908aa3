"""
Alerting rules: the seven of the specification, and those about the exporter itself.

Expression, labels and sentence of an alert read the same `Threshold`. Ratios have the bad outcomes
as numerator, because a total outage has no good ones, and every count has half a unit of slack,
because `increase` is fractional.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from droidscope.conventions import metrics, thresholds
from droidscope.conventions.attributes import Severity
from droidscope.conventions.metrics import ORCHESTRATOR
from droidscope.conventions.thresholds import Threshold
from droidscope.mixin.promql import Scope, at_least, number

JOB: Final = "droidscope"
"""
Scrape job of the exporter in prometheus/prometheus.yml.
"""

DROIDS_BOARD: Final = "orchestrator-droids"
PATTERNS_BOARD: Final = "orchestrator-patterns"
OVERVIEW_BOARD: Final = "orchestrator-overview"

DOWN: Final = "DroidscopeDown"
INSTANCE_DOWN: Final = "DroidscopeInstanceDown"
WATCHDOG: Final = "Watchdog"

_PATTERN: Final = (ORCHESTRATOR, "pattern")
_DROID: Final = (ORCHESTRATOR, "droid")
_ALL: Final = Scope()

# When the exporter dies its gauges go stale and their alerts would resolve, as if all were well.
# They are held until DroidscopeDown, with its hold of 5m, has spoken and mutes them.
_GAUGE_KEEPS_FIRING: Final = "15m"


class Links(NamedTuple):
    """
    Where annotations point: *runbooks* is the folder of the runbook pages, *grafana* the server's root.

    The default of *runbooks* is the folder in this repository; give the URL it is published under.
    """

    runbooks: str = "docs/runbooks"
    grafana: str = "http://127.0.0.1:3000"


class Alert(NamedTuple):
    """
    One alerting rule of a threshold.

    *subject* are the labels that say who is meant; *cause* tells apart two rules of one name.
    """

    threshold: Threshold
    board: str
    subject: tuple[str, ...]
    expr: str
    summary: str
    description: str
    keep_firing_for: str = ""
    cause: str = ""


def _low_success_rate(limit: Threshold = thresholds.LOW_SUCCESS_RATE) -> Alert:
    unsuccessful = 1 - limit.limit
    recent = thresholds.RECENT_FAILURE_WINDOW
    return Alert(
        limit,
        PATTERNS_BOARD,
        _PATTERN,
        f"{_ALL.unsuccessful(_PATTERN, limit.window)}\n"
        f"/ ({_ALL.increase(metrics.SESSIONS, _PATTERN, limit.window)} {at_least(limit.minimum)})\n"
        f"> {number(unsuccessful)}\n"
        f"and {_ALL.unsuccessful(_PATTERN, recent)} {at_least(1)}",
        "Session success rate is low.",
        "{{ $value | humanizePercentage }} of the sessions of "
        f"{_who('pattern')} did not complete in the last {limit.window}; "
        f"the limit is {_percent(unsuccessful)} (a success rate of {_percent(limit.limit)}).",
    )


def _long_duration(limit: Threshold = thresholds.LONG_DURATION) -> Alert:
    return Alert(
        limit,
        PATTERNS_BOARD,
        _PATTERN,
        f"sum by ({', '.join(_PATTERN)}) ({_ALL.select(metrics.SESSIONS_OVER_LIMIT)}) > 0\n"
        f"or {_ALL.increase(metrics.SESSIONS_OVER_LIMIT_TOTAL, _PATTERN, limit.window)} {at_least(1)}",
        "Sessions take too long.",
        '{{ printf "%.0f" $value }} session(s) of '
        f"{_who('pattern')} run for longer than their limit, or ended so in the last {limit.window}; "
        f"the limit is {_duration(limit.limit)} unless one is set for the pattern.",
        keep_firing_for=_GAUGE_KEEPS_FIRING,
    )


def _high_error_rate(limit: Threshold = thresholds.HIGH_ERROR_RATE) -> Alert:
    failed = _ALL.increase(metrics.ATTEMPTS, _DROID, limit.window, 'outcome="failed"')
    return Alert(
        limit,
        DROIDS_BOARD,
        _DROID,
        f"{failed}\n"
        f"/ ({_ALL.increase(metrics.ATTEMPTS, _DROID, limit.window)} {at_least(limit.minimum)})\n"
        f"> {number(limit.limit)}",
        "Droid error rate is high.",
        "{{ $value | humanizePercentage }} of the attempts of "
        f"{_who('droid')} failed in the last {limit.window}; the limit is {_percent(limit.limit)}.",
    )


def _low_code_quality(limit: Threshold = thresholds.LOW_CODE_QUALITY) -> Alert:
    scores = _ALL.increase(metrics.CODE_QUALITY, _DROID, limit.window, part="count")
    return Alert(
        limit,
        DROIDS_BOARD,
        _DROID,
        f"{_ALL.increase(metrics.CODE_QUALITY, _DROID, limit.window, part='sum')}\n"
        f"/ ({scores} {at_least(limit.minimum)})\n"
        f"< {number(limit.limit)}",
        "Droid code quality is low.",
        f"The mean code quality score of {_who('droid')} was "
        '{{ printf "%.1f" $value }} of 100 '
        f"in the last {limit.window}; the limit is {number(limit.limit)}.",
    )


def _security_issues(limit: Threshold = thresholds.SECURITY_ISSUES) -> Alert:
    subject = (*_PATTERN, "droid")
    by = ", ".join((*subject, "finding_severity"))
    return Alert(
        limit,
        DROIDS_BOARD,
        subject,
        f"max by ({by}) ({_ALL.select(metrics.FINDINGS_OPEN)}) > {number(limit.limit)}",
        "Security findings are open.",
        '{{ printf "%.0f" $value }} {{ $labels.finding_severity }} finding(s) are open in the latest '
        "report of "
        f"{_who('droid')}, {_name('pattern')}; the limit is {number(limit.limit)}.",
        keep_firing_for=_GAUGE_KEEPS_FIRING,
    )


def _slow_responses(limit: Threshold = thresholds.RESPONSE_TIME_HIGH) -> Alert:
    answers = _ALL.increase(metrics.QUERY_RESPONSE, _DROID, limit.window, part="count")
    return Alert(
        limit,
        DROIDS_BOARD,
        _DROID,
        f"{_ALL.increase(metrics.QUERY_RESPONSE, _DROID, limit.window, part='sum')}\n"
        f"/ ({answers} {at_least(limit.minimum)})\n"
        f"> {number(limit.limit)}",
        "Droid answers queries slowly.",
        f"Queries put to {_who('droid')} took "
        "{{ $value | humanizeDuration }} on average to be answered "
        f"in the last {limit.window}; the limit is {_duration(limit.limit)}.",
        cause="slow",
    )


def _unanswered_queries(limit: Threshold = thresholds.RESPONSE_TIME_HIGH) -> Alert:
    unanswered = _ALL.increase(metrics.QUERIES, _DROID, limit.window, 'outcome="unanswered"')
    return Alert(
        limit,
        DROIDS_BOARD,
        _DROID,
        f"{unanswered} {at_least(1)}",
        "Droid leaves queries unanswered.",
        '{{ printf "%.0f" $value }} query(ies) put to '
        f"{_who('droid')} went unanswered in the last {limit.window}; the limit is 0.",
        cause="unanswered",
    )


def _communication_conflicts(limit: Threshold = thresholds.COMMUNICATION_CONFLICTS) -> Alert:
    return Alert(
        limit,
        PATTERNS_BOARD,
        _PATTERN,
        f"{_ALL.increase(metrics.CONFLICTS, _PATTERN, limit.window)} > {number(limit.limit + 0.5)}",
        "Droids are in conflict.",
        '{{ printf "%.0f" $value }} conflict(s) between droids in '
        f"{_who('pattern')} in the last {limit.window}; the limit is {number(limit.limit)}.",
    )


def specified_alerts() -> tuple[Alert, ...]:
    """
    The rules of the specification's alerts, in its order.
    """
    return (
        _low_success_rate(),
        _long_duration(),
        _high_error_rate(),
        _low_code_quality(),
        _security_issues(),
        _slow_responses(),
        _unanswered_queries(),
        _communication_conflicts(),
    )


def alert_groups(links: Links) -> dict[str, object]:
    """
    The rule file of the alerts: one group a category, and one for the exporter itself.
    """
    alerts = specified_alerts()
    categories = dict.fromkeys(alert.threshold.category for alert in alerts)
    groups: list[dict[str, object]] = [
        {
            "name": f"droidscope-{category}",
            "rules": [_rule(alert, links) for alert in alerts if alert.threshold.category == category],
        }
        for category in categories
    ]
    return {"groups": [*groups, {"name": "droidscope-health", "rules": _health_rules(links)}]}


def _rule(alert: Alert, links: Links) -> dict[str, object]:
    limit = alert.threshold
    timing = {"for": limit.hold if limit.hold != "0m" else "", "keep_firing_for": alert.keep_firing_for}
    labels = {"severity": str(limit.severity), "category": limit.category, "cause": alert.cause}
    return {
        "alert": limit.name,
        "expr": alert.expr,
        **_given(timing),
        "labels": _given(labels),
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "action": limit.action,
            "runbook_url": _runbook(limit.name, links),
            "dashboard_url": _dashboard(alert, links),
        },
    }


def _health_rules(links: Links) -> list[dict[str, object]]:
    return [
        {
            "alert": DOWN,
            # The comparison makes it speak when targets are down as well as when there are none.
            "expr": f'absent(up{{job="{JOB}"}} == 1)',
            "for": "5m",
            "labels": {"severity": str(Severity.CRITICAL), "category": "health"},
            "annotations": {
                "summary": "No droidscope exporter is up.",
                "description": "For 5 minutes no exporter has been scraped; limits are not watched, "
                "and the other alerts are muted.",
                "action": "restore_exporter",
                "runbook_url": _runbook(DOWN, links),
                "dashboard_url": f"{links.grafana}/d/{OVERVIEW_BOARD}",
            },
        },
        {
            "alert": INSTANCE_DOWN,
            "expr": f'up{{job="{JOB}"}} == 0',
            "for": "5m",
            "labels": {"severity": str(Severity.HIGH), "category": "health"},
            "annotations": {
                "summary": "A droidscope exporter is down.",
                "description": "The exporter {{ $labels.instance }} has not answered a scrape for 5 minutes.",
                "action": "restore_exporter",
                "runbook_url": _runbook(INSTANCE_DOWN, links),
                "dashboard_url": f"{links.grafana}/d/{OVERVIEW_BOARD}",
            },
        },
        {
            "alert": WATCHDOG,
            "expr": "vector(1)",
            "labels": {"severity": "none", "category": "health"},
            "annotations": {
                "summary": "The way from Prometheus to the receiver works.",
                "description": "Always firing: its absence at the receiver is the alarm.",
                "action": "none",
                "runbook_url": _runbook(WATCHDOG, links),
                "dashboard_url": f"{links.grafana}/d/{OVERVIEW_BOARD}",
            },
        },
    ]


def _runbook(name: str, links: Links) -> str:
    return f"{links.runbooks}/{name}.md"


def _dashboard(alert: Alert, links: Links) -> str:
    shown = [label for label in alert.subject if label != "pattern" or alert.board == PATTERNS_BOARD]
    variables = "&".join(f"var-{label}={{{{ $labels.{label} | urlquery }}}}" for label in shown)
    return f"{links.grafana}/d/{alert.board}?{variables}"


def _given(fields: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}


def _name(label: str) -> str:
    return f'{label} {{{{ or $labels.{label} "(none)" }}}}'


def _who(label: str) -> str:
    return f"{_name(label)} of {{{{ $labels.orchestrator }}}}"


def _percent(ratio: float) -> str:
    return f"{number(ratio * 100)}%"


def _duration(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{number(seconds / size)} {unit}"
    return f"{number(seconds)} s"
