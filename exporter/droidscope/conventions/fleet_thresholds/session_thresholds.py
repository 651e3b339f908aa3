"""
Limits of sessions, and of the objective of their success.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions.attributes import Severity
from droidscope.conventions.thresholds import (
    BY_ORCHESTRATOR,
    BY_PATTERN,
    SUCCESS_TARGET,
    FleetAlertCategory,
    Threshold,
)

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
        "per orchestrator: more than {limit} of the sessions of {window} (at least {minimum}) failed or "
        f"were lost, and the same for {BURN_SHORT_WINDOW}"
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
