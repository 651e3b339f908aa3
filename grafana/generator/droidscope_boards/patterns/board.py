"""
The Patterns board, row by row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.rules.alerts import PATTERNS_BOARD
from droidscope_boards.layout import board, pattern_variable
from droidscope_boards.patterns import assignment, bottlenecks, efficiency, execution

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import dashboard

    from droidscope_boards.limits import PanelLimits


def patterns(limits: PanelLimits) -> dashboard.Dashboard:
    """
    The board, from top to bottom.
    """
    return board(
        PATTERNS_BOARD,
        "Patterns",
        "Success, duration, cost and quality of each task pattern, and its bottlenecks.",
        [pattern_variable()],
        [efficiency.row(limits), execution.row(limits), bottlenecks.row(), assignment.row(limits)],
    )
