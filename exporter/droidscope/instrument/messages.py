"""
Messages between droids, and the queries among them, which wait for an answer.
"""

from __future__ import annotations

from datetime import timedelta

from opentelemetry.trace import SpanKind

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import DEFAULT_DEADLINE_SECONDS, Kind, MessageType, Outcome
from droidscope.instrument import handles
from droidscope.instrument.baggage import new_id
from droidscope.instrument.checks.values import duration
from droidscope.instrument.endings.endings import Ending
from droidscope.instrument.instrumented_span import Description, InstrumentedSpan, Values
from droidscope.instrument.providers import Emitter
from droidscope.units import SECOND_NS


class Message(InstrumentedSpan):
    """
    A message from one droid to another, or to all where *receiver* is None.
    """

    kind = Kind.MESSAGE.value
    span_kind = SpanKind.PRODUCER

    def __init__(
        self,
        type: MessageType,
        sender: str,
        receiver: str | None,
        id: str | None = None,
        correlation_id: str | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        self._type = type
        self._sender = sender
        self._receiver = receiver
        self._id = id
        self._correlation_id = correlation_id
        self._outcome = outcome

    @property
    def id(self) -> str:
        """
        The message's id: the given one, else 32 random hex digits.
        """
        if self._id is None:
            self._id = new_id()
        return str(self._id)

    def _describe(self) -> Description:
        values: Values = {
            names.MESSAGE_ID: self.id,
            names.MESSAGE_TYPE: self._type.value,
            names.MESSAGE_SENDER: str(self._sender),
        }
        if self._receiver is not None:
            values[names.MESSAGE_RECEIVER] = str(self._receiver)
        if self._correlation_id is not None:
            values[names.MESSAGE_CORRELATION_ID] = str(self._correlation_id)
        return f"message {self._type.value}", {}, values

    def _outcome_values(self, ending: Ending) -> Values:
        if self._outcome is None:
            self._outcome = self._outcome_by(ending)
        return {names.MESSAGE_OUTCOME: self._outcome.value}

    def _outcome_by(self, ending: Ending) -> Outcome:  # noqa: ARG002 - a query cares
        return Outcome.ACCEPTED

    def _conclude(self, emitter: Emitter, ending: Ending) -> Values:
        values = self._outcome_values(ending)
        labels = {
            names.MESSAGE_TYPE: self._type.value,
            names.MESSAGE_OUTCOME: str(values[names.MESSAGE_OUTCOME]),
        }
        emitter.counters.add(names.CLIENT_MESSAGES, labels)
        return {}


class QuerySpan(Message, handles.Query):
    """
    A question to a droid; it lasts until its answer.
    """

    emits_started = True

    def __init__(
        self,
        sender: str,
        receiver: str | None,
        deadline: float | timedelta | None = None,
        id: str | None = None,
        correlation_id: str | None = None,
    ) -> None:
        super().__init__(MessageType.QUERY, sender, receiver, id, correlation_id)
        self._deadline = deadline
        self._limit_seconds = DEFAULT_DEADLINE_SECONDS

    @property
    def correlation_id(self) -> str:
        """
        The correlation id that its answer has, too: the given one, else the query's id.
        """
        return str(self._correlation_id) if self._correlation_id is not None else self.id

    def unanswered(self) -> None:
        """
        Set the outcome to unanswered.
        """
        if not self._is_over("unanswered()"):
            self._outcome = Outcome.UNANSWERED

    def rejected(self) -> None:
        """
        Set the outcome to rejected: refused by the bus, or by the receiver.
        """
        if not self._is_over("rejected()"):
            self._outcome = Outcome.REJECTED

    def _describe(self) -> Description:
        name, own_ids, values = super()._describe()
        deadline = duration("ask(deadline)", self._deadline)
        if deadline is not None:
            values[names.MESSAGE_DEADLINE_SECONDS] = self._limit_seconds = deadline
        return name, own_ids, values

    def _outcome_by(self, ending: Ending) -> Outcome:
        if ending is Ending.CANCELLED:
            return Outcome.CANCELLED
        if ending is Ending.FAILED:
            return Outcome.UNANSWERED
        return Outcome.LATE if self._elapsed_ns() > self._limit_seconds * SECOND_NS else Outcome.ANSWERED
