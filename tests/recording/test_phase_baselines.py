"""
What phases usually take: how far a running session is, and from when on it is stuck.
"""

from __future__ import annotations

import statistics

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import builders as b
from droidscope.conventions import metrics as m
from droidscope.facts.facts import SessionsEnded
from droidscope.head.live import live_gauges, progress_ratio, session_state
from rig import Rig

FIX = {"pattern__id": "bug-fix"}
MINUTE = 60
HOUR = 3600


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    rig.now = 3 * HOUR * b.SECOND
    return rig


def past(rig, minutes, *, session="past", **more):
    """
    A session of the past hour that had each of some phases for so many minutes.
    """
    at = rig.now / b.SECOND - HOUR
    spans = []
    for phase, each in minutes.items():
        spans.append(
            b.span("phase", session=session, phase__id=phase, start=at, seconds=each * MINUTE, **FIX, **more)
        )
    rig.send("traces", b.traces(*spans, b.session(session, start=at, seconds=HOUR)))


def tell(rig, name, session="s1", **attributes):
    event = b.event(f"orchestrator.{name}", session=session, at=rig.now / b.SECOND, **FIX, **attributes)
    rig.send("logs", b.logs(event))


def finish(rig, phase):
    rig.send("traces", b.traces(b.span("phase", phase__id=phase, start=rig.now / b.SECOND, **FIX)))


def look(rig):
    """
    The running session, after the usual times have been read again.
    """
    rig.head.history.advance(b.NOON + rig.now)
    rig.head.baselines.refresh(b.NOON + rig.now)
    (session,) = (each for each in rig.head.sessions if each.id == "s1")
    return session


def progress(rig):
    return progress_ratio(look(rig), rig.head.baselines)


def state(rig):
    return session_state(look(rig), rig.head, rig.pipeline.uptime_ns())


def stalled(rig):
    gauges = live_gauges(rig.head, rig.pipeline.uptime_ns(), b.NOON + rig.now)
    return {labels[1:]: value for spec, labels, value in gauges if spec is m.SESSIONS_STALLED}["bug-fix",]


# --- progress -----------------------------------------------------------------------------------------


def test_a_finished_phase_weighs_what_it_usually_takes(rig):
    """
    Of 10, 30 and 20 minutes the first two are done: 40 of 60.
    """
    past(rig, {"plan": 10, "build": 30, "test": 20})
    rig.pass_seconds(MINUTE)
    tell(rig, "started", kind="session")
    seen = [progress(rig)]
    for phase in ("plan", "build"):
        finish(rig, phase)
        seen.append(progress(rig))

    assert seen == [0, pytest.approx(10 / 60, rel=0.02), pytest.approx(40 / 60, rel=0.02)]


def test_phases_without_a_history_weigh_as_the_mean(rig):
    """
    Planned are one that takes 10 minutes, one that takes 30, and one nobody has seen: it counts as 20.
    """
    past(rig, {"plan": 10, "build": 30})
    rig.pass_seconds(MINUTE)
    tell(rig, "started", kind="session", session__plan=["plan", "build", "deploy"])
    finish(rig, "deploy")

    assert progress(rig) == pytest.approx(20 / 60, rel=0.02)


def test_only_completed_runs_say_what_is_usual(rig):
    """
    A run that failed after a minute says nothing of how long the phase takes: there is no history.
    """
    past(rig, {"plan": 1}, phase__outcome="failed")
    rig.pass_seconds(MINUTE)
    tell(rig, "started", kind="session")

    assert progress(rig) is None


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=9), st.lists(st.integers(1, 50), min_size=1, max_size=9)
)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_usual_is_the_median(tmp_path_factory, plans, builds):
    """
    Over any past sessions: the share of the medians that is done.
    """
    rig = Rig(tmp_path_factory.mktemp("rig"))
    rig.now = 3 * HOUR * b.SECOND
    for phase, runs in (("plan", plans), ("build", builds)):
        for number, minutes in enumerate(runs):
            past(rig, {phase: minutes}, session=f"{phase}{number}")
    rig.pass_seconds(MINUTE)
    tell(rig, "started", kind="session")
    finish(rig, "plan")

    plan, build = statistics.median(plans), statistics.median(builds)
    assert progress(rig) == pytest.approx(plan / (plan + build), rel=0.04)


def test_what_is_usual_is_read_again_after_a_minute(rig):
    """
    Until then a look costs nothing.
    """
    tell(rig, "started", kind="session")
    before = progress(rig)
    past(rig, {"plan": 10})
    rig.pass_seconds(MINUTE - 1)
    within = progress(rig)
    rig.pass_seconds(1)

    assert (before, within, progress(rig)) == (None, None, 0)


def test_it_is_the_same_after_a_restart(rig):
    """
    It comes from the history, which the checkpoint has.
    """
    past(rig, {"plan": 10, "build": 30})
    rig.pass_seconds(MINUTE)
    tell(rig, "started", kind="session")
    finish(rig, "plan")
    before = progress(rig)
    rig.restart()

    assert progress(rig) == before is not None


# --- stalled ------------------------------------------------------------------------------------------


def alive_for(rig, minutes):
    for _ in range(minutes):
        rig.pass_seconds(MINUTE)
        tell(rig, "alive")


def test_a_phase_that_is_usually_slow_stalls_later(rig):
    """
    It takes up to 20 minutes: standing still for three times that is stalled, not half an hour.
    """
    past(rig, {"build": 20})
    rig.pass_seconds(MINUTE)
    tell(rig, "started", kind="phase", phase__id="build")
    alive_for(rig, 58)
    before = state(rig), stalled(rig)
    alive_for(rig, 3)

    assert before == ("running", 0)
    assert (state(rig), stalled(rig)) == ("stalled", 1)


def test_a_phase_that_is_usually_fast_has_half_an_hour_all_the_same(rig):
    """
    It takes a minute: three would be too few.
    """
    past(rig, {"build": 1})
    rig.pass_seconds(MINUTE)
    tell(rig, "started", kind="phase", phase__id="build")
    alive_for(rig, 29)
    before = state(rig)
    alive_for(rig, 1)

    assert (before, state(rig)) == ("running", "stalled")


def test_patience_is_that_of_the_phase_it_is_in(rig):
    """
    Only the phase before was slow.
    """
    past(rig, {"build": 60, "test": 1})
    rig.pass_seconds(MINUTE)
    tell(rig, "started", kind="phase", phase__id="build")
    tell(rig, "started", kind="phase", phase__id="test")
    alive_for(rig, 31)

    assert state(rig) == "stalled"


def test_a_session_whose_process_is_killed_is_active_then_silent_then_lost_and_counts_as_failed(rig):
    """
    The minutes after its last sign of life, while another session goes on: 9, 10, 59, 60.
    """
    tell(rig, "alive")
    seen = []
    for minute in range(1, 62):
        rig.pass_seconds(MINUTE)
        tell(rig, "alive", session="other")
        (session,) = (each for each in rig.head.sessions if each.id == "s1")
        seen.append((minute, session_state(session, rig.head, rig.pipeline.uptime_ns())))

    changes = [now for before, now in zip([(0, ""), *seen], seen, strict=False) if before[1] != now[1]]
    assert changes == [(1, "running"), (10, "silent"), (60, "lost")]
    found = rig.head.windows.totals(("atlas",), "1h", b.NOON + rig.now)
    assert found[SessionsEnded(pattern="bug-fix", outcome="lost")] == 1


def test_a_slow_session_that_still_says_it_lives_is_never_silent_or_lost(rig):
    """
    For five hours `alive` is all it says: it is stalled, and no more than that.
    """
    tell(rig, "alive")
    seen = set()
    for _ in range(5 * 60):
        rig.pass_seconds(MINUTE)
        tell(rig, "alive")
        seen.add(session_state(look(rig), rig.head, rig.pipeline.uptime_ns()))

    assert seen == {"running", "stalled"}
    assert state(rig) == "stalled"


def test_an_outage_of_the_exporter_stalls_nobody_and_loses_nobody(rig):
    """
    A day of downtime: as alive as it was.
    """
    tell(rig, "alive")
    rig.pipeline.stop()
    rig.now += 24 * HOUR * b.SECOND
    rig.open()
    rig.pass_seconds(2)

    assert state(rig) == "running"
