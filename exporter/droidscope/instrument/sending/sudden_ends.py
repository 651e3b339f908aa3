"""
Ends of a process at which Python runs no exit handler: os._exit, and the functions of os.exec*.

They are wrapped in the module `os`, whose other functions find them there. Who has imported them by name
before, as `from os import _exit`, has the real ones.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, Final

from droidscope.instrument.emission.os_threads import real_lock, real_start

SUDDEN_SECONDS: Final = 2.0
"""
The longest such an end waits for what is still to be sent; in a forked child it is an ordinary end.
"""
_GRACE_SECONDS: Final = 0.5

_NAMES: Final = ("_exit", "execv", "execve")


class SuddenEnds:
    """
    Calls *end* with the seconds it may take, on a thread of its own, before the process ends or is replaced.

    Whatever *end* does, and whatever locks are held: the process ends. *seconds* is asked each time; with
    None there is nothing to be done.
    """

    def __init__(self, end: Callable[[float], object], seconds: Callable[[], float | None]) -> None:
        self._end = end
        self._seconds = seconds
        self._ending: set[int] = set()
        self._real: dict[str, Any] = {}
        self._wrapped: dict[str, Any] = {}

    def watch(self) -> None:
        """
        Wrap the functions, unless they are.
        """
        for name in _NAMES:
            real = getattr(os, name, None)
            if real is not None and name not in self._real:
                self._real[name] = real
                self._wrapped[name] = self._wrap(real, name)
                _replace(name, real, self._wrapped[name])

    def cease(self) -> None:
        """
        Put the real functions back, except where somebody has wrapped them since.
        """
        for name, wrapped in self._wrapped.items():
            if getattr(os, name) is wrapped:
                _replace(name, wrapped, self._real.pop(name))
        self._wrapped = {name: self._wrapped[name] for name in self._real}

    def _wrap(self, real: Callable[..., Any], name: str) -> Callable[..., Any]:
        @wraps(real)
        def finish_first(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the real one has them
            if name == "_exit" or _is_executable(args, kwargs):
                with suppress(BaseException):  # a signal handler may raise meanwhile
                    self._finish()
            return real(*args, **kwargs)

        return finish_first

    def _finish(self) -> None:
        """
        Have *end* called, once: who asks again from a signal handler, meanwhile, does not wait.
        """
        me = get_ident()
        seconds = None if me in self._ending or sys.is_finalizing() else self._seconds()
        if seconds is None:
            return
        self._ending.add(me)
        try:
            ended = real_lock()
            ended.acquire()
            real_start(self._call, (seconds, ended.release))
            ended.acquire(timeout=seconds + _GRACE_SECONDS)
        except RuntimeError:  # there are no more threads
            self._end(seconds)
        finally:
            self._ending.discard(me)  # a program that could not be executed goes on

    def _call(self, seconds: float, ended: Callable[[], None]) -> None:
        try:
            self._end(seconds)
        finally:
            ended()


def _replace(name: str, former: object, function: Any) -> None:  # noqa: ANN401 - one of several signatures
    setattr(os, name, function)
    if former in os.supports_fd:  # it is asked there whether it takes a descriptor
        os.supports_fd.discard(former)
        os.supports_fd.add(function)


def _is_executable(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """
    Whether the program can be executed: os.execvp tries each folder of PATH.
    """
    path = args[0] if args else kwargs.get("path")
    try:
        return isinstance(path, int) or os.access(path, os.X_OK)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
