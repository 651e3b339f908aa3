"""
The Droids board, row by row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.rules.alerts import DROIDS_BOARD
from droidscope_boards.droids import collaboration, quality, status, task_types, usage, work
from droidscope_boards.layout import board, droid_variable

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import dashboard

    from droidscope_boards.limits import PanelLimits


def droids(limits: PanelLimits) -> dashboard.Dashboard:
    """
    The board, from top to bottom.
    """
    return board(
        DROIDS_BOARD,
        "Droids",
        "Work, collaboration and output quality of each droid.",
        [droid_variable()],
        [
            work.row(limits),
            status.row(limits),
            task_types.row(limits),
            collaboration.row(limits),
            quality.row(limits),
            usage.row(),
        ],
    )
