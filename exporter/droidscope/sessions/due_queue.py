"""
When each session is looked at next.

The looks are part of the state, for what is decided depends on when one looks: the same arrivals at
the same clocks give the same looks.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from typing import Final

from droidscope.model.labels import SessionKey
from droidscope.sessions.session_state import SessionState

STALE_LIMIT: Final = 1_000
"""
Entries the queue may have beyond two a session.
"""


class DueQueue:
    """
    A queue of *sessions* by the uptime at which each is due.

    An entry that is no longer the session's earliest stays until it comes up, and is passed over
    then: to take it out would cost more.
    """

    def __init__(self, sessions: Mapping[SessionKey, SessionState]) -> None:
        self._sessions = sessions
        self._entries: list[tuple[int, SessionKey]] = []

    def __len__(self) -> int:
        """
        Entries, with those that are out of date.
        """
        return len(self._entries)

    def push(self, session: SessionState, clock_ns: int) -> None:
        """
        Have a session looked at no later than *clock_ns*.
        """
        if session.queued_clock is None or clock_ns < session.queued_clock:
            session.queued_clock = clock_ns
            heapq.heappush(self._entries, (clock_ns, session.key))
        if len(self) > 2 * len(self._sessions) + STALE_LIMIT:
            self.rebuild()

    def rebuild(self) -> None:
        """
        Make the queue anew, without entries of sessions that are gone or were queued nearer since.
        """
        self._entries = [
            (session.queued_clock, key)
            for key, session in self._sessions.items()
            if session.queued_clock is not None
        ]
        heapq.heapify(self._entries)

    def next_due(self) -> int | None:
        """
        The uptime before which nothing is due, None if nothing ever is.
        """
        return self._entries[0][0] if self._entries else None

    def pop(self, clock_ns: int) -> Iterator[SessionState]:
        """
        Sessions to be looked at by now, in order of time; they are queued no longer.
        """
        while self._entries and self._entries[0][0] <= clock_ns:
            due_clock, key = heapq.heappop(self._entries)
            session = self._sessions.get(key)
            if session is None or session.queued_clock != due_clock:
                continue  # it is gone, or was to be looked at earlier
            session.queued_clock = None
            yield session
