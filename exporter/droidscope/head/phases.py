"""
Phases: how they ended, when they were blocked, how long queries kept them waiting, why they failed.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import Outcome
from droidscope.head.ledger import Ledger
from droidscope.head.settings import SECOND
from droidscope.head.state import PhaseState, Run, SessionState, add_interval, covered_ns
from droidscope.kpi.bottlenecks import WAIT_LIMIT
from droidscope.kpi.facts import Fact
from droidscope.model import records as r
from droidscope.model.evidence import Shows

RUNS_LIMIT: Final = 20
"""
Runs of one phase that are told apart.
"""
_CAUSES: Final = ("blocked", "conflict", "gate_failed", "task")
"""
Why a phase without an error type of its own may have failed, the best reason last.
"""


class Phases:
    """
    Counts phases, and keeps their state in their sessions.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def phase(self, record: r.Phase, session: SessionState) -> None:
        """
        A phase has ended.
        """
        who, phase = record.place.orchestrator, self._state(record, session)
        labels = (session.pattern, record.place.phase)
        if phase.blocked:
            self.may_fail(record, session, "blocked")
        if phase.interval is not None:
            phase.waited_ns = 0  # it ran before, and what it waited then stays counted
        phase.running = phase.blocked = False
        phase.interval = (record.start_ns, record.start_ns + record.duration_ns)
        phase.start_ns = record.start_ns
        if len(phase.runs) < RUNS_LIMIT:
            phase.runs.append(Run(*phase.interval, record.outcome))
        phase.planned_ns = record.planned_ns or phase.planned_ns
        phase.depends_on = record.depends_on or phase.depends_on
        session.finished_phases.add(record.place.phase)
        self._ledger.count(m.PHASES, who, (*labels, record.outcome), record)
        self._ledger.fact(who, record.end_ns, (Fact.PHASES, *labels, record.outcome), 1)
        self._ledger.fact(who, record.end_ns, (Fact.PHASE_NS, *labels), record.duration_ns)
        self._count_waits(session, record.place.phase, phase)
        if record.blocked_ns:
            blocked_seconds = record.blocked_ns / SECOND
            self._ledger.count(m.PHASE_BLOCKED_SECONDS, who, labels, record, blocked_seconds)
        if record.outcome is Outcome.COMPLETED:
            self._ledger.observe_duration(m.PHASE_DURATION, labels, record)
        elif record.outcome is Outcome.FAILED:
            session.failed_phases += 1
            reason = record.error_type or phase.failure[-1] or "exception"
            self._ledger.count(m.FAILURES, who, (*labels, reason), record)
            self._ledger.fact(who, record.end_ns, (Fact.FAILURES, *labels, reason), 1)
            where = {"pattern": session.pattern, "phase": record.place.phase, "reason": reason}
            self._ledger.show(session, Shows.FAILURE, where, record.end_ns)

    def started(self, record: r.Started, session: SessionState) -> None:
        """
        A phase has begun, unless it is told after its end.
        """
        phase = self._state(record, session)
        phase.running = phase.interval is None or record.start_ns > phase.interval[1]
        phase.planned_ns = record.planned_ns or phase.planned_ns
        if phase.running:
            phase.start_ns = record.start_ns
        session.phase = record.place.phase

    def worked_on(self, record: r.Record, session: SessionState) -> None:
        """
        A droid is at work in a phase.
        """
        if record.place.phase:
            self._state(record, session).droids.add(record.place.droid)

    def produced(self, record: r.Record, session: SessionState, output: r.Output) -> None:
        """
        Something was produced in a phase.
        """
        if record.place.phase and output.code_quality is not None:
            phase = self._state(record, session)
            phase.quality = phase.quality[0] + output.code_quality, phase.quality[1] + 1

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
            add_interval(phase.waits, query.start_ns, query.start_ns + query.duration_ns)
            session.extent += len(phase.waits) - held
            self._count_waits(session, query.place.phase, phase)

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
            if self._ledger.expects(session.orchestrator, "phase", session.pattern, name):
                for outcome in (Outcome.COMPLETED, Outcome.FAILED):
                    self._ledger.ensure(m.PHASES, session.orchestrator, (session.pattern, name, outcome))
        return phase

    def _count_waits(self, session: SessionState, name: str, phase: PhaseState) -> None:
        """
        Bring the phase's time covered by waiting queries up to date.
        """
        if phase.interval is None:
            return
        waited_ns = covered_ns(phase.waits, phase.interval)
        grown_ns = waited_ns - phase.waited_ns
        key = (Fact.WAIT_NS, session.pattern, name)
        self._ledger.fact(session.orchestrator, phase.interval[1], key, grown_ns)
        phase.waited_ns = waited_ns
        if waited_ns > WAIT_LIMIT * (phase.interval[1] - phase.interval[0]):
            where = {"pattern": session.pattern, "phase": name}
            self._ledger.show(session, Shows.WAIT, where, waited_ns)
