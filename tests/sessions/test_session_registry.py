"""
Sessions over their life: silent, lost, recovered, forgotten, used again; and never too many.
"""

from __future__ import annotations

import pytest

import builders as b
from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import Outcome
from droidscope.facts.facts import SessionMessages
from droidscope.sessions.settings import HeadSettings
from rig import Rig

FIX = {"pattern__id": "bug-fix"}
HOUR = 3600


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / "store")


def alive(session, at):
    return b.logs(b.event("orchestrator.alive", session=session, at=at, **FIX))


def started(session, span_id=b"", at=0.0):
    return b.logs(
        b.event("orchestrator.started", kind="session", session=session, span_id=span_id, at=at, **FIX)
    )


def lost(rig):
    return rig.value(m.SESSIONS, "bug-fix", "lost")


def messages_of(rig, window="7d"):
    """
    The count of sessions by messages sent, per droid.
    """
    totals = rig.head.windows.totals(("atlas",), window, b.NOON + rig.now + 1)
    return {(key.droid, key.n): amount for key, amount in totals.items() if isinstance(key, SessionMessages)}


def test_a_session_that_was_alive_is_lost_after_an_hour_while_others_arrive(rig):
    """
    It spoke at 0:20; at 1:19 it is silent, at 1:20 it is lost.
    """
    for minute in range(0, 80, 10):
        rig.now = minute * 60 * b.SECOND
        rig.send("logs", alive("other", minute * 60))
        if minute <= 20:
            rig.send("logs", alive("s1", minute * 60))
    rig.now = 79 * 60 * b.SECOND
    rig.send("logs", alive("other", 79 * 60))
    before = lost(rig)
    rig.pass_seconds(61)

    assert (before, lost(rig)) == (0, 1)


def test_alone_it_has_three_hours(rig):
    """
    Where nothing else of the orchestrator arrives, the network may be what is silent.
    """
    rig.send("logs", alive("s1", 0))
    rig.pass_seconds(3 * HOUR - 1)
    before = lost(rig)
    rig.pass_seconds(61)

    assert (before, lost(rig)) == (0, 1)


def test_a_configured_time_holds_for_both(tmp_path):
    """
    Lost after five minutes, alive events or not, alone or not.
    """
    rig = Rig(tmp_path / "store", settings=HeadSettings(lost_after_ns=300 * b.SECOND))
    rig.send("logs", alive("s1", 0))
    rig.send("logs", started("s2"))
    rig.pass_seconds(299)
    before = lost(rig)
    rig.pass_seconds(1)

    assert (before, lost(rig)) == (0, 2)


def test_a_recovered_session_takes_its_message_counts_with_it(rig):
    """
    Lost, its droids' messages counted in that minute; ended after all, they count in the minute of
    its end, and only there.
    """

    def said(n):
        return [
            b.span("message", message__type="coordination", message__sender="coder", **FIX) for _ in range(n)
        ]

    rig.send("traces", b.traces(b.task("coder", id="t1"), b.task("tester", id="t2"), *said(2)))
    rig.pass_seconds(3 * HOUR + 1)
    rig.pass_seconds(2)
    when_lost = messages_of(rig)
    rig.pass_seconds(600)
    rig.send("traces", b.traces(*said(3), b.session(start=4 * HOUR - 10, seconds=5)))
    rig.pass_seconds(3 * HOUR)

    assert when_lost == {("coder", "2"): 1, ("tester", "0"): 1}
    assert messages_of(rig) == messages_of(rig, "24h") == {("coder", "5"): 1, ("tester", "0"): 1}


def test_an_id_used_again_is_a_new_session_from_its_start_on(rig):
    """
    The second run's failed phase belongs to it: its failure counts once, with its reason.
    """
    rig.send("traces", b.traces(b.session(span_id=b"\1" * 8)))
    rig.pass_seconds(60)
    rig.send("logs", started("s1", span_id=b"\2" * 8, at=60))
    running = [session.start_ns for session in rig.head.sessions if session.running]
    rig.send("traces", b.traces(b.span("phase", error="TimeoutError", phase__id="fix", **FIX)))
    rig.send("traces", b.traces(b.session(span_id=b"\2" * 8, error="TimeoutError", start=60)))
    rig.pass_seconds(2)

    assert running == [b.NOON + 60 * b.SECOND]
    assert rig.value(m.SESSIONS_STARTED, "bug-fix") == 2
    assert rig.value(m.SESSIONS, "bug-fix", "completed") == 1
    assert rig.value(m.SESSIONS, "bug-fix", "failed") == 1
    assert rig.head.series.total(m.FAILURES) == 1


@pytest.mark.parametrize("wait", [0, 3600])
def test_a_start_that_comes_after_the_end_starts_nothing(rig, wait):
    """
    Logs and spans travel apart: the start of a session known to have ended is late, even an hour.
    """
    rig.send("traces", b.traces(b.session(span_id=b"\1" * 8)))
    for _ in range(3):
        rig.pass_seconds(wait / 3)

    rig.send("logs", started("s1", span_id=b"\1" * 8))

    assert rig.value(m.SESSIONS_STARTED, "bug-fix") == 1
    assert not [session for session in rig.head.sessions if session.running]


def test_one_id_for_everything_does_not_pile_up(rig):
    """
    A sender that calls every session "main" holds one session and a short queue.
    """
    for number in range(2_000):
        rig.now += b.SECOND
        rig.send("traces", b.traces(b.session("main", start=number)))

    assert rig.value(m.SESSIONS, "bug-fix", "completed") == 2_000
    assert len(rig.head.sessions) == 1
    assert len(rig.head.sessions.queue) < 1_100


def test_too_many_sessions_part_with_those_that_ended_first(tmp_path):
    """
    Room for 25 sessions: of 20 that ended and 20 that run all running ones stay.
    """
    rig = Rig(tmp_path / "store", settings=HeadSettings(retained_limit=100))
    for number in range(20):
        rig.send("logs", started(f"runs-{number}"))
        rig.send("traces", b.traces(b.session(f"ended-{number}")))

    states = [session.id.split("-")[0] for session in rig.head.sessions]
    assert states.count("runs") == 20
    assert rig.head.sessions.retained_size <= 100
    assert rig.value(m.SESSIONS, "bug-fix", "completed") == 20
    assert lost(rig) == 0


def test_too_many_running_sessions_count_as_lost_and_may_recover(tmp_path):
    """
    Room for 25 running ones: the longest silent of 26 is lost, with its failure; its end counts.
    """
    rig = Rig(tmp_path / "store", settings=HeadSettings(retained_limit=100))
    for number in range(26):
        rig.send("logs", started(f"s-{number}"))
    counted = lost(rig), rig.value(m.FAILURES, "bug-fix", "", "lost")

    rig.send("traces", b.traces(b.session("s-0")))

    assert counted == (1, 1)
    assert rig.value(m.SESSIONS_RECOVERED, "bug-fix", "completed") == 1
    assert rig.value(m.SESSIONS_STARTED, "bug-fix") == 26


def test_what_is_held_is_bounded_however_a_session_grows(tmp_path):
    """
    Tasks, phases, conflicts, waits, attempts, senders: all of them weigh.
    """
    rig = Rig(tmp_path / "store", settings=HeadSettings(retained_limit=500))
    numbers = range(1_000)
    shapes = {
        "task": lambda n: b.task(id=f"t{n}", session="task"),
        "phase": lambda n: b.span("phase", session="phase", phase__id=f"p{n}", **FIX),
        "attempt": lambda n: b.span("attempt", session="attempt", task__id="t", task__attempt=n + 1, **FIX),
        "wait": lambda n: b.span(
            "message", session="wait", message__type="query", phase__id="p", start=2 * n, **FIX
        ),
        "sender": lambda n: b.span("message", session="sender", message__sender=f"d{n}", **FIX),
    }
    for shape in shapes.values():
        rig.send("traces", b.traces(*map(shape, numbers)))
        assert rig.head.sessions.retained_size <= 500

    held = sum(session.size for session in rig.head.sessions)
    assert held == rig.head.sessions.retained_size
    rig.restart()
    assert rig.head.sessions.retained_size == held


def test_tokens_of_attempts_whose_task_never_ended_count_when_the_session_is_forgotten(rig):
    """
    The task was cancelled with its session, which failed; what it used was paid for.
    """
    rig.send(
        "traces",
        b.traces(
            b.span(
                "attempt",
                error="Cancelled",
                task__id="t1",
                gen_ai__agent__name="coder",
                gen_ai__usage__input_tokens=7,
                gen_ai__request__model="m1",
                **FIX,
            ),
            b.session(error="Cancelled"),
        ),
    )
    rig.pass_seconds(2)
    rig.pass_seconds(HOUR)

    assert rig.value(m.TOKENS, "coder", "m1", "input") == 7
    assert not list(rig.head.sessions)


def test_a_forgotten_session_is_remembered_by_its_outcome_over_a_restart(rig):
    """
    A straggler of an hour later opens nothing anew, before a restart or after it.
    """
    rig.send("traces", b.traces(b.session(error="ValueError")))
    rig.pass_seconds(2)
    rig.pass_seconds(HOUR)
    rig.restart()
    rig.send("traces", b.traces(b.task()))

    (session,) = rig.head.sessions
    assert session.outcome is Outcome.FAILED
    assert rig.value(m.SESSIONS_STARTED, "bug-fix") == 1
