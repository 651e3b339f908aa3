"""
Reads typed values out of attributes; what does not fit is left out and reported, never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import repeat
from math import isfinite
from typing import Final

from droidscope.conventions.attributes import USER_ATTRIBUTE
from droidscope.model.otlp import Attributes
from droidscope.model.records import UserAttribute, UserAttributes
from droidscope.units import SECOND_NS

SCORE_MAXIMUM: Final = 100.0
LARGEST: Final = 10**10
"""
The largest amount that is accepted; more tokens, dollars or seconds are an error of the sender.
"""
NAME_LENGTH: Final = 256
"""
Characters kept of a name or an id.
"""
LIST_LENGTH: Final = 1_000
"""
Items kept of a list of names.
"""
USER_ATTRIBUTES_LIMIT: Final = 32
"""
Attributes of the user that are kept of a span, the first by their keys.
"""


class AttributeReader:
    """
    Reads one item's attributes; *invalid_values* collects a sentence for each value that does not fit.
    """

    __slots__ = ("_attributes", "invalid_values")

    def __init__(self, attributes: Attributes) -> None:
        self._attributes = attributes
        self.invalid_values: list[str] = []

    def _add_invalid(self, key: str, value: object, expected: str) -> None:
        self.invalid_values.append(f"{key} is {value!r:.80}; expected {expected}")

    def has_any(self, keys: AbstractSet[str]) -> bool:
        """
        Whether an attribute under one of *keys* is given.
        """
        return not keys.isdisjoint(self._attributes)

    def text(self, key: str) -> str:
        """
        A string, "" where absent.
        """
        value = self._attributes.get(key)
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        self._add_invalid(key, value, "a string")
        return ""

    def name(self, key: str) -> str:
        """
        A name or an id, cut to `NAME_LENGTH` characters; "" where absent.
        """
        value = self._attributes.get(key)
        if value is None:
            return ""
        return value[:NAME_LENGTH] if isinstance(value, str) else self.text(key)

    def each_name(self, keys: Sequence[str]) -> list[str]:
        """
        `name` of each of *keys*, in their order.
        """
        values = list(map(self._attributes.get, keys, repeat("")))
        try:
            if len("".join(values)) <= NAME_LENGTH:  # as of nearly every item: then each is
                return values
        except TypeError:  # one is no string
            pass
        return [self.name(key) for key in keys]

    def names(self, key: str) -> tuple[str, ...]:
        """
        A list of names, at most `LIST_LENGTH` of them; empty where absent.
        """
        value = self._attributes.get(key)
        if value is None:
            return ()
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(item[:NAME_LENGTH] for item in value[:LIST_LENGTH])
        self._add_invalid(key, value, "an array of strings")
        return ()

    def user_attributes(self) -> UserAttributes:
        """
        The attributes under the user's prefix, without it; keys and texts are cut like names. What is neither
        text nor a boolean nor a number becomes text.
        """
        given = [key for key in self._attributes if key.startswith(USER_ATTRIBUTE)]
        if not given:  # as of nearly every span
            return ()
        given.sort()
        start = len(USER_ATTRIBUTE)
        return tuple(
            (key[start:][:NAME_LENGTH], _scalar(self._attributes[key]))
            for key in given[:USER_ATTRIBUTES_LIMIT]
        )

    def flag(self, key: str) -> bool | None:
        """
        A boolean, None where absent.
        """
        value = self._attributes.get(key)
        if value is None or isinstance(value, bool):
            return value
        self._add_invalid(key, value, "a boolean")
        return None

    def count(self, key: str) -> int | None:
        """
        A whole number from 0 to 1e10, None where absent.
        """
        value = self._attributes.get(key)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST:
            return value
        self._add_invalid(key, value, f"a whole number from 0 to {float(LARGEST):g}")
        return None

    def number(self, key: str, maximum: float = LARGEST) -> float | None:
        """
        A number from 0 to *maximum*, None where absent.
        """
        value = self._attributes.get(key)
        if value is None:
            return None
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= maximum:
            return float(value)
        self._add_invalid(key, value, f"a number from 0 to {float(maximum):g}")
        return None

    def score(self, key: str) -> float | None:
        """
        A score 0..100, None where absent.
        """
        return self.number(key, SCORE_MAXIMUM)

    def duration_ns(self, key: str) -> int | None:
        """
        Nanoseconds from an attribute in seconds, None where absent.
        """
        seconds = self.number(key)
        return None if seconds is None else round(seconds * SECOND_NS)


def _scalar(value: object) -> UserAttribute:
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    return value if isinstance(value, (bool, int)) else str(value)[:NAME_LENGTH]
