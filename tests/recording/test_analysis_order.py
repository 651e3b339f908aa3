"""
The analysis of a session is the same in whatever order its records arrive.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import builders as b
from droidscope.facts.history import HOURS
from droidscope.facts.sketched_facts import TaskPathTimes
from droidscope.recording.phase_recorder import RUNS_LIMIT
from recording.plain_sessions import (
    FULL_STACK,
    HOUR,
    Phase,
    Session,
    Task,
    droids,
    names,
    opened,
    random_sessions,
    send,
    starts,
    totals,
)


@pytest.fixture
def rig(tmp_path):
    return opened(tmp_path)


def end_state(rig):
    """
    Facts of minutes and hours in all windows, examples and analyses.
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
    the same facts of every window, the same examples and the same analyses.
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


def test_a_conflict_told_late_is_in_the_analysis(rig):
    """
    A log event that comes after the session has been analysed.
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
    Thirty runs in any order: the analysis knows of the last twenty, and the counters of all.
    """
    runs = [Phase("build", n, 1) for n in range(30)]
    spans = list(Session(0, 30, tuple(runs)).spans())
    send(rig, *spans[::-1])
    rig.pass_seconds(2)

    assert sum(totals(rig).values()) == RUNS_LIMIT
    assert rig.head.analyses.find("s1")[0].phases[0].start_ns == b.NOON + 29 * b.SECOND
