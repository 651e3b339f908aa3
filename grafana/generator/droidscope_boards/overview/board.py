"""
The Overview board, row by row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.rules.alerts import OVERVIEW_BOARD
from droidscope_boards.layout import board, pattern_variable
from droidscope_boards.overview import alerts, now, telemetry, today, top, trends

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import dashboard

    from droidscope_boards.limits import PanelLimits


def overview(limits: PanelLimits) -> dashboard.Dashboard:
    """
    The board, from top to bottom.
    """
    return board(
        OVERVIEW_BOARD,
        "Overview",
        "Sessions, tasks and alerts of all orchestrators.",
        [pattern_variable()],
        [
            today.row(limits),
            now.row(limits),
            trends.row(limits),
            top.row(limits),
            alerts.row(),
            telemetry.row(),
        ],
    )
