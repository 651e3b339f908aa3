"""
The best droids, patterns and assignments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.conventions import metrics, thresholds
from droidscope.conventions.metrics import ASSIGNMENT_WINDOW
from droidscope.conventions.scoring import RANKING_MINIMUM
from droidscope.rules.alerts import DROIDS_BOARD, PATTERNS_BOARD
from droidscope.rules.promql import wilson_lower
from droidscope_boards.layout import Row
from droidscope_boards.overview.scope import SCOPE
from droidscope_boards.styles import RATIO, SHORT, low_is_bad
from droidscope_boards.tables import Column, linked, table_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import table

    from droidscope_boards.limits import PanelLimits


def row(limits: PanelLimits) -> Row:
    """
    The row and its panels, from left to right.
    """
    return Row(
        103, "Top performers", [top_droids_table(), top_patterns_table(limits), top_assignments_table()]
    )


def top_droids_table() -> table.Panel:
    """
    The most efficient droids.
    """
    efficiency, tasks = SCOPE.ranked(metrics.DROID_EFFICIENCY_SCORE, ("orchestrator", "droid"))
    panel = table_panel(
        30,
        "Most efficient droids",
        f"Droids by efficiency score over the chosen window, from {RANKING_MINIMUM} tasks ended; the "
        f"variable pattern does not apply. Below {thresholds.EFFICIENCY_LOW:g} a droid needs improvement.",
        {"droid": "Droid", "orchestrator": "Orchestrator"},
        [
            Column("Efficiency", efficiency, SHORT, low_is_bad(thresholds.EFFICIENCY_LOW)),
            Column("Tasks", tasks, SHORT),
        ],
        sort="Efficiency",
        limit=10,
    )
    return linked(panel.span(8), "Droid", DROIDS_BOARD, "droid")


def top_patterns_table(limits: PanelLimits) -> table.Panel:
    """
    The most successful patterns.
    """
    success, sessions = SCOPE.ranked(metrics.PATTERN_SUCCESS_RATIO, ("orchestrator", "pattern"))
    panel = table_panel(
        31,
        "Most successful patterns",
        "Patterns by the lower bound of their success rate (95% Wilson interval) over the chosen window, "
        f"from {RANKING_MINIMUM} sessions ended. " + limits.success.note,
        {"pattern": "Pattern", "orchestrator": "Orchestrator"},
        [
            Column("Success, lower bound", wilson_lower(success, sessions), RATIO),
            Column("Success", success, RATIO, low_is_bad(limits.success.limit, thresholds.SUCCESS_TARGET)),
            Column("Sessions", sessions, SHORT),
        ],
        sort="Success, lower bound",
        limit=10,
    )
    return linked(panel.span(8), "Pattern", PATTERNS_BOARD, "pattern")


def top_assignments_table() -> table.Panel:
    """
    The most effective assignments of droids to patterns.
    """
    by = ("orchestrator", "pattern", "droid")
    at_least, tasks = SCOPE.ranked(metrics.ASSIGNMENT_EFFECTIVENESS, by, ASSIGNMENT_WINDOW)
    panel = table_panel(
        32,
        "Most effective assignments",
        "Droids by the lower bound of the success rate of their tasks in a pattern (95% Wilson "
        f"interval) over {ASSIGNMENT_WINDOW}, from {RANKING_MINIMUM} tasks ended.",
        {"droid": "Droid", "pattern": "Pattern", "orchestrator": "Orchestrator"},
        [
            Column("Success, lower bound", at_least, RATIO),
            Column("Tasks", tasks, SHORT),
        ],
        sort="Success, lower bound",
        limit=10,
    )
    return linked(panel.span(8), "Droid", DROIDS_BOARD, "droid")
