"""
Limits of telemetry: lost, stopped, refused, late, or of too many values.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions.attributes import Severity
from droidscope.conventions.metrics.spec import ORCHESTRATOR
from droidscope.conventions.thresholds import (
    BY_ORCHESTRATOR,
    INSTANCE,
    FleetAlertCategory,
    Threshold,
)

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
