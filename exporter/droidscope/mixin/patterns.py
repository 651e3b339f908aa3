"""
The Patterns board: how well each pattern works, where it fails, and which droids suit it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from droidscope.conventions import metrics, thresholds
from droidscope.mixin import recording
from droidscope.mixin.alerts import PATTERNS_BOARD
from droidscope.mixin.boards import Row, board, pattern_variable
from droidscope.mixin.panels import (
    RATIO,
    SECONDS,
    SHORT,
    USD,
    Column,
    Query,
    alert_note,
    cumulative,
    high_is_bad,
    limited,
    low_is_bad,
    matrix_panel,
    table_panel,
    timeseries_panel,
)
from droidscope.mixin.promql import Scope, at_least, quotient, wilson_lower

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import dashboard, table, timeseries

SCOPE: Final = Scope(("orchestrator", "pattern"))
_PATTERN: Final = ("orchestrator", "pattern")
_WINDOW: Final = "$window"
_SUCCESS: Final = thresholds.LOW_SUCCESS_RATE
_DURATION: Final = thresholds.LONG_DURATION
_QUALITY: Final = thresholds.LOW_CODE_QUALITY


def patterns() -> dashboard.Dashboard:
    """
    The page, from top to bottom.
    """
    return board(
        PATTERNS_BOARD,
        "Patterns",
        "Success, duration, cost and quality of each task pattern.",
        [pattern_variable()],
        [
            Row(
                100,
                "Efficiency",
                [
                    efficiency_table(),
                    success_timeseries(),
                    duration_timeseries(),
                    quality_timeseries(),
                    cost_per_success_timeseries(),
                ],
            ),
            Row(
                101,
                "Execution",
                [
                    phase_table(),
                    failure_points_table(),
                    phase_duration_timeseries(),
                    phase_failures_timeseries(),
                    gates_table(),
                    syntheses_timeseries(),
                    conflicts_timeseries(),
                ],
            ),
            Row(102, "Droid assignment", [assignment_table(), assignment_matrix(), assignment_timeseries()]),
        ],
    )


# --- efficiency ---------------------------------------------------------------------------------


def efficiency_table() -> table.Panel:
    """
    The figures of each pattern.
    """
    kpi = SCOPE.kpi
    success = kpi(metrics.PATTERN_SUCCESS_RATIO, _PATTERN)
    sessions = kpi(metrics.samples_of(metrics.PATTERN_SUCCESS_RATIO), _PATTERN)
    return table_panel(
        1,
        "Pattern efficiency",
        "Figures of each pattern over the chosen window. At least = lower end of the 95 % Wilson "
        "interval of success; "
        "cost efficiency = the reference cost of a success (a budget, else the usual) over its cost, "
        "at most 1. " + alert_note(_SUCCESS),
        {"pattern": "Pattern", "orchestrator": "Orchestrator"},
        [
            Column("Sessions", sessions, SHORT),
            Column("Success", success, RATIO, low_is_bad(_SUCCESS.limit, thresholds.SUCCESS_TARGET)),
            Column("At least", wilson_lower(success, f"({sessions} > 0)"), RATIO),
            Column(
                "Average duration",
                SCOPE.mean(metrics.SESSION_DURATION, _PATTERN, _WINDOW, 'outcome="completed"'),
                SECONDS,
                high_is_bad(_DURATION.limit),
            ),
            Column("Cost efficiency", kpi(metrics.PATTERN_COST_EFFICIENCY_RATIO, _PATTERN), RATIO),
            Column("Cost per success", kpi(metrics.PATTERN_COST_PER_SUCCESS, _PATTERN), USD),
            Column(
                "Quality",
                kpi(metrics.PATTERN_CODE_QUALITY_SCORE, _PATTERN),
                SHORT,
                low_is_bad(_QUALITY.limit),
            ),
        ],
        sort="At least",
    )


def success_timeseries() -> timeseries.Panel:
    """
    Success ratio of each pattern.
    """
    bad, ended = (
        SCOPE.recorded_sum(rule, _PATTERN) for rule in (recording.SESSIONS_UNSUCCESSFUL, recording.SESSIONS)
    )
    panel = timeseries_panel(
        2,
        "Success rate",
        "Sessions completed of those completed, failed or lost, each point over the hour before it. "
        + alert_note(_SUCCESS),
        RATIO,
        Query(f"1 - {quotient(bad, ended)}", "{{pattern}}"),
    )
    return limited(panel.max(1), low_is_bad(_SUCCESS.limit, thresholds.SUCCESS_TARGET))


def duration_timeseries() -> timeseries.Panel:
    """
    Mean session duration of each pattern.
    """
    total, count = (
        SCOPE.recorded_sum(rule, _PATTERN)
        for rule in (recording.SESSION_DURATION_SUM, recording.SESSION_DURATION_COUNT)
    )
    panel = timeseries_panel(
        3,
        "Session duration",
        "Mean duration of completed sessions, each point over the hour before it. " + alert_note(_DURATION),
        SECONDS,
        Query(quotient(total, count), "{{pattern}}"),
    )
    return limited(panel, high_is_bad(_DURATION.limit))


def quality_timeseries() -> timeseries.Panel:
    """
    Mean code quality of each pattern.
    """
    total, count = (
        SCOPE.recorded_sum(rule, _PATTERN)
        for rule in (recording.CODE_QUALITY_SUM, recording.CODE_QUALITY_COUNT)
    )
    panel = timeseries_panel(
        4,
        "Code quality",
        "Mean code quality score of the tasks done in each pattern, 0 to 100, each point over the "
        "hour before it.",
        SHORT,
        Query(quotient(total, count), "{{pattern}}"),
    )
    return limited(panel.max(100), low_is_bad(_QUALITY.limit))


def cost_per_success_timeseries() -> timeseries.Panel:
    """
    Cost per success of each pattern.
    """
    return timeseries_panel(
        5,
        "Cost per success",
        "Cost of all executions, failed ones too, over the successful ones, each point over the "
        "chosen window before it.",
        USD,
        Query(SCOPE.kpi(metrics.PATTERN_COST_PER_SUCCESS, _PATTERN), "{{pattern}}"),
    )


# --- execution ----------------------------------------------------------------------------------


def phase_table() -> table.Panel:
    """
    The figures of each phase.
    """
    by = (*_PATTERN, "phase")
    ended = SCOPE.increase(metrics.PHASES, by, _WINDOW, 'outcome=~"completed|failed"')
    failed = SCOPE.increase(metrics.PHASES, by, _WINDOW, 'outcome="failed"')
    blocked = SCOPE.increase(metrics.PHASE_BLOCKED_SECONDS, by, _WINDOW)
    return table_panel(
        10,
        "Phase performance",
        "Phases over the chosen window: skipped ones aside, durations of completed ones, p95 from buckets.",
        {"pattern": "Pattern", "phase": "Phase", "orchestrator": "Orchestrator"},
        [
            Column("Phases", f"round({ended})", SHORT),
            Column(
                "Success",
                f"1 - {quotient(failed, ended)}",
                RATIO,
                low_is_bad(_SUCCESS.limit, thresholds.SUCCESS_TARGET),
            ),
            Column("Average duration", SCOPE.mean(metrics.PHASE_DURATION, by, _WINDOW), SECONDS),
            Column("p95", SCOPE.quantile(0.95, metrics.PHASE_DURATION, by, _WINDOW), SECONDS),
            Column("Blocked", blocked, SECONDS),
        ],
        sort="Average duration",
    )


def failure_points_table() -> table.Panel:
    """
    Where and why sessions fail, the commonest first.
    """
    by = (*_PATTERN, "phase", "reason")
    failures = f"({SCOPE.increase(metrics.FAILURES, by, _WINDOW)} {at_least(1)})"
    everything = SCOPE.increase(metrics.FAILURES, (), _WINDOW)
    panel = table_panel(
        11,
        "Failure points",
        "Failed phases, and sessions that failed outside any phase, by reason over the chosen "
        "window: share of all "
        "failures, and running total from the top.",
        {"pattern": "Pattern", "phase": "Phase", "reason": "Reason", "orchestrator": "Orchestrator"},
        [
            Column("Failures", f"round({failures})", SHORT),
            Column("Share", f"{failures} / on () group_left () {everything}", RATIO, bar=True),
        ],
        sort="Share",
    )
    return panel.with_transformation(cumulative("Share", "Running total"))


def phase_duration_timeseries() -> timeseries.Panel:
    """
    Mean duration of each phase.
    """
    return timeseries_panel(
        12,
        "Phase duration",
        "Mean duration of completed phases, each point over the hour before it.",
        SECONDS,
        Query(SCOPE.mean(metrics.PHASE_DURATION, (*_PATTERN, "phase"), "1h"), "{{pattern}} {{phase}}"),
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
        Query(SCOPE.increase(metrics.FAILURES, ("reason",), "1h"), "{{reason}}"),
    )


def gates_table() -> table.Panel:
    """
    Quality gates and how often they fail.
    """
    by = (*_PATTERN, "gate")
    evaluated = SCOPE.increase(metrics.GATE_RESULTS, by, _WINDOW)
    failed = SCOPE.increase(metrics.GATE_RESULTS, by, _WINDOW, 'outcome="failed"')
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
        Query(SCOPE.increase(metrics.SYNTHESES, ("outcome",), "1h"), "{{outcome}}"),
    )


def conflicts_timeseries() -> timeseries.Panel:
    """
    Conflicts per hour of each pattern and type.
    """
    return timeseries_panel(
        16,
        "Conflicts per hour",
        "Conflicts between droids' results in the hour before each point. "
        + alert_note(thresholds.COMMUNICATION_CONFLICTS),
        SHORT,
        Query(
            SCOPE.increase(metrics.CONFLICTS, ("pattern", "conflict_type"), "1h"),
            "{{pattern}} {{conflict_type}}",
        ),
    )


# --- droid assignment ---------------------------------------------------------------------------


def assignment_table() -> table.Panel:
    """
    How each droid does in each pattern.
    """
    by = (*_PATTERN, "droid")
    tasks = SCOPE.increase(metrics.ASSIGNMENTS, by, _WINDOW)
    return table_panel(
        20,
        "Assignment effectiveness",
        "Tasks of each droid in each pattern over the chosen window. Rows rank by what their success "
        "is at least: the "
        "lower end of its 95 % Wilson interval, so that few tasks do not top the list.",
        {"pattern": "Pattern", "droid": "Droid", "orchestrator": "Orchestrator"},
        [
            Column("Tasks", f"round({tasks})", SHORT),
            Column(
                "Task success",
                _assignment_success(by),
                RATIO,
                low_is_bad(_SUCCESS.limit, thresholds.SUCCESS_TARGET),
            ),
            Column("At least", wilson_lower(_assignment_success(by), f"({tasks} > 0)"), RATIO),
            Column(
                "Quality", SCOPE.mean(metrics.CODE_QUALITY, by, _WINDOW), SHORT, low_is_bad(_QUALITY.limit)
            ),
        ],
        sort="At least",
    )


def assignment_matrix() -> table.Panel:
    """
    Task success by pattern and droid.
    """
    return matrix_panel(
        21,
        "Task success by pattern and droid",
        "Tasks completed of those ended over the chosen window, the pattern in the row, the droid in "
        "the column.",
        RATIO,
        _assignment_success(("pattern", "droid")),
        "pattern",
        "droid",
    ).thresholds(low_is_bad(_SUCCESS.limit, thresholds.SUCCESS_TARGET))


def assignment_timeseries() -> timeseries.Panel:
    """
    Tasks per hour by droid.
    """
    return timeseries_panel(
        22,
        "Tasks per hour by droid",
        "Tasks that ended in the hour before each point, by the droid they were assigned to.",
        SHORT,
        Query(SCOPE.increase(metrics.ASSIGNMENTS, ("droid",), "1h"), "{{droid}}"),
    ).height(9)


def _assignment_success(by: tuple[str, ...]) -> str:
    failed = SCOPE.increase(metrics.ASSIGNMENTS, by, _WINDOW, 'outcome="failed"')
    return f"1 - {quotient(failed, SCOPE.increase(metrics.ASSIGNMENTS, by, _WINDOW))}"
