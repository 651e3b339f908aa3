"""
The records of a foreign session: outcomes, runs and tasks, tools, tokens and phases.
"""

import pytest

from corpus import HOUR as LATER
from corpus import only, tries
from droidscope.assembly.foreign_sessions import ForeignSessions
from droidscope.model import records as r
from droidscope.model.foreign_steps import Role, SpanSource
from foreign import (
    SECOND,
    agent,
    arrive,
    branch,
    model,
    named,
    other,
    phase,
    settled,
    tool,
    workflow,
)

# --- outcomes


@pytest.mark.parametrize(
    ("root", "outcome", "error_type"),
    [
        (workflow("t", agent("a")), "completed", ""),
        (workflow("t", agent("a"), failed=True, error_type="E"), "failed", "E"),
        (workflow("t", agent("a", failed=True, error_type="E"), failed=True), "failed", "E"),
        (workflow("t", agent("a", end=10), agent("b", failed=True, error_type="E", end=20)), "failed", "E"),
        (workflow("t", agent("a", failed=True, end=10), agent("b", end=20)), "completed", ""),
        (workflow("t", agent("a", tool("x", failed=True), model(failed=True))), "completed", ""),
        (other(agent("a"), failed=True), "completed", ""),
        (agent("a", tool("x", agent("b", failed=True, start=1, end=10)), end=10), "completed", ""),
    ],
    ids=[
        "fine",
        "root failed",
        "reason below",
        "last failed",
        "cured",
        "coped",
        "only around",
        "outer decides",
    ],
)
def test_a_session_fails_with_its_outermost_or_its_last_run(root, outcome, error_type):
    """
    A failure that other work followed was cured; tools and model requests alone fail no session.
    """
    (session,) = only(r.Session, settled(root))

    assert (session.outcome, session.error_type) == (outcome, error_type)


def test_of_several_turns_the_last_decides():
    """
    A failed first turn is no failed session.
    """
    sessions = ForeignSessions()
    arrive(sessions, named("s", trace="one", end=10, failed=True))
    arrive(sessions, named("s", trace="two", start=20, end=30))

    (session,) = only(r.Session, sessions.settle(LATER))
    assert session.outcome == "completed"


# --- agent runs


def droids(records):
    return sorted(run.place.droid for run in tries(records))


def test_a_run_seen_twice_counts_once():
    """
    A graph's node and the graph in it, by name or by run key; the outer one is kept.
    """
    assert droids(settled(workflow("t", agent("ada", workflow("x", agent("ada")))))) == ["ada"]
    assert droids(settled(workflow("t", agent("ada", agent("graph", run_key="k"), run_key="k")))) == ["ada"]


def test_a_run_called_through_a_tool_is_a_run():
    """
    An agent may call itself, or another within it.
    """
    assert droids(settled(agent("ada", tool("ask", agent("ada"))))) == ["ada", "ada"]
    assert droids(settled(agent("ada", agent("bob")))) == ["ada", "bob"]


def test_a_failed_run_and_its_repetition_are_attempts_of_one_task():
    """
    The last decides; the task lasts from the first start to the last end.
    """
    first = agent("ada", model(1), start=0, end=10, failed=True, error_type="E")
    records = settled(workflow("t", first, agent("ada", model(2), start=12, end=20)))

    (task,) = only(r.Task, records)
    attempts = only(r.Attempt, records)
    assert (task.attempts, task.outcome, task.duration_ns) == (2, "completed", 20 * SECOND)
    assert [(a.number, a.outcome, a.error_type) for a in attempts] == [
        (1, "failed", "E"),
        (2, "succeeded", ""),
    ]
    assert {record.place.task for record in records if record.place.droid} == {task.place.task}


@pytest.mark.parametrize(
    "second",
    [
        agent("ada", start=12, end=20),
        agent("bob", start=12, end=20),
        workflow("w", agent("ada", start=12, end=20)),
    ],
    ids=["after a success", "another agent", "elsewhere"],
)
def test_other_runs_are_tasks_of_their_own(second):
    """
    Work sent back after it succeeded is new work.
    """
    first = agent("ada", end=10, failed=second.fields["name"] != "ada")

    assert [task.attempts for task in only(r.Task, settled(workflow("t", first, second)))] == [0, 0]


def test_runs_side_by_side_are_no_retries():
    """
    The second began before the first had failed.
    """
    records = settled(workflow("t", agent("ada", end=10, failed=True), agent("ada", start=5, end=20)))

    assert [task.attempts for task in only(r.Task, records)] == [0, 0]


def test_a_run_key_tells_attempts_and_tasks_apart():
    """
    Equal keys are one task whatever happened; different keys are two, even after a failure.
    """
    same = settled(workflow("t", agent("a", end=1, run_key="k"), agent("a", start=2, run_key="k")))
    different = settled(
        workflow("t", agent("a", end=1, run_key="k", failed=True), agent("a", start=2, run_key="l"))
    )

    assert [task.attempts for task in only(r.Task, same)] == [2]
    assert [task.attempts for task in only(r.Task, different)] == [0, 0]


# --- tools, tokens, phases


def test_tools_and_tokens_belong_to_the_nearest_agent():
    """
    However many spans lie between.
    """
    inner = agent("bob", workflow("cycle", model(3), tool("grep")))
    records = settled(agent("ada", model(1), tool("ask", inner)))

    assert {(m.place.droid, m.usage.input) for m in only(r.ModelRequest, records)} == {("ada", 1), ("bob", 3)}
    assert {(call.place.droid, call.tool) for call in only(r.ToolCall, records)} == {
        ("ada", "ask"),
        ("bob", "grep"),
    }


def test_a_hand_off_is_no_tool_call():
    """
    Neither one by name nor a tool called as the agent that it runs.
    """
    records = settled(agent("ada", branch(Role.HANDOFF, name="x"), tool("bob", agent("bob"))))

    assert only(r.ToolCall, records) == []
    assert droids(records) == ["ada", "bob"]


def test_an_agent_s_own_sum_counts_only_without_model_requests():
    """
    It repeats what they say, and some frameworks let it grow over the agent's life.
    """
    summed = {"usage": r.Usage("m", input=9)}
    with_models = settled(workflow("t", agent("ada", model(4), **summed), agent("bob", **summed)))
    without = settled(workflow("t", agent("ada", **summed)))

    assert [task.usage for task in only(r.Task, with_models)] == [None, None]
    assert [task.usage.input for task in only(r.Task, without)] == [9]


def test_phases_are_those_that_a_source_declares():
    """
    What runs in one says so.
    """
    records = settled(workflow("t", phase("design", agent("ada", model(1))), agent("bob", failed=True)))

    assert [(each.place.phase, each.outcome) for each in only(r.Phase, records)] == [("design", "completed")]
    assert {(task.place.droid, task.place.phase) for task in only(r.Task, records)} == {
        ("ada", "design"),
        ("bob", ""),
    }


OPENINFERENCE = {"source": SpanSource.OPENINFERENCE}


def test_two_instrumentations_of_one_process_count_once():
    """
    Each step of the one beside, or around, the same step of the other; GenAI's are kept.
    """
    one = agent("ada", model(5, start=1, end=9), tool("grep", start=10, end=19), start=0, end=20)
    two = agent(
        "ada",
        model(5, start=1, end=9, **OPENINFERENCE),
        tool("grep", start=10, end=19, **OPENINFERENCE),
        start=0,
        end=20,
        **OPENINFERENCE,
    )
    beside = settled(workflow("t", one, two))
    around = settled(workflow("t", agent("ada", one, **OPENINFERENCE)))

    for records in (beside, around):
        assert droids(records) == ["ada"]
        assert [m.usage.input for m in only(r.ModelRequest, records)] == [5]
        assert len(only(r.ToolCall, records)) == 1


def test_a_model_request_in_a_model_request_is_the_same():
    """
    A framework's span around its client's; tokens are taken from the one that has them.
    """
    records = settled(agent("ada", model(0, model(8))))

    assert [m.usage.input for m in only(r.ModelRequest, records)] == [8]


def test_calls_one_after_the_other_are_two():
    """
    By different sources or not.
    """
    one = settled(agent("ada", model(1, end=10), model(2, start=10, **OPENINFERENCE)))
    other_way = settled(agent("ada", model(1, end=10, **OPENINFERENCE), model(2, start=10)))

    assert len(only(r.ModelRequest, one)) == len(only(r.ModelRequest, other_way)) == 2
