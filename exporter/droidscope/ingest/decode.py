"""
Protobuf bytes of an export request -> a `Batch` of plain values, bad items counted and left out.

Over nine tenths of the time goes into reading attributes of protobuf objects, a tenth of a
microsecond each. So every field is read once, and a value that is not empty, zero or false is
found without asking protobuf for its kind, which takes longer (`bench/decode.py` measures it).
"""

from __future__ import annotations

from collections import Counter
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf.message import DecodeError

from droidscope.conventions.reasons import Reason
from droidscope.errors import MalformedError
from droidscope.ingest.density import BYTES_PER_FIELD, too_dense
from droidscope.ingest.exports import EXPORTS
from droidscope.ingest.sink import Signal
from droidscope.model.otlp import Attributes, Batch, Event, Link, LogRecord, Resource, Span, SumPoint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.common.v1 import common_pb2
    from opentelemetry.proto.logs.v1 import logs_pb2
    from opentelemetry.proto.metrics.v1 import metrics_pb2
    from opentelemetry.proto.trace.v1 import trace_pb2

NO_TRACE = bytes(16)
NO_SPAN = bytes(8)
UNSPECIFIED: int = 0
"""
The aggregation temporality of a gauge.
"""
SHOWN_CHARACTERS = 100
"""
How much of a name a message repeats.
"""


def decode(signal: Signal, body: bytes) -> Batch:
    """
    The good items of one request, in their order, and what was wrong with the others.

    A bad item never costs a good neighbour. Reasons of rejection: `bad_ids`, `no_time`,
    `time_backwards` and `not_finite`. Points that are neither of
    a sum nor of a gauge, or have no value, count as ignored.

    Raises:
        MalformedError: If the body is no export request of that signal, or would take too much to parse.
    """
    export = EXPORTS[signal]
    if too_dense(body):
        msg = f"the body of {len(body)} bytes holds more than a field for {BYTES_PER_FIELD} bytes; send less"
        raise MalformedError(Reason.TOO_DENSE, msg)
    try:
        request: Any = export.request.FromString(body)
    except DecodeError as error:
        name = export.request.DESCRIPTOR.name
        msg = f"the body of {len(body)} bytes is no {name} in protobuf: {error}"
        raise MalformedError(Reason.MALFORMED_PROTOBUF, msg) from error

    match signal:
        case Signal.TRACES:
            return _decode_traces(request)
        case Signal.LOGS:
            return _decode_logs(request)
        case Signal.METRICS:
            return _decode_metrics(request)


class _Fault(NamedTuple):
    """
    Why an item is rejected.
    """

    reason: str
    message: str


class _Faults:
    """
    Counts faults by reason and keeps the first message.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.message = ""

    def add(self, fault: _Fault) -> None:
        self.counts[fault.reason] += 1
        self.message = self.message or fault.message


# --- attributes -----------------------------------------------------------------------------------


def _attributes(pairs: Iterable[common_pb2.KeyValue]) -> Attributes:
    return {
        pair.key: (value := pair.value).string_value or value.int_value or value.double_value or _value(value)
        for pair in pairs
    }


def _value(value: common_pb2.AnyValue) -> Any:  # noqa: ANN401 - an attribute may be any plain value
    match value.WhichOneof("value"):
        case "string_value" | "bool_value" | "int_value" | "double_value" | "bytes_value" as kind:
            return getattr(value, kind)
        case "array_value":
            return [_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return _attributes(value.kvlist_value.values)
        case _:
            return None


# --- traces ---------------------------------------------------------------------------------------


def _decode_traces(request: ExportTraceServiceRequest) -> Batch:
    spans: list[Span] = []
    faults = _Faults()
    for resource_group in request.resource_spans:
        resource = Resource(_attributes(resource_group.resource.attributes))
        for scope_group in resource_group.scope_spans:
            scope = scope_group.scope.name
            for item in scope_group.spans:
                span = _span(item, resource, scope)
                if fault := _span_fault(span):
                    faults.add(fault)
                else:
                    spans.append(span)

    return Batch(spans=tuple(spans), rejected=dict(faults.counts), message=faults.message)


def _span(span: trace_pb2.Span, resource: Resource, scope: str) -> Span:
    status = span.status
    return Span(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_id=_optional_id(span.parent_span_id, NO_SPAN),
        name=span.name,
        kind=span.kind,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        status=status.code,
        status_message=status.message,
        attributes=_attributes(span.attributes),
        resource=resource,
        scope=scope,
        events=tuple(map(_event, span.events)),
        links=tuple(map(_link, span.links)),
    )


def _event(event: trace_pb2.Span.Event) -> Event:
    return Event(event.name, event.time_unix_nano, _attributes(event.attributes))


def _link(link: trace_pb2.Span.Link) -> Link:
    return Link(link.trace_id, link.span_id, _attributes(link.attributes))


def _span_fault(span: Span) -> _Fault | None:
    if len(span.trace_id) != len(NO_TRACE) or span.trace_id == NO_TRACE:
        return _bad_id("span", span.name, "trace_id", span.trace_id, len(NO_TRACE))
    if len(span.span_id) != len(NO_SPAN) or span.span_id == NO_SPAN:
        return _bad_id("span", span.name, "span_id", span.span_id, len(NO_SPAN))
    if span.parent_id and len(span.parent_id) != len(NO_SPAN):
        return _bad_id("span", span.name, "parent_span_id", span.parent_id, len(NO_SPAN))
    if not span.start_ns or not span.end_ns:
        return _Fault(Reason.NO_TIME, f"{_span_times(span)}; neither may be 0")
    if span.end_ns < span.start_ns:
        return _Fault(Reason.TIME_BACKWARDS, f"{_span_times(span)}; it must not end before it starts")
    return None


def _span_times(span: Span) -> str:
    return f"span {_shown(span.name)} starts at {span.start_ns} and ends at {span.end_ns}"


# --- logs -----------------------------------------------------------------------------------------


def _decode_logs(request: ExportLogsServiceRequest) -> Batch:
    logs: list[LogRecord] = []
    faults = _Faults()
    for resource_group in request.resource_logs:
        resource = Resource(_attributes(resource_group.resource.attributes))
        for scope_group in resource_group.scope_logs:
            scope = scope_group.scope.name
            for item in scope_group.log_records:
                log = _log(item, resource, scope)
                if fault := _log_fault(log):
                    faults.add(fault)
                else:
                    logs.append(log)

    return Batch(logs=tuple(logs), rejected=dict(faults.counts), message=faults.message)


def _log(log: logs_pb2.LogRecord, resource: Resource, scope: str) -> LogRecord:
    return LogRecord(
        trace_id=_optional_id(log.trace_id, NO_TRACE),
        span_id=_optional_id(log.span_id, NO_SPAN),
        event_name=log.event_name,
        time_ns=log.time_unix_nano or log.observed_time_unix_nano,
        severity=log.severity_number,
        body=_value(log.body),
        attributes=_attributes(log.attributes),
        resource=resource,
        scope=scope,
    )


def _log_fault(log: LogRecord) -> _Fault | None:
    if log.trace_id and len(log.trace_id) != len(NO_TRACE):
        return _bad_id("log record", log.event_name, "trace_id", log.trace_id, len(NO_TRACE))
    if log.span_id and len(log.span_id) != len(NO_SPAN):
        return _bad_id("log record", log.event_name, "span_id", log.span_id, len(NO_SPAN))
    if not log.time_ns:
        return _Fault(Reason.NO_TIME, f"log record {_shown(log.event_name)} has no time; it must have one")
    return None


# --- metrics --------------------------------------------------------------------------------------


def _decode_metrics(request: ExportMetricsServiceRequest) -> Batch:
    points: list[SumPoint] = []
    faults = _Faults()
    ignored = 0
    for resource_group in request.resource_metrics:
        resource = Resource(_attributes(resource_group.resource.attributes))
        for scope_group in resource_group.scope_metrics:
            scope = scope_group.scope.name
            for metric in scope_group.metrics:
                for point in _points(metric, resource, scope):
                    if point is None:
                        ignored += 1
                    elif fault := _point_fault(point):
                        faults.add(fault)
                    else:
                        points.append(point)

    return Batch(points=tuple(points), rejected=dict(faults.counts), message=faults.message, ignored=ignored)


def _points(metric: metrics_pb2.Metric, resource: Resource, scope: str) -> list[SumPoint | None]:
    """
    A metric's points; None for each that is of no use here.
    """
    temporality, monotonic = UNSPECIFIED, False
    match metric.WhichOneof("data"):
        case "sum":
            temporality, monotonic = metric.sum.aggregation_temporality, metric.sum.is_monotonic
            items = metric.sum.data_points
        case "gauge":
            items = metric.gauge.data_points
        case None:
            return []
        case other:
            return [None] * len(getattr(metric, other).data_points)

    return [
        SumPoint(
            name=metric.name,
            value=float(getattr(point, kind)),
            start_ns=point.start_time_unix_nano,
            time_ns=point.time_unix_nano,
            temporality=temporality,
            monotonic=monotonic,
            attributes=_attributes(point.attributes),
            resource=resource,
            scope=scope,
        )
        if (kind := point.WhichOneof("value"))
        else None
        for point in items
    ]


def _point_fault(point: SumPoint) -> _Fault | None:
    if not point.time_ns:
        return _Fault(Reason.NO_TIME, f"a point of metric {_shown(point.name)} has time 0; it must have one")
    if not isfinite(point.value):
        message = f"a point of metric {_shown(point.name)} is {point.value}; it must be finite"
        return _Fault(Reason.NOT_FINITE, message)
    return None


# --- what the checks share ------------------------------------------------------------------------


def _optional_id(value: bytes, none: bytes) -> bytes:
    """
    An id that may be absent, which W3C trace context writes as all zeros.
    """
    return b"" if value == none else value


def _bad_id(item: str, name: str, field: str, value: bytes, expected_bytes: int) -> _Fault:
    shown = value.hex() or "empty"
    if len(value) > SHOWN_CHARACTERS:
        shown = f"{len(value)} bytes long"
    expectation = f"it must be {expected_bytes} bytes, not all zero"
    return _Fault(Reason.BAD_IDS, f"{item} {_shown(name)}: {field} is {shown}; {expectation}")


def _shown(name: str) -> str:
    return repr(name[:SHOWN_CHARACTERS])
