"""
Naive histories: plain lists of what happened, from which tests compute every KPI the long way.

Each entry says by itself which facts it adds, as the head would. One of them, `FULL`, yields every KPI.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from hypothesis import strategies as st

from droidscope.facts.amounts import response_credit, score_sums
from droidscope.facts.fact_key import Score
from droidscope.facts.fact_totals import Totals
from droidscope.facts.facts import (
    ActualTime,
    AttemptsEnded,
    CompletedSessionTime,
    Conflicts,
    MessagesSent,
    PhasesEnded,
    PhaseTime,
    PhaseWaitTime,
    PlannedTime,
    QueriesEnded,
    QueryCredit,
    ResponseTime,
    Retries,
    SessionCost,
    SessionMessages,
    SessionsEnded,
    Syntheses,
    TasksEnded,
    TaskTime,
    TimedResponses,
)
from droidscope.units import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

HOUR_NS = 3_600_000_000_000

DROIDS = ["coder", "tester", "reviewer"]
PATTERNS = ["bug-fix", "security-audit", ""]
TASK_TYPES = ["implementation", "testing"]


class Task(NamedTuple):
    pattern: str
    droid: str
    task_type: str
    outcome: str
    duration_ns: int
    code_quality: float | None
    test_coverage: float | None
    security: float | None

    def facts(self):
        yield (
            TasksEnded(
                pattern=self.pattern, droid=self.droid, task_type=self.task_type, outcome=self.outcome
            ),
            1,
        )
        if self.outcome == "completed":
            yield TaskTime(droid=self.droid, task_type=self.task_type), self.duration_ns
        for score in Score:
            points = getattr(self, score)
            if points is not None:
                yield from score_sums(
                    score, pattern=self.pattern, droid=self.droid, task_type=self.task_type, points=points
                )


class Attempt(NamedTuple):
    droid: str
    task_type: str
    number: int
    outcome: str

    def facts(self):
        yield AttemptsEnded(droid=self.droid, task_type=self.task_type, outcome=self.outcome), 1
        if self.number > 1:
            yield Retries(droid=self.droid, task_type=self.task_type), 1


class Session(NamedTuple):
    pattern: str
    outcome: str
    duration_ns: int
    planned_ns: int | None
    cost_nano_usd: int
    sent: dict[str, int]

    def facts(self):
        yield SessionsEnded(pattern=self.pattern, outcome=self.outcome), 1
        yield SessionCost(pattern=self.pattern), self.cost_nano_usd
        if self.outcome == "completed":
            yield CompletedSessionTime(pattern=self.pattern), self.duration_ns
            if self.planned_ns is not None:
                yield PlannedTime(), self.planned_ns
                yield ActualTime(), self.duration_ns
        if len(self.sent) > 1:
            for droid, messages in self.sent.items():
                yield SessionMessages(droid=droid, n=str(messages)), 1


class Phase(NamedTuple):
    pattern: str
    phase: str
    outcome: str
    duration_ns: int
    waited_share: float

    @property
    def wait_ns(self):
        return int(self.duration_ns * self.waited_share)

    def facts(self):
        yield PhasesEnded(pattern=self.pattern, phase=self.phase, outcome=self.outcome), 1
        yield PhaseTime(pattern=self.pattern, phase=self.phase), self.duration_ns
        yield PhaseWaitTime(pattern=self.pattern, phase=self.phase), self.wait_ns


class Synthesis(NamedTuple):
    pattern: str
    outcome: str

    def facts(self):
        yield Syntheses(pattern=self.pattern, outcome=self.outcome), 1


class Message(NamedTuple):
    sender: str
    message_type: str
    outcome: str

    def facts(self):
        yield MessagesSent(sender=self.sender, message_type=self.message_type, outcome=self.outcome), 1


class Query(NamedTuple):
    droid: str
    outcome: str
    response_ns: int

    @property
    def came(self):
        return self.outcome in {"answered", "late"}

    def facts(self):
        yield QueriesEnded(droid=self.droid, outcome=self.outcome), 1
        if self.outcome == "answered":
            yield QueryCredit(droid=self.droid), response_credit(self.response_ns)
        if self.came:
            yield ResponseTime(droid=self.droid), self.response_ns
            yield TimedResponses(droid=self.droid), 1


class Conflict(NamedTuple):
    pattern: str

    def facts(self):
        yield Conflicts(pattern=self.pattern), 1


class History(NamedTuple):
    """
    What happened in one window.
    """

    tasks: Sequence[Task] = ()
    attempts: Sequence[Attempt] = ()
    sessions: Sequence[Session] = ()
    phases: Sequence[Phase] = ()
    syntheses: Sequence[Synthesis] = ()
    messages: Sequence[Message] = ()
    queries: Sequence[Query] = ()
    conflicts: Sequence[Conflict] = ()

    def facts(self):
        for entries in self:
            for entry in entries:
                yield from entry.facts()

    def totals(self):
        """
        The facts added up, without those that are zero.
        """
        sums = Counter()
        for key, amount in self.facts():
            sums[key] += amount
        return Totals({key: amount for key, amount in sums.items() if amount})


def of(entries, **labels):
    """
    The entries that have all these *labels*.
    """
    return [e for e in entries if all(getattr(e, label) == value for label, value in labels.items())]


def mean(values):
    """
    Plain mean, None of nothing.
    """
    values = list(values)
    return sum(values) / len(values) if values else None


def share(entries, is_good):
    """
    How many entries are good, of all of them; None of nothing.
    """
    return mean(1 if is_good(entry) else 0 for entry in entries)


droids = st.sampled_from(DROIDS)
patterns = st.sampled_from(PATTERNS)
task_types = st.sampled_from(TASK_TYPES)
durations_ns = st.integers(0, 3 * HOUR_NS)
points = st.none() | st.integers(0, 10_000).map(lambda hundredths: hundredths / 100)

tasks = st.builds(
    Task,
    patterns,
    droids,
    task_types,
    st.sampled_from(["completed", "failed"]),
    durations_ns,
    points,
    points,
    points,
)
attempts = st.builds(Attempt, droids, task_types, st.integers(1, 4), st.sampled_from(["succeeded", "failed"]))
sessions = st.builds(
    Session,
    patterns,
    st.sampled_from(["completed", "failed", "lost"]),
    durations_ns,
    st.none() | durations_ns,
    st.integers(0, 5_000_000_000),
    st.dictionaries(droids, st.integers(0, 60)),
)
phases = st.builds(
    Phase,
    patterns,
    st.sampled_from(["design", "build"]),
    st.sampled_from(["completed", "failed", "skipped", "blocked"]),
    durations_ns,
    st.floats(0, 1),
)
syntheses = st.builds(Synthesis, patterns, st.sampled_from(["integrated", "conflict", "gate_failed"]))
messages = st.builds(
    Message,
    droids,
    st.sampled_from(["query", "response", "coordination", "discovery", "handshake"]),
    st.sampled_from(["accepted", "answered", "late", "unanswered", "rejected"]),
)
queries = st.builds(
    Query,
    droids,
    st.sampled_from(["answered", "late", "unanswered", "rejected"]),
    st.integers(0, 900_000_000_000),
)
conflicts = st.builds(Conflict, patterns)

histories = st.builds(
    History,
    *(
        st.lists(entries, max_size=8)
        for entries in (tasks, attempts, sessions, phases, syntheses, messages, queries, conflicts)
    ),
)


# --- a history that yields every KPI -------------------------------------------------------------------


class Expected(NamedTuple):
    """
    The value of a KPI of `FULL` where a success may cost 0.5 USD, and its samples; None where it has no
    sibling. Each family's test has those of its family in `IN_FULL`; the catalogue's test demands all.
    """

    value: float
    samples: float | None


FULL = History(
    tasks=[
        Task("bug-fix", "coder", "testing", outcome, SECOND_NS, 90.0, 80.0, 70.0)
        for outcome in ("completed", "completed", "completed", "failed")
    ],
    attempts=[Attempt("coder", "testing", number, "succeeded") for number in (1, 2, 3, 4, 5)],
    sessions=[Session("bug-fix", "completed", 60, 60, 10**9, {"coder": 5, "tester": 6})],
    phases=[Phase("bug-fix", "design", "completed", 30 * SECOND_NS, 0.5)] * 6,
    syntheses=[Synthesis("bug-fix", "integrated")] * 7,
    messages=[Message("coder", "query", "answered")] * 8,
    queries=[Query("coder", "answered", 60 * SECOND_NS)] * 9,
    conflicts=[Conflict("bug-fix")],
)
