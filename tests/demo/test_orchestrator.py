"""
The fleet really does what its scripts say, and its truth is what the telemetry tells.
"""

import asyncio

import pytest

from demo.recorded_series import attributes, recorded
from droidscope import testing
from droidscope.conventions import attributes as names
from droidscope.conventions import metrics
from droidscope.conventions.attributes import Kind, Outcome
from droidscope_demo.orchestrator import Clock, Orchestrator
from droidscope_demo.script import draw_session
from droidscope_demo.truth import Truth

SESSIONS = 60
SECONDS_PER_MINUTE = 1e-5


@pytest.fixture(scope="module")
def run():
    """
    Many sessions at a high compression: what was emitted, and what the fleet says it did.
    """
    truth = Truth("atlas")
    with testing.capture() as captured:
        asyncio.run(play(truth, range(SESSIONS)))
        yield captured, truth


async def play(truth, numbers):
    await Orchestrator("test", Clock(SECONDS_PER_MINUTE), truth).run(numbers, concurrency=3)


def test_the_truth_is_what_the_telemetry_tells(run):
    """
    Every series of every kind has exactly the same value, counted both ways.
    """
    captured, truth = run

    counted = {(one["name"], *list(one["labels"].values())[1:]): one["value"] for one in truth.samples()}
    assert counted == recorded(captured)


def test_the_run_shows_every_family(run):
    """
    What the fleet counts covers every counter that sessions of our own instrumentation feed.
    """
    _, truth = run
    shown = {one["name"] for one in truth.samples()}
    beyond = {
        metrics.SESSIONS_RECOVERED,
        metrics.SESSIONS_ENDED_OVER_LIMIT,
        metrics.SESSIONS_REOPENED,
        metrics.SESSIONS_SPLIT,
        metrics.SESSION_WAITING_SECONDS,  # a duration, not a count
        metrics.PHASE_BLOCKED_SECONDS,  # a duration, not a count
        metrics.QUERY_CREDIT,  # likewise
        metrics.MODEL_REQUESTS,
        metrics.UNPRICED_TOKENS,
    }
    domain = [
        one for one in metrics.CATALOGUE if one.kind == "counter" and one.name.startswith("orchestrator_")
    ]

    assert {one.name for one in domain if one not in beyond} <= shown


def test_every_record_is_counted_by_the_instrumentation(run):
    """
    The instrumentation's own counter of records agrees with the spans.
    """
    captured, _ = run

    for kind in (kind for kind in Kind if kind is not Kind.MODEL_REQUEST):  # usage stands on the tasks
        counted = captured.count(names.CLIENT_RECORDS, {names.RECORD_KIND: kind})
        assert counted == len(captured.records(kind)) > 0


def test_every_kind_of_event_happens(run):
    """
    Starts, progress, conflicts, phases that are blocked and go on, and sessions that wait and go on.
    """
    captured, _ = run

    assert captured.events_named(names.PROGRESS_EVENT)
    assert captured.events_named(names.CONFLICT_EVENT)
    blocked = captured.events_named(names.BLOCKED_EVENT)
    assert len(blocked) == len(captured.events_named(names.UNBLOCKED_EVENT)) > 0
    waiting = captured.events_named(names.WAITING_EVENT)
    assert len(waiting) == len(captured.events_named(names.RESUMED_EVENT)) > 0


def test_a_failed_session_says_why(run):
    """
    Session, phase, task and attempt carry the word of the script; the phases after it are skipped.
    """
    captured, _ = run
    scripts = {script.id: script for script in (draw_session("test", number) for number in range(SESSIONS))}

    failed = [span for span in attributes(captured, Kind.SESSION) if span["failed"]]
    assert failed
    for span in failed:
        script = scripts[span[names.SESSION_ID]]
        phases = [one for one in attributes(captured, Kind.PHASE) if one[names.SESSION_ID] == script.id]
        assert span[names.ERROR_TYPE] == script.error
        assert [one[names.ERROR_TYPE] for one in phases if one["failed"]] == [script.error]
        skipped = [one[names.PHASE_ID] for one in phases if one[names.PHASE_OUTCOME] == Outcome.SKIPPED]
        assert skipped == [phase.id for phase in script.skipped]


def test_work_carries_the_ids_it_is_inside_of(run):
    """
    Whatever runs in parallel, a tool call names its session, phase, task and droid.
    """
    captured, _ = run

    for span in attributes(captured, Kind.TOOL):
        assert {names.SESSION_ID, names.PHASE_ID, names.TASK_ID, names.AGENT_NAME} <= span.keys()


async def test_the_same_seed_gives_the_same_truth():
    """
    Counts depend on the seed alone, not on how the sessions interleave.
    """
    first, second = Truth("atlas"), Truth("atlas")

    with testing.capture():
        await play(first, range(5))
        await Orchestrator("test", Clock(SECONDS_PER_MINUTE), second).run(range(5), concurrency=1)

    assert list(first.samples()) == list(second.samples())


async def test_stopping_finishes_what_is_open():
    """
    In a world of real minutes, a stop ends all open sessions at once, and nothing is left half counted.
    """
    truth = Truth("atlas")
    orchestrator = Orchestrator("test", Clock(seconds_per_minute=60), truth)
    with testing.capture() as captured:
        running = asyncio.create_task(orchestrator.run(range(100), concurrency=3))
        while truth.total(metrics.SESSIONS_STARTED) < 3:  # noqa: ASYNC110 - nobody says when one begins
            await asyncio.sleep(0)
        orchestrator.stop()
        await asyncio.wait_for(running, timeout=60)

        assert truth.total(metrics.SESSIONS) == truth.total(metrics.SESSIONS_STARTED) == 3
        assert len(captured.records(Kind.SESSION)) == 3
