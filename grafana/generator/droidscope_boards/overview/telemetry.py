"""
Completeness of telemetry, and what the exporters receive and reject.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.conventions import metrics
from droidscope_boards.layout import Row
from droidscope_boards.overview.scope import FLEET, SCOPE
from droidscope_boards.panels import PanelQuery, limited, timeseries_panel
from droidscope_boards.styles import RATIO, low_is_bad

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import timeseries


def row() -> Row:
    """
    The row and its panels, from left to right.
    """
    return Row(
        105,
        "Telemetry",
        [completeness_timeseries(), received_timeseries(), rejected_timeseries(), overflow_timeseries()],
    )


def completeness_timeseries() -> timeseries.Panel:
    """
    Records stored of records emitted.
    """
    panel = timeseries_panel(
        50,
        "Completeness",
        "Share of the records emitted by the instrumentation that is stored, over the life of each process "
        "that reported within the last 24 h; below 100 %, telemetry is lost on the way.",
        RATIO,
        PanelQuery(SCOPE.lowest(metrics.COMPLETENESS, FLEET), "{{orchestrator}}"),
    )
    return limited(panel, low_is_bad(1))


def received_timeseries() -> timeseries.Panel:
    """
    Items received a second.
    """
    return timeseries_panel(
        51,
        "Received",
        "Spans, log records and metric points received by the exporters, by signal and outcome.",
        "cps",
        PanelQuery(SCOPE.rate(metrics.RECEIVED, ("signal", "outcome")), "{{signal}} {{outcome}}"),
    )


def rejected_timeseries() -> timeseries.Panel:
    """
    Items rejected a second, by reason.
    """
    return timeseries_panel(
        52,
        "Rejected",
        "Requests and items that the exporters rejected, by reason.",
        "cps",
        PanelQuery(SCOPE.rate(metrics.REJECTED, ("reason",)), "{{reason}}"),
    )


def overflow_timeseries() -> timeseries.Panel:
    """
    Events counted under `other`, by label.
    """
    return timeseries_panel(
        53,
        "Label overflow",
        "Events counted under `other` because a label has reached its limit of values.",
        "cps",
        PanelQuery(
            SCOPE.rate(metrics.LABEL_OVERFLOW, ("orchestrator", "label")), "{{orchestrator}} {{label}}"
        ),
    )
