"""
Alerting rules: the seven of the specification, those of a fleet, and those about the monitoring itself.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions import fleet_thresholds
from droidscope.conventions.fleet_thresholds import WATCHDOG
from droidscope.limits.alert_limits import AlertLimits
from droidscope.rules.alerts.cost_alerts import COST, MODELS
from droidscope.rules.alerts.health_alerts import HEALTH, watchdog
from droidscope.rules.alerts.rule import (
    DROIDS_BOARD,
    JOB,
    OVERVIEW_BOARD,
    PATTERNS_BOARD,
    AlertKind,
    AlertRule,
    Links,
)
from droidscope.rules.alerts.session_alerts import SESSIONS
from droidscope.rules.alerts.specification_alerts import SPECIFIED
from droidscope.rules.alerts.telemetry_alerts import TELEMETRY
from droidscope.rules.promql import Scope, matchers

__all__ = [
    "DOWN",
    "DROIDS_BOARD",
    "INSTANCE_DOWN",
    "JOB",
    "KINDS",
    "OVERVIEW_BOARD",
    "PATTERNS_BOARD",
    "WATCHDOG",
    "AlertKind",
    "AlertRule",
    "Links",
    "alert_groups",
    "alerts_of",
]

DOWN: Final = fleet_thresholds.DOWN.name
INSTANCE_DOWN: Final = fleet_thresholds.INSTANCE_DOWN.name

KINDS: Final = (*SPECIFIED, *SESSIONS, *TELEMETRY, *MODELS, *COST, *HEALTH)
"""
Every alert but the watchdog, in the order of the rule file.
"""


def alerts_of(kind: AlertKind, limits: AlertLimits) -> list[AlertRule]:
    """
    The rules of one alert: one, and one more for each orchestrator or pattern with a limit of its own.
    """
    return [
        kind.build(variant.threshold, Scope(only=matchers(variant)))._replace(override=variant.label)
        for variant in limits.variants(kind.threshold)
    ]


def alert_groups(links: Links, limits: AlertLimits | None = None) -> dict[str, object]:
    """
    The rule file of the alerts: one group a category.
    """
    groups: dict[str, list[dict[str, object]]] = {}
    for kind in KINDS:
        rules = groups.setdefault(kind.threshold.category, [])
        rules += [alert.rule(links) for alert in alerts_of(kind, limits or AlertLimits())]
    groups[fleet_thresholds.DOWN.category].append(watchdog(links))
    return {
        "groups": [
            {"name": f"droidscope-{category}", "rules": rules} for category, rules in groups.items() if rules
        ]
    }
