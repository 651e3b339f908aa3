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


def patterns() -> dashboard.Dashboard:
    """
    The page, from top to bottom.
    """
    return board(
        PATTERNS_BOARD,
        "Patterns",
        "Success, duration, cost and quality of each task pattern, and what holds it up.",
        [pattern_variable()],
        [part.row() for part in (efficiency, execution, obstacles, assignment)],
    )
