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
    when="per pattern: nothing arrives for a running session (`session_silent_after`)",
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
    when="per pattern: a session is alive and makes no progress (`session_stalled_after`)",
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
    when="per pattern: a session was declared lost within {window} and has not come back",
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
    when="per pattern: the oldest running session began over {limit} ago",
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
How many times too fast the error budget is spent when the alert fires.
"""
BURN_SHORT_WINDOW: Final = "1h"
OBJECTIVE_BURNING: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="OrchestratorSuccessObjectiveBurning",
    category="sessions",
    by=BY_ORCHESTRATOR,
    when=(
        "per orchestrator: more than {limit} of the sessions of {window} (at least {minimum}) did not "
        f"complete, and the same for {BURN_SHORT_WINDOW}"
    ),
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
Over the limit in both windows: the long one shows that it matters, the short one that it still goes on.
"""

# --- telemetry ----------------------------------------------------------------------------------

TELEMETRY_LOST: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="OrchestratorTelemetryLost",
    category="telemetry",
    by=BY_ORCHESTRATOR,
    when=(
        "per orchestrator: less than {limit} of the records emitted were stored, while at least "
        "{minimum} are emitted within {window}"
    ),
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
    when=(
        "per orchestrator: the instrumentation's own metrics arrived at least {minimum} times within "
        "{window} (that is one hour), and not for {limit} while an exporter was up"
    ),
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
    when=("per exporter and reason: more than {limit} refusals within {window}, not counting harmless ones"),
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
    when=(
        "per exporter: more than {limit} of the records of {window} (at least {minimum}) arrived "
        "after their session was closed"
    ),
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
    when="per orchestrator and label: more than {limit} of the allowed values are used",
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
    when="per orchestrator and metric: over {limit} series, 80% of the default limit",
    breached="above",
    limit=4_000,
    hold="15m",
    severity=Severity.MEDIUM,
    action="reduce_label_values",
)
"""
80 % of the default of the setting `series_limit`: change both together.
"""

# --- model providers ----------------------------------------------------------------------------

MODEL_REQUESTS_FAILING: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="OrchestratorModelRequestsFailing",
    category="models",
    by=BY_MODEL,
    when="per model: more than {limit} of the requests of {window} (at least {minimum}) failed",
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
    when="per model: p95 of the requests of {window} (at least {minimum}) over {limit}",
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
    when=(
        "per orchestrator: the last hour cost over {limit} times as much as an average hour with "
        "spending in the week before (at least {minimum} such hours), and over 1 US dollar"
    ),
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
    when="per model: tokens without a cost and without a price within {window}",
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
    when=(
        "per pattern: the cost per success of {window} (at least {minimum}) is over {limit} times "
        "that of the week before (at least 20)"
    ),
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

FLEET_ALERTS: Final[tuple[Threshold[FleetAlertCategory], ...]] = tuple(
    value for value in tuple(globals().values()) if isinstance(value, Threshold)
)
"""
All of the above, in their order.
"""

WATCHDOG: Final = "DroidscopeWatchdog"
"""
The alert that always fires, so that its absence shows; it has no limit.
"""
