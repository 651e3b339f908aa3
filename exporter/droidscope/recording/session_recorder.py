"""
Counts the records: each one changes its session, the cumulative series and the facts of its minute.

Here is the life of a session, and which writer counts what. The order of arrival changes no total, except
where `docs/metrics.md` says that a counter cannot be taken back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, get_args

from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import Kind, Outcome
from droidscope.facts import facts as f
from droidscope.facts.sketched_facts import SessionDurations
from droidscope.model import records as r
from droidscope.model.examples import ExampleKind
from droidscope.recording.cost_recorder import CostRecorder
from droidscope.recording.message_recorder import MessageRecorder
from droidscope.recording.metric_writer import MetricWriter
from droidscope.recording.output_recorder import OutputRecorder
from droidscope.recording.pattern_names import PatternNames
from droidscope.recording.phase_recorder import PhaseRecorder
from droidscope.recording.security_findings import OpenSecurityFindings
from droidscope.recording.session_analysis import SessionAnalyses
from droidscope.recording.task_recorder import TaskRecorder
from droidscope.sessions.session_registry import SessionRegistry, ended
from droidscope.sessions.session_state import SessionState
from droidscope.sessions.settings import HeadSettings

_KINDS: Final = {type_: str(type_.__struct_config__.tag) for type_ in get_args(r.AnyRecord)}
_STILL: Final = (r.Conflict, r.Alive, r.Blocked)
"""
Records that do not show that a session moves.
"""
_ANALYSED: Final = (r.Session, r.Phase, r.Task, r.Attempt, r.Message, r.Conflict)
"""
Records that change what only a whole ended session shows.
"""
ANALYSIS_NS: Final = 1_000_000
"""
How long late records wait for others before their session is analysed again, for each thing it holds:
many times what that takes.
"""


class SessionRecorder:
    """
    Takes records in; all but *settings* is what it changes.
    """

    def __init__(
        self,
        settings: HeadSettings,
        writer: MetricWriter,
        sessions: SessionRegistry,
        findings: OpenSecurityFindings,
        analyses: SessionAnalyses,
        names: PatternNames,
    ) -> None:
        self._settings = settings
        self._writer = writer
        self._sessions = sessions
        self._stored: Counter[str] = Counter()
        self._stored_of_clients: Counter[tuple[str, str]] = Counter()
        self._analyses = analyses
        self._names = names
        self._phases = PhaseRecorder(writer)
        self._messages = MessageRecorder(writer, self._phases)
        outputs, spending = OutputRecorder(writer, findings), CostRecorder(writer, settings.prices)
        self._tasks = TaskRecorder(writer, self._phases, outputs, spending)
        self._by_type: dict[type, Callable[[Any, SessionState], None]] = {
            r.Session: self._session,
            r.Phase: self._phases.phase,
            r.Task: self._tasks.task,
            r.Attempt: self._tasks.attempt,
            r.ToolCall: self._tasks.tool_call,
            r.ModelRequest: self._tasks.model_request,
            r.Message: self._messages.message,
            r.Gate: self._messages.gate,
            r.Synthesis: self._messages.synthesis,
            r.Conflict: self._messages.conflict,
            r.Started: self._started,
            r.Progress: self._progress,
            r.Alive: self._alive,
            r.Blocked: self._phases.blocked,
            r.Unblocked: self._phases.unblocked,
        }

    def take(self, record: r.Record) -> bool:
        """
        Count one record that has arrived; False if it did before: a conflict may come twice.
        """
        clock_ns = self._writer.clock_ns
        session, first = self._sessions.arrive(record.place, record.start_ns, clock_ns)
        if isinstance(record, r.Conflict) and record.id in session.conflicts:
            return False
        if _starts_anew(record, session):
            self._finish(session)
            self._analyses.forget(session.key)
            session = self._sessions.restart(session, record.place, record.start_ns, clock_ns)
            first = True
        if first:
            self._opened(session)
        elif ended(session) and session.close_clock is None:
            self._writer.count_own(m.LATE_RECORDS, ())
        self._count_stored(record)
        if not isinstance(record, _STILL):
            session.moved_clock = clock_ns
        self._by_type[type(record)](record, session)
        is_closed = session.outcome is not None and session.close_clock is None
        if is_closed and session.analysis_clock is None and isinstance(record, _ANALYSED):
            session.analysis_clock = clock_ns + self._settings.close_after_ns + session.size * ANALYSIS_NS
            self._sessions.schedule(session)
        self._sessions.measure(session)
        self._make_room()
        return True

    def _count_stored(self, record: r.Record) -> None:
        kind = _KINDS[type(record)]
        self._stored[kind] += 1
        if record.place.native and type(record) in r.CLIENT_KINDS:
            self._stored_of_clients[record.place.orchestrator[0], kind] += 1

    def post(self) -> None:
        """
        Count what was stored since the last time: once a kind costs less than once a record.
        """
        for kind, n in self._stored.items():
            self._writer.count_own(m.RECORDS, (kind,), n)
        for labels, n in self._stored_of_clients.items():
            self._writer.count_own(m.CLIENT_RECORDS_STORED, labels, n)
        self._stored.clear()
        self._stored_of_clients.clear()

    def _make_room(self) -> None:
        """
        Drop sessions while too much is retained; one that still runs counts as lost.
        """
        while session := self._sessions.least_needed():
            if session.running:
                self.mark_lost(session)
            self.forget(session)

    # --- how a session ends --------------------------------------------------------------------

    def _opened(self, session: SessionState) -> None:
        orchestrator, pattern = session.orchestrator, session.pattern
        self._writer.count(m.SESSIONS_STARTED, orchestrator, (pattern,))
        if not self._writer.expects(orchestrator, "session", pattern):
            return
        for outcome in (Outcome.COMPLETED, Outcome.FAILED, Outcome.LOST):
            self._writer.ensure(m.SESSIONS, orchestrator, (pattern, outcome))
        self._writer.ensure(m.SESSIONS_ENDED_OVER_LIMIT, orchestrator, (pattern,))

    def _session(self, record: r.Session, session: SessionState) -> None:
        orchestrator, labels = session.orchestrator, (session.pattern, record.outcome)
        session.span_id, session.error_type = record.span_id, record.error_type
        self._names.learn(orchestrator, session.pattern, record.pattern_name)
        if session.outcome is Outcome.LOST:
            self._messages.withdraw(session)
            self._writer.count(m.SESSIONS_RECOVERED, orchestrator, labels, record)
            lost = f.SessionsEnded(pattern=session.pattern, outcome=Outcome.LOST)
            self._writer.add_fact(orchestrator, session.end_ns, lost, -1)
        else:
            self._writer.count(m.SESSIONS, orchestrator, labels, record)
        self._end(session, record.outcome, record.end_ns)
        session.start_ns = record.start_ns
        self._writer.observe_duration(m.SESSION_DURATION, labels, record)
        self._add_durations(record, session)
        if record.duration_ns > self._settings.limit_of(session.pattern):
            self._writer.count(m.SESSIONS_ENDED_OVER_LIMIT, orchestrator, (session.pattern,), record)
            over_limit = f.SessionsOverLimit(pattern=session.pattern)
            self._writer.add_fact(orchestrator, record.end_ns, over_limit, 1)

    def _add_durations(self, record: r.Session, session: SessionState) -> None:
        orchestrator, end_ns, duration_ns = session.orchestrator, record.end_ns, record.duration_ns
        add, pattern = self._writer.add_fact, session.pattern
        add(orchestrator, end_ns, f.SessionTime(pattern=pattern), duration_ns)
        bucket = SessionDurations.bucket_of(duration_ns)
        durations = SessionDurations(pattern=pattern, outcome=record.outcome, bucket=bucket)
        add(orchestrator, end_ns, durations, 1)
        if record.outcome is not Outcome.COMPLETED:
            return
        add(orchestrator, end_ns, f.CompletedSessionTime(pattern=pattern), duration_ns)
        if record.planned_ns is not None:
            add(orchestrator, end_ns, f.PlannedTime(), record.planned_ns)
            add(orchestrator, end_ns, f.ActualTime(), duration_ns)

    def _end(self, session: SessionState, outcome: Outcome, end_ns: int) -> None:
        session.outcome = outcome
        session.end_ns = end_ns
        session.end_clock = self._writer.clock_ns
        session.attempts.clear()
        ended = f.SessionsEnded(pattern=session.pattern, outcome=outcome)
        self._writer.add_fact(session.orchestrator, end_ns, ended, 1)
        session.close_clock = self._writer.clock_ns + self._settings.close_after_ns
        self._sessions.schedule(session)

    def mark_lost(self, session: SessionState) -> None:
        """
        Declare a silent session lost: it ends now.
        """
        self._writer.count(m.SESSIONS, session.orchestrator, (session.pattern, Outcome.LOST))
        self._end(session, Outcome.LOST, self._writer.wall_ns)
        self._tasks.spend_rest(session)

    def close(self, session: SessionState) -> None:
        """
        Count what only a whole ended session shows: a failure of no phase, messages a droid.
        """
        session.close_clock = None
        if session.whole and session.blamed is None and _failed_alone(session):
            labels = (session.pattern, "", _reason(session))
            self._writer.count(m.FAILURES, session.orchestrator, labels)
        self.analysis(session)

    def analysis(self, session: SessionState) -> None:
        """
        Bring what only a whole ended session shows up to date.
        """
        session.analysis_clock = None
        if session.whole or session.blamed is not None:
            self._blame(session, (session.end_ns, _reason(session)) if _failed_alone(session) else None)
        if session.whole:
            self._messages.settle(session)
            self._analyses.make(session)
        self._sessions.measure(session)

    def _blame(self, session: SessionState, now: tuple[int, str] | None) -> None:
        """
        Have a session count as a failure of no phase, at a time and for a reason; None: no longer.
        """
        if now == session.blamed:
            return
        for sign, blame in ((-1, session.blamed), (1, now)):
            if blame is None:
                continue
            end_ns, reason = blame
            failure = f.Failures(pattern=session.pattern, phase="", reason=reason)
            self._writer.add_fact(session.orchestrator, end_ns, failure, sign)
            subject = {"pattern": session.pattern, "phase": "", "reason": reason}
            if sign > 0:
                self._writer.add_example(session, ExampleKind.FAILURE, subject, end_ns, end_ns)
            else:
                self._writer.remove_example(session, ExampleKind.FAILURE, subject)
        session.blamed = now

    def _finish(self, session: SessionState) -> None:
        """
        Do what is still due of an ended session.
        """
        if session.close_clock is not None:
            self.close(session)
        elif session.analysis_clock is not None:
            self.analysis(session)

    def forget(self, session: SessionState) -> None:
        """
        Let go of a session that ended long ago, and count what its unended tasks have spent.
        """
        self._finish(session)
        self._tasks.spend_rest(session)
        self._sessions.forget(session)

    # --- while it runs -------------------------------------------------------------------------

    def _started(self, record: r.Started, session: SessionState) -> None:
        if record.what == Kind.SESSION:
            session.plan = session.plan or record.plan
            session.span_id = session.span_id or record.span_id
        elif record.what == Kind.PHASE:
            self._phases.started(record, session)
        elif record.what in {Kind.TASK, Kind.ATTEMPT} and session.running:
            self._tasks.started(record, session)

    def _progress(self, record: r.Progress, session: SessionState) -> None:
        if record.ratio is not None:
            session.progress = record.ratio

    def _alive(self, _record: r.Alive, session: SessionState) -> None:
        if not session.alive_seen:
            session.alive_seen = True
            self._sessions.schedule(session)


def _failed_alone(session: SessionState) -> bool:
    """
    Whether a session that has ended failed, and none of its phases did.
    """
    return session.outcome is not Outcome.COMPLETED and not session.failed_phases


def _reason(session: SessionState) -> str:
    return "lost" if session.outcome is Outcome.LOST else session.error_type or "exception"


def _starts_anew(record: r.Record, session: SessionState) -> bool:
    """
    Whether a record shows that the id of an ended session is used again: another session's span
    begins or ends. A start that arrives late is of the same span.
    """
    if not ended(session):
        return False
    if isinstance(record, r.Started):
        return record.what == Kind.SESSION and record.span_id not in {"", session.span_id}
    return isinstance(record, r.Session)
