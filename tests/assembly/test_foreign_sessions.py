"""
Foreign steps become sessions: when they are over, what belongs to them, and what counts once.
"""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus import HOUR as LATER
from corpus import only, tries
from droidscope.assembly.foreign_sessions import ForeignDump, ForeignSessions, ForeignSettings
from droidscope.model import records as r
from droidscope.model.foreign_steps import NativeSpan, Role, SpanSource, Step
from foreign import (
    CREW,
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    agent,
    arrive,
    branch,
    model,
    other,
    our_place,
    our_task,
    ours,
    phase,
    settled,
    steps,
    tool,
    workflow,
)

# --- when a session is over


def test_a_session_is_over_ten_seconds_after_the_last_arrival():
    """
    Once its outermost span has ended, every arrival starts the wait again.
    """
    late, *early = steps(workflow("team", agent("ada")))
    sessions = ForeignSessions()
    arrive(sessions, early, at=0)
    arrive(sessions, [late], at=9)

    assert sessions.settle(19 * SECOND - 1) == []
    assert len(only(r.Session, sessions.settle(19 * SECOND))) == 1


def test_without_its_outermost_span_a_session_is_over_when_idle():
    """
    Nothing for ten minutes: what is missing will not come.
    """
    sessions = ForeignSessions()
    arrive(sessions, steps(agent("ada"), parent=b"never"))

    assert sessions.settle(10 * MINUTE - 1) == []
    assert len(only(r.Session, sessions.settle(10 * MINUTE))) == 1


def test_the_deadline_is_when_settling_has_something_to_do():
    """
    None without open traces, and never later than the next session is over.
    """
    sessions = ForeignSessions()

    assert sessions.next_deadline() is None
    arrive(sessions, steps(workflow("team", agent("ada"))), at=5)
    assert sessions.next_deadline() <= 15 * SECOND
    sessions.settle(15 * SECOND)
    assert sessions.settle(HOUR) == []
    assert sessions.next_deadline() is None


# --- which session


def named(session, *, trace, start=0, end=100, droid="ada", failed=False):
    root = workflow(
        "team", agent(droid, start=start, end=end), session_id=session, start=start, end=end, failed=failed
    )
    return steps(root, trace=trace)


def test_traces_of_one_session_id_are_one_session():
    """
    It lasts from the first start to the last end; all its traces wait for the last.
    """
    sessions = ForeignSessions()
    arrive(sessions, named("s", trace="one", start=0, end=10))
    arrive(sessions, named("s", trace="two", start=50, end=60), at=8)

    assert sessions.settle(17 * SECOND) == []
    records = sessions.settle(18 * SECOND)
    (session,) = only(r.Session, records)
    assert (session.place.session, session.duration_ns) == ("s", 60 * SECOND)
    assert len(only(r.Task, records)) == 2


def test_a_trace_that_is_over_does_not_wait_for_others_for_ever():
    """
    After ten minutes it settles without them.
    """
    sessions = ForeignSessions()
    arrive(sessions, named("s", trace="one"))
    for minute in range(11):
        arrive(
            sessions, steps(agent(f"a{minute}", session_id="s"), trace="two", parent=b"open"), at=60 * minute
        )
        if minute < 10:
            assert sessions.settle(minute * MINUTE + 1) == []

    assert len(only(r.Session, sessions.settle(10 * MINUTE + 10 * SECOND))) == 1
    assert len(sessions) == 1


def test_a_session_counted_once_only_grows():
    """
    A later trace of its id adds work, but no second start, end or outcome; its pattern stays.
    """
    sessions = ForeignSessions()
    arrive(sessions, named("s", trace="one"))
    sessions.settle(MINUTE)

    arrive(sessions, steps(agent("bob", model(7), session_id="s"), trace="two"), at=60)
    records = sessions.settle(2 * MINUTE)

    assert {type(record) for record in records} == {r.Task, r.ModelRequest}
    assert {(record.place.session, record.place.pattern) for record in records} == {("s", "team")}


def test_a_session_is_known_for_a_day():
    """
    The same id after more than that is another session.
    """
    sessions = ForeignSessions()
    arrive(sessions, named("s", trace="one"))
    sessions.settle(MINUTE)
    arrive(sessions, named("s", trace="two"), at=2 * DAY // SECOND)

    assert len(only(r.Session, sessions.settle(3 * DAY))) == 1


def test_a_late_span_still_finds_the_session_of_its_trace():
    """
    Even though it does not name the session that others of the trace named.
    """
    sessions = ForeignSessions()
    arrive(sessions, named("s", trace="one"))
    sessions.settle(MINUTE)
    arrive(sessions, steps(tool("grep", agent="ada"), trace="one", parent=b"forgotten"), at=60)

    (call,) = sessions.settle(HOUR)
    assert (call.tool, call.place.session, call.place.droid) == ("grep", "s", "ada")


def test_a_trace_with_several_sessions_splits():
    """
    What only encloses them is none itself.
    """
    jobs = (agent("ada", model(1), session_id="one"), agent("bob", model(2), session_id="two"))
    records = settled(workflow("batch", *jobs))

    assert {session.place.session for session in only(r.Session, records)} == {"one", "two"}
    assert {(m.place.session, m.place.droid) for m in only(r.ModelRequest, records)} == {
        ("one", "ada"),
        ("two", "bob"),
    }


def test_without_a_session_id_the_outermost_conversation_is_the_session():
    """
    Those of agents further down are their own affair.
    """
    inner = agent("bob", conversation_id="inner")
    records = settled(other(agent("ada", tool("ask", inner), conversation_id="outer")))

    assert [session.place.session for session in only(r.Session, records)] == ["outer"]


def test_traces_of_one_conversation_are_one_session():
    """
    Turns that share nothing but the conversation of their outermost span.
    """
    sessions = ForeignSessions()
    for turn in ("one", "two"):
        arrive(sessions, steps(agent("ada", conversation_id="c"), trace=turn), at=len(turn))

    (session,) = only(r.Session, sessions.settle(LATER))
    assert session.place.session == "c"


def test_a_turn_that_is_over_waits_for_the_next_of_its_conversation():
    """
    As traces of one session id do.
    """
    sessions = ForeignSessions()
    arrive(sessions, steps(agent("ada", conversation_id="c"), trace="one"), at=0)
    arrive(sessions, steps(agent("ada", conversation_id="c"), trace="two"), at=5)

    assert sessions.settle(10 * SECOND) == []
    assert len(only(r.Task, sessions.settle(15 * SECOND))) == 2


def test_without_any_id_the_trace_is_the_session():
    """
    Its id in hexadecimal.
    """
    records = settled(agent("ada"), trace="trace")

    assert [session.place.session for session in only(r.Session, records)] == [b"trace".hex()]


def test_a_session_belongs_to_who_sent_its_outermost_run():
    """
    Agents that ran in another service are its droids, too.
    """
    sessions = ForeignSessions()
    *inner, root = steps(workflow("team", agent("ada")))
    arrive(sessions, inner, orchestrator=("helper",))
    arrive(sessions, [root], orchestrator=("main",))

    assert {record.place.orchestrator for record in sessions.settle(LATER)} == {("main",)}


def test_the_pattern_is_the_outermost_workflow():
    """
    Inner ones do not count; where an agent is outermost there is none.
    """
    records = settled(other(workflow("outer", workflow("inner", agent("ada")))))
    bare = settled(agent("ada", tool("plan", workflow("inner"))))

    assert {record.place.pattern for record in records} == {"outer"}
    assert {record.place.pattern for record in bare} == {""}


def test_traces_without_agents_are_ignored_and_counted():
    """
    Neither plain HTTP nor a bare model request is a session of an orchestrator.
    """
    sessions = ForeignSessions()
    arrive(sessions, steps(other(other()), trace="http"))
    arrive(sessions, steps(other(model(5)), trace="chat"))

    assert sessions.settle(LATER) == []
    assert sessions.ignored == 2


# --- outcomes


@pytest.mark.parametrize(
    ("root", "outcome", "error_type"),
    [
        (workflow("t", agent("a")), "completed", ""),
        (workflow("t", agent("a"), failed=True, error_type="E"), "failed", "E"),
        (workflow("t", agent("a", failed=True, error_type="E"), failed=True), "failed", "E"),
        (workflow("t", agent("a", end=10), agent("b", failed=True, error_type="E", end=20)), "failed", "E"),
        (workflow("t", agent("a", failed=True, end=10), agent("b", end=20)), "completed", ""),
        (workflow("t", agent("a", tool("x", failed=True), model(failed=True))), "completed", ""),
        (other(agent("a"), failed=True), "completed", ""),
        (agent("a", tool("x", agent("b", failed=True, start=1, end=10)), end=10), "completed", ""),
    ],
    ids=[
        "fine",
        "root failed",
        "reason below",
        "last failed",
        "cured",
        "coped",
        "only around",
        "outer decides",
    ],
)
def test_a_session_fails_with_its_outermost_or_its_last_run(root, outcome, error_type):
    """
    A failure that other work followed was cured; tools and model requests alone fail no session.
    """
    (session,) = only(r.Session, settled(root))

    assert (session.outcome, session.error_type) == (outcome, error_type)


def test_of_several_turns_the_last_decides():
    """
    A failed first turn is no failed session.
    """
    sessions = ForeignSessions()
    arrive(sessions, named("s", trace="one", end=10, failed=True))
    arrive(sessions, named("s", trace="two", start=20, end=30))

    (session,) = only(r.Session, sessions.settle(LATER))
    assert session.outcome == "completed"


# --- agent runs


def droids(records):
    return sorted(run.place.droid for run in tries(records))


def test_a_run_seen_twice_counts_once():
    """
    A graph's node and the graph in it, by name or by run key; the outer one is kept.
    """
    assert droids(settled(workflow("t", agent("ada", workflow("x", agent("ada")))))) == ["ada"]
    assert droids(settled(workflow("t", agent("ada", agent("graph", run_key="k"), run_key="k")))) == ["ada"]


def test_a_run_called_through_a_tool_is_a_run():
    """
    An agent may call itself, or another within it.
    """
    assert droids(settled(agent("ada", tool("ask", agent("ada"))))) == ["ada", "ada"]
    assert droids(settled(agent("ada", agent("bob")))) == ["ada", "bob"]


def test_a_failed_run_and_its_repetition_are_attempts_of_one_task():
    """
    The last decides; the task lasts from the first start to the last end.
    """
    first = agent("ada", model(1), start=0, end=10, failed=True, error_type="E")
    records = settled(workflow("t", first, agent("ada", model(2), start=12, end=20)))

    (task,) = only(r.Task, records)
    attempts = only(r.Attempt, records)
    assert (task.attempts, task.outcome, task.duration_ns) == (2, "completed", 20 * SECOND)
    assert [(a.number, a.outcome, a.error_type) for a in attempts] == [
        (1, "failed", "E"),
        (2, "succeeded", ""),
    ]
    assert {record.place.task for record in records if record.place.droid} == {task.place.task}


@pytest.mark.parametrize(
    "second",
    [
        agent("ada", start=12, end=20),
        agent("bob", start=12, end=20),
        workflow("w", agent("ada", start=12, end=20)),
    ],
    ids=["after a success", "another agent", "elsewhere"],
)
def test_other_runs_are_tasks_of_their_own(second):
    """
    Work sent back after it succeeded is new work.
    """
    first = agent("ada", end=10, failed=second.fields["name"] != "ada")

    assert [task.attempts for task in only(r.Task, settled(workflow("t", first, second)))] == [0, 0]


def test_runs_side_by_side_are_no_retries():
    """
    The second began before the first had failed.
    """
    records = settled(workflow("t", agent("ada", end=10, failed=True), agent("ada", start=5, end=20)))

    assert [task.attempts for task in only(r.Task, records)] == [0, 0]


def test_a_run_key_tells_attempts_and_tasks_apart():
    """
    Equal keys are one task whatever happened; different keys are two, even after a failure.
    """
    same = settled(workflow("t", agent("a", end=1, run_key="k"), agent("a", start=2, run_key="k")))
    different = settled(
        workflow("t", agent("a", end=1, run_key="k", failed=True), agent("a", start=2, run_key="l"))
    )

    assert [task.attempts for task in only(r.Task, same)] == [2]
    assert [task.attempts for task in only(r.Task, different)] == [0, 0]


# --- tools, tokens, phases


def test_tools_and_tokens_belong_to_the_nearest_agent():
    """
    However many spans lie between.
    """
    inner = agent("bob", workflow("cycle", model(3), tool("grep")))
    records = settled(agent("ada", model(1), tool("ask", inner)))

    assert {(m.place.droid, m.usage.input) for m in only(r.ModelRequest, records)} == {("ada", 1), ("bob", 3)}
    assert {(call.place.droid, call.tool) for call in only(r.ToolCall, records)} == {
        ("ada", "ask"),
        ("bob", "grep"),
    }


def test_a_hand_off_is_no_tool_call():
    """
    Neither one by name nor a tool called as the agent that it runs.
    """
    records = settled(agent("ada", branch(Role.HANDOFF, name="x"), tool("bob", agent("bob"))))

    assert only(r.ToolCall, records) == []
    assert droids(records) == ["ada", "bob"]


def test_an_agent_s_own_sum_counts_only_without_model_requests():
    """
    It repeats what they say, and some frameworks let it grow over the agent's life.
    """
    summed = {"usage": r.Usage("m", input=9)}
    with_models = settled(workflow("t", agent("ada", model(4), **summed), agent("bob", **summed)))
    without = settled(workflow("t", agent("ada", **summed)))

    assert [task.usage for task in only(r.Task, with_models)] == [None, None]
    assert [task.usage.input for task in only(r.Task, without)] == [9]


def test_phases_are_those_that_a_source_declares():
    """
    What runs in one says so.
    """
    records = settled(workflow("t", phase("design", agent("ada", model(1))), agent("bob", failed=True)))

    assert [(each.place.phase, each.outcome) for each in only(r.Phase, records)] == [("design", "completed")]
    assert {(task.place.droid, task.place.phase) for task in only(r.Task, records)} == {
        ("ada", "design"),
        ("bob", ""),
    }


OPENINFERENCE = {"source": SpanSource.OPENINFERENCE}


def test_two_instrumentations_of_one_process_count_once():
    """
    Each step of the one beside, or around, the same step of the other; GenAI's are kept.
    """
    one = agent("ada", model(5, start=1, end=9), tool("grep", start=10, end=19), start=0, end=20)
    two = agent(
        "ada",
        model(5, start=1, end=9, **OPENINFERENCE),
        tool("grep", start=10, end=19, **OPENINFERENCE),
        start=0,
        end=20,
        **OPENINFERENCE,
    )
    beside = settled(workflow("t", one, two))
    around = settled(workflow("t", agent("ada", one, **OPENINFERENCE)))

    for records in (beside, around):
        assert droids(records) == ["ada"]
        assert [m.usage.input for m in only(r.ModelRequest, records)] == [5]
        assert len(only(r.ToolCall, records)) == 1


def test_a_model_request_in_a_model_request_is_the_same():
    """
    A framework's span around its client's; tokens are taken from the one that has them.
    """
    records = settled(agent("ada", model(0, model(8))))

    assert [m.usage.input for m in only(r.ModelRequest, records)] == [8]


def test_calls_one_after_the_other_are_two():
    """
    By different sources or not.
    """
    one = settled(agent("ada", model(1, end=10), model(2, start=10, **OPENINFERENCE)))
    other_way = settled(agent("ada", model(1, end=10, **OPENINFERENCE), model(2, start=10)))

    assert len(only(r.ModelRequest, one)) == len(only(r.ModelRequest, other_way)) == 2


# --- inside a session of ours


def inside(*branches, span=None, parent=b"our-span", more=(), wait=LATER):
    sessions = ForeignSessions()
    arrive(sessions, steps(*branches, parent=parent))
    for own in (span or ours(our_task()), *more):
        sessions.own(b"trace", own, 0)
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
        sessions.own(b"trace", ours(our_task(), ended=False), minute * MINUTE)
        assert sessions.settle(minute * MINUTE) == []
    sessions.own(b"trace", ours(our_task(), has_usage=True), HOUR)
    sessions.own(b"trace", ours(our_task(), ended=False), HOUR)

    assert [record.usage.input for record in sessions.settle(HOUR + 10 * SECOND)] == [0]


def test_spans_of_ours_alone_make_nothing():
    """
    They have their own way; what is remembered of them is bounded.
    """
    sessions = ForeignSessions(ForeignSettings(max_own_spans=10))
    for number in range(100):
        sessions.own(str(number).encode(), ours(our_task()), number)

    assert sessions.next_deadline() is None
    assert sessions.settle(LATER) == []
    assert len(sessions.dump().own) == 10


def test_silent_traces_of_ours_are_forgotten():
    """
    After ten minutes, unless foreign steps of the trace wait.
    """
    sessions = ForeignSessions()
    arrive(sessions, steps(model(5), trace="kept", parent=b"our-span"))
    for trace in (b"kept", b"forgotten"):
        sessions.own(trace, ours(our_task(), parent_id=b"open"), 0)
    sessions.own(b"new", ours(our_task()), 10 * MINUTE + 1)

    assert set(sessions.dump().own) == {b"kept", b"new"}


# --- bounds, live view, checkpoints


def test_for_want_of_room_the_longest_idle_is_settled_early():
    """
    Counted, and nothing of it is lost.
    """
    sessions = ForeignSessions(ForeignSettings(max_traces=2))
    for number, trace in enumerate(("one", "two", "one", "three")):
        arrive(sessions, steps(agent("ada"), trace=trace, parent=b"open", prefix=f"{number}"), at=number)

    assert sessions.evicted == 1
    assert sessions.next_deadline() == 0
    assert [each.place.session for each in only(r.Session, sessions.settle(4 * SECOND))] == [b"two".hex()]


def test_steps_are_bounded_too():
    """
    Even those of a single trace.
    """
    sessions = ForeignSessions(ForeignSettings(max_steps=3))
    arrive(sessions, steps(agent("ada", model(1), model(2), model(3)), parent=b"open"))

    assert sum(len(trace.steps) for trace in sessions.dump().traces) <= 3
    assert len(only(r.ModelRequest, sessions.settle(LATER))) in (0, 3)


def test_memory_of_settled_sessions_is_bounded():
    """
    The longest unheard of is forgotten first.
    """
    sessions = ForeignSessions(ForeignSettings(max_known=2))
    for number, name in enumerate(("a", "b", "a", "c")):
        arrive(sessions, named(name, trace=f"t{number}"), at=number * 60)
        sessions.settle((number + 1) * MINUTE)

    assert [known.session for known in sessions.dump().known] == ["a", "c"]
    assert len(sessions.dump().known_traces) == 2


def test_running_sessions_show_by_their_children():
    """
    Until the outermost span has ended; traces of one session id are one session.
    """
    sessions = ForeignSessions()
    arrive(sessions, steps(agent("ada", start=5, session_id="s"), trace="one", parent=b"open"), at=1)
    arrive(sessions, steps(agent("bob", start=3, session_id="s"), trace="two", parent=b"open"), at=2)
    arrive(sessions, steps(other(), trace="http", parent=b"open"))
    arrive(sessions, steps(workflow("over", agent("eve")), trace="over"))

    (running,) = sessions.active()
    assert (running.orchestrator, running.session, running.pattern) == (CREW, "s", "")
    assert (running.start_ns, running.last_clock_ns) == (3 * SECOND, 2 * SECOND)
    assert running.droids == ("ada", "bob")


def test_sessions_of_ours_speak_for_themselves():
    """
    Foreign spans in them are no running sessions.
    """
    sessions = ForeignSessions()
    arrive(sessions, steps(model(1, native_place=r.Place((), "our-session")), trace="marked", parent=b"open"))
    arrive(sessions, steps(agent("ada"), trace="trace", parent=b"open"))
    sessions.own(b"trace", ours(our_place(), ended=False), 0)

    assert list(sessions.active()) == []


def restarted(sessions):
    """
    The same after a checkpoint was written and read.
    """
    again = ForeignSessions()
    again.load(msgspec.msgpack.decode(msgspec.msgpack.encode(sessions.dump()), type=ForeignDump))
    return again


def test_a_restart_forgets_nothing():
    """
    Records that are due, known sessions, spans of ours and counts all come back.
    """
    sessions = ForeignSessions(ForeignSettings(max_traces=1))
    arrive(sessions, named("s", trace="one"))
    sessions.own(b"three", ours(our_task()), 0)
    sessions.settle(MINUTE)
    arrive(sessions, steps(other(), trace="http"), at=60)
    arrive(sessions, named("s", trace="two"), at=61)

    again = restarted(sessions)
    arrive(again, steps(model(3), trace="three", parent=b"our-span"), at=62)

    records = again.settle(LATER)
    assert (again.evicted, again.ignored) == (sessions.evicted, sessions.ignored) == (1, 1)
    assert only(r.Session, records) == []
    assert {record.place.session for record in records} == {"s", "our-session"}


# --- whatever arrives


IDS = [bytes([n]) * 8 for n in range(12)]
NAMES = st.sampled_from(["ada", "bob"])


@st.composite
def anything(draw):
    """
    Steps of three traces with whatever parents, circles too, and spans of ours among them.
    """
    made = {}
    for trace_id in (b"1", b"2", b"3"):
        for span_id in draw(st.sets(st.sampled_from(IDS))):
            start = draw(st.integers(0, 9))
            made[trace_id, span_id] = Step(
                trace_id,
                span_id,
                draw(st.sampled_from([*IDS, b""])),
                start,
                start + draw(st.integers(0, 9)),
                source=draw(st.sampled_from(SpanSource)),
                role=draw(st.sampled_from(Role)),
                name=draw(NAMES),
                failed=draw(st.booleans()),
                usage=draw(st.none() | st.just(r.Usage("m", 1))),
                session_id=draw(st.sampled_from(["", "", "x", "y"])),
                conversation_id=draw(st.sampled_from(["", "c"])),
                run_key=draw(st.sampled_from(["", "k"])),
                native_place=draw(
                    st.none() | st.just(r.Place((), "our-session", task="our-task", trace_id=trace_id.hex()))
                ),
            )
    own = draw(
        st.dictionaries(
            st.sampled_from(IDS[:4]), st.sampled_from([our_task(trace_id="31"), our_place(trace_id="31")])
        )
    )
    free = [step for step in made.values() if step.span_id not in own]
    return free, [NativeSpan(span_id, b"", place) for span_id, place in own.items()]


@given(anything(), st.integers())
def test_whatever_arrives_in_whatever_order_counts_once(arrivals, seed):
    """
    Each session starts and ends once, each span makes at most one record of a kind, and neither the
    order nor a restart changes any.
    """
    arrived, own = arrivals
    shuffled = list(arrived)
    random.Random(seed).shuffle(shuffled)

    def records_of(order):
        sessions = ForeignSessions()
        for step in order[: len(order) // 2]:
            sessions.add(step, CREW, 0)
        for span in own:
            sessions.own(b"1", span, 0)
        sessions = restarted(sessions)
        for step in order[len(order) // 2 :]:
            sessions.add(step, CREW, 0)
        return sessions.settle(LATER)

    records = records_of(arrived)

    assert records == records_of(shuffled)
    ids = [(type(record), record.place.trace_id, record.span_id, record.place.session) for record in records]
    assert len(set(ids)) == len(ids)
    starts = [record.place.session for record in only(r.Started, records)]
    assert sorted(starts) == sorted(record.place.session for record in only(r.Session, records))
    assert len(set(starts)) == len(starts)
    models = sum(step.role is Role.MODEL for step in arrived)
    assert len(only(r.ModelRequest, records)) <= models
