"""
What users name and raise, made fit for the wire: cut, valid UTF-8, and never an exception.

A single value that cannot be encoded would cost the whole batch it is sent with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from droidscope.instrument.never_raise import warn_once

TEXT_LIMIT: Final = 4096
"""
The longest text that is sent unless a user sets another limit, in characters.
"""

SMALLEST: Final = -(2**63)
GREATEST: Final = 2**63 - 1
"""
The bounds of whole numbers on the wire.
"""

AttributeValue = str | bool | int | float | tuple[str, ...]

_ITEMS_LIMIT: Final = 1000
_CUT: Final = "…"


@dataclass(frozen=True)
class TextSettings:
    """
    How long texts may be, in characters, and what is sent of an exception besides its type.
    """

    limit: int = TEXT_LIMIT
    messages: bool = True
    stack_traces: bool = True


def clean_text(text: str, limit: int = TEXT_LIMIT) -> str:
    """
    *text*, cut to *limit* characters, with U+FFFD in place of what is no Unicode text.
    """
    if len(text) > limit:
        text = text[: max(limit - 1, 0)] + _CUT
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def clean_texts(texts: Mapping[str, str], limit: int = TEXT_LIMIT) -> Mapping[str, str]:
    """
    *texts* themselves if all are clean, else a copy that is.
    """
    joined = "".join(texts.values())
    if len(joined) <= limit and joined.isascii():
        return texts
    return {name: clean_text(text, limit) for name, text in texts.items()}


def clean_values(values: Mapping[str, object], limit: int = TEXT_LIMIT) -> dict[str, AttributeValue]:
    """
    *values* as attributes: texts cut and clean, whole numbers of 64 bits; what is neither is left out.
    """
    cleaned: dict[str, AttributeValue] = {}
    for name, value in values.items():
        kind = type(value)
        if kind is str:
            text: str = value  # type: ignore[assignment] # its type was compared
            cleaned[name] = text if len(text) <= limit and text.isascii() else clean_text(text, limit)
        elif kind is bool or kind is float:
            cleaned[name] = value  # type: ignore[assignment] # as above
        else:
            other = _clean_other(name, value, limit)
            if other is not None:
                cleaned[name] = other
    if not "".join(cleaned).isascii():
        return {clean_text(name, limit): value for name, value in cleaned.items()}
    return cleaned


def _clean_other(name: str, value: object, limit: int) -> AttributeValue | None:
    if isinstance(value, int):
        if SMALLEST <= value <= GREATEST:
            return int(value)
        warn_once(f"attribute:{name}", "%s has more than 64 bits; it is dropped", name)
    elif isinstance(value, str):
        return clean_text(str.__str__(value), limit)  # an enumeration's own `__str__` may be another
    elif isinstance(value, float):
        return float(value)
    elif isinstance(value, tuple | list):
        return tuple(_clean_items(value, limit))
    elif value is not None:
        warn_once(f"attribute:{name}", "%s is a %s; it is dropped", name, type(value).__name__)
    return None


def _clean_items(items: Iterable[object], limit: int) -> Iterable[str]:
    for item, _ in zip(items, range(_ITEMS_LIMIT), strict=False):
        yield clean_text(item if isinstance(item, str) else safe_str(item), limit)


def safe_str(value: object) -> str:
    """
    `str(value)`, or a text with its class where that raises.
    """
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - the value is the user's
        return f"<{type(value).__qualname__} without a text>"
