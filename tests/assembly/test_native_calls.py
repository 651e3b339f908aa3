"""
What a framework's instrumentation and droidscope's own both record counts once, whichever is outside.
"""

from __future__ import annotations

from collections import Counter
from random import Random

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
    requests = (model(5, start=11, end=19), model(7, start=30, end=40))

    records = inside(steps(agent("a", *requests, start=9), parent=b"t1"), task, call)
    assert [(record.known, record.usage.input) for record in records] == (
        [(False, 7)] if has_usage else [(True, 5), (False, 7)]
    )


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("has_usage", [True, False])
def test_all_that_models_do_inside_of_a_native_call_is_that_call(linked, has_usage):
    """
    It is one request, however many a framework makes of it; their tokens count only where it has none.
    """
    task = native("t1", task="t1", parent=b"session")
    call = native(
        "call", task="t1", kind="model_request", parent=b"t1", start=10, end=20, has_usage=has_usage
    )
    requests = [model(tokens, start=10 + tokens, end=11 + tokens) for tokens in (1, 2, 3)]
    run = agent("helper", *requests, tool("grep"), usage=r.Usage("m", input=6), start=10 if linked else 9)
    records = inside(steps(run, parent=b"call" if linked else b"t1"), task, call)

    given = [record for record in records if isinstance(record, r.ModelRequest)]
    assert [(record.known, record.usage.input) for record in given] == (
        [] if has_usage else [(True, 1), (True, 2), (True, 3)]
    )
    assert kinds(records)["ToolCall"] == 1


def test_an_agent_inside_of_a_native_call_has_no_tokens_of_its_own():
    """
    Outside of tasks it is a task of the session; what it counted itself is the call's.
    """
    call = native("call", kind="model_request", parent=b"session", start=10, end=20, has_usage=True)
    run = agent("helper", start=11, end=19, usage=r.Usage("m", input=6))
    (task,) = inside(steps(run, parent=b"call"), call)

    assert (type(task), task.usage) == (r.Task, None)


def test_what_began_beside_a_native_call_is_no_part_of_it():
    """
    An agent that its task called meanwhile would be below the call if it were inside of it; so is one whose
    task is another one's.
    """
    task = native("t1", task="t1", parent=b"session")
    call = native("call", task="t1", kind="model_request", parent=b"t1", start=10, end=20, has_usage=True)
    inner = native("t2", task="t2", parent=b"call", start=11, end=19)
    beside = steps(agent("a", model(5, start=12, end=13), start=11, end=14), parent=b"t1")
    other_task = steps(agent("b", model(7, start=12, end=13), start=11, end=14), parent=b"t2", prefix="o")
    records = inside([*beside, *other_task], task, call, inner)

    assert sorted((record.place.task, record.usage.input) for record in records) == [("t1", 5), ("t2", 7)]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("named", [True, False])
def test_each_of_many_tasks_in_parallel_has_a_node_of_its_own(seed, named):
    """
    Nodes that run at once lie around tasks of each other; nodes that are no native task stay tasks. The order
    of arrival decides nothing.
    """
    random = Random(seed)
    nodes, tasks = [], []
    for number in range(30):
        start = random.randrange(20)
        end = start + random.randrange(3, 60)
        begins, ends = sorted(random.sample(range(start, end + 1), 2))
        name = f"n{number}"
        nodes.append(agent(name if named else "same", start=start, end=end))
        if number % 3:
            place = our_place(task=name, droid=name if named else "worker", task_type="node")
            fields = {"kind": "task", "start_ns": begins * SECOND, "end_ns": ends * SECOND}
            tasks.append(ours(place, span_id=name.encode(), parent_id=b"session", **fields))
    foreign = steps(workflow("graph", *nodes), parent=b"session")
    found = []
    for _ in range(2):
        random.shuffle(foreign)
        random.shuffle(tasks)
        records = inside(foreign, *tasks)
        found.append(sorted(record.place.droid for record in records if isinstance(record, r.Task)))

    assert found[0] == found[1]
    assert len(found[0]) == 10
    if named:
        assert found[0] == sorted(f"n{number}" for number in range(0, 30, 3))


def test_a_short_name_is_no_sign_of_a_node():
    """
    The letter that a node is called by is in many words.
    """
    graph = workflow("graph", agent("d", start=10, end=20), agent("a", start=10, end=15))
    place = our_place(task="t1", droid="a", task_type="node")
    task = ours(
        place, b"t1", b"session", kind="task", start_ns=round(10.5 * SECOND), end_ns=round(14.5 * SECOND)
    )
    records = inside(steps(graph, parent=b"session"), task)

    assert [record.place.droid for record in records if isinstance(record, r.Task)] == ["d"]


def test_a_native_task_within_another_takes_no_node_beside_it():
    """
    The node that both are in is the outer one's.
    """
    graph = workflow("graph", agent("one", start=9, end=21), agent("two", start=8, end=22))
    outer = native("t1", task="t1", start=10, end=20, parent=b"session")
    inner = native("t2", task="t2", start=12, end=13, parent=b"t1")

    assert kinds(inside(steps(graph, parent=b"session"), outer, inner)) == {"Task": 1}


@pytest.mark.parametrize("outside", ["native", "foreign"])
def test_each_of_many_calls_of_a_tool_in_parallel_is_one_call(outside):
    """
    Each lies in several others by chance.
    """
    wide, narrow = [(0, 50), (1, 40), (2, 30)], [(3, 45), (4, 35), (5, 25)]
    theirs, own = (narrow, wide) if outside == "native" else (wide, narrow)
    calls = steps(*(tool("grep", start=start, end=end) for start, end in theirs), parent=b"t1")
    spans = [
        native(f"c{start}", task="t1", kind="tool", name="grep", parent=b"t1", start=start, end=end)
        for start, end in own
    ]

    assert inside(calls, native("t1", task="t1", parent=b"session"), *spans) == []


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
