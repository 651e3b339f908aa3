"""
Threads and locks of the operating system, also where gevent or eventlet have replaced them by greenlets.

They may do so at any time, also after this module was imported, and a greenlet that waits for a real lock
holds up all others of its thread. So droidscope's own threads are always real ones with real locks, and
whoever waits for them on a thread of the user does so in a way that lets greenlets go on.
"""

from __future__ import annotations

import _thread
import sys
import threading
from _queue import SimpleQueue
from collections.abc import Callable
from queue import Empty
from time import monotonic
from typing import Any, Final, TypeVar

T = TypeVar("T")

RealQueue = SimpleQueue  # gevent replaces the name in `queue` alone

_FIRST_STEP_SECONDS: Final = 0.001
_LONGEST_STEP_SECONDS: Final = 0.02


def _real(name: str) -> Any:  # noqa: ANN401 - one of several functions
    """
    What the module _thread has under *name*, or had before it was replaced.
    """
    gevent = sys.modules.get("gevent.monkey")
    if gevent is not None and gevent.is_module_patched("_thread"):
        return gevent.get_original("_thread", name)
    eventlet = sys.modules.get("eventlet.patcher")
    if eventlet is not None and eventlet.is_monkey_patched("thread"):
        return getattr(eventlet.original("_thread"), name)
    return getattr(_thread, name)


real_lock: Final[Callable[[], threading.Lock]] = _real("allocate_lock")
"""
Makes a lock that threads wait for; hold it for no longer than a few lines that neither wait nor log.
"""
real_rlock: Final[Callable[[], Any]] = _real("RLock")
"""
Makes one that its own thread may take again: all greenlets of a thread count as one.
"""
real_start: Final = _real("start_new_thread")
"""
Starts a thread that runs a function with the arguments given.
"""


class OsThread:
    """
    A thread of the operating system that runs *target* once it is started, and holds up no process' end.
    """

    daemon: Final = True

    def __init__(self, target: Callable[[], object], name: str) -> None:
        self._target = target
        self._thread: threading.Thread | None = None
        self._ended = False
        self.name = name

    def start(self) -> None:
        """
        Start it.

        Raises:
            RuntimeError: If the interpreter is at its end, or the system has no more threads.
        """
        if has_greenlets():
            real_start(self._run, ())
        else:
            thread = threading.Thread(target=self._run, name=self.name, daemon=True)
            thread.start()
            self._thread = thread

    def is_alive(self) -> bool:
        """
        Whether it runs; asked only after it was started.
        """
        return not self._ended and (self._thread is None or self._thread.is_alive())

    def join(self, timeout: float) -> None:
        """
        Wait until it has ended, at most *timeout* seconds.
        """
        deadline = monotonic() + timeout
        while self.is_alive() and monotonic() < deadline:
            _pause(_LONGEST_STEP_SECONDS / 4)

    def _run(self) -> None:
        try:
            self._target()
        finally:
            self._ended = True


def has_greenlets() -> bool:
    """
    Whether the threads of this process are those of gevent or eventlet by now.
    """
    return _thread.start_new_thread is not real_start


def wait_for(queue: RealQueue[T], timeout_seconds: float) -> T:
    """
    The next item of *queue*; greenlets go on meanwhile.

    Raises:
        Empty: If none has come in *timeout_seconds*.
    """
    deadline = monotonic() + timeout_seconds
    step = _FIRST_STEP_SECONDS
    while has_greenlets():
        try:
            return queue.get_nowait()
        except Empty:
            if monotonic() >= deadline:
                raise
        if not _pause(step):
            break
        step = min(2 * step, _LONGEST_STEP_SECONDS)
    return queue.get(timeout=max(0.0, deadline - monotonic()))


def _pause(seconds: float) -> bool:
    """
    Let greenlets go on for a while; False where that is impossible.
    """
    try:
        threading.Event().wait(seconds)  # replaced as a whole, or made of locks that are
    except AssertionError:  # a signal handler has interrupted the loop itself, which cannot pause
        return False
    return True
