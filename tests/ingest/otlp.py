"""
Builders of OTLP requests: protobuf messages with sensible defaults, as a sender would make them.
"""

from __future__ import annotations

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics, ScopeMetrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

TRACE = bytes(range(1, 17))
SPAN = bytes(range(1, 9))
START_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000


SCALARS = {
    str: "string_value",
    bool: "bool_value",
    int: "int_value",
    float: "double_value",
    bytes: "bytes_value",
}


def value(plain):
    """
    A plain value as OTLP has it; None is a value without a kind.
    """
    if plain is None:
        return AnyValue()
    if isinstance(plain, list):
        return AnyValue(array_value=ArrayValue(values=[value(item) for item in plain]))
    if isinstance(plain, dict):
        return AnyValue(kvlist_value=KeyValueList(values=attributes(plain)))
    return AnyValue(**{SCALARS[type(plain)]: plain})


def attributes(plain):
    return [KeyValue(key=key, value=value(item)) for key, item in plain.items()]


def span(name="task", /, attrs=None, **fields):
    defaults = {
        "trace_id": TRACE,
        "span_id": SPAN,
        "start_time_unix_nano": START_NS,
        "end_time_unix_nano": START_NS + SECOND_NS,
    }
    return Span(name=name, attributes=attributes(attrs or {}), **{**defaults, **fields})


def traces(*spans, resource=None, scope="droidscope"):
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=Resource(attributes=attributes(resource or {"service.name": "orchestra"})),
                scope_spans=[ScopeSpans(scope=InstrumentationScope(name=scope), spans=spans)],
            )
        ]
    )


def log(event_name="", /, attrs=None, **fields):
    return LogRecord(
        event_name=event_name, attributes=attributes(attrs or {}), **{"time_unix_nano": START_NS, **fields}
    )


def logs(*records, scope="droidscope"):
    return ExportLogsServiceRequest(
        resource_logs=[
            ResourceLogs(
                resource=Resource(attributes=attributes({"service.name": "orchestra"})),
                scope_logs=[ScopeLogs(scope=InstrumentationScope(name=scope), log_records=records)],
            )
        ]
    )


def metrics(*items: Metric, scope="droidscope"):
    return ExportMetricsServiceRequest(
        resource_metrics=[
            ResourceMetrics(
                resource=Resource(attributes=attributes({"service.name": "orchestra"})),
                scope_metrics=[ScopeMetrics(scope=InstrumentationScope(name=scope), metrics=items)],
            )
        ]
    )
