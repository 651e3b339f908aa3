"""
LangGraph, instrumented with OpenInference; nodes are droids' tasks, and an interrupt is a session that waits.

    droidscope serve &
    python examples/with_langgraph.py
"""

from typing import TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from openinference.instrumentation.langchain import LangChainInstrumentor

import droidscope as ds

ds.configure(service_name="example-langgraph")
LangChainInstrumentor().instrument()  # its span of a node is the task of that node


class State(TypedDict):
    draft: str
    published: bool


@ds.task(droid="writer", type="draft")
def write(_state):
    return {"draft": "The plan."}


@ds.task(droid="publisher", type="publication")
def publish(_state):
    # The run that asks is cancelled, and LangGraph runs the node again with the answer.
    return {"published": interrupt("publish?")}


graph = StateGraph(State)
graph.add_node(write)
graph.add_node(publish)
graph.add_edge(START, "write")
graph.add_edge("write", "publish")
app = graph.compile(checkpointer=InMemorySaver())


def run(thread, given, *, resume=False):
    """
    One session over all calls of a thread: it waits where the graph does, and goes on under its id.
    """
    with ds.session("publication", id=thread, resume=resume) as session:
        result = app.invoke(given, {"configurable": {"thread_id": thread}})
        if "__interrupt__" in result:
            session.wait("approval")
        return result


for thread in ("article-1", "article-2", "article-3"):
    run(thread, {"draft": ""})  # hours may pass here, in any process
run("article-1", Command(resume=True), resume=True)
run("article-2", Command(resume=False), resume=True)

print("article-3 waits for approval")
print("""expect
sessions: 2 completed
tasks: 5 completed, 3 cancelled
attempts: 5 succeeded, 3 cancelled""")
