"""
Heartbeats: while sessions are open, one daemon thread sends an event for each, so that a dead process shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Event, Lock, Thread
from typing import Final, Protocol
from weakref import WeakSet

from droidscope.instrument.emission.forks import after_fork_in_child
from droidscope.instrument.never_raise import never_raise

INTERVAL_SECONDS: Final = 30.0


class OpenSession(Protocol):
    """
    A session that can send a heartbeat.
    """

    def send_heartbeat(self) -> None:
        """
        Send an event that its process is alive.
        """


class Heartbeat:
    """
    Sends a heartbeat for each open session once an interval, in one thread that ends with the last of them.

    Sessions are held weakly: one whose coroutine was thrown away is not alive. The thread starts with the
    next session that is added to the first *sessions*.
    """

    def __init__(
        self, interval_seconds: float = INTERVAL_SECONDS, sessions: Iterable[OpenSession] = ()
    ) -> None:
        self._interval_seconds = interval_seconds
        self.restart()
        self._sessions.update(sessions)

    @property
    def thread(self) -> Thread | None:
        """
        The thread that sends, None while there is none.
        """
        return self._thread

    def restart(self) -> None:
        """
        Begin anew without sessions: a forked child has no thread, and its parent's sessions are not its own.
        """
        self._sessions: WeakSet[OpenSession] = WeakSet()
        self._lock = Lock()
        self._thread: Thread | None = None

    def add(self, session: OpenSession) -> None:
        """
        Send heartbeats for *session* from now on; starts the thread if there is none.
        """
        with self._lock:
            self._sessions.add(session)
            if self._thread is None:
                self._thread = Thread(target=self._run, name="droidscope-heartbeat", daemon=True)
                self._thread.start()

    def discard(self, session: OpenSession) -> None:
        """
        Send no more heartbeats for *session*.
        """
        with self._lock:
            self._sessions.discard(session)

    def send(self) -> bool:
        """
        Send a heartbeat for every open session; False once there is none, and the thread is to end.
        """
        with self._lock:
            sessions = list(self._sessions)
            if not sessions:
                self._thread = None
                return False
        for session in sessions:
            never_raise(session.send_heartbeat)()
        return True

    def _run(self) -> None:
        pause = Event()
        pause.wait(self._interval_seconds)
        while self.send():
            pause.wait(self._interval_seconds)


HEARTBEAT: Final = Heartbeat()
after_fork_in_child(HEARTBEAT.restart)
