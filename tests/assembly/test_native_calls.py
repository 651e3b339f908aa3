"""
What a framework's instrumentation and droidscope's own both record counts once, whichever is outside.
"""

from __future__ import annotations

from collections import Counter

import pytest

from corpus import HOUR as LATER
from droidscope.assembly.foreign_sessions import ForeignSessions
from droidscope.model import records as r
from foreign import SECOND, agent, arrive, model, other, our_place, ours, steps, tool, workflow


def native(id, *, task="", start=0, end=100, parent=b"", kind="task", name="", **fields):
    """
    A native span of our session, from *start* to *end* seconds; one of a task has an id like it.
    """
    place = our_place(task=task, droid="our-droid") if task else our_place()
    return ours(
        place,
        span_id=id.encode(),
        parent_id=parent,
        kind=kind,
        name=name,
        start_ns=start * SECOND,
        end_ns=end * SECOND,
        **fields,
    )


SESSION = native("session", kind="session")


def inside(foreign, *spans):
    """
    How many records of each kind foreign steps add to a native session with *spans*.
    """
    sessions = ForeignSessions()
    arrive(sessions, foreign)
    for span in (SESSION, *spans):
        sessions.add_native_span(b"trace", span, 0)
    return sessions.settle(LATER)


def kinds(records):
    return Counter(type(record).__name__ for record in records)


def test_a_node_that_is_a_native_task_by_the_ids_of_parents_is_no_second_task():
    """
    The framework makes its span current: the task is below the node, with other spans between them.
    """
    graph = steps(
        workflow("graph", agent("coder", other(), start=10, end=20), agent("tester", start=20, end=30)),
        parent=b"session",
    )
    between = next(step for step in graph if step.role == "other")
    records = inside(graph, native("task", task="t1", start=11, end=19, parent=between.span_id))

    assert [record.place.droid for record in records if isinstance(record, r.Task)] == ["tester"]


def test_a_node_that_is_a_native_task_by_its_time_is_no_second_task():
    """
    The framework reports by callbacks: both are below the session. Nodes run in parallel, and the tightest
    one around a task is the task.
    """
    graph = workflow(
        "graph",
        agent("coder", start=10, end=20),
        agent("tester", start=9, end=22),
        agent("writer", start=30, end=40),
    )
    coder, writer = (
        native("t1", task="t1", start=11, end=19, parent=b"session"),
        native("t2", task="t2", start=30, end=40, parent=b"session"),
    )
    records = inside(steps(graph, parent=b"session"), coder, writer)

    assert [record.place.droid for record in records if isinstance(record, r.Task)] == ["tester"]


def test_a_node_is_the_native_task_that_what_it_called_names():
    """
    Nodes that run in parallel lie within each other by chance; a tool inside of one names its task.
    """
    tools = {task: tool("grep", native_place=our_place(task=task), start=12, end=13) for task in ("t1", "t2")}
    graph = workflow(
        "graph",
        agent("one", tools["t1"], start=8, end=22),
        agent("two", tools["t2"], start=9, end=21),
        agent("three", start=10, end=20),
    )
    tasks = (native(id, task=id, start=11, end=19, parent=b"session") for id in ("t1", "t2"))
    records = inside(steps(graph, parent=b"session"), *tasks)

    assert [record.place.droid for record in records if isinstance(record, r.Task)] == ["three"]


def test_of_nodes_in_parallel_the_namesake_is_the_native_task():
    """
    Nothing inside names the task; each of two tasks at once has a node of its own.
    """
    graph = workflow(
        "graph", agent("b", start=8, end=22), agent("our-droid", start=7, end=23), agent("c", start=9, end=21)
    )
    one, two = (native(id, task=id, start=11, end=19, parent=b"session") for id in ("t1", "t2"))

    def tasks(*own):
        records = inside(steps(graph, parent=b"session"), *own)
        return {record.place.droid for record in records if isinstance(record, r.Task)}

    assert tasks(one) == {"b", "c"}
    assert len(tasks(one, two)) == 1


def test_two_native_tasks_of_one_node_leave_it_no_task():
    """
    Nor does a task with attempts.
    """
    graph = steps(workflow("graph", agent("coder", start=10, end=20)), parent=b"session")
    tasks = (
        native("t1", task="t1", start=11, end=14, parent=b"session"),
        native("a1", task="t1", start=11, end=12, parent=b"t1", kind="attempt"),
        native("t2", task="t2", start=15, end=18, parent=b"session"),
    )

    assert kinds(inside(graph, *tasks)) == {}


def test_a_native_task_inside_a_native_task_is_not_the_node_around_both():
    """
    The outer one is.
    """
    graph = steps(workflow("graph", agent("coder", start=10, end=20)), parent=b"session")
    (node,) = (step for step in graph if step.role == "agent")
    inner = native("t2", task="t2", start=12, end=13, parent=b"t1")

    assert kinds(inside(graph, native("t1", task="t1", start=11, end=19, parent=node.span_id), inner)) == {}


@pytest.mark.parametrize("marked", [True, False])
def test_what_a_node_did_during_its_native_task_is_the_tasks(marked):
    """
    Tools, tokens and agents that it called, whether or not they carry the ids of the task.
    """
    marks = {"native_place": our_place(task="t1", droid="our-droid")} if marked else {}
    graph = workflow(
        "graph",
        agent(
            "coder",
            tool("grep", start=12, end=13, **marks),
            model(5, start=13, end=14, **marks),
            agent("helper", model(6, start=15, end=16, **marks), start=15, end=17, **marks),
            start=10,
            end=20,
        ),
    )
    records = inside(
        steps(graph, parent=b"session"), native("t1", task="t1", start=11, end=19, parent=b"session")
    )

    assert kinds(records) == {"ToolCall": 1, "ModelRequest": 2}
    assert {record.place.task for record in records} == {"t1"}
    assert sum(record.usage.input for record in records if isinstance(record, r.ModelRequest)) == 11


def test_the_tokens_of_a_node_that_reports_them_itself_are_its_native_tasks():
    """
    Unless that gave its own.
    """
    graph = workflow("graph", agent("coder", start=10, end=20, usage=r.Usage("m", input=5)))
    own = {"task": "t1", "start": 11, "end": 19, "parent": b"session"}
    (request,) = inside(steps(graph, parent=b"session"), native("t1", **own))

    assert (request.known, request.usage.input, request.place.task) == (True, 5, "t1")
    assert inside(steps(graph, parent=b"session"), native("t1", has_usage=True, **own)) == []


@pytest.mark.parametrize("outside", ["native", "foreign"])
@pytest.mark.parametrize("linked", [True, False])
def test_a_tool_that_both_record_is_one_call(outside, linked):
    """
    By the ids of parents, or by its name and time within the task.
    """
    wide, narrow = {"start": 10, "end": 20}, {"start": 11, "end": 19}
    task = native("t1", task="t1", parent=b"session")
    theirs, own = (narrow, wide) if outside == "native" else (wide, narrow)
    inner = outside == "native" and linked
    calls = steps(tool("grep", **theirs), tool("other", **theirs), parent=b"call" if inner else b"t1")
    parent = calls[0].span_id if outside == "foreign" and linked else b"t1"
    call = native("call", task="t1", kind="tool", name="grep", parent=parent, **own)

    records = inside(calls, task, call)
    assert [record.tool for record in records] == ["other"]


@pytest.mark.parametrize("has_usage", [True, False])
def test_a_model_request_that_both_record_is_one_request(has_usage):
    """
    Its tokens are the native span's, or else the framework's; other requests of the task keep theirs.
    """
    task = native("t1", task="t1", parent=b"session")
    call = native(
        "call", task="t1", kind="model_request", parent=b"t1", start=10, end=20, has_usage=has_usage
    )
    requests = steps(model(5, start=11, end=19), model(7, start=30, end=40), parent=b"t1")

    records = inside(requests, task, call)
    assert [(record.known, record.usage.input) for record in records] == (
        [(False, 7)] if has_usage else [(True, 5), (False, 7)]
    )


def test_a_native_task_in_a_foreign_session_is_no_second_task_there():
    """
    A native session was opened inside a foreign agent: the agent's run is that session's task.
    """
    crew = steps(workflow("crew", agent("ada", start=10, end=20), agent("bob", start=20, end=30)))
    ada = next(step for step in crew if step.name == "ada")
    session = native("session", kind="session", parent=ada.span_id, start=10, end=20)
    task = native("t1", task="t1", parent=b"session", start=11, end=19)
    sessions = ForeignSessions()
    arrive(sessions, crew)
    for span in (session, task):
        sessions.add_native_span(b"trace", span, 0)
    records = sessions.settle(LATER)

    assert kinds(records) == {"Started": 1, "Task": 1, "Session": 1}
    assert [record.place.droid for record in records if isinstance(record, r.Task)] == ["bob"]
