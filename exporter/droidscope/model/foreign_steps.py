"""
Foreign telemetry on its way to records: spans reduced to what an agent framework says with them.

A `Step` is what a mapper makes of a foreign span; prompts, answers and arguments never get in.
The steps of a session are assembled once it is over (`head.foreign`), because foreign spans name
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


class Convention(IntEnum):
    """
    Conventions a step was read from; of two steps that tell of one call, the lower source is kept.
    """

    GEN_AI = 1
    OPENINFERENCE = 2
    NONE = 3


class Step(Struct, frozen=True, gc=False):
    """
    One foreign span. Ids are raw bytes as in `model.otlp.Span`, times Unix nanoseconds.

    *name* is the workflow's, phase's, agent's or tool's, "" for the other roles. *agent* is the
    agent that a tool or model span names itself. *run_key* is equal for runs that are tries of one
    task, "" where the source has no such mark. *inside* is set where the span carries ids of ours;
    its orchestrator is left empty.
    """

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    start_ns: int
    end_ns: int
    source: Convention = Convention.NONE
    role: Role = Role.OTHER
    name: str = ""
    agent: str = ""
    failed: bool = False
    error_type: str = ""
    usage: Usage | None = None
    session_id: str = ""
    conversation_id: str = ""
    run_key: str = ""
    inside: Place | None = None


class NativeSpan(Struct, frozen=True, gc=False):
    """
    A span of ours, as far as foreign spans below it care.

    *place* is that of its records. *has_usage* says that it declared tokens or a cost. *ended* is
    False where only its start, or a sign of life, has been heard of.
    """

    span_id: bytes
    parent_id: bytes
    place: Place
    has_usage: bool = False
    ended: bool = True


class RunningForeignSession(Struct, frozen=True, gc=False):
    """
    A foreign session that has not ended, as far as its children tell.

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
    A foreign session already counted. *has_models* says that its tokens came from model spans.
    """

    orchestrator: OrchestratorLabels
    session: str
    pattern: str
    has_models: bool
    clock_ns: int
