"""
What counts as a failed or a cancelled result, and what does not.
"""

import asyncio
import concurrent.futures
import enum
from collections import UserDict
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import NamedTuple

import pydantic
import pytest

import droidscope as ds


class Status(enum.Enum):
    DONE = 1
    FAILED = 2
    CANCELED = "canceled"


class Word(enum.StrEnum):
    ERROR = "error"


@dataclass
class Result:
    success: bool


class Answer(pydantic.BaseModel):
    status: Status


class Odd:
    @property
    def ok(self):
        raise RuntimeError

    @property
    def state(self):
        return "failed"


class Pair(NamedTuple):
    ok: bool
    value: int


FALSE_OF_NUMPY = type("bool_", (), {"__bool__": lambda _: False, "__module__": "numpy"})()


@pytest.mark.parametrize(
    "result",
    [
        False,
        FALSE_OF_NUMPY,
        {"success": FALSE_OF_NUMPY},
        {"success": False},
        {"success": False, "status": "done"},
        {"success": True, "status": "error"},
        {"succeeded": False},
        {"ok": False},
        {"failed": True},
        {"isError": True},
        {"status": "failed"},
        {"status": "Timed-Out"},
        {"state": " ERROR "},
        {"outcome": "failure"},
        {"status": Status.FAILED},
        {"status": Word.ERROR},
        MappingProxyType({"ok": False}),
        UserDict({"ok": False}),
        Result(success=False),
        Answer(status=Status.FAILED),
        Pair(ok=False, value=3),
        SimpleNamespace(is_error=True),
        Odd(),
        Status.FAILED,
        Word.ERROR,
        ValueError("returned"),
    ],
    ids=repr,
)
def test_a_result_that_clearly_failed_is_failed(result):
    """
    By a field of its own, or by what it is.
    """
    assert ds.outcome_of(result) == "failed"


@pytest.mark.parametrize(
    "result",
    [
        {"status": "cancelled"},
        {"success": False, "status": "canceled"},
        Answer(status=Status.CANCELED),
        Status.CANCELED,
        asyncio.CancelledError(),
        concurrent.futures.CancelledError(),
    ],
    ids=repr,
)
def test_a_result_that_clearly_was_cancelled_is_cancelled(result):
    """
    Even where it says that it did not succeed.
    """
    assert ds.outcome_of(result) == "cancelled"


class Methods:
    def ok(self):
        return False

    def failed(self):
        return True


@pytest.mark.parametrize(
    "result",
    [
        None,
        True,
        0,
        "",
        "failed",
        b"error",
        [],
        {},
        [False],
        (False, "value"),
        {"success": True},
        {"success": None},
        {"success": 0},
        {"success": "false"},
        {"failed": False},
        {"failed": 3},
        {"error": "none to speak of"},
        {"status": 500},
        {"status": "partial"},
        {"status": "in_progress"},
        {"state": {"failed": True}},
        {"result": {"success": False}},
        Result(success=True),
        Answer(status=Status.DONE),
        Methods(),
        Result,
        Status.DONE,
    ],
    ids=repr,
)
def test_what_is_not_clearly_a_verdict_is_completed(result):
    """
    A text is content, a number may be anything, and so may the first of a pair.
    """
    assert ds.outcome_of(result) == "completed"
