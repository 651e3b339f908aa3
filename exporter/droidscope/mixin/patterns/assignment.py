"""
Which droids suit which pattern.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.conventions import metrics, thresholds
from droidscope.mixin.boards import Row
from droidscope.mixin.panels import (
    RATIO,
    SHORT,
    Column,
    Query,
    low_is_bad,
    matrix_panel,
    table_panel,
    timeseries_panel,
)
from droidscope.mixin.patterns.scope import PATTERN, QUALITY, SCOPE, SUCCESS, WINDOW
from droidscope.mixin.promql import quotient, wilson_lower

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import table, timeseries


def row() -> Row:
    """
    Its panels, from left to right.
    """
    return Row(102, "Droid assignment", [assignment_table(), assignment_matrix(), assignment_timeseries()])


def assignment_table() -> table.Panel:
    """
    How each droid does in each pattern.
    """
    by = (*PATTERN, "droid")
    tasks = SCOPE.increase(metrics.ASSIGNMENTS, by, WINDOW)
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
                low_is_bad(SUCCESS.limit, thresholds.SUCCESS_TARGET),
            ),
            Column("At least", wilson_lower(_assignment_success(by), f"({tasks} > 0)"), RATIO),
            Column("Quality", SCOPE.mean(metrics.CODE_QUALITY, by, WINDOW), SHORT, low_is_bad(QUALITY.limit)),
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
    ).thresholds(low_is_bad(SUCCESS.limit, thresholds.SUCCESS_TARGET))


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
    failed = SCOPE.increase(metrics.ASSIGNMENTS, by, WINDOW, 'outcome="failed"')
    return f"1 - {quotient(failed, SCOPE.increase(metrics.ASSIGNMENTS, by, WINDOW))}"
