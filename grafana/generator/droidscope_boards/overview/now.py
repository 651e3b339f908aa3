"""
Running sessions and phases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.conventions import metrics
from droidscope_boards.layout import Row
from droidscope_boards.overview.scope import SCOPE
from droidscope_boards.panels import PanelQuery, timeseries_panel
from droidscope_boards.states import SESSION_STATES, STATE_NAMES, coloured
from droidscope_boards.styles import RATIO, RED, SECONDS, SHORT, high_is_bad
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
    The sessions that have not ended.
    """
    by = ("orchestrator", "session_id", "pattern")
    start = SCOPE.newest(metrics.ACTIVE_SESSION_START, by)
    same = f"on ({', '.join(by)})"
    phase = SCOPE.newest(metrics.ACTIVE_SESSION_INFO, (*by, "phase"))
    state = SCOPE.newest(metrics.ACTIVE_SESSION_STATE, (*by, "state"))
    return table_panel(
        10,
        "Running now",
        "Sessions that run or wait, the longest first; at most the 100 oldest of each orchestrator. The time "
        "that they wait for a person is not in how long they run. Progress is what the orchestrator "
        "reported, else finished phases by their usual duration. " + limits.duration.note,
        {
            "session_id": "Session",
            "orchestrator": "Orchestrator",
            "pattern": "Pattern",
            "phase": "Phase",
            "state": "State",
        },
        [
            Column(
                "Running for",
                f"(time() - {start}) * {same} group_right () ({phase} * {same} group_left (state) {state})",
                SECONDS,
                high_is_bad(limits.duration.limit),
            ),
            Column("Progress", SCOPE.newest(metrics.ACTIVE_SESSION_PROGRESS, by), RATIO, bar=1),
            Column("Droids", SCOPE.newest(metrics.ACTIVE_SESSION_DROIDS, by), SHORT),
            Column("Conflicts", SCOPE.newest(metrics.ACTIVE_SESSION_CONFLICTS, by), SHORT, high_is_bad(1)),
        ],
        sort="Running for",
        names={"State": STATE_NAMES},
    )


def sessions_running_timeseries(limits: PanelLimits) -> timeseries.Panel:
    """
    Running sessions, those silent, stalled or over their time limit, and those that wait for a person.
    """
    states = (
        ("running", metrics.SESSIONS_ACTIVE),
        ("silent", metrics.SESSIONS_SILENT),
        ("stalled", metrics.SESSIONS_STALLED),
        ("over limit", metrics.SESSIONS_OVER_LIMIT),
        ("waiting", metrics.SESSIONS_WAITING),
    )
    panel = timeseries_panel(
        11,
        "Running sessions",
        "Sessions running; of them silent (nothing arrives), stalled (alive, no progress) and over their "
        "time limit; and beside them those that wait for a person, which counts in no limit. "
        + limits.duration.note,
        SHORT,
        *(PanelQuery(f"sum({SCOPE.select(metric)})", legend) for legend, metric in states),
    )
    return coloured(panel, {**SESSION_STATES, "over limit": RED})


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
