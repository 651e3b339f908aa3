"""
Trends of success, duration, quality, errors and cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.conventions import metrics, thresholds
from droidscope.conventions.attributes import Outcome
from droidscope.conventions.matchers import outcome_is
from droidscope.rules import recordings
from droidscope.rules.promql import quotient
from droidscope_boards.layout import Row
from droidscope_boards.overview.scope import FLEET, SCOPE
from droidscope_boards.panels import PanelQuery, limited, timeseries_panel
from droidscope_boards.states import OUTCOMES, coloured
from droidscope_boards.styles import RATIO, SECONDS, SHORT, USD, high_is_bad, low_is_bad

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import timeseries

    from droidscope_boards.limits import PanelLimits


def row(limits: PanelLimits) -> Row:
    """
    The row and its panels, from left to right.
    """
    return Row(
        102,
        "Trends",
        [
            success_rate_timeseries(limits),
            duration_timeseries(limits),
            quality_timeseries(limits),
            error_rate_timeseries(limits),
            sessions_ended_timeseries(),
            cost_timeseries(),
        ],
    )


def success_rate_timeseries(limits: PanelLimits) -> timeseries.Panel:
    """
    Success ratio of each orchestrator.
    """
    bad, ended = (
        SCOPE.recorded_sum(rule, FLEET) for rule in (recordings.SESSIONS_UNSUCCESSFUL, recordings.SESSIONS)
    )
    panel = timeseries_panel(
        20,
        "Success rate",
        "Sessions completed of those completed, failed or lost, each point over the hour before it. "
        + limits.success.note,
        RATIO,
        PanelQuery(f"1 - {quotient(bad, ended)}", "{{orchestrator}}"),
    )
    return limited(panel.max(1), low_is_bad(limits.success.limit, thresholds.SUCCESS_TARGET))


def duration_timeseries(limits: PanelLimits) -> timeseries.Panel:
    """
    Session duration: mean, p50, p95.
    """
    total, count = (
        SCOPE.recorded_sum(rule, ())
        for rule in (recordings.SESSION_DURATION_SUM, recordings.SESSION_DURATION_COUNT)
    )
    panel = timeseries_panel(
        21,
        "Session duration",
        "Duration of completed sessions, each point over the hour before it; quantiles from buckets. "
        + limits.duration.note,
        SECONDS,
        PanelQuery(quotient(total, count), "mean"),
        *(
            PanelQuery(
                SCOPE.quantile(q, metrics.SESSION_DURATION, (), "1h", outcome_is(Outcome.COMPLETED)), legend
            )
            for q, legend in ((0.5, "p50"), (0.95, "p95"))
        ),
    )
    return limited(panel, high_is_bad(limits.duration.limit))


def quality_timeseries(limits: PanelLimits) -> timeseries.Panel:
    """
    Mean code quality of each orchestrator.
    """
    total, count = (
        SCOPE.recorded_sum(rule, FLEET)
        for rule in (recordings.CODE_QUALITY_SUM, recordings.CODE_QUALITY_COUNT)
    )
    panel = timeseries_panel(
        22,
        "Code quality",
        "Mean code quality score of tasks, 0 to 100, each point over the hour before it. "
        + limits.quality.note,
        SHORT,
        PanelQuery(quotient(total, count), "{{orchestrator}}"),
    )
    return limited(panel.max(100), low_is_bad(limits.quality.limit))


def error_rate_timeseries(limits: PanelLimits) -> timeseries.Panel:
    """
    Failed attempts of attempts, each orchestrator.
    """
    failed, attempts = (
        SCOPE.recorded_sum(rule, FLEET) for rule in (recordings.ATTEMPTS_FAILED, recordings.ATTEMPTS)
    )
    panel = timeseries_panel(
        23,
        "Error rate",
        "Failed attempts of attempts by all droids, each point over the hour before it; the variable "
        "pattern does not apply. The alert is per droid. " + limits.errors.note,
        RATIO,
        PanelQuery(quotient(failed, attempts), "{{orchestrator}}"),
    )
    return limited(panel.max(1), high_is_bad(limits.errors.limit))


def sessions_ended_timeseries() -> timeseries.Panel:
    """
    Sessions ended per hour, by outcome.
    """
    panel = timeseries_panel(
        24,
        "Sessions ended per hour",
        "Sessions that ended in the hour before each point, by outcome. Lost ones were silent for too long. "
        "Unknown ones never ended, though their process lives; they and cancelled ones are in no ratio.",
        SHORT,
        PanelQuery(SCOPE.increase(metrics.SESSIONS, ("outcome",), "1h"), "{{outcome}}"),
    )
    return coloured(panel, OUTCOMES)


def cost_timeseries() -> timeseries.Panel:
    """
    Cost per hour of each orchestrator.
    """
    return timeseries_panel(
        25,
        "Cost per hour",
        "Cost of model usage in the hour before each point, as reported or priced; tokens without a price "
        "are not included.",
        USD,
        PanelQuery(SCOPE.increase(metrics.COST, FLEET, "1h"), "{{orchestrator}}"),
    )
