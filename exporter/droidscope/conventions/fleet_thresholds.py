"""
Limits of what a fleet needs watched beside the seven alerts of the specification, written once.

Prometheus alone judges these: they compare weeks, exporters, or Prometheus and Alertmanager
themselves. How to change them without editing anything rendered: docs/alerts.md#thresholds.
"""

from __future__ import annotations

from typing import Final, Literal

from droidscope.conventions.attributes import Severity
from droidscope.conventions.thresholds import SUCCESS_TARGET, Threshold

FleetAlertCategory = Literal["sessions", "telemetry", "models", "cost", "health"]
"""
The categories of these alerts.
"""

# --- sessions -----------------------------------------------------------------------------------

SESSIONS_SILENT: Final[Threshold[FleetAlertCategory]] = Threshold(
    "SessionsSilent", "sessions", "above", 0, 0, "0s", "5m", Severity.MEDIUM, "check_orchestrator_process"
)
SESSIONS_STALLED: Final[Threshold[FleetAlertCategory]] = Threshold(
    "SessionsStalled", "sessions", "above", 0, 0, "0s", "5m", Severity.MEDIUM, "unblock_sessions"
)
SESSIONS_LOST: Final[Threshold[FleetAlertCategory]] = Threshold(
    "SessionsLost", "sessions", "above", 0, 0, "1h", "0m", Severity.HIGH, "recover_lost_sessions"
)
SESSION_OLDEST: Final[Threshold[FleetAlertCategory]] = Threshold(
    "SessionOldestLong",
    "sessions",
    "above",
    86_400,
    0,
    "0s",
    "5m",
    Severity.MEDIUM,
    "cancel_stuck_sessions",
    "seconds",
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
    "SuccessObjectiveBurning",
    "sessions",
    "above",
    BURN_RATE * (1 - SUCCESS_OBJECTIVE),
    10,
    "6h",
    "5m",
    Severity.HIGH,
    "protect_success_objective",
    "ratio",
)
"""
Over the limit in both windows: the long one says it matters, the short one that it still goes on.
"""
BURN_SHORT_WINDOW: Final = "1h"

# --- telemetry ----------------------------------------------------------------------------------

TELEMETRY_LOST: Final[Threshold[FleetAlertCategory]] = Threshold(
    "TelemetryLost",
    "telemetry",
    "below",
    0.99,
    100,
    "1h",
    "10m",
    Severity.HIGH,
    "restore_telemetry",
    "ratio",
)
TELEMETRY_STOPPED: Final[Threshold[FleetAlertCategory]] = Threshold(
    "TelemetryStopped",
    "telemetry",
    "above",
    600,
    240,
    "24h",
    "5m",
    Severity.HIGH,
    "restore_telemetry",
    "seconds",
)
"""
*minimum* is how often metrics must have arrived within *window*, an hour at their default of 15 s: a
process that ran for minutes was meant to end, and one that is silent for the whole window is retired.
"""
TELEMETRY_REJECTED: Final[Threshold[FleetAlertCategory]] = Threshold(
    "TelemetryRejected", "telemetry", "above", 10, 0, "15m", "5m", Severity.HIGH, "fix_rejected_telemetry"
)
HARMLESS_REJECTIONS: Final = ("stopping", "disconnected", "not_found", "wrong_method")
"""
Refusals that lose nothing: clients retry after a restart, and strangers ask for pages that are not there.
"""
TELEMETRY_LATE: Final[Threshold[FleetAlertCategory]] = Threshold(
    "TelemetryLate",
    "telemetry",
    "above",
    0.01,
    100,
    "1h",
    "10m",
    Severity.LOW,
    "review_session_ends",
    "ratio",
)
LABEL_LIMIT_NEAR: Final[Threshold[FleetAlertCategory]] = Threshold(
    "LabelLimitNear",
    "telemetry",
    "above",
    0.8,
    0,
    "0s",
    "15m",
    Severity.MEDIUM,
    "reduce_label_values",
    "ratio",
)
SERIES_LIMIT_NEAR: Final[Threshold[FleetAlertCategory]] = Threshold(
    "SeriesLimitNear", "telemetry", "above", 4_000, 0, "0s", "15m", Severity.MEDIUM, "reduce_label_values"
)
"""
80 % of the default of the setting `series_limit`; who changes that changes this.
"""

# --- model providers ----------------------------------------------------------------------------

MODEL_REQUESTS_FAILING: Final[Threshold[FleetAlertCategory]] = Threshold(
    "ModelRequestsFailing",
    "models",
    "above",
    0.20,
    20,
    "15m",
    "5m",
    Severity.HIGH,
    "switch_model_provider",
    "ratio",
)
MODEL_REQUESTS_SLOW: Final[Threshold[FleetAlertCategory]] = Threshold(
    "ModelRequestsSlow",
    "models",
    "above",
    120,
    20,
    "15m",
    "10m",
    Severity.MEDIUM,
    "check_model_provider",
    "seconds",
)
SLOW_QUANTILE: Final = 0.95
"""
One request of twenty slower than the limit is slow.
"""

# --- cost ---------------------------------------------------------------------------------------

SPENDING_HIGH: Final[Threshold[FleetAlertCategory]] = Threshold(
    "SpendingHigh", "cost", "above", 3, 12, "1h", "5m", Severity.HIGH, "review_spending", "times"
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
    "TokensUnpriced", "cost", "above", 0, 0, "1h", "15m", Severity.LOW, "configure_prices"
)
COST_PER_SUCCESS_HIGH: Final[Threshold[FleetAlertCategory]] = Threshold(
    "CostPerSuccessHigh", "cost", "above", 2, 5, "24h", "15m", Severity.MEDIUM, "review_pattern_cost", "times"
)
"""
*minimum* successes in the day, and four times as many in the week before it.
"""
COST_BASELINE_TIMES: Final = 4

# --- the exporter, Prometheus, Alertmanager -----------------------------------------------------

DOWN: Final[Threshold[FleetAlertCategory]] = Threshold(
    "DroidscopeDown", "health", "below", 1, 0, "0s", "5m", Severity.CRITICAL, "restore_exporter"
)
INSTANCE_DOWN: Final[Threshold[FleetAlertCategory]] = Threshold(
    "DroidscopeInstanceDown", "health", "below", 1, 0, "0s", "5m", Severity.HIGH, "restore_exporter"
)
COLLECT_FAILING: Final[Threshold[FleetAlertCategory]] = Threshold(
    "DroidscopeCollectFailing", "health", "below", 1, 0, "0s", "5m", Severity.HIGH, "restore_exporter"
)
STORE_FILLING: Final[Threshold[FleetAlertCategory]] = Threshold(
    "DroidscopeStoreFilling",
    "health",
    "below",
    86_400,
    0,
    "6h",
    "30m",
    Severity.HIGH,
    "free_disk_space",
    "seconds",
)
"""
*limit* is how far ahead the line through the last *window* is drawn.
"""
STORE_HISTORY: Final = "1h"
"""
For how long the free space must be known: a line through a few minutes points anywhere.
"""
RULES_FAILING: Final[Threshold[FleetAlertCategory]] = Threshold(
    "DroidscopeRulesFailing", "health", "above", 0, 0, "15m", "5m", Severity.HIGH, "fix_rules"
)
NOTIFICATIONS_FAILING: Final[Threshold[FleetAlertCategory]] = Threshold(
    "DroidscopeNotificationsFailing",
    "health",
    "above",
    0,
    0,
    "15m",
    "5m",
    Severity.HIGH,
    "restore_notifications",
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
