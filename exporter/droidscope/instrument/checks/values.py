"""
Checks of what users give: what is no value of its kind is logged, counted and left out, and never raises.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from numbers import Integral, Real
from typing import Final, Literal, TypeGuard, TypeVar
from uuid import UUID

from droidscope.conventions import attributes as names
from droidscope.instrument import providers
from droidscope.instrument.checks.decorated import is_decorated
from droidscope.instrument.emission.texts import TEXT_LIMIT, clean_text
from droidscope.instrument.never_raise import Shown, warn_once

LARGEST: Final = 2**63 - 1
"""
The largest whole number that OTLP can carry.
"""
LONGEST: Final = 1000
"""
How many ids are read from an iterable: it may have no end.
"""
_MOST_DIGITS: Final = 19
UNKNOWN: Final = "unknown"
SeverityWord = names.Severity | Literal["critical", "high", "medium", "low"]
SEVERITIES: Final = tuple(severity.value for severity in names.Severity)

_BOOLEANS: Final = ("bool_", "bool")  # since version 2 it is the latter

N = TypeVar("N", int, float)


def count_dropped(reason: str) -> None:
    """
    Count a value that was left out for *reason*.
    """
    emitter = providers.current()
    if emitter is not None:
        emitter.counters.add(names.CLIENT_DROPPED, {names.DROP_REASON: reason})


def refuse(name: str, value: object, expected: str, reason: str = "invalid") -> None:
    """
    Count that *value* was left out for *reason*, and log it the first time under *name*.
    """
    count_dropped(reason)
    warn_once(f"drop:{name}:{reason}", "%s is %r; expected %s; dropped", name, value, expected)


class Names:
    """
    Checks the names that one call of *function* gives: they become labels, so they have to be text.

    What is wrong with them is *fault*: a TypeError where a function is decorated. In a block it is logged,
    and the record is kept under a name that stands in.
    """

    __slots__ = ("_form", "fault", "function")

    def __init__(self, function: str, form: str) -> None:
        self.function = function
        self._form = form
        self.fault: str | None = None

    def required(self, argument: str, value: object) -> str:
        """
        *value* as text that is not empty.

        Raises:
            TypeError: If it is a function or class: the parentheses were forgotten.
        """
        if type(value) is str and value.isascii() and len(value) <= TEXT_LIMIT and _has_letters(value):
            return value
        if _has_letters(value):
            return _clean(value)
        if is_decorated(value):
            msg = f"{self.function}({argument}) is {Shown(value)!r}: write @droidscope.{self._form}"
            raise TypeError(msg)
        self._refuse(argument, value, "text that is not empty")
        return _stand_in(value)

    def optional(self, argument: str, value: object) -> str:
        """
        *value* as text, empty if it is not given.
        """
        if value is None:
            return ""
        if isinstance(value, str) and (not value or _has_letters(value)):
            return _clean(value)
        self._refuse(argument, value, "text")
        return ""

    def _refuse(self, argument: str, value: object, expected: str) -> None:
        name = f"{self.function}({argument})"
        self.fault = f"{name} is {Shown(value)!r}; expected {expected}: write @droidscope.{self._form}"
        refuse(name, value, expected)


def text(name: str, value: object) -> str | None:
    """
    *value* if it is text, without halves of surrogate pairs; None where it is None, empty or no text.
    """
    if value is None or (isinstance(value, str) and not value):
        return None
    if _has_letters(value):
        return _clean(value)
    refuse(name, value, "text")
    return None


def needed(name: str, value: object) -> str:
    """
    *value* as `text`; something that stands in where that is None.
    """
    if _has_letters(value):
        return _clean(value)
    refuse(name, value, "text that is not empty")
    return _stand_in(value)


def identifier(name: str, value: object) -> str | None:
    """
    *value* as an id, which may be a number or UUID; None where it is None, empty or anything else.
    """
    if value is None:
        return None
    if isinstance(value, str | int | UUID) and not isinstance(value, bool):
        given = _clean(value) if isinstance(value, str) else str(Shown(value))
        if _has_letters(given):
            return given
    refuse(name, value, "text that is not empty")
    return None


def needed_id(name: str, value: object) -> str | None:
    """
    *value* as `identifier`, where it has to be given: None is refused, too.
    """
    return identifier(name, "" if value is None else value)


def texts(name: str, value: object) -> tuple[str, ...] | None:
    """
    The ids in *value*, for use in more than one call; a single one may stand for itself.

    None where it is None or no iterable; what is no text in it is left out.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return (_clean(value),)
    if not isinstance(value, Iterable) or isinstance(value, bytes):
        refuse(name, value, "several texts")
        return None
    try:
        several = [needed_id(name, each) for each in islice(value, LONGEST)]
    except Exception as error:  # noqa: BLE001 - a generator of the user's may raise anything
        refuse(name, error, "several texts")
        return None
    return tuple(each for each in several if each is not None)


def word(name: str, value: object, words: Collection[str], *, is_needed: bool = False) -> str | None:
    """
    *value* if it is one of *words*; None where it is None (which is refused if *is_needed*) or another.
    """
    if value is None and not is_needed:
        return None
    if isinstance(value, str) and value in words:
        return _clean(value)
    refuse(name, value, f"one of {', '.join(words)}")
    return None


def whole(name: str, value: object, least: int = 0) -> int | None:
    """
    *value* as a whole number from *least* that OTLP can carry; None where it is None or anything else.
    """
    if value is None:
        return None
    number = _converted(value, Integral, int)
    if number is not None and least <= number <= LARGEST:
        return number
    refuse(name, value, f"a whole number from {least}")
    return None


def whole_or_digits(name: str, value: object, least: int = 0) -> int | None:
    """
    *value* as `whole`; queues give their numbers as text, so digits are one as well.
    """
    is_number = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS
    return whole(name, int(str(value)) if is_number else value, least)


def real(name: str, value: object) -> float | None:
    """
    *value* as a finite number from 0; None where it is None or anything else.
    """
    if value is None:
        return None
    number = as_number(value)
    if number is not None and number >= 0:
        return number
    refuse(name, value, "a number from 0")
    return None


def duration(name: str, value: object) -> float | None:
    """
    *value* in seconds from 0; None where it is None or anything else.
    """
    if isinstance(value, timedelta):
        return real(name, value.total_seconds())
    number = as_number(value)
    if number is not None and number >= 0:
        return number
    if value is not None:
        refuse(name, value, "seconds from 0, or a timedelta")
    return None


def truth(value: object) -> bool | None:
    """
    *value* if it is True or False, also of numpy, as comparisons of arrays and pandas return it; else None.
    """
    if isinstance(value, bool):
        return value
    kind = type(value)
    if kind.__name__ in _BOOLEANS and str(kind.__module__).partition(".")[0] == "numpy":
        return bool(value)
    return None


def flag(name: str, value: object) -> bool | None:
    """
    *value* if it is a `truth`; None where it is None or anything else.
    """
    known = truth(value)
    if known is None and value is not None:
        refuse(name, value, "True or False")
    return known


def as_number(value: object) -> float | None:
    """
    *value* as a finite float, None if it is no number; True and False are none.
    """
    number = _converted(value, (Real, Decimal), float)
    return number if number is not None and math.isfinite(number) else None


def _converted(value: object, kinds: type | tuple[type, ...], convert: type[N]) -> N | None:
    if isinstance(value, bool) or not isinstance(value, kinds):
        return None
    try:
        return convert(value)  # type: ignore[call-overload, arg-type, no-any-return, unused-ignore] # see *kinds*
    except Exception:  # noqa: BLE001 - too large, or a number of the user's own making
        return None


def _has_letters(value: object) -> TypeGuard[str]:
    """
    Whether *value* is text of which anything can be seen.
    """
    return isinstance(value, str) and bool(str.__str__(value).strip())


def _clean(value: str) -> str:
    """
    *value* as plain text that UTF-8 can carry, of whatever class it was.
    """
    return clean_text(str.__str__(value))


def _stand_in(value: object) -> str:
    if isinstance(value, Enum):
        value = value.value if isinstance(value.value, str | int) else value.name
    is_name = isinstance(value, str | int | UUID) and not isinstance(value, bool)
    name = str(Shown(value)) if is_name else ""
    return name if _has_letters(name) else UNKNOWN
