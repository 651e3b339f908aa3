"""
Small makers of telemetry and records; every field has a sensible default.
"""

from __future__ import annotations

import itertools
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from droidscope.conventions import attributes as names

SECOND = 1_000_000_000
NOON = 1_790_000_000 * SECOND
"""
Some Unix time, in nanoseconds.
"""

_ids = itertools.count(1)


def any_value(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case list() | tuple():
            return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
        case _:
            return AnyValue(string_value=str(value))


def key_values(attributes: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def span(
    kind: str,
    *,
    session: str = "s1",
    start: float = 0.0,
    seconds: float = 1.0,
    error: str = "",
    trace_id: bytes = b"\x01" * 16,
    span_id: bytes | None = None,
    **attributes: Any,
) -> Span:
    """
    A span of ours. Attribute names are given with `__` for dots, without `orchestrator.`.
    """
    start_ns = NOON + round(start * SECOND)
    full = {names.KIND: kind, names.SESSION_ID: session, **_named(attributes)}
    if error:
        full[names.ERROR_TYPE] = error
    return Span(
        trace_id=trace_id,
        span_id=span_id or next(_ids).to_bytes(8, "big"),
        name=kind,
        start_time_unix_nano=start_ns,
        end_time_unix_nano=start_ns + round(seconds * SECOND),
        attributes=key_values(full),
        status=Status(code=Status.STATUS_CODE_ERROR if error else Status.STATUS_CODE_UNSET),
    )


def _named(attributes: dict[str, Any]) -> dict[str, Any]:
    names_ = {key: key.replace("__", ".") for key in attributes}
    return {
        name if name.startswith(("gen_ai.", "error.")) else f"orchestrator.{name}": attributes[key]
        for key, name in names_.items()
    }


def task(
    droid: str = "coder", *, id: str = "t1", pattern: str = "bug-fix", type: str = "code", **more: Any
) -> Span:
    return span("task", gen_ai__agent__name=droid, task__id=id, task__type=type, pattern__id=pattern, **more)


def session(id: str = "s1", *, pattern: str = "bug-fix", **more: Any) -> Span:
    return span("session", session=id, pattern__id=pattern, **more)


def traces(*spans: Span, service: str = "atlas", scope: str = names.SCOPE, **resource: Any) -> bytes:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(key_values({"service.name": service, **resource}))
    of_scope = group.scope_spans.add()
    of_scope.scope.name = scope
    of_scope.spans.extend(spans)
    return request.SerializeToString()


def event(
    name: str, *, session: str = "s1", at: float = 0.0, span_id: bytes = b"", **attributes: Any
) -> LogRecord:
    """
    A log event of ours; attribute names as in `span`.
    """
    return LogRecord(
        event_name=name,
        time_unix_nano=NOON + round(at * SECOND),
        trace_id=b"\x01" * 16,
        span_id=span_id or next(_ids).to_bytes(8, "big"),
        attributes=key_values({names.SESSION_ID: session, **_named(attributes)}),
    )


def sign_of_life(*sessions: str, at: float = 0.0, part: int = 1, parts: int = 1) -> LogRecord:
    """
    A part of the list of sessions that are open in a process.
    """
    return LogRecord(
        event_name=names.ALIVE_EVENT,
        time_unix_nano=NOON + round(at * SECOND),
        attributes=key_values(
            {names.ALIVE_SESSIONS: list(sessions), names.ALIVE_PART: part, names.ALIVE_PARTS: parts}
        ),
    )


def logs(*records: LogRecord, service: str = "atlas", **resource: Any) -> bytes:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.extend(key_values({"service.name": service, **resource}))
    scope = group.scope_logs.add()
    scope.scope.name = names.SCOPE
    scope.log_records.extend(records)
    return request.SerializeToString()


def emitted(
    kind: str,
    count: int,
    *,
    service: str = "atlas",
    instance: str = "i1",
    at: float = 0.0,
    name: str = "",
    start: float = 0.0,
    delta: bool = False,
) -> bytes:
    """
    A metrics request with one point of `orchestrator.client.records`; *name* is whose session it is about.

    The point is of the time *at* + 1, the counter began at *start*.
    """
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.extend(key_values({"service.name": service, "service.instance.id": instance}))
    metric = Metric(name=names.CLIENT_RECORDS)
    metric.sum.is_monotonic = True
    metric.sum.aggregation_temporality = 1 if delta else 2
    metric.sum.data_points.append(
        NumberDataPoint(
            attributes=key_values(
                {names.RECORD_KIND: kind} | ({names.ORCHESTRATOR_NAME: name} if name else {})
            ),
            start_time_unix_nano=NOON + round(start * SECOND),
            time_unix_nano=NOON + round((at + 1) * SECOND),
            as_int=count,
        )
    )
    group.scope_metrics.add().metrics.append(metric)
    return request.SerializeToString()
