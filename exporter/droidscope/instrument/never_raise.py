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

_said: Final[set[str]] = set()
_SAID_LIMIT: Final = 1000


def warn_once(key: str, message: str, *args: object) -> None:
    """
    Log *message* at warning, unless something was already logged under *key* in this process.
    """
    if key in _said:
        return
    if len(_said) >= _SAID_LIMIT:  # keys may hold what users invent: forgetting is better than growing
        _said.clear()
    _said.add(key)
    logger.warning(message, *args)


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
