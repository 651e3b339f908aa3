"""
Which droids suit which pattern.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from droidscope.conventions import metrics, thresholds
from droidscope.conventions.metrics import ASSIGNMENT_WINDOW
from droidscope.rules.promql import quotient, wilson_lower
from droidscope_boards.layout import Row
from droidscope_boards.panels import (
    RATIO,
    SHORT,
    Column,
    PanelQuery,
    low_is_bad,
    matrix_panel,
    table_panel,
    timeseries_panel,
)
from droidscope_boards.patterns.scope import PATTERN, SCOPE, WINDOW

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import table, timeseries

    from droidscope_boards.limits import BoardLimits


_EXPECTED: Final = (
    f"Expected = (tasks completed + 5 x the droid's overall ratio) / (tasks ended + 5) over "
    f"{ASSIGNMENT_WINDOW}: what its next task there will most likely be worth."
)


def row(limits: BoardLimits) -> Row:
    """
    Its panels, from left to right.
    """
    return Row(
        102,
        "Droid assignment",
        [
            assignment_table(limits),
            effectiveness_matrix(),
            expected_matrix(limits),
            success_matrix(limits),
            assignment_timeseries(),
        ],
    )


def assignment_table(limits: BoardLimits) -> table.Panel:
    """
    How each droid does in each pattern.
    """
    by = (*PATTERN, "droid")
    tasks = SCOPE.increase(metrics.ASSIGNMENTS, by, WINDOW)
    return table_panel(
        20,
        "Assignment effectiveness",
        "Tasks of each droid in each pattern over the chosen window. Rows rank by what their success is "
        "at least: the lower end of its 95% Wilson interval, so that few tasks do not top the list. "
        + _EXPECTED,
        {"pattern": "Pattern", "droid": "Droid", "orchestrator": "Orchestrator"},
        [
            Column("Tasks", f"round({tasks})", SHORT),
            Column(
                "Task success",
                _assignment_success(by),
                RATIO,
                low_is_bad(limits.success.limit, thresholds.SUCCESS_TARGET),
            ),
            Column("At least", wilson_lower(_assignment_success(by), f"({tasks} > 0)"), RATIO),
            Column("Expected, 7 days", SCOPE.kpi(metrics.ASSIGNMENT_EXPECTED, by, ASSIGNMENT_WINDOW), RATIO),
            Column(
                "Quality",
                SCOPE.mean(metrics.CODE_QUALITY, by, WINDOW),
                SHORT,
                low_is_bad(limits.quality.limit),
            ),
        ],
        sort="At least",
    )


def effectiveness_matrix() -> table.Panel:
    """
    Effectiveness by pattern and droid.
    """
    return _judged_matrix(
        23,
        "Effectiveness by pattern and droid",
        "What a droid's success in a pattern is at least: the lower end of the 95% Wilson interval of its "
        f"tasks completed of those ended over {ASSIGNMENT_WINDOW}, from 3 tasks. Few tasks prove little, so "
        "it starts low and rises as they come.",
        metrics.ASSIGNMENT_EFFECTIVENESS,
    )


def expected_matrix(limits: BoardLimits) -> table.Panel:
    """
    Expected success by pattern and droid.
    """
    return _judged_matrix(
        24,
        "Expected success by pattern and droid",
        _EXPECTED + " From 3 tasks.",
        metrics.ASSIGNMENT_EXPECTED,
    ).thresholds(low_is_bad(limits.success.limit, thresholds.SUCCESS_TARGET))


def _judged_matrix(id_: int, title: str, description: str, metric: metrics.MetricSpec) -> table.Panel:
    by = ("orchestrator", "pattern", "droid")
    # What several orchestrators are judged by is not summed, so each has rows of its own.
    judged = SCOPE.kpi(metric, by, ASSIGNMENT_WINDOW)
    placed = f'label_join({judged}, "place", " / ", "orchestrator", "pattern")'
    return matrix_panel(id_, title, description, RATIO, placed, "place", "droid")


def success_matrix(limits: BoardLimits) -> table.Panel:
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
    ).thresholds(low_is_bad(limits.success.limit, thresholds.SUCCESS_TARGET))


def assignment_timeseries() -> timeseries.Panel:
    """
    Tasks per hour by droid.
    """
    return timeseries_panel(
        22,
        "Tasks per hour by droid",
        "Tasks that ended in the hour before each point, by the droid they were assigned to.",
        SHORT,
        PanelQuery(SCOPE.increase(metrics.ASSIGNMENTS, ("droid",), "1h"), "{{droid}}"),
    ).height(9)


def _assignment_success(by: tuple[str, ...]) -> str:
    failed = SCOPE.increase(metrics.ASSIGNMENTS, by, WINDOW, 'outcome="failed"')
    return f"1 - {quotient(failed, SCOPE.increase(metrics.ASSIGNMENTS, by, WINDOW))}"
