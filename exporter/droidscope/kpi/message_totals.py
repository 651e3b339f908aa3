"""
A window's totals of messages and queries: the parts of a subject's totals that are about communication.

All fields are sums over the window: counts, nanoseconds (`_ns`), or the units of `facts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from droidscope.conventions.attributes import MessageType, Outcome
from droidscope.conventions.outcomes import MESSAGE_ENDS, QUERY_ENDS
from droidscope.facts import facts as f
from droidscope.facts.fact_totals import sum_by

if TYPE_CHECKING:
    from droidscope.facts.fact_totals import Totals


class MessageTotals(Struct, frozen=True):
    """
    Messages and conflicts. Delivered: a query answered in time, another message accepted. Cancelled
    messages are no part of it.

    *wait_ns* is the part of *phase_ns* covered by waiting queries.
    """

    messages_delivered: int = 0
    messages_undelivered: int = 0
    conflicts: int = 0
    wait_ns: int = 0
    phase_ns: int = 0

    @property
    def messages(self) -> int:
        """
        Messages of any type, delivered or not.
        """
        return self.messages_delivered + self.messages_undelivered


class QueryTotals(Struct, frozen=True):
    """
    The queries put to a droid; answered means in time. Cancelled ones are in no ratio.

    *query_ns* is the time to the *queries_timed* answers that came, in time or late.
    """

    queries_answered: int = 0
    queries_late: int = 0
    queries_unanswered: int = 0
    queries_rejected: int = 0
    queries_cancelled: int = 0
    query_credit: int = 0
    query_ns: int = 0
    queries_timed: int = 0

    @property
    def queries(self) -> int:
        """
        Queries answered, in time or late, unanswered and rejected: those that ratios are over.
        """
        return self.queries_answered + self.queries_late + self.queries_unanswered + self.queries_rejected


class DroidMessageTotals(Struct, frozen=True):
    """
    Messages a droid sent and was sent; *query_wait_ns* is how long queries put to it waited,
    *vain_wait_ns* how long those that it never answered did.
    """

    sent: int = 0
    received: int = 0
    query_wait_ns: int = 0
    vain_wait_ns: int = 0


def message_totals(totals: Totals) -> MessageTotals:
    """
    Messages and conflicts of a subject.
    """
    messages = sum_by(totals.of(f.MessagesSent), is_delivered, where=is_sent)
    return MessageTotals(
        messages_delivered=messages[True],
        messages_undelivered=messages[False],
        conflicts=sum(totals.of(f.Conflicts).values()),
        wait_ns=sum(totals.of(f.PhaseWaitTime).values()),
        phase_ns=sum(totals.of(f.PhaseTime).values()),
    )


def is_sent(key: f.MessagesSent) -> bool:
    """
    Whether messages count as sent: cancelled ones do not.
    """
    return key.outcome in MESSAGE_ENDS


def is_delivered(key: f.MessagesSent) -> bool:
    """
    Whether messages were delivered: queries answered in time, others accepted.
    """
    good = Outcome.ANSWERED if key.message_type == MessageType.QUERY else Outcome.ACCEPTED
    return key.outcome == good


def query_totals(totals: Totals) -> QueryTotals:
    """
    Queries put to a subject.
    """
    queries = sum_by(totals.of(f.QueriesEnded), lambda key: key.outcome)
    return QueryTotals(
        queries_answered=queries[Outcome.ANSWERED],
        queries_late=queries[Outcome.LATE],
        queries_unanswered=queries[Outcome.UNANSWERED],
        queries_rejected=queries[Outcome.REJECTED],
        queries_cancelled=queries[Outcome.CANCELLED],
        query_credit=sum(totals.of(f.QueryCredit).values()),
        query_ns=sum(totals.of(f.ResponseTime).values()),
        queries_timed=sum(totals.of(f.TimedResponses).values()),
    )


def droid_message_totals(totals: Totals) -> DroidMessageTotals:
    """
    Messages a droid sent and was sent.
    """
    wait_ns = sum_by(
        totals.of(f.QueryWaitTime), lambda key: key.outcome, where=lambda key: key.outcome in QUERY_ENDS
    )
    return DroidMessageTotals(
        sent=sum(n for key, n in totals.of(f.MessagesSent).items() if is_sent(key)),
        received=sum(totals.of(f.MessagesReceived).values()),
        query_wait_ns=wait_ns.total(),
        vain_wait_ns=wait_ns[Outcome.UNANSWERED],
    )
