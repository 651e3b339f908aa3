"""
What the head remembers of one session, while it runs and for a while after it ended.
"""

from __future__ import annotations

from msgspec import Struct, field

from droidscope.conventions.attributes import Outcome
from droidscope.model.records import Output, Usage

SessionKey = tuple[tuple[str, ...], str]
"""
An orchestrator's label values and a session id.
"""


class TaskState(Struct):
    """
    A task that has not ended, or whose attempts may still arrive.

    *last_attempt* is the highest attempt number of which an output came; *counted_as_attempt* is
    set once the ended task itself counted as its only attempt. *output* is what is known so far,
    once it has ended what was counted; *declared_usage* says that it gave its usage itself.
    """

    droid: str = ""
    span_id: str = ""
    ended: bool = False
    end_ns: int = 0
    declared_usage: bool = False
    counted_as_attempt: bool = False
    attempts: int = 0
    last_attempt: int = 0
    output: Output | None = None
    usages: list[Usage] = field(default_factory=list)


class PhaseState(Struct):
    """
    A phase; *interval* is known once it ended, *waits* are the queries that waited inside it.
    """

    start_ns: int
    blocked: bool = False
    running: bool = True
    interval: tuple[int, int] | None = None
    waits: list[tuple[int, int]] = field(default_factory=list)
    waited_ns: int = 0
    failure: str = ""


class SessionState(Struct):
    """
    A session. Clock times are the exporter's uptime, the others Unix time, all in nanoseconds.

    *outcome* is None while it runs. *close_clock* is when its last derived facts are due, None
    once they are done. *tallied* are those facts as (droid, messages sent), so that a late
    record can replace them.
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
    alive_seen: bool = False
    outcome: Outcome | None = None
    end_ns: int = 0
    end_clock: int = 0
    close_clock: int | None = None
    phase: str = ""
    phases: dict[str, PhaseState] = field(default_factory=dict)
    tasks: dict[str, TaskState] = field(default_factory=dict)
    droids: set[str] = field(default_factory=set)
    sent: dict[str, int] = field(default_factory=dict)
    tallied: list[tuple[str, int]] = field(default_factory=list)
    conflicts: set[str] = field(default_factory=set)
    attempts: dict[str, str] = field(default_factory=dict)
    failed_phases: int = 0
    plan: tuple[str, ...] = ()
    finished_phases: set[str] = field(default_factory=set)
    progress: float | None = None

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


class Gone(Struct, frozen=True):
    """
    What is kept of a session that was forgotten, so that a straggler does not open it anew.
    """

    pattern: str
    outcome: Outcome
    own: bool
    start_ns: int
    end_ns: int


def covered_ns(intervals: list[tuple[int, int]], within: tuple[int, int]) -> int:
    """
    Nanoseconds of *within* that at least one interval covers; half-open, overlaps count once.
    """
    total = 0
    reached, end = within
    for low, high in sorted(intervals):
        start, stop = max(low, reached), min(high, end)
        if stop > start:
            total += stop - start
            reached = stop
    return total
