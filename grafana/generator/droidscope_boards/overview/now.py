"""
Running sessions and phases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.conventions import metrics
from droidscope_boards.layout import Row
from droidscope_boards.overview.scope import SCOPE
from droidscope_boards.panels import PanelQuery, timeseries_panel
from droidscope_boards.styles import RATIO, SECONDS, SHORT, high_is_bad
from droidscope_boards.tables import Column, table_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import table, timeseries

    from droidscope_boards.limits import PanelLimits


def row(limits: PanelLimits) -> Row:
    """
    The row and its panels, from left to right.
    """
    return Row(
        101,
        "Active now",
        [active_sessions_table(limits), sessions_running_timeseries(limits), phases_timeseries()],
    )


def active_sessions_table(limits: PanelLimits) -> table.Panel:
    """
    The running sessions.
    """
    by = ("orchestrator", "session_id", "pattern")
    start = SCOPE.newest(metrics.ACTIVE_SESSION_START, by)
    phase = SCOPE.newest(metrics.ACTIVE_SESSION_INFO, (*by, "phase"))
    return table_panel(
        10,
        "Running now",
        "Running sessions, the longest first; at most the 100 oldest of each orchestrator. Progress is "
        "what the orchestrator reported, else finished phases by their usual duration. "
        + limits.duration.note,
        {"session_id": "Session", "orchestrator": "Orchestrator", "pattern": "Pattern", "phase": "Phase"},
        [
            Column(
                "Running for",
                f"(time() - {start}) * on ({', '.join(by)}) group_right () {phase}",
                SECONDS,
                high_is_bad(limits.duration.limit),
            ),
            Column("Progress", SCOPE.newest(metrics.ACTIVE_SESSION_PROGRESS, by), RATIO, bar=1),
            Column("Droids", SCOPE.newest(metrics.ACTIVE_SESSION_DROIDS, by), SHORT),
            Column("Conflicts", SCOPE.newest(metrics.ACTIVE_SESSION_CONFLICTS, by), SHORT, high_is_bad(1)),
        ],
        sort="Running for",
    )


def sessions_running_timeseries(limits: PanelLimits) -> timeseries.Panel:
    """
    Running sessions, and those silent, stalled or over their time limit.
    """
    states = (
        ("running", metrics.SESSIONS_ACTIVE),
        ("silent", metrics.SESSIONS_SILENT),
        ("stalled", metrics.SESSIONS_STALLED),
        ("over limit", metrics.SESSIONS_OVER_LIMIT),
    )
    return timeseries_panel(
        11,
        "Running sessions",
        "Sessions running; of them silent (nothing arrives), stalled (alive, no progress) and over their "
        "time limit. " + limits.duration.note,
        SHORT,
        *(PanelQuery(f"sum({SCOPE.select(metric)})", legend) for legend, metric in states),
    )


def phases_timeseries() -> timeseries.Panel:
    """
    Phases running and blocked.
    """
    return timeseries_panel(
        12,
        "Phases in progress",
        "Phases running or blocked now. Blocked phases wait for something outside.",
        SHORT,
        PanelQuery(f"sum by (state) ({SCOPE.select(metrics.PHASES_ACTIVE)})", "{{state}}"),
    )
