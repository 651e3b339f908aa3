"""
The colour of each state and outcome, the same on every board and on the exporter's own page.

Blue waits for a person, grey was cancelled, purple is not known: none of these is good or bad.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from droidscope_boards.styles import BAR, GREEN, ORANGE, QUIET, RED, YELLOW, named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grafana_foundation_sdk.builders import timeseries

PURPLE: Final = "purple"

SESSION_STATES: Final = {
    "running": GREEN,
    "waiting": BAR,
    "silent": YELLOW,
    "stalled": ORANGE,
}
"""
Of sessions that have not ended.
"""
OUTCOMES: Final = {
    "completed": GREEN,
    "failed": RED,
    "lost": ORANGE,
    "cancelled": QUIET,
    "unknown": PURPLE,
}
"""
Of sessions that have ended, and of work.
"""
QUERY_OUTCOMES: Final = {
    "answered": GREEN,
    "late": YELLOW,
    "unanswered": RED,
    "rejected": ORANGE,
    "cancelled": QUIET,
}
STATE_NAMES: Final = named({state: (state, colour) for state, colour in SESSION_STATES.items()})
"""
The states of a table's cells, coloured.
"""


def coloured(panel: timeseries.Panel, colours: Mapping[str, str]) -> timeseries.Panel:
    """
    *panel* whose series have the colour of the state that they are named by; others have any.
    """
    for name, colour in colours.items():
        fixed = DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})
        panel = panel.override_by_name(name, [fixed])
    return panel
