"""
Instrumentation never raises into the user's droid: its faults are logged, and end here.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from droidscope.instrument.checks.places import Place, caller

logger: Final = logging.getLogger("droidscope")

P = ParamSpec("P")
R = TypeVar("R")

_warned: dict[tuple[str, Place | None], None] = {}
_WARNED_LIMIT: Final = 1000
_TEXT_LIMIT: Final = 200
_LARGEST_SHOWN: Final = 1 << 64


def warn_once(key: str, message: str, *args: object) -> None:
    """
    Log *message* at warning with the line of the user's code that led here, unless that was done already.

    Once for each *key* and line. The record's pathname and lineno are those of that line, too; what an
    argument raises when it is shown is left out.
    """
    place = caller()
    if (key, place) in _warned:
        return
    while len(_warned) >= _WARNED_LIMIT:  # keys may contain what users invent: it must not grow
        _warned.pop(next(iter(_warned)), None)
    _warned[key, place] = None
    if not logger.isEnabledFor(logging.WARNING):
        return
    shown = tuple(argument if _is_plain(argument) else Shown(argument) for argument in args)
    if place is None:
        logger.warning(message, *shown)
        return
    logger.handle(
        logger.makeRecord(
            logger.name,
            logging.WARNING,
            place.file,
            place.line,
            f"{message} (%s:%d)",
            (*shown, place.file, place.line),
            None,
            place.function,
        )
    )


def warn_of_no_session(what: str) -> None:
    """
    Warn that *what* was recorded where there is no session.
    """
    warn_once(
        f"no_session:{what}",
        "a record of kind %s belongs to no session, and is refused by the exporter: put it inside a "
        "droidscope.session; to a thread, droidscope.carry(function) takes the session along",
        what,
    )


class Shown:
    """
    A value of the user for a message: short, in letters that every handler can write, and never raising.
    """

    __slots__ = ("_plain", "_quoted")

    def __init__(self, value: object) -> None:
        self._plain = _text(str, value)
        self._quoted = _text(repr, value)

    def __str__(self) -> str:
        return self._plain

    def __repr__(self) -> str:
        return self._quoted


def _is_plain(value: object) -> bool:
    if type(value) is str:
        return value.isascii() and len(value) <= _TEXT_LIMIT
    return type(value) in {int, float} and -_LARGEST_SHOWN < value < _LARGEST_SHOWN  # type: ignore[operator] # a number


def _text(show: Callable[[object], str], value: object) -> str:
    try:
        text = show(value)
    except Exception as error:  # noqa: BLE001 - it is the user's, and may raise anything
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _TEXT_LIMIT else f"{text[:_TEXT_LIMIT]}…"


def forget_warnings() -> None:
    """
    Forget what was logged, so that it is logged once more.
    """
    _warned.clear()


@contextmanager
def fresh_warnings() -> Iterator[None]:
    """
    Log everything once more within the block, and remember after it what was logged before.
    """
    global _warned  # noqa: PLW0603 - as a whole, so that no other thread sees half of it
    before, _warned = _warned, {}
    try:
        yield
    finally:
        _warned = before


def never_raise(function: Callable[P, R]) -> Callable[P, R | None]:
    """
    *function*, except that an exception in it is logged once and gives None.

    A call with other arguments than it takes still raises a TypeError, as any function's.
    """
    is_python = inspect.isfunction(function)

    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            if is_python and isinstance(error, TypeError) and _was_not_entered(error):
                raise
            name = function.__qualname__
            warn_once(f"{name}:{type(error).__name__}", "droidscope could not do %s: %r", name, error)
            return None

    return guarded


def _was_not_entered(error: TypeError) -> bool:
    """
    Whether the call itself raised *error*, not the body of what was called.
    """
    return error.__traceback__ is not None and error.__traceback__.tb_next is None
