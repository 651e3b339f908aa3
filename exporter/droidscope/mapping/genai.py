"""
OpenTelemetry GenAI spans -> steps, keyed on `gen_ai.operation.name`.

Read: semantic conventions 1.36 to 1.41 and the standalone v0.1.0 (which renamed
`gen_ai.workflow.name`), and what Strands, Google ADK, CrewAI and pydantic-ai add to them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from droidscope.conventions import attributes as names
from droidscope.mapping.attribute_reader import AttributeReader
from droidscope.mapping.step_builder import build_step, is_handoff
from droidscope.model.foreign_steps import Role, SpanSource, Step
from droidscope.model.otlp import Span
from droidscope.model.records import Usage

WORKFLOW_NAME: Final = "gen_ai.workflow.name"
"""
Until v0.1.0, which has `gen_ai.agent.name` instead.
"""
CREW_TASK_NAME: Final = "crewai.task.name"
CREW_AGENT_ROLE: Final = "crewai.agent.role"
"""
CrewAI writes a hash into `gen_ai.agent.name`; this is the name.
"""
OPERATION_COST: Final = "operation.cost"
"""
US dollars, by pydantic-ai.
"""
CACHE_CREATION_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
PROMPT_TOKENS: Final = "gen_ai.usage.prompt_tokens"
COMPLETION_TOKENS: Final = "gen_ai.usage.completion_tokens"

_ROLES: Final = {
    "chat": Role.MODEL,
    "text_completion": Role.MODEL,
    "generate_content": Role.MODEL,
    "invoke_agent": Role.AGENT,
    "invoke_workflow": Role.WORKFLOW,
    "invoke_swarm": Role.WORKFLOW,  # Strands
    "invoke_graph": Role.WORKFLOW,  # Strands
    "execute_tool": Role.TOOL,
    "execute_task": Role.PHASE,  # CrewAI
    "invoke_node": Role.PHASE,  # Google ADK
    "plan": Role.PHASE,
}


def read_span(span: Span) -> Step | None:
    """
    The step of a GenAI span, None if *span* is none.

    An operation that is not about agents (`embeddings`, an event loop's cycle) is `OTHER`.
    """
    reader = AttributeReader(span.attributes)
    operation = reader.text(names.OPERATION)
    if not operation:
        return None
    role = _ROLES.get(operation, Role.OTHER)
    name = _NAMES[role](reader, _suffix(span.name, operation)) if role in _NAMES else ""
    if role is Role.TOOL and is_handoff(name):
        role = Role.HANDOFF
    return build_step(
        span,
        SpanSource.GEN_AI,
        role,
        name=name,
        agent=reader.text(names.AGENT_NAME) if role in _NAMES_ITS_AGENT else "",
        usage=_usage(reader),
        conversation_id=reader.text(names.CONVERSATION_ID),
    )


_NAMES_ITS_AGENT: Final = frozenset({Role.MODEL, Role.TOOL, Role.HANDOFF})


def _suffix(span_name: str, operation: str) -> str:
    """
    The name in `{operation} {name}`, the whole span name where that is not its form.
    """
    return span_name.removeprefix(operation).strip() or span_name


def _workflow_name(reader: AttributeReader, suffix: str) -> str:
    return reader.text(WORKFLOW_NAME) or reader.text(names.AGENT_NAME) or suffix


def _agent_name(reader: AttributeReader, suffix: str) -> str:
    return reader.text(CREW_AGENT_ROLE) or reader.text(names.AGENT_NAME) or suffix


def _tool_name(reader: AttributeReader, suffix: str) -> str:
    return reader.text(names.TOOL_NAME) or suffix


def _phase_name(reader: AttributeReader, suffix: str) -> str:
    return reader.text(CREW_TASK_NAME) or suffix


_NAMES: Final[dict[Role, Callable[[AttributeReader, str], str]]] = {
    Role.WORKFLOW: _workflow_name,
    Role.AGENT: _agent_name,
    Role.TOOL: _tool_name,
    Role.PHASE: _phase_name,
}


def _usage(reader: AttributeReader) -> Usage | None:
    """
    Tokens, model and cost; None where the span has none of them.
    """
    usage = Usage(
        model=reader.text(names.RESPONSE_MODEL) or reader.text(names.REQUEST_MODEL),
        input=reader.count(names.INPUT_TOKENS) or reader.count(PROMPT_TOKENS) or 0,
        output=reader.count(names.OUTPUT_TOKENS) or reader.count(COMPLETION_TOKENS) or 0,
        cache_read=reader.count(names.CACHE_READ_TOKENS) or 0,
        cache_write=reader.count(names.CACHE_WRITE_TOKENS) or reader.count(CACHE_CREATION_TOKENS) or 0,
        cost_usd=reader.number(OPERATION_COST),
    )
    return usage if usage != _NO_USAGE else None


_NO_USAGE: Final = Usage()
