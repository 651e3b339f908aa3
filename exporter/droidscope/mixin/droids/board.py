"""
The Droids board, row by row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.mixin.alerts import DROIDS_BOARD
from droidscope.mixin.boards import board, droid_variable
from droidscope.mixin.droids import collaboration, quality, status, task_types, usage, work

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import dashboard


def droids() -> dashboard.Dashboard:
    """
    The page, from top to bottom.
    """
    return board(
        DROIDS_BOARD,
        "Droids",
        "Work, collaboration and output quality of each droid.",
        [droid_variable()],
        [part.row() for part in (work, status, task_types, collaboration, quality, usage)],
    )
