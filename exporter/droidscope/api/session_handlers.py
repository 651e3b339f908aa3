"""
Sessions: the list, and one with its phases and critical path.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final

from msgspec import Meta, Struct

from droidscope.api.endpoint import Endpoint
from droidscope.api.params import Limit, matches
from droidscope.api.serializers import to_seconds
from droidscope.api.session_schema import (
    CriticalPathStretch,
    SessionDetail,
    SessionItem,
    SessionList,
    SessionPhase,
)
from droidscope.conventions.attributes import SessionStatus
from droidscope.head.head import Head
from droidscope.head.live import (
    droids_at_work,
    ended_state,
    foreign_sessions,
    progress_ratio,
    session_state,
)
from droidscope.kpi.statistics import ratio
from droidscope.model.labels import OrchestratorLabels
from droidscope.recording.session_analysis import PathStretch, PhaseAnalysis, SessionAnalysis, phases_of
from droidscope.sessions.session_state import SessionState
from droidscope.units import SECOND_NS
from droidscope.views.alert_inputs import Included, everyone, is_over_limit
from droidscope.views.head_reader import HeadReader


class SessionsParams(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Filters, and the maximum number of sessions.
    """

    orchestrator: str | None = None
    pattern: str | None = None
    state: SessionStatus | None = None
    limit: Limit = 100


class SessionParams(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Id of the session; of several with one id the latest is answered.
    """

    session_id: Annotated[str, Meta(min_length=1)]
    orchestrator: str | None = None
    environment: str | None = None


def list_sessions(reader: HeadReader, params: SessionsParams) -> SessionList:
    """
    The sessions that run, and the ended ones that are still in memory.
    """
    now_ns = reader.now_ns()
    sessions = [
        session
        for session in all_sessions(reader, now_ns)
        if matches(params.orchestrator, session.orchestrator)
        and matches(params.pattern, session.pattern)
        and matches(params.state, session.state)
    ]
    return SessionList(now_ns / SECOND_NS, len(sessions), sessions[: params.limit])


def all_sessions(reader: HeadReader, now_ns: int, included: Included = everyone) -> list[SessionItem]:
    """
    All sessions in memory: those that have not ended first, oldest first, then the ended ones, latest first.

    With *included*, those of some orchestrators.
    """
    with reader.locked_head() as (head, clock_ns):
        head.baselines.refresh(now_ns)
        sessions = sorted(
            (*head.sessions, *foreign_sessions(head)),
            key=lambda state: (not state.running, state.start_ns if state.running else -state.end_ns),
        )
        return [
            _to_session_item(session, head, reader.resource_labels(session.orchestrator), clock_ns, now_ns)
            for session in sessions
            if included(session.orchestrator)
        ]


def get_session(reader: HeadReader, params: SessionParams) -> SessionDetail | None:
    """
    One session, from memory or else from its stored analysis; None if neither has it.
    """
    now_ns = reader.now_ns()

    def is_of(orchestrator: OrchestratorLabels) -> bool:
        is_named = matches(params.orchestrator, orchestrator[0])
        return is_named and reader.is_in(params.environment, orchestrator)

    with reader.locked_head() as (head, clock_ns):
        analyses = [
            analysis for analysis in head.analyses.find(params.session_id) if is_of(analysis.orchestrator)
        ]
        latest = _latest_in_memory(head, params.session_id, is_of)
        if latest is not None and (latest.whole or not analyses):
            head.baselines.refresh(now_ns)
            labels = reader.resource_labels(latest.orchestrator)
            item = _to_session_item(latest, head, labels, clock_ns, now_ns)
            own = [analysis for analysis in analyses if analysis.orchestrator == latest.orchestrator]
            if own and not latest.running:
                return _to_detail(item, own[0].phases, own[0].path, now_ns)
            return _to_detail(item, phases_of(latest), None, now_ns)
        if not analyses:
            return None
        analysis = analyses[-1]
        limit_ns = head.settings.limit_of(analysis.pattern)
    item = _analysis_to_item(analysis, reader.resource_labels(analysis.orchestrator), limit_ns)
    return _to_detail(item, analysis.phases, analysis.path, now_ns)


def _latest_in_memory(head: Head, id_: str, is_of: Included) -> SessionState | None:
    candidates = (
        session
        for session in (*head.sessions, *foreign_sessions(head))
        if session.id == id_ and is_of(session.orchestrator)
    )
    return max(candidates, key=lambda session: session.last_clock, default=None)


def _to_session_item(
    session: SessionState, head: Head, labels: dict[str, str], clock_ns: int, now_ns: int
) -> SessionItem:
    """
    A session in memory, at this uptime and Unix time.
    """
    end_ns = now_ns if session.running else session.end_ns
    return SessionItem(
        orchestrator=session.orchestrator[0],
        labels=labels,
        session_id=session.id,
        pattern=session.pattern,
        current_phase=session.phase,
        state=session_state(session, head, clock_ns),
        start_seconds=session.start_ns / SECOND_NS,
        end_seconds=None if session.running else session.end_ns / SECOND_NS,
        duration_seconds=max(0, end_ns - session.start_ns) / SECOND_NS,
        progress_ratio=progress_ratio(session, head.baselines),
        droids_active=sorted(droids_at_work(session)) if session.running else [],
        conflicts=len(session.conflicts),
        waiting_seconds=session.waiting_ns(end_ns) / SECOND_NS,
        waiting_since_seconds=to_seconds(session.waiting_since_ns),
        attributes=dict(session.attributes),
        over_limit=is_over_limit(session, head.settings, now_ns),
        trace_id=session.trace_id,
        tasks_completed=session.tasks_completed,
        tasks_failed=session.tasks_failed,
        task_success_ratio=ratio(session.tasks_completed, session.tasks_completed + session.tasks_failed),
    )


def _analysis_to_item(analysis: SessionAnalysis, labels: dict[str, str], limit_ns: int) -> SessionItem:
    """
    An ended session that is no longer in memory; *limit_ns* is the maximum duration of its pattern.
    """
    duration_ns = analysis.end_ns - analysis.start_ns
    return SessionItem(
        orchestrator=analysis.orchestrator[0],
        labels=labels,
        session_id=analysis.session,
        pattern=analysis.pattern,
        current_phase=analysis.phases[-1].phase if analysis.phases else "",
        state=ended_state(analysis.outcome),
        start_seconds=analysis.start_ns / SECOND_NS,
        end_seconds=analysis.end_ns / SECOND_NS,
        duration_seconds=max(0, duration_ns) / SECOND_NS,
        progress_ratio=None,
        droids_active=[],
        conflicts=analysis.conflicts,
        waiting_seconds=analysis.waited_ns / SECOND_NS,
        waiting_since_seconds=None,
        attributes=dict(analysis.attributes),
        over_limit=duration_ns - analysis.waited_ns > limit_ns,
        trace_id=analysis.trace_id,
        tasks_completed=analysis.tasks_completed,
        tasks_failed=analysis.tasks_failed,
        task_success_ratio=ratio(analysis.tasks_completed, analysis.tasks_completed + analysis.tasks_failed),
    )


def _to_detail(
    session: SessionItem,
    phases: Iterable[PhaseAnalysis],
    path: Iterable[PathStretch] | None,
    now_ns: int,
) -> SessionDetail:
    until_ns = now_ns if session.end_seconds is None else round(session.end_seconds * SECOND_NS)
    return SessionDetail(
        time_seconds=now_ns / SECOND_NS,
        session=session,
        phases=[_to_session_phase(phase, until_ns) for phase in phases],
        critical_path=None if path is None else [_to_path_stretch(stretch) for stretch in path],
    )


def _to_path_stretch(stretch: PathStretch) -> CriticalPathStretch:
    return CriticalPathStretch(
        phase_id=stretch.phase,
        droid=stretch.droid,
        start_seconds=stretch.start_ns / SECOND_NS,
        duration_seconds=(stretch.end_ns - stretch.start_ns) / SECOND_NS,
    )


def _to_session_phase(phase: PhaseAnalysis, until_ns: int) -> SessionPhase:
    """
    A phase; one without an end lasts until *until_ns*: now, or the end of its session.
    """
    end_ns = until_ns if phase.end_ns is None else phase.end_ns
    return SessionPhase(
        phase_id=phase.phase,
        droids=list(phase.droids),
        status=phase.state,
        start_seconds=to_seconds(phase.start_ns),
        end_seconds=to_seconds(phase.end_ns),
        duration_seconds=None if phase.start_ns is None else max(0, end_ns - phase.start_ns) / SECOND_NS,
        planned_seconds=to_seconds(phase.planned_ns),
        held_seconds=to_seconds(phase.held_ns),
        quality_score=phase.quality,
        conflicts_detected=phase.conflicts,
    )


ENDPOINTS: Final = (
    Endpoint(
        path="sessions",
        params=SessionsParams,
        answer=SessionList,
        title="Sessions that run, wait or ended recently",
        description="Sessions that run or wait, then those that ended within the last 15 minutes.",
        handler=list_sessions,
    ),
    Endpoint(
        path="session",
        params=SessionParams,
        answer=SessionDetail,
        title="One session with its phases and critical path",
        description="One session: its phases, and after its end its critical path; 404 if it is not known.",
        not_found="Session not found: it is unknown, or a thousand newer sessions have ended since",
        handler=get_session,
    ),
)
