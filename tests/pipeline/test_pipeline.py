"""
The road in: what is acknowledged is counted once, whatever the clients and the power do.
"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import builders as b
from droidscope.conventions import metrics as m
from droidscope.errors import MalformedError, OverloadedError, StoreError
from rig import Rig


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / "store")


def a_session(number=1, outcome="completed"):
    """
    One session with two tasks, one of which failed once and was retried; always the same spans.
    """

    def span(kind, **more):
        return b.span(kind, span_id=(number * 100 + next(ids)).to_bytes(8, "big"), **common, **more)

    ids = itertools.count()
    id_ = f"s{number}"
    trace = number.to_bytes(16, "big")
    common = {"session": id_, "trace_id": trace, "pattern__id": "bug-fix"}
    return b.traces(
        span("attempt", error="TimeoutError", gen_ai__agent__name="coder", task__id="t1", task__attempt=1),
        span("attempt", gen_ai__agent__name="coder", task__id="t1", task__attempt=2),
        span("task", gen_ai__agent__name="coder", task__id="t1", task__attempts=2, seconds=5),
        span("task", gen_ai__agent__name="tester", task__id="t2"),
        span("session", session__outcome=outcome, seconds=9),
    )


def test_a_request_is_counted(rig):
    """
    One session of two tasks in three attempts, one of them a retry.
    """
    rig.send("traces", a_session())

    assert rig.value(m.SESSIONS, "bug-fix", "completed") == 1
    assert rig.value(m.TASKS, "coder", "", "completed") == 1
    assert rig.value(m.ATTEMPTS, "coder", "", "failed") == 1
    assert rig.value(m.ATTEMPTS, "coder", "", "succeeded") == 1
    assert rig.value(m.ATTEMPTS, "tester", "", "succeeded") == 1
    assert rig.value(m.RETRIES, "coder", "") == 1


def test_the_same_request_again_is_acknowledged_and_not_counted(rig):
    """
    Clients retry what they believe lost; the twin changes no counter and takes no room.
    """
    body = a_session()
    rig.send("traces", body)
    size = rig.pipeline.store.size_bytes

    receipt = rig.send("traces", body)

    assert receipt.rejected == 0
    assert rig.value(m.SESSIONS, "bug-fix", "completed") == 1
    assert rig.counts.items["spans", "duplicate"] == 5
    assert rig.pipeline.store.size_bytes == size


def test_a_crash_loses_nothing_acknowledged_and_counts_nothing_twice(rig):
    """
    After SIGKILL every counter continues, and a retry of what was stored is known.
    """
    body = a_session()
    rig.send("traces", body)
    before = rig.head.series.dump()

    rig.crash()

    assert rig.head.series.dump() == before
    rig.send("traces", body)
    assert rig.value(m.SESSIONS, "bug-fix", "completed") == 1


def test_an_orderly_restart_reads_the_checkpoint_alone(rig):
    """
    Nothing is replayed after a clean stop, and the ids are still known.
    """
    body = a_session()
    rig.send("traces", body)

    rig.restart()

    assert rig.value(m.TASKS, "tester", "", "completed") == 1
    rig.send("traces", body)
    assert rig.value(m.SESSIONS, "bug-fix", "completed") == 1


def test_bad_spans_are_refused_by_name_beside_good_neighbours(rig):
    """
    No kind, no session: each is counted by its reason; the good one is stored.
    """
    bad_kind = b.span("nonsense")
    no_session = b.span("task", session="")

    receipt = rig.send("traces", b.traces(bad_kind, b.session("s1"), no_session))

    assert receipt.rejected == 2
    assert "orchestrator.kind" in receipt.message
    assert "'nonsense'" in receipt.message
    assert rig.counts.reasons == {"unknown_kind": 1, "no_session": 1}
    assert rig.value(m.SESSIONS, "bug-fix", "completed") == 1


def test_a_value_that_does_not_fit_is_left_out_and_told(rig):
    """
    A score of 140 is no score; its task counts all the same.
    """
    receipt = rig.send("traces", b.traces(b.task(output__code_quality_score=140)))

    assert receipt.rejected == 0
    assert "orchestrator.output.code_quality_score is 140; expected a number from 0 to 100" in receipt.message
    assert rig.counts.reasons == {"bad_attribute": 1}
    assert rig.value(m.TASKS, "coder", "code", "completed") == 1
    assert rig.value(m.CODE_QUALITY, "bug-fix", "coder", "code") is None


def test_malformed_bytes_are_refused_and_the_next_request_is_not_harmed(rig):
    """
    The sender learns that it is malformed; whoever comes next is served.
    """
    with pytest.raises(MalformedError):
        rig.send("traces", b"\xff\xff\xff")
    rig.send("traces", a_session())

    assert rig.value(m.SESSIONS, "bug-fix", "completed") == 1


def test_a_full_disk_is_a_refusal_to_retry_and_the_retry_counts(rig, monkeypatch):
    """
    What could not be made durable is refused, not counted, and taken when it comes again.
    """

    def full(_frames):
        raise StoreError("no space left")

    body = a_session()
    monkeypatch.setattr(rig.pipeline.store, "append", full)
    with pytest.raises(StoreError):
        rig.send("traces", body)
    assert rig.value(m.SESSIONS, "bug-fix", "completed") is None
    monkeypatch.undo()

    rig.send("traces", body)

    assert rig.value(m.SESSIONS, "bug-fix", "completed") == 1


def test_a_full_queue_refuses_for_now(rig):
    """
    Beyond the limit of waiting bytes a sender is asked to come again.
    """
    rig.pipeline.submit("traces", b"x" * (1 << 20), "test")

    with pytest.raises(OverloadedError, match="the limit is 1048576"):
        rig.pipeline.submit("traces", b"x", "test")


def test_time_that_changed_something_is_in_the_log(rig):
    """
    A failed session's failure is counted a second after its end; a crash then keeps it counted.
    """
    rig.send("traces", a_session(outcome="failed"))
    rig.pass_seconds(2)
    counted = rig.value(m.FAILURES, "bug-fix", "", "exception")

    rig.crash()

    assert counted == 1
    assert rig.value(m.FAILURES, "bug-fix", "", "exception") == 1


def test_uptime_does_not_count_downtime(rig):
    """
    However long it was off, the uptime clock goes on where the log ends.
    """
    rig.pass_seconds(100)
    rig.send("traces", a_session())
    before = rig.pipeline.uptime_ns()
    rig.pipeline.stop()
    rig.now += 3600 * b.SECOND

    rig.open()

    assert rig.pipeline.uptime_ns() == before


steps = st.lists(
    st.tuples(st.integers(1, 6), st.sampled_from(["send", "crash", "restart", "seal", "wait"])), max_size=25
)


@given(steps)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_happens_in_whatever_order_each_session_counts_once(tmp_path_factory, script):
    """
    Sends, repeats, crashes, restarts and new segments: the counters are those of the distinct sessions.
    """
    rig = Rig(tmp_path_factory.mktemp("rig"), log_segment_bytes=1500)
    sent = set()
    for number, action in script:
        match action:
            case "send":
                rig.send("traces", a_session(number))
                sent.add(number)
            case "crash":
                rig.crash()
            case "restart":
                rig.restart()
            case "seal":
                rig.pipeline.store.seal(rig.head, rig.pipeline.uptime_ns())
            case "wait":
                rig.pass_seconds(number)

    assert (rig.value(m.SESSIONS, "bug-fix", "completed") or 0) == len(sent)
    assert (rig.value(m.ATTEMPTS, "coder", "", "failed") or 0) == len(sent)
    assert (rig.value(m.SESSIONS_STARTED, "bug-fix") or 0) == len(sent)
