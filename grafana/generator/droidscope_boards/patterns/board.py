"""
The Patterns board, row by row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.rules.alerts import PATTERNS_BOARD
from droidscope_boards.layout import board, pattern_variable
from droidscope_boards.patterns import assignment, efficiency, execution, obstacles

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import dashboard

    from droidscope_boards.limits import BoardLimits


def patterns(limits: BoardLimits) -> dashboard.Dashboard:
    """
    The page, from top to bottom.
    """
    return board(
        PATTERNS_BOARD,
        "Patterns",
        "Success, duration, cost and quality of each task pattern, and what holds it up.",
        [pattern_variable()],
        [efficiency.row(limits), execution.row(limits), obstacles.row(), assignment.row(limits)],
    )
