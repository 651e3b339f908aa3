"""
KPIs of the droids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.conventions import metrics, thresholds
from droidscope.conventions.scoring import EFFICIENCY_FORMULA
from droidscope.rules import recordings
from droidscope.rules.promql import quotient
from droidscope_boards.droids.scope import DROID, SCOPE, WINDOW, errors, task_success
from droidscope_boards.droids.status import STATUSES, load, status
from droidscope_boards.layout import Row
from droidscope_boards.panels import PanelQuery, bar_gauge_panel, limited, stat_panel, timeseries_panel
from droidscope_boards.styles import RATIO, SECONDS, SHORT, STATE, high_is_bad, low_is_bad
from droidscope_boards.tables import Column, table_panel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grafana_foundation_sdk.builders import bargauge, stat, table, timeseries

    from droidscope_boards.limits import PanelLimits


def row(limits: PanelLimits) -> Row:
    """
    The row and its panels, from left to right.
    """
    return Row(
        100,
        "Overview",
        [
            tasks_stat(),
            success_stat(limits),
            duration_stat(),
            quality_stat(limits),
            error_stat(limits),
            attempts_active_stat(),
            droid_table(limits),
            efficiency_bars(),
            collaboration_bars(),
            efficiency_timeseries(),
            error_timeseries(limits),
        ],
    )


def tasks_stat() -> stat.Panel:
    """
    Tasks ended.
    """
    ended = SCOPE.judged(metrics.TASKS, (), WINDOW)
    return stat_panel(
        1,
        "Tasks",
        "Tasks that ended over the chosen window. Counted by Prometheus, so it may be off by one.",
        SHORT,
        PanelQuery(f"round({ended})"),
    )


def success_stat(limits: PanelLimits) -> stat.Panel:
    """
    Tasks completed of tasks ended.
    """
    return stat_panel(
        2,
        "Task success",
        "Tasks completed of those ended, by final outcome after all attempts, over the chosen window.",
        RATIO,
        PanelQuery(task_success(())),
    ).thresholds(low_is_bad(limits.success.limit, thresholds.SUCCESS_TARGET))


def duration_stat() -> stat.Panel:
    """
    Mean task duration.
    """
    return stat_panel(
        3,
        "Average task duration",
        "Mean duration of completed tasks over the chosen window.",
        SECONDS,
        PanelQuery(SCOPE.mean(metrics.TASK_DURATION, (), WINDOW)),
    )


def quality_stat(limits: PanelLimits) -> stat.Panel:
    """
    Mean code quality.
    """
    return stat_panel(
        4,
        "Code quality",
        "Mean code quality score of tasks over the chosen window, 0 to 100. " + limits.quality.note,
        SHORT,
        PanelQuery(SCOPE.mean(metrics.CODE_QUALITY, (), WINDOW)),
    ).thresholds(low_is_bad(limits.quality.limit))


def error_stat(limits: PanelLimits) -> stat.Panel:
    """
    Failed attempts of attempts.
    """
    return stat_panel(
        5,
        "Error rate",
        "Failed attempts of attempts over the chosen window. " + limits.errors.note,
        RATIO,
        PanelQuery(errors(())),
    ).thresholds(high_is_bad(limits.errors.limit))


def attempts_active_stat() -> stat.Panel:
    """
    Attempts in flight.
    """
    return stat_panel(
        6,
        "Attempts in flight",
        "Attempts that have started and not ended.",
        SHORT,
        PanelQuery(f"sum({SCOPE.select(metrics.ATTEMPTS_ACTIVE)})"),
    )


def droid_table(limits: PanelLimits) -> table.Panel:
    """
    All KPIs of each droid.
    """
    return table_panel(
        10,
        "KPIs of each droid",
        f"KPIs of each droid over the chosen window. Efficiency = 100 x ({EFFICIENCY_FORMULA}), "
        "its weights redistributed over the parts that are known. Status is over 24 h; load = attempts in "
        "flight / the droid's limit (setting droid_limits; absent without one). " + limits.errors.note,
        {"droid": "Droid", "orchestrator": "Orchestrator"},
        [*_score_columns(limits), *_status_columns()],
        sort="Efficiency",
    )


def _score_columns(limits: PanelLimits) -> Iterator[Column]:
    kpi = SCOPE.kpi
    efficient = low_is_bad(thresholds.EFFICIENCY_LOW)
    success = low_is_bad(limits.success.limit, thresholds.SUCCESS_TARGET)
    good = low_is_bad(limits.quality.limit)
    yield Column("Efficiency", kpi(metrics.DROID_EFFICIENCY_SCORE, DROID), SHORT, efficient)
    yield Column("Tasks", kpi(metrics.samples_of(metrics.DROID_TASK_COMPLETION_RATIO), DROID), SHORT)
    yield Column("Task success", kpi(metrics.DROID_TASK_COMPLETION_RATIO, DROID), RATIO, success)
    yield Column("Average duration", SCOPE.mean(metrics.TASK_DURATION, DROID, WINDOW), SECONDS)
    yield Column("Quality", kpi(metrics.DROID_CODE_QUALITY_SCORE, DROID), SHORT, good)
    yield Column("Collaboration", kpi(metrics.DROID_COLLABORATION_SCORE, DROID), SHORT, efficient)
    yield Column("Errors", kpi(metrics.DROID_ERROR_RATIO, DROID), RATIO, high_is_bad(limits.errors.limit))
    yield Column("Retries", kpi(metrics.DROID_RETRY_RATIO, DROID), RATIO)
    yield Column("Response", kpi(metrics.DROID_RESPONSE_SCORE, DROID), SHORT)


def _status_columns() -> Iterator[Column]:
    yield Column("Status", status(), STATE, names=STATUSES)
    yield Column("In flight", SCOPE.newest(metrics.ATTEMPTS_ACTIVE, DROID), SHORT)
    yield Column("Load", load(), RATIO, high_is_bad(1), bar=1)


def efficiency_bars() -> bargauge.Panel:
    """
    Efficiency score of each droid.
    """
    panel = bar_gauge_panel(
        11,
        "Efficiency",
        f"Efficiency score over the chosen window, 0 to 100; below {thresholds.EFFICIENCY_LOW:g} a droid "
        "needs improvement. Absent while less than half of its weight is known.",
        SHORT,
        PanelQuery(f"sort_desc({SCOPE.kpi(metrics.DROID_EFFICIENCY_SCORE, DROID)})", "{{droid}}"),
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
        "chosen window, 0 to 100.",
        SHORT,
        PanelQuery(f"sort_desc({SCOPE.kpi(metrics.DROID_COLLABORATION_SCORE, DROID)})", "{{droid}}"),
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
        PanelQuery(SCOPE.kpi(metrics.DROID_EFFICIENCY_SCORE, DROID), "{{droid}}"),
    )
    return limited(panel.max(100), low_is_bad(thresholds.EFFICIENCY_LOW))


def error_timeseries(limits: PanelLimits) -> timeseries.Panel:
    """
    Error ratio over time.
    """
    failed, attempts = (
        SCOPE.recorded_sum(rule, DROID) for rule in (recordings.ATTEMPTS_FAILED, recordings.ATTEMPTS)
    )
    panel = timeseries_panel(
        14,
        "Error rate over time",
        "Failed attempts of attempts, each point over the hour before it. " + limits.errors.note,
        RATIO,
        PanelQuery(quotient(failed, attempts), "{{droid}}"),
    )
    return limited(panel.max(1), high_is_bad(limits.errors.limit))
