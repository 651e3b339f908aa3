"""
How sessions begin, pause and end, and what only an ended one shows.
"""

from __future__ import annotations

from msgspec.structs import replace

from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import Outcome
from droidscope.conventions.outcomes import SESSION_ENDS, SESSION_FAILURES, WORK_ENDS
from droidscope.facts import facts as f
from droidscope.facts.sketched_facts import SessionDurations
from droidscope.model import records as r
from droidscope.model.examples import ExampleKind
from droidscope.recording.message_recorder import MessageRecorder
from droidscope.recording.metric_writer import MetricWriter
from droidscope.recording.pattern_names import PatternNames
from droidscope.recording.session_analysis import SessionAnalyses
from droidscope.recording.task_recorder import TaskRecorder
from droidscope.sessions.session_registry import SessionRegistry
from droidscope.sessions.session_state import GIVEN_UP, SessionState
from droidscope.sessions.settings import HeadSettings
from droidscope.sessions.wait_times import StatedWait
from droidscope.units import SECOND_NS


class SessionEndings:
    """
    Counts sessions as they begin and end.
    """

    def __init__(
        self,
        settings: HeadSettings,
        writer: MetricWriter,
        sessions: SessionRegistry,
        analyses: SessionAnalyses,
        names: PatternNames,
        messages: MessageRecorder,
        tasks: TaskRecorder,
    ) -> None:
        self._settings = settings
        self._writer = writer
        self._sessions = sessions
        self._analyses = analyses
        self._names = names
        self._messages = messages
        self._tasks = tasks

    def opened(self, session: SessionState) -> None:
        """
        Count a session that has begun.
        """
        orchestrator, pattern = session.orchestrator, session.pattern
        self._writer.count(m.SESSIONS_STARTED, orchestrator, (pattern,))
        if not self._writer.expects(orchestrator, "session", pattern):
            return
        for outcome in (Outcome.COMPLETED, Outcome.FAILED, Outcome.LOST):
            self._writer.ensure(m.SESSIONS, orchestrator, (pattern, outcome))
        self._writer.ensure(m.SESSIONS_ENDED_OVER_LIMIT, orchestrator, (pattern,))

    def span_began(self, session: SessionState, record: r.Started | r.Session) -> None:
        """
        Note when the latest span of a session began; the wait before it is over.
        """
        session.span_start_ns = record.start_ns
        session.waits.begin(record.span_id, record.start_ns)

    # --- how a span of it ends -------------------------------------------------------------------

    def session(self, record: r.Session, session: SessionState, process: str) -> None:
        """
        A span of a session has ended, which a *process* sent: the session has ended, or it waits.
        """
        self._names.learn(session.orchestrator, session.pattern, record.pattern_name)
        if record.attributes:
            session.attributes = tuple(
                sorted({**dict(session.attributes), **dict(record.attributes)}.items())
            )
        session.resumed = session.resumed or record.resumed
        is_earlier = record.place.run != session.run and bool(record.place.run)
        if not is_earlier:
            session.span_id, session.error_type = record.span_id, record.error_type
            self.span_began(session, record)
        session.waits.state(StatedWait(record.start_ns, record.end_ns, record.waited_ns, process))
        if record.outcome is Outcome.WAITING:
            self._pause(record, session, is_earlier=is_earlier)
        elif not is_earlier:
            self._ended(record, session)
        elif session.running:
            self._count_end(record, session)
            self._measure(session)
            session.counted_as = record.outcome

    def _pause(self, record: r.Session, session: SessionState, *, is_earlier: bool) -> None:
        session.waits.pause(record.start_ns, record.end_ns)
        if is_earlier:
            return
        self._sessions.processes.move(session, "")
        for later in self._sessions.ids.others(session):
            is_next = later.span_start_ns >= record.end_ns
            if later.running and (is_next or not (later.started or later.span_start_ns)):
                self._sessions.join(later, session)
            elif is_next:
                self._sessions.join_earlier(session, later)
                return

    def _ended(self, record: r.Session, session: SessionState) -> None:
        has_one_span = not session.has_earlier_spans and session.counted_as is None
        start_ns = record.start_ns
        session.waits.end(record.end_ns)
        self._count_end(record, session)
        self._end(session, record.outcome, record.end_ns)
        session.start_ns = start_ns if has_one_span else min(session.start_ns, start_ns)
        if not record.place.run:
            self._measure(session)  # nothing else reports what it waited

    def _count_end(self, record: r.Session, session: SessionState) -> None:
        """
        Count a session that has ended; one that had before only if its outcome is another one now.
        """
        orchestrator, labels = session.orchestrator, (session.pattern, record.outcome)
        before = session.counted_as if session.counted_as is not None else session.outcome
        if before is None:
            self._writer.count(m.SESSIONS, orchestrator, labels, record)
        elif before in GIVEN_UP:
            self._messages.withdraw(session)
            # Nothing is taken off the unknown ones, which are in no ratio: so the end counts as any other.
            is_lost = before is Outcome.LOST
            self._writer.count(m.SESSIONS_RECOVERED if is_lost else m.SESSIONS, orchestrator, labels, record)
            self._add_ended(session, before, -1)
        else:
            if record.outcome is not (session.outcome or before):
                self._writer.count(m.SESSIONS_REOPENED, orchestrator, labels, record)
            if session.unmeasured is not None:
                session.unmeasured = replace(record, outcome=session.unmeasured.outcome)
            return
        ended = f.SessionsEnded(pattern=session.pattern, outcome=record.outcome)
        self._writer.add_fact(orchestrator, record.end_ns, ended, 1)
        if record.outcome in WORK_ENDS:
            session.unmeasured = record

    def _add_ended(self, session: SessionState, outcome: Outcome, amount: int) -> None:
        ended = f.SessionsEnded(pattern=session.pattern, outcome=outcome)
        self._writer.add_fact(session.orchestrator, session.end_ns, ended, amount)

    def _measure(self, session: SessionState) -> None:
        """
        Count how long a session waited that has ended, and how long it took: not at once, for what its other
        processes waited arrives by itself.
        """
        end_ns = session.unmeasured.end_ns if session.unmeasured is not None else session.end_ns
        waited_ns = session.waiting_ns(end_ns)
        if waited_ns > session.waited_ns:
            seconds = (waited_ns - session.waited_ns) / SECOND_NS
            self._writer.count(
                m.SESSION_WAITING_SECONDS, session.orchestrator, (session.pattern,), amount=seconds
            )
            session.waited_ns = waited_ns
        if session.unmeasured is not None:
            self._add_durations(session.unmeasured, session)
            session.unmeasured = None

    def _add_durations(self, record: r.Session, session: SessionState) -> None:
        """
        Add how long a session took, without what it waited for people.
        """
        orchestrator, end_ns, pattern = session.orchestrator, record.end_ns, session.pattern
        start_ns = min(session.start_ns, record.start_ns) if session.has_earlier_spans else record.start_ns
        duration_ns = max(0, end_ns - start_ns - session.waits.waited_ns(start_ns, end_ns))
        add = self._writer.add_fact
        labels = (pattern, record.outcome)
        self._writer.observe(m.SESSION_DURATION, orchestrator, labels, duration_ns / SECOND_NS, record)
        add(orchestrator, end_ns, f.SessionTime(pattern=pattern), duration_ns)
        bucket = SessionDurations.bucket_of(duration_ns)
        durations = SessionDurations(pattern=pattern, outcome=record.outcome, bucket=bucket)
        add(orchestrator, end_ns, durations, 1)
        if duration_ns > self._settings.limit_of(pattern):
            self._writer.count(m.SESSIONS_ENDED_OVER_LIMIT, orchestrator, (pattern,), record)
            add(orchestrator, end_ns, f.SessionsOverLimit(pattern=pattern), 1)
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
        session.close_clock = self._writer.clock_ns + self._settings.close_after_ns
        self._sessions.schedule(session)

    def give_up(self, session: SessionState, outcome: Outcome) -> None:
        """
        Declare a session lost or unknown, whose end did not arrive: it ends now.
        """
        if not session.started:
            session.started = True
            self.opened(session)
        labels = (session.pattern, outcome)
        if session.counted_as is None:
            self._writer.count(m.SESSIONS, session.orchestrator, labels)
        elif session.counted_as is not outcome:
            self._writer.count(m.SESSIONS_REOPENED, session.orchestrator, labels)
        is_first = session.counted_as is None
        self._end(session, outcome, self._writer.wall_ns)
        if is_first:
            self._add_ended(session, outcome, 1)
        self._tasks.spend_rest(session)

    def reopen(self, session: SessionState) -> None:
        """
        Have a session that has ended go on; what it counted for stays counted.
        """
        unmeasured, session.unmeasured = session.unmeasured, None
        self.finish(session, measures=unmeasured is None)
        session.unmeasured = unmeasured  # how long it took is known when it ends again
        if session.outcome not in GIVEN_UP:
            self._messages.withdraw(session)
            session.blamed, session.failed_phases = None, 0
        self._sessions.reopen(session)

    # --- what only an ended one shows ------------------------------------------------------------

    def close(self, session: SessionState, *, measures: bool = True) -> None:
        """
        Count what only a whole ended session shows: a failure of no phase, messages a droid, and if that
        *measures* it, how long it took.
        """
        session.close_clock = None
        if measures:
            self._measure(session)
        self._tasks.settle(session)
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
        if session.whole and session.outcome in SESSION_ENDS:
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

    def finish(self, session: SessionState, *, measures: bool = True) -> None:
        """
        Do what is still due of an ended session.
        """
        if session.close_clock is not None:
            self.close(session, measures=measures)
        elif session.analysis_clock is not None:
            self.analysis(session)

    def forget(self, session: SessionState) -> None:
        """
        Let go of a session that ended long ago, and count what its unended tasks have spent.
        """
        if not session.started and not session.running:
            session.started = True
            self.opened(session)
        self.finish(session)
        self._tasks.settle(session)
        self._tasks.spend_rest(session)
        self._sessions.forget(session)


def _failed_alone(session: SessionState) -> bool:
    """
    Whether a session that has ended failed, and none of its phases did.
    """
    return session.outcome in SESSION_FAILURES and not session.failed_phases


def _reason(session: SessionState) -> str:
    return "lost" if session.outcome is Outcome.LOST else session.error_type or "exception"
