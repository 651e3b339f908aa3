"""
The sessions held in memory: found by every record, and due for something at a known uptime.

Only arrivals and the passing of uptime change anything here, so a replay of the same frames ends
in the same sessions.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from droidscope.conventions.attributes import Outcome
from droidscope.head.settings import MINUTE, HeadSettings
from droidscope.head.state import Gone, SessionKey, SessionState
from droidscope.model.records import Place

GONE_LIMIT: Final = 200_000
"""
Forgotten sessions whose outcome is still known.
"""


class SessionsDump(Struct):
    """
    What a checkpoint keeps.
    """

    sessions: list[SessionState]
    gone: list[tuple[SessionKey, Gone]]
    last_receipt: list[tuple[tuple[str, ...], int]]


class Sessions:
    """
    Sessions by key, with a queue of when each is next due.

    A queue entry may be stale (a record arrived since); it is then looked at again when it is due
    and put back, so a record costs no queue operation.
    """

    def __init__(self, settings: HeadSettings) -> None:
        self._settings = settings
        self._by_key: dict[SessionKey, SessionState] = {}
        self._gone: dict[SessionKey, Gone] = {}
        self._last_receipt: dict[tuple[str, ...], int] = {}
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
        session = self._by_key.get(key)
        self._last_receipt[place.orchestrator] = clock_ns
        if session is None:
            gone = self._gone.pop(key, None)
            session = self._open(key, place, start_ns, clock_ns)
            if gone is not None:
                session.pattern, session.outcome, session.end_ns = gone.pattern, gone.outcome, gone.end_ns
            return session, gone is None
        session.last_clock = clock_ns
        session.start_ns = min(session.start_ns, start_ns)
        session.pattern = session.pattern or place.pattern
        return session, False

    def _open(self, key: SessionKey, place: Place, start_ns: int, clock_ns: int) -> SessionState:
        session = SessionState(
            orchestrator=place.orchestrator,
            id=place.session,
            own=place.own,
            pattern=place.pattern,
            start_ns=start_ns,
            first_clock=clock_ns,
            last_clock=clock_ns,
            moved_clock=clock_ns,
            trace_id=place.trace_id,
        )
        self._by_key[key] = session
        self.schedule(session)
        return session

    def restart(self, session: SessionState, place: Place, start_ns: int, clock_ns: int) -> SessionState:
        """
        A new session under the key of one that has ended: its id was used again.
        """
        del self._by_key[session.key]
        return self._open(session.key, place, start_ns, clock_ns)

    def schedule(self, session: SessionState) -> None:
        """
        Queue a session whose next due time may have come nearer.
        """
        heapq.heappush(self._due, (self._due_clock(session), session.key))

    def _due_clock(self, session: SessionState) -> int:
        if session.close_clock is not None:
            return session.close_clock
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
        others_arrive = self._last_receipt.get(session.orchestrator, 0) > session.last_clock + 5 * MINUTE
        patience = self._settings.lost_ns(alive_seen=session.alive_seen, others_arrive=others_arrive)
        return session.running and clock_ns - session.last_clock >= patience

    def next_due(self) -> int | None:
        """
        The uptime before which nothing is due, None if nothing ever is.
        """
        return self._due[0][0] if self._due else None

    def due(self, clock_ns: int) -> Iterator[SessionState]:
        """
        Sessions due by now, each to be closed, lost or forgotten and then scheduled again.
        """
        while self._due and self._due[0][0] <= clock_ns:
            _, key = heapq.heappop(self._due)
            session = self._by_key.get(key)
            if session is None:
                continue
            if self._due_clock(session) > clock_ns:
                self.schedule(session)
            elif session.running and not self.lost(session, clock_ns):
                heapq.heappush(self._due, (clock_ns + MINUTE, key))
            else:
                yield session

    def forget(self, session: SessionState) -> None:
        """
        Drop a session that ended long ago; its outcome stays known, for the newest ones.
        """
        del self._by_key[session.key]
        if session.outcome is not None:
            self._gone[session.key] = Gone(
                session.pattern, session.outcome, session.own, session.start_ns, session.end_ns
            )
        while len(self._gone) > GONE_LIMIT:
            del self._gone[next(iter(self._gone))]

    def dump(self) -> SessionsDump:
        """
        The state for a checkpoint.
        """
        return SessionsDump(
            list(self._by_key.values()), list(self._gone.items()), list(self._last_receipt.items())
        )

    def load(self, dump: SessionsDump) -> None:
        """
        Go on from a checkpoint.
        """
        self._by_key = {session.key: session for session in dump.sessions}
        self._gone = dict(dump.gone)
        self._last_receipt = dict(dump.last_receipt)
        self._due = []
        for session in dump.sessions:
            self.schedule(session)


def ended(session: SessionState) -> bool:
    """
    Whether it has really ended: neither running nor lost.
    """
    return session.outcome is not None and session.outcome is not Outcome.LOST
