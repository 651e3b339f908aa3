"""
Names that the format of the first version used, and what they are called now.
"""

from __future__ import annotations

from typing import Final

FORMER_ALERT_NAMES: Final = {
    "SessionSuccessRateLow": "OrchestratorSessionSuccessRateLow",
    "SessionDurationLong": "OrchestratorSessionDurationLong",
    "DroidErrorRateHigh": "OrchestratorDroidErrorRateHigh",
    "DroidCodeQualityLow": "OrchestratorDroidCodeQualityLow",
    "SecurityFindingsOpen": "OrchestratorSecurityFindingsOpen",
    "DroidResponseTimeHigh": "OrchestratorDroidResponseTimeHigh",
    "CommunicationConflicts": "OrchestratorCommunicationConflicts",
    "SessionsSilent": "OrchestratorSessionsSilent",
    "SessionsStalled": "OrchestratorSessionsStalled",
    "SessionsLost": "OrchestratorSessionsLost",
    "SessionOldestLong": "OrchestratorSessionOldestLong",
    "SuccessObjectiveBurning": "OrchestratorSuccessObjectiveBurning",
    "TelemetryLost": "OrchestratorTelemetryLost",
    "TelemetryStopped": "OrchestratorTelemetryStopped",
    "TelemetryRejected": "DroidscopeTelemetryRejected",
    "TelemetryLate": "DroidscopeTelemetryLate",
    "LabelLimitNear": "DroidscopeLabelLimitNear",
    "SeriesLimitNear": "DroidscopeSeriesLimitNear",
    "ModelRequestsFailing": "OrchestratorModelRequestsFailing",
    "ModelRequestsSlow": "OrchestratorModelRequestsSlow",
    "SpendingHigh": "OrchestratorSpendingHigh",
    "TokensUnpriced": "OrchestratorTokensUnpriced",
    "CostPerSuccessHigh": "OrchestratorCostPerSuccessHigh",
    "Watchdog": "DroidscopeWatchdog",
}
"""
Former names of alerts; as a key of the file of limits each is an error that gives the new one.
"""

FORMER_METRIC_NAMES: Final = {
    "orchestrator_sessions_over_limit_total": "orchestrator_sessions_ended_over_limit_total",
}
"""
Former names of series in a checkpoint, which continue under the new one.
"""

FORMER_SETTINGS: Final = {
    "segment_bytes": "log_segment_bytes",
    "segment_interval": "log_segment_interval",
    "security_alert_severities": (
        "finding_severities of OrchestratorSecurityFindingsOpen in the file that the setting thresholds names"
    ),
}
"""
Former settings, which had no flags; as a key of the configuration file or as a variable each is an error
that says what is expected instead.
"""

FORMER_OPTIONS: Final = {
    "--webhook": "receivers in the file that the option --receivers names (docs/notifications.md)",
    "--time-zone": "time_intervals in the file that the option --receivers names (docs/notifications.md)",
}
"""
Former options of `droidscope rules render`; each is an error that says what is expected instead.
"""
