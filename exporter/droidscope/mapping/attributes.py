"""
Reads typed values out of attributes; what does not fit is left out and told, never guessed.
"""

from __future__ import annotations

import math
from typing import Final

from droidscope.model.otlp import Attributes

SECOND_NS: Final = 1_000_000_000
SCORE_MAXIMUM: Final = 100.0


class Reader:
    """
    Reads one item's attributes; *misfits* collects a sentence for each value that does not fit.
    """

    __slots__ = ("_attributes", "misfits")

    def __init__(self, attributes: Attributes) -> None:
        self._attributes = attributes
        self.misfits: list[str] = []

    def _misfit(self, key: str, value: object, expected: str) -> None:
        self.misfits.append(f"{key} is {value!r:.80}; expected {expected}")

    def text(self, key: str) -> str:
        """
        A string, "" where absent.
        """
        value = self._attributes.get(key)
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        self._misfit(key, value, "a string")
        return ""

    def texts(self, key: str) -> tuple[str, ...]:
        """
        A list of strings, empty where absent.
        """
        value = self._attributes.get(key)
        if value is None:
            return ()
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self._misfit(key, value, "an array of strings")
        return ()

    def flag(self, key: str) -> bool | None:
        """
        A boolean, None where absent.
        """
        value = self._attributes.get(key)
        if value is None or isinstance(value, bool):
            return value
        self._misfit(key, value, "a boolean")
        return None

    def count(self, key: str) -> int | None:
        """
        A whole number from 0 on, None where absent.
        """
        value = self._attributes.get(key)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        self._misfit(key, value, "a whole number from 0 on")
        return None

    def number(self, key: str, most: float = math.inf) -> float | None:
        """
        A finite number from 0 to *most*, None where absent.
        """
        value = self._attributes.get(key)
        if value is None:
            return None
        if (
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            and 0 <= value <= most
            and math.isfinite(value)
        ):
            return float(value)
        self._misfit(
            key, value, f"a number from 0 to {most:g}" if math.isfinite(most) else "a finite number from 0 on"
        )
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
