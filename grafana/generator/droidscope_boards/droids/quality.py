"""
Quality of the droids' outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from droidscope.conventions import metrics
from droidscope.rules import recordings
from droidscope.rules.promql import quotient
from droidscope_boards.droids.scope import DROID, SCOPE
from droidscope_boards.layout import Row
from droidscope_boards.panels import PanelQuery, bar_gauge_panel, limited, timeseries_panel
from droidscope_boards.styles import GREEN, QUIET, RATIO, RED, SHORT, STATE, high_is_bad, low_is_bad, named
from droidscope_boards.tables import Column, table_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import bargauge, table, timeseries

    from droidscope_boards.limits import PanelLimits


_DIRECTIONS: Final = named({"1": ("improving", GREEN), "0": ("stable", QUIET), "-1": ("declining", RED)})


def row(limits: PanelLimits) -> Row:
    """
    The row and its panels, from left to right.
    """
    return Row(
        103,
        "Quality",
        [
            code_quality_timeseries(limits),
            trend_table(limits),
            coverage_timeseries(),
            security_timeseries(),
            consistency_bars(),
            findings_table(limits),
            findings_timeseries(),
        ],
    )


def code_quality_timeseries(limits: PanelLimits) -> timeseries.Panel:
    """
    Mean code quality of each droid.
    """
    total, count = (
        SCOPE.recorded_sum(rule, DROID)
        for rule in (recordings.CODE_QUALITY_SUM, recordings.CODE_QUALITY_COUNT)
    )
    panel = timeseries_panel(
        40,
        "Code quality over time",
        "Mean code quality score of each droid's tasks, 0 to 100, each point over the hour before it. "
        + limits.quality.note,
        SHORT,
        PanelQuery(quotient(total, count), "{{droid}}"),
    )
    return limited(panel.max(100), low_is_bad(limits.quality.limit))


def trend_table(limits: PanelLimits) -> table.Panel:
    """
    Trend and volatility of each droid's code quality.
    """
    specs = (
        ("Trend", metrics.DROID_QUALITY_DIRECTION, STATE, _DIRECTIONS),
        ("Points a week", metrics.DROID_QUALITY_TREND, SHORT, None),
        ("Volatility", metrics.DROID_QUALITY_VOLATILITY, SHORT, None),
    )
    columns = [
        Column(f"{heading}, {window}", SCOPE.kpi(spec, DROID, window), unit, names=names)
        for window in metrics.TREND_WINDOWS
        for heading, spec, unit, names in specs
    ]
    return (
        table_panel(
            46,
            "Code quality trend",
            "Trend of code quality: hourly medians over 7 days, daily ones over 30. Improving or "
            "declining: Mann-Kendall p < 0.05 and 2 points or more, from 8 medians; points a week = "
            "Theil-Sen slope; volatility = SD of first differences / sqrt(2), in points, from 4. "
            + limits.quality.note,
            {"droid": "Droid", "orchestrator": "Orchestrator"},
            columns,
            sort="Points a week, 7d",
            descending=False,
        )
        .span(12)
        .height(8)
    )


def coverage_timeseries() -> timeseries.Panel:
    """
    Mean test coverage of each droid.
    """
    return timeseries_panel(
        41,
        "Test coverage",
        "Mean test coverage of each droid's tasks, 0 to 100, each point over the hour before it.",
        SHORT,
        PanelQuery(SCOPE.mean(metrics.TEST_COVERAGE, DROID, "1h"), "{{droid}}"),
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
        PanelQuery(SCOPE.mean(metrics.SECURITY, DROID, "1h"), "{{droid}}"),
    ).max(100)


def consistency_bars() -> bargauge.Panel:
    """
    Quality consistency of each droid.
    """
    return bar_gauge_panel(
        43,
        "Quality consistency",
        "1 - SD / 50 of a droid's code quality scores over the chosen window, from 3 scores; 100% "
        "means equal scores.",
        RATIO,
        PanelQuery(f"sort_desc({SCOPE.kpi(metrics.DROID_QUALITY_CONSISTENCY_RATIO, DROID)})", "{{droid}}"),
    ).max(1)


def findings_table(limits: PanelLimits) -> table.Panel:
    """
    Security findings open now.
    """
    by = (*DROID, "pattern", "finding_severity")
    return table_panel(
        44,
        "Open security findings",
        "Findings of each droid's latest report in a pattern, by severity as reported. "
        + limits.findings.note,
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
        "Findings in the reports of the hour before each point, by severity.",
        SHORT,
        PanelQuery(
            SCOPE.increase(metrics.SECURITY_FINDINGS, ("finding_severity",), "1h"), "{{finding_severity}}"
        ),
    ).height(9)
