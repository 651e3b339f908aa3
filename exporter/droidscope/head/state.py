"""
What the head remembers of one session, while it runs and for a while after it ended.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sized
from operator import itemgetter
from typing import Final

from msgspec import Struct, field

from droidscope.conventions.attributes import Outcome
from droidscope.model.records import Output, Usage

SESSION_WEIGHT: Final = 4

SessionKey = tuple[tuple[str, ...], str]
"""
An orchestrator's label values and a session id.
"""


Interval = tuple[int, int]
"""
Start and end, Unix nanoseconds.
"""


class TaskState(Struct):
    """
    A task that has not ended, or whose attempts may still arrive.

    *tried* is when each of its ended attempts ran, by span id, the newest ones; *last_attempt* is the highest
    attempt number of which an output came; *counted_as_attempt* is set once the ended task itself
    counted as its only attempt. *output* is what is known so far, once it has ended what was
    counted; *declared_usage* says that it gave its usage itself.
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
    tried: dict[str, Interval] = field(default_factory=dict)
    last_attempt: int = 0
    output: Output | None = None
    usages: list[Usage] = field(default_factory=list)


class Run(Struct, frozen=True, array_like=True):
    """
    One run of a phase that has ended.
    """

    start_ns: int
    end_ns: int
    outcome: Outcome


class PhaseState(Struct):
    """
    A phase; *interval* is known once it ended, *waits* is when queries waited inside it: disjoint
    intervals in order. *failure* is the best reason so far why it may fail: rank, Unix time, reason.

    *runs* are those that have ended, the first ones; *start_ns* is when the latest began, 0 where that
    is not known. *quality* is the sum and number of the code quality scores of its tasks.
    """

    blocked: bool = False
    running: bool = True
    start_ns: int = 0
    runs: list[Run] = field(default_factory=list)
    planned_ns: int | None = None
    depends_on: tuple[str, ...] = ()
    droids: set[str] = field(default_factory=set)
    conflicts: int = 0
    quality: tuple[float, int] = (0.0, 0)
    interval: Interval | None = None
    waits: list[tuple[int, int]] = field(default_factory=list)
    waited_ns: int = 0
    failure: tuple[int, int, str] = (0, 0, "")


class SessionState(Struct):
    """
    A session. Clock times are the exporter's uptime, the others Unix time, all in nanoseconds.

    *outcome* is None while it runs. *span_id* is that of the session's own span, "" until it is
    known. *close_clock* is when its last derived facts are due, None once they are done; *tallied*
    are those facts as (droid, messages sent), so that a late record can replace them. *digest_clock*
    and *digested* are the same for the facts of its digest: end, key and amount of each. *whole* is
    False where its first records were forgotten. *blamed* is the failure it counts as by itself, once
    it does: Unix time and reason.
    *queued_clock* is when the session is looked at next. *extent* is how much is held inside its
    tasks and phases, *weight* what it counted as when it was last weighed.
    """

    orchestrator: tuple[str, ...]
    id: str
    own: bool
    pattern: str
    start_ns: int
    first_clock: int
    last_clock: int
    moved_clock: int
    trace_id: str = ""
    span_id: str = ""
    alive_seen: bool = False
    outcome: Outcome | None = None
    error_type: str = ""
    end_ns: int = 0
    end_clock: int = 0
    close_clock: int | None = None
    digest_clock: int | None = None
    digested: list[tuple[int, tuple[str, ...], int]] = field(default_factory=list)
    whole: bool = True
    blamed: tuple[int, str] | None = None
    queued_clock: int | None = None
    phase: str = ""
    phases: dict[str, PhaseState] = field(default_factory=dict)
    tasks: dict[str, TaskState] = field(default_factory=dict)
    droids: set[str] = field(default_factory=set)
    tasks_completed: int = 0
    tasks_failed: int = 0
    sent: dict[str, int] = field(default_factory=dict)
    tallied: list[tuple[str, int]] = field(default_factory=list)
    conflicts: set[str] = field(default_factory=set)
    attempts: dict[str, str] = field(default_factory=dict)
    failed_phases: int = 0
    plan: tuple[str, ...] = ()
    finished_phases: set[str] = field(default_factory=set)
    progress: float | None = None
    extent: int = 0
    weight: int = 0

    @property
    def key(self) -> SessionKey:
        """
        What identifies it.
        """
        return self.orchestrator, self.id

    @property
    def running(self) -> bool:
        """
        Whether it has neither ended nor been declared lost.
        """
        return self.outcome is None

    @property
    def size(self) -> int:
        """
        How many things it holds, itself counted as `SESSION_WEIGHT` of them.
        """
        parts: tuple[Sized, ...] = (
            self.phases,
            self.tasks,
            self.droids,
            self.sent,
            self.conflicts,
            self.attempts,
            self.digested,
        )
        return SESSION_WEIGHT + self.extent + sum(map(len, parts))


class Gone(Struct, frozen=True):
    """
    What is kept of a session that was forgotten, so that a straggler does not open it anew.
    """

    pattern: str
    outcome: Outcome
    span_id: str
    end_ns: int


def add_interval(intervals: list[tuple[int, int]], low: int, high: int) -> None:
    """
    Add [low, high) to disjoint intervals in order; it is joined with those it overlaps or touches.
    """
    first = bisect_left(intervals, low, key=itemgetter(1))
    last = bisect_right(intervals, high, key=itemgetter(0))
    if first < last:
        low, high = min(low, intervals[first][0]), max(high, intervals[last - 1][1])
    intervals[first:last] = [(low, high)]


def covered_ns(intervals: Iterable[tuple[int, int]], within: tuple[int, int]) -> int:
    """
    Nanoseconds of *within* that disjoint intervals cover; half-open.
    """
    start, end = within
    return sum(max(0, min(high, end) - max(low, start)) for low, high in intervals)
