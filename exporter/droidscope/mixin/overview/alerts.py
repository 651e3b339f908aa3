"""
What is wrong, and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from droidscope.conventions.attributes import Severity
from droidscope.mixin.boards import Row
from droidscope.mixin.panels import ORANGE, RED, label_table_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import table


LEVELS: Final = {
    Severity.CRITICAL: (4, RED),
    Severity.HIGH: (3, RED),
    Severity.MEDIUM: (2, ORANGE),
    Severity.LOW: (1, "yellow"),
}
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
    return Row(104, "Alerts", [critical_alerts_table(), warnings_table()])


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


def _alert_table(id_: int, title: str, *severities: Severity) -> table.Panel:
    return label_table_panel(
        id_,
        title,
        f"Alerts of severity {' or '.join(severities)} that fire now; what each means is in its runbook.",
        _ALERT_KEYS,
        f"max by ({', '.join(_ALERT_KEYS)}) ({firing(*severities)})",
    ).no_value("none")


def firing(*severities: Severity) -> str:
    """
    The alerts of *severities* that fire now.
    """
    # Alerts about the exporter itself have no orchestrator, and show whichever is chosen.
    return (
        f'ALERTS{{alertstate="firing", severity=~"{"|".join(severities)}", orchestrator=~"$orchestrator|"}}'
    )
