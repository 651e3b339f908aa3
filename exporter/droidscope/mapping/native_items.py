"""
What native spans, log events and points have in common: where they belong, and when they are unusable.

Native telemetry is droidscope's own, written by `droidscope.instrument`. Each item carries all ids it
needs, so each maps alone, in whatever order they arrive. An item without a kind or a session is
dropped; an optional value that does not fit is left out.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions import attributes as names
from droidscope.conventions.reasons import Reason
from droidscope.mapping.attribute_reader import AttributeReader
from droidscope.model import records as r
from droidscope.model.labels import OrchestratorLabels


class UnusableError(Exception):
    """
    An item cannot become a record; *reason* is one of a closed set of words, the message has the details.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


_PLACE_NAMES: Final = (
    names.SESSION_ID,
    names.ORCHESTRATOR_NAME,
    names.PATTERN_ID,
    names.PHASE_ID,
    names.TASK_ID,
    names.TASK_TYPE,
    names.AGENT_NAME,
    names.SESSION_RUN,
)


def read_place(
    reader: AttributeReader, orchestrator: OrchestratorLabels, trace_id: bytes, item: str, called: str
) -> r.Place:
    """
    Where the item belongs, by the ids that it carries.

    Raises:
        UnusableError: If it belongs to no session; *item* and *called* are what the message calls it.
    """
    session, name, pattern, phase, task, task_type, droid, run = reader.each_name(_PLACE_NAMES)
    if not session:
        msg = (
            f"{names.SESSION_ID} of {item} {called!r:.60} is missing; every native span and event carries it"
        )
        raise UnusableError(Reason.NO_SESSION, msg)
    return r.Place(
        orchestrator=(name, *orchestrator[1:]) if name else orchestrator,
        session=session,
        pattern=pattern,
        phase=phase,
        task=task,
        task_type=task_type,
        droid=droid,
        trace_id=trace_id.hex(),
        run=run,
    )


def session_orchestrator(reader: AttributeReader, orchestrator: OrchestratorLabels) -> OrchestratorLabels:
    """
    Label values of the orchestrator that opened the session: the sender's own, unless another service did.
    """
    name = reader.name(names.ORCHESTRATOR_NAME)
    return (name, *orchestrator[1:]) if name else orchestrator


def conflict_record(
    name: str, time_ns: int, reader: AttributeReader, place: r.Place, span_id: bytes
) -> r.Conflict:
    """
    A conflict, from a log event or a span event of this *name*.
    """
    return r.Conflict(
        place=place,
        start_ns=time_ns,
        end_ns=time_ns,
        id=reader.name(names.CONFLICT_ID) or f"{span_id.hex()}:{name}:{time_ns}",
        type=reader.name(names.CONFLICT_TYPE),
        severity=reader.name(names.CONFLICT_SEVERITY),
    )
