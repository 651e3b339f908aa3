"""
Sessions that wait for a person, within a block or for longer than a process lives; and those that go on.
"""

import asyncio
from asyncio import CancelledError
from contextlib import suppress

import pytest
from opentelemetry import context, propagate
from opentelemetry.trace import format_span_id

import droidscope as ds
from droidscope.conventions import attributes as names
from droidscope.instrument.emission import heartbeat


def events(seen):
    """
    Names of the events about waiting, in order.
    """
    of_interest = (names.WAITING_EVENT, names.RESUMED_EVENT)
    return [event.event_name for event in seen.events if event.event_name in of_interest]


def waited(seen):
    return seen.one("session").attributes.get(names.SESSION_WAITING_SECONDS)


def test_a_session_waits_within_a_block(seen, clock):
    """
    Events tell its beginning, with a reason, and its end; the session has its seconds.
    """
    with ds.session("p", id="s") as session, ds.task("d"):
        with ds.waiting("approval"):
            clock.seconds = 60.0
        clock.seconds = 90.0

    (began,), (ended,) = seen.events_named(names.WAITING_EVENT), seen.events_named(names.RESUMED_EVENT)
    assert began.attributes[names.WAITING_REASON] == "approval"
    for event in (began, ended):
        assert event.attributes[names.SESSION_ID] == "s"
        assert event.attributes[names.SESSION_RUN] == format_span_id(session.span.get_span_context().span_id)
    assert waited(seen) == 60.0


def test_a_session_that_never_waited_has_no_seconds(seen):
    """
    Absent, not zero.
    """
    with ds.session("p"):
        pass

    assert waited(seen) is None


def test_reasons_that_overlap_count_once(seen, clock):
    """
    It goes on with the last of them.
    """
    with ds.session("p"), ds.waiting("one"):
        clock.seconds = 1.0
        with ds.waiting("two"):
            clock.seconds = 3.0
        clock.seconds = 4.0

    assert events(seen) == [names.WAITING_EVENT, names.WAITING_EVENT, names.RESUMED_EVENT]
    assert waited(seen) == 4.0


def test_resumed_ends_whatever_was_waited_for(seen, clock):
    """
    As calls, without a block.
    """
    with ds.session("p"):
        ds.waiting("one")
        ds.waiting("two")
        clock.seconds = 5.0
        ds.resumed()
        clock.seconds = 7.0
        ds.resumed()  # nothing waits here, but something may in another process

    waits, goes_on = names.WAITING_EVENT, names.RESUMED_EVENT
    assert events(seen) == [waits, waits, goes_on, goes_on]
    assert waited(seen) == 5.0


async def test_tasks_of_a_session_wait_together(seen, clock):
    """
    Also with `async with`: what two coroutines wait for at once is one wait.
    """

    async def ask(after):
        async with ds.waiting():
            await asyncio.sleep(0)
            clock.seconds = max(clock.seconds, after)

    async with ds.session("p"):
        await asyncio.gather(ask(2.0), ask(3.0))

    assert waited(seen) == 3.0


def test_what_waits_at_the_end_counts_to_the_end(seen, clock):
    """
    Nobody said that it goes on.
    """
    with ds.session("p"):
        ds.waiting()
        clock.seconds = 2.0

    assert waited(seen) == 2.0


def test_a_wait_ends_with_an_exception(seen, clock):
    """
    The person has said no, which is the session's to judge.
    """
    with suppress(PermissionError), ds.session("p"), ds.waiting():
        clock.seconds = 1.0
        raise PermissionError

    assert waited(seen) == 1.0
    assert events(seen) == [names.WAITING_EVENT, names.RESUMED_EVENT]


def test_a_droid_in_another_process_may_wait(seen):
    """
    Its events have the ids that arrived, and what overlaps goes on once.
    """
    headers = {}
    with ds.session("p", id="s"):
        propagate.inject(headers)
    token = context.attach(propagate.extract(headers, context.Context()))
    try:
        with ds.waiting("one"), ds.waiting("two"):
            pass
    finally:
        context.detach(token)

    assert events(seen) == [names.WAITING_EVENT, names.WAITING_EVENT, names.RESUMED_EVENT]
    assert seen.events_named(names.RESUMED_EVENT)[0].attributes[names.SESSION_ID] == "s"


def test_outside_of_a_session_nothing_waits(seen):
    """
    No event without a session.
    """
    with ds.waiting():
        pass
    ds.resumed()

    assert not seen.events


def test_a_session_that_waits_is_alive(seen):
    """
    Its process still names it.
    """
    with ds.session("p"), ds.waiting():
        heartbeat.HEARTBEAT.send()

    assert len(seen.events_named(names.ALIVE_EVENT)) == 1


def test_a_session_may_outlive_its_block(seen):
    """
    Its span ends as waiting, and so does it in the histogram; it has not gone on.
    """
    with ds.session("p", id="s") as session:
        session.wait("sign-off")

    assert seen.one("session").attributes[names.SESSION_OUTCOME] == "waiting"
    assert seen.events_named(names.WAITING_EVENT)[0].attributes[names.WAITING_REASON] == "sign-off"
    assert events(seen) == [names.WAITING_EVENT]
    assert seen.count(names.CLIENT_SESSION_DURATION, {names.SESSION_OUTCOME: "waiting"}) == 1


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(KeyboardInterrupt, "cancelled"), (CancelledError, "cancelled"), (ConnectionError, "failed")],
)
def test_an_exception_that_leaves_the_block_wins_over_waiting(seen, error, outcome):
    """
    As where the mail to the person could not be sent.
    """
    with suppress(error), ds.session("p") as session:
        session.wait()
        raise error

    attributes = seen.one("session").attributes
    assert attributes[names.SESSION_OUTCOME] == outcome
    assert attributes.get(names.ERROR_TYPE) == (None if outcome == "cancelled" else error.__name__)


def test_an_outcome_that_is_stated_after_a_wait_wins(seen):
    """
    And a wait after it wins over it.
    """
    with ds.session("p", id="s1") as session:
        session.wait()
        session.outcome("failed")
    with ds.session("p", id="s2") as session:
        session.outcome("failed")
        session.wait()

    outcomes = [span.attributes[names.SESSION_OUTCOME] for span in seen.records("session")]
    assert outcomes == ["failed", "waiting"]


def test_a_session_goes_on_under_its_id(seen):
    """
    Its start and its span say so, and it is another run.
    """
    with ds.session("p", id="s") as session:
        session.wait()
    with ds.session("p", id="s", resume=True):
        pass

    first, second = seen.records("session")
    started = seen.events_named(names.STARTED_EVENT)
    assert names.SESSION_RESUMED not in first.attributes
    assert second.attributes[names.SESSION_RESUMED] is True
    assert started[1].attributes[names.SESSION_RESUMED] is True
    assert first.attributes[names.SESSION_RUN] != second.attributes[names.SESSION_RUN]


def test_a_session_without_an_id_cannot_go_on(seen, caplog):
    """
    Nobody would know which.
    """
    with ds.session("p", resume=True):
        pass

    assert names.SESSION_RESUMED not in seen.one("session").attributes
    assert "session(resume=True) needs the id" in caplog.text


def runs(spans):
    return {span.attributes[names.SESSION_RUN] for span in spans}


def test_sessions_of_one_id_are_told_apart(seen):
    """
    One after another: everything inside has the run of its own session, which is the id of its span.
    """
    for _ in range(2):
        with ds.session("p", id="s"), ds.task("d"):
            ds.progress(0.5)

    sessions = seen.records("session")
    expected = [format_span_id(span.context.span_id) for span in sessions]
    assert len(set(expected)) == 2
    for kind in ("session", "task"):
        assert [span.attributes[names.SESSION_RUN] for span in seen.records(kind)] == expected
    progress = seen.events_named(names.PROGRESS_EVENT)
    assert [event.attributes[names.SESSION_RUN] for event in progress] == expected
    started = seen.events_named(names.STARTED_EVENT)[::2]
    assert [event.attributes[names.SESSION_RUN] for event in started] == expected


async def test_concurrent_sessions_of_one_id_are_told_apart(seen):
    """
    Also where their work is interleaved.
    """

    async def run():
        async with ds.session("p", id="s"):
            await asyncio.sleep(0)
            async with ds.task("d"):
                await asyncio.sleep(0)

    await asyncio.gather(run(), run())

    assert runs(seen.records("task")) == runs(seen.records("session"))
    assert len(runs(seen.records("task"))) == 2


def test_the_run_goes_to_other_processes(seen):
    """
    With the ids, in baggage.
    """
    headers = {}
    with ds.session("p", id="s"):
        propagate.inject(headers)
    token = context.attach(propagate.extract(headers, context.Context()))
    try:
        with ds.task("d"):
            pass
    finally:
        context.detach(token)

    assert runs(seen.records("task")) == runs(seen.records("session"))
