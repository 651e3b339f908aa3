"""
The Overview board: how the orchestrators do today, what runs now, trends, the best, and alerts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMappingResult

from droidscope.conventions import metrics, thresholds
from droidscope.conventions.attributes import Severity
from droidscope.mixin import recording
from droidscope.mixin.alerts import DROIDS_BOARD, OVERVIEW_BOARD, PATTERNS_BOARD
from droidscope.mixin.boards import Row, board, pattern_variable
from droidscope.mixin.panels import (
    ORANGE,
    RATIO,
    RED,
    SECONDS,
    SHORT,
    STATE,
    USD,
    Column,
    Query,
    alert_note,
    high_is_bad,
    label_table_panel,
    limited,
    linked,
    low_is_bad,
    stat_panel,
    table_panel,
    timeseries_panel,
    today_panel,
)
from droidscope.mixin.promql import RANKED_FROM, Scope, quotient, wilson_lower

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import stat, table, timeseries

SCOPE: Final = Scope(("orchestrator", "pattern"))
_FLEET: Final = ("orchestrator",)
_SUCCESS: Final = thresholds.LOW_SUCCESS_RATE
_LEVELS: Final = {
    Severity.CRITICAL: (4, RED),
    Severity.HIGH: (3, RED),
    Severity.MEDIUM: (2, ORANGE),
    Severity.LOW: (1, "yellow"),
}
_ALERT_KEYS: Final = {
    "alertname": "Alert",
    "severity": "Severity",
    "orchestrator": "Orchestrator",
    "pattern": "Pattern",
    "droid": "Droid",
    "finding_severity": "Finding",
    "cause": "Cause",
    "instance": "Instance",
}


def overview() -> dashboard.Dashboard:
    """
    The page, from top to bottom.
    """
    return board(
        OVERVIEW_BOARD,
        "Overview",
        "Sessions, tasks and alerts of all orchestrators.",
        [pattern_variable()],
        [
            Row(
                100,
                "Today",
                [
                    active_sessions_stat(),
                    completed_today_stat(),
                    success_rate_today_stat(),
                    average_duration_today_stat(),
                    efficiency_stat(),
                    alert_level_stat(),
                ],
            ),
            Row(
                101,
                "Active now",
                [active_sessions_table(), sessions_running_timeseries(), phases_timeseries()],
            ),
            Row(
                102,
                "Trends",
                [
                    success_rate_timeseries(),
                    duration_timeseries(),
                    quality_timeseries(),
                    error_rate_timeseries(),
                    sessions_ended_timeseries(),
                    cost_timeseries(),
                ],
            ),
            Row(103, "Top performers", [top_droids_table(), top_patterns_table()]),
            Row(104, "Alerts", [critical_alerts_table(), warnings_table()]),
            Row(
                105,
                "Telemetry",
                [
                    completeness_timeseries(),
                    received_timeseries(),
                    rejected_timeseries(),
                    overflow_timeseries(),
                ],
            ),
        ],
    )


# --- today --------------------------------------------------------------------------------------


def active_sessions_stat() -> stat.Panel:
    """
    Sessions running now.
    """
    return stat_panel(
        1,
        "Active sessions",
        "Sessions running now.",
        SHORT,
        Query(f"sum({SCOPE.select(metrics.SESSIONS_ACTIVE)})"),
    )


def completed_today_stat() -> stat.Panel:
    """
    Sessions completed since midnight.
    """
    completed = SCOPE.increase(metrics.SESSIONS, (), "$__range", 'outcome="completed"')
    return today_panel(
        2,
        "Completed today",
        "Sessions completed since midnight. Counted by Prometheus, so give or take one; reports are exact.",
        SHORT,
        Query(f"round({completed})"),
    )


def success_rate_today_stat() -> stat.Panel:
    """
    Success ratio since midnight.
    """
    return today_panel(
        3,
        "Success rate today",
        "Sessions completed of those completed, failed or lost since midnight. " + alert_note(_SUCCESS),
        RATIO,
        Query(SCOPE.success((), "$__range")),
    ).thresholds(low_is_bad(_SUCCESS.limit, thresholds.SUCCESS_TARGET))


def average_duration_today_stat() -> stat.Panel:
    """
    Mean duration since midnight.
    """
    return today_panel(
        4,
        "Average duration today",
        "Mean duration of the sessions completed since midnight. " + alert_note(thresholds.LONG_DURATION),
        SECONDS,
        Query(SCOPE.mean(metrics.SESSION_DURATION, (), "$__range", 'outcome="completed"')),
    ).thresholds(high_is_bad(thresholds.LONG_DURATION.limit))


def efficiency_stat() -> stat.Panel:
    """
    Efficiency score of each orchestrator.
    """
    return stat_panel(
        5,
        "Efficiency",
        "100 x (0.5 task completion + 0.3 phase success + 0.2 plan adherence) over the chosen "
        "window, 0 to 100, "
        "one figure an orchestrator.",
        SHORT,
        Query(SCOPE.kpi(metrics.EFFICIENCY_SCORE, _FLEET), "{{orchestrator}}"),
    ).thresholds(low_is_bad(thresholds.EFFICIENCY_LOW))


def alert_level_stat() -> stat.Panel:
    """
    The highest severity firing.
    """
    levels = " or ".join(f"{level} * {_alerts(severity)}" for severity, (level, _) in _LEVELS.items())
    named = {
        str(level): ValueMappingResult(text=str(severity), color=color)
        for severity, (level, color) in _LEVELS.items()
    }
    panel = stat_panel(
        6,
        "Alert level",
        "The highest severity of the alerts firing now: critical, high, medium or low.",
        STATE,
        Query(f"max({levels})"),
    )
    return panel.mappings([ValueMap(options=named)]).no_value("none")


# --- active now ---------------------------------------------------------------------------------


def active_sessions_table() -> table.Panel:
    """
    The running sessions.
    """
    by = ("orchestrator", "session_id", "pattern")
    start = SCOPE.newest(metrics.ACTIVE_SESSION_START, by)
    phase = SCOPE.newest(metrics.ACTIVE_SESSION_INFO, (*by, "phase"))
    return table_panel(
        10,
        "Running now",
        "Running sessions, the longest first; at most 100 of the oldest an orchestrator. Progress is "
        "what the "
        "orchestrator reported, else finished phases by their usual duration. "
        + alert_note(thresholds.LONG_DURATION),
        {"session_id": "Session", "orchestrator": "Orchestrator", "pattern": "Pattern", "phase": "Phase"},
        [
            Column(
                "Running for",
                f"(time() - {start}) * on ({', '.join(by)}) group_right () {phase}",
                SECONDS,
                high_is_bad(thresholds.LONG_DURATION.limit),
            ),
            Column("Progress", SCOPE.newest(metrics.ACTIVE_SESSION_PROGRESS, by), RATIO, bar=True),
            Column("Droids", SCOPE.newest(metrics.ACTIVE_SESSION_DROIDS, by), SHORT),
            Column("Conflicts", SCOPE.newest(metrics.ACTIVE_SESSION_CONFLICTS, by), SHORT, high_is_bad(1)),
        ],
        sort="Running for",
    )


def sessions_running_timeseries() -> timeseries.Panel:
    """
    Running sessions, and those in trouble.
    """
    states = (
        ("running", metrics.SESSIONS_ACTIVE),
        ("silent", metrics.SESSIONS_SILENT),
        ("stalled", metrics.SESSIONS_STALLED),
        ("over limit", metrics.SESSIONS_OVER_LIMIT),
    )
    return timeseries_panel(
        11,
        "Running sessions",
        "Sessions running; of them silent (nothing arrives), stalled (alive, no progress) and over "
        "their time "
        "limit. " + alert_note(thresholds.LONG_DURATION),
        SHORT,
        *(Query(f"sum({SCOPE.select(metric)})", legend) for legend, metric in states),
    )


def phases_timeseries() -> timeseries.Panel:
    """
    Phases running and blocked.
    """
    return timeseries_panel(
        12,
        "Phases in progress",
        "Phases running or blocked now. Blocked phases wait for something outside.",
        SHORT,
        Query(f"sum by (state) ({SCOPE.select(metrics.PHASES_ACTIVE)})", "{{state}}"),
    )


# --- trends -------------------------------------------------------------------------------------


def success_rate_timeseries() -> timeseries.Panel:
    """
    Success ratio of each orchestrator.
    """
    bad, ended = (
        SCOPE.recorded_sum(rule, _FLEET) for rule in (recording.SESSIONS_UNSUCCESSFUL, recording.SESSIONS)
    )
    panel = timeseries_panel(
        20,
        "Success rate",
        "Sessions completed of those completed, failed or lost, each point over the hour before it. "
        + alert_note(_SUCCESS),
        RATIO,
        Query(f"1 - {quotient(bad, ended)}", "{{orchestrator}}"),
    )
    return limited(panel.max(1), low_is_bad(_SUCCESS.limit, thresholds.SUCCESS_TARGET))


def duration_timeseries() -> timeseries.Panel:
    """
    Session duration: mean, p50, p95.
    """
    total, count = (
        SCOPE.recorded_sum(rule, ())
        for rule in (recording.SESSION_DURATION_SUM, recording.SESSION_DURATION_COUNT)
    )
    panel = timeseries_panel(
        21,
        "Session duration",
        "Duration of completed sessions, each point over the hour before it; quantiles from buckets. "
        + alert_note(thresholds.LONG_DURATION),
        SECONDS,
        Query(quotient(total, count), "mean"),
        *(
            Query(SCOPE.quantile(q, metrics.SESSION_DURATION, (), "1h", 'outcome="completed"'), legend)
            for q, legend in ((0.5, "p50"), (0.95, "p95"))
        ),
    )
    return limited(panel, high_is_bad(thresholds.LONG_DURATION.limit))


def quality_timeseries() -> timeseries.Panel:
    """
    Mean code quality of each orchestrator.
    """
    total, count = (
        SCOPE.recorded_sum(rule, _FLEET)
        for rule in (recording.CODE_QUALITY_SUM, recording.CODE_QUALITY_COUNT)
    )
    panel = timeseries_panel(
        22,
        "Code quality",
        "Mean code quality score of tasks, 0 to 100, each point over the hour before it. "
        + alert_note(thresholds.LOW_CODE_QUALITY),
        SHORT,
        Query(quotient(total, count), "{{orchestrator}}"),
    )
    return limited(panel.max(100), low_is_bad(thresholds.LOW_CODE_QUALITY.limit))


def error_rate_timeseries() -> timeseries.Panel:
    """
    Failed attempts of attempts, each orchestrator.
    """
    failed, attempts = (
        SCOPE.recorded_sum(rule, _FLEET) for rule in (recording.ATTEMPTS_FAILED, recording.ATTEMPTS)
    )
    panel = timeseries_panel(
        23,
        "Error rate",
        "Failed attempts of attempts by all droids, each point over the hour before it; the variable "
        "pattern does "
        "not apply. The alert is per droid. " + alert_note(thresholds.HIGH_ERROR_RATE),
        RATIO,
        Query(quotient(failed, attempts), "{{orchestrator}}"),
    )
    return limited(panel.max(1), high_is_bad(thresholds.HIGH_ERROR_RATE.limit))


def sessions_ended_timeseries() -> timeseries.Panel:
    """
    Sessions ended per hour, by outcome.
    """
    return timeseries_panel(
        24,
        "Sessions ended per hour",
        "Sessions that ended in the hour before each point, by outcome; lost ones fell silent for too long.",
        SHORT,
        Query(SCOPE.increase(metrics.SESSIONS, ("outcome",), "1h"), "{{outcome}}"),
    )


def cost_timeseries() -> timeseries.Panel:
    """
    Cost per hour of each orchestrator.
    """
    return timeseries_panel(
        25,
        "Cost per hour",
        "Cost of model usage in the hour before each point, as reported or priced; unpriced tokens "
        "cost nothing here.",
        USD,
        Query(SCOPE.increase(metrics.COST, _FLEET, "1h"), "{{orchestrator}}"),
    )


# --- top performers -----------------------------------------------------------------------------


def top_droids_table() -> table.Panel:
    """
    The most efficient droids.
    """
    efficiency, tasks = SCOPE.ranked(metrics.DROID_EFFICIENCY_SCORE, ("orchestrator", "droid"))
    panel = table_panel(
        30,
        "Most efficient droids",
        f"Droids by efficiency score over the chosen window, from {RANKED_FROM} tasks ended; the "
        "variable pattern "
        f"does not apply. Below {thresholds.EFFICIENCY_LOW:g} a droid needs improvement.",
        {"droid": "Droid", "orchestrator": "Orchestrator"},
        [
            Column("Efficiency", efficiency, SHORT, low_is_bad(thresholds.EFFICIENCY_LOW)),
            Column("Tasks", tasks, SHORT),
        ],
        sort="Efficiency",
        limit=10,
    )
    return linked(panel.span(12), "Droid", DROIDS_BOARD, "droid")


def top_patterns_table() -> table.Panel:
    """
    The most successful patterns.
    """
    success, sessions = SCOPE.ranked(metrics.PATTERN_SUCCESS_RATIO, ("orchestrator", "pattern"))
    panel = table_panel(
        31,
        "Most successful patterns",
        "Patterns by what their success is at least (lower end of the 95 % Wilson interval) over the "
        "chosen window, "
        f"from {RANKED_FROM} sessions ended. " + alert_note(_SUCCESS),
        {"pattern": "Pattern", "orchestrator": "Orchestrator"},
        [
            Column("At least", wilson_lower(success, sessions), RATIO),
            Column("Success", success, RATIO, low_is_bad(_SUCCESS.limit, thresholds.SUCCESS_TARGET)),
            Column("Sessions", sessions, SHORT),
        ],
        sort="At least",
        limit=10,
    )
    return linked(panel.span(12), "Pattern", PATTERNS_BOARD, "pattern")


# --- alerts -------------------------------------------------------------------------------------


def critical_alerts_table() -> table.Panel:
    """
    Critical and high alerts firing.
    """
    return _alert_table(40, "Critical", Severity.CRITICAL, Severity.HIGH)


def warnings_table() -> table.Panel:
    """
    Medium and low alerts firing.
    """
    return _alert_table(41, "Warnings", Severity.MEDIUM, Severity.LOW)


def _alert_table(id_: int, title: str, *severities: Severity) -> table.Panel:
    return label_table_panel(
        id_,
        title,
        f"Alerts of severity {' or '.join(severities)} that fire now; what each means is in its runbook.",
        _ALERT_KEYS,
        f"max by ({', '.join(_ALERT_KEYS)}) ({_alerts(*severities)})",
    ).no_value("none")


def _alerts(*severities: Severity) -> str:
    # Alerts about the exporter itself have no orchestrator, and show whichever is chosen.
    return (
        f'ALERTS{{alertstate="firing", severity=~"{"|".join(severities)}", orchestrator=~"$orchestrator|"}}'
    )


# --- telemetry ----------------------------------------------------------------------------------


def completeness_timeseries() -> timeseries.Panel:
    """
    Records stored of records emitted.
    """
    panel = timeseries_panel(
        50,
        "Completeness",
        "Records stored of those our instrumentation says it emitted, over the life of each process that "
        "reported within the last 24 h; below 100 % telemetry is lost on the way.",
        RATIO,
        Query(SCOPE.lowest(metrics.COMPLETENESS, _FLEET), "{{orchestrator}}"),
    )
    return limited(panel, low_is_bad(1))


def received_timeseries() -> timeseries.Panel:
    """
    Items received a second.
    """
    return timeseries_panel(
        51,
        "Received",
        "Spans, log records and metric points received by the exporters, by signal and what became of them.",
        "cps",
        Query(SCOPE.rate(metrics.RECEIVED, ("signal", "outcome")), "{{signal}} {{outcome}}"),
    )


def rejected_timeseries() -> timeseries.Panel:
    """
    Items refused a second, by reason.
    """
    return timeseries_panel(
        52,
        "Refused",
        "Requests and items the exporters refused, by reason.",
        "cps",
        Query(SCOPE.rate(metrics.REJECTED, ("reason",)), "{{reason}}"),
    )


def overflow_timeseries() -> timeseries.Panel:
    """
    Events counted under `other`, by label.
    """
    return timeseries_panel(
        53,
        "Label overflow",
        "Events counted under `other` because a label has reached its limit of values.",
        "cps",
        Query(SCOPE.rate(metrics.LABEL_OVERFLOW, ("orchestrator", "label")), "{{orchestrator}} {{label}}"),
    )
