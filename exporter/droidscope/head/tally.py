"""
Counts the records: each one changes its session, the cumulative series and the facts of its minute.

One method a kind of record. The order of arrival changes no total, except where `docs/metrics.md`
says that a counter cannot be taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import Kind, MessageType, Outcome, Severity
from droidscope.head.findings import OpenFindings
from droidscope.head.series import Exemplar, Series
from droidscope.head.sessions import Sessions, ended
from droidscope.head.settings import HeadSettings
from droidscope.head.state import PhaseState, SessionState, TaskState, add_interval, covered_ns
from droidscope.kpi.facts import LABELS, Fact, Key, Score, of_score, response_credit
from droidscope.kpi.windows import Windows
from droidscope.model import records as r

SECOND_NS: Final = 1_000_000_000
NANO: Final = 1_000_000_000
TOKENS_PRICED: Final = 1_000_000

_EMITTED: Final = frozenset({*map(str, Kind), "conflict"})
_TRIED: Final = {Outcome.COMPLETED: Outcome.SUCCEEDED, Outcome.FAILED: Outcome.FAILED}
ADMITTED_LIMIT: Final = 50_000
TRIED_LIMIT: Final = 100
"""
Ended attempts a task knows by span id.
"""
USAGES_LIMIT: Final = 1_000
"""
Attempts whose usage waits for their task to end; that of more counts at once.
"""
_LIMITED: Final = frozenset({"pattern", "phase", "droid", "task_type", "sender", "message_type"})
_CAUSES: Final = ("blocked", "conflict", "gate_failed", "task")
"""
Why a phase without an error type of its own may have failed, the best reason last.
"""
_MOVES: Final = (
    r.Session,
    r.Phase,
    r.Task,
    r.Attempt,
    r.ToolCall,
    r.ModelRequest,
    r.Message,
    r.Gate,
    r.Synthesis,
    r.Started,
    r.Progress,
    r.Unblocked,
)


class Tally:
    """
    Takes records in; *series*, *windows*, *sessions* and *findings* are what it changes.

    `at` says what time it is for all that follows.
    """

    def __init__(
        self,
        settings: HeadSettings,
        series: Series,
        windows: Windows,
        sessions: Sessions,
        findings: OpenFindings,
    ) -> None:
        self._settings = settings
        self._open_findings = findings
        self._series = series
        self.windows = windows
        self._sessions = sessions
        self._clock_ns = 0
        self._wall_ns = 0
        self._admitted: dict[tuple[tuple[str, ...], Key], tuple[tuple[str, ...], Key]] = {}
        self._by_type: dict[type, Callable[[Any, SessionState], None]] = {
            r.Session: self._session,
            r.Phase: self._phase,
            r.Task: self._task,
            r.Attempt: self._attempt,
            r.ToolCall: self._tool_call,
            r.ModelRequest: self._model_request,
            r.Message: self._message,
            r.Gate: self._gate,
            r.Synthesis: self._synthesis,
            r.Conflict: self._conflict,
            r.Started: self._started,
            r.Progress: self._progress,
            r.Alive: self._alive,
            r.Blocked: self._blocked,
            r.Unblocked: self._unblocked,
        }

    def at(self, clock_ns: int, wall_ns: int) -> None:
        """
        Set the time: the exporter's uptime and Unix time, in nanoseconds.
        """
        self._clock_ns = clock_ns
        self._wall_ns = wall_ns

    def take(self, record: r.Record) -> None:
        """
        Count one record that has arrived.
        """
        session, first = self._sessions.arrive(record.place, record.start_ns, self._clock_ns)
        if isinstance(record, r.Conflict) and record.id in session.conflicts:
            return
        if _starts_anew(record, session):
            session = self._sessions.restart(session, record.place, record.start_ns, self._clock_ns)
            first = True
        if first:
            self._opened(session)
        elif ended(session) and session.close_clock is None:
            self._count_process(m.LATE_RECORDS, ())
        self._count_stored(record)
        if isinstance(record, _MOVES):
            session.moved_clock = self._clock_ns
        self._by_type[type(record)](record, session)
        self._sessions.weigh(session)
        self._make_room()

    def _count_stored(self, record: r.Record) -> None:
        kind = str(type(record).__struct_config__.tag)
        self._count_process(m.RECORDS, (kind,))
        if record.place.own and kind in _EMITTED:
            self._count_process(m.CLIENT_RECORDS_STORED, (record.place.orchestrator[0], kind))

    # --- sessions ------------------------------------------------------------------------------

    def _make_room(self) -> None:
        """
        Part with sessions while too much is held; one that still runs counts as lost.
        """
        while session := self._sessions.least_needed():
            if session.running:
                self.lose(session)
            if session.close_clock is not None:
                self.close(session)
            self.forget(session)

    def _opened(self, session: SessionState) -> None:
        self._count(m.SESSIONS_STARTED, session.orchestrator, (session.pattern,))
        for outcome in (Outcome.COMPLETED, Outcome.FAILED, Outcome.LOST):
            self._ensure(m.SESSIONS, session.orchestrator, (session.pattern, outcome))
        self._ensure(m.SESSIONS_OVER_LIMIT_TOTAL, session.orchestrator, (session.pattern,))

    def _session(self, record: r.Session, session: SessionState) -> None:
        session.span_id, session.error_type = record.span_id, record.error_type
        if session.outcome is Outcome.LOST:
            self._tally_messages(session, [])
            self._count(m.SESSIONS_RECOVERED, session.orchestrator, (session.pattern, record.outcome), record)
            self._fact(
                session.orchestrator, session.end_ns, (Fact.SESSIONS, session.pattern, Outcome.LOST), -1
            )
        else:
            self._count(m.SESSIONS, session.orchestrator, (session.pattern, record.outcome), record)
        self._end(session, record.outcome, record.end_ns)
        session.start_ns = record.start_ns
        self._observe(m.SESSION_DURATION, record, (session.pattern, record.outcome))
        if record.duration_ns > self._settings.limit_of(session.pattern):
            self._count(m.SESSIONS_OVER_LIMIT_TOTAL, session.orchestrator, (session.pattern,), record)
        if record.outcome is Outcome.COMPLETED:
            self._completed_session_facts(record, session)

    def _completed_session_facts(self, record: r.Session, session: SessionState) -> None:
        who, when = session.orchestrator, record.end_ns
        self._fact(who, when, (Fact.SESSION_NS, session.pattern), record.duration_ns)
        if record.planned_ns is not None:
            self._fact(who, when, (Fact.PLANNED_NS,), record.planned_ns)
            self._fact(who, when, (Fact.ACTUAL_NS,), record.duration_ns)

    def _end(self, session: SessionState, outcome: Outcome, end_ns: int) -> None:
        session.outcome = outcome
        session.end_ns = end_ns
        session.end_clock = self._clock_ns
        session.attempts.clear()
        self._fact(session.orchestrator, end_ns, (Fact.SESSIONS, session.pattern, outcome), 1)
        session.close_clock = self._clock_ns + self._settings.close_after_ns
        self._sessions.schedule(session)

    def lose(self, session: SessionState) -> None:
        """
        Declare a silent session lost: it ends now.
        """
        self._count(m.SESSIONS, session.orchestrator, (session.pattern, Outcome.LOST))
        self._end(session, Outcome.LOST, self._wall_ns)
        self._spend_rest(session)

    def forget(self, session: SessionState) -> None:
        """
        Let go of a session that ended long ago, and count what its unended tasks have spent.
        """
        self._spend_rest(session)
        self._sessions.forget(session)

    def _spend_rest(self, session: SessionState) -> None:
        """
        Count what attempts have used whose task has not ended.
        """
        for id_, task in session.tasks.items():
            if task.usages:
                place = r.Place(session.orchestrator, session.id, session.pattern, task=id_, droid=task.droid)
                self._spend_all(place, session.end_ns, task.usages)
                task.usages = []

    def close(self, session: SessionState) -> None:
        """
        Count what only a whole ended session shows: a failure of no phase, messages a droid.
        """
        session.close_clock = None
        if session.outcome is not Outcome.COMPLETED and not session.failed_phases:
            reason = "lost" if session.outcome is Outcome.LOST else session.error_type or "exception"
            self._count(m.FAILURES, session.orchestrator, (session.pattern, "", reason))
            session.failed_phases = 1
        self._tally_messages(session, _messages_sent(session))

    def _tally_messages(self, session: SessionState, now: list[tuple[str, int]]) -> None:
        """
        Replace the session's share in the count of sessions by messages sent, per droid.
        """
        if now == session.tallied:
            return
        for sign, facts in ((-1, session.tallied), (1, now)):
            for droid, sent in facts:
                self._fact(
                    session.orchestrator, session.end_ns, (Fact.SESSION_MESSAGES, droid, str(sent)), sign
                )
        session.tallied = now

    def _revise(self, session: SessionState) -> None:
        if session.outcome is not None and session.close_clock is None:
            self._tally_messages(session, _messages_sent(session))

    # --- phases --------------------------------------------------------------------------------

    def _phase(self, record: r.Phase, session: SessionState) -> None:
        place, phase = record.place, self._phase_state(session, record)
        labels = (session.pattern, place.phase)
        if phase.blocked:
            self._remember_failure(session, record, "blocked")
        if phase.interval is not None:
            phase.waited_ns = 0  # it ran before, and what it waited then stays counted
        phase.running = phase.blocked = False
        phase.interval = (record.start_ns, record.start_ns + record.duration_ns)
        session.finished_phases.add(place.phase)
        self._count(m.PHASES, place.orchestrator, (*labels, record.outcome), record)
        self._fact(place.orchestrator, record.end_ns, (Fact.PHASES, *labels, record.outcome), 1)
        self._fact(place.orchestrator, record.end_ns, (Fact.PHASE_NS,), record.duration_ns)
        self._wait(session, phase)
        if record.blocked_ns:
            self._count(
                m.PHASE_BLOCKED_SECONDS, place.orchestrator, labels, record, record.blocked_ns / SECOND_NS
            )
        if record.outcome is Outcome.COMPLETED:
            self._observe(m.PHASE_DURATION, record, labels)
        elif record.outcome is Outcome.FAILED:
            session.failed_phases += 1
            reason = record.error_type or phase.failure[-1] or "exception"
            self._count(m.FAILURES, place.orchestrator, (*labels, reason), record)

    def _phase_state(self, session: SessionState, record: r.Record) -> PhaseState:
        phase = session.phases.get(record.place.phase)
        if phase is None:
            phase = session.phases[record.place.phase] = PhaseState()
            for outcome in (Outcome.COMPLETED, Outcome.FAILED):
                self._ensure(m.PHASES, session.orchestrator, (session.pattern, record.place.phase, outcome))
        return phase

    def _wait(self, session: SessionState, phase: PhaseState) -> None:
        """
        Bring the phase's time covered by waiting queries up to date.
        """
        if phase.interval is None:
            return
        waited_ns = covered_ns(phase.waits, phase.interval)
        self._fact(session.orchestrator, phase.interval[1], (Fact.WAIT_NS,), waited_ns - phase.waited_ns)
        phase.waited_ns = waited_ns

    # --- tasks and attempts --------------------------------------------------------------------

    def _task_state(self, session: SessionState, record: r.Record) -> TaskState:
        key = record.place.task or record.span_id
        task = session.tasks.get(key)
        if task is None:
            task = session.tasks[key] = TaskState(droid=record.place.droid)
            self._known_droid(record.place)
        return task

    def _known_droid(self, place: r.Place) -> None:
        for outcome in (Outcome.COMPLETED, Outcome.FAILED):
            self._ensure(m.TASKS, place.orchestrator, (place.droid, place.task_type, outcome))
            self._ensure(m.ASSIGNMENTS, place.orchestrator, (place.pattern, place.droid, outcome))
        for outcome in (Outcome.SUCCEEDED, Outcome.FAILED):
            self._ensure(m.ATTEMPTS, place.orchestrator, (place.droid, place.task_type, outcome))
        self._ensure(m.RETRIES, place.orchestrator, (place.droid, place.task_type))

    def _task(self, record: r.Task, session: SessionState) -> None:
        place, task = record.place, self._task_state(session, record)
        task.ended = True
        session.droids.add(place.droid)
        labels = (place.droid, place.task_type)
        self._count(m.TASKS, place.orchestrator, (*labels, record.outcome), record)
        self._count(m.ASSIGNMENTS, place.orchestrator, (place.pattern, place.droid, record.outcome), record)
        self._fact(place.orchestrator, record.end_ns, (Fact.TASKS, place.pattern, *labels, record.outcome), 1)
        if record.outcome is Outcome.COMPLETED:
            self._observe(m.TASK_DURATION, record, labels)
            self._fact(place.orchestrator, record.end_ns, (Fact.TASK_NS, *labels), record.duration_ns)
        else:
            self._remember_failure(session, record, "task", record.error_type)
        if not record.attempts and not task.tried:
            task.counted_as_attempt = True
            self._count_attempt(record, _TRIED[record.outcome])
        task.output = merged(record.output, task.output)
        self._produced(record, task.output)
        self._spend_all(place, record.end_ns, [record.usage] if record.usage else task.usages)
        task.usages = []
        task.declared_usage = record.usage is not None
        task.end_ns = record.end_ns
        session.attempts.pop(record.span_id, None)
        self._revise(session)

    def _remember_failure(
        self, session: SessionState, record: r.Record, cause: str, error_type: str | None = None
    ) -> None:
        """
        Note why the phase of a record may fail; among equals the last to happen has the word.
        """
        reason = cause if error_type is None else error_type
        if reason and record.place.phase:
            phase = self._phase_state(session, record)
            phase.failure = max(phase.failure, (_CAUSES.index(cause) + 1, record.end_ns, reason))

    def _attempt(self, record: r.Attempt, session: SessionState) -> None:
        place = record.place
        session.attempts.pop(record.span_id, None)
        if not place.task:
            self._known_droid(place)
            self._count_attempt(record, record.outcome)
            self._produced(record, record.output)
            self._spend_all(place, record.end_ns, [record.usage] if record.usage else [])
            return
        task = self._task_state(session, record)
        task.tried.append(record.span_id)
        del task.tried[:-TRIED_LIMIT]
        session.extent += 1
        if not (task.counted_as_attempt and record.number == 1):
            self._count_attempt(record, record.outcome)
        if record.number > 1:
            self._count(m.RETRIES, place.orchestrator, (place.droid, place.task_type), record)
            self._fact(place.orchestrator, record.end_ns, (Fact.RETRIES, place.droid, place.task_type), 1)
        if task.ended:
            self._late_attempt(msgspec.structs.replace(record, end_ns=task.end_ns), task)
            return
        if record.number > task.last_attempt:
            task.last_attempt = record.number
            task.output = merged(record.output, task.output)
        if record.usage:
            task.usages.append(record.usage)
        if len(task.usages) > USAGES_LIMIT:
            self._spend_all(place, record.end_ns, task.usages)
            task.usages = []

    def _late_attempt(self, record: r.Attempt, task: TaskState) -> None:
        """
        What an attempt adds to its task that has ended, as if it had come before.
        """
        known = task.output or r.NO_OUTPUT
        task.output = merged(known, record.output)
        self._produced(record, without(record.output, known))
        if record.usage and not task.declared_usage:
            self._spend(record.place, record.end_ns, record.usage)

    def _count_attempt(self, record: r.Record, outcome: Outcome) -> None:
        labels = (record.place.droid, record.place.task_type, outcome)
        self._count(m.ATTEMPTS, record.place.orchestrator, labels, record)
        self._fact(record.place.orchestrator, record.end_ns, (Fact.ATTEMPTS, *labels), 1)

    def _produced(self, record: r.Record, output: r.Output) -> None:
        place = record.place
        who, droid = place.orchestrator, place.droid
        if output.files_created:
            self._count(m.FILES_CREATED, who, (droid,), record, output.files_created)
        if output.code_quality is not None:
            self._score(
                record,
                m.CODE_QUALITY,
                (place.pattern, droid, place.task_type),
                Score.CODE_QUALITY,
                output.code_quality,
            )
        if output.test_coverage is not None:
            self._score(record, m.TEST_COVERAGE, (droid,), Score.TEST_COVERAGE, output.test_coverage)
        if output.security is not None:
            self._score(record, m.SECURITY, (droid,), Score.SECURITY, output.security)
        if output.findings is not None:
            self._findings(record, output.findings)

    def _score(
        self, record: r.Record, spec: m.MetricSpec, labels: tuple[str, ...], score: Score, points: float
    ) -> None:
        place = record.place
        self._series.observe(spec, place.orchestrator, labels, points, clock_ns=self._clock_ns)
        for key, amount in of_score(score, place.pattern, place.droid, place.task_type, points):
            self._fact(place.orchestrator, record.end_ns, key, amount)

    def _findings(self, record: r.Record, findings: dict[Severity, int]) -> None:
        place = record.place
        key = (
            self._series.who(place.orchestrator),
            self._series.label(place.orchestrator, "pattern", place.pattern),
            self._series.label(place.orchestrator, "droid", place.droid),
        )
        self._open_findings.report(key, record.end_ns, findings)
        for severity in Severity:
            count = findings.get(severity, 0)
            labels = (place.droid, severity)
            self._ensure(m.SECURITY_FINDINGS, place.orchestrator, labels)
            if count:
                self._count(m.SECURITY_FINDINGS, place.orchestrator, labels, record, count)

    # --- tools, models, money ------------------------------------------------------------------

    def _tool_call(self, record: r.ToolCall, _session: SessionState) -> None:
        place = record.place
        self._count(m.TOOL_CALLS, place.orchestrator, (place.droid, record.tool, record.outcome), record)

    def _model_request(self, record: r.ModelRequest, _session: SessionState) -> None:
        place, model = record.place, record.usage.model
        self._count(m.MODEL_REQUESTS, place.orchestrator, (model, record.outcome), record)
        self._observe(m.MODEL_REQUEST_DURATION, record, (model,))
        self._spend_all(place, record.end_ns, [record.usage])

    def _spend_all(self, place: r.Place, end_ns: int, usages: list[r.Usage]) -> None:
        for usage in usages:
            self._spend(place, end_ns, usage)

    def _spend(self, place: r.Place, end_ns: int, usage: r.Usage) -> None:
        directions = {name: getattr(usage, name) for name in ("input", "output", "cache_read", "cache_write")}
        for direction, tokens in directions.items():
            if tokens:
                self._count(m.TOKENS, place.orchestrator, (place.droid, usage.model, direction), None, tokens)
        cost_usd = usage.cost_usd
        price = self._settings.prices.get(usage.model)
        if cost_usd is None and price is not None:
            cost_usd = (
                sum(tokens * getattr(price, name) for name, tokens in directions.items()) / TOKENS_PRICED
            )
        if cost_usd is None:
            self._count(m.UNPRICED_TOKENS, place.orchestrator, (usage.model,), None, sum(directions.values()))
        else:
            self._count(
                m.COST, place.orchestrator, (place.pattern, place.droid, usage.model), None, float(cost_usd)
            )
            self._fact(place.orchestrator, end_ns, (Fact.COST, place.pattern), round(cost_usd * NANO))

    # --- communication -------------------------------------------------------------------------

    def _message(self, record: r.Message, session: SessionState) -> None:
        who = record.place.orchestrator
        labels = (record.sender, record.type, record.outcome)
        self._count(m.MESSAGES, who, labels, record)
        self._count(m.MESSAGE_EDGES, who, (record.sender, record.receiver), record)
        self._fact(who, record.end_ns, (Fact.MESSAGES, *labels), 1)
        session.sent[record.sender] = session.sent.get(record.sender, 0) + 1
        if record.type == MessageType.QUERY:
            self._query(record, session)
        self._revise(session)

    def _query(self, record: r.Message, session: SessionState) -> None:
        who, droid = record.place.orchestrator, record.receiver
        for outcome in (Outcome.ANSWERED, Outcome.LATE, Outcome.UNANSWERED, Outcome.REJECTED):
            self._ensure(m.QUERIES, who, (droid, outcome))
        self._ensure(m.QUERY_CREDIT, who, (droid,))
        self._count(m.QUERIES, who, (droid, record.outcome), record)
        self._fact(who, record.end_ns, (Fact.QUERIES, droid, record.outcome), 1)
        if record.outcome in {Outcome.ANSWERED, Outcome.LATE}:
            self._observe(m.QUERY_RESPONSE, record, (droid,))
            self._fact(who, record.end_ns, (Fact.QUERY_NS, droid), record.duration_ns)
            self._fact(who, record.end_ns, (Fact.QUERIES_TIMED, droid), 1)
        if record.outcome is Outcome.ANSWERED:
            credit = response_credit(record.duration_ns)
            self._count(m.QUERY_CREDIT, who, (droid,), record, credit / NANO)
            self._fact(who, record.end_ns, (Fact.QUERY_CREDIT, droid), credit)
        if record.place.phase:
            phase = self._phase_state(session, record)
            held = len(phase.waits)
            add_interval(phase.waits, record.start_ns, record.start_ns + record.duration_ns)
            session.extent += len(phase.waits) - held
            self._wait(session, phase)

    # --- gates, syntheses, conflicts -------------------------------------------------------------

    def _gate(self, record: r.Gate, session: SessionState) -> None:
        outcome = Outcome.PASSED if record.passed else Outcome.FAILED
        self._count(
            m.GATE_RESULTS, record.place.orchestrator, (session.pattern, record.gate, outcome), record
        )
        if not record.passed:
            self._remember_failure(session, record, "gate_failed")

    def _synthesis(self, record: r.Synthesis, session: SessionState) -> None:
        labels = (session.pattern, synthesis_outcome(record))
        self._count(m.SYNTHESES, record.place.orchestrator, labels, record)
        self._fact(record.place.orchestrator, record.end_ns, (Fact.SYNTHESES, *labels), 1)

    def _conflict(self, record: r.Conflict, session: SessionState) -> None:
        place = record.place
        session.conflicts.add(record.id)
        self._count(m.CONFLICTS, place.orchestrator, (session.pattern, place.phase, record.type), record)
        self._fact(place.orchestrator, record.end_ns, (Fact.CONFLICTS, session.pattern), 1)
        self._remember_failure(session, record, "conflict")

    # --- what has not ended ----------------------------------------------------------------------

    def _started(self, record: r.Started, session: SessionState) -> None:
        place = record.place
        if record.what == Kind.SESSION:
            session.plan = session.plan or record.plan
            session.span_id = session.span_id or record.span_id
        elif record.what == Kind.PHASE:
            phase = self._phase_state(session, record)
            phase.running = phase.interval is None or record.start_ns > phase.interval[1]
            session.phase = place.phase
        elif record.what in {Kind.TASK, Kind.ATTEMPT} and session.running:
            self._attempt_started(record, session)

    def _attempt_started(self, record: r.Started, session: SessionState) -> None:
        """
        A task is in flight as its own attempt until it turns out to have attempts of its own.
        """
        task = self._task_state(session, record)
        if task.ended or record.span_id in task.tried:
            return
        if record.what == Kind.TASK:
            task.span_id = record.span_id
        else:
            session.attempts.pop(task.span_id, None)
        session.attempts[record.span_id] = record.place.droid

    def _progress(self, record: r.Progress, session: SessionState) -> None:
        if record.ratio is not None:
            session.progress = record.ratio

    def _alive(self, _record: r.Alive, session: SessionState) -> None:
        if not session.alive_seen:
            session.alive_seen = True
            self._sessions.schedule(session)

    def _blocked(self, record: r.Blocked, session: SessionState) -> None:
        if record.place.phase:
            self._phase_state(session, record).blocked = True

    def _unblocked(self, record: r.Unblocked, session: SessionState) -> None:
        if record.place.phase:
            self._phase_state(session, record).blocked = False

    # --- where it goes ---------------------------------------------------------------------------

    def _count(
        self,
        spec: m.MetricSpec,
        orchestrator: tuple[str, ...],
        labels: tuple[str, ...],
        record: r.Record | None = None,
        amount: float = 1,
    ) -> None:
        exemplar = _exemplar(record)
        self._series.count(spec, orchestrator, labels, amount, clock_ns=self._clock_ns, exemplar=exemplar)

    def _ensure(self, spec: m.MetricSpec, orchestrator: tuple[str, ...], labels: tuple[str, ...]) -> None:
        self._series.ensure(spec, orchestrator, labels, clock_ns=self._clock_ns)

    def _count_process(self, spec: m.MetricSpec, labels: tuple[str, ...]) -> None:
        self._series.count(spec, (), labels, 1, clock_ns=self._clock_ns)

    def _observe(self, spec: m.MetricSpec, record: r.Record, labels: tuple[str, ...]) -> None:
        seconds = record.duration_ns / SECOND_NS
        self._series.observe(
            spec,
            record.place.orchestrator,
            labels,
            seconds,
            clock_ns=self._clock_ns,
            exemplar=_exemplar(record),
        )

    def _fact(self, orchestrator: tuple[str, ...], end_ns: int, key: Key, amount: int) -> None:
        """
        Add to the minute in which something ended; labels as the series have them, so that no
        value from outside is without a limit.
        """
        if not amount:
            return
        admitted = self._admitted.get((orchestrator, key))
        if admitted is None:
            admitted = self._admitted[orchestrator, key] = self._admit(orchestrator, key)
        who, labels = admitted
        self.windows.add(who, end_ns, labels, amount)

    def _admit(self, orchestrator: tuple[str, ...], key: Key) -> tuple[tuple[str, ...], Key]:
        if len(self._admitted) >= ADMITTED_LIMIT:
            self._admitted.clear()
        fact, *labels = key
        names = LABELS[Fact(fact)]
        admitted = (
            self._series.label(orchestrator, name, value) if name in _LIMITED else value
            for name, value in zip(names, labels, strict=True)
        )
        return self._series.who(orchestrator), (fact, *admitted)

    def forget_admitted(self) -> None:
        """
        Forget which labels were admitted: as it will be after a restart from the checkpoint that
        is being made, so that both go on alike.
        """
        self._admitted.clear()


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


def _messages_sent(session: SessionState) -> list[tuple[str, int]]:
    """
    How many messages each of its droids sent; nothing for a session with less than two of them.
    """
    droids = sorted(session.droids)
    return [(droid, session.sent.get(droid, 0)) for droid in droids] if len(droids) > 1 else []


def merged(preferred: r.Output, other: r.Output | None) -> r.Output:
    """
    The preferred output, attribute by attribute; the other fills what it does not say.
    """
    if other is None:
        return preferred
    return r.Output(
        **{
            name: other_value if value in UNSAID else value
            for name, value, other_value in _pairs(preferred, other)
        }
    )


def without(output: r.Output, known: r.Output) -> r.Output:
    """
    What *output* says that *known* does not.
    """
    return r.Output(
        **{name: value for name, value, known_value in _pairs(output, known) if known_value in UNSAID}
    )


UNSAID: Final = (None, ())
"""
What an output's attribute is when nothing was said of it.
"""


def _pairs(one: r.Output, other: r.Output) -> Iterator[tuple[str, Any, Any]]:
    return ((name, getattr(one, name), getattr(other, name)) for name in r.Output.__struct_fields__)


def synthesis_outcome(synthesis: r.Synthesis) -> Outcome:
    """
    Conflict before gate_failed before integrated; gates not spoken of count as passed.

    Definition: docs/kpis.md#entities-and-outcomes
    """
    if synthesis.conflicts or synthesis.unresolved:
        return Outcome.CONFLICT
    if synthesis.gates_passed is False or synthesis.missing:
        return Outcome.GATE_FAILED
    return Outcome.INTEGRATED


def _exemplar(record: r.Record | None) -> Exemplar | None:
    if record is None or not record.place.trace_id:
        return None
    return Exemplar(record.place.trace_id, record.place.session, record.end_ns)
