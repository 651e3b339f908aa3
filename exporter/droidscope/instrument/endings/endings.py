"""
How a block ended, by the exception that left it.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import Final


class Ending(Enum):
    """
    How a block ended.
    """

    BY_ITSELF = "by itself"
    CANCELLED = "cancelled"
    FAILED = "failed"


_Name = tuple[str, str]

_CANCELLATIONS: Final[frozenset[_Name]] = frozenset(
    {
        ("builtins", "KeyboardInterrupt"),
        ("asyncio", "CancelledError"),
        ("concurrent", "CancelledError"),
        ("trio", "Cancelled"),
        ("greenlet", "GreenletExit"),
        ("celery", "Ignore"),
        ("celery", "TaskRevokedError"),
        ("langgraph", "GraphInterrupt"),
    }
)
"""
Exceptions, by the package and the name of their class, that say nobody wants the result any more.

By name, since not one of these packages is imported for it.
"""
_ORDERLY: Final[frozenset[_Name]] = frozenset({("builtins", "GeneratorExit"), ("langgraph", "ParentCommand")})
"""
Exceptions that leave a block whose work is done.
"""
_RETRIES: Final[frozenset[_Name]] = frozenset(
    {
        ("celery", "Retry"),
        ("rq", "Retry"),
        ("dramatiq", "Retry"),
        ("arq", "Retry"),
        ("arq", "RetryJob"),
        ("huey", "RetryTask"),
        ("procrastinate", "JobRetry"),
    }
)
_REJECTIONS: Final[frozenset[_Name]] = frozenset({("celery", "Reject")})


def ending_of(error: BaseException | None) -> Ending:
    """
    How a block ended that *error* has left, None if nothing was raised.

    The end of a generator that is closed early, and an exit with status 0, are ends by themselves. A group
    is cancelled if none in it has failed.
    """
    if error is None:
        return Ending.BY_ITSELF
    try:
        return _ending_of(error)
    except Exception:  # noqa: BLE001 - classes of the user may raise wherever they are looked at
        return Ending.FAILED


def _ending_of(error: BaseException) -> Ending:
    if isinstance(error, SystemExit):
        return Ending.BY_ITSELF if _is_success(error.code) else Ending.FAILED
    if isinstance(error, BaseExceptionGroup):
        endings = {_ending_of(each) for each in error.exceptions}
        return Ending.FAILED if Ending.FAILED in endings else Ending.CANCELLED
    if _is_any(error, _CANCELLATIONS):
        return Ending.CANCELLED
    return Ending.BY_ITSELF if _is_any(error, _ORDERLY) else Ending.FAILED


def asks_for_retry(answer: object) -> bool:
    """
    Whether *answer*, an exception or what a function returned, has its queue deliver the task again.
    """
    if _is_any(answer, _REJECTIONS):
        return not is_rejection(answer)
    return _is_any(answer, _RETRIES)


def is_rejection(answer: object) -> bool:
    """
    Whether *answer* has its queue give the task up, whatever number of deliveries is left.
    """
    return _is_any(answer, _REJECTIONS) and not getattr(answer, "requeue", False)


def cause_of(error: BaseException | None) -> BaseException | None:
    """
    The exception for which *error* asks for another delivery, else *error* itself.
    """
    if error is None or not asks_for_retry(error):
        return error
    causes = (getattr(error, name, None) for name in ("exc", "reason"))
    return next((cause for cause in causes if isinstance(cause, BaseException)), error)


def _is_success(code: object) -> bool:
    """
    Whether the process exits with status 0 by *code*; another object than a number is printed, status 1.
    """
    return code is None or (isinstance(code, int) and code == 0)


def _is_any(instance: object, classes: Collection[_Name]) -> bool:
    """
    Whether *instance* is of one of *classes*, or of a class derived from one.
    """
    return any(
        (str(kind.__module__).partition(".")[0], kind.__name__) in classes for kind in type(instance).__mro__
    )
