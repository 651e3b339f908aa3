"""
How blocks end: cancelled, by an exit, or by an exception that makes trouble itself.
"""

import asyncio
import concurrent.futures
import subprocess
import sys
from contextlib import ExitStack, suppress

import pytest
from opentelemetry.trace import StatusCode

import droidscope as ds
from droidscope.conventions import attributes as names
from droidscope.instrument import tasks
from droidscope.instrument.emission.texts import TEXT_LIMIT
from droidscope.instrument.endings.endings import Ending, ending_of

BLOCKS = {
    "session": (lambda: ds.session("p"), names.SESSION_OUTCOME),
    "phase": (lambda: ds.phase("f"), names.PHASE_OUTCOME),
    "task": (lambda: ds.task("d"), names.TASK_OUTCOME),
    "attempt": (ds.attempt, names.TASK_OUTCOME),
    "tool": (lambda: ds.tool("x"), names.TOOL_OUTCOME),
    "model_request": (lambda: ds.model_call("m"), names.MODEL_OUTCOME),
    "message": (lambda: ds.ask("a", "b"), names.MESSAGE_OUTCOME),
    "synthesis": (ds.synthesis, names.SYNTHESIS_OUTCOME),
}
CANCELLATIONS = [asyncio.CancelledError, concurrent.futures.CancelledError, KeyboardInterrupt]


@pytest.mark.parametrize("error", CANCELLATIONS)
@pytest.mark.parametrize("kind", BLOCKS)
def test_what_is_cancelled_has_not_failed(seen, kind, error):
    """
    Each kind says so in its outcome; there is no error, and the exception goes on.
    """
    block, outcome = BLOCKS[kind]
    with pytest.raises(error), ds.task("around"), block():
        raise error

    span = seen.records(kind)[0]
    assert span.attributes[outcome] == "cancelled"
    assert span.status.status_code is StatusCode.UNSET
    assert names.ERROR_TYPE not in span.attributes
    assert not span.events


def test_a_cancelled_gate_has_no_verdict(seen):
    """
    Neither passed nor failed, for its session neither.
    """
    with ds.session("p") as session, suppress(KeyboardInterrupt), ds.gate("g"):
        raise KeyboardInterrupt

    span = seen.one("gate")
    assert names.GATE_PASSED not in span.attributes
    assert span.attributes[names.GATE_OUTCOME] == "cancelled"
    assert span.status.status_code is StatusCode.UNSET
    assert not session.gates


def test_a_gate_that_had_its_verdict_keeps_it(seen):
    """
    What was cancelled is only what came after.
    """
    with suppress(KeyboardInterrupt), ds.gate("g") as gate:
        gate.failed()
        raise KeyboardInterrupt

    assert seen.one("gate").attributes[names.GATE_PASSED] is False


def test_a_cancelled_synthesis_reports_nothing(seen):
    """
    Unless it had reported its integration.
    """
    for report in (False, True):
        with ds.session("p"), suppress(KeyboardInterrupt), ds.synthesis() as synthesis:
            with ds.gate("g"):
                pass
            if report:
                synthesis.integrated(conflicts=1)
            raise KeyboardInterrupt

    nothing, reported = seen.records("synthesis")
    assert names.SYNTHESIS_GATES_PASSED not in nothing.attributes
    assert reported.attributes[names.SYNTHESIS_CONFLICTS] == 1
    assert names.SYNTHESIS_OUTCOME not in reported.attributes


def test_a_cancellation_can_be_stated(seen):
    """
    Where the orchestrator sees it by other means than an exception.
    """
    kinds = ("session", "phase", "task", "attempt", "tool", "model_request")
    with ExitStack() as blocks:
        for kind in kinds:
            blocks.enter_context(BLOCKS[kind][0]()).outcome("cancelled")

    assert [seen.one(kind).attributes[BLOCKS[kind][1]] for kind in kinds] == ["cancelled"] * 6


@pytest.mark.parametrize("stated", ["completed", "failed"])
def test_a_stated_outcome_wins_over_a_cancellation(seen, stated):
    """
    The orchestrator knows better.
    """
    with suppress(asyncio.CancelledError), ds.task("d") as task:
        task.outcome(stated)
        raise asyncio.CancelledError

    span = seen.one("task")
    assert span.attributes[names.TASK_OUTCOME] == stated
    assert (span.status.status_code is StatusCode.ERROR) is (stated == "failed")


def test_a_stated_cancellation_wins_over_a_failure(seen):
    """
    Then there is no error on the span.
    """
    with suppress(ValueError), ds.task("d") as task:
        task.outcome("cancelled")
        raise ValueError

    span = seen.one("task")
    assert span.attributes[names.TASK_OUTCOME] == "cancelled"
    assert span.status.status_code is StatusCode.UNSET


def test_counters_and_histograms_have_cancellations(seen):
    """
    Under their outcome, like the rest.
    """
    for block in (lambda: ds.session("p"), lambda: ds.task("d"), lambda: ds.ask("a", "b")):
        with suppress(KeyboardInterrupt), block():
            raise KeyboardInterrupt

    assert seen.count(names.CLIENT_TASKS, {names.TASK_OUTCOME: "cancelled"}) == 1
    assert seen.count(names.CLIENT_TASK_DURATION, {names.TASK_OUTCOME: "cancelled"}) == 1
    assert seen.count(names.CLIENT_SESSION_DURATION, {names.SESSION_OUTCOME: "cancelled"}) == 1
    assert seen.count(names.CLIENT_MESSAGES, {names.MESSAGE_OUTCOME: "cancelled"}) == 1


def outcomes(seen):
    """
    Outcomes of the tasks, by droid.
    """
    return {
        span.attributes[names.AGENT_NAME]: span.attributes.get(
            names.TASK_OUTCOME, "failed" if span.status.status_code is StatusCode.ERROR else "completed"
        )
        for span in seen.records("task")
    }


@ds.task("waits")
async def waits():
    await asyncio.Event().wait()


@ds.task("fails")
async def fails():
    await asyncio.sleep(0)
    raise ValueError


@ds.task("answers")
async def answers():
    await asyncio.sleep(0)


async def test_siblings_of_what_failed_are_cancelled(seen):
    """
    One task of a TaskGroup has failed, and the session with it; the others were not wanted any more.
    """
    with suppress(ExceptionGroup), ds.session("p"):
        async with asyncio.TaskGroup() as group:
            group.create_task(waits())
            group.create_task(fails())

    assert outcomes(seen) == {"waits": "cancelled", "fails": "failed"}
    assert seen.one("session").attributes[names.SESSION_OUTCOME] == "failed"


async def test_a_hedged_request_has_no_failure(seen):
    """
    The slower of two is cancelled.
    """
    async with ds.session("p"):
        hedged = [asyncio.create_task(each()) for each in (waits, answers)]
        _, pending = await asyncio.wait(hedged, return_when=asyncio.FIRST_COMPLETED)
        for each in pending:
            each.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    assert outcomes(seen) == {"waits": "cancelled", "answers": "completed"}
    assert seen.one("session").attributes[names.SESSION_OUTCOME] == "completed"


async def test_a_timeout_fails_outside_and_cancels_inside(seen):
    """
    What the limit belongs to has failed; what ran when it passed was cancelled.
    """
    with suppress(TimeoutError), ds.task("limits"):
        async with asyncio.timeout(0):
            await waits()

    assert outcomes(seen) == {"waits": "cancelled", "limits": "failed"}


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (SystemExit(), Ending.BY_ITSELF),
        (SystemExit(0), Ending.BY_ITSELF),
        (SystemExit(1), Ending.FAILED),
        (SystemExit("no"), Ending.FAILED),
        (GeneratorExit(), Ending.BY_ITSELF),
        (BaseExceptionGroup("", [KeyboardInterrupt(), asyncio.CancelledError()]), Ending.CANCELLED),
        (BaseExceptionGroup("", [KeyboardInterrupt(), ValueError()]), Ending.FAILED),
        (TimeoutError(), Ending.FAILED),
    ],
)
def test_exits_and_groups_end_as_they_say(error, ending):
    """
    An exit with status 0 has completed; a group has failed if anything in it has.
    """
    assert ending_of(error) is ending


def test_cancellations_of_other_schedulers_are_known_by_name():
    """
    Without importing them: trio's, and whatever is derived from one that is known.
    """
    trio = type("Cancelled", (BaseException,), {"__module__": "trio"})
    named_alike = type("Cancelled", (Exception,), {"__module__": "shop.orders"})
    derived = type("Preempted", (asyncio.CancelledError,), {})

    assert [ending_of(each()) for each in (trio, named_alike, derived)] == [
        Ending.CANCELLED,
        Ending.FAILED,
        Ending.CANCELLED,
    ]


def test_an_interrupt_of_langgraph_is_no_failure():
    """
    A node that waits for a person is left by an exception, and a hand-over to the parent graph as well.
    """
    errors = pytest.importorskip("langgraph.errors")

    assert ending_of(errors.GraphInterrupt(())) is Ending.CANCELLED
    assert ending_of(errors.ParentCommand(None)) is Ending.BY_ITSELF


EXITS = """
import sys
from droidscope.testing import capture
import droidscope as ds

with capture() as seen:
    try:
        with ds.session("p"):
            sys.exit({status!r})
    finally:
        print(seen.one("session").attributes["orchestrator.session.outcome"])
"""


@pytest.mark.parametrize(("status", "outcome"), [(0, "completed"), (3, "failed")])
def test_a_script_that_exits_in_its_session(status, outcome):
    """
    The exit status of the process is the outcome.
    """
    done = subprocess.run(
        [sys.executable, "-c", EXITS.format(status=status)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout.strip()) == (status, outcome)


class MuteError(Exception):
    def __str__(self):
        raise RuntimeError


class HostileError(BaseException):
    def __str__(self):
        raise SystemExit

    __repr__ = __str__


@pytest.mark.parametrize("error", [MuteError, HostileError])
@pytest.mark.parametrize("kind", ["session", "phase", "task", "attempt", "tool", "model_request"])
def test_an_exception_without_a_text_is_a_failure(seen, kind, error):
    """
    It passes unchanged, and what it says instead names what it raised.
    """
    with pytest.raises(error), ds.task("around"), BLOCKS[kind][0]():
        raise error

    span = seen.records(kind)[0]
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes[names.ERROR_TYPE] == f"{__name__}.{error.__name__}"


@pytest.mark.parametrize("error", [MuteError, HostileError])
def test_a_gate_fails_by_an_exception_without_a_text(seen, error):
    """
    A query is unanswered likewise.
    """
    with pytest.raises(error), ds.ask("a", "b"), ds.gate("g"):
        raise error

    assert seen.one("gate").attributes[names.GATE_PASSED] is False
    assert seen.one("message").attributes[names.MESSAGE_OUTCOME] == "unanswered"


def test_a_conclusion_that_raises_leaves_the_outcome(seen, monkeypatch, caplog):
    """
    Only what would have come after it is missing.
    """

    def broken(*_):
        raise OSError("full")

    monkeypatch.setattr(tasks.TaskSpan, "_conclude", broken)
    with pytest.raises(ValueError, match="no"), ds.task("d"):
        raise ValueError("no")

    span = seen.one("task")
    assert span.status.status_code is StatusCode.ERROR
    assert [event.name for event in span.events] == ["exception"]
    assert "full" in caplog.text


def test_a_long_text_is_cut(seen):
    """
    Of a stack trace the beginning and the end remain.
    """
    with suppress(ValueError), ds.task("d"):
        raise ValueError("x" * 20_000)

    span = seen.one("task")
    (event,) = span.events
    assert len(span.status.description) == TEXT_LIMIT
    assert len(event.attributes["exception.message"]) == TEXT_LIMIT
    assert len(event.attributes["exception.stacktrace"]) <= TEXT_LIMIT
    assert event.attributes["exception.stacktrace"].startswith("Traceback")


def test_half_a_surrogate_pair_costs_nothing(seen):
    """
    It is no text that can be sent.
    """
    with suppress(ValueError), ds.task("d"):
        raise ValueError("half: \ud800")

    span = seen.one("task")
    for text in (span.status.description, *span.events[0].attributes.values()):
        assert text.encode()
