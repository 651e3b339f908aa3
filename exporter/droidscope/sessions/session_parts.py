"""
Sessions put together and taken apart: two that turned out to be one, and one that holds too much.
"""

from __future__ import annotations

from msgspec import structs

from droidscope.sessions.session_state import PhaseState, SessionState, add_interval
from droidscope.sessions.task_state import TaskState


def go_on_as(session: SessionState, other: SessionState) -> None:
    """
    Have *session* go on with the run of *other*, and hold what that holds.
    """
    session.moved_clock = max(session.moved_clock, other.moved_clock)
    session.go_on(other.run, other.start_ns)
    session.span_start_ns = other.span_start_ns
    session.phase = other.phase or session.phase
    session.progress = session.progress if other.progress is None else other.progress
    absorb(session, other)


def absorb(session: SessionState, other: SessionState) -> None:
    """
    Have *session* hold what *other* holds.
    """
    session.start_ns = min(session.start_ns, other.start_ns)
    session.alive_seen = session.alive_seen or other.alive_seen
    session.plan = session.plan or other.plan
    session.waits.absorb(other.waits)
    session.attributes = tuple(sorted({**dict(session.attributes), **dict(other.attributes)}.items()))
    _absorb_work(session, other)


def _absorb_work(session: SessionState, other: SessionState) -> None:
    for name, phase in other.phases.items():
        session.phases[name] = _joined(session.phases[name], phase) if name in session.phases else phase
    for id_, task in other.tasks.items():
        session.tasks[id_] = _joined_task(session.tasks[id_], task) if id_ in session.tasks else task
    for droid, sent in other.sent.items():
        session.sent[droid] = session.sent.get(droid, 0) + sent
    session.droids |= other.droids
    session.conflicts |= other.conflicts
    session.finished_phases |= other.finished_phases
    session.attempts.update(other.attempts)
    session.tasks_completed += other.tasks_completed
    session.tasks_failed += other.tasks_failed
    session.failed_phases += other.failed_phases
    session.extent += other.extent
    session.records += other.records


def _joined(one: PhaseState, other: PhaseState) -> PhaseState:
    for low, high in other.waits:
        add_interval(one.waits, low, high)
    return PhaseState(
        blocked=other.blocked,
        running=other.running,
        start_ns=other.start_ns,
        runs=sorted([*one.runs, *other.runs], key=lambda run: run.interval),
        planned_ns=max(one.planned_ns or 0, other.planned_ns or 0) or None,
        depends_on=tuple(sorted({*one.depends_on, *other.depends_on})),
        droids=one.droids | other.droids,
        conflicts=one.conflicts + other.conflicts,
        quality=(one.quality[0] + other.quality[0], one.quality[1] + other.quality[1]),
        waits=one.waits,
        failure=max(one.failure, other.failure),
    )


def _joined_task(one: TaskState, other: TaskState) -> TaskState:
    latest = max(one, other, key=lambda task: (task.ended, task.end_ns))
    return structs.replace(latest, tried={**one.tried, **other.tried}, usages=[*one.usages, *other.usages])


def rest_of(session: SessionState) -> SessionState:
    """
    A session as it goes on without what has ended in it: what it is, how it stands, and what is at work.
    """
    running = {
        name: PhaseState(start_ns=phase.start_ns, blocked=phase.blocked)
        for name, phase in session.phases.items()
        if phase.running
    }
    return structs.replace(
        session,
        whole=False,
        phases=running,
        tasks={},
        droids=set(),
        sent={},
        counted_messages=[],
        conflicts=set(),
        finished_phases=set(),
        analysis_facts=[],
        shown=[],
        extent=0,
        measured_size=0,
        records=0,
        queued_clock=None,
    )
