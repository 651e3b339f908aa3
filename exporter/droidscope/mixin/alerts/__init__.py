"""
Alerting rules: the seven of the specification, those of a fleet, and those about who watches.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions import fleet
from droidscope.mixin.alerts.health import HEALTH, WATCHDOG, watchdog
from droidscope.mixin.alerts.rule import (
    DROIDS_BOARD,
    JOB,
    OVERVIEW_BOARD,
    PATTERNS_BOARD,
    Alert,
    Kind,
    Links,
)
from droidscope.mixin.alerts.sessions import SESSIONS
from droidscope.mixin.alerts.specified import SPECIFIED
from droidscope.mixin.alerts.spending import COST, MODELS
from droidscope.mixin.alerts.telemetry import TELEMETRY
from droidscope.mixin.limits import Limits
from droidscope.mixin.promql import Scope

__all__ = [
    "DOWN",
    "DROIDS_BOARD",
    "INSTANCE_DOWN",
    "JOB",
    "KINDS",
    "OVERVIEW_BOARD",
    "PATTERNS_BOARD",
    "WATCHDOG",
    "Alert",
    "Kind",
    "Links",
    "alert_groups",
    "alerts_of",
]

DOWN: Final = fleet.DOWN.name
INSTANCE_DOWN: Final = fleet.INSTANCE_DOWN.name

KINDS: Final = (*SPECIFIED, *SESSIONS, *TELEMETRY, *MODELS, *COST, *HEALTH)
"""
Every alert but the watchdog, in the order of the rule file.
"""


def alerts_of(kind: Kind, limits: Limits) -> list[Alert]:
    """
    The rules of one alert: one, and one more for each orchestrator or pattern with a limit of its own.
    """
    return [
        kind.build(cell.threshold, Scope(only=cell.matchers))._replace(override=cell.label)
        for cell in limits.cells(kind.threshold)
    ]


def alert_groups(links: Links, limits: Limits | None = None) -> dict[str, object]:
    """
    The rule file of the alerts: one group a category.
    """
    groups: dict[str, list[dict[str, object]]] = {}
    for kind in KINDS:
        rules = groups.setdefault(kind.threshold.category, [])
        rules += [alert.rule(links) for alert in alerts_of(kind, limits or Limits())]
    groups[fleet.DOWN.category].append(watchdog(links))
    return {
        "groups": [
            {"name": f"droidscope-{category}", "rules": rules} for category, rules in groups.items() if rules
        ]
    }
