"""
Every limit, written once: alert rules, panel steps, report colours and findings read these.

Limits, severities and actions of the seven alerts are those of the specification; windows, sample
counts and holds are ours (docs/kpis.md#alerts).
"""

from __future__ import annotations

from typing import Final, Generic, Literal, TypeVar

from msgspec import Struct

from droidscope.conventions.attributes import Severity

Unit = Literal["ratio", "seconds", "points", "count", "times"]
"""
What a limit is in: a ratio 0..1, seconds, points of 100, a count, or how many times something usual.
"""


Category_co = TypeVar("Category_co", bound=str, covariant=True)
SpecAlertCategory = Literal["performance", "quality", "communication"]
"""
The categories of the specification's alerts.
"""


class Threshold(Struct, Generic[Category_co], frozen=True, kw_only=True):
    """
    One alert's limit.

    *limit* is in *unit*. *minimum* is the sample count below which nothing can be said (0: none).
    *window* and *hold* are Prometheus durations. *finding_severities* are those of the findings that
    count, where it is about findings.
    """

    name: str
    category: Category_co
    breached: Literal["above", "below"]
    limit: float
    minimum: int
    window: str
    hold: str
    severity: Severity
    action: str
    unit: Unit = "count"
    finding_severities: tuple[Severity, ...] = tuple(Severity)


LOW_SUCCESS_RATE: Final[Threshold[SpecAlertCategory]] = Threshold(
    name="OrchestratorSessionSuccessRateLow",
    category="performance",
    breached="below",
    limit=0.70,
    minimum=5,
    window="24h",
    hold="5m",
    severity=Severity.HIGH,
    action="investigate_pattern_issues",
    unit="ratio",
)
LONG_DURATION: Final[Threshold[SpecAlertCategory]] = Threshold(
    name="OrchestratorSessionDurationLong",
    category="performance",
    breached="above",
    limit=7200,
    minimum=0,
    window="1h",
    hold="0m",
    severity=Severity.MEDIUM,
    action="review_phase_optimization",
    unit="seconds",
)
HIGH_ERROR_RATE: Final[Threshold[SpecAlertCategory]] = Threshold(
    name="OrchestratorDroidErrorRateHigh",
    category="performance",
    breached="above",
    limit=0.25,
    minimum=10,
    window="1h",
    hold="5m",
    severity=Severity.CRITICAL,
    action="immediate_investigation",
    unit="ratio",
)
LOW_CODE_QUALITY: Final[Threshold[SpecAlertCategory]] = Threshold(
    name="OrchestratorDroidCodeQualityLow",
    category="quality",
    breached="below",
    limit=60,
    minimum=3,
    window="24h",
    hold="5m",
    severity=Severity.MEDIUM,
    action="code_review_required",
    unit="points",
)
SECURITY_ISSUES: Final[Threshold[SpecAlertCategory]] = Threshold(
    name="OrchestratorSecurityFindingsOpen",
    category="quality",
    breached="above",
    limit=0,
    minimum=0,
    window="0s",
    hold="0m",
    severity=Severity.CRITICAL,
    action="immediate_security_review",
)
RESPONSE_TIME_HIGH: Final[Threshold[SpecAlertCategory]] = Threshold(
    name="OrchestratorDroidResponseTimeHigh",
    category="communication",
    breached="above",
    limit=300,
    minimum=3,
    window="1h",
    hold="5m",
    severity=Severity.LOW,
    action="monitor_communication_efficiency",
    unit="seconds",
)
COMMUNICATION_CONFLICTS: Final[Threshold[SpecAlertCategory]] = Threshold(
    name="OrchestratorCommunicationConflicts",
    category="communication",
    breached="above",
    limit=0,
    minimum=0,
    window="1h",
    hold="0m",
    severity=Severity.MEDIUM,
    action="conflict_resolution_required",
)

ALERTS: Final = (
    LOW_SUCCESS_RATE,
    LONG_DURATION,
    HIGH_ERROR_RATE,
    LOW_CODE_QUALITY,
    SECURITY_ISSUES,
    RESPONSE_TIME_HIGH,
    COMMUNICATION_CONFLICTS,
)

RECENT_FAILURE_WINDOW: Final = "3h"
"""
A low success rate needs a session that did not complete within this, so that the alert can resolve.
"""

# --- limits that no alert has but boards and scores share

SUCCESS_TARGET: Final = 0.85
"""
Success ratio from which a pattern or droid is fine; the specification's own optimisation limit.
"""
EFFICIENCY_LOW: Final = 60.0
"""
Efficiency or collaboration score below which a droid needs improvement.
"""
RESPONSE_LIMIT_SECONDS: Final = 300.0
"""
A response this slow or slower scores 0.
"""
MESSAGES_PLATEAU: Final = (10.0, 20.0, 50.0)
"""
Messages a session: full balance from the first to the second, none at the third.
"""
