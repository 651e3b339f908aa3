"""
pydantic-ai: what its models used, from its own spans or from its results.

    droidscope serve &
    python examples/with_pydantic_ai.py
"""

from pydantic_ai import Agent
from pydantic_ai.capabilities import Instrumentation
from pydantic_ai.models.test import TestModel

import droidscope as ds

ds.configure(service_name="example-pydantic-ai")

MODEL = TestModel(model_name="example-model")  # needs no network; calls each tool once, then answers


def add_tools(agent):
    @agent.tool_plain
    def search(words: str) -> str:
        return f"found {words}"

    return agent


watched = add_tools(Agent(MODEL, name="watched", capabilities=[Instrumentation()]))  # emits GenAI spans
plain = add_tools(Agent(MODEL, name="plain"))


@ds.task(droid="researcher", type="research")
def research(question):
    return watched.run_sync(question).output  # its spans in here give tools, models and tokens


@ds.task(droid="writer", type="writing")
def write(question):
    with ds.model_call(MODEL.model_name) as call:
        result = plain.run_sync(question)
        call.usage(result.usage)  # a sum over its requests, which it shows as one call
    return result.output


@ds.session(pattern="answer")
def answer(question):
    return research(question), write(question)


print(answer("why?"))

print("""expect
sessions: 1 completed
tasks: 2 completed
attempts: 2 succeeded
tools: 1 succeeded
models: 3 succeeded
tokens: 208 input, 30 output""")
