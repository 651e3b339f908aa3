"""
What is written by hand is what the SDK's encoder writes: the same messages, for whatever can be drawn.
"""

from gzip import decompress

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

from droidscope.instrument.sending.encoding import encode

RESOURCE = Resource({"service.name": "fleet"}, "https://resource/1")
SCOPE = InstrumentationScope("droidscope", "1", "https://scope/1", {"a": 1})
VALUES = st.one_of(
    st.text(max_size=300),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.lists(st.text(), max_size=3),
    st.lists(st.integers(-5, 5), max_size=3).map(tuple),
    st.binary(max_size=5),
    st.none(),
    st.dictionaries(st.text(), st.integers(0, 3), max_size=2),
)
ATTRIBUTES = st.dictionaries(st.text(max_size=150), VALUES, max_size=5)
TIMES = st.integers(0, 2**63)
COUNTS = st.integers(0, 1000)
CONTEXTS = st.builds(
    SpanContext,
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.booleans(),
    st.sampled_from([TraceFlags(0), TraceFlags(1), TraceFlags(3)]),
    st.sampled_from([None, TraceState(), TraceState([("vendor", "1"), ("other", "x")])]),
)
STATUSES = st.one_of(
    st.sampled_from([Status(StatusCode.UNSET), Status(StatusCode.OK)]),
    st.builds(Status, st.just(StatusCode.ERROR), st.one_of(st.none(), st.text())),
)
SPANS = st.builds(
    ReadableSpan,
    name=st.text(),
    context=CONTEXTS,
    parent=st.one_of(st.none(), CONTEXTS),
    resource=st.just(RESOURCE),
    attributes=ATTRIBUTES,
    events=st.lists(st.builds(Event, st.text(), ATTRIBUTES, TIMES), max_size=2),
    links=st.lists(st.builds(Link, CONTEXTS, ATTRIBUTES), max_size=1),
    kind=st.sampled_from(SpanKind),
    instrumentation_scope=st.just(SCOPE),
    status=STATUSES,
    start_time=TIMES,
    end_time=TIMES,
)
LOGS = st.builds(
    lambda about, **values: ReadableLogRecord(
        LogRecord(trace_id=about.trace_id, span_id=about.span_id, trace_flags=about.trace_flags, **values),
        RESOURCE,
        SCOPE,
    ),
    CONTEXTS,
    timestamp=TIMES,
    observed_timestamp=TIMES,
    severity_text=st.one_of(st.none(), st.text()),
    severity_number=st.sampled_from([None, SeverityNumber.INFO, SeverityNumber.FATAL4]),
    body=VALUES,
    attributes=ATTRIBUTES,
    event_name=st.one_of(st.none(), st.text()),
)


def by_sender(signal, item, request):
    (batch,), lost = encode(signal, [item])
    assert lost == 0
    return request.FromString(decompress(batch.body))


@settings(max_examples=300, deadline=None)
@given(SPANS)
def test_a_span_is_the_same_message(span):
    """
    With all its parts, whichever of the two has encoded it.
    """
    assert by_sender("traces", span, ExportTraceServiceRequest) == encode_spans([span])


@settings(max_examples=300, deadline=None)
@given(LOGS)
def test_a_log_record_is_the_same_message(log):
    """
    Likewise.
    """
    assert by_sender("logs", log, ExportLogsServiceRequest) == encode_logs([log])


@settings(max_examples=50, deadline=None)
@given(st.lists(SPANS, min_size=1, max_size=8), st.integers(200, 40_000))
def test_all_spans_are_there_once(spans, body_bytes):
    """
    However small the requests have to be.
    """
    batches, lost = encode("traces", spans, body_bytes)
    requests = [ExportTraceServiceRequest.FromString(decompress(batch.body)) for batch in batches]
    names = [
        span.span_id
        for request in requests
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]

    assert lost == 0
    assert sorted(names) == sorted(span.context.span_id.to_bytes(8, "big") for span in spans)
    assert sum(batch.items for batch in batches) == len(spans)
