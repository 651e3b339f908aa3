"""
Every limit, written once: alert rules, the exporter's own alerts, insights and panel colours read these.

Limits, severities and actions of the seven alerts are those of the specification; windows, sample
counts and holds are droidscope's own (docs/kpis.md#alerts).
"""

from __future__ import annotations

from typing import Final, Generic, Literal, TypeVar

from msgspec import Struct

from droidscope.conventions.attributes import Severity
from droidscope.conventions.metrics.spec import ORCHESTRATOR, LabelName

INSTANCE: Final = "instance"
"""
Label of every scraped series: the exporter's address.
"""
NO_WINDOW: Final = "0s"
NO_HOLD: Final = "0m"

Unit = Literal["ratio", "seconds", "points", "count", "times"]
"""
What a limit is in: a ratio 0..1, seconds, points of 100, a count, or how many times something usual.
"""


Category_co = TypeVar("Category_co", bound=str, covariant=True)
Category = TypeVar("Category", bound=str)
SpecAlertCategory = Literal["performance", "quality", "communication"]
"""
The categories of the specification's alerts.
"""


BY_ORCHESTRATOR: Final = (ORCHESTRATOR,)
BY_PATTERN: Final = (ORCHESTRATOR, "pattern")
BY_DROID: Final = (ORCHESTRATOR, "droid")
BY_MODEL: Final = (ORCHESTRATOR, "model")
"""
Labels by which alerts are evaluated.
"""

FleetAlertCategory = Literal["sessions", "telemetry", "models", "cost", "health"]
"""
The categories of these alerts.
"""


class Threshold(Struct, Generic[Category_co], frozen=True, kw_only=True):
    """
    One alert's limit, and what its rule has besides.

    *by* are the labels it is evaluated by: each set of their values is judged alone. *when* describes its
    condition, with blanks as the sentences of `limits.sentences` have them. *limit* is in
    *unit*. *minimum* is the number of samples below which the alert cannot fire, 0 where it has none.
    *window* is how far it looks back, "0s" where it does not; *hold* for how long its condition must be
    true. Both are Prometheus durations. *finding_severities* are those of the security findings that
    count, empty for an alert about anything else. *fixed* are fields that a user's file cannot change,
    since the condition does not read them.
    """

    name: str
    category: Category_co
    by: tuple[LabelName, ...]
    when: str
    breached: Literal["above", "below"]
    limit: float
    minimum: int = 0
    window: str = NO_WINDOW
    hold: str = NO_HOLD
    severity: Severity
    action: str
    unit: Unit = "count"
    finding_severities: tuple[Severity, ...] = ()
    fixed: tuple[str, ...] = ()

    @property
    def settable(self) -> frozenset[str]:
        """
        The fields that a user's file can change.
        """
        fields = {"limit", "hold", "severity"} - {*self.fixed}
        if self.minimum:
            fields.add("minimum")
        if self.window != NO_WINDOW and "window" not in self.fixed:
            fields.add("window")
        if self.finding_severities:
            fields.add("finding_severities")
        return frozenset(fields)


RECENT_FAILURE_WINDOW: Final = "3h"
"""
A low success rate needs a session that failed or was lost within this, so that the alert can resolve.
"""

LOW_SUCCESS_RATE: Final[Threshold[SpecAlertCategory]] = Threshold(
    name="OrchestratorSessionSuccessRateLow",
    category="performance",
    by=BY_PATTERN,
    when=(
        "per pattern: more than {complement} of the sessions of {window} (at least {minimum}) failed or "
        f"were lost, one of them within {RECENT_FAILURE_WINDOW}"
    ),
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
    by=BY_PATTERN,
    when=(
        "per pattern: a session runs for longer than its limit (`session_limit`, or the one in "
        "`pattern_limits`), or ended after such a time within {window}"
    ),
    breached="above",
    limit=7200,
    window="1h",
    severity=Severity.MEDIUM,
    action="review_phase_optimization",
    unit="seconds",
    fixed=("limit",),
)
HIGH_ERROR_RATE: Final[Threshold[SpecAlertCategory]] = Threshold(
    name="OrchestratorDroidErrorRateHigh",
    category="performance",
    by=BY_DROID,
    when="per droid: more than {limit} of the attempts of {window} (at least {minimum}) failed",
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
    by=BY_DROID,
    when="per droid: mean code quality of {window} (at least {minimum} scores) below {limit}",
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
    by=(*BY_PATTERN, "droid", "finding_severity"),
    when="per pattern, droid and finding severity: any finding open in the latest report",
    breached="above",
    limit=0,
    severity=Severity.CRITICAL,
    action="immediate_security_review",
    finding_severities=tuple(Severity),
)
RESPONSE_TIME_HIGH: Final[Threshold[SpecAlertCategory]] = Threshold(
    name="OrchestratorDroidResponseTimeHigh",
    category="communication",
    by=BY_DROID,
    when=(
        "per answering droid: answers of {window} (at least {minimum}) took over {limit} on average, "
        "or a query went unanswered"
    ),
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
    by=BY_PATTERN,
    when="per pattern: any conflict within {window}",
    breached="above",
    limit=0,
    window="1h",
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

LONGEST_WINDOW: Final = "7d"
"""
How far back an alert of the specification can look: the exporter, which judges it too, keeps as much.
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
