"""
What exceptions say, as attributes that cost no batch: cut, and free of what UTF-8 cannot have.
"""

from __future__ import annotations

from traceback import format_exception, format_tb
from typing import Final

from droidscope.instrument.emission.texts import TextSettings, clean_text

_FAMILIAR: Final = frozenset({"builtins", "asyncio.exceptions"})
_NAME_LIMIT: Final = 256


def error_type(error: BaseException) -> str:
    """
    The class of *error* for `error.type`, qualified by its module unless it is a built-in.
    """
    kind = type(error)
    try:
        name = kind.__qualname__
        return clean_text(name if kind.__module__ in _FAMILIAR else f"{kind.__module__}.{name}", _NAME_LIMIT)
    except Exception:  # noqa: BLE001 - a class of the user may raise wherever it is looked at
        return "unknown"


def message(error: BaseException, settings: TextSettings) -> str | None:
    """
    The text of *error*, its end cut off; where that cannot be had, what happened instead; None if unwanted.
    """
    if not settings.messages:
        return None
    try:
        text = str(error)
    except BaseException as fault:  # noqa: BLE001 - the user's code, which raises what it likes
        text = f"<the text of this exception raised {type(fault).__name__}>"
    return clean_text(text, settings.limit)


def stack_trace(error: BaseException, settings: TextSettings) -> str | None:
    """
    The stack trace of *error*, its middle cut out: the outermost call, and what raised; None if unwanted.

    Where messages are unwanted it has none either.
    """
    if not settings.stack_traces:
        return None
    try:
        text = "".join(format_exception(error) if settings.messages else format_tb(error.__traceback__))
    except BaseException as fault:  # noqa: BLE001 - as above
        text = f"<the stack trace of this exception raised {type(fault).__name__}>"
    limit = settings.limit
    if len(text) > limit:
        head = limit // 4
        text = f"{text[:head]}\n…\n{text[len(text) - max(limit - head - 3, 0) :]}"
    return clean_text(text, limit)


def exception_attributes(error: BaseException, settings: TextSettings) -> dict[str, str]:
    """
    The attributes of the span event `exception`.
    """
    values = {
        "exception.type": error_type(error),
        "exception.message": message(error, settings),
        "exception.stacktrace": stack_trace(error, settings),
    }
    return {name: value for name, value in values.items() if value is not None}
