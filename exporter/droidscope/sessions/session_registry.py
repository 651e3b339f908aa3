"""
The sessions held in memory: found by every record, and due for something at a known uptime.

Only arrivals and the passing of uptime change anything here, so a replay of the same frames ends
in the same sessions.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from droidscope.conventions.attributes import Outcome
from droidscope.model.labels import OrchestratorLabels, SessionKey
from droidscope.model.records import Place
from droidscope.sessions.session_state import ForgottenSession, SessionState
from droidscope.sessions.settings import HeadSettings
from droidscope.units import MINUTE_NS

GONE_LIMIT: Final = 100_000
"""
Forgotten sessions whose outcome is still known.
"""

STALE_LIMIT: Final = 1_000
"""
Entries the queue may have beyond two a session.
"""

RECEIPTS_LIMIT: Final = 10_000
"""
Orchestrators of which the last receipt is known.
"""


class SessionRegistryDump(Struct):
    """
    What a checkpoint keeps; all in order of last arrival.
    """

    sessions: list[SessionState]
    ended: list[SessionKey]
    gone: list[tuple[SessionKey, ForgottenSession]]
    last_receipt: list[tuple[OrchestratorLabels, int]]


class SessionRegistry:
    """
    Sessions by key, with a queue of when each is looked at next.

    A record that moves a session's due time away leaves the queue alone: the session is looked at
    when it was to be, and put back. Those looks are part of the state, for what is found out
    depends on when one looks.

    Attributes:
        held: What all sessions weigh.
    """

    def __init__(self, settings: HeadSettings) -> None:
        self.held = 0
        self._settings = settings
        self._by_key: OrderedDict[SessionKey, SessionState] = OrderedDict()
        self._ended: OrderedDict[SessionKey, None] = OrderedDict()
        self._gone: OrderedDict[SessionKey, ForgottenSession] = OrderedDict()
        self._last_receipt: OrderedDict[OrchestratorLabels, int] = OrderedDict()
        self._due: list[tuple[int, SessionKey]] = []

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[SessionState]:
        return iter(self._by_key.values())

    def get(self, key: SessionKey) -> SessionState | None:
        """
        The session of a key, None if nothing is known of it.
        """
        return self._by_key.get(key)

    def arrive(self, place: Place, start_ns: int, clock_ns: int) -> tuple[SessionState, bool]:
        """
        Note a sign of life of a place's session.

        Returns:
            The session, and whether this was the first that was heard of it.
        """
        key = (place.orchestrator, place.session)
        self._received(place.orchestrator, clock_ns)
        session = self._by_key.get(key)
        if session is None:
            gone = self._gone.pop(key, None)
            session = self._open(place, start_ns, clock_ns)
            if gone is not None:
                session.pattern, session.span_id = gone.pattern, gone.span_id
                session.outcome, session.end_ns = gone.outcome, gone.end_ns
                session.start_ns, session.trace_id = gone.start_ns, gone.trace_id
                session.blamed = gone.blamed
                session.whole = False
                self.schedule(session)
            return session, gone is None
        self._by_key.move_to_end(key)
        session.last_clock = clock_ns
        if not ended(session):
            session.start_ns = min(session.start_ns, start_ns)
        session.pattern = session.pattern or place.pattern
        session.trace_id = session.trace_id or place.trace_id
        return session, False

    def _received(self, orchestrator: OrchestratorLabels, clock_ns: int) -> None:
        self._last_receipt[orchestrator] = clock_ns
        self._last_receipt.move_to_end(orchestrator)
        if len(self._last_receipt) > RECEIPTS_LIMIT:
            self._last_receipt.popitem(last=False)

    def _open(self, place: Place, start_ns: int, clock_ns: int) -> SessionState:
        session = SessionState(
            orchestrator=place.orchestrator,
            id=place.session,
            own=place.native,
            pattern=place.pattern,
            start_ns=start_ns,
            first_clock=clock_ns,
            last_clock=clock_ns,
            moved_clock=clock_ns,
            trace_id=place.trace_id,
        )
        self._by_key[session.key] = session
        self.schedule(session)
        return session

    def restart(self, session: SessionState, place: Place, start_ns: int, clock_ns: int) -> SessionState:
        """
        A new session under the key of one that has ended: its id was used again.
        """
        self._drop(session)
        return self._open(place, start_ns, clock_ns)

    def _drop(self, session: SessionState) -> None:
        del self._by_key[session.key]
        self._ended.pop(session.key, None)
        self.held -= session.weight

    def weigh(self, session: SessionState) -> None:
        """
        Note how much a session holds now.
        """
        size = session.size
        self.held += size - session.weight
        session.weight = size

    def least_needed(self) -> SessionState | None:
        """
        The session to part with where there are too many: the one that ended first, else the
        longest silent one; None if there are not too many.
        """
        if self.held <= self._settings.held_limit:
            return None
        return self._by_key[next(iter(self._ended or self._by_key))]

    def schedule(self, session: SessionState) -> None:
        """
        Have a session looked at when it is due, if that is not to happen before.
        """
        if session.outcome is not None:
            self._ended.setdefault(session.key)
        self._queue(session, self._due_clock(session))

    def _queue(self, session: SessionState, clock_ns: int) -> None:
        if session.queued_clock is None or clock_ns < session.queued_clock:
            session.queued_clock = clock_ns
            heapq.heappush(self._due, (clock_ns, session.key))
        if len(self._due) > 2 * len(self._by_key) + STALE_LIMIT:
            self._requeue()

    def _requeue(self) -> None:
        """
        Make the queue anew, without entries of sessions that are gone or were queued nearer since.
        """
        self._due = [
            (session.queued_clock, key)
            for key, session in self._by_key.items()
            if session.queued_clock is not None
        ]
        heapq.heapify(self._due)

    def _due_clock(self, session: SessionState) -> int:
        if session.close_clock is not None:
            return session.close_clock
        if session.analysis_clock is not None:
            return session.analysis_clock
        if session.running:
            # Whether others of its orchestrator arrive may change any time: look at the earliest.
            return session.last_clock + self._settings.lost_ns(
                alive_seen=session.alive_seen, others_arrive=True
            )
        return max(session.last_clock, session.end_clock) + self._settings.forget_after_ns

    def lost(self, session: SessionState, clock_ns: int) -> bool:
        """
        Whether a running session has been silent for so long that it counts as lost.
        """
        others_arrive = self._last_receipt.get(session.orchestrator, 0) > session.last_clock + 5 * MINUTE_NS
        patience = self._settings.lost_ns(alive_seen=session.alive_seen, others_arrive=others_arrive)
        return session.running and clock_ns - session.last_clock >= patience

    @property
    def queued(self) -> int:
        """
        Entries in the queue of what is due, with those that are out of date.
        """
        return len(self._due)

    def next_due(self) -> int | None:
        """
        The uptime before which nothing is due, None if nothing ever is.
        """
        return self._due[0][0] if self._due else None

    def due(self, clock_ns: int) -> Iterator[SessionState]:
        """
        Sessions due by now, each to be closed, digested, lost or forgotten and then scheduled again.
        """
        while self._due and self._due[0][0] <= clock_ns:
            due_ns, key = heapq.heappop(self._due)
            session = self._by_key.get(key)
            if session is None or session.queued_clock != due_ns:
                continue  # it is gone, or was to be looked at earlier
            session.queued_clock = None
            if self._due_clock(session) > clock_ns:
                self.schedule(session)
            elif session.running and not self.lost(session, clock_ns):
                self._queue(session, clock_ns + MINUTE_NS)
            else:
                yield session

    def forget(self, session: SessionState) -> None:
        """
        Drop a session that ended long ago; its outcome stays known, for the newest ones.
        """
        self._drop(session)
        if session.outcome is not None:
            self._gone[session.key] = ForgottenSession(
                session.pattern,
                session.outcome,
                session.span_id,
                session.start_ns,
                session.end_ns,
                session.trace_id,
                session.blamed,
            )
        if len(self._gone) > GONE_LIMIT:
            self._gone.popitem(last=False)

    def dump(self) -> SessionRegistryDump:
        """
        The state for a checkpoint.
        """
        return SessionRegistryDump(
            list(self._by_key.values()),
            list(self._ended),
            list(self._gone.items()),
            list(self._last_receipt.items()),
        )

    def load(self, dump: SessionRegistryDump) -> None:
        """
        Go on from a checkpoint.
        """
        self._by_key = OrderedDict((session.key, session) for session in dump.sessions)
        self._ended = OrderedDict.fromkeys(dump.ended)
        self._gone = OrderedDict(dump.gone)
        self._last_receipt = OrderedDict(dump.last_receipt)
        self.held = sum(session.weight for session in dump.sessions)
        self._requeue()


def ended(session: SessionState) -> bool:
    """
    Whether it has really ended: neither running nor lost.
    """
    return session.outcome is not None and session.outcome is not Outcome.LOST
