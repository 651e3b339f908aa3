"""
What is wrong, and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from droidscope.conventions import metrics
from droidscope.conventions.attributes import Severity
from droidscope_boards.insight_panels import OF_PATTERN, recommendations_table
from droidscope_boards.layout import Row
from droidscope_boards.overview.scope import SCOPE
from droidscope_boards.panels import (
    ORANGE,
    RED,
    SHORT,
    YELLOW,
    PanelQuery,
    label_table_panel,
    named,
    timeseries_panel,
)

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
    Its panels, from left to right.
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
    return _alert_table(40, "Critical", Severity.CRITICAL, Severity.HIGH)


def warnings_table() -> table.Panel:
    """
    Medium and low alerts firing.
    """
    return _alert_table(41, "Warnings", Severity.MEDIUM, Severity.LOW)


def recommendations() -> table.Panel:
    """
    What would help most.
    """
    return recommendations_table(42, "Recommendations", SCOPE, OF_PATTERN, limit=10).span(24)


def breaches_timeseries() -> timeseries.Panel:
    """
    Breached limits over time, by alert.
    """
    return timeseries_panel(
        43,
        "Limits breached",
        "How many patterns, droids or findings breach the limit of each alert, as the exporter judges it: "
        "at once, where an alert of Prometheus holds for a while first. The variable pattern does not apply.",
        SHORT,
        # Each exporter judges what it has received itself.
        PanelQuery(
            SCOPE.newest(metrics.ALERTS_ACTIVE, ("orchestrator", "alert")) + " > 0",
            "{{orchestrator}} {{alert}}",
        ),
    ).span(24)


def _alert_table(id_: int, title: str, *severities: Severity) -> table.Panel:
    return label_table_panel(
        id_,
        title,
        f"Alerts of severity {' or '.join(severities)} that fire now; what each means is in its runbook.",
        _ALERT_KEYS,
        f"max by ({', '.join(_ALERT_KEYS)}) ({firing(*severities)})",
        {"Severity": _SEVERITIES},
    ).no_value("none")


def firing(*severities: Severity) -> str:
    """
    The alerts of *severities* that fire now.
    """
    # Alerts about the exporter itself have no orchestrator, and show whichever is chosen.
    return (
        f'ALERTS{{alertstate="firing", severity=~"{"|".join(severities)}", orchestrator=~"$orchestrator|"}}'
    )
