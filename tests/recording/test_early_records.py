"""
What arrives before the start of its session, from a process that knows only its id.
"""

from __future__ import annotations

import itertools

import pytest
import structlog
from structlog.testing import capture_logs

import builders as b
from droidscope.conventions import metrics as m
from droidscope.recording import session_recorder
from rig import Rig

RUN, LATER = (f"{0xABC << 32 | number:016x}" for number in (1, 2))
IN_B = {"service.instance.id": "B"}


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / "store")


def start(rig):
    body = b.event(
        "orchestrator.started",
        kind="session",
        pattern__id="triage",
        session__run=RUN,
        span_id=bytes.fromhex(RUN),
    )
    rig.send("logs", b.logs(body, **{"service.instance.id": "A"}))


def end(rig, **more):
    of = {"session__run": LATER, "session__resumed": True, **more}
    span = b.span("session", start=5, seconds=0, span_id=bytes.fromhex(LATER), **of)
    rig.send("traces", b.traces(span, **IN_B))


def work(rig):
    rig.send("traces", b.traces(b.task(pattern="", start=1), **IN_B))


def counted(rig):
    return {
        spec: rig.head.series.total(spec) for spec in (m.SESSIONS, m.SESSIONS_STARTED, m.TASKS, m.RECORDS)
    }


@pytest.mark.parametrize("crashes", [False, True])
@pytest.mark.parametrize("order", list(itertools.permutations([start, work, end])))
def test_an_end_counts_under_the_pattern_of_its_start(rig, order, crashes):
    """
    In any order, within some seconds; also if the exporter dies or is restarted meanwhile.
    """
    for arrive in order:
        arrive(rig)
        rig.pass_seconds(1)
        before = rig.state()
        if crashes:
            rig.crash()
            assert rig.state() == before
        else:
            rig.restart()
    rig.pass_seconds(10)

    assert rig.value(m.SESSIONS_STARTED, "triage") == 1
    assert rig.value(m.SESSIONS, "triage", "completed") == 1
    assert rig.value(m.TASKS, "coder", "code", "completed") == 1
    assert rig.value(m.SESSION_DURATION, "triage", "completed") == 5
    assert counted(rig) == {m.SESSIONS: 1, m.SESSIONS_STARTED: 1, m.TASKS: 1, m.RECORDS: 3}


def test_an_end_without_a_start_counts_with_what_is_known(rig, monkeypatch):
    """
    Once the start has had its time: the id may have a typing error, which is logged.
    """
    end(rig)
    work(rig)
    rig.pass_seconds(4)
    assert not any(counted(rig).values())
    assert not list(rig.head.sessions)
    # One that was used before keeps the processors it had then.
    monkeypatch.setattr(session_recorder, "log", structlog.get_logger())
    with capture_logs() as logged:
        rig.pass_seconds(2)

    assert [(line["event"], line["session"]) for line in logged] == [("session_without_start", "s1")]

    assert rig.value(m.SESSIONS, "", "completed") == 1
    assert rig.value(m.TASKS, "coder", "code", "completed") == 1


def test_an_end_that_knows_its_pattern_waits_for_nothing(rig):
    """
    Its start counts nothing more.
    """
    end(rig, pattern__id="triage")
    assert rig.value(m.SESSIONS, "triage", "completed") == 1
    start(rig)

    assert rig.value(m.SESSIONS_STARTED, "triage") == 1


def test_a_conflict_that_comes_twice_waits_once(rig):
    """
    As a log record and as an event of a span.
    """
    for _ in range(2):
        event = b.event("orchestrator.conflict", conflict__id="c1", conflict__type="merge")
        rig.send("logs", b.logs(event, **IN_B))
    rig.pass_seconds(6)

    assert rig.head.series.total(m.CONFLICTS) == 1


def test_what_waits_is_bounded(rig, monkeypatch):
    """
    Beyond the limit the oldest is counted.
    """
    monkeypatch.setattr("droidscope.recording.early_records.EARLY_LIMIT", 10)
    for number in range(15):
        rig.send("traces", b.traces(b.task(session=f"s{number}", pattern="", id="t"), **IN_B))

    assert rig.head.series.total(m.TASKS) == 5
    rig.pass_seconds(6)
    assert rig.head.series.total(m.TASKS) == 15
