"""
Limits of the monitoring itself: exporter, Prometheus, Alertmanager.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions.attributes import Severity
from droidscope.conventions.thresholds import (
    INSTANCE,
    FleetAlertCategory,
    Threshold,
)

DOWN: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="DroidscopeDown",
    category="health",
    by=(),
    when="no exporter is up",
    breached="below",
    limit=1,
    hold="5m",
    severity=Severity.CRITICAL,
    action="restore_exporter",
    fixed=("limit",),
)
INSTANCE_DOWN: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="DroidscopeInstanceDown",
    category="health",
    by=(INSTANCE,),
    when="per exporter: it does not answer scrapes",
    breached="below",
    limit=1,
    hold="5m",
    severity=Severity.HIGH,
    action="restore_exporter",
    fixed=("limit",),
)
COLLECT_FAILING: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="DroidscopeCollectFailing",
    category="health",
    by=(INSTANCE, "part"),
    when="per exporter: a part of its metrics page cannot be rendered",
    breached="below",
    limit=1,
    hold="5m",
    severity=Severity.HIGH,
    action="restore_exporter",
)
STORE_FILLING: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="DroidscopeStoreFilling",
    category="health",
    by=(INSTANCE,),
    when="per exporter: at the rate of the last {window} the disk of the store is full within {limit}",
    breached="below",
    limit=86_400,
    window="6h",
    hold="30m",
    severity=Severity.HIGH,
    action="free_disk_space",
    unit="seconds",
)
"""
*limit* is how far ahead the line through the last *window* is drawn.
"""
STORE_HISTORY: Final = "1h"
"""
For how long the free space must be known: a line through a few minutes points anywhere.
"""
RULES_FAILING: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="DroidscopeRulesFailing",
    category="health",
    by=(INSTANCE, "rule_group"),
    when="per rule group: droidscope rules failed within {window}",
    breached="above",
    limit=0,
    window="15m",
    hold="5m",
    severity=Severity.HIGH,
    action="fix_rules",
)
NOTIFICATIONS_FAILING: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="DroidscopeNotificationsFailing",
    category="health",
    by=(INSTANCE,),
    when="Alertmanager could not notify, or Prometheus could not reach Alertmanager, within {window}",
    breached="above",
    limit=0,
    window="15m",
    hold="5m",
    severity=Severity.HIGH,
    action="restore_notifications",
)

WATCHDOG: Final = "DroidscopeWatchdog"
"""
The alert that always fires, so that its absence shows; it has no limit.
"""
