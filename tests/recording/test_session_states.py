"""
Sessions that are cancelled, wait for people, or whose process no longer names them: counted, and in no ratio.
"""

from __future__ import annotations

import pytest

import builders as b
from droidscope.conventions import metrics as m
from droidscope.head.live import live_gauges, session_state
from droidscope.sessions.settings import HeadSettings
from rig import Rig

OUTCOMES = ("completed", "failed", "lost", "cancelled", "unknown")
P1 = {"service__instance__id": "p1"}
PHASE = {"pattern__id": "bug-fix", "phase__id": "fix"}
TASK = {**PHASE, "gen_ai__agent__name": "coder", "task__id": "t1", "task__type": "code"}
DAY = 24 * 3600


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / "store")


def ended(rig):
    """
    Sessions by outcome, those that there are.
    """
    counts = {outcome: rig.value(m.SESSIONS, "bug-fix", outcome) for outcome in OUTCOMES}
    return {outcome: n for outcome, n in counts.items() if n}


def state(rig, id="s1"):
    (session,) = [session for session in rig.head.sessions if session.id == id]
    return session_state(session, rig.head, rig.now)


def gauge(rig, spec):
    found = live_gauges(rig.head, rig.now, b.NOON + rig.now)
    return {labels[1:]: value for each, labels, value in found if each is spec}


def ratios(rig):
    return {
        key.__class__.__name__
        for key in rig.head.windows.sums(("atlas",), "24h", b.NOON + rig.now + 600 * b.SECOND)
        if getattr(key, "outcome", "") not in {"cancelled", "unknown"}
    }


def started(id="s1", *, at=0.0, run="", **more):
    of = {"session__run": run} if run else {}
    span_id = bytes.fromhex(run) if run else None
    return b.event(
        "orchestrator.started",
        kind="session",
        session=id,
        at=at,
        span_id=span_id,
        pattern__id="bug-fix",
        **of,
        **more,
    )


def send_logs(rig, *records, process="p1"):
    rig.send("logs", b.logs(*records, **{"service.instance.id": process}))


def send_spans(rig, *spans):
    rig.send("traces", b.traces(*spans))


def run_of(number):
    return f"{0xABC << 32 | number:016x}"


def session(number, *, id="s1", **more):
    """
    The span of a session that carries its run.
    """
    run = run_of(number)
    return b.session(id, span_id=bytes.fromhex(run), session__run=run, **more)


def task(number, name, *, id="s1", **more):
    return b.task(id=name, session=id, session__run=run_of(number), **more)


# --- cancelled ----------------------------------------------------------------------------------------


def test_what_is_cancelled_is_counted_and_judged_nowhere(rig):
    """
    A session with a phase, a task, its attempt, a tool, a query and a message, all of them cancelled: each is
    in its series, no failure and no ratio knows of any.
    """
    message = {"message__sender": "coder", "message__receiver": "tester", "message__outcome": "cancelled"}
    send_spans(
        rig,
        b.span("task", task__outcome="cancelled", **TASK),
        b.span("attempt", task__outcome="cancelled", task__attempt=2, **{**TASK, "task__id": "t2"}),
        b.span("tool", gen_ai__tool__name="grep", tool__outcome="cancelled", **TASK),
        b.span("model_request", gen_ai__request__model="m1", model__outcome="cancelled", **TASK),
        b.span("message", message__type="query", **message, **PHASE),
        b.span("message", message__type="coordination", **message, **PHASE),
        b.span("gate", gate__id="security", **PHASE),
        b.span("synthesis", synthesis__outcome="cancelled", **PHASE),
        b.span("phase", phase__outcome="cancelled", **PHASE),
        b.session(session__outcome="cancelled", seconds=9000),
    )
    rig.pass_seconds(2)

    assert ended(rig) == {"cancelled": 1}
    assert rig.value(m.TASKS, "coder", "code", "cancelled") == 1
    assert rig.value(m.ASSIGNMENTS, "bug-fix", "coder", "cancelled") == 1
    assert rig.value(m.ATTEMPTS, "coder", "code", "cancelled") == 2
    assert rig.value(m.TOOL_CALLS, "coder", "grep", "cancelled") == 1
    assert rig.value(m.MODEL_REQUESTS, "m1", "cancelled") == 1
    assert rig.value(m.QUERIES, "tester", "cancelled") == 1
    assert rig.value(m.MESSAGES, "coder", "coordination", "cancelled") == 1
    assert rig.value(m.PHASES, "bug-fix", "fix", "cancelled") == 1
    for spec in (m.FAILURES, m.GATE_RESULTS, m.SYNTHESES, m.SESSION_DURATION, m.TASK_DURATION, m.RETRIES):
        assert not rig.head.series.total(spec)
    assert rig.head.series.total(m.SESSIONS_ENDED_OVER_LIMIT) == 0
    assert ratios(rig) == set()
    assert state(rig) == "cancelled"


# --- waiting ------------------------------------------------------------------------------------------


def test_a_session_that_waits_is_never_late_silent_stalled_or_lost(rig):
    """
    For a week, with its process gone; then it goes on, and its limit counts what it worked.
    """
    send_logs(rig, started(run=run_of(1)))
    send_logs(rig, b.event("orchestrator.waiting", at=60, session__run=run_of(1)))
    rig.now += 7 * DAY * b.SECOND
    rig.pass_seconds(1)

    assert state(rig) == "waiting"
    assert gauge(rig, m.SESSIONS_WAITING) == {("bug-fix",): 1}
    for spec in (m.SESSIONS_ACTIVE, m.SESSIONS_SILENT, m.SESSIONS_STALLED, m.SESSIONS_OVER_LIMIT):
        assert set(gauge(rig, spec).values()) == {0}
    assert ended(rig) == {}

    send_logs(rig, b.event("orchestrator.resumed", at=7 * DAY, session__run=run_of(1)))
    assert state(rig) == "running"
    assert gauge(rig, m.SESSIONS_OVER_LIMIT) == {("bug-fix",): 0}
    waited = 7 * DAY - 60
    send_spans(rig, session(1, seconds=7 * DAY + 60, session__waiting_seconds=waited))
    rig.pass_seconds(2)
    assert rig.value(m.SESSION_WAITING_SECONDS, "bug-fix") == waited
    assert rig.value(m.SESSION_DURATION, "bug-fix", "completed") == 120
    assert rig.head.series.total(m.SESSIONS_ENDED_OVER_LIMIT) == 0


def test_a_session_waits_while_any_of_its_processes_does(rig):
    """
    Each tells when it begins to wait, again and again, and once that it no longer does; in any order.
    """

    def tell(what, at, process):
        send_logs(rig, b.event(f"orchestrator.{what}", at=at, session__run=run_of(1)), process=process)
        return state(rig)

    send_logs(rig, started(run=run_of(1)))
    assert tell("waiting", 10, "p1") == "waiting"
    assert tell("waiting", 12, "p1") == "waiting"
    assert tell("waiting", 11, "p2") == "waiting"
    assert tell("resumed", 20, "p1") == "waiting"
    assert tell("resumed", 30, "p2") == "running"
    (session,) = rig.head.sessions
    assert session.waiting_ns(b.NOON + 100 * b.SECOND) == 20 * b.SECOND
    assert tell("resumed", 50, "p1") == "running"
    assert tell("waiting", 40, "p1") == "running"


@pytest.mark.parametrize("early", ["nothing", "a task", "the start", "both"])
def test_the_span_that_goes_on_under_the_id_of_a_waiting_session_continues_it(rig, early):
    """
    One session, started once, ended once, with the work of both spans, and the time between them is waiting;
    even if the end of the first span arrives after records of the second.
    """
    send_logs(rig, started(run=run_of(1)))
    send_spans(rig, task(1, "t1"))
    waits = session(1, seconds=100, session__outcome="waiting")
    second = {
        "a task": lambda: send_spans(rig, task(2, "t2", start=1000)),
        "the start": lambda: send_logs(rig, started(run=run_of(2), at=1000, session__resumed=True)),
    }
    before = {"nothing": [], "both": list(second)}.get(early, [early])
    for each in before:
        second[each]()
    send_spans(rig, waits)
    for each, arrives in second.items():
        if each not in before:
            arrives()
    assert state(rig) == "running"
    send_spans(rig, session(2, start=1000, seconds=100, error="ValueError", session__resumed=True))
    rig.pass_seconds(2)

    assert rig.value(m.SESSIONS_STARTED, "bug-fix") == 1
    assert ended(rig) == {"failed": 1}
    assert rig.value(m.TASKS, "coder", "code", "completed") == 2
    assert rig.value(m.SESSION_WAITING_SECONDS, "bug-fix") == 900
    assert rig.value(m.SESSION_DURATION, "bug-fix", "failed") == 200
    assert rig.value(m.SESSIONS_REOPENED, "bug-fix", "failed") is None
    assert len(list(rig.head.sessions)) == 1


def test_a_waiting_session_without_runs_goes_on_with_the_next_span(rig):
    """
    Of an instrumentation that gives no runs: another start, or another end.
    """
    send_spans(rig, b.session(seconds=100, session__outcome="waiting"))
    assert state(rig) == "waiting"
    send_logs(rig, started(at=1000))
    assert state(rig) == "running"
    send_spans(rig, b.session(start=1000, seconds=10))

    assert rig.value(m.SESSIONS_STARTED, "bug-fix") == 1
    assert ended(rig) == {"completed": 1}
    assert rig.value(m.SESSION_WAITING_SECONDS, "bug-fix") == 900


@pytest.mark.parametrize("forgotten", [False, True])
@pytest.mark.parametrize("first", ["task", "start", "end"])
def test_a_session_that_is_resumed_is_reopened(rig, forgotten, first):
    """
    It completed, was resumed an hour later and failed: one session, whose later outcome is counted apart.
    """
    send_logs(rig, started(run=run_of(1)))
    send_spans(rig, session(1))
    rig.pass_seconds(2)
    if forgotten:
        rig.pass_seconds(3600)
        rig.pass_seconds(3600)
    end = session(2, start=9, error="ValueError", session__resumed=True)
    arrivals = {
        "task": lambda: send_spans(rig, task(2, "t2", start=9)),
        "start": lambda: send_logs(rig, started(run=run_of(2), at=9, session__resumed=True)),
        "end": lambda: send_spans(rig, end),
    }
    for each in sorted(arrivals, key=lambda each: each != first):
        arrivals[each]()
    rig.pass_seconds(2)

    assert rig.value(m.SESSIONS_STARTED, "bug-fix") == 1
    assert ended(rig) == {"completed": 1}
    assert rig.value(m.SESSIONS_REOPENED, "bug-fix", "failed") == 1
    assert rig.value(m.TASKS, "coder", "code", "completed") == 1
    assert state(rig) == "failed"


def test_a_session_that_is_resumed_and_ends_as_before_counts_nothing_more(rig):
    """
    Completed twice is completed once.
    """
    send_spans(rig, session(1), session(2, start=9, session__resumed=True))

    assert ended(rig) == {"completed": 1}
    assert not rig.head.series.total(m.SESSIONS_REOPENED)


def test_a_lost_session_that_is_resumed_recovers(rig):
    """
    Its process died; another one goes on with it.
    """
    send_logs(rig, started(run=run_of(1)))
    rig.pass_seconds(4 * 3600)
    send_logs(rig, started(run=run_of(2), at=4 * 3600, session__resumed=True), process="p2")
    assert state(rig) == "running"
    send_spans(rig, session(2, start=4 * 3600, session__resumed=True))

    assert ended(rig) == {"lost": 1}
    assert rig.value(m.SESSIONS_RECOVERED, "bug-fix", "completed") == 1


# --- unknown ------------------------------------------------------------------------------------------


def live(rig, *sessions, seconds, process="p1", at=None):
    """
    Signs of life of a process every 30 s.
    """
    for _ in range(seconds // 30):
        rig.pass_seconds(30)
        send_logs(
            rig, b.sign_of_life(*sessions, at=rig.now / b.SECOND if at is None else at), process=process
        )


def test_a_session_that_its_live_process_no_longer_names_is_unknown(rig):
    """
    Its end was dropped somewhere: it is counted, and is no failure; its real end may still come, and counts.
    """
    send_logs(rig, started("s1"), started("s2"))
    live(rig, "s1", "s2", seconds=900)
    live(rig, "s2", seconds=90)
    assert (state(rig, "s1"), state(rig, "s2")) == ("running", "running")
    live(rig, "s2", seconds=60)
    rig.pass_seconds(2)

    assert (state(rig, "s1"), state(rig, "s2")) == ("unknown", "running")
    assert ended(rig) == {"unknown": 1}
    assert not rig.head.series.total(m.FAILURES)
    assert ratios(rig) == set()

    send_spans(rig, b.session("s1", seconds=1000))
    assert ended(rig) == {"unknown": 1, "completed": 1}
    assert not rig.head.series.total(m.SESSIONS_RECOVERED)
    assert "SessionsEnded" in ratios(rig)


def test_a_session_that_is_named_is_alive_however_long_it_is_quiet(rig):
    """
    A day without a record of its own; once its process is silent it is lost, as always.
    """
    send_logs(rig, started())
    live(rig, "s1", seconds=DAY)
    assert state(rig) == "stalled"
    rig.pass_seconds(4 * 3600)

    assert ended(rig) == {"lost": 1}


@pytest.mark.parametrize(
    "lists",
    [
        [b.sign_of_life("s2", part=2, parts=2)],
        [b.sign_of_life("s2", part=1, parts=2), b.sign_of_life("s1", part=2, parts=2)],
        [b.sign_of_life("s1", part=2, parts=2), b.sign_of_life("s2", part=1, parts=2)],
    ],
)
def test_a_list_counts_once_all_of_its_parts_are_here(rig, lists):
    """
    One that is not whole proves nothing, and the parts may come in any order.
    """
    send_logs(rig, started())
    for minute in range(60):
        rig.pass_seconds(30)
        for each in lists:
            each.time_unix_nano = b.NOON + 30 * minute * b.SECOND
            send_logs(rig, each)

    assert ended(rig) == {}


def test_lists_from_before_a_session_began_prove_nothing(rig):
    """
    They were kept by the sender while the exporter was away, or come from another process.
    """
    send_logs(rig, started(at=5000))
    live(rig, "s0", seconds=600, at=4999)
    live(rig, "s0", seconds=600, process="p2")

    assert ended(rig) == {}


def test_after_an_outage_the_end_of_a_session_has_time_to_arrive(rig):
    """
    All lists of ten minutes arrive at once, before the session's span.
    """
    send_logs(rig, started())
    rig.pass_seconds(600)
    send_logs(rig, *(b.sign_of_life(at=10 + 30 * n) for n in range(20)))
    rig.pass_seconds(5)
    send_spans(rig, b.session())

    assert ended(rig) == {"completed": 1}


def test_what_processes_named_survives_a_restart(rig):
    """
    A list of which half has arrived, and a session that was missing once.
    """
    send_logs(rig, started())
    live(rig, "s2", seconds=60)
    send_logs(rig, b.sign_of_life("s2", part=1, parts=2, at=61))
    before = rig.state()
    rig.crash()
    assert rig.state() == before
    rig.restart()
    assert rig.state()["sessions"] == before["sessions"]
    live(rig, "s2", seconds=90)

    assert ended(rig) == {"unknown": 1}


# --- one id, several sessions -------------------------------------------------------------------------


def both(gap):
    """
    Two sessions with the id s1, each with its start, a task and its end; the second begins *gap* seconds
    after the first, and fails.
    """
    first = [
        lambda rig: send_logs(rig, started(run=run_of(1))),
        lambda rig: send_spans(rig, task(1, "t1")),
        lambda rig: send_spans(rig, session(1, seconds=10)),
    ]
    second = [
        lambda rig: send_logs(rig, started(run=run_of(2), at=gap), process="p2"),
        lambda rig: send_spans(rig, task(2, "t1", start=gap, error="ValueError")),
        lambda rig: send_spans(rig, session(2, start=gap, seconds=10, error="ValueError")),
    ]
    return first, second


@pytest.mark.parametrize("gap", [5, 20])
@pytest.mark.parametrize(
    "order", ["012345", "013245", "031425", "034512", "143052", "304152", "435012", "520431"]
)
def test_an_id_used_twice_is_two_sessions(rig, gap, order):
    """
    One after the other or at the same time, with their records in any order: each has its own work, and none
    is left over to turn lost.
    """
    first, second = both(gap)
    for number in order:
        ([*first, *second][int(number)])(rig)
    rig.pass_seconds(2)

    assert rig.value(m.SESSIONS_STARTED, "bug-fix") == 2
    assert ended(rig) == {"completed": 1, "failed": 1}
    work = {session.run: (session.tasks_completed, session.tasks_failed) for session in rig.head.sessions}
    assert work == {run_of(1): (1, 0), run_of(2): (0, 1)}
    rig.pass_seconds(DAY)
    assert ended(rig) == {"completed": 1, "failed": 1}


def test_late_records_of_a_forgotten_session_find_it_by_its_run(rig):
    """
    Two sessions of one id were forgotten; a straggler of each opens none.
    """
    for number in (1, 2):
        send_spans(rig, session(number, start=number))
        rig.pass_seconds(3600)
        rig.pass_seconds(3600)
    send_spans(rig, task(1, "t1"), task(2, "t2"))

    assert rig.value(m.SESSIONS_STARTED, "bug-fix") == 2
    assert rig.head.series.value(m.LATE_RECORDS, (), ()) == 2


def test_sessions_of_one_id_that_run_at_once_have_gauges_of_their_own(rig):
    """
    The metrics page has no series twice.
    """
    send_logs(rig, started(run=run_of(1)), started(run=run_of(2), at=1))

    assert list(gauge(rig, m.ACTIVE_SESSION_START)) == [("s1", "bug-fix"), (f"s1 {run_of(2)}", "bug-fix")]
    before = rig.state()
    rig.restart()
    assert rig.state()["sessions"] == before["sessions"]
    assert gauge(rig, m.SESSIONS_ACTIVE) == {("bug-fix",): 2}


# --- what a session holds -----------------------------------------------------------------------------


def test_a_session_with_too_many_records_goes_on_without_those(tmp_path):
    """
    It is split where everybody can see it, holds no more, and ends once, as it would have.
    """
    rig = Rig(tmp_path / "store", settings=HeadSettings(records_limit=1000))
    send_logs(rig, started(run=run_of(1)))
    for number in range(25):
        send_spans(rig, *(task(1, f"t{100 * number + n}", error="ValueError") for n in range(100)))
        (held,) = rig.head.sessions
        assert held.size <= 3 * 1000
    send_spans(rig, session(1, error="ValueError"))
    before = rig.state()
    rig.restart()
    assert rig.state()["sessions"] == before["sessions"]
    rig.pass_seconds(2)

    assert rig.value(m.SESSIONS_SPLIT, "bug-fix") == 2
    assert rig.value(m.TASKS, "coder", "code", "failed") == 2500
    assert rig.value(m.SESSIONS_STARTED, "bug-fix") == 1
    assert ended(rig) == {"failed": 1}
    assert (held.tasks_failed, state(rig)) == (2500, "failed")


def test_attributes_of_the_user_are_kept_with_their_session(rig):
    """
    Thirty-two of them, cut to the length of names.
    """
    given = {f"attribute__key{n:02}": "x" * 1000 for n in range(40)} | {
        "attribute__a": 1,
        "attribute__b": True,
    }
    send_spans(rig, session(1, **given))

    (kept,) = rig.head.sessions
    assert len(kept.attributes) == 32
    assert kept.attributes[:3] == (("a", 1), ("b", True), ("key00", "x" * 256))
    rig.pass_seconds(2)
    assert rig.head.analyses.find("s1")[0].attributes == kept.attributes
