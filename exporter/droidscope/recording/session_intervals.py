"""
The intervals of a session: what its critical path is computed from.
"""

from __future__ import annotations

from collections.abc import Iterator

from droidscope.kpi.critical_path import Interval, Segment
from droidscope.sessions.session_state import SessionState


def whole_session(session: SessionState) -> Interval:
    """
    A session from start to end.
    """
    return Interval("session", "", session.start_ns, max(session.start_ns, session.end_ns))


def session_intervals(session: SessionState) -> Iterator[Interval]:
    """
    What happened in a session: runs of phases, tasks and attempts, each within its parent.
    """
    for name, phase in session.phases.items():
        for number, run in enumerate(phase.runs):
            yield Interval(_run_id(name, number), "session", run.start_ns, run.end_ns, name)
    for id_, task in session.tasks.items():
        if task.ended:
            yield Interval(
                f"task {id_}",
                _run_of(session, task.phase, task.start_ns),
                task.start_ns,
                task.end_ns,
                task.phase,
                task.droid,
            )
        for span_id, attempt in task.tried.items():
            parent = f"task {id_}" if task.ended else _run_of(session, task.phase, attempt.start_ns)
            name = f"attempt {id_} {span_id}"
            yield Interval(name, parent, attempt.start_ns, attempt.end_ns, task.phase, attempt.droid)


def _run_id(phase: str, number: int) -> str:
    return f"phase {number} {phase}"


def _run_of(session: SessionState, name: str, start_ns: int) -> str:
    """
    The id of the run of a phase in which something began; of the last one if in none.
    """
    runs = session.phases[name].runs if name in session.phases else []
    inside = (number for number, run in enumerate(runs) if run.start_ns <= start_ns <= run.end_ns)
    return _run_id(name, next(inside, len(runs) - 1))


def task_of(segment: Segment) -> str:
    """
    The id of the task that a stretch of a path belongs to, "" if to none.
    """
    for part in (segment.subject.id, segment.subject.parent):
        kind, _, id_ = part.partition(" ")
        if kind == "task":
            return id_
    return ""
