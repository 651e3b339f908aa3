"""
Efficiency of patterns, and cost per success.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.conventions import metrics, thresholds
from droidscope.conventions.attributes import Outcome
from droidscope.conventions.matchers import outcome_is
from droidscope.rules import recordings
from droidscope.rules.promql import quotient, wilson_lower
from droidscope_boards.layout import Row
from droidscope_boards.panels import PanelQuery, limited, timeseries_panel
from droidscope_boards.patterns.scope import PATTERN, SCOPE, WINDOW
from droidscope_boards.styles import RATIO, SECONDS, SHORT, USD, high_is_bad, low_is_bad
from droidscope_boards.tables import Column, table_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import table, timeseries

    from droidscope_boards.limits import PanelLimits


def row(limits: PanelLimits) -> Row:
    """
    The row and its panels, from left to right.
    """
    return Row(
        100,
        "Efficiency",
        [
            efficiency_table(limits),
            success_timeseries(limits),
            duration_timeseries(limits),
            quality_timeseries(limits),
            cost_per_success_timeseries(),
        ],
    )


def efficiency_table(limits: PanelLimits) -> table.Panel:
    """
    KPIs of each pattern.
    """
    kpi = SCOPE.kpi
    success = kpi(metrics.PATTERN_SUCCESS_RATIO, PATTERN)
    sessions = kpi(metrics.samples_of(metrics.PATTERN_SUCCESS_RATIO), PATTERN)
    return table_panel(
        1,
        "Pattern efficiency",
        "KPIs of each pattern over the chosen window. Lower bound: of the 95% Wilson interval of success; "
        "cost efficiency = the reference cost of a success (a budget, else its usual cost) / its cost, "
        "at most 1. " + limits.success.note,
        {"pattern": "Pattern", "orchestrator": "Orchestrator"},
        [
            Column("Sessions", sessions, SHORT),
            Column("Success", success, RATIO, low_is_bad(limits.success.limit, thresholds.SUCCESS_TARGET)),
            Column("Success, lower bound", wilson_lower(success, f"({sessions} > 0)"), RATIO),
            Column(
                "Average duration",
                SCOPE.mean(metrics.SESSION_DURATION, PATTERN, WINDOW, outcome_is(Outcome.COMPLETED)),
                SECONDS,
                high_is_bad(limits.duration.limit),
            ),
            Column("Cost efficiency", kpi(metrics.PATTERN_COST_EFFICIENCY_RATIO, PATTERN), RATIO),
            Column("Cost per success", kpi(metrics.PATTERN_COST_PER_SUCCESS, PATTERN), USD),
            Column(
                "Quality",
                kpi(metrics.PATTERN_CODE_QUALITY_SCORE, PATTERN),
                SHORT,
                low_is_bad(limits.quality.limit),
            ),
        ],
        sort="Success, lower bound",
    )


def success_timeseries(limits: PanelLimits) -> timeseries.Panel:
    """
    Success ratio of each pattern.
    """
    bad, ended = (
        SCOPE.recorded_sum(rule, PATTERN) for rule in (recordings.SESSIONS_UNSUCCESSFUL, recordings.SESSIONS)
    )
    panel = timeseries_panel(
        2,
        "Success rate",
        "Sessions completed of those completed, failed or lost, each point over the hour before it. "
        + limits.success.note,
        RATIO,
        PanelQuery(f"1 - {quotient(bad, ended)}", "{{pattern}}"),
    )
    return limited(panel.max(1), low_is_bad(limits.success.limit, thresholds.SUCCESS_TARGET))


def duration_timeseries(limits: PanelLimits) -> timeseries.Panel:
    """
    Mean session duration of each pattern.
    """
    total, count = (
        SCOPE.recorded_sum(rule, PATTERN)
        for rule in (recordings.SESSION_DURATION_SUM, recordings.SESSION_DURATION_COUNT)
    )
    panel = timeseries_panel(
        3,
        "Session duration",
        "Mean duration of completed sessions, each point over the hour before it. " + limits.duration.note,
        SECONDS,
        PanelQuery(quotient(total, count), "{{pattern}}"),
    )
    return limited(panel, high_is_bad(limits.duration.limit))


def quality_timeseries(limits: PanelLimits) -> timeseries.Panel:
    """
    Mean code quality of each pattern.
    """
    total, count = (
        SCOPE.recorded_sum(rule, PATTERN)
        for rule in (recordings.CODE_QUALITY_SUM, recordings.CODE_QUALITY_COUNT)
    )
    panel = timeseries_panel(
        4,
        "Code quality",
        "Mean code quality score of the tasks done in each pattern, 0 to 100, each point over the "
        "hour before it.",
        SHORT,
        PanelQuery(quotient(total, count), "{{pattern}}"),
    )
    return limited(panel.max(100), low_is_bad(limits.quality.limit))


def cost_per_success_timeseries() -> timeseries.Panel:
    """
    Cost per success of each pattern.
    """
    return timeseries_panel(
        5,
        "Cost per success",
        "Cost of all executions, failed ones too, per successful one, each point over the "
        "chosen window before it.",
        USD,
        PanelQuery(SCOPE.kpi(metrics.PATTERN_COST_PER_SUCCESS, PATTERN), "{{pattern}}"),
    )
