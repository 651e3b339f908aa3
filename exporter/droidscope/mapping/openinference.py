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
from droidscope.mapping.step_builder import build_step, is_handoff
from droidscope.model.foreign_steps import Role, SpanSource, Step
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


_NO_NODES: Final = frozenset({"__start__", "__end__"})


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

    A kind that is not about agents (`RETRIEVER`, `EMBEDDING`, ...) is `OTHER`.
    """
    reader = AttributeReader(span.attributes)
    match reader.text(SPAN_KIND):
        case "":
            return None
        case "LLM":
            return _model(span, reader)
        case "TOOL":
            return _tool(span, reader)
        case "AGENT":
            return _agent(span, reader)
        case "CHAIN":
            return _chain(span, reader)
        case _:
            return build_step(span, SpanSource.OPENINFERENCE)


def _model(span: Span, reader: AttributeReader) -> Step:
    agent, usage = reader.text(AGENT_NAME), _usage(reader)
    return build_step(span, SpanSource.OPENINFERENCE, Role.MODEL, agent=agent, usage=usage)


def _tool(span: Span, reader: AttributeReader) -> Step:
    name = reader.text(TOOL_NAME) or span.name
    role = Role.HANDOFF if is_handoff(name) else Role.TOOL
    return build_step(span, SpanSource.OPENINFERENCE, role, name=name, agent=reader.text(AGENT_NAME))


def _agent(span: Span, reader: AttributeReader) -> Step:
    """
    An agent; but one without a name is the whole run, as OpenAI Agents marks its root.

    The instrumentor of LangChain gives this kind to all that has `agent` in its name: nodes, tools, models.
    """
    name = reader.text(AGENT_NAME) or reader.text(NODE_ID)
    if not name and TOOL_NAME in span.attributes:
        return _tool(span, reader)
    if not name and METADATA in span.attributes:
        return _chain(span, reader) if _usage(reader) is None else _model(span, reader)
    if not name and SMOLAGENTS_RUN in span.attributes:
        name = span.name.removesuffix(".run")
    if not name:
        return build_step(span, SpanSource.OPENINFERENCE, Role.WORKFLOW, name=span.name)
    return build_step(span, SpanSource.OPENINFERENCE, Role.AGENT, name=name, usage=_usage(reader))


def _chain(span: Span, reader: AttributeReader) -> Step:
    """
    A workflow, unless LangGraph's metadata mark it as a node or an agent of a graph.

    LangGraph emits no `AGENT`. A node of a user's graph is one, and so is a graph that
    `create_agent` made; the nodes of the latter (`model`, `tools`) are not, nor are the `__start__` and
    `__end__` that LangGraph adds to every graph.
    """
    metadata = _metadata(reader)
    is_named = metadata.node == span.name and span.name not in _NO_NODES
    is_node = metadata.ls_integration == "langgraph" and is_named
    if is_node or metadata.agent == span.name:
        return build_step(span, SpanSource.OPENINFERENCE, Role.AGENT, name=span.name, run_key=metadata.run)
    return build_step(span, SpanSource.OPENINFERENCE, Role.WORKFLOW, name=span.name)


def _metadata(reader: AttributeReader) -> _Metadata:
    text = reader.text(METADATA)
    if ("langgraph_node" not in text and "lc_agent_name" not in text) or len(text) > _METADATA_SIZE:
        return _NO_METADATA
    try:
        return _decode_metadata(text)
    except msgspec.DecodeError:  # somebody else's metadata: no harm done
        return _NO_METADATA


_NO_METADATA: Final = _Metadata()


def _usage(reader: AttributeReader) -> Usage | None:
    """
    Tokens, model and cost; None where the span has none of them.
    """
    usage = Usage(
        model=reader.text(MODEL_NAME),
        input=reader.count(PROMPT_TOKENS) or 0,
        output=reader.count(COMPLETION_TOKENS) or 0,
        cache_read=reader.count(CACHE_READ_TOKENS) or 0,
        cache_write=reader.count(CACHE_WRITE_TOKENS) or 0,
        cost_usd=reader.number(COST),
    )
    return usage if usage != _NO_USAGE else None


_NO_USAGE: Final = Usage()
