"""
Firing alerts, and recommendations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from droidscope.conventions import metrics
from droidscope.conventions.attributes import Severity
from droidscope_boards.insight_panels import OF_PATTERN, recommendations_table
from droidscope_boards.layout import Row
from droidscope_boards.overview.scope import SCOPE
from droidscope_boards.panels import PanelQuery, timeseries_panel
from droidscope_boards.styles import ORANGE, RED, SHORT, YELLOW, named
from droidscope_boards.tables import label_table_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import table, timeseries


LEVELS: Final = {
    Severity.CRITICAL: (4, RED),
    Severity.HIGH: (3, RED),
    Severity.MEDIUM: (2, ORANGE),
    Severity.LOW: (1, YELLOW),
}
_SEVERITIES: Final = named({str(severity): (severity, color) for severity, (_, color) in LEVELS.items()})
_ALERT_KEYS: Final = {
    "alertname": "Alert",
    "severity": "Severity",
    "orchestrator": "Orchestrator",
    "pattern": "Pattern",
    "droid": "Droid",
    "finding_severity": "Finding",
    "cause": "Cause",
    "instance": "Instance",
}


def row() -> Row:
    """
    The row and its panels, from left to right.
    """
    return Row(
        104,
        "Alerts and recommendations",
        [critical_alerts_table(), warnings_table(), recommendations(), breaches_timeseries()],
    )


def critical_alerts_table() -> table.Panel:
    """
    Critical and high alerts firing.
    """
    return _alert_table(40, "Critical and high alerts", Severity.CRITICAL, Severity.HIGH)


def warnings_table() -> table.Panel:
    """
    Medium and low alerts firing.
    """
    return _alert_table(41, "Medium and low alerts", Severity.MEDIUM, Severity.LOW)


def recommendations() -> table.Panel:
    """
    The recommendations with the largest impact.
    """
    return recommendations_table(42, "Recommendations", SCOPE, OF_PATTERN, limit=10).span(24)


def breaches_timeseries() -> timeseries.Panel:
    """
    The exporter's own alerts over time.
    """
    return timeseries_panel(
        43,
        "Active alerts of the exporter",
        "Patterns, droids or findings beyond the limit of each alert, evaluated by the exporter itself: "
        "without a hold time, unlike the alerts of Prometheus. The variable pattern does not apply.",
        SHORT,
        # Each exporter evaluates what it has received itself.
        PanelQuery(
            SCOPE.newest(metrics.ALERTS_ACTIVE, ("orchestrator", "alert")) + " > 0",
            "{{orchestrator}} {{alert}}",
        ),
    ).span(24)


def _alert_table(id_: int, title: str, *severities: Severity) -> table.Panel:
    return label_table_panel(
        id_,
        title,
        f"Alerts of severity {' or '.join(severities)} that fire now; their runbooks explain them.",
        _ALERT_KEYS,
        f"max by ({', '.join(_ALERT_KEYS)}) ({firing(*severities)})",
        {"Severity": _SEVERITIES},
    ).no_value("none")


def firing(*severities: Severity) -> str:
    """
    The alerts of *severities* that fire now.
    """
    # Alerts about the exporter itself have no orchestrator: they show for any choice.
    return (
        f'ALERTS{{alertstate="firing", severity=~"{"|".join(severities)}", orchestrator=~"$orchestrator|"}}'
    )
