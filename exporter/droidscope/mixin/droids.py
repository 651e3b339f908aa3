"""
The Droids board: each droid's work, its communication, the quality of its outputs, and its usage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from droidscope.conventions import metrics, thresholds
from droidscope.mixin import recording
from droidscope.mixin.alerts import DROIDS_BOARD
from droidscope.mixin.boards import Row, board, droid_variable
from droidscope.mixin.panels import (
    RATIO,
    SECONDS,
    SHORT,
    USD,
    Column,
    Query,
    alert_note,
    bar_gauge_panel,
    heatmap_panel,
    high_is_bad,
    limited,
    low_is_bad,
    matrix_panel,
    node_graph_panel,
    stat_panel,
    table_panel,
    timeseries_panel,
)
from droidscope.mixin.promql import Scope, quotient

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import (
        bargauge,
        dashboard,
        heatmap,
        nodegraph,
        stat,
        table,
        timeseries,
    )

SCOPE: Final = Scope(("orchestrator", "droid"))
_DROID: Final = ("orchestrator", "droid")
_WINDOW: Final = "$window"
_ERRORS: Final = thresholds.HIGH_ERROR_RATE
_QUALITY: Final = thresholds.LOW_CODE_QUALITY
_RESPONSE: Final = thresholds.RESPONSE_TIME_HIGH


def droids() -> dashboard.Dashboard:
    """
    The page, from top to bottom.
    """
    return board(
        DROIDS_BOARD,
        "Droids",
        "Work, collaboration and output quality of each droid.",
        [droid_variable()],
        [
            Row(
                100,
                "Overview",
                [
                    tasks_stat(),
                    success_stat(),
                    duration_stat(),
                    quality_stat(),
                    error_stat(),
                    attempts_active_stat(),
                    droid_table(),
                    efficiency_bars(),
                    collaboration_bars(),
                    efficiency_timeseries(),
                    error_timeseries(),
                ],
            ),
            Row(101, "By task type", [task_type_table()]),
            Row(
                102,
                "Collaboration",
                [
                    messages_graph(),
                    messages_matrix(),
                    messages_timeseries(),
                    queries_timeseries(),
                    response_heatmap(),
                    response_timeseries(),
                ],
            ),
            Row(
                103,
                "Quality",
                [
                    code_quality_timeseries(),
                    coverage_timeseries(),
                    security_timeseries(),
                    consistency_bars(),
                    findings_table(),
                    findings_timeseries(),
                ],
            ),
            Row(104, "Usage", [tokens_timeseries(), cost_timeseries(), tools_table()]),
        ],
    )


# --- overview -----------------------------------------------------------------------------------


def tasks_stat() -> stat.Panel:
    """
    Tasks ended.
    """
    ended = SCOPE.increase(metrics.TASKS, (), _WINDOW)
    return stat_panel(
        1,
        "Tasks",
        "Tasks the chosen droids ended over the chosen window. Counted by Prometheus, so give or take one.",
        SHORT,
        Query(f"round({ended})"),
    )


def success_stat() -> stat.Panel:
    """
    Tasks completed of tasks ended.
    """
    return stat_panel(
        2,
        "Task success",
        "Tasks completed of those ended, by final outcome after all attempts, over the chosen window.",
        RATIO,
        Query(_task_success(())),
    ).thresholds(low_is_bad(thresholds.LOW_SUCCESS_RATE.limit, thresholds.SUCCESS_TARGET))


def duration_stat() -> stat.Panel:
    """
    Mean task duration.
    """
    return stat_panel(
        3,
        "Average task duration",
        "Mean duration of completed tasks over the chosen window.",
        SECONDS,
        Query(SCOPE.mean(metrics.TASK_DURATION, (), _WINDOW)),
    )


def quality_stat() -> stat.Panel:
    """
    Mean code quality.
    """
    return stat_panel(
        4,
        "Code quality",
        "Mean code quality score of tasks over the chosen window, 0 to 100. " + alert_note(_QUALITY),
        SHORT,
        Query(SCOPE.mean(metrics.CODE_QUALITY, (), _WINDOW)),
    ).thresholds(low_is_bad(_QUALITY.limit))


def error_stat() -> stat.Panel:
    """
    Failed attempts of attempts.
    """
    return stat_panel(
        5,
        "Error rate",
        "Failed attempts of attempts over the chosen window. " + alert_note(_ERRORS),
        RATIO,
        Query(_errors(())),
    ).thresholds(high_is_bad(_ERRORS.limit))


def attempts_active_stat() -> stat.Panel:
    """
    Attempts in flight.
    """
    return stat_panel(
        6,
        "Attempts in flight",
        "Attempts that have started and not ended.",
        SHORT,
        Query(f"sum({SCOPE.select(metrics.ATTEMPTS_ACTIVE)})"),
    )


def droid_table() -> table.Panel:
    """
    All KPIs of each droid.
    """
    kpi = SCOPE.kpi
    return table_panel(
        10,
        "KPIs of each droid",
        "KPIs of each droid over the chosen window. Efficiency = 100 x (0.30 task success + 0.25 "
        "quality + 0.20 "
        "collaboration + 0.15 (1 - errors) + 0.10 response), its weights shared out over the parts "
        "that are known. " + alert_note(_ERRORS),
        {"droid": "Droid", "orchestrator": "Orchestrator"},
        [
            Column(
                "Efficiency",
                kpi(metrics.DROID_EFFICIENCY_SCORE, _DROID),
                SHORT,
                low_is_bad(thresholds.EFFICIENCY_LOW),
            ),
            Column("Tasks", kpi(metrics.samples_of(metrics.DROID_TASK_COMPLETION_RATIO), _DROID), SHORT),
            Column(
                "Task success",
                kpi(metrics.DROID_TASK_COMPLETION_RATIO, _DROID),
                RATIO,
                low_is_bad(thresholds.LOW_SUCCESS_RATE.limit, thresholds.SUCCESS_TARGET),
            ),
            Column("Average duration", SCOPE.mean(metrics.TASK_DURATION, _DROID, _WINDOW), SECONDS),
            Column(
                "Quality", kpi(metrics.DROID_CODE_QUALITY_SCORE, _DROID), SHORT, low_is_bad(_QUALITY.limit)
            ),
            Column(
                "Collaboration",
                kpi(metrics.DROID_COLLABORATION_SCORE, _DROID),
                SHORT,
                low_is_bad(thresholds.EFFICIENCY_LOW),
            ),
            Column("Errors", kpi(metrics.DROID_ERROR_RATIO, _DROID), RATIO, high_is_bad(_ERRORS.limit)),
            Column("Retries", kpi(metrics.DROID_RETRY_RATIO, _DROID), RATIO),
            Column("Response", kpi(metrics.DROID_RESPONSE_SCORE, _DROID), SHORT),
        ],
        sort="Efficiency",
    )


def efficiency_bars() -> bargauge.Panel:
    """
    Efficiency score of each droid.
    """
    panel = bar_gauge_panel(
        11,
        "Efficiency",
        f"Efficiency score over the chosen window, 0 to 100; below {thresholds.EFFICIENCY_LOW:g} a "
        "droid needs "
        "improvement. Absent while less than half of its weight is known.",
        SHORT,
        Query(f"sort_desc({SCOPE.kpi(metrics.DROID_EFFICIENCY_SCORE, _DROID)})", "{{droid}}"),
    )
    return panel.max(100).thresholds(low_is_bad(thresholds.EFFICIENCY_LOW))


def collaboration_bars() -> bargauge.Panel:
    """
    Collaboration score of each droid.
    """
    panel = bar_gauge_panel(
        12,
        "Collaboration",
        "100 x (0.4 balance of messages sent + 0.3 response + 0.3 queries answered in time) over the "
        "chosen window, "
        "0 to 100.",
        SHORT,
        Query(f"sort_desc({SCOPE.kpi(metrics.DROID_COLLABORATION_SCORE, _DROID)})", "{{droid}}"),
    )
    return panel.max(100).thresholds(low_is_bad(thresholds.EFFICIENCY_LOW))


def efficiency_timeseries() -> timeseries.Panel:
    """
    Efficiency score over time.
    """
    panel = timeseries_panel(
        13,
        "Efficiency over time",
        "Efficiency score of each droid, each point over the chosen window before it, 0 to 100.",
        SHORT,
        Query(SCOPE.kpi(metrics.DROID_EFFICIENCY_SCORE, _DROID), "{{droid}}"),
    )
    return limited(panel.max(100), low_is_bad(thresholds.EFFICIENCY_LOW))


def error_timeseries() -> timeseries.Panel:
    """
    Error ratio over time.
    """
    failed, attempts = (
        SCOPE.recorded_sum(rule, _DROID) for rule in (recording.ATTEMPTS_FAILED, recording.ATTEMPTS)
    )
    panel = timeseries_panel(
        14,
        "Error rate over time",
        "Failed attempts of attempts, each point over the hour before it. " + alert_note(_ERRORS),
        RATIO,
        Query(quotient(failed, attempts), "{{droid}}"),
    )
    return limited(panel.max(1), high_is_bad(_ERRORS.limit))


# --- by task type -------------------------------------------------------------------------------


def task_type_table() -> table.Panel:
    """
    Work of each droid by task type.
    """
    by = (*_DROID, "task_type")
    retries, attempts = (
        SCOPE.increase(metric, by, _WINDOW) for metric in (metrics.RETRIES, metrics.ATTEMPTS)
    )
    return table_panel(
        20,
        "Performance by task type",
        "Tasks of each droid and type over the chosen window: counts are by Prometheus, so give or take one.",
        {"droid": "Droid", "task_type": "Task type", "orchestrator": "Orchestrator"},
        [
            Column("Tasks", f"round({SCOPE.increase(metrics.TASKS, by, _WINDOW)})", SHORT),
            Column(
                "Task success",
                _task_success(by),
                RATIO,
                low_is_bad(thresholds.LOW_SUCCESS_RATE.limit, thresholds.SUCCESS_TARGET),
            ),
            Column("Errors", _errors(by), RATIO, high_is_bad(_ERRORS.limit)),
            Column("Retries", quotient(retries, attempts), RATIO),
            Column("Average duration", SCOPE.mean(metrics.TASK_DURATION, by, _WINDOW), SECONDS),
            Column(
                "Quality", SCOPE.mean(metrics.CODE_QUALITY, by, _WINDOW), SHORT, low_is_bad(_QUALITY.limit)
            ),
        ],
        sort="Tasks",
    )


# --- collaboration ------------------------------------------------------------------------------


def messages_graph() -> nodegraph.Panel:
    """
    Who writes to whom.
    """
    joined = f'label_join({_edges()}, "id", "->", "source", "target")'
    return node_graph_panel(
        30,
        "Collaboration network",
        "Messages between droids over the time shown: an edge's figure is how many, a node's how "
        "many it received. "
        "At most 500 edges an orchestrator.",
        SHORT,
        joined,
    )


def messages_matrix() -> table.Panel:
    """
    The network as a table.
    """
    return matrix_panel(
        31,
        "Messages by sender and receiver",
        "Messages over the time shown, the sender in the row, the receiver in the column: the "
        "network as a table.",
        SHORT,
        _edges(),
        "source",
        "target",
    ).height(12)


def messages_timeseries() -> timeseries.Panel:
    """
    Messages per hour by type.
    """
    return timeseries_panel(
        32,
        "Messages per hour",
        "Messages sent in the hour before each point, by type; the variable droid does not apply.",
        SHORT,
        Query(SCOPE.increase(metrics.MESSAGES, ("message_type",), "1h"), "{{message_type}}"),
    )


def queries_timeseries() -> timeseries.Panel:
    """
    Queries per hour by outcome.
    """
    return timeseries_panel(
        33,
        "Queries per hour",
        "Queries put to the chosen droids in the hour before each point, by what became of them; "
        "answered means in "
        "time. " + alert_note(_RESPONSE) + " It also fires on any query left unanswered.",
        SHORT,
        Query(SCOPE.increase(metrics.QUERIES, ("outcome",), "1h"), "{{outcome}}"),
    )


def response_heatmap() -> heatmap.Panel:
    """
    Distribution of response times.
    """
    return heatmap_panel(
        34,
        "Response times",
        "Answers to queries by how long they took; the colour is how many.",
        SECONDS,
        Query(SCOPE.increase(metrics.QUERY_RESPONSE, ("le",), "$__rate_interval", part="bucket")),
    )


def response_timeseries() -> timeseries.Panel:
    """
    Response time: mean, p50, p95.
    """
    panel = timeseries_panel(
        35,
        "Response time",
        "Time to the answer of a query put to the chosen droids, each point over the hour before it; "
        "quantiles from "
        "buckets. " + alert_note(_RESPONSE),
        SECONDS,
        Query(SCOPE.mean(metrics.QUERY_RESPONSE, (), "1h"), "mean"),
        Query(SCOPE.quantile(0.5, metrics.QUERY_RESPONSE, (), "1h"), "p50"),
        Query(SCOPE.quantile(0.95, metrics.QUERY_RESPONSE, (), "1h"), "p95"),
    )
    return limited(panel.height(9), high_is_bad(_RESPONSE.limit))


# --- quality ------------------------------------------------------------------------------------


def code_quality_timeseries() -> timeseries.Panel:
    """
    Mean code quality of each droid.
    """
    total, count = (
        SCOPE.recorded_sum(rule, _DROID)
        for rule in (recording.CODE_QUALITY_SUM, recording.CODE_QUALITY_COUNT)
    )
    panel = timeseries_panel(
        40,
        "Code quality over time",
        "Mean code quality score of each droid's tasks, 0 to 100, each point over the hour before it. "
        + alert_note(_QUALITY),
        SHORT,
        Query(quotient(total, count), "{{droid}}"),
    )
    return limited(panel.max(100), low_is_bad(_QUALITY.limit))


def coverage_timeseries() -> timeseries.Panel:
    """
    Mean test coverage of each droid.
    """
    return timeseries_panel(
        41,
        "Test coverage",
        "Mean test coverage of each droid's tasks, 0 to 100, each point over the hour before it.",
        SHORT,
        Query(SCOPE.mean(metrics.TEST_COVERAGE, _DROID, "1h"), "{{droid}}"),
    ).max(100)


def security_timeseries() -> timeseries.Panel:
    """
    Mean security score of each droid.
    """
    return timeseries_panel(
        42,
        "Security score",
        "Mean security score of each droid's tasks, 0 to 100, each point over the hour before it.",
        SHORT,
        Query(SCOPE.mean(metrics.SECURITY, _DROID, "1h"), "{{droid}}"),
    ).max(100)


def consistency_bars() -> bargauge.Panel:
    """
    Quality consistency of each droid.
    """
    return bar_gauge_panel(
        43,
        "Quality consistency",
        "1 - SD / 50 of a droid's code quality scores over the chosen window, from 3 scores; 100 % "
        "is always alike.",
        RATIO,
        Query(f"sort_desc({SCOPE.kpi(metrics.DROID_QUALITY_CONSISTENCY_RATIO, _DROID)})", "{{droid}}"),
    ).max(1)


def findings_table() -> table.Panel:
    """
    Security findings open now.
    """
    by = (*_DROID, "pattern", "finding_severity")
    return table_panel(
        44,
        "Open security findings",
        "Findings of each droid's latest report in a pattern, by severity as reported. "
        + alert_note(thresholds.SECURITY_ISSUES),
        {
            "droid": "Droid",
            "pattern": "Pattern",
            "finding_severity": "Finding",
            "orchestrator": "Orchestrator",
        },
        [
            Column("Open", f"{SCOPE.newest(metrics.FINDINGS_OPEN, by)} > 0", SHORT, high_is_bad(1)),
        ],
        sort="Open",
    ).span(12)


def findings_timeseries() -> timeseries.Panel:
    """
    Findings reported per hour, by severity.
    """
    return timeseries_panel(
        45,
        "Security findings reported per hour",
        "Findings that reports of the hour before each point named, by severity.",
        SHORT,
        Query(SCOPE.increase(metrics.SECURITY_FINDINGS, ("finding_severity",), "1h"), "{{finding_severity}}"),
    ).height(9)


# --- usage --------------------------------------------------------------------------------------


def tokens_timeseries() -> timeseries.Panel:
    """
    Tokens per hour by direction.
    """
    return timeseries_panel(
        50,
        "Tokens per hour",
        "Tokens the chosen droids used in the hour before each point, by direction.",
        SHORT,
        Query(SCOPE.increase(metrics.TOKENS, ("direction",), "1h"), "{{direction}}"),
    )


def cost_timeseries() -> timeseries.Panel:
    """
    Cost per hour of each droid.
    """
    return timeseries_panel(
        51,
        "Cost per hour",
        "Cost of each droid in the hour before each point, as reported or priced.",
        USD,
        Query(SCOPE.increase(metrics.COST, _DROID, "1h"), "{{droid}}"),
    )


def tools_table() -> table.Panel:
    """
    Tool calls of each droid.
    """
    by = (*_DROID, "tool")
    failed, calls = (
        SCOPE.increase(metrics.TOOL_CALLS, by, _WINDOW, *matchers) for matchers in (('outcome="failed"',), ())
    )
    return table_panel(
        52,
        "Tools",
        "Tool calls of each droid over the chosen window, and how many of them failed.",
        {"droid": "Droid", "tool": "Tool", "orchestrator": "Orchestrator"},
        [Column("Calls", f"round({calls})", SHORT), Column("Failed", quotient(failed, calls), RATIO)],
        sort="Calls",
    )


# --- queries ------------------------------------------------------------------------------------


def _task_success(by: tuple[str, ...]) -> str:
    failed = SCOPE.increase(metrics.TASKS, by, _WINDOW, 'outcome="failed"')
    return f"1 - {quotient(failed, SCOPE.increase(metrics.TASKS, by, _WINDOW))}"


def _errors(by: tuple[str, ...]) -> str:
    failed = SCOPE.increase(metrics.ATTEMPTS, by, _WINDOW, 'outcome="failed"')
    return quotient(failed, SCOPE.increase(metrics.ATTEMPTS, by, _WINDOW))


def _edges() -> str:
    # The graph looks for labels called source and target; joining one label copies it.
    sent = SCOPE.increase(
        metrics.MESSAGE_EDGES, ("sender", "receiver"), "$__range", 'sender!=""', 'receiver!=""'
    )
    renamed = f'label_join(label_join({sent} > 0, "source", "", "sender"), "target", "", "receiver")'
    return f"round(sum by (source, target) ({renamed}))"
