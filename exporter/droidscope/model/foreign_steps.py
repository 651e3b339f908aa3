"""
Foreign telemetry on its way to records: spans reduced to what an agent framework means by them.

A `Step` is what a mapper makes of a foreign span; it holds no prompts, answers or arguments.
The steps of a session are assembled once it is over (`assembly`), because foreign spans name
neither their session nor their agent reliably: both follow from what encloses them.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

from msgspec import Struct

from droidscope.model.labels import OrchestratorLabels
from droidscope.model.records import Place, Usage


class Role(StrEnum):
    """
    What a foreign span is. `OTHER` only links parents to children.
    """

    WORKFLOW = "workflow"
    PHASE = "phase"
    AGENT = "agent"
    TOOL = "tool"
    HANDOFF = "handoff"
    MODEL = "model"
    OTHER = "other"


class SpanSource(IntEnum):
    """
    The conventions a step was read by; of two steps about one call, the one of the lower source is kept.
    """

    GEN_AI = 1
    OPENINFERENCE = 2
    NONE = 3


class Step(Struct, frozen=True, gc=False, rename={"native_place": "inside"}):
    """
    One foreign span. Ids are raw bytes as in `model.otlp.Span`, times Unix nanoseconds.

    *name* is the workflow's, phase's, agent's or tool's, "" for the other roles. *agent* is the
    agent that a tool or model span names itself. *run_key* is equal for runs that are tries of one
    task, "" where the source has no such mark. *native_place* is where in a native session the span ran, None
    where it has no ids of one; its orchestrator is left empty.
    """

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    start_ns: int
    end_ns: int
    source: SpanSource = SpanSource.NONE
    role: Role = Role.OTHER
    name: str = ""
    agent: str = ""
    failed: bool = False
    error_type: str = ""
    usage: Usage | None = None
    session_id: str = ""
    conversation_id: str = ""
    run_key: str = ""
    native_place: Place | None = None


class NativeSpan(Struct, frozen=True, gc=False):
    """
    A native span, as far as the foreign spans below it need it.

    *place* is that of its records. *has_usage*: whether it declared tokens or a cost. *ended* is False
    where only its start, or a heartbeat, has arrived. *kind* is the value of `orchestrator.kind`, *name* a
    tool's; times are Unix nanoseconds. Both are empty in checkpoints of the first version.
    """

    span_id: bytes
    parent_id: bytes
    place: Place
    has_usage: bool = False
    ended: bool = True
    kind: str = ""
    name: str = ""
    start_ns: int = 0
    end_ns: int = 0


class RunningForeignSession(Struct, frozen=True, gc=False):
    """
    A foreign session that has not ended, as far as the spans that have arrived show it.

    *session* and *pattern* are provisional: the span that settles them usually arrives last.
    *last_clock_ns* is the exporter's uptime at the last arrival, *start_ns* the earliest Unix time.
    """

    orchestrator: OrchestratorLabels
    session: str
    pattern: str
    start_ns: int
    last_clock_ns: int
    droids: tuple[str, ...]


class SettledForeignSession(Struct, frozen=True, gc=False):
    """
    A foreign session already counted. *has_models*: whether its tokens came from model spans.
    """

    orchestrator: OrchestratorLabels
    session: str
    pattern: str
    has_models: bool
    clock_ns: int
