"""
Calls on what has ended: they change nothing, and are not silent.
"""

import re

import pytest

import droidscope as ds
from droidscope.conventions import attributes as names
from droidscope.testing import capture

CALLS = {
    "session": [
        lambda session: session.outcome("failed"),
        lambda session: session.wait("approval"),
        lambda session: session.set_attribute("a", 1),
        lambda session: session.set_attributes({"a": 1}),
    ],
    "phase": [lambda phase: phase.outcome("failed"), lambda phase: phase.skip()],
    "task": [
        lambda task: task.outcome("failed"),
        lambda task: task.output(files_created=1),
        lambda task: task.set_attribute("a", 1),
        lambda task: task.set_attributes({"a": 1}),
    ],
    "delivery": [lambda delivery: delivery.retry_later(), lambda delivery: delivery.outcome("failed")],
    "attempt": [
        lambda attempt: attempt.outcome("failed"),
        lambda attempt: attempt.output(files_created=1),
    ],
    "tool": [lambda tool: tool.outcome("failed")],
    "model_call": [
        lambda model: model.outcome("failed"),
        lambda model: model.used(input_tokens=3),
        lambda model: model.usage({"usage": {"input_tokens": 3, "output_tokens": 3}}),
    ],
    "gate": [lambda gate: gate.passed(), lambda gate: gate.failed()],
    "synthesis": [lambda synthesis: synthesis.integrated(conflicts=1)],
    "query": [lambda query: query.unanswered(), lambda query: query.rejected()],
}
LATE = [(kind, call) for kind, calls in CALLS.items() for call in calls]


def ended(kind):
    """
    What was opened of a kind, after its block.
    """
    with (
        ds.session("s") as session,
        ds.phase("p") as phase,
        ds.task("d", id="t1", delivery=1) as delivery,
        ds.task("d") as task,
        ds.attempt() as attempt,
        ds.tool("x") as tool,
        ds.model_call("m") as model_call,
        ds.gate("g") as gate,
        ds.synthesis() as synthesis,
        ds.ask("a", "b") as query,
    ):
        handles = {
            "session": session,
            "phase": phase,
            "delivery": delivery,
            "task": task,
            "attempt": attempt,
            "tool": tool,
            "model_call": model_call,
            "gate": gate,
            "synthesis": synthesis,
            "query": query,
        }
    return handles[kind]


@pytest.mark.parametrize(("kind", "call"), LATE)
def test_a_call_after_the_end_is_logged_once_and_counted(seen, caplog, kind, call):
    """
    With the line that made it; what was sent stays as it is.
    """
    handle = ended(kind)
    assert not caplog.records

    for _ in range(2):
        call(handle)

    (logged,) = caplog.records
    assert re.search(r"\w+\(\) of a \w+ that has ended is dropped", logged.getMessage())
    assert logged.pathname == __file__
    assert seen.count(names.CLIENT_DROPPED, {names.DROP_REASON: "ended"}) == 2


def test_every_call_of_a_handle_is_covered():
    """
    What users may call on something that is open, besides properties.
    """
    callable_names = {
        name
        for kind in (
            ds.Session,
            ds.Phase,
            ds.Task,
            ds.Attempt,
            ds.Tool,
            ds.ModelCall,
            ds.Gate,
            ds.Synthesis,
            ds.Query,
        )
        for name in vars(kind)
        if not name.startswith("_") and callable(vars(kind)[name])
    }

    made = set()

    class Calls:
        def __getattr__(self, name):
            return lambda *_, **__: made.add(name)

    for _, call in LATE:
        call(Calls())
    assert made == callable_names


def test_sessions_left_open_by_a_test_are_not_those_of_the_next(caplog):
    """
    A capture begins without any, and those from before are open after it.
    """
    with capture():
        ds.start_session("before", "p")
        with capture() as first:
            ds.start_session("leak", "p")
            assert ds.complete("before")  # one of another process, as far as this capture knows
        with capture() as second:
            ds.start_session("leak", "p")
            ds.complete("leak")
        with capture():
            assert ds.fail("leak")

        assert first.one("session").attributes[names.SESSION_RESUMED] is True
        assert second.one("session").attributes[names.SESSION_OUTCOME] == "completed"
        with ds.within("before") as session:
            assert session is not None
        assert ds.complete("before")
    assert not caplog.records
