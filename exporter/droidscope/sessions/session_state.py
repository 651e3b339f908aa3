"""
What the head remembers of one session, while it runs and for a while after it ended.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence, Sized
from operator import itemgetter
from typing import Final

from msgspec import Struct, field

from droidscope.conventions.attributes import Outcome
from droidscope.facts.packing import AnyFact
from droidscope.model.examples import ExampleKind
from droidscope.model.labels import OrchestratorLabels, SessionKey
from droidscope.model.records import Session, UserAttributes
from droidscope.sessions.task_state import TaskState
from droidscope.sessions.wait_times import Interval, WaitTimes

SESSION_SIZE: Final = 4
"""
What a session itself counts as, in things it holds.
"""

GIVEN_UP: Final = frozenset({Outcome.LOST, Outcome.UNKNOWN})
"""
Outcomes of sessions whose end has not arrived, and may still do.
"""

RUNS_KEPT: Final = 100
"""
Earlier runs of a session that are known, the newest ones.
"""


class PhaseRun(Struct, array_like=True):
    """
    One run of a phase that has ended; *planned_ns* is the plan it declared itself, *waited_ns* how long
    queries kept it waiting.
    """

    start_ns: int
    end_ns: int
    outcome: Outcome
    planned_ns: int | None = None
    waited_ns: int = 0

    @property
    def interval(self) -> Interval:
        """
        From its start to its end.
        """
        return self.start_ns, self.end_ns

    @property
    def took_ns(self) -> int:
        """
        How long it took.
        """
        return self.end_ns - self.start_ns


class PhaseState(Struct):
    """
    A phase; *waits* is when queries waited inside it: disjoint intervals in order. *failure* is the
    best reason so far why it may fail: rank, Unix time, reason.

    *runs* are those that have ended, the latest ones in order of time; *start_ns* is when the one under
    way began, 0 where that is not known. *planned_ns* is the longest plan and *depends_on* all that was
    declared of it. *quality* is the sum (1e-6 points) and number of the code quality scores of its tasks.
    """

    blocked: bool = False
    running: bool = True
    start_ns: int = 0
    runs: list[PhaseRun] = field(default_factory=list)
    planned_ns: int | None = None
    depends_on: tuple[str, ...] = ()
    droids: set[str] = field(default_factory=set)
    conflicts: int = 0
    quality: tuple[int, int] = (0, 0)
    waits: list[Interval] = field(default_factory=list)
    failure: tuple[int, int, str] = (0, 0, "")

    @property
    def interval(self) -> Interval | None:
        """
        When its latest run was, None before one has ended.
        """
        return self.runs[-1].interval if self.runs else None

    @property
    def extent(self) -> int:
        """
        How many things it holds.
        """
        parts: tuple[Sized, ...] = (self.runs, self.depends_on, self.droids, self.waits)
        return sum(map(len, parts))


class ForgottenSession(Struct, frozen=True):
    """
    What is kept of a session that was forgotten, so that a straggler does not open it anew. One that
    waits has that outcome.
    """

    pattern: str
    outcome: Outcome
    span_id: str
    start_ns: int
    end_ns: int
    trace_id: str = ""
    blamed: tuple[int, str] | None = None
    run: str = ""
    earlier_runs: tuple[str, ...] = ()
    waited_ns: int = 0


class SessionState(
    Struct,
    # As checkpoints of the first version have them.
    rename={
        "analysis_clock": "digest_clock",
        "analysis_facts": "digested",
        "counted_messages": "tallied",
        "measured_size": "weight",
        "native": "own",
    },
):
    """
    A session. Clock times are the exporter's uptime, the others Unix time, all in nanoseconds.

    *outcome* is None while it runs. *span_id* is that of the session's own span, "" until it is
    known. *close_clock* is when its last derived facts are due, None once they are done; *counted_messages*
    are those facts as (droid, messages sent), so that a late record can replace them. *analysis_clock*
    and *analysis_facts* are the same for the facts of its analysis: end, key and amount of each; *shown* is
    what it is an example of by its analysis. *whole* is False where its first records were forgotten.
    *blamed* is the failure it counts as by itself, once it does: Unix time and reason.
    *queued_clock* is when the session is looked at next. *extent* is how much is held inside its
    tasks and phases, *measured_size* its `size` when that was last looked at.

    *run* is the span id of the session's latest span, *earlier_runs* are those of the spans before that it
    went on from, the newest; "" where no record gave one. *twin* is the run in its key, where another
    session had its id already. *started* is False until it is certain that it does not go on from one.
    *resumed*: its span said that it goes on. *counted_as* is the outcome it had before it was reopened.
    *process* is the instance that has it open, "" where that is not known, and *unnamed_clock* when that
    no longer named it. *records* counts what it has taken in, *held_tasks* its tasks that are held;
    *attributes* are the user's. *unclaimed_end* is a later end of its id,
    of a run whose start did not arrive.

    *span_start_ns* is when its latest span began, 0 where that is not known. *waits* is when it waited, of
    which *waited_ns* is counted. *unmeasured* is the end whose duration is not counted before it is closed.
    """

    orchestrator: OrchestratorLabels
    id: str
    native: bool
    pattern: str
    start_ns: int
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
    analysis_clock: int | None = None
    analysis_facts: list[tuple[int, AnyFact, int]] = field(default_factory=list)
    shown: list[tuple[ExampleKind, dict[str, str]]] = field(default_factory=list)
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
    counted_messages: list[tuple[str, int]] = field(default_factory=list)
    conflicts: set[str] = field(default_factory=set)
    attempts: dict[str, str] = field(default_factory=dict)
    failed_phases: int = 0
    plan: tuple[str, ...] = ()
    finished_phases: set[str] = field(default_factory=set)
    progress: float | None = None
    extent: int = 0
    measured_size: int = 0
    run: str = ""
    earlier_runs: list[str] = field(default_factory=list)
    twin: str = ""
    started: bool = True
    resumed: bool = False
    counted_as: Outcome | None = None
    process: str = ""
    unnamed_clock: int | None = None
    records: int = 0
    held_tasks: int = 0
    attributes: UserAttributes = ()
    span_start_ns: int = 0
    waits: WaitTimes = field(default_factory=WaitTimes)
    waited_ns: int = 0
    unmeasured: Session | None = None
    unclaimed_end: Session | None = None

    @property
    def key(self) -> SessionKey:
        """
        What identifies it.
        """
        key = self.orchestrator, self.id
        return run_key(key, self.twin) if self.twin else key

    @property
    def waiting(self) -> bool:
        """
        Whether it waits for a person.
        """
        return self.outcome is None and self.waits.since_ns > 0

    @property
    def waiting_since_ns(self) -> int | None:
        """
        When its present wait began, Unix time; None if it does not wait.
        """
        return self.waits.since_ns if self.waiting else None

    def waiting_ns(self, now_ns: int) -> int:
        """
        How long it has waited in all by *now_ns*, Unix time.
        """
        return self.waits.waited_ns(self.start_ns, now_ns)

    def has_run(self, run: str) -> bool:
        """
        Whether a record with this *run* belongs to it.
        """
        return run in {self.run, self.span_id} or run in self.earlier_runs

    @property
    def has_earlier_spans(self) -> bool:
        """
        Whether its latest span goes on from another one.
        """
        return self.resumed or bool(self.earlier_runs) or len(self.waits.begins) > 1

    @property
    def running(self) -> bool:
        """
        Whether it has neither ended nor been declared lost.
        """
        return self.outcome is None

    def go_on(self, run: str, start_ns: int) -> None:
        """
        Go on with another *run*, of which a record began at *start_ns*; nothing is known of its span yet.
        """
        if self.run:
            self.earlier_runs = [*self.earlier_runs, self.run][-RUNS_KEPT:]
        self.run = run
        self.waits.begin(run, start_ns)
        self.span_start_ns = 0
        self.unnamed_clock = None

    def restore(self, forgotten: ForgottenSession) -> None:
        """
        Take over what is still known of it, where it was forgotten: it is not whole then.
        """
        self.pattern, self.span_id = forgotten.pattern, forgotten.span_id
        self.run, self.earlier_runs = forgotten.run, list(forgotten.earlier_runs)
        waits = forgotten.outcome is Outcome.WAITING
        self.waits.restore(forgotten.start_ns, forgotten.end_ns, forgotten.waited_ns, paused=waits)
        if not waits:
            self.outcome, self.end_ns = forgotten.outcome, forgotten.end_ns
        self.start_ns, self.trace_id = forgotten.start_ns, forgotten.trace_id
        self.blamed = forgotten.blamed
        self.whole = False

    @property
    def size(self) -> int:
        """
        How many things it holds, itself counted as `SESSION_SIZE` of them.
        """
        parts: tuple[Sized, ...] = (
            self.phases,
            self.tasks,
            self.droids,
            self.sent,
            self.conflicts,
            self.attempts,
            self.analysis_facts,
            self.shown,
            self.plan,
            self.attributes,
        )
        return SESSION_SIZE + self.extent + self.waits.size + sum(map(len, parts))


def ended(session: SessionState) -> bool:
    """
    Whether it has really ended: neither running, lost nor unknown.
    """
    outcome = session.outcome  # one by one, since to look a member up in a set takes longer
    return outcome is not None and outcome is not Outcome.LOST and outcome is not Outcome.UNKNOWN


def run_key(key: SessionKey, run: str) -> SessionKey:
    """
    The key of a session that shares its id, by its *run*; without one, *key* itself.
    """
    return (key[0], f"{key[1]}\0{run}") if run else key


def add_interval(intervals: list[Interval], low: int, high: int) -> list[Interval]:
    """
    Add [low, high) to disjoint intervals in order; it is joined with those it overlaps or touches.

    Returns:
        What of it they did not cover before, in the same form.
    """
    first = bisect_left(intervals, low, key=itemgetter(1))
    last = bisect_right(intervals, high, key=itemgetter(0))
    joined = intervals[first:last]
    edges = [low, *(min(max(edge, low), high) for interval in joined for edge in interval), high]
    if joined:
        low, high = min(low, joined[0][0]), max(high, joined[-1][1])
    intervals[first:last] = [(low, high)]
    return [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]


def covered_ns(intervals: Sequence[Interval], within: Interval) -> int:
    """
    Nanoseconds of *within* that disjoint intervals in order cover; half-open.
    """
    start, end = within
    covered = 0
    for at in range(bisect_right(intervals, start, key=itemgetter(1)), len(intervals)):
        low, high = intervals[at]
        if low >= end:
            break
        covered += max(0, min(high, end) - max(low, start))
    return covered
