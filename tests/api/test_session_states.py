"""
What the API, the page and the gauges show of sessions that wait, are cancelled or are unknown.
"""

from __future__ import annotations

import pytest

import builders as b
from droidscope.api.pattern_handlers import PatternsParams, list_patterns
from droidscope.api.session_handlers import SessionParams, SessionsParams, get_session, list_sessions
from droidscope.conventions import metrics as m
from droidscope.head.live import live_gauges
from droidscope.views.alert_inputs import read_alert_inputs
from droidscope.views.head_reader import HeadReader
from droidscope.views.landing_summary import build_summary
from droidscope.views.view_settings import ViewSettings
from rig import Rig

HOUR = 3600
DAY = 24 * HOUR
BUILD = {"pattern__id": "build"}


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / "store")


def tell(rig, name, session, **more):
    rig.send(
        "logs",
        b.logs(b.event(f"orchestrator.{name}", session=session, at=rig.now / b.SECOND, **{**BUILD, **more})),
    )


def reader(rig):
    return HeadReader(rig.pipeline, ViewSettings(), lambda: b.NOON + rig.now)


def states(rig, **filters):
    found = list_sessions(reader(rig), SessionsParams(**filters)).sessions
    return {session.session_id: session.state for session in found}


def gauge(rig, spec):
    found = live_gauges(rig.head, rig.pipeline.uptime_ns(), b.NOON + rig.now)
    return {labels[1:]: value for each, labels, value in found if each is spec}


def one_of_each(rig):
    """
    A session that runs, one that has waited for a day, and one that was cancelled.
    """
    tell(rig, "started", "patient", kind="session")
    rig.pass_seconds(HOUR)
    tell(rig, "waiting", "patient", waiting__reason="approval")
    rig.pass_seconds(DAY)
    tell(rig, "started", "busy", kind="session")
    rig.send(
        "traces",
        b.traces(
            b.session(
                "dropped",
                pattern="build",
                session__outcome="cancelled",
                attribute__ticket="T-1",
                start=rig.now / b.SECOND,
            )
        ),
    )


def test_sessions_are_listed_by_their_state(rig):
    """
    All of them, and those of one state.
    """
    one_of_each(rig)

    assert states(rig) == {"patient": "waiting", "busy": "running", "dropped": "cancelled"}
    assert states(rig, state="waiting") == {"patient": "waiting"}
    assert states(rig, state="cancelled") == {"dropped": "cancelled"}
    assert states(rig, state="unknown") == {}
    assert get_session(reader(rig), SessionParams("dropped")).session.attributes == {"ticket": "T-1"}


def test_a_session_has_since_when_it_waits_and_how_long_it_has(rig):
    """
    An hour at work and a day of waiting; once it goes on it waits no more, and its limit counts the hour.
    """
    one_of_each(rig)
    waiting = get_session(reader(rig), SessionParams("patient")).session
    tell(rig, "resumed", "patient")
    rig.pass_seconds(60)
    on = get_session(reader(rig), SessionParams("patient")).session

    assert waiting.waiting_since_seconds == (b.NOON + HOUR * b.SECOND) / b.SECOND
    assert (waiting.waiting_seconds, waiting.duration_seconds) == (DAY, HOUR + DAY)
    assert (on.state, on.waiting_since_seconds, on.waiting_seconds) == ("running", None, DAY)
    assert (waiting.over_limit, on.over_limit) == (False, False)


def test_a_waiting_session_is_in_no_limit(rig):
    """
    Not active, silent, stalled, over its limit or the oldest; its start moves on, so that it has run an hour.
    """
    one_of_each(rig)
    for _ in range(6):
        rig.pass_seconds(HOUR / 2)
        tell(rig, "alive", "busy")

    assert gauge(rig, m.SESSIONS_WAITING) == {("build",): 1}
    assert gauge(rig, m.SESSIONS_ACTIVE) == {("build",): 1}
    assert gauge(rig, m.ACTIVE_SESSION_STATE)["patient", "build", "waiting"] == 1
    start = gauge(rig, m.ACTIVE_SESSION_START)["patient", "build"]
    assert (b.NOON + rig.now) / b.SECOND - start == HOUR
    oldest = gauge(rig, m.SESSION_OLDEST_START)["build",]
    assert oldest == gauge(rig, m.ACTIVE_SESSION_START)["busy", "build"]
    assert gauge(rig, m.SESSIONS_OVER_LIMIT) == {("build",): 1}  # the busy one
    with rig.pipeline.lock:
        over = read_alert_inputs(rig.head, rig.pipeline.uptime_ns(), b.NOON + rig.now)["atlas"].over_limit
    assert over == {"build": 1}


def test_after_the_wait_only_what_it_ran_counts(rig):
    """
    A day of waiting and two hours of work, with a limit of two hours: over it from then on.
    """
    one_of_each(rig)
    tell(rig, "resumed", "patient")
    rig.send("traces", b.traces(b.session("busy", pattern="build", start=rig.now / b.SECOND)))
    rig.pass_seconds(HOUR - 60)
    before = gauge(rig, m.SESSIONS_OVER_LIMIT)
    rig.pass_seconds(120)

    assert before == {("build",): 0}
    assert gauge(rig, m.SESSIONS_OVER_LIMIT) == {("build",): 1}


def test_cancelled_sessions_are_counted_beside_the_executions(rig):
    """
    Of the pattern in the window, and on the page.
    """
    one_of_each(rig)
    rig.send("traces", b.traces(b.session("good", pattern="build", start=rig.now / b.SECOND)))
    rig.pass_seconds(60)

    (pattern,) = list_patterns(reader(rig), PatternsParams()).patterns
    summary = build_summary(reader(rig))

    assert (pattern.executions, pattern.cancelled, pattern.unknown) == (1, 1, 0)
    assert pattern.kpis.success_ratio.value == 1
    assert (summary.active_sessions, summary.waiting_sessions, summary.cancelled_sessions) == (1, 1, 1)
    assert summary.session_success.samples == 1
