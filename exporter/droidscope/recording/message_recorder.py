"""
How droids work together: messages, queries, gates, syntheses, conflicts.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import MessageType, Outcome
from droidscope.conventions.thresholds import MESSAGES_PLATEAU, RESPONSE_LIMIT_SECONDS
from droidscope.facts import facts as f
from droidscope.facts.amounts import response_credit
from droidscope.model import records as r
from droidscope.model.examples import ExampleKind
from droidscope.model.labels import OrchestratorLabels
from droidscope.recording.metric_writer import MetricWriter
from droidscope.recording.phase_recorder import PhaseRecorder
from droidscope.sessions.session_state import SessionState
from droidscope.units import DAY_NS, NANO, SECOND_NS

_YEAR_NS: Final = 365 * DAY_NS
_SLOW_NS: Final = RESPONSE_LIMIT_SECONDS * SECOND_NS
_CAME: Final = frozenset({Outcome.ANSWERED, Outcome.LATE})
"""
Outcomes of queries to which an answer came.
"""


class MessageRecorder:
    """
    Counts what passes between droids, and how many messages each sent in a session.
    """

    def __init__(self, writer: MetricWriter, phases: PhaseRecorder) -> None:
        self._writer = writer
        self._phases = phases

    def message(self, record: r.Message, session: SessionState) -> None:
        """
        A message was accepted or not; a query was answered or not.
        """
        orchestrator, end_ns = record.place.orchestrator, record.end_ns
        labels = (record.sender, record.type, record.outcome)
        self._writer.count(m.MESSAGES, orchestrator, labels, record)
        self._writer.count(m.MESSAGE_EDGES, orchestrator, (record.sender, record.receiver), record)
        if record.outcome is Outcome.CANCELLED:
            if record.type == MessageType.QUERY:
                self._writer.count(m.QUERIES, orchestrator, (record.receiver, record.outcome), record)
                query = f.QueriesEnded(droid=record.receiver, outcome=record.outcome)
                self._writer.add_fact(orchestrator, end_ns, query, 1)
            return
        sent = f.MessagesSent(sender=record.sender, message_type=record.type, outcome=record.outcome)
        self._writer.add_fact(orchestrator, end_ns, sent, 1)
        if record.receiver:
            self._writer.add_fact(orchestrator, end_ns, f.MessagesReceived(droid=record.receiver), 1)
        session.sent[record.sender] = session.sent.get(record.sender, 0) + 1
        if record.type == MessageType.QUERY:
            self._query(record, session)
            self._phases.waited(record, session)

    def _query(self, record: r.Message, session: SessionState) -> None:
        orchestrator, droid, outcome = record.place.orchestrator, record.receiver, record.outcome
        if self._writer.expects(orchestrator, "query", droid):
            self._ensure_queries(orchestrator, droid)
        self._writer.count(m.QUERIES, orchestrator, (droid, outcome), record)
        self._add_facts(record)
        unanswered = outcome is Outcome.UNANSWERED
        if unanswered or record.duration_ns > _SLOW_NS:
            # One that nobody answered shows more than any that took long.
            weight = record.duration_ns + unanswered * _YEAR_NS
            self._writer.add_example(session, ExampleKind.QUERY, {"droid": droid}, weight, record.end_ns)
        if outcome in _CAME:
            self._writer.observe_duration(m.QUERY_RESPONSE, (droid,), record)
        if outcome is Outcome.ANSWERED:
            credit = response_credit(record.duration_ns) / NANO
            self._writer.count(m.QUERY_CREDIT, orchestrator, (droid,), record, credit)

    def _ensure_queries(self, orchestrator: OrchestratorLabels, droid: str) -> None:
        for outcome in (Outcome.ANSWERED, Outcome.LATE, Outcome.UNANSWERED, Outcome.REJECTED):
            self._writer.ensure(m.QUERIES, orchestrator, (droid, outcome))
        self._writer.ensure(m.QUERY_CREDIT, orchestrator, (droid,))

    def _add_facts(self, query: r.Message) -> None:
        orchestrator, end_ns, droid = query.place.orchestrator, query.end_ns, query.receiver
        add, outcome, duration_ns = self._writer.add_fact, query.outcome, query.duration_ns
        add(orchestrator, end_ns, f.QueriesEnded(droid=droid, outcome=outcome), 1)
        add(orchestrator, end_ns, f.QueryWaitTime(droid=droid, outcome=outcome), duration_ns)
        if outcome in _CAME:
            add(orchestrator, end_ns, f.ResponseTime(droid=droid), duration_ns)
            add(orchestrator, end_ns, f.TimedResponses(droid=droid), 1)
        if outcome is Outcome.ANSWERED:
            add(orchestrator, end_ns, f.QueryCredit(droid=droid), response_credit(duration_ns))

    def gate(self, record: r.Gate, session: SessionState) -> None:
        """
        A quality gate has given its verdict, or none.
        """
        if record.passed is None:
            return
        outcome = Outcome.PASSED if record.passed else Outcome.FAILED
        labels = (session.pattern, record.gate, outcome)
        self._writer.count(m.GATE_RESULTS, record.place.orchestrator, labels, record)
        if not record.passed:
            self._phases.may_fail(record, session, "gate_failed")

    def synthesis(self, record: r.Synthesis, session: SessionState) -> None:
        """
        The results of a session were put together.
        """
        if record.cancelled:
            return
        orchestrator, outcome = record.place.orchestrator, synthesis_outcome(record)
        self._writer.count(m.SYNTHESES, orchestrator, (session.pattern, outcome), record)
        key = f.Syntheses(pattern=session.pattern, outcome=outcome)
        self._writer.add_fact(orchestrator, record.end_ns, key, 1)
        if outcome is not Outcome.INTEGRATED:
            subject = {"pattern": session.pattern}
            self._writer.add_example(session, ExampleKind.SYNTHESIS, subject, record.end_ns, record.end_ns)

    def conflict(self, record: r.Conflict, session: SessionState) -> None:
        """
        Droids disagree.
        """
        orchestrator, labels = record.place.orchestrator, (session.pattern, record.place.phase, record.type)
        session.conflicts.add(record.id)
        self._writer.count(m.CONFLICTS, orchestrator, labels, record)
        self._writer.add_fact(orchestrator, record.end_ns, f.Conflicts(pattern=session.pattern), 1)
        self._phases.conflict(record, session)

    def settle(self, session: SessionState) -> None:
        """
        Count the messages each droid of an ended session sent, in place of what was counted of it.
        """
        self._replace(session, _messages_sent(session))

    def withdraw(self, session: SessionState) -> None:
        """
        Take back what was counted of the messages each droid of a session sent.
        """
        self._replace(session, [])

    def _replace(self, session: SessionState, now: list[tuple[str, int]]) -> None:
        if now == session.counted_messages:
            return
        for sign, facts in ((-1, session.counted_messages), (1, now)):
            for droid, sent in facts:
                key = f.SessionMessages(droid=droid, n=str(sent))
                self._writer.add_fact(session.orchestrator, session.end_ns, key, sign)
                if sign > 0 and sent > MESSAGES_PLATEAU[1]:
                    subject = {"droid": droid}
                    self._writer.add_example(session, ExampleKind.MESSAGES, subject, sent, session.end_ns)
        session.counted_messages = now


def _messages_sent(session: SessionState) -> list[tuple[str, int]]:
    """
    How many messages each of its droids sent; nothing for a session with less than two of them.
    """
    droids = sorted(session.droids)
    return [(droid, session.sent.get(droid, 0)) for droid in droids] if len(droids) > 1 else []


def synthesis_outcome(synthesis: r.Synthesis) -> Outcome:
    """
    Conflict before gate_failed before integrated; gates that are not mentioned count as passed.

    Definition: docs/kpis.md#entities-and-outcomes
    """
    if synthesis.conflicts or synthesis.unresolved:
        return Outcome.CONFLICT
    if synthesis.gates_passed is False or synthesis.missing:
        return Outcome.GATE_FAILED
    return Outcome.INTEGRATED
