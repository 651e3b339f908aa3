"""
Whether a result says that the work failed or was cancelled, for results of common shapes.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError as FutureCancelledError
from enum import Enum
from typing import Final, Literal

from droidscope.conventions.attributes import Outcome
from droidscope.instrument.checks.values import truth

ResultOutcome = Literal["completed", "failed", "cancelled"]

SUCCESS_FIELDS: Final = ("success", "succeeded", "ok")
"""
Fields that are True where the work succeeded, and False where it failed.
"""

FAILURE_FIELDS: Final = ("failed", "is_error", "isError")
"""
Fields that are True where the work failed.
"""

WORD_FIELDS: Final = ("status", "state", "outcome")
"""
Fields that have a word.
"""

FAILURE_WORDS: Final = frozenset(
    {"fail", "failed", "failure", "error", "errored", "timeout", "timedout", "timed_out"}
)
CANCELLATION_WORDS: Final = frozenset({"cancelled", "canceled"})

_ABSENT: Final = object()


def outcome_of(result: object) -> ResultOutcome:
    """
    `failed` or `cancelled` where *result* clearly is that, else `completed`; it never raises.

    | result | outcome |
    | --- | --- |
    | False | failed |
    | an exception that is returned | failed; cancelled, if it is a CancelledError |
    | a field `success`, `succeeded` or `ok` that is False | failed |
    | a field `failed`, `is_error` or `isError` that is True | failed |
    | a field `status`, `state` or `outcome` with a word of failure or cancellation | as it says |
    | an enumeration's member whose value or name is such a word | as it says |
    | anything else: None, texts, numbers, lists, tuples, other words, a field `error` | completed |

    True and False may be those of numpy. A field is a key of a mapping, or an attribute: of a dataclass, a
    named tuple, a pydantic model.
    Words of failure are fail, failed, failure, error, errored, timeout, timed out; of cancellation
    cancelled, canceled; in any case, with hyphen, space or underscore. Where several fields speak,
    cancelled wins, then failed.
    """
    verdicts = set(_verdicts(result))
    if Outcome.CANCELLED in verdicts:
        return "cancelled"
    return "failed" if Outcome.FAILED in verdicts else "completed"


def _verdicts(result: object) -> Iterator[Outcome | None]:
    if truth(result) is False:
        yield Outcome.FAILED
    elif isinstance(result, CancelledError | FutureCancelledError):
        yield Outcome.CANCELLED
    elif isinstance(result, BaseException):
        yield Outcome.FAILED
    elif isinstance(result, Enum):
        yield _verdict_of_word(result)
    elif isinstance(result, Mapping) or not isinstance(result, str | bytes | int | float | list | type):
        yield from _verdicts_of_fields(result)


def _verdicts_of_fields(result: object) -> Iterator[Outcome | None]:
    if any(truth(_field(result, name)) is False for name in SUCCESS_FIELDS):
        yield Outcome.FAILED
    if any(truth(_field(result, name)) is True for name in FAILURE_FIELDS):
        yield Outcome.FAILED
    for name in WORD_FIELDS:
        yield _verdict_of_word(_field(result, name))


def _field(result: object, name: str) -> object:
    try:
        return result.get(name, _ABSENT) if isinstance(result, Mapping) else getattr(result, name, _ABSENT)
    except Exception:  # noqa: BLE001 - a property of the user's that cannot be read has no verdict
        return _ABSENT


def _verdict_of_word(word: object) -> Outcome | None:
    if isinstance(word, Enum):
        word = word.value if isinstance(word.value, str) else word.name
    if not isinstance(word, str):
        return None
    plain = word.strip().casefold().replace("-", "_").replace(" ", "_")
    if plain in CANCELLATION_WORDS:
        return Outcome.CANCELLED
    return Outcome.FAILED if plain in FAILURE_WORDS else None
