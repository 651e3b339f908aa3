"""
Attributes that users give to sessions and tasks: few, short and scalar. They never become labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from droidscope.conventions.attributes import USER_ATTRIBUTE
from droidscope.instrument.checks.values import count_dropped
from droidscope.instrument.emission.texts import clean_text
from droidscope.instrument.instrumented_span import WithOutcome
from droidscope.instrument.never_raise import never_raise, warn_once

Scalar = str | bool | int | float
_Given = Mapping[str, Scalar] | tuple[tuple[str, Scalar]]
"""
By key; the one of a single pair may be what cannot be a key at all.
"""

LIMIT: Final = 32
KEY_LIMIT: Final = 64
VALUE_LIMIT: Final = 256
_INT64: Final = 1 << 63


class _Accepted:
    """
    The attributes of one span by name, at most `LIMIT`; a key that is given again replaces its value.
    """

    def __init__(self) -> None:
        self.values: dict[str, Scalar] = {}

    @never_raise
    def add(self, given: _Given) -> None:
        """
        Add what fits of *given*; the rest is dropped, with a warning once a fault.
        """
        if not isinstance(given, Mapping | tuple):
            count_dropped("invalid")
            warn_once("attributes", "attributes is %.80r; expected a mapping; dropped", given)
            return
        for key, value in given.items() if isinstance(given, Mapping) else given:
            fault = _fault(key, value) or self._excess(key)
            if fault:
                count_dropped("invalid")
                warn_once(f"attributes:{fault}", "attribute %.80r is dropped: %s", key, fault)
                continue
            self.values[USER_ATTRIBUTE + clean_text(key)] = (
                clean_text(value) if isinstance(value, str) else value
            )

    def _excess(self, key: str) -> str:
        is_new = USER_ATTRIBUTE + clean_text(key) not in self.values
        return f"there are {LIMIT} already" if is_new and len(self.values) >= LIMIT else ""


def _fault(key: object, value: object) -> str:
    if not isinstance(key, str) or not 0 < len(key) <= KEY_LIMIT:
        return f"its key must be text of 1 to {KEY_LIMIT} characters"
    if isinstance(value, str):
        return "" if len(value) <= VALUE_LIMIT else f"its text is longer than {VALUE_LIMIT} characters"
    if isinstance(value, int):
        return "" if -_INT64 <= value < _INT64 else "its number has more than 64 bits"
    if isinstance(value, float):
        return "" if math.isfinite(value) else "its number is not finite"
    return "its value must be text, a boolean or a number"


class WithAttributes(WithOutcome):
    """
    A session or a task: the user may give it attributes of their own.
    """

    _given_attributes: Mapping[str, Scalar] | None = None
    _accepted: _Accepted | None = None

    def set_attribute(self, key: str, value: Scalar) -> None:
        """
        Set the attribute *key* of the user: text of at most 256 characters, a boolean or a finite number.

        A span has at most 32, with keys of at most 64 characters; what does not fit is logged and dropped.
        """
        self._set(((key, value),))

    def set_attributes(self, attributes: Mapping[str, Scalar]) -> None:
        """
        Set several attributes, as `set_attribute` does each.
        """
        self._set(attributes)

    @never_raise
    def _set(self, attributes: _Given) -> None:
        if self.recording and not self._is_over("set_attributes()"):
            for name, value in self._accept(attributes).items():
                self.span.set_attribute(name, value)

    def _user_values(self) -> Mapping[str, Scalar]:
        """
        All that the user gave and that fits, by attribute name.
        """
        if self._given_attributes is not None:
            given, self._given_attributes = self._given_attributes, None
            return self._accept(given)
        return {} if self._accepted is None else self._accepted.values

    def _accept(self, given: _Given) -> Mapping[str, Scalar]:
        if self._accepted is None:
            self._accepted = _Accepted()
        self._accepted.add(given)
        return self._accepted.values
