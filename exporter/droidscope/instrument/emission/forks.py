"""
Forked processes: what belongs to the parent, and what a child begins anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import get_ident
from typing import Final, Protocol

from droidscope.instrument.emission.os_threads import real_rlock


class AnyLock(Protocol):
    """
    A lock of `threading`.
    """

    def acquire(self, blocking: bool = ..., timeout: float = ...) -> bool:
        """
        Take it, if it is free in time.
        """

    def release(self) -> None:
        """
        Let others have it.
        """


class Lineage:
    """
    How often this process was forked from another since the first that loaded this module.

    A span remembers the *generation* it began in: in a later one it is the parent's, which ends and sends it.
    """

    generation: int = 0


LINEAGE: Final = Lineage()


def after_fork_in_child(function: Callable[[], None]) -> None:
    """
    Have *function* called in every forked child; nothing where processes cannot fork.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)


def around_fork(
    before: Callable[[], None], after_in_parent: Callable[[], None], after_in_child: Callable[[], None]
) -> None:
    """
    Have them called on the thread that forks, *before* in the reverse order of these calls.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=before, after_in_parent=after_in_parent, after_in_child=after_in_child)


class ProcessLock:
    """
    A lock for objects that a forked child goes on to use: there nobody holds it, whoever does in the parent.

    A signal handler may take it while its own thread holds it.
    """

    __slots__ = ("_locks",)

    def __init__(self) -> None:
        self._locks: dict[int, AnyLock] = {LINEAGE.generation: real_rlock()}

    def __enter__(self) -> None:
        lock = self._locks.get(LINEAGE.generation)
        if lock is None:
            lock = self._locks.setdefault(LINEAGE.generation, real_rlock())
        lock.acquire()

    def __exit__(self, *_: object) -> None:
        lock = self._locks.get(LINEAGE.generation)
        if lock is not None:
            lock.release()


class HeldOverForks:
    """
    A lock that no other thread holds while this process forks: what it guards is whole in the child.

    *lock* returns the lock of now. A fork waits at most *seconds* for it.
    """

    def __init__(self, lock: Callable[[], AnyLock], seconds: float) -> None:
        self._lock = lock
        self._seconds = seconds
        self._held: dict[int, AnyLock] = {}
        around_fork(self._hold, self._release, self._held.clear)

    def _hold(self) -> None:
        lock = self._lock()
        if lock.acquire(timeout=self._seconds):
            self._held[get_ident()] = lock

    def _release(self) -> None:
        lock = self._held.pop(get_ident(), None)
        if lock is not None:
            lock.release()


def _next_generation() -> None:
    LINEAGE.generation += 1


after_fork_in_child(_next_generation)
