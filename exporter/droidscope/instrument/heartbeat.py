"""
Signs of life: while sessions are open, one daemon thread says so for each, so that a dead process shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Event, Lock, Thread
from typing import Final, Protocol
from weakref import WeakSet

from droidscope.instrument.never_raise import quietly
from droidscope.instrument.providers import after_fork_in_child

INTERVAL_SECONDS: Final = 30.0


class OpenSession(Protocol):
    """
    Something that can say it is alive.
    """

    def still_alive(self) -> None:
        """
        Say it.
        """


class Heartbeat:
    """
    Has each of its members say it is alive once an interval, in one thread that ends with the last of them.

    Members are held weakly: a session whose coroutine was thrown away is not alive. The thread starts
    with the next one that is added to the first *members*.
    """

    def __init__(
        self, interval_seconds: float = INTERVAL_SECONDS, members: Iterable[OpenSession] = ()
    ) -> None:
        self._interval_seconds = interval_seconds
        self.restart()
        self._members.update(members)

    @property
    def thread(self) -> Thread | None:
        """
        The thread that beats, None while there is none.
        """
        return self._thread

    def restart(self) -> None:
        """
        Begin anew without members: a forked child has no thread, and its parent's sessions are not its own.
        """
        self._members: WeakSet[OpenSession] = WeakSet()
        self._lock = Lock()
        self._thread: Thread | None = None

    def add(self, member: OpenSession) -> None:
        """
        Take *member* in, and start the thread if there is none.
        """
        with self._lock:
            self._members.add(member)
            if self._thread is None:
                self._thread = Thread(target=self._run, name="droidscope-alive", daemon=True)
                self._thread.start()

    def discard(self, member: OpenSession) -> None:
        """
        Let *member* go, if it is one.
        """
        with self._lock:
            self._members.discard(member)

    def beat(self) -> bool:
        """
        Have every member say it is alive; False once there is none, and the thread is to end.
        """
        with self._lock:
            members = list(self._members)
            if not members:
                self._thread = None
                return False
        for member in members:
            quietly(member.still_alive)()
        return True

    def _run(self) -> None:
        pause = Event()
        pause.wait(self._interval_seconds)
        while self.beat():
            pause.wait(self._interval_seconds)


PULSE: Final = Heartbeat()
after_fork_in_child(PULSE.restart)
