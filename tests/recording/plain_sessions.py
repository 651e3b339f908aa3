"""
Sessions as plain lists of spans, and what is known of them without the product: counted by hand.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import networkx as nx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

import builders as b
from droidscope.facts.facts import PhaseIdleTime, PhasesOverPlan, SessionSequencing
from droidscope.facts.sketch import COARSE, bucket
from droidscope.facts.sketched_facts import PhaseDurations, TaskPathTimes
from rig import Rig

HOUR = 3600
MINUTE = 60
ATLAS = ("atlas",)
FROM_ANALYSISS = {PhaseDurations, PhasesOverPlan, TaskPathTimes, SessionSequencing, PhaseIdleTime}


def opened(directory):
    """
    An exporter that has been up for an hour: all that ended in it has passed.
    """
    rig = Rig(directory)
    rig.now = HOUR * b.SECOND
    return rig


# --- sessions as plain lists --------------------------------------------------------------------------


class Phase(NamedTuple):
    name: str
    start: int
    seconds: int
    outcome: str = "completed"
    planned: int = 0
    depends_on: tuple[str, ...] = ()

    @property
    def end(self):
        return self.start + self.seconds

    def span(self, **of):
        more = {"phase__planned_seconds": float(self.planned)} if self.planned else {}
        if self.depends_on:
            more["phase__depends_on"] = list(self.depends_on)
        error = "Broken" if self.outcome == "failed" else ""
        return b.span(
            "phase",
            start=self.start,
            seconds=self.seconds,
            phase__id=self.name,
            phase__outcome=self.outcome,
            error=error,
            **more,
            **of,
        )


class Try(NamedTuple):
    start: int
    seconds: int
    droid: str


class Task(NamedTuple):
    id: str
    phase: str
    start: int
    seconds: int
    droid: str = "coder"
    outcome: str = "completed"
    tries: tuple[Try, ...] = ()

    @property
    def end(self):
        return self.start + self.seconds

    def spans(self, **of):
        of = {**of, "task__id": self.id, "task__type": "code"}
        if self.phase:
            of["phase__id"] = self.phase
        yield b.span(
            "task",
            start=self.start,
            seconds=self.seconds,
            gen_ai__agent__name=self.droid,
            task__outcome=self.outcome,
            task__attempts=len(self.tries),
            output__code_quality_score=70.1 + len(self.tries),
            **of,
        )
        for number, each in enumerate(self.tries, 1):
            yield b.span(
                "attempt",
                start=each.start,
                seconds=each.seconds,
                gen_ai__agent__name=each.droid,
                task__attempt=number,
                **of,
            )


class Session(NamedTuple):
    """
    Times in seconds since NOON; *tasks* lie in phases or in none.
    """

    start: int
    seconds: int
    phases: tuple[Phase, ...] = ()
    tasks: tuple[Task, ...] = ()
    failed: bool = False
    pattern: str = "bug-fix"

    @property
    def end(self):
        return self.start + self.seconds

    def spans(self, id="s1"):
        of = {"session": id, "pattern__id": self.pattern}
        yield b.session(
            id,
            start=self.start,
            seconds=self.seconds,
            pattern=self.pattern,
            error="Broken" if self.failed else "",
        )
        yield from (phase.span(**of) for phase in self.phases)
        for task in self.tasks:
            yield from task.spans(**of)


# --- the same by hand ---------------------------------------------------------------------------------


class Part(NamedTuple):
    id: str
    start: int
    end: int
    phase: str = ""
    task: str = ""
    parts: tuple = ()


def tree(session):
    """
    The session as parts in parts: tasks in the run of their phase in which they began, else in the last.
    """
    runs = {name: runs_of(session, name) for name in {phase.name for phase in session.phases}}
    inside = Counter()
    found = {}
    for task in session.tasks:
        tries = tuple(
            Part(f"attempt {task.id} {number}", each.start, each.start + each.seconds, task.phase, task.id)
            for number, each in enumerate(task.tries)
        )
        part = Part(f"task {task.id}", task.start, task.end, task.phase, task.id, tries)
        of = runs.get(task.phase, [])
        number = next((n for n, run in enumerate(of) if run.start <= task.start <= run.end), len(of) - 1)
        found.setdefault((task.phase, number) if of else None, []).append(part)
        inside[task.phase] += 1
    phases = [
        Part(f"phase {n} {name}", run.start, run.end, name, "", tuple(found.get((name, n), ())))
        for name, of in runs.items()
        for n, run in enumerate(of)
    ]
    return Part("", session.start, session.end, parts=(*phases, *found.get(None, ())))


def runs_of(session, name):
    return sorted((each for each in session.phases if each.name == name), key=lambda run: run[1:4])


def moments(part, start, end):
    """
    Who held each second from *start* to *end*, the latest first, found by going back second by second.
    """
    parts = [each for each in part.parts if each.start < each.end]
    holder = next(iter(sorted((p for p in parts if p.start < end <= p.end), key=first_started)), None)
    at, since = end, end
    while at > start:
        if holder is None or holder.start >= at:
            if at < since:
                yield from within(part, holder, at, since)
            ended = [p for p in parts if p.end == at]
            if ended:
                holder, since = min(ended, key=first_started), at
            else:
                # As far as nothing ended and the same part ran: one stretch, not each second anew.
                runner, low = running_at(parts, at), at - 1
                while low > start and runner is running_at(parts, low) and all(p.end != low for p in parts):
                    low -= 1
                yield from within(part, runner, low, at)
                holder, at, since = None, low, low
                continue
        at -= 1
    if at < since:
        yield from within(part, holder, at, since)


def running_at(parts, at):
    """
    The part that runs at a moment and ends first of those that do, None if none does.
    """
    return min((p for p in parts if p.start < at < p.end), key=last_started, default=None)


def within(part, holder, start, end):
    return moments(holder, start, end) if holder else iter([part] * (end - start))


def first_started(part):
    return part.start, -part.end, tuple(-ord(c) for c in part.id)


def last_started(part):
    return part.end, -part.start, part.id


def held_seconds(session, label):
    """
    Seconds that each phase or task held the session.
    """
    whole = tree(session)
    return Counter(getattr(each, label) for each in moments(whole, whole.start, whole.end))


def facts_of(session):
    """
    What the analysis adds, as {key: amount}.
    """
    facts = Counter()
    by_phase, by_task = held_seconds(session, "phase"), held_seconds(session, "task")
    for phase in session.phases:
        path = "on" if by_phase[phase.name] else "off"
        if phase.outcome not in {"completed", "failed"}:
            continue
        took = str(bucket(phase.seconds * b.SECOND, COARSE))
        facts[
            PhaseDurations(
                pattern=session.pattern, phase=phase.name, outcome=phase.outcome, path=path, bucket=took
            )
        ] += 1
        planned = phase.planned or max(run.planned for run in runs_of(session, phase.name))
        if planned and phase.seconds > 1.5 * planned:
            place = {"pattern": session.pattern, "phase": phase.name, "path": path}
            facts[PhasesOverPlan(**place, total="n")] += 1
            facts[PhasesOverPlan(**place, total="took_ns")] += phase.seconds * b.SECOND
            facts[PhasesOverPlan(**place, total="planned_ns")] += planned * b.SECOND
    for task in session.tasks:
        if by_task[task.id]:
            held = str(bucket(by_task[task.id] * b.SECOND, COARSE))
            facts[
                TaskPathTimes(pattern=session.pattern, task_type="code", droid=task.droid, bucket=held)
            ] += 1
    facts.update(sequencing_of(session))
    return +facts


def sequencing_of(session):
    names = {phase.name for phase in session.phases}
    spans = {
        name: (
            min(p.start for p in session.phases if p.name == name),
            max(p.end for p in session.phases if p.name == name),
        )
        for name in names
    }
    declared = {
        name: {other for p in session.phases if p.name == name for other in p.depends_on} for name in names
    }
    if not any(declared.values()):
        return {}
    graph = nx.DiGraph()
    for name in names:
        start, end = spans[name]
        graph.add_edge("begin", name, weight=end - start)
        ended = {
            other
            for other in names - {name}
            if spans[other][1] <= start and (spans[other][::-1], other) < (spans[name][::-1], name)
        }
        for other in (declared[name] or ended) & names:
            graph.add_edge(other, name, weight=end - start)
    if not nx.is_directed_acyclic_graph(graph):
        return {}
    critical = nx.dag_longest_path_length(graph)
    makespan = max(end for _, end in spans.values()) - min(start for start, _ in spans.values())
    pattern = session.pattern
    facts = {
        SessionSequencing(pattern=pattern, total="n"): 1,
        SessionSequencing(pattern=pattern, total="makespan_ns"): makespan * b.SECOND,
        SessionSequencing(pattern=pattern, total="critical_ns"): min(makespan, critical) * b.SECOND,
    }
    for name in names:
        ready = [spans[other][1] for other in declared[name] & names]
        if ready and spans[name][0] > max(ready):
            facts[PhaseIdleTime(pattern=session.pattern, phase=name)] = (
                spans[name][0] - max(ready)
            ) * b.SECOND
    return facts


# --- strategies ---------------------------------------------------------------------------------------

names = st.sampled_from(["plan", "build", "test", "ship"])
droids = st.sampled_from(["coder", "tester"])
starts, lengths = st.integers(0, 40), st.integers(0, 20)
phases = st.builds(
    Phase,
    names,
    starts,
    lengths,
    st.sampled_from(["completed", "completed", "failed", "skipped", "blocked"]),
    st.sampled_from([0, 4, 10]),
    st.just(()) | st.lists(names, max_size=2).map(tuple),
)
tasks = st.builds(
    Task,
    st.just(""),
    names | st.just(""),
    starts,
    lengths,
    droids,
    st.sampled_from(["completed", "failed"]),
    st.lists(st.builds(Try, starts, lengths, droids), max_size=2).map(tuple),
)


@st.composite
def random_sessions(draw):
    """
    Phases that overlap, repeat and depend on each other, tasks in and outside of them, and of their time.
    """
    drawn = draw(st.lists(tasks, max_size=5))
    return Session(
        draw(st.integers(0, 10)),
        draw(st.integers(0, 40)),
        tuple(draw(st.lists(phases, max_size=5))),
        tuple(task._replace(id=f"t{n}") for n, task in enumerate(drawn)),
        draw(st.booleans()),
    )


def totals(rig, window="7d"):
    """
    What the history has of analyses.
    """
    found = rig.head.history.totals(ATLAS, window, b.NOON + 2 * HOUR * b.SECOND)
    return {key: amount for key, amount in found.items() if type(key) in FROM_ANALYSISS}


def send(rig, *spans):
    rig.send("traces", b.traces(*spans))


property_of_rigs = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


FULL_STACK = Session(
    0,
    88 * MINUTE,
    (
        Phase("architecture", 0, 18 * MINUTE),
        Phase("security", 18 * MINUTE, 12 * MINUTE, depends_on=("architecture",)),
        Phase("implementation", 30 * MINUTE, 40 * MINUTE, depends_on=("architecture", "security")),
        Phase("testing", 70 * MINUTE, 18 * MINUTE, depends_on=("implementation",)),
    ),
    (
        Task("a", "architecture", 0, 18 * MINUTE, "backend-architect"),
        Task("b", "security", 18 * MINUTE, 12 * MINUTE, "security-auditor"),
        Task("c", "implementation", 30 * MINUTE, 40 * MINUTE, "backend-typescript-architect"),
        Task("d", "implementation", 30 * MINUTE, 35 * MINUTE, "frontend-developer"),
        Task("e", "testing", 70 * MINUTE, 18 * MINUTE, "test-automator"),
    ),
    pattern="full-stack-feature",
)
"""
The worked session of 88 minutes.
"""
