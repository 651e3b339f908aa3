"""
OpenInference spans -> steps, keyed on `openinference.span.kind`.

Read: the specification at commit 1fe497f, and what its instrumentors of LangChain/LangGraph,
OpenAI Agents, CrewAI and smolagents really set.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from droidscope.mapping.attribute_reader import AttributeReader
from droidscope.mapping.steps import is_handoff, step
from droidscope.model.foreign_steps import Convention, Role, Step
from droidscope.model.otlp import Span
from droidscope.model.records import Usage

SPAN_KIND: Final = "openinference.span.kind"
AGENT_NAME: Final = "agent.name"
NODE_ID: Final = "graph.node.id"
TOOL_NAME: Final = "tool.name"
METADATA: Final = "metadata"
MODEL_NAME: Final = "llm.model_name"
PROMPT_TOKENS: Final = "llm.token_count.prompt"
COMPLETION_TOKENS: Final = "llm.token_count.completion"
CACHE_READ_TOKENS: Final = "llm.token_count.prompt_details.cache_read"
CACHE_WRITE_TOKENS: Final = "llm.token_count.prompt_details.cache_write"
COST: Final = "llm.cost.total"
SMOLAGENTS_RUN: Final = "smolagents.max_steps"
"""
On each agent's run of smolagents, which names its agents in the span name only: `{agent}.run`.
"""

_METADATA_SIZE: Final = 65_536
"""
Characters of `metadata` worth parsing; users put anything into it.
"""


class _Metadata(
    Struct, rename={"node": "langgraph_node", "agent": "lc_agent_name", "run": "langgraph_checkpoint_ns"}
):
    """
    LangGraph's part of the JSON in `metadata`.
    """

    node: str = ""
    agent: str = ""
    run: str = ""
    ls_integration: str = ""


_decode_metadata: Final = msgspec.json.Decoder(_Metadata).decode


def read_span(span: Span) -> Step | None:
    """
    The step of an OpenInference span, None if *span* is none.

    A kind that says nothing about agents (`RETRIEVER`, `EMBEDDING`, ...) is `OTHER`.
    """
    read = AttributeReader(span.attributes)
    match read.text(SPAN_KIND):
        case "":
            return None
        case "LLM":
            return step(
                span, Convention.OPENINFERENCE, Role.MODEL, agent=read.text(AGENT_NAME), usage=_usage(read)
            )
        case "TOOL":
            return _tool(span, read)
        case "AGENT":
            return _agent(span, read)
        case "CHAIN":
            return _chain(span, read)
        case _:
            return step(span, Convention.OPENINFERENCE)


def _tool(span: Span, read: AttributeReader) -> Step:
    name = read.text(TOOL_NAME) or span.name
    role = Role.HANDOFF if is_handoff(name) else Role.TOOL
    return step(span, Convention.OPENINFERENCE, role, name=name, agent=read.text(AGENT_NAME))


def _agent(span: Span, read: AttributeReader) -> Step:
    """
    An agent; but one that nothing names is the whole run, as OpenAI Agents marks its root.
    """
    name = read.text(AGENT_NAME) or read.text(NODE_ID)
    if not name and SMOLAGENTS_RUN in span.attributes:
        name = span.name.removesuffix(".run")
    if not name:
        return step(span, Convention.OPENINFERENCE, Role.WORKFLOW, name=span.name)
    return step(span, Convention.OPENINFERENCE, Role.AGENT, name=name, usage=_usage(read))


def _chain(span: Span, read: AttributeReader) -> Step:
    """
    A workflow, unless LangGraph's metadata tell that it is a node or an agent of a graph.

    LangGraph emits no `AGENT`. A node of a user's graph is one, and so is a graph that
    `create_agent` made; the nodes of the latter (`model`, `tools`) are not.
    """
    metadata = _metadata(read)
    is_node = metadata.ls_integration == "langgraph" and metadata.node == span.name
    if is_node or metadata.agent == span.name:
        return step(span, Convention.OPENINFERENCE, Role.AGENT, name=span.name, run_key=metadata.run)
    return step(span, Convention.OPENINFERENCE, Role.WORKFLOW, name=span.name)


def _metadata(read: AttributeReader) -> _Metadata:
    text = read.text(METADATA)
    if ("langgraph_node" not in text and "lc_agent_name" not in text) or len(text) > _METADATA_SIZE:
        return _NO_METADATA
    try:
        return _decode_metadata(text)
    except msgspec.DecodeError:  # somebody else's metadata: no harm done
        return _NO_METADATA


_NO_METADATA: Final = _Metadata()


def _usage(read: AttributeReader) -> Usage | None:
    """
    Tokens, model and cost; None where the span has none of them.
    """
    found = Usage(
        model=read.text(MODEL_NAME),
        input=read.count(PROMPT_TOKENS) or 0,
        output=read.count(COMPLETION_TOKENS) or 0,
        cache_read=read.count(CACHE_READ_TOKENS) or 0,
        cache_write=read.count(CACHE_WRITE_TOKENS) or 0,
        cost_usd=read.number(COST),
    )
    return found if found != _NO_USAGE else None


_NO_USAGE: Final = Usage()
