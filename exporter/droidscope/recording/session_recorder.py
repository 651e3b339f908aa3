"""
Counts the records: each one changes its session, the cumulative series and the facts of its minute.

Here is which session a record changes, and which recorder counts what. The order of arrival changes no
total, except where `docs/metrics.md` says that a counter cannot be taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, get_args

import structlog

from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import Kind, Outcome
from droidscope.model import records as r
from droidscope.recording.cost_recorder import CostRecorder
from droidscope.recording.early_records import EarlyRecords, begins_session
from droidscope.recording.ends_by_id import EndsById
from droidscope.recording.message_recorder import MessageRecorder
from droidscope.recording.metric_writer import MetricWriter
from droidscope.recording.output_recorder import OutputRecorder
from droidscope.recording.pattern_names import PatternNames
from droidscope.recording.phase_recorder import PhaseRecorder
from droidscope.recording.security_findings import OpenSecurityFindings
from droidscope.recording.session_analysis import SessionAnalyses
from droidscope.recording.session_endings import SessionEndings
from droidscope.recording.task_recorder import TaskRecorder
from droidscope.sessions.session_registry import SessionRegistry
from droidscope.sessions.session_state import SessionState, ended
from droidscope.sessions.settings import HeadSettings

log = structlog.get_logger(__name__)

_KINDS: Final = {type_: str(type_.__struct_config__.tag) for type_ in get_args(r.AnyRecord)}
_STILL: Final = frozenset({r.Conflict, r.Alive, r.Blocked})
"""
Records that do not show that a session moves.
"""
_FRAMES: Final = frozenset({r.Session, r.Started})
_ANALYSED: Final = frozenset({r.Session, r.Phase, r.Task, r.Attempt, r.Message, r.Conflict})
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
        early: EarlyRecords,
    ) -> None:
        self._settings = settings
        self._writer = writer
        self._sessions = sessions
        self._stored: dict[tuple[type, str | None], int] = {}
        self._analyses = analyses
        self._early = early
        self._process = ""
        self._phases = PhaseRecorder(writer)
        self._messages = MessageRecorder(writer, self._phases)
        outputs, spending = OutputRecorder(writer, findings), CostRecorder(writer, settings.prices)
        self._tasks = TaskRecorder(writer, self._phases, outputs, spending)
        self._endings = SessionEndings(
            settings, writer, sessions, analyses, names, self._messages, self._tasks
        )
        self._ends_by_id = EndsById(sessions, self._endings)
        by_type: dict[type, Callable[[Any, SessionState], None]] = {
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
            r.Waiting: self._waiting,
            r.Resumed: self._resumed,
            r.Blocked: self._phases.blocked,
            r.Unblocked: self._phases.unblocked,
        }
        # With what it is, since to look each up for every record takes longer.
        self._by_type = {
            type_: (change, type_ in _FRAMES, type_ not in _STILL, type_ in _ANALYSED)
            for type_, change in by_type.items()
        }

    def take(self, record: r.PlacedRecord, process: str = "") -> bool:
        """
        Count one record that has arrived from the instance *process*, "" where that is not known; False if it
        did before: a conflict may come twice.

        One that waits for the start of its session is counted later.
        """
        if record.place.pattern and not self._early:
            return self._take(record, process)  # as of nearly every record
        begins = begins_session(record)
        # Only instrumentation names its process, and has the pattern from the start of the session.
        may_wait = not begins and (process or isinstance(record, r.Session))
        if may_wait and not self._sessions.knows(record.place):
            if self._early.has(record):
                return False
            self._early.add(record, process, self._writer.clock_ns)
            return True
        is_new = self._take(record, process)
        if begins:
            for early in self._early.pop(record):
                self._take(early.record, early.process)
        return is_new

    def take_early(self) -> None:
        """
        Count the records whose session's start has not arrived in time, with what is known.
        """
        for early in self._early.due(self._writer.clock_ns):
            if isinstance(early.record, r.Session):
                log.warning(
                    "session_without_start",
                    orchestrator=early.record.place.orchestrator[0],
                    session=early.record.place.session,
                    remedy="end sessions under the id and the service name that they were started with",
                )
            self._take(early.record, early.process)

    def _take(self, record: r.Record, process: str) -> bool:
        self._process = process
        directed = self._ends_by_id.directed(record)
        if directed is not None:
            return self._change(directed)
        stored = r.Session, record.place.orchestrator[0] if record.place.native else None
        self._stored[stored] = self._stored.get(stored, 0) + 1
        self._writer.count_own(m.LATE_RECORDS, ())
        return True

    def _change(self, record: r.Record) -> bool:
        clock_ns, type_ = self._writer.clock_ns, type(record)
        change, is_frame, moves, is_analysed = self._by_type[type_]
        if is_frame and _goes_on(record):
            self._resume(record)
        session, first = self._sessions.arrive(record.place, record.start_ns, clock_ns)
        if type_ is r.Conflict and record.id in session.conflicts:  # type: ignore[attr-defined] # it is one
            return False
        if is_frame and _starts_anew(record, session):
            self._endings.finish(session)
            self._analyses.forget(session.key)
            session = self._sessions.restart(session, record.place, record.start_ns, clock_ns)
            first = True
        if first and session.started:
            self._endings.opened(session)
        elif session.outcome is not None and session.close_clock is None and ended(session):
            self._writer.count_own(m.LATE_RECORDS, ())
        session.records += 1
        if session.records > self._settings.records_limit:
            session = self._split(session)
        place = record.place
        stored = type_, place.orchestrator[0] if place.native else None
        self._stored[stored] = self._stored.get(stored, 0) + 1
        if moves:
            session.moved_clock = clock_ns
        change(record, session)
        if is_frame:
            self._after_frame(record, session)
        if type_ is not r.Session or self._sessions.get(session.key) is session:  # not a part of another
            self._after(session, is_analysed=is_analysed)
        return True

    def _after_frame(self, record: r.Record, session: SessionState) -> None:
        is_start = isinstance(record, r.Started) and record.what == Kind.SESSION
        if is_start and session.running and self._process:
            self._sessions.processes.move(session, self._process)

    def _after(self, session: SessionState, *, is_analysed: bool) -> None:
        if not session.started:
            self._confirm(session)
        is_closed = session.outcome is not None and session.close_clock is None
        if is_closed and session.analysis_clock is None and is_analysed:
            session.analysis_clock = (
                self._writer.clock_ns + self._settings.close_after_ns + session.size * ANALYSIS_NS
            )
            self._sessions.schedule(session)
        self._sessions.measure(session)
        if self._sessions.retained_size > self._settings.retained_limit:
            self._make_room()

    def _split(self, session: SessionState) -> SessionState:
        """
        What goes on of a session that holds too much.
        """
        self._tasks.settle(session)
        self._tasks.spend_rest(session)
        self._writer.count(m.SESSIONS_SPLIT, session.orchestrator, (session.pattern,))
        log.warning(
            "session_split",
            orchestrator=session.orchestrator[0],
            session=session.id,
            records=session.records,
            remedy="end sessions, or raise session_records_limit",
        )
        return self._sessions.split(session, self._writer.clock_ns)

    def _resume(self, record: r.Record) -> None:
        """
        Have the latest session of a record's id go on with its run.
        """
        place, clock_ns = record.place, self._writer.clock_ns
        session = self._sessions.ids.find(place)
        if not place.run:
            if session is not None and ended(session) and record.span_id != session.span_id:
                self._endings.reopen(session)
            return
        if session is not None and not session.has_run(place.run):
            return  # it goes on with that run by itself
        if session is not None and (session.resumed or not session.running):
            return
        before = self._sessions.recall(place, clock_ns)
        if before is None:
            return
        if before.outcome is not None:
            self._endings.reopen(before)
        if session is None:
            before.go_on(place.run, record.start_ns)
        elif before is not session:
            self._sessions.join(session, before)
        before.resumed = True

    def _confirm(self, session: SessionState) -> None:
        """
        Count a session as begun whose id another one has, once it is certain that it does not go on from it.
        """
        is_alone = not any(other.running for other in self._sessions.ids.others(session))
        if ended(session) or (session.span_start_ns and is_alone):
            session.started = True
            self._endings.opened(session)

    def post(self) -> None:
        """
        Count what was stored since the last time: once a kind costs less than once a record.
        """
        for (type_, _), n in self._stored.items():
            self._writer.count_own(m.RECORDS, (_KINDS[type_],), n)
        for (type_, orchestrator), n in self._stored.items():
            if orchestrator is not None and type_ in r.CLIENT_KINDS:
                self._writer.count_own(m.CLIENT_RECORDS_STORED, (orchestrator, _KINDS[type_]), n)
        self._stored.clear()

    @property
    def endings(self) -> SessionEndings:
        """
        What sessions end by.
        """
        return self._endings

    def _make_room(self) -> None:
        """
        Drop sessions while too much is retained; one that still runs counts as lost.
        """
        while session := self._sessions.least_needed():
            if session.running and not session.waiting:
                self._endings.give_up(session, Outcome.LOST)
            self._endings.forget(session)

    def _session(self, record: r.Session, session: SessionState) -> None:
        self._endings.session(record, session, self._process)

    # --- while it runs -------------------------------------------------------------------------

    def _started(self, record: r.Started, session: SessionState) -> None:
        if record.what == Kind.SESSION:
            self._session_started(record, session)
        elif record.what == Kind.PHASE:
            self._phases.started(record, session)
        elif record.what in {Kind.TASK, Kind.ATTEMPT} and session.running:
            self._tasks.started(record, session)

    def _session_started(self, record: r.Started, session: SessionState) -> None:
        session.plan = session.plan or record.plan
        session.span_id = session.span_id or record.span_id
        if record.resumed:
            session.resumed = True
        if record.place.run != session.run:
            return  # a span before its latest
        if session.waits.paused and record.span_id != session.span_id:
            session.go_on(record.place.run, record.start_ns)
            session.span_id = record.span_id
        if not ended(session):
            self._endings.span_began(session, record)
            end = self._ends_by_id.claim(record, session)
            if end is not None:
                self._endings.session(end, session, "")

    def _waiting(self, record: r.Waiting, session: SessionState) -> None:
        session.waits.change(self._process, record.start_ns, waits=True)

    def _resumed(self, record: r.Resumed, session: SessionState) -> None:
        session.waits.change(self._process, record.start_ns, waits=False)

    def _progress(self, record: r.Progress, session: SessionState) -> None:
        if record.ratio is not None:
            session.progress = record.ratio

    def _alive(self, _record: r.Alive, session: SessionState) -> None:
        if not session.alive_seen:
            session.alive_seen = True
            self._sessions.schedule(session)


def _goes_on(record: r.Record) -> bool:
    """
    Whether a session's start or span says that it goes on under its id.
    """
    if isinstance(record, r.Started):
        return record.resumed and record.what == Kind.SESSION
    return isinstance(record, r.Session) and record.resumed


def _starts_anew(record: r.Record, session: SessionState) -> bool:
    """
    Whether a record shows that the id of an ended session is used again: another session's span
    begins or ends. A start that arrives late is of the same span. Records with a run need no such guess.
    """
    if not ended(session) or record.place.run:
        return False
    if isinstance(record, r.Started):
        return record.what == Kind.SESSION and record.span_id not in {"", session.span_id}
    return isinstance(record, r.Session)
