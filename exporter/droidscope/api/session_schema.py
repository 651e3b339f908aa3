"""
What the API answers about sessions; units and null as in `schema`.
"""

from __future__ import annotations

from msgspec import Struct

from droidscope.conventions.attributes import SessionStatus


class SessionItem(Struct, frozen=True):
    """
    A session that has not ended, or did within the last 15 minutes.

    *labels* are the configured resource labels. A waiting session waits for a person, a silent one runs but
    sends nothing, a stalled one makes no progress; of an unknown one the end never arrived, though its
    process lives. *droids_active* have an attempt in flight; *conflicts* is the number so far,
    *task_success_ratio* the share of its tasks completed of those completed or failed. *end_seconds*
    is null while it has not ended, *trace_id* is "" if not known.

    *waiting_seconds* is how much of *duration_seconds* it has waited, *waiting_since_seconds* since when it
    waits now, null if it does not; waiting counts in no limit. *attributes* are the user's.
    """

    orchestrator: str
    labels: dict[str, str]
    session_id: str
    pattern: str
    current_phase: str
    state: SessionStatus
    start_seconds: float
    end_seconds: float | None
    duration_seconds: float
    progress_ratio: float | None
    droids_active: list[str]
    conflicts: int
    waiting_seconds: float
    waiting_since_seconds: float | None
    attributes: dict[str, str | bool | int | float]
    over_limit: bool
    trace_id: str
    tasks_completed: int
    tasks_failed: int
    task_success_ratio: float | None


class SessionPhase(Struct, frozen=True):
    """
    A phase of a session: *status* is running, blocked, completed, failed, cancelled or skipped.
    *held_seconds* is its time on the critical path, null until the session has ended. *quality_score* is
    the mean code quality score of its tasks.
    """

    phase_id: str
    droids: list[str]
    status: str
    start_seconds: float | None
    end_seconds: float | None
    duration_seconds: float | None
    planned_seconds: float | None
    held_seconds: float | None
    quality_score: float | None
    conflicts_detected: int


class CriticalPathStretch(Struct, frozen=True):
    """
    A stretch of a critical path, and the phase and droid at work in it, "" if none was.
    """

    phase_id: str
    droid: str
    start_seconds: float
    duration_seconds: float


class SessionDetail(Struct, frozen=True):
    """
    A session, its phases in order of their start, and after its end its critical path: the phase and
    droid that the session waited for at each moment. It has the longest 100 stretches; it is null while
    the session runs, and for sessions that are only known in part.
    """

    time_seconds: float
    session: SessionItem
    phases: list[SessionPhase]
    critical_path: list[CriticalPathStretch] | None


class SessionList(Struct, frozen=True):
    """
    Sessions: those that have not ended first, oldest first, then the ended ones, latest first.
    """

    time_seconds: float
    total: int
    sessions: list[SessionItem]
