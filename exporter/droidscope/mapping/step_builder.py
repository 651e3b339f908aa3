"""
What the mappers of foreign spans share: building a step, and the error and session of a span.
"""

from __future__ import annotations

import re
from typing import Final

from droidscope.conventions import attributes as names
from droidscope.mapping.attribute_reader import NAME_LENGTH, AttributeReader
from droidscope.model.foreign_steps import Role, SpanSource, Step
from droidscope.model.otlp import STATUS_ERROR, Span
from droidscope.model.records import Place, Usage

SESSION_ID: Final = "session.id"
"""
Session of a span: OpenInference's name, and the one users set for frameworks that have none.
"""
EXCEPTION_EVENT: Final = "exception"
EXCEPTION_TYPE: Final = "exception.type"


# Tools by which frameworks let a model pass control on: Strands `handoff_to_agent`, AutoGen and
# LangGraph `transfer_to_<agent>`, OpenAI Agents `handoff to <agent>`.
_HANDOFF: Final = re.compile(r"(hand_?off|transfer)[ _-](back[ _-])?to[ _-]", re.IGNORECASE)


def build_step(
    span: Span,
    source: SpanSource = SpanSource.NONE,
    role: Role = Role.OTHER,
    *,
    name: str = "",
    agent: str = "",
    usage: Usage | None = None,
    conversation_id: str = "",
    run_key: str = "",
) -> Step:
    """
    A step of *span*, with what its *source* gives besides the facts that any span has.
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
        native_place=_native_place(span),
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
    error_type = AttributeReader(span.attributes).text(names.ERROR_TYPE)
    exceptions = [
        AttributeReader(event.attributes).text(EXCEPTION_TYPE)
        for event in span.events
        if event.name == EXCEPTION_EVENT
    ]
    return (error_type or next(filter(None, reversed(exceptions)), ""))[:NAME_LENGTH]


def _native_place(span: Span) -> Place | None:
    """
    Where in a native session the span ran, if `IdSpanProcessor` wrote the ids on it; else None.
    """
    if names.SESSION_ID not in span.attributes:
        return None
    reader = AttributeReader(span.attributes)
    task = reader.name(names.TASK_ID)
    return Place(
        orchestrator=(),
        session=reader.name(names.SESSION_ID),
        pattern=reader.name(names.PATTERN_ID),
        phase=reader.name(names.PHASE_ID),
        task=task,
        task_type=reader.name(names.TASK_TYPE),
        droid=reader.name(names.AGENT_NAME) if task else "",
        trace_id=span.trace_id.hex(),
        native=False,
        run=reader.name(names.SESSION_RUN),
    )
