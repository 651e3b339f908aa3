"""
What exceptions say, as attributes that cost no batch: cut, and free of what UTF-8 cannot have.
"""

from __future__ import annotations

from traceback import format_exception
from typing import Final

LIMIT: Final = 4096
"""
Characters of a message, and of a stack trace, that are kept.
"""

_FAMILIAR: Final = frozenset({"builtins", "asyncio.exceptions"})


def error_type(error: BaseException) -> str:
    """
    The class of *error* for `error.type`, qualified by its module unless it is a built-in.
    """
    kind = type(error)
    try:
        name = kind.__qualname__
        return clean(name if kind.__module__ in _FAMILIAR else f"{kind.__module__}.{name}")
    except Exception:  # noqa: BLE001 - a class of the user may raise wherever it is looked at
        return "unknown"


def message(error: BaseException) -> str:
    """
    The text of *error*, its end cut off; where that cannot be had, what happened instead.
    """
    try:
        text = str(error)
    except BaseException as fault:  # noqa: BLE001 - the user's code, which raises what it likes
        text = f"<the text of this exception raised {type(fault).__name__}>"
    return clean(text if len(text) <= LIMIT else f"{text[: LIMIT - 1]}…")


def stack_trace(error: BaseException) -> str:
    """
    The stack trace of *error*, its middle cut out: the outermost call, and what raised.
    """
    try:
        text = "".join(format_exception(error))
    except BaseException as fault:  # noqa: BLE001 - as above
        text = f"<the stack trace of this exception raised {type(fault).__name__}>"
    if len(text) > LIMIT:
        head = LIMIT // 4
        text = f"{text[:head]}\n…\n{text[len(text) - (LIMIT - head) :]}"
    return clean(text)


def exception_attributes(error: BaseException) -> dict[str, str]:
    """
    The attributes of the span event `exception`.
    """
    return {
        "exception.type": error_type(error),
        "exception.message": message(error),
        "exception.stacktrace": stack_trace(error),
    }


def clean(text: str) -> str:
    """
    *text* with a question mark for each character that UTF-8 cannot have: lone surrogates.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text
