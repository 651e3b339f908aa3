"""
What each kind of span has.
"""

from contextlib import suppress
from datetime import timedelta

import pytest
from opentelemetry.trace import SpanKind, StatusCode, format_span_id

import droidscope as ds
from droidscope.conventions import attributes as names


def test_a_session_says_what_it_runs(seen):
    """
    Pattern, ids, plan and planned seconds are attributes; the outcome is completed.
    """
    with ds.session(
        "bug-fix", id="s1", name="Bug Fix", plan=["phase-1", "phase-2"], planned=timedelta(minutes=2)
    ) as session:
        assert session.id == "s1"

    span = seen.one("session")
    assert span.name == "invoke_workflow bug-fix"
    assert span.kind is SpanKind.INTERNAL
    assert dict(span.attributes) == {
        names.KIND: "session",
        names.SESSION_ID: "s1",
        names.SESSION_RUN: format_span_id(span.context.span_id),
        names.PATTERN_ID: "bug-fix",
        names.PATTERN_NAME: "Bug Fix",
        names.OPERATION: "invoke_workflow",
        names.CONVERSATION_ID: "s1",
        names.SESSION_PLAN: ("phase-1", "phase-2"),
        names.SESSION_PLANNED_SECONDS: 120.0,
        names.SESSION_OUTCOME: "completed",
    }


def test_everything_of_ours_is_of_one_scope(seen):
    """
    The instrumentation scope is droidscope, its version that of the schema.
    """
    with ds.session("p"):
        pass

    scope = seen.one("session").instrumentation_scope
    assert (scope.name, scope.version) == (names.SCOPE, names.SCHEMA_VERSION)


def test_a_phase_says_what_it_depends_on(seen):
    """
    Id, name, dependencies and planned seconds are attributes.
    """
    with ds.phase("phase-2", name="Fix", depends_on=["phase-1"], planned=90):
        pass

    span = seen.one("phase")
    assert span.name == "phase phase-2"
    assert dict(span.attributes) == {
        names.KIND: "phase",
        names.PHASE_ID: "phase-2",
        names.PHASE_NAME: "Fix",
        names.PHASE_DEPENDS_ON: ("phase-1",),
        names.PHASE_PLANNED_SECONDS: 90.0,
        names.PHASE_OUTCOME: "completed",
    }


def test_a_phase_can_be_skipped(seen):
    """
    `skip()` is the outcome skipped, and no error.
    """
    with ds.phase("p") as phase:
        phase.skip()

    span = seen.one("phase")
    assert span.attributes[names.PHASE_OUTCOME] == "skipped"
    assert span.status.status_code is StatusCode.UNSET


def test_a_task_says_who_does_what(seen):
    """
    Droid, id and type are attributes; without attempts it counts none.
    """
    with ds.task("debugger", "diagnosis", id="t1"):
        pass

    span = seen.one("task")
    assert span.name == "invoke_agent debugger"
    assert dict(span.attributes) == {
        names.KIND: "task",
        names.OPERATION: "invoke_agent",
        names.AGENT_NAME: "debugger",
        names.TASK_ID: "t1",
        names.TASK_TYPE: "diagnosis",
        names.TASK_ATTEMPTS: 0,
    }


def test_attempts_are_numbered_within_their_task(seen):
    """
    Numbers count from 1 in each task, and the task has their number.
    """
    for tries in (2, 1):
        with ds.task("debugger", id=f"t{tries}"):
            for _ in range(tries):
                with ds.attempt():
                    pass

    attempts = [
        (span.attributes[names.TASK_ID], span.attributes[names.TASK_ATTEMPT])
        for span in seen.records("attempt")
    ]
    assert attempts == [("t2", 1), ("t2", 2), ("t1", 1)]
    assert [span.attributes[names.TASK_ATTEMPTS] for span in seen.records("task")] == [2, 1]
    assert {span.name for span in seen.records("attempt")} == {"attempt debugger"}


def test_an_attempt_may_be_numbered_by_hand(seen):
    """
    Where the tries run in several processes, only the orchestrator knows the number.
    """
    with ds.task("debugger"), ds.attempt(number=3) as attempt:
        assert attempt.number == 3

    assert seen.one("attempt").attributes[names.TASK_ATTEMPT] == 3


def test_an_attempt_outside_of_a_task_is_nothing(seen, caplog):
    """
    No droid, no task: it would mean nothing to anybody. A warning names where it belongs.
    """
    with ds.attempt():
        pass

    assert not seen.spans
    assert "put it inside a droidscope.task" in caplog.text


def test_a_tool_says_its_name(seen):
    """
    A tool inside a task carries the droid.
    """
    with ds.task("debugger"), ds.tool("grep"):
        pass

    span = seen.one("tool")
    assert span.name == "execute_tool grep"
    assert span.attributes[names.OPERATION] == "execute_tool"
    assert span.attributes[names.TOOL_NAME] == "grep"
    assert span.attributes[names.AGENT_NAME] == "debugger"


def test_a_query_is_answered_by_the_end_of_its_block(seen):
    """
    Its span is a producer's; the deadline is there only if it has one of its own.
    """
    with ds.ask("frontend-developer", "backend-architect", id="m1", correlation_id="c1") as query:
        assert (query.id, query.correlation_id) == ("m1", "c1")

    span = seen.one("message")
    assert span.name == "message query"
    assert span.kind is SpanKind.PRODUCER
    assert dict(span.attributes) == {
        names.KIND: "message",
        names.MESSAGE_ID: "m1",
        names.MESSAGE_TYPE: "query",
        names.MESSAGE_SENDER: "frontend-developer",
        names.MESSAGE_RECEIVER: "backend-architect",
        names.MESSAGE_CORRELATION_ID: "c1",
        names.MESSAGE_OUTCOME: "answered",
    }


@pytest.mark.parametrize(
    ("deadline", "taken", "outcome"),
    [
        (60, 60, "answered"),
        (60, 60.001, "late"),
        (None, 900, "answered"),
        (None, 901, "late"),
        (0, 0.1, "late"),
    ],
)
def test_an_answer_after_the_deadline_is_late(seen, clock, deadline, taken, outcome):
    """
    Its own deadline counts, else 15 minutes; at the deadline it is still in time.
    """
    with ds.ask("a", "b", deadline=deadline):
        clock.seconds += taken

    span = seen.one("message")
    assert span.attributes[names.MESSAGE_OUTCOME] == outcome
    assert span.attributes.get(names.MESSAGE_DEADLINE_SECONDS) == deadline


def test_an_exception_leaves_a_query_unanswered(seen):
    """
    Such as the time-out of the bus, which goes on to the caller.
    """
    with pytest.raises(TimeoutError), ds.ask("a", "b"):
        raise TimeoutError

    span = seen.one("message")
    assert span.attributes[names.MESSAGE_OUTCOME] == "unanswered"
    assert span.attributes[names.ERROR_TYPE] == "TimeoutError"


@pytest.mark.parametrize("verdict", ["unanswered", "rejected"])
def test_a_query_may_be_judged(seen, verdict):
    """
    The outcome that the orchestrator sets for a query wins.
    """
    with ds.ask("a", "b") as query:
        getattr(query, verdict)()

    assert seen.one("message").attributes[names.MESSAGE_OUTCOME] == verdict


def test_telling_all_has_no_receiver(seen):
    """
    A broadcast leaves the receiver out; it is accepted at once.
    """
    ds.tell("security-auditor", type="discovery")

    span = seen.one("message")
    assert span.attributes[names.MESSAGE_TYPE] == "discovery"
    assert span.attributes[names.MESSAGE_OUTCOME] == "accepted"
    assert names.MESSAGE_RECEIVER not in span.attributes


def test_a_told_message_may_be_rejected(seen):
    """
    The bus refused it.
    """
    ds.tell("a", "b", rejected=True)

    assert seen.one("message").attributes[names.MESSAGE_OUTCOME] == "rejected"


def test_a_query_cannot_be_told(seen, caplog):
    """
    A query without an answer has no response time; `ask` is the word.
    """
    ds.tell("a", "b", "query")

    assert not seen.spans
    assert "'query'; expected one of coordination, discovery, response" in caplog.text


@pytest.mark.parametrize(
    ("verdict", "passed", "score"),
    [
        (lambda gate: gate.passed(score=ds.ten(8.5)), True, 85.0),
        (lambda gate: gate.failed(score=ds.percent(40)), False, 40.0),
        (lambda gate: gate.failed(), False, None),
        (lambda _: None, True, None),
    ],
)
def test_a_gate_has_a_verdict(seen, verdict, passed, score):
    """
    As stated; a body that ends without one has passed. A failed gate is no error.
    """
    with ds.gate("security_compliance", category="security", severity="critical") as gate:
        verdict(gate)

    span = seen.one("gate")
    assert span.attributes[names.GATE_PASSED] is passed
    assert span.attributes.get(names.GATE_SCORE) == score
    assert span.attributes[names.GATE_CATEGORY] == "security"
    assert span.attributes[names.GATE_SEVERITY] == "critical"
    assert span.status.status_code is StatusCode.UNSET


def test_a_gate_that_throws_has_failed(seen):
    """
    A gate may be a function full of assertions.
    """

    @ds.gate("tests")
    def check():
        raise AssertionError

    with pytest.raises(AssertionError):
        check()

    assert seen.one("gate").attributes[names.GATE_PASSED] is False


def test_a_synthesis_reports_the_integration(seen):
    """
    What is reported is there, what is not is absent.
    """
    with ds.synthesis() as synthesis:
        synthesis.integrated(conflicts=2, unresolved=1)

    span = seen.one("synthesis")
    assert span.name == "synthesize"
    assert dict(span.attributes) == {
        names.KIND: "synthesis",
        names.SYNTHESIS_CONFLICTS: 2,
        names.SYNTHESIS_UNRESOLVED: 1,
    }


@pytest.mark.parametrize(
    ("verdicts", "passed"),
    [
        ([], None),
        ([("a", True), ("b", True)], True),
        ([("a", True), ("b", False)], False),
        ([("a", False), ("a", True)], True),
    ],
)
def test_a_synthesis_knows_the_gates_of_its_session(seen, verdicts, passed):
    """
    All must pass by their latest verdict; without gates nothing is set.
    """
    with ds.session("p"):
        for name, verdict in verdicts:
            with ds.phase("review"), ds.gate(name) as gate:
                (gate.passed if verdict else gate.failed)()
        with ds.synthesis() as synthesis:
            synthesis.integrated()

    assert seen.one("synthesis").attributes.get(names.SYNTHESIS_GATES_PASSED) is passed


def test_gates_may_be_stated(seen):
    """
    An orchestrator whose gates run elsewhere reports itself whether they passed.
    """
    with ds.session("p"):
        with ds.gate("g"):
            pass
        with ds.synthesis() as synthesis:
            synthesis.integrated(gates_passed=False)

    assert seen.one("synthesis").attributes[names.SYNTHESIS_GATES_PASSED] is False


class CustomError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "word"),
    [(ValueError("no"), "ValueError"), (CustomError("no"), f"{CustomError.__module__}.CustomError")],
)
def test_a_failure_says_its_type(seen, error, word):
    """
    The class, qualified unless builtin, with the exception on the span and status ERROR.
    """
    with pytest.raises(type(error)), ds.session("p"):
        raise error

    span = seen.one("session")
    assert span.attributes[names.SESSION_OUTCOME] == "failed"
    assert span.attributes[names.ERROR_TYPE] == word
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "no"
    assert [event.name for event in span.events] == ["exception"]


def test_a_stated_outcome_wins_over_an_exception(seen):
    """
    The orchestrator knows better; the span still shows the error.
    """
    with suppress(ValueError), ds.session("p") as session:
        session.outcome("completed")
        raise ValueError("late")

    span = seen.one("session")
    assert span.attributes[names.SESSION_OUTCOME] == "completed"
    assert span.status.status_code is StatusCode.ERROR


def test_a_stated_failure_needs_no_exception(seen):
    """
    It may name its type; the status is ERROR.
    """
    with ds.task("d") as task, ds.attempt() as attempt:
        attempt.outcome("failed", error_type="invalid_output")
        task.outcome("failed")

    attempt_span, task_span = seen.one("attempt"), seen.one("task")
    assert attempt_span.attributes[names.TASK_OUTCOME] == "failed"
    assert attempt_span.attributes[names.ERROR_TYPE] == "invalid_output"
    assert task_span.attributes[names.TASK_OUTCOME] == "failed"
    assert task_span.attributes[names.ERROR_TYPE] == "stated"
    assert task_span.status.status_code is StatusCode.ERROR


def test_an_unknown_outcome_is_ignored(seen, caplog):
    """
    The warning lists what is known.
    """
    with ds.session("p") as session:
        session.outcome("brilliant")

    assert seen.one("session").attributes[names.SESSION_OUTCOME] == "completed"
    assert "'brilliant'; expected one of completed, failed" in caplog.text


@pytest.mark.parametrize("planned", [-1, float("nan"), "soon"])
def test_a_plan_that_is_no_duration_is_dropped(seen, caplog, planned):
    """
    The session goes on without it.
    """
    with ds.session("p", planned=planned):
        pass

    assert names.SESSION_PLANNED_SECONDS not in seen.one("session").attributes
    assert f"session(planned) is {planned!r}" in caplog.text
