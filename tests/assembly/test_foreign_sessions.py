"""
Foreign steps become sessions: when they are over, what belongs to them, and what counts once.
"""

import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from corpus import HOUR as LATER
from corpus import only
from droidscope.assembly.foreign_sessions import ForeignDump, ForeignSessions
from droidscope.assembly.foreign_settings import ForeignSettings
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
    model,
    named,
    other,
    our_place,
    our_task,
    ours,
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
    Inner ones do not count; where an agent is outermost it is the lead, and the pattern has its name.
    """
    records = settled(other(workflow("outer", workflow("inner", agent("ada")))))
    bare = settled(agent("ada", tool("plan", workflow("inner"))))

    assert {record.place.pattern for record in records} == {"outer"}
    assert {record.place.pattern for record in bare} == {"ada"}


def test_of_agents_side_by_side_the_first_leads():
    """
    Nothing encloses them, whatever ran in them; without a name there is no pattern.
    """
    records = settled(other(agent("bob", agent("ada"), start=5, end=90), agent("eve", start=91, end=95)))

    assert {record.place.pattern for record in records} == {"bob"}
    assert {record.place.pattern for record in settled(agent(""))} == {""}


def test_traces_without_agents_are_ignored_and_counted():
    """
    Neither plain HTTP nor a bare model request is a session of an orchestrator.
    """
    sessions = ForeignSessions()
    arrive(sessions, steps(other(other()), trace="http"))
    arrive(sessions, steps(other(model(5)), trace="chat"))

    assert sessions.settle(LATER) == []
    assert sessions.ignored == 2


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

    assert [settled.session for settled in sessions.dump().settled] == ["a", "c"]
    assert len(sessions.dump().settled_traces) == 2


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
    sessions.add_native_span(b"trace", ours(our_place(), ended=False), 0)

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
    sessions.add_native_span(b"three", ours(our_task()), 0)
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
            sessions.add_native_span(b"1", span, 0)
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
