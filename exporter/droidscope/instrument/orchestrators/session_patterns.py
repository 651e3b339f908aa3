"""
The pattern of an orchestrator's session, from what its class gives as `analytics_pattern`.
"""

from __future__ import annotations

import inspect
from enum import Enum
from typing import Any

from droidscope.instrument.never_raise import never_raise, warn_once


async def awaited_pattern(owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:  # noqa: ANN401 - of the user
    """
    The pattern of a session that *owner*, an orchestrator or its class, begins with these arguments.
    """
    value = _given_pattern(owner, args, kwargs)
    if inspect.isawaitable(value):
        try:
            value = await value
        except Exception as error:  # noqa: BLE001 - a pattern is not worth the user's work
            warn_once("analytics_pattern", "analytics_pattern failed: %r", error)
            value = None
    return _text(value, _default(owner))


def pattern_now(owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:  # noqa: ANN401 - of the user
    """
    The same, where nothing can be awaited.
    """
    value = _given_pattern(owner, args, kwargs)
    if inspect.iscoroutine(value):
        value.close()
    return _text(value, _default(owner))


@never_raise
def _given_pattern(owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - of the user
    pattern = owner.analytics_pattern
    is_name = isinstance(pattern, type | str | Enum)
    return pattern(*args, **kwargs) if callable(pattern) and not is_name else pattern


def _default(owner: Any) -> str:  # noqa: ANN401 - an object, or a class
    return owner.__name__ if isinstance(owner, type) else type(owner).__name__


def _text(value: Any, default: str) -> str:  # noqa: ANN401 - of the user
    """
    *value* as a word; of what would be written with an address, its name.
    """
    if isinstance(value, Enum):
        value = value.value if isinstance(value.value, str) else value.name
    elif callable(value):
        value = getattr(value, "__name__", None) or type(value).__name__
    if value is not None and not isinstance(value, str):
        warn_once(
            f"analytics_pattern:{type(value).__qualname__}",
            "analytics_pattern is a %s; expected a text or an enumeration's member, and took %s",
            type(value).__qualname__, default,
        )  # fmt: skip
        return default
    return value if value and value.strip() else default
