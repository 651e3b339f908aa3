"""
Limits of what a fleet needs watched beside the seven alerts of the specification, written once.

Prometheus alone judges these: they compare weeks, exporters, or Prometheus and Alertmanager
themselves. How to change them without editing anything rendered: docs/alerts.md#thresholds.
"""

from __future__ import annotations

from typing import Final, Literal

from droidscope.conventions.attributes import Severity
from droidscope.conventions.metrics.spec import ORCHESTRATOR
from droidscope.conventions.thresholds import (
    BY_MODEL,
    BY_ORCHESTRATOR,
    BY_PATTERN,
    INSTANCE,
    SUCCESS_TARGET,
    Threshold,
)

FleetAlertCategory = Literal["sessions", "telemetry", "models", "cost", "health"]
"""
The categories of these alerts.
"""

# --- sessions -----------------------------------------------------------------------------------

SESSIONS_SILENT: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="OrchestratorSessionsSilent",
    category="sessions",
    by=BY_PATTERN,
    breached="above",
    limit=0,
    hold="5m",
    severity=Severity.MEDIUM,
    action="check_orchestrator_process",
)
SESSIONS_STALLED: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="OrchestratorSessionsStalled",
    category="sessions",
    by=BY_PATTERN,
    breached="above",
    limit=0,
    hold="5m",
    severity=Severity.MEDIUM,
    action="unblock_sessions",
)
SESSIONS_LOST: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="OrchestratorSessionsLost",
    category="sessions",
    by=BY_PATTERN,
    breached="above",
    limit=0,
    window="1h",
    severity=Severity.HIGH,
    action="recover_lost_sessions",
)
SESSION_OLDEST: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="OrchestratorSessionOldestLong",
    category="sessions",
    by=BY_PATTERN,
    breached="above",
    limit=86_400,
    hold="5m",
    severity=Severity.MEDIUM,
    action="cancel_stuck_sessions",
    unit="seconds",
)

SUCCESS_OBJECTIVE: Final = SUCCESS_TARGET
"""
Share of an orchestrator's sessions that should complete.

It leaves a budget of 0.15, so that the highest burn rate there is, a total outage, is 1/0.15 = 6.7:
the 14.4 and 6 that are usual for objectives of 99.9 % would never fire, or hardly ever.
"""
BURN_RATE: Final = 3.0
"""
How many times too fast the budget of failures is spent when the alert speaks.
"""
OBJECTIVE_BURNING: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="OrchestratorSuccessObjectiveBurning",
    category="sessions",
    by=BY_ORCHESTRATOR,
    breached="above",
    limit=BURN_RATE * (1 - SUCCESS_OBJECTIVE),
    minimum=10,
    window="6h",
    hold="5m",
    severity=Severity.HIGH,
    action="protect_success_objective",
    unit="ratio",
)
"""
Over the limit in both windows: the long one says it matters, the short one that it still goes on.
"""
BURN_SHORT_WINDOW: Final = "1h"

# --- telemetry ----------------------------------------------------------------------------------

TELEMETRY_LOST: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="OrchestratorTelemetryLost",
    category="telemetry",
    by=BY_ORCHESTRATOR,
    breached="below",
    limit=0.99,
    minimum=100,
    window="1h",
    hold="10m",
    severity=Severity.HIGH,
    action="restore_telemetry",
    unit="ratio",
)
TELEMETRY_STOPPED: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="OrchestratorTelemetryStopped",
    category="telemetry",
    by=BY_ORCHESTRATOR,
    breached="above",
    limit=600,
    minimum=240,
    window="24h",
    hold="5m",
    severity=Severity.HIGH,
    action="restore_telemetry",
    unit="seconds",
)
"""
*minimum* is how often metrics must have arrived within *window*, an hour at their default of 15 s: a
process that ran for minutes was meant to end, and one that is silent for the whole window is retired.
"""
TELEMETRY_REJECTED: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="DroidscopeTelemetryRejected",
    category="telemetry",
    by=(INSTANCE, "reason"),
    breached="above",
    limit=10,
    window="15m",
    hold="5m",
    severity=Severity.HIGH,
    action="fix_rejected_telemetry",
)
HARMLESS_REJECTIONS: Final = ("stopping", "disconnected", "not_found", "wrong_method")
"""
Refusals that lose nothing: clients retry after a restart, and strangers ask for pages that are not there.
"""
TELEMETRY_LATE: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="DroidscopeTelemetryLate",
    category="telemetry",
    by=(INSTANCE,),
    breached="above",
    limit=0.01,
    minimum=100,
    window="1h",
    hold="10m",
    severity=Severity.LOW,
    action="review_session_ends",
    unit="ratio",
)
LABEL_LIMIT_NEAR: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="DroidscopeLabelLimitNear",
    category="telemetry",
    by=(ORCHESTRATOR, "label"),
    breached="above",
    limit=0.8,
    hold="15m",
    severity=Severity.MEDIUM,
    action="reduce_label_values",
    unit="ratio",
)
SERIES_LIMIT_NEAR: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="DroidscopeSeriesLimitNear",
    category="telemetry",
    by=(ORCHESTRATOR, "family"),
    breached="above",
    limit=4_000,
    hold="15m",
    severity=Severity.MEDIUM,
    action="reduce_label_values",
)
"""
80 % of the default of the setting `series_limit`; who changes that changes this.
"""

# --- model providers ----------------------------------------------------------------------------

MODEL_REQUESTS_FAILING: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="OrchestratorModelRequestsFailing",
    category="models",
    by=BY_MODEL,
    breached="above",
    limit=0.20,
    minimum=20,
    window="15m",
    hold="5m",
    severity=Severity.HIGH,
    action="switch_model_provider",
    unit="ratio",
)
MODEL_REQUESTS_SLOW: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="OrchestratorModelRequestsSlow",
    category="models",
    by=BY_MODEL,
    breached="above",
    limit=120,
    minimum=20,
    window="15m",
    hold="10m",
    severity=Severity.MEDIUM,
    action="check_model_provider",
    unit="seconds",
)
SLOW_QUANTILE: Final = 0.95
"""
One request of twenty slower than the limit is slow.
"""

# --- cost ---------------------------------------------------------------------------------------

SPENDING_HIGH: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="OrchestratorSpendingHigh",
    category="cost",
    by=BY_ORCHESTRATOR,
    breached="above",
    limit=3,
    minimum=12,
    window="1h",
    hold="5m",
    severity=Severity.HIGH,
    action="review_spending",
    unit="times",
    fixed=("window",),
)
"""
*minimum* is how many hours with spending there must be in the week before it: the usual is their
mean. Hours without are left out, or each Monday morning would be many times a mean with nights in it.
"""
SPENDING_FLOOR_USD: Final = 1.0
"""
An hour cheaper than this is never too expensive.
"""
TOKENS_UNPRICED: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="OrchestratorTokensUnpriced",
    category="cost",
    by=BY_MODEL,
    breached="above",
    limit=0,
    window="1h",
    hold="15m",
    severity=Severity.LOW,
    action="configure_prices",
)
COST_PER_SUCCESS_HIGH: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="OrchestratorCostPerSuccessHigh",
    category="cost",
    by=BY_PATTERN,
    breached="above",
    limit=2,
    minimum=5,
    window="24h",
    hold="15m",
    severity=Severity.MEDIUM,
    action="review_pattern_cost",
    unit="times",
    fixed=("window",),
)
"""
*minimum* successes in the day, and four times as many in the week before it.
"""
COST_BASELINE_TIMES: Final = 4

# --- the exporter, Prometheus, Alertmanager -----------------------------------------------------

DOWN: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="DroidscopeDown",
    category="health",
    by=(),
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
    breached="above",
    limit=0,
    window="15m",
    hold="5m",
    severity=Severity.HIGH,
    action="restore_notifications",
)

FLEET_ALERTS: Final = (
    SESSIONS_SILENT,
    SESSIONS_STALLED,
    SESSIONS_LOST,
    SESSION_OLDEST,
    OBJECTIVE_BURNING,
    TELEMETRY_LOST,
    TELEMETRY_STOPPED,
    TELEMETRY_REJECTED,
    TELEMETRY_LATE,
    LABEL_LIMIT_NEAR,
    SERIES_LIMIT_NEAR,
    MODEL_REQUESTS_FAILING,
    MODEL_REQUESTS_SLOW,
    SPENDING_HIGH,
    TOKENS_UNPRICED,
    COST_PER_SUCCESS_HIGH,
    DOWN,
    INSTANCE_DOWN,
    COLLECT_FAILING,
    STORE_FILLING,
    RULES_FAILING,
    NOTIFICATIONS_FAILING,
)
