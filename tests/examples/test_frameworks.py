"""
What a framework reports of itself and droidscope's own instrumentation: the exporter counts what happened.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from e2e.processes import Program, until
from examples.example_runs import SECONDS, environment, shown, shown_at_last

pytestmark = pytest.mark.slow

LANGGRAPH = """
import asyncio, operator, time
from typing import Annotated, TypedDict
from langgraph.graph import START, StateGraph
from langgraph.types import Send
from openinference.instrumentation.langchain import LangChainInstrumentor
import droidscope as ds

ds.configure(service_name={name!r})
LangChainInstrumentor().instrument()


class State(TypedDict):
    done: Annotated[list, operator.add]


def node(name):
    def work(state):
        time.sleep({seconds})
        return {{"done": [name]}}

    return work


graph = StateGraph(State)
"""
PYDANTIC_AI = """
from pydantic_ai import Agent
from pydantic_ai.capabilities import Instrumentation
from pydantic_ai.models.test import TestModel
import droidscope as ds

ds.configure(service_name={name!r})
agent = Agent(TestModel(model_name="m"), capabilities=[Instrumentation()])


@agent.tool_plain
def search(words: str) -> str:
    return "found"


def run():
    result = agent.run_sync("why?")
    print(result.usage.input_tokens, result.usage.output_tokens)
    return result


"""


def run(exporter, name, setup, code, *, seconds=0):
    """
    Run *code* after its *setup* in a process of its own as the orchestrator *name*; what it prints.
    """
    script = setup.format(name=name, seconds=seconds) + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(exporter),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("seconds", [0, 0.02])
@pytest.mark.parametrize("droid", ["name", '"worker"'])
def test_nodes_that_run_in_threads_are_their_tasks(exporter, seconds, droid):
    """
    Twenty sessions at once, each of four nodes at once whose functions are decorated: 80 tasks, by whatever
    name, and one that is not decorated.
    """
    code = f"""
    for name in "abcd":
        graph.add_node(name, ds.task(droid={droid}, type="node")(node(name)))
        graph.add_edge(START, name)
    graph.add_node("plain", node("plain"))
    graph.add_edge("a", "plain")
    application = graph.compile()

    async def one():
        async with ds.session("s"):
            await application.ainvoke({{"done": []}})

    async def main():
        await asyncio.gather(*(one() for _ in range(20)))

    asyncio.run(main())
    """
    name = f"threads-{len(droid)}-{seconds}"
    run(exporter, name, LANGGRAPH, code, seconds=seconds)

    told = {"sessions completed": 20, "tasks completed": 100, "attempts succeeded": 100}
    assert shown_at_last(exporter, name, told) == told


def test_nodes_are_droids_whatever_their_names(exporter):
    """
    Also with the word by which the framework tells agents; the entry of a graph is none.
    """
    code = """
    names = ("agent", "planner", "my_agent", "tool_node")
    for name in names:
        graph.add_node(name, node(name))
    for name, after in zip(names, names[1:]):
        graph.add_edge(name, after)
    graph.add_conditional_edges(START, lambda state: [Send("agent", {"done": []}) for _ in range(3)])
    with ds.session("s"):
        graph.compile().invoke({"done": []})
    """
    run(exporter, "names", LANGGRAPH, code)

    told = {"sessions completed": 1, "tasks completed": 6, "attempts succeeded": 6}
    assert shown_at_last(exporter, "names", told) == told
    droids = {
        dict(labels)["droid"]
        for (metric, labels), value in exporter.samples().items()
        if metric == "orchestrator_tasks_total" and value and dict(labels)["orchestrator"] == "names"
    }
    assert droids == {"agent", "planner", "my_agent", "tool_node"}


@pytest.mark.parametrize(
    ("way", "call"),
    [
        ("usage", 'with ds.model_call("m") as call: call.usage(run().usage)'),
        ("result", 'with ds.model_call("m") as call: call.usage(run())'),
        ("decorated", 'ds.model_call("m")(run)()'),
    ],
)
def test_a_model_call_around_an_agent_counts_its_tokens_once(exporter, way, call):
    """
    The agent asks its model twice; the call is one request.
    """
    name = f"model-call-{way}"
    code = f"""
    with ds.session("s"), ds.task("d"):
        {call}
    """
    given, made = map(int, run(exporter, name, PYDANTIC_AI, code).split())

    told = {
        "sessions completed": 1,
        "tasks completed": 1,
        "attempts succeeded": 1,
        "tools succeeded": 1,
        "models succeeded": 1,
        "tokens input": given,
        "tokens output": made,
    }
    assert shown_at_last(exporter, name, told) == told


WORKER = """
import os, signal, sys, time
from celery import Celery
from celery.signals import before_task_publish
from opentelemetry import context, propagate
import droidscope as ds

ds.configure(service_name="killed")
app = Celery("killed", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
app.conf.task_acks_late = app.conf.task_reject_on_worker_lost = True


@before_task_publish.connect
def send_ids(headers, **_):
    propagate.inject(headers)


@app.task(bind=True, max_retries=2)
def build(self, mark):
    token = context.attach(propagate.extract(self.request.headers or {}))
    try:
        number = self.request.retries + 1
        with ds.task("builder", id=self.request.id, delivery=number, max_deliveries=self.max_retries + 1):
            pass
    finally:
        context.detach(token)
    if not os.path.exists(mark):
        open(mark, "w").close()
        ds.flush()
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    with ds.session("s"):
        build.delay(sys.argv[1]).get(timeout=60)
"""


@pytest.mark.server("redis-server")
def test_a_worker_that_is_killed_before_it_acknowledges_has_done_one_task(exporter, redis_url, tmp_path):
    """
    The queue delivers the task again, with the number that it had: two attempts at one task.
    """
    (tmp_path / "killed.py").write_text(WORKER)
    env = environment(exporter, REDIS_URL=redis_url) | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "celery", "-A", "killed", "worker", "--concurrency=1"]
    with Program(command, tmp_path / "worker.log", cwd=tmp_path, env=env):
        publish = [sys.executable, "killed.py", str(tmp_path / "mark")]
        subprocess.run(publish, cwd=tmp_path, env=env, timeout=SECONDS, check=True)
        told = {"sessions completed": 1, "tasks completed": 1, "attempts succeeded": 2}
        assert shown(exporter, "killed", told) == told
    until((tmp_path / "mark").exists, "the kill")
