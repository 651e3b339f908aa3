"""
Gauges of what is known now.
"""

from __future__ import annotations

from droidscope.conventions.metrics.spec import gauge

SESSIONS_ACTIVE = gauge("orchestrator_sessions_active", "pattern", help="Sessions running now.")
SESSIONS_WAITING = gauge(
    "orchestrator_sessions_waiting", "pattern", help="Sessions that wait for a person now."
)
SESSIONS_SILENT = gauge(
    "orchestrator_sessions_silent", "pattern", help="Running sessions of which nothing arrives."
)
SESSIONS_STALLED = gauge(
    "orchestrator_sessions_stalled", "pattern", help="Running sessions that are alive and make no progress."
)
SESSIONS_OVER_LIMIT = gauge(
    "orchestrator_sessions_over_limit",
    "pattern",
    help="Sessions running for longer than their time limit, what they waited aside.",
)
SESSION_OLDEST_START = gauge(
    "orchestrator_session_oldest_start_timestamp_seconds",
    "pattern",
    help="Start of the oldest running session, later by what it has waited for people.",
)
ACTIVE_SESSION_INFO = gauge(
    "orchestrator_active_session_info",
    "session_id",
    "pattern",
    "phase",
    help="A session that has not ended and its latest phase.",
)
ACTIVE_SESSION_STATE = gauge(
    "orchestrator_active_session_state",
    "session_id",
    "pattern",
    "state",
    help="1 for the state of a session that has not ended: running, waiting, silent or stalled.",
)
ACTIVE_SESSION_START = gauge(
    "orchestrator_active_session_start_timestamp_seconds",
    "session_id",
    "pattern",
    help="Start of a session that has not ended, later by what it has waited for people.",
)
ACTIVE_SESSION_PROGRESS = gauge(
    "orchestrator_active_session_progress_ratio",
    "session_id",
    "pattern",
    help="Progress of a session that has not ended.",
)
ACTIVE_SESSION_DROIDS = gauge(
    "orchestrator_active_session_droids",
    "session_id",
    "pattern",
    help="Droids working in a session that has not ended.",
)
ACTIVE_SESSION_CONFLICTS = gauge(
    "orchestrator_active_session_conflicts",
    "session_id",
    "pattern",
    help="Conflicts met in a session that has not ended.",
)
PHASES_ACTIVE = gauge(
    "orchestrator_phases_active", "pattern", "phase", "state", help="Phases running or blocked now."
)
ATTEMPTS_ACTIVE = gauge("orchestrator_attempts_active", "droid", help="Attempts in flight.")
DROID_CONCURRENCY_LIMIT = gauge(
    "orchestrator_droid_concurrency_limit",
    "droid",
    help="Attempts a droid may have in flight, as configured.",
)
DROID_STATUS = gauge(
    "orchestrator_droid_status",
    "droid",
    "status",
    help="1 for the status that holds over 24 hours, 0 for the others.",
)
FINDINGS_OPEN = gauge(
    "orchestrator_security_findings_open",
    "pattern",
    "droid",
    "finding_severity",
    help="Security findings of the latest report.",
)

ALERTS_ACTIVE = gauge(
    "orchestrator_alerts_active",
    "alert",
    "alert_severity",
    help="Patterns, droids or findings that breach the alert's limit now.",
)
ALERT_LEVEL = gauge(
    "orchestrator_alert_level",
    help="Highest severity of the active alerts: 0 none, 1 low, 2 medium, 3 high, 4 critical.",
)
