"""
Phases: how they ended, when they were blocked, how long queries kept them waiting, why they failed.
"""

from __future__ import annotations

from bisect import insort
from typing import Final

from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import Outcome
from droidscope.conventions.outcomes import TIMED_PHASE_ENDS
from droidscope.facts import facts as f
from droidscope.kpi.bottleneck_impact import WAIT_LIMIT
from droidscope.model import records as r
from droidscope.model.examples import ExampleKind
from droidscope.recording.metric_writer import MetricWriter
from droidscope.sessions.session_state import PhaseRun, PhaseState, SessionState, add_interval, covered_ns
from droidscope.units import MICRO, SECOND_NS

RUNS_LIMIT: Final = 20
"""
Runs of one phase of a session that are kept apart: the latest.
"""
DEPENDENCIES_LIMIT: Final = 1_000
"""
Phases that one phase may depend on.
"""
_CAUSES: Final = ("blocked", "conflict", "gate_failed", "task")
"""
Why a phase without an error type of its own may have failed, the best reason last.
"""


class PhaseRecorder:
    """
    Counts phases, and keeps their state in their sessions.
    """

    def __init__(self, writer: MetricWriter) -> None:
        self._writer = writer

    def phase(self, record: r.Phase, session: SessionState) -> None:
        """
        A phase has ended.
        """
        orchestrator, end_ns, name = record.place.orchestrator, record.end_ns, record.place.phase
        phase, labels = self._state(record, session), (session.pattern, name)
        if phase.blocked and record.outcome is not Outcome.CANCELLED:
            self.may_fail(record, session, "blocked")
        phase.running = phase.blocked = False
        run = self._ran(record, session, phase)
        session.finished_phases.add(name)
        self._writer.count(m.PHASES, orchestrator, (*labels, record.outcome), record)
        ended = f.PhasesEnded(pattern=session.pattern, phase=name, outcome=record.outcome)
        self._writer.add_fact(orchestrator, end_ns, ended, 1)
        if record.outcome in TIMED_PHASE_ENDS:
            time = f.PhaseTime(pattern=session.pattern, phase=name)
            self._writer.add_fact(orchestrator, end_ns, time, record.duration_ns)
        self._count_waits(session, name, run, covered_ns(phase.waits, run.interval))
        if record.blocked_ns:
            blocked_seconds = record.blocked_ns / SECOND_NS
            self._writer.count(m.PHASE_BLOCKED_SECONDS, orchestrator, labels, record, blocked_seconds)
        if record.outcome is Outcome.COMPLETED:
            self._writer.observe_duration(m.PHASE_DURATION, labels, record)
        elif record.outcome is Outcome.FAILED:
            self._failed(record, session, record.error_type or phase.failure[-1] or "exception")

    def _failed(self, record: r.Phase, session: SessionState, reason: str) -> None:
        orchestrator, name = record.place.orchestrator, record.place.phase
        session.failed_phases += 1
        self._writer.count(m.FAILURES, orchestrator, (session.pattern, name, reason), record)
        failure = f.Failures(pattern=session.pattern, phase=name, reason=reason)
        self._writer.add_fact(orchestrator, record.end_ns, failure, 1)
        subject = {"pattern": session.pattern, "phase": name, "reason": reason}
        self._writer.add_example(session, ExampleKind.FAILURE, subject, record.end_ns, record.end_ns)

    def _ran(self, record: r.Phase, session: SessionState, phase: PhaseState) -> PhaseRun:
        """
        Note a run that has ended, among the others in order of time.
        """
        held = phase.extent
        run = PhaseRun(
            record.start_ns, record.start_ns + record.duration_ns, record.outcome, record.planned_ns
        )
        insort(phase.runs, run, key=_order)
        del phase.runs[:-RUNS_LIMIT]
        phase.planned_ns = max(record.planned_ns or 0, phase.planned_ns or 0) or None
        if record.depends_on != phase.depends_on:
            phase.depends_on = tuple(sorted({*record.depends_on, *phase.depends_on})[:DEPENDENCIES_LIMIT])
        session.extent += phase.extent - held
        return run

    def started(self, record: r.Started, session: SessionState) -> None:
        """
        A phase has begun, unless its start arrives after its end.
        """
        phase = self._state(record, session)
        phase.running = phase.interval is None or record.start_ns > phase.interval[1]
        phase.planned_ns = max(record.planned_ns or 0, phase.planned_ns or 0) or None
        if phase.running:
            phase.start_ns = record.start_ns
        session.phase = record.place.phase

    def worked_on(self, record: r.Record, session: SessionState) -> None:
        """
        A droid is at work in a phase.
        """
        if record.place.phase:
            phase = self._state(record, session)
            held = len(phase.droids)
            phase.droids.add(record.place.droid)
            session.extent += len(phase.droids) - held

    def produced(self, record: r.Record, session: SessionState, output: r.Output) -> None:
        """
        Something was produced in a phase.
        """
        if record.place.phase and output.code_quality is not None:
            phase = self._state(record, session)
            phase.quality = phase.quality[0] + round(output.code_quality * MICRO), phase.quality[1] + 1

    def conflict(self, record: r.Conflict, session: SessionState) -> None:
        """
        Droids disagree in a phase.
        """
        if record.place.phase:
            self._state(record, session).conflicts += 1
        self.may_fail(record, session, "conflict")

    def blocked(self, record: r.Blocked, session: SessionState) -> None:
        """
        A phase is blocked.
        """
        if record.place.phase:
            self._state(record, session).blocked = True

    def unblocked(self, record: r.Unblocked, session: SessionState) -> None:
        """
        A phase goes on.
        """
        if record.place.phase:
            self._state(record, session).blocked = False

    def waited(self, query: r.Message, session: SessionState) -> None:
        """
        The phase of a query waited while the query did.
        """
        if query.place.phase:
            phase = self._state(query, session)
            held = len(phase.waits)
            fresh = add_interval(phase.waits, query.start_ns, query.start_ns + query.duration_ns)
            session.extent += len(phase.waits) - held
            for run in phase.runs:
                self._count_waits(session, query.place.phase, run, covered_ns(fresh, run.interval))

    def may_fail(
        self, record: r.Record, session: SessionState, cause: str, error_type: str | None = None
    ) -> None:
        """
        Note why the phase of a record may fail; among equals the last to happen has the word.
        """
        reason = cause if error_type is None else error_type
        if reason and record.place.phase:
            phase = self._state(record, session)
            phase.failure = max(phase.failure, (_CAUSES.index(cause) + 1, record.end_ns, reason))

    def _state(self, record: r.Record, session: SessionState) -> PhaseState:
        name = record.place.phase
        phase = session.phases.get(name)
        if phase is None:
            phase = session.phases[name] = PhaseState()
            if self._writer.expects(session.orchestrator, "phase", session.pattern, name):
                for outcome in (Outcome.COMPLETED, Outcome.FAILED):
                    self._writer.ensure(m.PHASES, session.orchestrator, (session.pattern, name, outcome))
        return phase

    def _count_waits(self, session: SessionState, name: str, run: PhaseRun, more_ns: int) -> None:
        """
        Add to the time of a run that waiting queries cover; one that was cancelled is in no share.
        """
        if run.outcome not in TIMED_PHASE_ENDS:
            return
        waited = f.PhaseWaitTime(pattern=session.pattern, phase=name)
        self._writer.add_fact(session.orchestrator, run.end_ns, waited, more_ns)
        run.waited_ns += more_ns
        if more_ns and run.waited_ns > WAIT_LIMIT * run.took_ns:
            subject = {"pattern": session.pattern, "phase": name}
            self._writer.add_example(session, ExampleKind.WAIT, subject, run.waited_ns, run.end_ns)


def _order(run: PhaseRun) -> tuple[int, int, str, int]:
    return run.start_ns, run.end_ns, run.outcome, run.planned_ns or 0
