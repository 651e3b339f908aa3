"""
Native log events -> records.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import Kind
from droidscope.conventions.reasons import Reason
from droidscope.mapping.attribute_reader import AttributeReader
from droidscope.mapping.native_items import (
    UnusableError,
    conflict_record,
    read_place,
    session_orchestrator,
)
from droidscope.mapping.native_spans import SPAN_KINDS
from droidscope.model import records as r
from droidscope.model.labels import OrchestratorLabels
from droidscope.model.otlp import LogRecord


def is_native_log(log: LogRecord) -> bool:
    """
    Whether it is a native event.
    """
    return log.event_name in _BY_EVENT


def map_log(log: LogRecord, orchestrator: OrchestratorLabels) -> tuple[list[r.AnyRecord], list[str]]:
    """
    The record of one native log event.

    Returns:
        One record, and a sentence for each optional value that does not fit.

    Raises:
        UnusableError: If it belongs to no session, or reports the start of something of unknown kind.
    """
    reader = AttributeReader(log.attributes)
    if log.event_name == names.ALIVE_EVENT and names.SESSION_ID not in log.attributes:
        return [_process_alive(log, reader, orchestrator)], reader.invalid_values
    place = read_place(reader, orchestrator, log.trace_id, "event", log.event_name)
    return [_BY_EVENT[log.event_name](log, reader, place)], reader.invalid_values


def _conflict_event(log: LogRecord, reader: AttributeReader, place: r.Place) -> r.Conflict:
    return conflict_record(log.event_name, log.time_ns, reader, place, log.span_id)


def _started(log: LogRecord, reader: AttributeReader, place: r.Place) -> r.Started:
    kind = reader.name(names.KIND)
    if kind not in SPAN_KINDS:
        msg = (
            f"{names.KIND} of event {log.event_name} is {kind!r:.40}; expected one of {', '.join(SPAN_KINDS)}"
        )
        raise UnusableError(Reason.UNKNOWN_KIND, msg)
    planned = names.SESSION_PLANNED_SECONDS if kind == Kind.SESSION else names.PHASE_PLANNED_SECONDS
    return r.Started(
        place=place,
        start_ns=log.time_ns,
        end_ns=log.time_ns,
        span_id=log.span_id.hex(),
        what=kind,
        planned_ns=reader.duration_ns(planned),
        plan=reader.names(names.SESSION_PLAN),
        resumed=bool(reader.flag(names.SESSION_RESUMED)),
    )


def _progress(log: LogRecord, reader: AttributeReader, place: r.Place) -> r.Progress:
    return r.Progress(
        place=place, start_ns=log.time_ns, end_ns=log.time_ns, ratio=reader.number(names.PROGRESS_RATIO, 1.0)
    )


def _alive(log: LogRecord, _reader: AttributeReader, place: r.Place) -> r.Alive:
    return r.Alive(place=place, start_ns=log.time_ns, end_ns=log.time_ns)


def _process_alive(
    log: LogRecord, reader: AttributeReader, orchestrator: OrchestratorLabels
) -> r.ProcessAlive:
    """
    The sign of life of a process; without a list of sessions it is an event without its session.
    """
    parts = reader.count(names.ALIVE_PARTS)
    if parts is None and names.ALIVE_SESSIONS not in log.attributes:
        msg = f"{names.SESSION_ID} and {names.ALIVE_SESSIONS} of event {log.event_name} are missing"
        raise UnusableError(Reason.NO_SESSION, msg)
    return r.ProcessAlive(
        orchestrator=session_orchestrator(reader, orchestrator),
        instance=AttributeReader(log.resource.attributes).name(names.SERVICE_INSTANCE_ID),
        time_ns=log.time_ns,
        sessions=reader.names(names.ALIVE_SESSIONS),
        part=reader.count(names.ALIVE_PART) or 1,
        parts=parts or 1,
    )


def _waiting(log: LogRecord, reader: AttributeReader, place: r.Place) -> r.Waiting:
    return r.Waiting(
        place=place,
        start_ns=log.time_ns,
        end_ns=log.time_ns,
        span_id=log.span_id.hex(),
        reason=reader.name(names.WAITING_REASON),
    )


def _resumed(log: LogRecord, _reader: AttributeReader, place: r.Place) -> r.Resumed:
    return r.Resumed(place=place, start_ns=log.time_ns, end_ns=log.time_ns, span_id=log.span_id.hex())


def _blocked(log: LogRecord, reader: AttributeReader, place: r.Place) -> r.Blocked:
    return r.Blocked(
        place=place, start_ns=log.time_ns, end_ns=log.time_ns, reason=reader.name(names.BLOCKED_REASON)
    )


def _unblocked(log: LogRecord, _reader: AttributeReader, place: r.Place) -> r.Unblocked:
    return r.Unblocked(place=place, start_ns=log.time_ns, end_ns=log.time_ns)


_BY_EVENT: Final[dict[str, Callable[[LogRecord, AttributeReader, r.Place], r.AnyRecord]]] = {
    names.STARTED_EVENT: _started,
    names.PROGRESS_EVENT: _progress,
    names.ALIVE_EVENT: _alive,
    names.WAITING_EVENT: _waiting,
    names.RESUMED_EVENT: _resumed,
    names.BLOCKED_EVENT: _blocked,
    names.UNBLOCKED_EVENT: _unblocked,
    names.CONFLICT_EVENT: _conflict_event,
}
