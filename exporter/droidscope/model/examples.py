"""
Example sessions: those that show an insight best, so that its reader can look at one.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class ExampleKind(StrEnum):
    """
    What a session is an example of; the labels after it in the key are in the comments.
    """

    SLOW_PHASE = "slow_phase"  # pattern, phase
    SLOW_TASK = "slow_task"  # droid
    FAILURE = "failure"  # pattern, phase, reason
    FAILED_TASK = "failed_task"  # pattern, task_type, droid
    WAIT = "wait"  # pattern, phase
    QUERY = "query"  # droid
    MESSAGES = "messages"  # droid
    SYNTHESIS = "synthesis"  # pattern
    IDLE = "idle"  # pattern
    FASTEST = "fastest"  # pattern


class ExampleSession(Struct, frozen=True, array_like=True):
    """
    A session; *weight* is how well it shows what it is an example of, *time_ns* when it did, Unix.
    """

    session: str
    trace_id: str
    time_ns: int
    weight: float
