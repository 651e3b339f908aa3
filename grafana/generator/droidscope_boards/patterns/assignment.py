"""
Effectiveness of droids by pattern.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from droidscope.conventions import metrics, thresholds
from droidscope.conventions.attributes import Outcome
from droidscope.conventions.matchers import outcome_is
from droidscope.conventions.metrics import ASSIGNMENT_WINDOW
from droidscope.rules.promql import quotient, wilson_lower
from droidscope_boards.layout import Row
from droidscope_boards.panels import PanelQuery, timeseries_panel
from droidscope_boards.patterns.scope import PATTERN, SCOPE, WINDOW
from droidscope_boards.styles import RATIO, SHORT, low_is_bad
from droidscope_boards.tables import Column, matrix_panel, table_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import table, timeseries

    from droidscope_boards.limits import PanelLimits


_EXPECTED: Final = (
    f"Expected = (tasks completed + 5 x the droid's overall ratio) / (tasks ended + 5) over "
    f"{ASSIGNMENT_WINDOW}: the success to expect of its next task there."
)


def row(limits: PanelLimits) -> Row:
    """
    The row and its panels, from left to right.
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


def assignment_table(limits: PanelLimits) -> table.Panel:
    """
    KPIs of each droid in each pattern.
    """
    by = (*PATTERN, "droid")
    tasks = SCOPE.judged(metrics.ASSIGNMENTS, by, WINDOW)
    return table_panel(
        20,
        "Assignment effectiveness",
        "Tasks of each droid in each pattern over the chosen window, ranked by the lower bound of the "
        "success rate (95% Wilson interval), so that a few good tasks do not top the list. " + _EXPECTED,
        {"pattern": "Pattern", "droid": "Droid", "orchestrator": "Orchestrator"},
        [
            Column("Tasks", f"round({tasks})", SHORT),
            Column(
                "Task success",
                _assignment_success(by),
                RATIO,
                low_is_bad(limits.success.limit, thresholds.SUCCESS_TARGET),
            ),
            Column("Success, lower bound", wilson_lower(_assignment_success(by), f"({tasks} > 0)"), RATIO),
            Column("Expected, 7 days", SCOPE.kpi(metrics.ASSIGNMENT_EXPECTED, by, ASSIGNMENT_WINDOW), RATIO),
            Column(
                "Quality",
                SCOPE.mean(metrics.CODE_QUALITY, by, WINDOW),
                SHORT,
                low_is_bad(limits.quality.limit),
            ),
        ],
        sort="Success, lower bound",
    )


def effectiveness_matrix() -> table.Panel:
    """
    Effectiveness by pattern and droid.
    """
    return _assignment_matrix(
        23,
        "Effectiveness by pattern and droid",
        "Lower bound of a droid's success rate in a pattern (95% Wilson interval of its tasks completed of "
        f"those ended) over {ASSIGNMENT_WINDOW}, from 3 tasks. Few tasks are weak evidence, so it starts low "
        "and rises with their number.",
        metrics.ASSIGNMENT_EFFECTIVENESS,
    )


def expected_matrix(limits: PanelLimits) -> table.Panel:
    """
    Expected success by pattern and droid.
    """
    return _assignment_matrix(
        24,
        "Expected success by pattern and droid",
        _EXPECTED + " From 3 tasks.",
        metrics.ASSIGNMENT_EXPECTED,
    ).thresholds(low_is_bad(limits.success.limit, thresholds.SUCCESS_TARGET))


def _assignment_matrix(id_: int, title: str, description: str, metric: metrics.MetricSpec) -> table.Panel:
    by = ("orchestrator", "pattern", "droid")
    # Values of several orchestrators cannot be summed, so each has rows of its own.
    values = SCOPE.kpi(metric, by, ASSIGNMENT_WINDOW)
    with_row_names = f'label_join({values}, "row", " / ", "orchestrator", "pattern")'
    return matrix_panel(id_, title, description, RATIO, with_row_names, "row", "droid")


def success_matrix(limits: PanelLimits) -> table.Panel:
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
        PanelQuery(SCOPE.judged(metrics.ASSIGNMENTS, ("droid",), "1h"), "{{droid}}"),
    ).height(9)


def _assignment_success(by: tuple[str, ...]) -> str:
    failed = SCOPE.increase(metrics.ASSIGNMENTS, by, WINDOW, outcome_is(Outcome.FAILED))
    return f"1 - {quotient(failed, SCOPE.judged(metrics.ASSIGNMENTS, by, WINDOW))}"
