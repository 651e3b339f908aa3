"""
The promise that instrumentation never throws into the user's droid: faults are logged and end here.
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
    if len(_warned) >= _WARNED_LIMIT:  # keys may hold what users invent: forgetting is better than growing
        forget_warnings()
    _warned.add(key)
    logger.warning(message, *args)


def forget_warnings() -> None:
    """
    Log again what was already logged once.
    """
    _warned.clear()


def quietly(function: Callable[P, R]) -> Callable[P, R | None]:
    """
    *function*, except that a fault of ours in it is logged once and gives None.
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
