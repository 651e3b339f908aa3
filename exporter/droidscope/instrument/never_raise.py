"""
Instrumentation never raises into the user's droid: its faults are logged, and end here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

logger: Final = logging.getLogger("droidscope")

P = ParamSpec("P")
R = TypeVar("R")

_warned: Final[set[str]] = set()
_WARNED_LIMIT: Final = 1000


def warn_once(key: str, message: str, *args: object) -> None:
    """
    Log *message* at warning, unless something was already logged under *key* in this process.
    """
    if key in _warned:
        return
    if len(_warned) >= _WARNED_LIMIT:  # keys may contain what users invent: it must not grow
        forget_warnings()
    _warned.add(key)
    logger.warning(message, *args)


def forget_warnings() -> None:
    """
    Forget what was logged, so that it is logged once more.
    """
    _warned.clear()


def never_raise(function: Callable[P, R]) -> Callable[P, R | None]:
    """
    *function*, except that an exception in it is logged once and gives None.
    """

    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the edge of the room: the user's work comes first
            name = function.__qualname__
            warn_once(f"{name}:{type(error).__name__}", "droidscope could not do %s: %r", name, error)
            return None

    return guarded
