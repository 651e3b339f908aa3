"""
Status and load of each droid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from droidscope.conventions import metrics, thresholds
from droidscope.conventions.matchers import label_is
from droidscope.formatting import number
from droidscope_boards.droids.scope import DROID, SCOPE
from droidscope_boards.layout import Row
from droidscope_boards.panels import PanelQuery, dashed, state_timeline_panel, timeseries_panel
from droidscope_boards.styles import GREEN, ORANGE, QUIET, RED, SHORT, named

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import statetimeline, timeseries

    from droidscope.conventions.insight_kinds import DroidStatus
    from droidscope_boards.limits import PanelLimits

# Where two exporters differ, the one that sees the droid work is right: it has the higher number.
_LEVELS: Final[dict[DroidStatus, tuple[int, str]]] = {
    "offline": (1, QUIET),
    "healthy": (2, GREEN),
    "degraded": (3, ORANGE),
    "overloaded": (4, RED),
}
STATUSES: Final = named({str(level): (status, color) for status, (level, color) in _LEVELS.items()})
"""
The names of the levels of `status`.
"""


def row(limits: PanelLimits) -> Row:
    """
    The row and its panels, from left to right.
    """
    return Row(105, "Status and load", [status_timeline(limits), load_timeseries()])


def status_timeline(limits: PanelLimits) -> statetimeline.Panel:
    """
    Status of each droid over time.
    """
    return state_timeline_panel(
        15,
        "Status over time",
        "Status of each droid over the 24 h before each point. Offline: nothing in 24 h; overloaded: as many "
        "attempts in flight as its limit (setting droid_limits; never without one); degraded: efficiency "
        f"below {thresholds.EFFICIENCY_LOW:g}, or an error rate above {number(limits.errors.limit)}; "
        "else healthy.",
        PanelQuery(status(), "{{orchestrator}} {{droid}}"),
        STATUSES,
    )


def load_timeseries() -> timeseries.Panel:
    """
    Attempts in flight of each droid, and its limit.
    """
    panel = timeseries_panel(
        16,
        "Load",
        "Attempts in flight of each droid, and as dashed lines the limits of those that have one (setting "
        "droid_limits): a droid at its limit is overloaded.",
        SHORT,
        PanelQuery(SCOPE.newest(metrics.ATTEMPTS_ACTIVE, DROID), "{{orchestrator}} {{droid}}"),
        PanelQuery(SCOPE.newest(metrics.DROID_CONCURRENCY_LIMIT, DROID), "{{orchestrator}} {{droid}}: limit"),
    )
    return dashed(panel.height(12), "B")


def status() -> str:
    """
    The status of each droid as a number that `STATUSES` names.
    """
    levels = "\n  or ".join(
        f"{level} * " + SCOPE.select(metrics.DROID_STATUS, label_is("status", status))
        for status, (level, _) in _LEVELS.items()
    )
    return f"max by ({', '.join(DROID)}) (\n  {levels}\n)"


def load() -> str:
    """
    Attempts in flight of each droid as a share of its limit; absent without one.
    """
    active, limit = (
        SCOPE.newest(metric, DROID) for metric in (metrics.ATTEMPTS_ACTIVE, metrics.DROID_CONCURRENCY_LIMIT)
    )
    return f"{active} / ({limit} > 0)"
