"""
What real agent frameworks emit becomes the counts their workloads kept themselves.
"""

import random
from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import FRAMEWORKS, HOUR, by_droid, failures, only, settle, steps, tries, truth
from droidscope.assembly.foreign_sessions import ForeignDump, ForeignSessions
from droidscope.model import records as r

NOT_IN_THE_TELEMETRY = {
    # The two turns of s07 have no id in common: the instrumentor drops `group_id`.
    "openai-agents": {"sessions": +1},
}
"""
By how much telemetry differs from the truth, where no mapper could tell.
"""

every_framework = pytest.mark.parametrize("framework", FRAMEWORKS)


def visible_failures(framework):
    """
    Failed sessions that telemetry can show: in a soft one, only the text of an answer shows it.
    """
    sessions = truth(framework)["sessions"]
    return sum(session["status"] == "failed" and session["failure"] != "soft" for session in sessions)


@every_framework
def test_sessions_are_the_workload_s(framework):
    """
    One session each, failed where the framework could know; none is left running.
    """
    records = settle(steps(framework))

    sessions = only(r.Session, records)
    blind = NOT_IN_THE_TELEMETRY.get(framework, {}).get("sessions", 0)
    assert len(sessions) == truth(framework)["totals"]["sessions_started"] + blind
    assert failures(sessions) == visible_failures(framework)
    assert [s.place.session for s in only(r.Started, records)] == [s.place.session for s in sessions]
    assert {session.place.pattern for session in sessions} == {truth(framework)["pattern"]}


@every_framework
def test_the_failed_sessions_are_the_ones_that_failed(framework):
    """
    Each failed session ran while one of the workload's did that telemetry can show.
    """
    failed = [session for session in only(r.Session, settle(steps(framework))) if session.outcome == "failed"]

    spans = [(s["start_ns"], s["end_ns"]) for s in truth(framework)["sessions"] if s["status"] == "failed"]
    assert all(any(start < each.start_ns < each.end_ns < end for start, end in spans) for each in failed)


@every_framework
def test_agent_runs_are_the_workload_s(framework):
    """
    Every run of an agent is one try of a task, no matter how many spans belong to it.
    """
    runs = tries(settle(steps(framework)))

    agents = truth(framework)["agents"]
    assert by_droid(runs) == {name: agent["started"] for name, agent in agents.items()}
    failed = [run for run in runs if run.outcome == "failed"]
    assert by_droid(failed) == {name: agent["error"] for name, agent in agents.items() if agent["error"]}


@every_framework
def test_retries_of_an_agent_are_attempts_of_one_task(framework):
    """
    Work sent back is a new task; only what the framework itself ran again is an attempt.
    """
    records = settle(steps(framework))

    retried = sum(n for name, n in truth(framework)["retries"].items() if name.startswith("node:"))
    assert sum(attempt.number > 1 for attempt in only(r.Attempt, records)) == retried
    assert sum(task.attempts for task in only(r.Task, records)) == len(only(r.Attempt, records))


@every_framework
def test_tool_calls_are_the_workload_s(framework):
    """
    Hand-offs that the framework dresses as tools are no tool calls.
    """
    calls = only(r.ToolCall, settle(steps(framework)))

    tools = truth(framework)["tools"]
    assert Counter(call.tool for call in calls) == {name: tool["started"] for name, tool in tools.items()}
    assert failures(calls) == truth(framework)["totals"]["tool_calls_failed"]


@every_framework
def test_tokens_are_the_workload_s(framework):
    """
    Model requests and tokens belong to the agent that spent them, and no sum counts them again.
    """
    records = settle(steps(framework))

    requests = only(r.ModelRequest, records)
    assert failures(requests) == truth(framework)["totals"]["model_calls_failed"]
    spent = {
        droid: {
            "model_calls": len(mine),
            "model_errors": failures(mine),
            "input_tokens": sum(request.usage.input for request in mine),
            "output_tokens": sum(request.usage.output for request in mine),
        }
        for droid in by_droid(requests)
        for mine in [[request for request in requests if request.place.droid == droid]]
    }
    assert spent == truth(framework)["tokens_by_agent"]
    assert all(run.usage is None for run in tries(records))


@every_framework
def test_everything_lies_within_its_session(framework):
    """
    Records name a session that was started, a task that ended, and lie within the session's time.
    """
    records = settle(steps(framework))

    sessions = {session.place.session: session for session in only(r.Session, records)}
    tasks = {task.place.task for task in only(r.Task, records)}
    for record in records:
        session = sessions[record.place.session]
        assert session.start_ns <= record.start_ns <= record.end_ns <= session.end_ns
        assert not record.place.native
        assert record.place.pattern == session.place.pattern
        assert record.place.task in tasks or isinstance(record, r.Started | r.Session)


@every_framework
@given(seed=st.integers(0, 2**32), at=st.floats(0, 1))
@settings(max_examples=8, deadline=None)
def test_neither_order_nor_a_restart_changes_the_records(framework, seed, at):
    """
    Spans in any order, with a checkpoint written and read again in between: the same records.
    """
    shuffled = list(steps(framework))
    random.Random(seed).shuffle(shuffled)
    cut = round(at * len(shuffled))
    before = ForeignSessions()
    for step, orchestrator in shuffled[:cut]:
        before.add(step, orchestrator, 0)

    after = ForeignSessions()
    after.load(msgspec.msgpack.decode(msgspec.msgpack.encode(before.dump()), type=ForeignDump))

    assert settle(shuffled[cut:], after) == settle(steps(framework))


@every_framework
@given(batch=st.integers(1, 64))
@settings(max_examples=5, deadline=None)
def test_neither_batches_nor_wake_ups_change_the_records(framework, batch):
    """
    Spans that trickle in over nine seconds, and looks in between, make the same records in the end.
    """
    arrivals = steps(framework)
    sessions = ForeignSessions()
    records = []
    for number, (step, orchestrator) in enumerate(arrivals):
        clock_ns = number // batch * (9_000_000_000 // (len(arrivals) // batch + 1))
        records += sessions.settle(clock_ns)
        sessions.add(step, orchestrator, clock_ns)
    while (deadline_ns := sessions.next_deadline()) is not None:
        records += sessions.settle(deadline_ns)

    assert sorted(records, key=repr) == sorted(settle(arrivals), key=repr)
    assert sessions.next_deadline() is None
    assert not list(sessions.active())
    assert sessions.settle(HOUR) == []
