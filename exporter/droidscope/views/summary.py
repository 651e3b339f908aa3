"""
What the landing page and `/api/v1/summary` say: a few numbers of now, and the readiness.

None stands for "not known" everywhere: JSON has null, the page a dash. It is never 0.
"""

from __future__ import annotations

from msgspec import Struct

from droidscope.conventions.insight_kinds import DroidStatus
from droidscope.insights.alerts import ActiveAlert, Level
from droidscope.insights.bottlenecks import Bottleneck
from droidscope.insights.recommendations import Recommendation


class Status(Struct, frozen=True):
    """
    Whether the exporter has caught up with its log, and a sentence on what it does if it has not.
    """

    ready: bool
    message: str = ""


class Ratio(Struct, frozen=True):
    """
    A ratio 0..1 and the number of samples it rests on.
    """

    value: float | None = None
    samples: int | None = None


class DroidLine(Struct, frozen=True):
    """
    A droid, its efficiency score, 0..100, and its status over 24 h; *samples* is the tasks it rests on.

    *attempts_active* is how many of its attempts are in flight, *attempts_limit* how many may be, None
    where that is not configured.
    """

    orchestrator: str
    droid: str
    efficiency: float | None = None
    samples: int = 0
    status: DroidStatus | None = None
    attempts_active: int | None = None
    attempts_limit: int | None = None


class SessionLine(Struct, frozen=True):
    """
    A running session. *start_seconds* is a Unix time; *progress* a ratio 0..1; *state* one of
    running, silent, stalled; *droids* and *conflicts* are counts.
    """

    orchestrator: str
    session: str
    pattern: str
    phase: str = ""
    state: str = "running"
    start_seconds: float | None = None
    progress: float | None = None
    droids: int | None = None
    conflicts: int | None = None


class Summary(Struct, frozen=True):
    """
    The live numbers. Counts are over all orchestrators and the life of the store.

    *time_seconds* is when they were taken, Unix; *active_sessions* are running ones, *completed*,
    *failed* and *lost* ended ones; *session_success* and *attempt_errors* cover 24 h, and so do
    *bottlenecks* and *recommendations*, those that matter most first. *alerts* are the most severe
    first, of *alerts_total*; *droids* the most efficient first, *sessions* the oldest first. All are
    cut to what a page can show; *droid_statuses* counts every droid.
    """

    time_seconds: float | None = None
    active_sessions: int | None = None
    completed_sessions: int | None = None
    failed_sessions: int | None = None
    lost_sessions: int | None = None
    completed_tasks: int | None = None
    failed_tasks: int | None = None
    messages: int | None = None
    session_success: Ratio = Ratio()
    attempt_errors: Ratio = Ratio()
    droids: tuple[DroidLine, ...] | None = None
    sessions: tuple[SessionLine, ...] | None = None
    droid_statuses: dict[DroidStatus, int] | None = None
    alert_level: Level | None = None
    alerts: tuple[ActiveAlert, ...] | None = None
    alerts_total: int | None = None
    bottlenecks: tuple[Bottleneck, ...] | None = None
    recommendations: tuple[Recommendation, ...] | None = None


class Snapshot(Struct, frozen=True):
    """
    The body of `/api/v1/summary`: which program answers, how it is, and its numbers.

    Before it is ready the numbers are all unknown.
    """

    name: str
    version: str
    status: Status
    summary: Summary
