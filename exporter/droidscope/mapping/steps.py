"""
What the mappers of foreign spans share: the plain facts of a span, and how its failure shows.
"""

from __future__ import annotations

import re
from typing import Final

from droidscope.conventions import attributes as names
from droidscope.mapping.attribute_reader import NAME_LENGTH, AttributeReader
from droidscope.model.foreign_steps import Convention, Role, Step
from droidscope.model.otlp import STATUS_ERROR, Span
from droidscope.model.records import Place, Usage

SESSION_ID: Final = "session.id"
"""
Session of a span: OpenInference's name, and what users give to frameworks that have none.
"""
EXCEPTION_EVENT: Final = "exception"
EXCEPTION_TYPE: Final = "exception.type"


# Tools by which frameworks let a model pass control on: Strands `handoff_to_agent`, AutoGen and
# LangGraph `transfer_to_<agent>`, OpenAI Agents `handoff to <agent>`.
_HANDOFF: Final = re.compile(r"(hand_?off|transfer)[ _-](back[ _-])?to[ _-]", re.IGNORECASE)


def step(
    span: Span,
    source: Convention = Convention.NONE,
    role: Role = Role.OTHER,
    *,
    name: str = "",
    agent: str = "",
    usage: Usage | None = None,
    conversation_id: str = "",
    run_key: str = "",
) -> Step:
    """
    A step with the facts any span has, and with what its source says about it.
    """
    failed = span.status == STATUS_ERROR or names.ERROR_TYPE in span.attributes
    return Step(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_id=span.parent_id,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        source=source,
        role=role,
        name=name[:NAME_LENGTH],
        agent=agent[:NAME_LENGTH],
        failed=failed,
        error_type=_error_type(span) if failed else "",
        usage=usage,
        session_id=AttributeReader(span.attributes).text(SESSION_ID)[:NAME_LENGTH],
        conversation_id=conversation_id[:NAME_LENGTH],
        run_key=run_key[:NAME_LENGTH],
        inside=_inside(span),
    )


def is_handoff(tool: str) -> bool:
    """
    Whether a tool of this name passes control to another agent.
    """
    return _HANDOFF.match(tool) is not None


def _error_type(span: Span) -> str:
    """
    `error.type`, else the type of the last exception recorded, else "".
    """
    given = AttributeReader(span.attributes).text(names.ERROR_TYPE)
    thrown = [
        AttributeReader(e.attributes).text(EXCEPTION_TYPE) for e in span.events if e.name == EXCEPTION_EVENT
    ]
    return (given or next(filter(None, reversed(thrown)), ""))[:NAME_LENGTH]


def _inside(span: Span) -> Place | None:
    """
    Where in a session of ours the span ran, if our span processor wrote that on it.
    """
    if names.SESSION_ID not in span.attributes:
        return None
    read = AttributeReader(span.attributes)
    task = read.name(names.TASK_ID)
    return Place(
        orchestrator=(),
        session=read.name(names.SESSION_ID),
        pattern=read.name(names.PATTERN_ID),
        phase=read.name(names.PHASE_ID),
        task=task,
        task_type=read.name(names.TASK_TYPE),
        droid=read.name(names.AGENT_NAME) if task else "",
        trace_id=span.trace_id.hex(),
        own=False,
    )
