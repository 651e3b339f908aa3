"""
The live gauges: what runs now, and in which state, by the exporter's own clock.
"""

from __future__ import annotations

import pytest

import builders as b
from droidscope.conventions import metrics as m
from droidscope.head.live import live_gauges
from droidscope.series.label_limits import SeriesLimits
from droidscope.sessions.settings import HeadSettings
from rig import Rig

FIX = {"pattern__id": "bug-fix"}
PHASE = {**FIX, "phase__id": "fix"}
TASK = {**PHASE, "gen_ai__agent__name": "coder", "task__id": "t1", "task__type": "code"}
MINUTE = 60


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / "store")


def event(name, session="s1", at=0.0, span_id=b"", **attributes):
    return b.event(f"orchestrator.{name}", session=session, at=at, span_id=span_id, **attributes)


def tell(rig, name, **attributes):
    rig.send("logs", b.logs(event(name, at=rig.now / b.SECOND, **attributes)))


def gauges(rig):
    """
    Value by metric and labels, without the orchestrator's.
    """
    clock = rig.pipeline.uptime_ns()
    return {
        (spec, *labels[1:]): value for spec, labels, value in live_gauges(rig.head, clock, b.NOON + rig.now)
    }


def of(rig, spec):
    return {tuple(labels): value for (known, *labels), value in gauges(rig).items() if known is spec}


def test_a_session_is_active_from_its_first_sign_to_its_end(rig):
    """
    Started: 1. Ended: 0, and still 0 long after it was forgotten, for the pattern is known.
    """
    assert of(rig, m.SESSIONS_ACTIVE) == {}
    tell(rig, "started", kind="session", **FIX)
    running = of(rig, m.SESSIONS_ACTIVE)
    rig.send("traces", b.traces(b.session()))
    ended = of(rig, m.SESSIONS_ACTIVE)
    rig.pass_seconds(2)
    rig.pass_seconds(60 * MINUTE)

    assert (running, ended) == ({("bug-fix",): 1}, {("bug-fix",): 0})
    assert not list(rig.head.sessions)
    assert of(rig, m.SESSIONS_ACTIVE) == {("bug-fix",): 0}


@pytest.mark.parametrize(("sign", "minutes"), [("alive", 10), ("progress", 60)])
def test_silence_has_more_patience_with_those_who_never_said_they_live(rig, sign, minutes):
    """
    Ten minutes after `alive`, sixty without: one second before it is not silent.
    """
    tell(rig, sign, **FIX)
    rig.pass_seconds(minutes * MINUTE - 1)
    before = gauges(rig)[m.SESSIONS_SILENT, "bug-fix"]
    rig.pass_seconds(1)

    assert (before, gauges(rig)[m.SESSIONS_SILENT, "bug-fix"]) == (0, 1)


def test_alive_without_progress_is_stalled(rig):
    """
    Alive every minute: after thirty without progress it stalls; a progress event frees it.
    """
    tell(rig, "started", kind="session", **FIX)
    for _ in range(29):
        rig.pass_seconds(MINUTE)
        tell(rig, "alive", **FIX)
    before = gauges(rig)[m.SESSIONS_STALLED, "bug-fix"]
    rig.pass_seconds(MINUTE)
    stalled = gauges(rig)[m.SESSIONS_STALLED, "bug-fix"]
    tell(rig, "progress", **FIX)

    assert (before, stalled, gauges(rig)[m.SESSIONS_STALLED, "bug-fix"]) == (0, 1, 0)


def test_a_silent_session_is_not_stalled_too(rig):
    """
    One state at a time: silence explains the rest.
    """
    tell(rig, "alive", **FIX)
    rig.pass_seconds(45 * MINUTE)

    assert gauges(rig)[m.SESSIONS_SILENT, "bug-fix"] == 1
    assert gauges(rig)[m.SESSIONS_STALLED, "bug-fix"] == 0


def test_an_outage_of_the_exporter_makes_nobody_silent(rig):
    """
    A day of downtime is no silence.
    """
    tell(rig, "alive", **FIX)
    rig.pipeline.stop()
    rig.now += 24 * 60 * MINUTE * b.SECOND
    rig.open()

    assert gauges(rig)[m.SESSIONS_SILENT, "bug-fix"] == 0


def test_over_its_limit_by_wall_time(tmp_path):
    """
    Two hours for all, one for a pattern that says so; at the limit itself not yet.
    """
    rig = Rig(tmp_path / "store", settings=HeadSettings(pattern_limits_ns={"quick": 60 * MINUTE * b.SECOND}))
    tell(rig, "started", kind="session", session="a", **FIX)
    tell(rig, "started", kind="session", session="b", pattern__id="quick")
    seen = []
    for minutes in (60, 1, 59, 1):
        rig.pass_seconds(minutes * MINUTE)
        over = of(rig, m.SESSIONS_OVER_LIMIT)
        seen.append((over["bug-fix",], over["quick",]))

    assert seen == [(0, 0), (0, 1), (0, 1), (1, 1)]


def test_the_oldest_start_is_a_point_in_time(rig):
    """
    Of two sessions the one that began earlier, whichever arrived first; gone with the last one.
    """
    rig.now = 100 * b.SECOND
    rig.send("logs", b.logs(event("alive", "late", at=90, **FIX), event("alive", "early", at=30, **FIX)))
    oldest = of(rig, m.SESSION_OLDEST_START)
    rig.send("traces", b.traces(b.session("late", start=90), b.session("early", start=30)))

    assert oldest == {("bug-fix",): b.NOON / b.SECOND + 30}
    assert of(rig, m.SESSION_OLDEST_START) == {}


def test_progress_is_what_was_reported_else_the_finished_share_of_the_plan(rig):
    """
    One of four planned phases: 0.25; a reported 0.4 wins; without plan and report there is none.
    """
    tell(rig, "started", kind="session", session="none", **FIX)
    tell(rig, "started", kind="session", session__plan=["a", "b", "c", "d"], **FIX)
    rig.send("traces", b.traces(b.span("phase", phase__id="a", **FIX), b.span("phase", phase__id="x", **FIX)))
    by_plan = of(rig, m.ACTIVE_SESSION_PROGRESS)
    tell(rig, "progress", progress__ratio=0.4, **FIX)

    assert by_plan == {("s1", "bug-fix"): 0.25}
    assert of(rig, m.ACTIVE_SESSION_PROGRESS) == {("s1", "bug-fix"): 0.4}


def test_a_phase_runs_is_blocked_and_runs_again(rig):
    """
    Blocked and running are states of the same phase; ended it is gone.
    """
    seen = []
    for name in ("started", "blocked", "unblocked"):
        tell(rig, name, kind="phase", **PHASE)
        seen.append(of(rig, m.PHASES_ACTIVE))
    rig.send("traces", b.traces(b.span("phase", **PHASE)))

    running, blocked = {("bug-fix", "fix", "running"): 1}, {("bug-fix", "fix", "blocked"): 1}
    assert seen == [running, blocked, running]
    assert of(rig, m.PHASES_ACTIVE) == {}


def test_a_phase_that_starts_again_is_active_again_but_not_by_a_late_start(rig):
    """
    Its start arrives after its end: late. A start after the end of its first run: a second run.
    """
    rig.send("traces", b.traces(b.span("phase", seconds=10, **PHASE)))
    rig.send("logs", b.logs(event("started", kind="phase", at=0, **PHASE)))
    late = of(rig, m.PHASES_ACTIVE)
    rig.send("logs", b.logs(event("started", kind="phase", at=20, **PHASE)))

    assert late == {}
    assert of(rig, m.PHASES_ACTIVE) == {("bug-fix", "fix", "running"): 1}


def test_a_task_is_in_flight_as_its_own_attempt_until_it_has_attempts(rig):
    """
    Task, then its attempt instead of it, then none; the droid stays known at 0.
    """
    task, attempt = b"\1" * 8, b"\2" * 8
    seen = []
    tell(rig, "started", kind="task", span_id=task, **TASK)
    seen.append(of(rig, m.ATTEMPTS_ACTIVE))
    tell(rig, "started", kind="attempt", span_id=attempt, **TASK)
    seen.append(of(rig, m.ATTEMPTS_ACTIVE))
    rig.send("traces", b.traces(b.span("attempt", span_id=attempt, **TASK)))
    seen.append(of(rig, m.ATTEMPTS_ACTIVE))
    rig.send("traces", b.traces(b.span("task", span_id=task, task__attempts=1, **TASK)))
    seen.append(of(rig, m.ATTEMPTS_ACTIVE))

    assert seen == [{("coder",): 1}, {("coder",): 1}, {("coder",): 0}, {("coder",): 0}]


@pytest.mark.parametrize("kind", ["attempt", "task"])
def test_a_start_that_arrives_after_the_end_is_not_in_flight(rig, kind):
    """
    Logs may be slower than spans.
    """
    rig.send("traces", b.traces(b.span(kind, span_id=b"\2" * 8, **TASK)))
    tell(rig, "started", kind=kind, span_id=b"\2" * 8, **TASK)

    assert sum(of(rig, m.ATTEMPTS_ACTIVE).values()) == 0


def test_the_oldest_hundred_sessions_have_gauges_of_their_own(rig):
    """
    All 120 count, 100 are shown, each with its phase and droids.
    """
    work = {"kind": "task", "gen_ai__agent__name": "coder", "task__id": "t", **PHASE}
    rig.send("logs", b.logs(*(event("started", f"s{n:03}", at=n, **work) for n in range(120))))
    tell(rig, "started", kind="phase", session="s000", **PHASE)

    shown = of(rig, m.ACTIVE_SESSION_INFO)
    assert gauges(rig)[m.SESSIONS_ACTIVE, "bug-fix"] == 120
    assert sorted(session for session, *_ in shown) == [f"s{n:03}" for n in range(100)]
    assert ("s000", "bug-fix", "fix") in shown
    assert gauges(rig)[m.ACTIVE_SESSION_DROIDS, "s007", "bug-fix"] == 1


def test_open_findings_are_of_the_latest_report_and_zero_after_a_clean_one(rig):
    """
    Two critical ones, then a clean report; an older report that arrives last changes nothing.
    """
    found = {"output__findings__critical": 2}
    clean = dict.fromkeys((f"output__findings__{s}" for s in ("critical", "high", "medium", "low")), 0)
    rig.send("traces", b.traces(b.task(id="t1", start=10, **found)))
    before = gauges(rig)[m.FINDINGS_OPEN, "bug-fix", "coder", "critical"]
    rig.send("traces", b.traces(b.task(id="t2", start=20, **clean)))
    rig.send("traces", b.traces(b.task(id="t0", start=0, **found)))

    assert before == 2
    assert gauges(rig)[m.FINDINGS_OPEN, "bug-fix", "coder", "critical"] == 0


def test_what_overflows_a_label_adds_up_under_other(tmp_path):
    """
    Room for one pattern: three sessions of three others are three under `other`, not one.
    """
    rig = Rig(tmp_path / "store", limits=SeriesLimits(values=1, hold_ns=0))
    for number in range(4):
        tell(rig, "started", kind="session", session=f"s{number}", pattern__id=f"p{number}")

    assert of(rig, m.SESSIONS_ACTIVE) == {("p0",): 1, ("other",): 3}
