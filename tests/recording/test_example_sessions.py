"""
Examples: which sessions are kept to show what is said of a subject, against a list of all that were shown.
"""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import builders as b
from droidscope.conventions.metrics import WINDOWS
from droidscope.model.examples import ExampleKind, ExampleSession
from droidscope.recording import example_sessions as examples_module
from droidscope.recording.example_sessions import KEPT, SHOWN, ExampleSessions
from rig import Rig

MINUTE = 60 * b.SECOND
HOUR = 3600 * b.SECOND
KEY = (("atlas",), (ExampleKind.WAIT, "bug-fix", "fix"))
OTHER = (("atlas",), (ExampleKind.WAIT, "bug-fix", "plan"))


def since(window, now_ns):
    return now_ns // HOUR * HOUR - WINDOWS[window] * MINUTE


def heaviest(shown, since_ns):
    """
    The definition: of each session the weightiest, of these the first five since a time.
    """
    ranked = sorted(shown, key=lambda each: (-each.weight, -each.time_ns, each.session))
    best = {each.session: each for each in reversed(ranked)}
    return [each for each in ranked if best[each.session] is each and each.time_ns >= since_ns][:SHOWN]


shows = st.tuples(
    st.sampled_from([0, 1, 30, 59, 61, 300, 1439, 1441, 5000]).map(lambda minutes: minutes * MINUTE),
    st.sampled_from([0, 0, 5, 70, 1500, 10_000]).map(lambda minutes: minutes * MINUTE),
    st.integers(0, 9).map(float),
)
"""
Time that passes, how long ago something ended, and its weight.
"""


@given(st.lists(shows, max_size=40))
def test_any_window_has_its_five_weightiest_at_any_time(script):
    """
    Shown late or in time, each session once: what is read later is what a list of all would give, unless
    more than are kept would be needed.
    """
    examples, shown, now = ExampleSessions(), [], b.NOON
    for number, (passed, age, weight) in enumerate(script):
        now += passed
        shown.append(ExampleSession(f"s{number}", "", now - age, weight))
        examples.add(KEY, shown[-1], now)
        needed = [
            each
            for each in shown
            if sum(o.weight > each.weight and o.time_ns >= each.time_ns for o in shown) < SHOWN
        ]
        assume(len(needed) <= KEPT)
        for window in WINDOWS:
            assert examples.of(KEY, since(window, now)) == heaviest(shown, since(window, now))


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=120))
def test_where_too_many_are_needed_the_lightest_are_missing(pairs):
    """
    However they come, no more are kept than may be, and the weightiest of all is always there.
    """
    examples, shown = ExampleSessions(), []
    for number, (age, weight) in enumerate(pairs):
        shown.append(ExampleSession(f"s{number}", "", b.NOON - age, float(weight)))
        examples.add(KEY, shown[-1], b.NOON)

    assert all(len(of) <= KEPT for _, of in examples.dump())
    assert examples.of(KEY, 0) == heaviest(shown, 0)


@given(st.permutations([(n, n * 7 % 11, n % 4) for n in range(20)]))
def test_the_order_in_which_they_are_shown_does_not_matter(order):
    """
    Twenty sessions in any order: the same are kept.
    """
    in_order, shuffled = ExampleSessions(), ExampleSessions()
    for examples, script in ((in_order, sorted(order)), (shuffled, order)):
        for number, age, weight in script:
            examples.add(KEY, ExampleSession(f"s{number}", "", b.NOON - age * HOUR, float(weight)), b.NOON)

    assert in_order.dump() == shuffled.dump()


def test_of_one_session_the_weightier_example_stays():
    """
    A second failure of it that is lighter changes nothing, a weightier one takes its place.
    """
    examples = ExampleSessions()
    for weight in (2.0, 1.0, 3.0):
        examples.add(KEY, ExampleSession("s1", "", b.NOON, weight), b.NOON)

    assert [each.weight for each in examples.of(KEY, 0)] == [3.0]


def test_what_is_hidden_is_shown_no_longer_until_it_is_shown_again():
    """
    A session that turns out not to be an example, and then is one after all.
    """
    examples, example = ExampleSessions(), ExampleSession("s1", "", b.NOON, 1.0)
    examples.add(KEY, example, b.NOON)
    examples.remove(KEY, "s1")
    hidden = examples.of(KEY, 0), examples.dump()
    examples.add(KEY, example, b.NOON)

    assert hidden == ([], [])
    assert examples.of(KEY, 0) == [example]


def test_what_is_too_old_for_any_window_leaves_with_the_next():
    """
    A week and an hour later, for a window of findings begins at a full hour.
    """
    examples = ExampleSessions()
    examples.add(KEY, ExampleSession("old", "", b.NOON, 9.0), b.NOON)
    later = b.NOON + (7 * 24 + 1) * HOUR
    examples.add(KEY, ExampleSession("s1", "", later, 1.0), later)
    examples.add(KEY, ExampleSession("s2", "", later + 1, 1.0), later + 1)

    assert [each.session for each in examples.of(KEY, 0)] == ["s2", "s1"]


def test_the_subject_shown_longest_ago_is_forgotten(monkeypatch):
    """
    Room for one subject: the second takes it.
    """
    monkeypatch.setattr(examples_module, "KEYS_LIMIT", 1)
    examples = ExampleSessions()
    for key in (KEY, OTHER):
        examples.add(key, ExampleSession("s1", "", b.NOON, 1.0), b.NOON)

    assert [key for key, _ in examples.dump()] == [OTHER]


def test_a_reader_has_a_copy_of_its_own():
    """
    What is shown meanwhile is not in it.
    """
    examples = ExampleSessions()
    copied = examples.copy()
    examples.add(KEY, ExampleSession("s1", "", b.NOON, 1.0), b.NOON)

    assert copied.of(KEY, 0) == []


# --- on the road from a request --------------------------------------------------------------------------


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    rig.now = HOUR
    return rig


def shown_of(rig):
    return {key: [each.session for each in of] for (_, key), of in rig.head.examples.dump()}


@pytest.mark.parametrize(
    ("span", "key"),
    [
        (
            b.span("phase", error="Broken", pattern__id="p", phase__id="fix"),
            (ExampleKind.FAILURE, "p", "fix", "Broken"),
        ),
        (b.task(error="Broken", pattern="p"), (ExampleKind.FAILED_TASK, "p", "code", "coder")),
        (
            b.span("message", message__type="query", message__receiver="x", message__outcome="unanswered"),
            (ExampleKind.QUERY, "x"),
        ),
        (
            b.span("message", message__type="query", message__receiver="x", seconds=301),
            (ExampleKind.QUERY, "x"),
        ),
        (b.span("synthesis", pattern__id="p", synthesis__conflicts=1), (ExampleKind.SYNTHESIS, "p")),
        (b.session(pattern="p"), (ExampleKind.FASTEST, "p")),
    ],
)
def test_what_a_span_is_an_example_of(rig, span, key):
    """
    Each by itself, with its trace, at the time at which it ended.
    """
    rig.send("traces", b.traces(span))
    rig.pass_seconds(2)

    assert shown_of(rig) == {key: ["s1"]}
    ((_, (example,)),) = rig.head.examples.dump()
    assert example.trace_id == "01" * 16
    assert example.time_ns == span.end_time_unix_nano


def test_an_example_is_of_the_time_its_subject_ended_not_of_its_arrival(rig):
    """
    Two days late, while its session runs: a finding of today does not cite it. One of the future is of now.
    """
    ago = -2 * 86_400
    rig.send("traces", b.traces(b.task(error="Broken", session="late", start=ago)))
    rig.send("traces", b.traces(b.task(error="Broken", session="ahead", start=1e6)))

    ((key, _),) = rig.head.examples.dump()
    now_ns = b.NOON + rig.now
    assert [each.session for each in rig.head.examples.of(key, since("24h", now_ns))] == ["ahead"]
    assert {each.session: each.time_ns for each in rig.head.examples.of(key, 0)} == {
        "ahead": now_ns,
        "late": b.NOON + (ago + 1) * b.SECOND,
    }


def test_waits_are_shown_from_a_fifth_of_the_phase(rig):
    """
    20 of 100 s are no example, 21 are; whether the query or the phase comes first.
    """
    for session, waited, phase_first in [
        ("a", 20, True),
        ("b", 21, True),
        ("c", 20, False),
        ("d", 21, False),
    ]:
        of = {"session": session, "pattern__id": "p", "phase__id": "fix"}
        spans = [
            b.span("phase", seconds=100, **of),
            b.span("message", message__type="query", message__receiver="x", seconds=waited, **of),
        ]
        rig.send("traces", b.traces(*(spans if phase_first else spans[::-1])))

    assert shown_of(rig)[ExampleKind.WAIT, "p", "fix"] == ["b", "d"]


def test_too_many_messages_are_shown_of_the_droid_that_sent_them(rig):
    """
    Twenty are of use, twenty-one are too many; alone nobody sends too many.
    """
    for session, sent in (("a", 20), ("b", 21)):
        said = [
            b.span("message", session=session, message__type="coordination", message__sender="coder")
            for _ in range(sent)
        ]
        tasks = [b.task("coder", id="t1", session=session), b.task("tester", id="t2", session=session)]
        rig.send("traces", b.traces(*said, *tasks, b.session(session)))
    rig.pass_seconds(2)

    assert shown_of(rig)[ExampleKind.MESSAGES, "coder"] == ["b"]
