"""
KPIs of the droids by type of task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.conventions import metrics, thresholds
from droidscope.rules.promql import quotient
from droidscope_boards.droids.scope import DROID, SCOPE, WINDOW, errors, task_success
from droidscope_boards.layout import Row
from droidscope_boards.styles import RATIO, SECONDS, SHORT, high_is_bad, low_is_bad
from droidscope_boards.tables import Column, table_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import table

    from droidscope_boards.limits import PanelLimits


def row(limits: PanelLimits) -> Row:
    """
    The row and its panels, from left to right.
    """
    return Row(101, "By task type", [task_type_table(limits)])


def task_type_table(limits: PanelLimits) -> table.Panel:
    """
    Work of each droid by task type.
    """
    by = (*DROID, "task_type")
    retries = SCOPE.increase(metrics.RETRIES, by, WINDOW)
    attempts = SCOPE.judged(metrics.ATTEMPTS, by, WINDOW)
    return table_panel(
        20,
        "Performance by task type",
        "Tasks of each droid and type over the chosen window; counted by Prometheus, so maybe off by one.",
        {"droid": "Droid", "task_type": "Task type", "orchestrator": "Orchestrator"},
        [
            Column("Tasks", f"round({SCOPE.judged(metrics.TASKS, by, WINDOW)})", SHORT),
            Column(
                "Task success",
                task_success(by),
                RATIO,
                low_is_bad(limits.success.limit, thresholds.SUCCESS_TARGET),
            ),
            Column("Errors", errors(by), RATIO, high_is_bad(limits.errors.limit)),
            Column("Retries", quotient(retries, attempts), RATIO),
            Column("Average duration", SCOPE.mean(metrics.TASK_DURATION, by, WINDOW), SECONDS),
            Column(
                "Quality",
                SCOPE.mean(metrics.CODE_QUALITY, by, WINDOW),
                SHORT,
                low_is_bad(limits.quality.limit),
            ),
        ],
        sort="Tasks",
    )
