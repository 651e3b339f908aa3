"""
Sessions that one call starts and another ends, wherever that is.
"""

import asyncio
import logging
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry import context, propagate

import droidscope as ds
from droidscope.conventions import attributes as names
from droidscope.instrument.orchestrators import sessions_by_id
from droidscope.instrument.orchestrators.open_sessions import OPEN_SESSIONS, OpenSessions
from droidscope.testing import capture


@pytest.fixture(autouse=True)
def _nothing_open():
    """
    Each test begins without sessions.
    """
    OPEN_SESSIONS.restart()


def outcomes(seen):
    return {
        span.attributes[names.SESSION_ID]: span.attributes[names.SESSION_OUTCOME]
        for span in seen.records("session")
    }


def test_a_session_is_started_and_ended_by_its_id(seen):
    """
    By what it returned, by an error or a word for it.
    """
    for number in range(6):
        ds.start_session(f"s{number}", "triage", name="Triage", plan=["look", "act"])
    assert not seen.records("session")
    assert len(seen.events_named(names.STARTED_EVENT)) == 6

    assert ds.complete("s0")
    assert ds.complete("s1", {"status": "done"})
    assert ds.complete("s2", {"success": False})
    assert ds.fail("s3", TimeoutError("no answer"))
    assert ds.fail("s4", "budget_exceeded")
    assert ds.fail("s5")

    assert outcomes(seen) == {
        "s0": "completed",
        "s1": "completed",
        "s2": "failed",
        "s3": "failed",
        "s4": "failed",
        "s5": "failed",
    }
    errors = [span.attributes.get(names.ERROR_TYPE) for span in seen.records("session")]
    assert errors == [None, None, "result", "TimeoutError", "budget_exceeded", "stated"]
    assert seen.records("session")[0].attributes[names.PATTERN_ID] == "triage"
    assert len(OPEN_SESSIONS) == 0


def test_a_session_may_be_cancelled(seen):
    """
    Its result is not wanted any more, by a call, by what it says itself, or by an exception that means it.
    """
    ds.start_session("s1", "triage")
    ds.start_session("s2", "triage")
    ds.start_session("s3", "triage")

    ds.cancel("s1")
    ds.complete("s2", {"status": "cancelled"})
    ds.fail("s3", asyncio.CancelledError())

    assert outcomes(seen) == {"s1": "cancelled", "s2": "cancelled", "s3": "cancelled"}


def test_the_caller_is_not_inside_of_what_it_starts(seen):
    """
    Only the block is.
    """
    session = ds.start_session("s1", "triage")
    with ds.task("coder", id="outside"):
        pass
    with ds.within("s1") as inside, ds.task("coder", id="inside"):
        pass
    with ds.task("coder", id="after"):
        pass
    ds.complete("s1")

    assert inside is session
    assert {
        span.attributes[names.TASK_ID]: span.attributes.get(names.SESSION_ID) for span in seen.records("task")
    } == {"outside": None, "inside": "s1", "after": None}


def test_what_was_current_stays_current_when_a_session_is_ended_elsewhere(seen):
    """
    A callback that is itself inside of a session ends another one.
    """
    with ds.session("outer", id="outer"):
        ds.start_session("s1", "triage")
    with ds.session("other", id="other"):
        with ds.within("s1"):
            ds.complete("s1")
        with ds.task("coder"):
            pass

    assert seen.one("task").attributes[names.SESSION_ID] == "other"


async def test_tasks_beside_each_other_are_within_their_own(seen):
    """
    Asyncio tasks that start, work and end in any order.
    """

    async def start(number):
        ds.start_session(f"s{number}", "triage")

    async def work(number):
        async with ds.within(f"s{number}"):
            await asyncio.sleep(0)
            async with ds.task("coder", id=f"t{number}"):
                await asyncio.sleep(0)

    async def end(number):
        ds.complete(f"s{number}", {"ok": number % 2 == 0})

    for step in (start, work, end):
        await asyncio.gather(*(step(number) for number in range(20)))

    assert outcomes(seen) == {f"s{n}": "failed" if n % 2 else "completed" for n in range(20)}
    assert {
        span.attributes[names.TASK_ID]: span.attributes[names.SESSION_ID] for span in seen.records("task")
    } == {f"t{n}": f"s{n}" for n in range(20)}


def test_only_one_of_many_threads_ends_a_session(seen, caplog):
    """
    The first; the others are logged once, and change nothing.
    """
    ds.start_session("s1", "triage")
    barrier = threading.Barrier(8)

    def end(number):
        barrier.wait()
        return ds.complete("s1") if number % 2 else ds.fail("s1")

    with ThreadPoolExecutor(8) as pool:
        ended = list(pool.map(end, range(8)))

    assert ended.count(True) == 1
    assert len(seen.records("session")) == 1
    assert caplog.text.count("has ended already") <= 2  # once for each of the two lines
    assert "the session 's1' has ended already" in caplog.text


def test_a_start_of_an_id_that_is_open_begins_a_new_run(seen, caplog):
    """
    Another process may have ended the former one, which is told once and not ended from here; an end is that
    of the newest.
    """
    former = ds.start_session("s1", "triage")
    newest = ds.start_session("s1", "other")
    assert newest is not former
    assert repr(former) == "<droidscope session 's1', ended>"
    assert "'s1' is open here already" in caplog.text
    assert __file__ in caplog.text
    with ds.within("s1") as inside:
        assert inside is newest
    assert ds.complete("s1")

    assert seen.one("session").attributes[names.PATTERN_ID] == "other"
    assert len(seen.events_named(names.STARTED_EVENT)) == 2


def test_after_its_end_an_id_may_be_used_anew(seen):
    """
    Each run has its own end; a second end of one is none.
    """
    for end in (ds.complete, ds.fail):
        ds.start_session("s1", "triage")
        assert end("s1")
        assert not ds.complete("s1")

    assert [span.attributes[names.SESSION_OUTCOME] for span in seen.records("session")] == [
        "completed",
        "failed",
    ]


def test_each_end_of_an_id_that_is_not_open_here_is_sent(seen, caplog):
    """
    Other processes start its runs, and this one ends them: the exporter knows which is open.
    """
    with caplog.at_level(logging.INFO, "droidscope"):
        assert ds.complete("s1")
    assert "the session 's1' is not open in this process" in caplog.text
    caplog.clear()
    assert ds.fail("s1")

    assert [span.attributes[names.SESSION_OUTCOME] for span in seen.records("session")] == [
        "completed",
        "failed",
    ]
    assert all(span.attributes[names.SESSION_BY_ID] for span in seen.records("session"))
    assert not caplog.records


@pytest.mark.parametrize(
    ("end", "outcome", "error_type"),
    [
        (lambda: ds.complete("s1"), "completed", None),
        (lambda: ds.complete("s1", {"ok": False}), "failed", "result"),
        (lambda: ds.fail("s1", ValueError("rejected")), "failed", "ValueError"),
        (lambda: ds.fail("s1", "rejected"), "failed", "rejected"),
        (lambda: ds.fail("s1", asyncio.CancelledError()), "cancelled", None),
        (lambda: ds.cancel("s1"), "cancelled", None),
    ],
)
def test_a_stated_end_wins_over_waiting(seen, end, outcome, error_type):
    """
    The time from the wait to the end is no work.
    """
    ds.start_session("s1", "release").wait("approval")
    assert end()

    attributes = seen.one("session").attributes
    assert attributes[names.SESSION_OUTCOME] == outcome
    assert attributes.get(names.ERROR_TYPE) == error_type
    assert attributes[names.SESSION_WAITING_SECONDS] > 0


def test_a_block_within_a_session_shows_its_id():
    """
    For people who debug.
    """
    assert repr(ds.within("s1")) == "<droidscope within 's1'>"


def test_the_end_of_a_session_of_another_process_is_sent_from_here(seen):
    """
    Under its id, marked as resumed; its pattern is known to the exporter, and here only with its context.
    """
    ds.complete("s1", {"success": False})

    session = seen.one("session")
    assert session.name == "invoke_workflow"
    assert session.attributes[names.SESSION_ID] == "s1"
    assert session.attributes[names.SESSION_RESUMED] is True
    assert session.attributes[names.SESSION_OUTCOME] == "failed"
    assert names.PATTERN_ID not in session.attributes
    assert not seen.events_named(names.STARTED_EVENT)


def test_a_session_that_travelled_keeps_its_pattern(seen):
    """
    Work in another process is within it by its id, and its end is part of its trace.
    """
    headers = {}
    ds.start_session("s1", "triage")
    with ds.within("s1"):
        propagate.inject(headers)
    OPEN_SESSIONS.restart()  # as in another process
    token = context.attach(propagate.extract(headers))
    with ds.within("s1") as session, ds.task("coder"):
        pass
    ds.complete("s1")
    context.detach(token)

    assert session is None
    assert seen.one("task").attributes[names.SESSION_ID] == "s1"
    ended = seen.one("session")
    assert (ended.name, ended.attributes[names.PATTERN_ID]) == ("invoke_workflow triage", "triage")


def test_within_a_session_of_another_process_spans_have_its_id(seen):
    """
    Without its context, too, and without the ids of what is around.
    """
    with ds.session("outer", id="outer"), ds.phase("build"), ds.within("s1"), ds.task("coder"):
        pass

    task = seen.one("task")
    assert task.attributes[names.SESSION_ID] == "s1"
    assert names.PHASE_ID not in task.attributes
    assert names.PATTERN_ID not in task.attributes


def test_sessions_that_are_never_ended_are_bounded(seen, caplog):
    """
    The oldest is given up, and not ended: nobody knows how it went. That is logged once.
    """
    sessions = OpenSessions(limit=3)
    for number in range(6):
        session = sessions_by_id.SessionById("triage", f"s{number}")
        sessions.add(f"s{number}", session)
        assert sessions.find(f"s{number}") is session

    assert len(sessions) == 3
    assert sessions.find("s2") is None
    assert sessions.find("s3") is not None
    assert caplog.text.count("given up is the oldest") == 1
    assert not seen.records("session")


def test_without_a_provider_nothing_happens(caplog):
    """
    Nor is anything kept.
    """
    session = ds.start_session("s1", "triage")
    with ds.within("s1") as inside:
        pass

    assert (session.id, inside) == ("s1", None)
    assert not ds.complete("s1")
    assert not ds.fail("s2")
    assert len(OPEN_SESSIONS) == 0
    assert not caplog.records


def test_missing_arguments_are_refused():
    """
    With a provider or without.
    """
    with pytest.raises(TypeError):
        ds.start_session("s1")
    with pytest.raises(TypeError):
        ds.start_session("s1", "triage", patern="x")
    with pytest.raises(TypeError):
        ds.complete()


def _in_child(queue):
    with capture() as seen:
        ds.complete("s1")
        queue.put([dict(span.attributes) for span in seen.records("session")])


def test_a_forked_child_has_started_nothing(seen):
    """
    It ends the session of its parent as one of another process.
    """
    fork = multiprocessing.get_context("fork")
    queue = fork.Queue()
    ds.start_session("s1", "triage")
    child = fork.Process(target=_in_child, args=(queue,))
    child.start()
    (attributes,) = queue.get(timeout=30)
    child.join()

    assert attributes[names.SESSION_RESUMED] is True
    assert ds.complete("s1")
    assert names.SESSION_RESUMED not in seen.one("session").attributes


class Specified(ds.AnalyticsOrchestrator):
    """
    The orchestrator of the specification, which records its sessions itself.
    """

    analytics_method = ()

    def analytics_pattern(self, request):
        return request.split()[0]

    def outcome_of(self, result):
        return "failed" if result == "bad" else "completed"

    async def execute_task(self, request, result):
        session_id = f"id of {request}"
        self.analytics.start_session(session_id, request)
        try:
            if isinstance(result, Exception):
                raise result  # noqa: TRY301 - as the method of a base would
            self.analytics.complete_session(session_id, result)
        except Exception as error:
            self.analytics.fail_session(session_id, error)
            raise
        return result


class Wrapped(Specified):
    """
    The same, whose method is a session already.
    """

    analytics_method = "execute_task"

    def analytics_pattern(self, request, _result=None):
        return request.split()[0]


@pytest.mark.usefixtures("alerted")
@pytest.mark.parametrize("kind", [Specified, Wrapped])
async def test_an_orchestrator_may_record_as_the_specification_has_it(seen, kind):
    """
    One session a call, also where its method is one already.
    """
    mine = kind()
    await mine.execute_task("bug 1", "good")
    await mine.execute_task("bug 2", "bad")
    with pytest.raises(ValueError, match="worse"):
        await mine.execute_task("bug 3", ValueError("worse"))

    sessions = seen.records("session")
    assert [span.attributes[names.SESSION_OUTCOME] for span in sessions] == ["completed", "failed", "failed"]
    assert {span.attributes[names.PATTERN_ID] for span in sessions} == {"bug"}
    assert sessions[2].attributes[names.ERROR_TYPE] == "ValueError"
    if kind is Specified:
        assert list(outcomes(seen)) == ["id of bug 1", "id of bug 2", "id of bug 3"]
    assert len(OPEN_SESSIONS) == 0


@pytest.mark.usefixtures("alerted")
def test_a_joined_session_that_is_never_ended_ends_with_its_method(seen):
    """
    Nothing is left open.
    """

    class Mine(ds.AnalyticsOrchestrator):
        def execute_task(self):
            self.analytics.start_session("mine")

    Mine().execute_task()

    assert seen.one("session")
    assert len(OPEN_SESSIONS) == 0


def test_an_orchestrators_own_attribute_of_that_name_wins():
    """
    One that has analytics of its own.
    """

    class Mine(ds.AnalyticsOrchestrator):
        def __init__(self):
            self.analytics = "mine"

    assert Mine().analytics == "mine"
