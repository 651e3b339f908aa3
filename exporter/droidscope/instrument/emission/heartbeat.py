"""
Heartbeats: one event a process with the ids of its open sessions, so that a dead process shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import Final, Protocol
from weakref import WeakSet

from opentelemetry.context import Context

from droidscope.conventions import attributes as names
from droidscope.instrument.emission.forks import after_fork_in_child
from droidscope.instrument.emission.os_threads import OsThread, real_lock, real_rlock
from droidscope.instrument.never_raise import never_raise
from droidscope.instrument.providers import Emitter

INTERVAL_SECONDS: Final = 30.0
QUIET_SECONDS: Final = 600.0
"""
How long a process without open sessions goes on to report that it has none.
"""
PART_SESSIONS: Final = 500
"""
The most ids in one event; a longer list comes in several.
"""

_NO_SPAN: Final = Context()


class OpenSession(Protocol):
    """
    A session: its id, and where its records go.
    """

    @property
    def id(self) -> str:
        """
        Its id.
        """

    @property
    def emitter(self) -> Emitter | None:
        """
        Where its records go.
        """


class Heartbeat:
    """
    Sends the ids of the open sessions once an interval, in one thread that ends `QUIET_SECONDS` after the
    last of them, and starts with the next.

    Sessions are held weakly: one whose coroutine was thrown away is not open.
    """

    def __init__(
        self,
        interval_seconds: float = INTERVAL_SECONDS,
        sessions: Iterable[OpenSession] = (),
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._interval_seconds = interval_seconds
        self._clock = clock
        self.restart()
        for session in sessions:
            self._add(session)

    @property
    def thread(self) -> OsThread | None:
        """
        The thread that sends, None while there is none.
        """
        return self._thread

    def restart(self) -> None:
        """
        Begin anew without sessions: a forked child has no thread, and its parent's sessions are not its own.
        """
        self._sessions: WeakSet[OpenSession] = WeakSet()
        self._open_at: dict[Emitter, float] = {}
        self._lock = real_rlock()  # a signal handler may come while its own thread holds it
        self._thread: OsThread | None = None

    def add(self, session: OpenSession) -> None:
        """
        *session* is open from now on; starts the thread if there is none.
        """
        with self._lock:
            self._add(session)
            if self._thread is None:
                self._start()

    def _start(self) -> None:
        thread = OsThread(self._run, "droidscope-heartbeat")
        try:
            thread.start()
        except RuntimeError:  # at the end of a process there are no more threads, and no need of this one
            return
        self._thread = thread

    def discard(self, session: OpenSession) -> None:
        """
        *session* is open no more.
        """
        with self._lock:
            if session in self._sessions:
                self._sessions.discard(session)
                self._note(session)

    def send(self) -> bool:
        """
        Send the list, to each emitter its own; False once there is nothing to report: then the thread ends.
        """
        with self._lock:
            now = self._clock()
            for session in self._sessions:
                self._note(session)
            for emitter, open_at in list(self._open_at.items()):
                if now - open_at >= QUIET_SECONDS:
                    del self._open_at[emitter]
            if not self._open_at:
                self._thread = None
                return False
            lists = {emitter: list(self._ids(emitter)) for emitter in self._open_at}
        for emitter, ids in lists.items():
            never_raise(send_open)(emitter, ids)
        return True

    def _add(self, session: OpenSession) -> None:
        self._sessions.add(session)
        self._note(session)

    def _note(self, session: OpenSession) -> None:
        if session.emitter is not None:
            self._open_at[session.emitter] = self._clock()

    def _ids(self, emitter: Emitter) -> Iterator[str]:
        return (session.id for session in self._sessions if session.emitter is emitter)

    def _run(self) -> None:
        never = real_lock()
        never.acquire()
        never.acquire(timeout=self._interval_seconds)
        while self.send():
            never.acquire(timeout=self._interval_seconds)


def send_open(emitter: Emitter, ids: list[str]) -> None:
    """
    Send that the sessions of *ids* are open in this process, in parts.
    """
    parts = max(1, -(-len(ids) // PART_SESSIONS))
    for part in range(parts):
        some = ids[part * PART_SESSIONS : (part + 1) * PART_SESSIONS]
        values = {names.ALIVE_SESSIONS: tuple(some), names.ALIVE_PART: part + 1, names.ALIVE_PARTS: parts}
        emitter.event(names.ALIVE_EVENT, values, _NO_SPAN)


HEARTBEAT: Final = Heartbeat()
after_fork_in_child(HEARTBEAT.restart)
