"""
LangGraph, instrumented with OpenInference; nodes are droids' tasks, and an interrupt is a session that waits.

    droidscope serve &
    python examples/with_langgraph.py
"""

from typing import TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from openinference.instrumentation.langchain import LangChainInstrumentor

import droidscope as ds

ds.configure(service_name="example-langgraph")
LangChainInstrumentor().instrument()  # its spans inside of a task add tools and tokens, and no second task


class State(TypedDict):
    draft: str
    approved: bool


@ds.task(droid="writer", type="draft")
def write(_state):
    return {"draft": "The plan."}


def approve(_state):  # a person's work is no droid's task
    return {"approved": interrupt("publish?")}


@ds.task(droid="publisher", type="publication")
def publish(_state):
    return {}


graph = StateGraph(State)
for node in (write, approve, publish):
    graph.add_node(node.__name__, node)
graph.add_edge(START, "write")
graph.add_edge("write", "approve")
graph.add_conditional_edges("approve", lambda state: "publish" if state["approved"] else END)
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
tasks: 4 completed
attempts: 4 succeeded""")
