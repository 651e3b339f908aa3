"""
What the head remembers of one task of a session, until its attempts have arrived.
"""

from __future__ import annotations

from msgspec import Struct, field

from droidscope.model.records import Output, Task, Usage

AttemptLabels = tuple[str, str, str]
"""
Outcome, droid and type of task: what an attempt is counted by.
"""
CountedAttempt = tuple[AttemptLabels, int]
"""
An attempt and its end, Unix nanoseconds.
"""
AttemptOutput = tuple[int, int, str, Output]
"""
Number, end and span id of an attempt, and what it produced.
"""


class AttemptState(Struct, frozen=True, array_like=True):
    """
    An attempt that has ended, and the droid that made it.
    """

    start_ns: int
    end_ns: int
    droid: str


class TaskState(Struct):
    """
    A task that has not ended, or whose attempts may still arrive.

    *tried* are its ended attempts by span id, the newest ones. *own* are the attempts that it counted as
    itself, for want of attempt spans, and *unpaired* the attempts that are none of these. *held* is its end
    while attempts that it named have not arrived: what it produced and used waits for them. *outputs* are
    those of its attempts until then, *output* is what was counted. *usages* and *requests* are what its
    attempts and model requests have used and is not counted yet; *declared_usage* is set where it gave its
    usage itself, *usage_of_attempts* where one of them did; *delivered* where a delivery ended it, so that
    others that end it again count as attempts only. Of several tasks with one id, *start_ns* and *end_ns* are
    of the one that ended last. (The first version set *counted_as_attempt*, *last_attempt*.)
    """

    droid: str = ""
    task_type: str = ""
    phase: str = ""
    span_id: str = ""
    ended: bool = False
    start_ns: int = 0
    end_ns: int = 0
    declared_usage: bool = False
    counted_as_attempt: bool = False
    tried: dict[str, AttemptState] = field(default_factory=dict)
    last_attempt: int = 0
    output: Output | None = None
    usages: list[Usage] = field(default_factory=list)
    own: tuple[CountedAttempt, ...] = ()
    unpaired: tuple[AttemptLabels, ...] = ()
    held: Task | None = None
    outputs: tuple[AttemptOutput, ...] = ()
    requests: list[Usage] | None = None
    usage_of_attempts: bool = False
    delivered: bool = False
