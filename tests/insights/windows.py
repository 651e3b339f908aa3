"""
Analysis windows made of plain lists of records, from which tests compute every insight the long way.

Durations are below 128 ns, so that the counts by size are exact.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from hypothesis import strategies as st

from droidscope.facts.amounts import response_credit
from droidscope.facts.fact_totals import Totals
from droidscope.facts.facts import (
    AttemptsEnded,
    Failures,
    MessagesSent,
    PhaseIdleTime,
    PhasesEnded,
    PhasesOverPlan,
    PhaseTime,
    PhaseWaitTime,
    QueriesEnded,
    QueryCredit,
    QueryWaitTime,
    ResponseTime,
    SessionMessages,
    SessionsEnded,
    SessionSequencing,
    SessionTime,
    Syntheses,
    TasksEnded,
    TimedResponses,
)
from droidscope.facts.sketch import COARSE, bucket
from droidscope.facts.sketched_facts import PhaseDurations, SessionDurations, TaskDurations, TaskPathTimes
from droidscope.insights.analysis_window import AnalysisWindow, RunningPhase
from droidscope.model.examples import ExampleSession

NOW = 1_790_000_000_000_000_000
SECOND = 1_000_000_000


class Run(NamedTuple):
    """
    A run of a phase that has ended, in *waited_ns* of which queries waited.
    """

    pattern: str
    phase: str
    took_ns: int
    outcome: str = "completed"
    path: str = "on"
    planned_ns: int = 0
    waited_ns: int = 0

    def minutes(self):
        yield PhasesEnded(pattern=self.pattern, phase=self.phase, outcome=self.outcome), 1
        yield PhaseTime(pattern=self.pattern, phase=self.phase), self.took_ns
        yield PhaseWaitTime(pattern=self.pattern, phase=self.phase), self.waited_ns

    def hours(self):
        took = str(bucket(self.took_ns, COARSE))
        yield (
            PhaseDurations(
                pattern=self.pattern, phase=self.phase, outcome=self.outcome, path=self.path, bucket=took
            ),
            1,
        )
        if self.planned_ns and self.took_ns > 1.5 * self.planned_ns:
            place = {"pattern": self.pattern, "phase": self.phase, "path": self.path}
            yield PhasesOverPlan(**place, total="n"), 1
            yield PhasesOverPlan(**place, total="took_ns"), self.took_ns
            yield PhasesOverPlan(**place, total="planned_ns"), self.planned_ns


class Task(NamedTuple):
    """
    A task that has ended, and how long it held its session.
    """

    pattern: str
    task_type: str
    droid: str
    took_ns: int = 10
    outcome: str = "completed"
    held_ns: int = 0

    def minutes(self):
        yield (
            TasksEnded(
                pattern=self.pattern, droid=self.droid, task_type=self.task_type, outcome=self.outcome
            ),
            1,
        )
        tried = "succeeded" if self.outcome == "completed" else "failed"
        yield AttemptsEnded(droid=self.droid, task_type=self.task_type, outcome=tried), 1

    def hours(self):
        kind = {"pattern": self.pattern, "task_type": self.task_type, "droid": self.droid}
        yield TaskDurations(**kind, outcome=self.outcome, bucket=str(bucket(self.took_ns, COARSE))), 1
        if self.held_ns:
            yield TaskPathTimes(**kind, bucket=str(bucket(self.held_ns, COARSE))), 1


class Query(NamedTuple):
    """
    A query put to a droid; an answer took as long as it waited.
    """

    droid: str
    outcome: str
    waited_ns: int

    def minutes(self):
        yield QueriesEnded(droid=self.droid, outcome=self.outcome), 1
        yield QueryWaitTime(droid=self.droid, outcome=self.outcome), self.waited_ns
        if self.outcome in {"answered", "late"}:
            yield ResponseTime(droid=self.droid), self.waited_ns
            yield TimedResponses(droid=self.droid), 1
        if self.outcome == "answered":
            yield QueryCredit(droid=self.droid), response_credit(self.waited_ns)

    def hours(self):
        return ()


class Synthesis(NamedTuple):
    pattern: str
    outcome: str

    def minutes(self):
        yield Syntheses(pattern=self.pattern, outcome=self.outcome), 1

    def hours(self):
        return ()


class Session(NamedTuple):
    """
    A session that has ended: where it failed, if it did, and the messages each droid sent in it.
    """

    pattern: str
    took_ns: int
    failed_at: tuple[str, str] | None = None
    sent: tuple[tuple[str, int], ...] = ()

    @property
    def outcome(self):
        return "failed" if self.failed_at else "completed"

    def minutes(self):
        yield SessionsEnded(pattern=self.pattern, outcome=self.outcome), 1
        yield SessionTime(pattern=self.pattern), self.took_ns
        if self.failed_at:
            phase, reason = self.failed_at
            yield Failures(pattern=self.pattern, phase=phase, reason=reason), 1
        for droid, n in self.sent:
            yield SessionMessages(droid=droid, n=str(n)), 1
            yield MessagesSent(sender=droid, message_type="coordination", outcome="accepted"), n

    def hours(self):
        yield (
            SessionDurations(
                pattern=self.pattern, outcome=self.outcome, bucket=str(bucket(self.took_ns, COARSE))
            ),
            1,
        )


class Plan(NamedTuple):
    """
    What a session's phases took and need by what they depend on, and which of them waited without need.
    """

    pattern: str
    makespan_ns: int
    critical_ns: int
    idle: tuple[tuple[str, int], ...] = ()

    def minutes(self):
        return ()

    def hours(self):
        yield SessionSequencing(pattern=self.pattern, total="n"), 1
        yield SessionSequencing(pattern=self.pattern, total="makespan_ns"), self.makespan_ns
        yield SessionSequencing(pattern=self.pattern, total="critical_ns"), self.critical_ns
        for phase, idle_ns in self.idle:
            yield PhaseIdleTime(pattern=self.pattern, phase=phase), idle_ns


def totals(facts):
    sums = Counter()
    for key, amount in facts:
        sums[key] += amount
    return Totals({key: amount for key, amount in sums.items() if amount})


def window_of(*happened, before=(), running=(), running_ns=0, examples=None):
    """
    A window in which things happened, and *before* which some phases had run.
    """
    by_labels = examples or {}
    return AnalysisWindow(
        orchestrator="atlas",
        name="24h",
        now_ns=NOW,
        minutes=totals(fact for record in happened for fact in record.minutes()),
        hours=totals(fact for record in happened for fact in record.hours()),
        baseline=totals(
            (key, n) for run in before for key, n in run.hours() if isinstance(key, PhaseDurations)
        ),
        running_phases=running,
        running_sessions_ns=running_ns,
        examples=lambda kind, labels: by_labels.get((kind, *labels), []),
    )


def of(happened, type_):
    return [record for record in happened if isinstance(record, type_)]


def example(session, weight=1.0):
    return ExampleSession(session, f"trace of {session}", NOW - SECOND, weight)


names = st.sampled_from(["bug-fix", "audit", ""])
phases = st.sampled_from(["plan", "build"])
droids = st.sampled_from(["coder", "tester", "slowpoke"])
task_types = st.sampled_from(["code", "review"])
lengths = st.integers(0, 127)
outcomes = st.sampled_from(["completed", "completed", "failed"])
runs = st.builds(
    Run,
    names,
    phases,
    lengths,
    outcomes,
    st.sampled_from(["on", "off"]),
    st.sampled_from([0, 5, 40]),
    st.integers(0, 60),
).map(lambda run: run._replace(waited_ns=min(run.waited_ns, run.took_ns)))
tasks = st.builds(Task, names, task_types, droids, lengths, outcomes, lengths)
queries = st.builds(
    Query,
    droids,
    st.sampled_from(["answered", "late", "unanswered", "rejected"]),
    st.integers(0, 900) | st.integers(250 * SECOND, 400 * SECOND),
)
syntheses = st.builds(
    Synthesis, names, st.sampled_from(["integrated", "integrated", "conflict", "gate_failed"])
)
sessions = st.builds(
    Session,
    names,
    lengths,
    st.none() | st.tuples(phases | st.just(""), st.sampled_from(["Broken", "lost {where}", "%s"])),
    st.dictionaries(droids, st.integers(0, 60), max_size=2).map(lambda sent: tuple(sent.items())),
)
plans = st.builds(
    lambda pattern, makespan, share, idle: Plan(
        pattern, makespan, int(makespan * share), tuple(idle.items())
    ),
    names,
    lengths,
    st.floats(0, 1),
    st.dictionaries(phases, st.integers(1, 100), max_size=2),
)
running = st.builds(
    RunningPhase,
    names,
    phases,
    st.integers(0, 500),
    st.none() | st.integers(0, 100),
    st.just("r1"),
    st.just("t1"),
)
histories = st.tuples(
    *(st.lists(each, max_size=25) for each in (runs, tasks, queries, syntheses, sessions, plans))
).map(lambda lists: [each for entries in lists for each in entries])
