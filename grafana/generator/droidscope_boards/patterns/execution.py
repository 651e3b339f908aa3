"""
Durations and failures of phases, gates, syntheses and conflicts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.conventions import metrics, thresholds
from droidscope.conventions.attributes import Outcome
from droidscope.conventions.matchers import outcome_is
from droidscope.rules.promql import at_least, quotient
from droidscope_boards.layout import Row
from droidscope_boards.panels import PanelQuery, timeseries_panel
from droidscope_boards.patterns.scope import PATTERN, SCOPE, WINDOW
from droidscope_boards.styles import RATIO, SECONDS, SHORT, low_is_bad
from droidscope_boards.tables import Column, cumulative, table_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import table, timeseries

    from droidscope_boards.limits import PanelLimits


def row(limits: PanelLimits) -> Row:
    """
    The row and its panels, from left to right.
    """
    return Row(
        101,
        "Execution",
        [
            phase_table(limits),
            failure_points_table(),
            phase_duration_timeseries(),
            phase_failures_timeseries(),
            gates_table(),
            syntheses_timeseries(),
            conflicts_timeseries(limits),
        ],
    )


def phase_table(limits: PanelLimits) -> table.Panel:
    """
    KPIs of each phase.
    """
    by = (*PATTERN, "phase")
    ended = SCOPE.judged(metrics.PHASES, by, WINDOW)
    failed = SCOPE.increase(metrics.PHASES, by, WINDOW, outcome_is(Outcome.FAILED))
    blocked = SCOPE.increase(metrics.PHASE_BLOCKED_SECONDS, by, WINDOW)
    return table_panel(
        10,
        "Phase performance",
        "Phases over the chosen window, without skipped ones; durations of completed ones, p95 from buckets.",
        {"pattern": "Pattern", "phase": "Phase", "orchestrator": "Orchestrator"},
        [
            Column("Phases", f"round({ended})", SHORT),
            Column(
                "Success",
                f"1 - {quotient(failed, ended)}",
                RATIO,
                low_is_bad(limits.success.limit, thresholds.SUCCESS_TARGET),
            ),
            Column("Average duration", SCOPE.mean(metrics.PHASE_DURATION, by, WINDOW), SECONDS),
            Column("p95", SCOPE.quantile(0.95, metrics.PHASE_DURATION, by, WINDOW), SECONDS),
            Column("Blocked", blocked, SECONDS),
        ],
        sort="Average duration",
    )


def failure_points_table() -> table.Panel:
    """
    Where and why sessions fail, the most frequent first.
    """
    by = (*PATTERN, "phase", "reason")
    failures = f"({SCOPE.increase(metrics.FAILURES, by, WINDOW)} {at_least(1)})"
    everything = SCOPE.increase(metrics.FAILURES, (), WINDOW)
    panel = table_panel(
        11,
        "Failure points",
        "Failed phases, and sessions that failed outside any phase, by reason over the chosen window: "
        "share of all failures, and cumulative share.",
        {"pattern": "Pattern", "phase": "Phase", "reason": "Reason", "orchestrator": "Orchestrator"},
        [
            Column("Failures", f"round({failures})", SHORT),
            Column("Share", f"{failures} / on () group_left () {everything}", RATIO, bar=1),
        ],
        sort="Share",
    )
    return panel.with_transformation(cumulative("Share", "Cumulative share"))


def phase_duration_timeseries() -> timeseries.Panel:
    """
    Mean duration of each phase.
    """
    return timeseries_panel(
        12,
        "Phase duration",
        "Mean duration of completed phases, each point over the hour before it.",
        SECONDS,
        PanelQuery(SCOPE.mean(metrics.PHASE_DURATION, (*PATTERN, "phase"), "1h"), "{{pattern}} {{phase}}"),
    )


def phase_failures_timeseries() -> timeseries.Panel:
    """
    Failures per hour by reason.
    """
    return timeseries_panel(
        13,
        "Failures per hour",
        "Failed phases, and sessions that failed outside any phase, in the hour before each point, "
        "by reason.",
        SHORT,
        PanelQuery(SCOPE.increase(metrics.FAILURES, ("reason",), "1h"), "{{reason}}"),
    )


def gates_table() -> table.Panel:
    """
    Quality gates and how often they fail.
    """
    by = (*PATTERN, "gate")
    evaluated = SCOPE.judged(metrics.GATE_RESULTS, by, WINDOW)
    failed = SCOPE.increase(metrics.GATE_RESULTS, by, WINDOW, outcome_is(Outcome.FAILED))
    return table_panel(
        14,
        "Quality gates",
        "Gates evaluated over the chosen window, and how many of them failed.",
        {"pattern": "Pattern", "gate": "Gate", "orchestrator": "Orchestrator"},
        [
            Column("Evaluated", f"round({evaluated})", SHORT),
            Column("Failed", quotient(failed, evaluated), RATIO),
        ],
        sort="Failed",
    )


def syntheses_timeseries() -> timeseries.Panel:
    """
    Syntheses per hour by outcome.
    """
    return timeseries_panel(
        15,
        "Syntheses per hour",
        "Syntheses of session results in the hour before each point: integrated, in conflict, or "
        "stopped by a gate.",
        SHORT,
        PanelQuery(SCOPE.increase(metrics.SYNTHESES, ("outcome",), "1h"), "{{outcome}}"),
    )


def conflicts_timeseries(limits: PanelLimits) -> timeseries.Panel:
    """
    Conflicts per hour of each pattern and type.
    """
    return timeseries_panel(
        16,
        "Conflicts per hour",
        "Conflicts between droids' results in the hour before each point. " + limits.conflicts.note,
        SHORT,
        PanelQuery(
            SCOPE.increase(metrics.CONFLICTS, ("pattern", "conflict_type"), "1h"),
            "{{pattern}} {{conflict_type}}",
        ),
    )
