"""
The official OpenTelemetry SDK and its OTLP exporters, as users have them, send to both ports.
"""

from __future__ import annotations

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import StatusCode

from droidscope.errors import OverloadedError
from droidscope.model.otlp import STATUS_ERROR

RESOURCE = Resource({"service.name": "orchestra"})


@pytest.fixture(params=["http", "http gzip", "grpc"])
def exporter(request, http_port, grpc_port):
    """
    An official exporter of spans to one of the ports.
    """
    url = f"http://127.0.0.1:{http_port}/v1/traces"
    match request.param:
        case "http":
            return HttpSpanExporter(url, timeout=10, compression=Compression.NoCompression)
        case "http gzip":
            return HttpSpanExporter(url, timeout=10, compression=Compression.Gzip)
        case _:
            return GrpcSpanExporter(f"127.0.0.1:{grpc_port}", insecure=True, timeout=10)


@pytest.fixture
def tracer(exporter):
    """
    A tracer that sends every span as it ends.
    """
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider.get_tracer("autogen")
    provider.shutdown()


def test_spans_of_the_sdk_arrive_as_they_were(tracer, sink):
    """
    Ids, tree, attributes, events, status, scope and resource are those of the SDK.
    """
    with tracer.start_as_current_span(
        "session", attributes={"attempt": 2, "done": False, "cost": 0.5}
    ) as root:
        root.set_status(StatusCode.ERROR, "gave up")
        with tracer.start_as_current_span("task") as child:
            child.add_event("conflict", {"files": ["a", "b"]})

    task, session = sink.spans
    assert session.span_id == root.get_span_context().span_id.to_bytes(8, "big")
    assert task.trace_id == session.trace_id == root.get_span_context().trace_id.to_bytes(16, "big")
    assert (session.parent_id, task.parent_id) == (b"", session.span_id)
    assert (session.start_ns, session.end_ns) == (root.start_time, root.end_time)
    assert (session.status, session.status_message) == (STATUS_ERROR, "gave up")
    assert session.attributes == {"attempt": 2, "done": False, "cost": 0.5}
    assert [(event.name, event.attributes) for event in task.events] == [("conflict", {"files": ["a", "b"]})]
    assert task.scope == "autogen"
    assert task.resource.attributes["service.name"] == "orchestra"


def test_the_exporters_retry_when_asked_to(tracer, sink):
    """
    Our refusal of the moment is one they understand: the span comes again and is kept.
    """
    sink.faults = [OverloadedError("queue_full", "the queue is full", 0.01)]

    tracer.start_span("task").end()

    assert [kept.name for kept in sink.spans] == ["task"]
    assert len(sink.requests) == 2


def test_counters_of_the_sdk_arrive_as_points(http_port, sink):
    """
    A counter is a monotonic cumulative sum; a histogram's point is ignored.
    """
    exporter = OTLPMetricExporter(f"http://127.0.0.1:{http_port}/v1/metrics", timeout=10)
    provider = MeterProvider([PeriodicExportingMetricReader(exporter)], resource=RESOURCE)
    meter = provider.get_meter("droidscope")
    meter.create_counter("orchestrator.client.records").add(3, {"kind": "task"})
    meter.create_histogram("duration").record(1.0)

    provider.shutdown()

    (batch,) = sink.batches
    (point,) = batch.points
    assert (point.name, point.value, point.attributes) == (
        "orchestrator.client.records",
        3.0,
        {"kind": "task"},
    )
    assert (point.temporality, point.monotonic) == (2, True)
    assert batch.ignored == 1
