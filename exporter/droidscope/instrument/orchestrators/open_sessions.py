"""
The sessions of this process that were started by id, and which of their ids have ended here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Final

from droidscope.instrument.emission.forks import after_fork_in_child
from droidscope.instrument.never_raise import warn_once
from droidscope.instrument.sessions import SessionSpan

OPEN_LIMIT: Final = 10_000
"""
Sessions that may be open by id in a process. Beyond it the oldest is given up: its process no longer names
it as alive, and the exporter counts it as unknown.
"""

ENDED_LIMIT: Final = 10_000
"""
Ids that are known to have ended here, so that a second end is none.
"""


class OpenSessions:
    """
    The sessions of this process that were started by id and have not ended, the oldest first.
    """

    def __init__(self, limit: int = OPEN_LIMIT) -> None:
        self._limit = limit
        self.restart()

    def restart(self) -> None:
        """
        Forget everything: a forked child has started nothing yet.
        """
        self._lock = RLock()  # a signal handler may come while its own thread holds it
        self._open: OrderedDict[str, SessionSpan] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def find(self, id: str) -> SessionSpan | None:
        """
        The open session of an id.
        """
        with self._lock:
            return self._open.get(id)

    def add(self, id: str, session: SessionSpan) -> None:
        """
        Add the newest run of an id; one that is open here under it already is given up, and so is the oldest
        where there are too many.
        """
        with self._lock:
            former = self._open.pop(id, None)
            self._open[id] = session
            self._ended.pop(id, None)
            oldest = self._open.popitem(last=False) if len(self._open) > self._limit else None
        if former is not None and former is not session:
            warn_once(
                "start_session:twice",
                "%r is open here already: a new run of it begins, and the former one is not ended from here",
                id,
            )
            former.give_up()
        if oldest is not None:
            warn_once(
                "start_session:limit",
                "%d sessions that start_session began are open; given up is the oldest, %r",
                self._limit, oldest[0],
            )  # fmt: skip
            oldest[1].give_up()

    def take(self, id: str) -> tuple[SessionSpan | None, bool]:
        """
        Remove the open session of an id, which ends now; and whether the last one of that id has ended here.
        """
        with self._lock:
            session, has_ended = self._open.pop(id, None), id in self._ended
            if session is not None:  # else another process has it, perhaps several times
                self._ended[id] = None
                if len(self._ended) > ENDED_LIMIT:
                    self._ended.popitem(last=False)
        return session, has_ended

    def discard(self, id: str, session: SessionSpan) -> None:
        """
        Know that *session* has ended, if it is the one that is open under an id.
        """
        with self._lock:
            is_open = self._open.get(id) is session
        if is_open:
            self.take(id)

    @contextmanager
    def none_open(self) -> Iterator[None]:
        """
        Within the block nothing is open and nothing has ended; after it, what was before is again.
        """
        with self._lock:
            before = self._open, self._ended
            self._open, self._ended = OrderedDict(), OrderedDict()
        try:
            yield
        finally:
            with self._lock:
                left, (self._open, self._ended) = list(self._open.values()), before
            for session in left:
                session.give_up()


OPEN_SESSIONS: Final = OpenSessions()
after_fork_in_child(OPEN_SESSIONS.restart)
