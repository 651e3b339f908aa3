"""
Digests: what a whole ended session says, against what plain lists of its spans say.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import NamedTuple

import networkx as nx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import builders as b
from droidscope.facts.facts import Failures, PhaseIdleTime, PhasesOverPlan, SessionMessages, SessionSequencing
from droidscope.facts.history import HOURS
from droidscope.facts.sketch import COARSE, bucket
from droidscope.facts.sketched_facts import PhaseDurations, TaskPathTimes
from droidscope.model.examples import ExampleKind
from droidscope.recording import session_analysis as analysis_module
from droidscope.recording.phase_recorder import RUNS_LIMIT
from rig import Rig

HOUR = 3600
MINUTE = 60
ATLAS = ("atlas",)
FROM_DIGESTS = {PhaseDurations, PhasesOverPlan, TaskPathTimes, SessionSequencing, PhaseIdleTime}


@pytest.fixture
def rig(tmp_path):
    return opened(tmp_path)


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
            running = [p for p in parts if p.start < at < p.end]
            if ended:
                holder, since = min(ended, key=first_started), at
            else:
                yield from within(part, min(running, key=last_started, default=None), at - 1, at)
                holder, since = None, at - 1
                at -= 1
                continue
        at -= 1
    if at < since:
        yield from within(part, holder, at, since)


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
    What the digest adds, as {key: amount}.
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
    What the history has of digests.
    """
    found = rig.head.history.totals(ATLAS, window, b.NOON + 2 * HOUR * b.SECOND)
    return {key: amount for key, amount in found.items() if type(key) in FROM_DIGESTS}


def send(rig, *spans):
    rig.send("traces", b.traces(*spans))


property_of_rigs = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


# --- one session --------------------------------------------------------------------------------------


@given(random_sessions())
@example(
    Session(0, 9, (Phase("plan", 3, 0, depends_on=("build",)), Phase("test", 5, 0), Phase("ship", 5, 0)))
)
@property_of_rigs
def test_a_digest_adds_what_the_spans_say(tmp_path_factory, session):
    """
    Phases by time and path, those over their plan, the time each task held, makespan and critical path.
    """
    rig = opened(tmp_path_factory.mktemp("rig"))
    send(rig, *session.spans())
    rig.pass_seconds(2)

    assert totals(rig) == facts_of(session)


@given(random_sessions())
@property_of_rigs
def test_the_path_of_a_digest_is_who_held_at_each_moment(tmp_path_factory, session):
    """
    Its stretches tile the session, and each phase has held as long as they say.
    """
    rig = opened(tmp_path_factory.mktemp("rig"))
    send(rig, *session.spans())
    rig.pass_seconds(2)

    (analysis,) = rig.head.analyses.find("s1")
    edges = [(each.start_ns, each.end_ns) for each in analysis.path]
    assert [end for _, end in edges[:-1]] == [start for start, _ in edges[1:]]
    assert sum(end - start for start, end in edges) == session.seconds * b.SECOND
    by_phase = Counter()
    for each in analysis.path:
        by_phase[each.phase] += (each.end_ns - each.start_ns) // b.SECOND
    assert by_phase == held_seconds(session, "phase")
    for each in analysis.phases:
        assert each.held_ns == by_phase[each.phase] * b.SECOND


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


def test_the_worked_session_of_88_minutes(tmp_path):
    """
    18 + 12 + 40 + 18: of the two that implement the slower one holds; no phase waits without need.
    """
    rig = Rig(tmp_path)
    rig.now = 2 * HOUR * b.SECOND
    send(rig, *FULL_STACK.spans())
    rig.pass_seconds(2)

    (analysis,) = rig.head.analyses.find("s1")
    path = [(e.phase, e.droid, (e.end_ns - e.start_ns) // (60 * b.SECOND)) for e in analysis.path]
    assert path == [
        ("architecture", "backend-architect", 18),
        ("security", "security-auditor", 12),
        ("implementation", "backend-typescript-architect", 40),
        ("testing", "test-automator", 18),
    ]
    found = rig.head.history.totals(ATLAS, "24h", b.NOON + rig.now)
    whole = 88 * MINUTE * b.SECOND
    assert found[SessionSequencing(pattern="full-stack-feature", total="critical_ns")] == whole
    assert found[SessionSequencing(pattern="full-stack-feature", total="makespan_ns")] == whole
    assert not [key for key in found if isinstance(key, PhaseIdleTime)]
    assert [(e.phase, e.state, e.droids, e.quality) for e in analysis.phases][2] == (
        "implementation",
        "completed",
        ("backend-typescript-architect", "frontend-developer"),
        70.1,
    )


# --- in whatever order ----------------------------------------------------------------------------------


def end_state(rig):
    """
    Facts of minutes and hours in all windows, exhibits and digests.
    """
    now_ns = b.NOON + 2 * HOUR * b.SECOND
    head = rig.head
    minutes = head.windows.snapshot(now_ns, ["1h", "24h", "7d"])
    hours = head.history.snapshot(now_ns, HOURS.spans)
    return minutes, hours, dict(head.examples.dump()), {each.session: each for each in head.analyses.dump()}


def told(*records):
    """
    What logs say of a session beside its spans.
    """
    return [("traces", b.traces(span)) for span in records]


@st.composite
def deliveries(draw):
    """
    Some sessions with queries and conflicts, all in one request; and the same spans in any order, over
    several requests with time between them, some of them twice.
    """
    spans = []
    for number in range(draw(st.integers(1, 3))):
        session = draw(random_sessions())
        of = {"session": f"s{number}", "pattern__id": "bug-fix"}
        spans += session.spans(f"s{number}")
        for _ in range(draw(st.integers(0, 3))):
            spans.append(
                b.span(
                    "message",
                    start=draw(starts),
                    seconds=draw(st.sampled_from([1, 10, 400])),
                    message__type="query",
                    message__sender=draw(droids),
                    message__receiver="oracle",
                    message__outcome=draw(st.sampled_from(["answered", "unanswered"])),
                    phase__id=draw(names),
                    **of,
                )
            )
    shuffled = draw(st.permutations([*spans, *draw(st.lists(st.sampled_from(spans), max_size=3))]))
    cuts = sorted(draw(st.lists(st.integers(0, len(shuffled)), max_size=6)))
    requests = [shuffled[low:high] for low, high in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]
    return spans, [(request, draw(st.sampled_from([0, 0.5, 3, 100]))) for request in requests if request]


@given(deliveries())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_order_of_arrival_changes_nothing(tmp_path_factory, delivery):
    """
    Before the end of their session or within the quarter of an hour after it, once or twice: spans end in
    the same facts of every window, the same exhibits and the same digests.
    """
    spans, requests = delivery
    at_once, bit_by_bit = (opened(tmp_path_factory.mktemp("rig")) for _ in range(2))
    send(at_once, *spans)
    at_once.pass_seconds(5)

    for request, wait in requests:
        send(bit_by_bit, *request)
        bit_by_bit.pass_seconds(wait)
    bit_by_bit.pass_seconds(5)

    assert end_state(bit_by_bit) == end_state(at_once)


def test_a_conflict_told_late_is_in_the_digest(rig):
    """
    A log event that comes after the session has been digested.
    """
    send(rig, *FULL_STACK.spans())
    rig.pass_seconds(2)
    conflict = b.event("orchestrator.conflict", pattern__id="full-stack-feature", phase__id="testing")
    rig.send("logs", b.logs(conflict))
    rig.pass_seconds(2)

    (analysis,) = rig.head.analyses.find("s1")
    assert analysis.conflicts == 1
    assert [each.conflicts for each in analysis.phases] == [0, 0, 0, 1]


def test_a_late_child_does_not_move_the_start_of_its_session(rig):
    """
    Told after the end, it began before its session: a child may lie outside its parent.
    """
    session = Session(10, 20)
    send(rig, *session.spans())
    send(rig, *Task("t1", "", 0, 15).spans(pattern__id="bug-fix"))
    rig.pass_seconds(2)

    (analysis,) = rig.head.analyses.find("s1")
    assert analysis.start_ns == b.NOON + 10 * b.SECOND
    assert [(e.droid, (e.end_ns - e.start_ns) // b.SECOND) for e in analysis.path] == [("coder", 5), ("", 15)]


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_tasks_with_one_id_the_last_to_end_holds(rig, turned):
    """
    Whichever comes first: five seconds of the tester's, none of the coder's.
    """
    spans = [
        span
        for task in (Task("t1", "", 0, 5, "coder"), Task("t1", "", 10, 5, "tester"))
        for span in task.spans(pattern__id="bug-fix")
    ]
    send(rig, *(spans[::-1] if turned else spans), b.session(seconds=20))
    rig.pass_seconds(2)

    held = {key.droid: amount for key, amount in totals(rig).items() if isinstance(key, TaskPathTimes)}
    assert held == {"tester": 1}


def test_of_a_phase_that_runs_often_the_latest_runs_count(rig):
    """
    Thirty runs in any order: the digest knows of the last twenty, and the counters of all.
    """
    runs = [Phase("build", n, 1) for n in range(30)]
    spans = list(Session(0, 30, tuple(runs)).spans())
    send(rig, *spans[::-1])
    rig.pass_seconds(2)

    assert sum(totals(rig).values()) == RUNS_LIMIT
    assert rig.head.analyses.find("s1")[0].phases[0].start_ns == b.NOON + 29 * b.SECOND


# --- over the life of a session -------------------------------------------------------------------------


def started(session, span_id=b"", at=0.0):
    event = b.event(
        "orchestrator.started",
        kind="session",
        session=session,
        span_id=span_id,
        at=at,
        pattern__id="bug-fix",
    )
    return b.logs(event)


LOOP = Session(0, 30, (Phase("build", 0, 20),), (Task("t1", "build", 0, 20),))


def test_a_lost_session_has_no_digest_until_it_ends_after_all(tmp_path):
    """
    Lost after three hours, then its end arrives: it is digested as if it had never been away.
    """
    rig = Rig(tmp_path)
    spans = list(LOOP.spans())
    send(rig, *spans[1:])
    rig.pass_seconds(3 * HOUR + 1)
    rig.pass_seconds(2)
    lost = rig.head.analyses.find("s1"), totals(rig)
    send(rig, spans[0])
    rig.pass_seconds(2)

    assert lost == ([], {})
    assert rig.head.analyses.find("s1")[0].outcome == "completed"
    assert rig.head.history.totals(ATLAS, "7d", b.NOON + rig.now).items() >= facts_of(LOOP).items()


def failures(rig):
    found = rig.head.windows.totals(ATLAS, "7d", b.NOON + rig.now + b.SECOND)
    return {
        (key.pattern, key.phase, key.reason): amount
        for key, amount in found.items()
        if isinstance(key, Failures)
    }


def test_a_recovered_session_that_failed_counts_one_failure(tmp_path):
    """
    Lost it had failed for that reason; ended as failed it has its own, in the minute of its end.
    """
    rig = Rig(tmp_path)
    rig.send("logs", started("s1"))
    rig.pass_seconds(3 * HOUR + 1)
    rig.pass_seconds(2)
    lost = failures(rig)
    send(rig, b.session(error="TimeoutError"))
    rig.pass_seconds(2)

    assert lost == {("bug-fix", "", "lost"): 1}
    assert failures(rig) == {("bug-fix", "", "TimeoutError"): 1}
    shown = {key[1]: [each.session for each in of] for key, of in rig.head.examples.dump()}
    assert shown == {(ExampleKind.FAILURE, "bug-fix", "", "TimeoutError"): ["s1"]}


def test_a_session_lost_and_forgotten_takes_its_failure_back_when_it_ends(tmp_path):
    """
    An hour after it was lost: it completed, and nothing of it has failed.
    """
    rig = Rig(tmp_path)
    rig.send("logs", started("s1"))
    for _ in range(3):
        rig.pass_seconds(3 * HOUR + 1)
    send(rig, b.session(seconds=60))
    rig.pass_seconds(2)

    assert failures(rig) == {}


def test_a_failed_phase_that_comes_late_is_the_failure_of_its_session(rig):
    """
    Without it the session itself was to blame; in whatever order, there is one failure.
    """
    send(rig, b.session(error="Broken"))
    rig.pass_seconds(2)
    alone = failures(rig)
    send(rig, Phase("build", 0, 1, "failed").span(pattern__id="bug-fix"))
    rig.pass_seconds(2)

    assert alone == {("bug-fix", "", "Broken"): 1}
    assert failures(rig) == {("bug-fix", "build", "Broken"): 1}


def test_an_id_used_again_has_the_digest_of_the_last_session(rig):
    """
    While the second one runs there is none; the facts of the first stay.
    """
    send(rig, *LOOP.spans())
    rig.pass_seconds(2)
    before = totals(rig)
    rig.send("logs", started("s1", b"\2" * 8, at=60))
    running = rig.head.analyses.find("s1")
    send(rig, b.session(span_id=b"\2" * 8, start=60, seconds=5))
    rig.pass_seconds(2)

    assert running == []
    assert [each.start_ns for each in rig.head.analyses.find("s1")] == [b.NOON + 60 * b.SECOND]
    assert totals(rig) == before == facts_of(LOOP)


def test_a_straggler_of_a_forgotten_session_leaves_its_digest_as_it_was(rig):
    """
    An hour later a task of it arrives: it counts as a task, but the session is not known in whole.
    """
    send(rig, *LOOP.spans())
    rig.pass_seconds(2)
    rig.pass_seconds(HOUR)
    before = rig.head.analyses.find("s1"), totals(rig)
    send(rig, *Task("t2", "build", 0, 30, "tester").spans(pattern__id="bug-fix"))
    rig.pass_seconds(60)

    assert (rig.head.analyses.find("s1"), totals(rig)) == before
    counted = rig.head.windows.totals(ATLAS, "7d", b.NOON + rig.now)
    assert not [key for key in counted if isinstance(key, SessionMessages)]


def test_times_without_sense_are_digested_and_survive_a_restart(rig):
    """
    Phases of six hundred years that end together: their sum is more than 64 bits can hold.
    """
    of = {"pattern__id": "bug-fix", "phase__depends_on": ["other"], "phase__planned_seconds": 1.0}
    spans = [b.span("phase", phase__id="build", **of) for _ in range(3)]
    spans += [
        b.session(),
        b.task(phase__id="build"),
        b.span("phase", phase__id="other", pattern__id="bug-fix"),
    ]
    for span in spans:
        span.start_time_unix_nano, span.end_time_unix_nano = 1, 2**64 - 1
    send(rig, *spans)
    rig.pass_seconds(2)
    before = rig.head.analyses.dump()
    rig.restart()

    assert rig.head.analyses.dump() == before
    assert before[0].end_ns == 2**64 - 1


def test_a_session_of_many_phases_is_digested_at_once_and_shown_in_part(rig):
    """
    Five thousand, one after the other, of which one declares what it depends on: the first 200 are shown.
    """
    phases = [Phase(f"p{n:04}", n, 1) for n in range(4999)]
    session = Session(0, 5000, (*phases, Phase("last", 4999, 1, depends_on=("p0000",))))
    rig.now = 2 * HOUR * b.SECOND
    send(rig, *session.spans())
    began = time.process_time()
    rig.pass_seconds(2)
    spent = time.process_time() - began

    (analysis,) = rig.head.analyses.find("s1")
    assert [each.phase for each in analysis.phases] == [each.name for each in phases[:200]]
    found = rig.head.history.totals(ATLAS, "7d", b.NOON + rig.now)
    assert found[SessionSequencing(pattern="bug-fix", total="critical_ns")] == 4999 * b.SECOND
    assert spent < 5


def test_the_newest_digests_are_kept(rig, monkeypatch):
    """
    Two of three; what the third had added to the history stays.
    """
    monkeypatch.setattr(analysis_module, "ANALYSES_LIMIT", 2)
    for number in range(3):
        send(rig, *LOOP.spans(f"s{number}"))
        rig.pass_seconds(2)

    assert [each.session for each in rig.head.analyses.dump()] == ["s1", "s2"]
    assert sum(totals(rig).values()) == 3 * sum(facts_of(LOOP).values())


def test_late_records_wait_for_each_other_as_long_as_a_digest_is_worth(rig, monkeypatch):
    """
    A session of 3,000 tasks gets fifty more, one a second: it is digested a few times, not fifty.
    """
    made = []
    original = analysis_module.critical_path
    monkeypatch.setattr(analysis_module, "critical_path", lambda *of: made.append(of) or original(*of))
    tasks = [Task(f"t{n}", "", n // 100, 5) for n in range(3000)]
    spans = [span for task in tasks for span in task.spans(pattern__id="bug-fix")]
    send(rig, b.session(seconds=100), *spans)
    rig.pass_seconds(2)
    for number in range(50):
        send(rig, *Task(f"late{number}", "", 90, 1).spans(pattern__id="bug-fix"))
        rig.pass_seconds(1)
    rig.pass_seconds(20)

    assert len(made) < 15
    assert rig.head.analyses.find("s1")[0].tasks_completed == 3050
