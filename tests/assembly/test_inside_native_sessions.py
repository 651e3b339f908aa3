"""
Foreign steps inside a native session add to it; alone they leave it as it is.
"""

from corpus import HOUR as LATER
from corpus import only
from droidscope.assembly.foreign_sessions import ForeignSessions
from droidscope.assembly.foreign_settings import ForeignSettings
from droidscope.model import records as r
from foreign import (
    CREW,
    HOUR,
    MINUTE,
    SECOND,
    agent,
    arrive,
    model,
    our_place,
    our_task,
    ours,
    phase,
    settled,
    steps,
    tool,
    workflow,
)


def inside(*branches, span=None, parent=b"our-span", more=(), wait=LATER):
    sessions = ForeignSessions()
    arrive(sessions, steps(*branches, parent=parent))
    for own in (span or ours(our_task()), *more):
        sessions.add_native_span(b"trace", own, 0)
    return sessions.settle(wait)


def test_inside_a_task_of_ours_foreign_spans_are_tools_and_tokens():
    """
    Its agents and workflows are how that task was done, no tasks or sessions beside it.
    """
    records = inside(workflow("t", phase("p", agent("ada", model(5), tool("grep")))))

    assert {type(record) for record in records} == {r.ModelRequest, r.ToolCall}
    (place,) = {record.place for record in records}
    assert (place.orchestrator, place.session, place.task, place.droid) == (
        ("ours",),
        "our-session",
        "our-task",
        "our-droid",
    )


def test_usage_that_a_task_of_ours_declares_wins():
    """
    The requests still count, their tokens do not; an attempt speaks for its task.
    """
    attempt = ours(our_task(), span_id=b"attempt", has_usage=True)
    by_task = inside(model(5), span=ours(our_task(), has_usage=True))
    by_attempt = inside(model(5), more=[attempt])

    for records in (by_task, by_attempt):
        assert [m.usage for m in records] == [r.Usage("m")]


def test_outside_tasks_foreign_agents_are_tasks_of_our_session():
    """
    But its phases, its start and its end are ours to declare.
    """
    records = inside(phase("p", agent("ada", model(5))), span=ours(our_place(phase="build")))

    assert {type(record) for record in records} == {r.Task, r.ModelRequest}
    assert {(e.place.session, e.place.phase, e.place.droid) for e in records} == {
        ("our-session", "build", "ada")
    }


def test_a_foreign_span_may_say_itself_that_it_is_inside():
    """
    Our span processor marks it; what our task says of itself is better known.
    """
    marks = r.Place((), "our-session", task="our-task", droid="overwritten")
    known = inside(model(5, native_place=marks), parent=b"missing")
    unknown = settled(model(5, native_place=marks))

    assert [record.place.droid for record in known] == ["our-droid"]
    assert [(record.place.orchestrator, record.place.droid) for record in unknown] == [(CREW, "overwritten")]


def test_what_nobody_can_place_in_our_trace_adds_no_tasks():
    """
    A task of ours that never arrived may enclose it.
    """
    records = inside(agent("ada", model(5)), parent=b"missing")

    assert [type(record) for record in records] == [r.ModelRequest]
    assert (records[0].place.session, records[0].place.task) == ("our-session", "")


def test_a_session_of_ours_inside_a_foreign_agent_leaves_it_alone():
    """
    Places are inherited downwards only.
    """
    records = inside(agent("ada"), span=ours(our_place(), parent_id=b"s0000000"), parent=b"")

    assert len(only(r.Session, records)) == 1


def test_signs_of_life_of_ours_keep_a_trace_open():
    """
    Our task is still running: its foreign spans wait for it, and settle with its end.
    """
    sessions = ForeignSessions()
    arrive(sessions, steps(model(5), parent=b"our-span"))
    for minute in range(0, 60, 5):
        sessions.add_native_span(b"trace", ours(our_task(), ended=False), minute * MINUTE)
        assert sessions.settle(minute * MINUTE) == []
    sessions.add_native_span(b"trace", ours(our_task(), has_usage=True), HOUR)
    sessions.add_native_span(b"trace", ours(our_task(), ended=False), HOUR)

    assert [record.usage.input for record in sessions.settle(HOUR + 10 * SECOND)] == [0]


def test_spans_of_ours_alone_make_nothing():
    """
    They have their own way; what is remembered of them is bounded.
    """
    sessions = ForeignSessions(ForeignSettings(max_native_spans=10))
    for number in range(100):
        sessions.add_native_span(str(number).encode(), ours(our_task()), number)

    assert sessions.next_deadline() is None
    assert sessions.settle(LATER) == []
    assert len(sessions.dump().native) == 10


def test_silent_traces_of_ours_are_forgotten():
    """
    After ten minutes, unless foreign steps of the trace wait.
    """
    sessions = ForeignSessions()
    arrive(sessions, steps(model(5), trace="kept", parent=b"our-span"))
    for trace in (b"kept", b"forgotten"):
        sessions.add_native_span(trace, ours(our_task(), parent_id=b"open"), 0)
    sessions.add_native_span(b"new", ours(our_task()), 10 * MINUTE + 1)

    assert set(sessions.dump().native) == {b"kept", b"new"}
