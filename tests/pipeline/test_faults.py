"""
Faults of ours and of the machine: they cost one request at most, and nobody waits in vain.
"""

from __future__ import annotations

import pytest

import builders as b
from droidscope.conventions import metrics as m
from droidscope.errors import OverloadedError
from droidscope.ingest.sink import Signal
from droidscope.mapping.mapper import Mapper
from rig import Rig


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / "store")


def submit(rig, body):
    return rig.pipeline.submit(Signal.TRACES, body, "test")


def test_a_request_we_fail_to_map_costs_no_other_and_may_come_again(rig, monkeypatch):
    """
    Of three requests in one group the second meets a bug: the others count, its ids are not
    remembered, so it counts once the bug is gone.
    """
    bodies = [b.traces(b.task("coder", id=f"t{number}")) for number in range(3)]
    real = Mapper.map

    def failing(mapper, batch):
        if any("t1" in span.attributes.values() for span in batch.spans):
            raise ZeroDivisionError
        return real(mapper, batch)

    monkeypatch.setattr(Mapper, "map", failing)
    futures = [submit(rig, body) for body in bodies]
    rig.pipeline.step()
    monkeypatch.undo()

    assert [future.exception() is None for future in futures] == [True, False, True]
    assert rig.value(m.TASKS, "coder", "code", "completed") == 2
    rig.send("traces", bodies[1])
    assert rig.value(m.TASKS, "coder", "code", "completed") == 3


def test_a_sender_that_gave_up_harms_no_other(rig):
    """
    The first of two senders cancels its wait: both requests are durable, so both count.
    """
    first, second = submit(rig, b.traces(b.task(id="t1"))), submit(rig, b.traces(b.task(id="t2")))
    first.cancel()

    rig.pipeline.step()

    assert second.result(timeout=0).rejected == 0
    assert rig.value(m.TASKS, "coder", "code", "completed") == 2


def test_a_fault_in_counting_ourselves_keeps_no_record_from_the_head(rig, monkeypatch):
    """
    What is durable is taken in, or live and replayed state would differ.
    """

    def failing(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(rig.counts, "received", failing)
    rig.send("traces", b.traces(b.task()))

    assert rig.value(m.TASKS, "coder", "code", "completed") == 1


def test_a_fault_as_time_passes_does_not_keep_the_exporter_from_starting(rig, monkeypatch):
    """
    A bug in what falls due is logged, live and in the replay; it costs what it hit.
    """

    def failing(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("droidscope.recording.session_endings.SessionEndings.close", failing)
    rig.send("traces", b.traces(b.session(error="ValueError")))
    rig.pass_seconds(2)

    rig.crash()

    assert rig.value(m.SESSIONS, "bug-fix", "failed") == 1


def test_after_a_stop_every_sender_has_an_answer(rig):
    """
    What waited is durable, what comes now is asked to come again.
    """
    rig.pipeline.start()
    futures = [submit(rig, b.traces(b.task(id=f"t{number}"))) for number in range(20)]

    rig.pipeline.stop()

    assert all(future.result(timeout=0).rejected == 0 for future in futures)
    with pytest.raises(OverloadedError, match="stopping"):
        submit(rig, b.traces(b.task()))
    rig.open()
    assert rig.value(m.TASKS, "coder", "code", "completed") == 20


def test_a_replay_can_be_interrupted(rig):
    """
    Told to stop while it recovers, the exporter gives up the replay and leaves the store as it was.
    """
    for number in range(5):
        rig.send("traces", b.traces(b.task(id=f"t{number}")))
    rig.pipeline.store.abandon()
    before = sorted(path.name for path in rig.directory.rglob("*"))
    rig.recovers = False
    rig.open()
    rig.pipeline.interrupt()

    assert rig.pipeline.recover() is None
    assert sorted(path.name for path in rig.directory.rglob("*")) == before
    rig.pipeline.store.abandon()
    rig.recovers = True
    rig.open()
    assert rig.value(m.TASKS, "coder", "code", "completed") == 5


@pytest.mark.parametrize(
    "attributes",
    [
        {"phase__planned_seconds": 1e300, "phase__blocked_seconds": 1e300},
        {"gen_ai__usage__input_tokens": 2**63 - 1, "gen_ai__request__model": "m"},
        {"cost__usd": 1e308, "gen_ai__request__model": "m"},
        {"output__files_created": 2**63 - 1},
    ],
)
def test_absurd_numbers_neither_stop_a_request_nor_a_checkpoint(rig, attributes):
    """
    They are left out and told; the head can still be written down.
    """
    for number in range(3):
        kind = "phase" if "phase__planned_seconds" in attributes else "task"
        receipt = rig.send(
            "traces", b.traces(b.span(kind, task__id=f"t{number}", phase__id="p", **attributes))
        )
        assert "expected" in receipt.message

    rig.restart()

    assert rig.head.series.total(m.TASKS) in {3, None}


def test_an_absurd_count_of_emitted_records_is_refused_by_name(rig):
    """
    A process cannot have emitted 4e18 records.
    """
    receipt = rig.send("metrics", b.emitted("task", 2**62))

    assert receipt.rejected == 1
    assert "orchestrator.client.records" in receipt.message
    rig.restart()
