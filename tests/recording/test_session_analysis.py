"""
The analysis of an ended session, against what plain lists of its spans say.
"""

from __future__ import annotations

import time
from collections import Counter

import pytest
from hypothesis import example, given

import builders as b
from droidscope.facts.facts import Failures, PhaseIdleTime, SessionMessages, SessionSequencing
from droidscope.model.examples import ExampleKind
from droidscope.recording import session_analysis as analysis_module
from recording.plain_sessions import (
    ATLAS,
    FULL_STACK,
    HOUR,
    MINUTE,
    Phase,
    Session,
    Task,
    facts_of,
    held_seconds,
    opened,
    property_of_rigs,
    random_sessions,
    send,
    totals,
)
from rig import Rig


@pytest.fixture
def rig(tmp_path):
    return opened(tmp_path)


# --- one session --------------------------------------------------------------------------------------


@given(random_sessions())
@example(
    Session(0, 9, (Phase("plan", 3, 0, depends_on=("build",)), Phase("test", 5, 0), Phase("ship", 5, 0)))
)
@example(
    # While plan runs on, build holds from 1 to 3, and of its tasks the one that ended at 3.
    Session(
        0,
        5,
        (Phase("plan", 3, 13), Phase("build", 1, 3)),
        (Task("t1", "build", 1, 2, "coder"), Task("t3", "build", 0, 2, "coder")),
    )
)
@property_of_rigs
def test_an_analysis_adds_what_the_spans_say(tmp_path_factory, session):
    """
    Phases by time and path, those over their plan, the time each task held, makespan and critical path.
    """
    rig = opened(tmp_path_factory.mktemp("rig"))
    send(rig, *session.spans())
    rig.pass_seconds(2)

    assert totals(rig) == facts_of(session)


@given(random_sessions())
@property_of_rigs
def test_the_path_of_an_analysis_is_who_held_at_each_moment(tmp_path_factory, session):
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


def test_a_lost_session_has_no_analysis_until_it_ends_after_all(tmp_path):
    """
    Lost after three hours, then its end arrives: it is analysed as if it had never been away.
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


def test_an_id_used_again_has_the_analysis_of_the_last_session(rig):
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


def test_a_straggler_of_a_forgotten_session_leaves_its_analysis_as_it_was(rig):
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


def test_times_without_sense_are_analysed_and_survive_a_restart(rig):
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


def test_a_session_of_many_phases_is_analysed_at_once_and_shown_in_part(rig):
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


def test_the_newest_analyses_are_kept(tmp_path, monkeypatch):
    """
    Two of three; what the third had added to the history stays.
    """
    monkeypatch.setattr(analysis_module, "ANALYSES_LIMIT", 2)
    rig = Rig(tmp_path / "store")
    for number in range(3):
        send(rig, *LOOP.spans(f"s{number}"))
        rig.pass_seconds(2)

    assert [each.session for each in rig.head.analyses.dump()] == ["s1", "s2"]
    assert sum(totals(rig).values()) == 3 * sum(facts_of(LOOP).values())


def test_late_records_wait_for_each_other_as_long_as_an_analysis_is_worth(rig, monkeypatch):
    """
    A session of 3,000 tasks gets fifty more, one a second: it is analysed a few times, not fifty.
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
