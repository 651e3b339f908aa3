"""
KPIs since midnight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.conventions import metrics, thresholds
from droidscope.conventions.attributes import Outcome
from droidscope.conventions.matchers import outcome_is
from droidscope_boards.layout import Row
from droidscope_boards.overview.alerts import LEVELS, firing
from droidscope_boards.overview.scope import FLEET, SCOPE
from droidscope_boards.panels import PanelQuery, stat_panel, today_panel
from droidscope_boards.styles import RATIO, SECONDS, SHORT, STATE, high_is_bad, low_is_bad, named

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import stat

    from droidscope_boards.limits import PanelLimits


def row(limits: PanelLimits) -> Row:
    """
    The row and its panels, from left to right.
    """
    return Row(
        100,
        "Today",
        [
            active_sessions_stat(),
            completed_today_stat(),
            success_rate_today_stat(limits),
            average_duration_today_stat(limits),
            efficiency_stat(),
            alert_level_stat(),
        ],
    )


def active_sessions_stat() -> stat.Panel:
    """
    Sessions running now.
    """
    return stat_panel(
        1,
        "Active sessions",
        "Sessions running now.",
        SHORT,
        PanelQuery(f"sum({SCOPE.select(metrics.SESSIONS_ACTIVE)})"),
    )


def completed_today_stat() -> stat.Panel:
    """
    Sessions completed since midnight.
    """
    completed = SCOPE.increase(metrics.SESSIONS, (), "$__range", outcome_is(Outcome.COMPLETED))
    return today_panel(
        2,
        "Completed today",
        "Sessions completed since midnight. Counted by Prometheus, so it may be off by one.",
        SHORT,
        PanelQuery(f"round({completed})"),
    )


def success_rate_today_stat(limits: PanelLimits) -> stat.Panel:
    """
    Success ratio since midnight.
    """
    return today_panel(
        3,
        "Success rate today",
        "Sessions completed of those completed, failed or lost since midnight. " + limits.success.note,
        RATIO,
        PanelQuery(SCOPE.success((), "$__range")),
    ).thresholds(low_is_bad(limits.success.limit, thresholds.SUCCESS_TARGET))


def average_duration_today_stat(limits: PanelLimits) -> stat.Panel:
    """
    Mean duration since midnight.
    """
    return today_panel(
        4,
        "Average duration today",
        "Mean duration of the sessions completed since midnight. " + limits.duration.note,
        SECONDS,
        PanelQuery(SCOPE.mean(metrics.SESSION_DURATION, (), "$__range", outcome_is(Outcome.COMPLETED))),
    ).thresholds(high_is_bad(limits.duration.limit))


def efficiency_stat() -> stat.Panel:
    """
    Efficiency score of each orchestrator.
    """
    return stat_panel(
        5,
        "Efficiency",
        "100 x (0.5 task completion + 0.3 phase success + 0.2 plan adherence) over the chosen window, 0 "
        "to 100, one value for each orchestrator.",
        SHORT,
        PanelQuery(SCOPE.kpi(metrics.EFFICIENCY_SCORE, FLEET), "{{orchestrator}}"),
    ).thresholds(low_is_bad(thresholds.EFFICIENCY_LOW))


def alert_level_stat() -> stat.Panel:
    """
    The highest severity firing.
    """
    levels = " or ".join(f"{level} * {firing(severity)}" for severity, (level, _) in LEVELS.items())
    names = named({str(level): (severity, color) for severity, (level, color) in LEVELS.items()})
    panel = stat_panel(
        6,
        "Alert level",
        "The highest severity of the alerts firing now: critical, high, medium or low.",
        STATE,
        PanelQuery(f"max({levels})"),
    )
    return panel.mappings([names]).no_value("none")
