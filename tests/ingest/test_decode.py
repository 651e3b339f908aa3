"""
From bytes to a batch: what is kept, what is rejected, and that nothing else can happen.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from droidscope.errors import MalformedError
from droidscope.ingest.decode import decode
from droidscope.ingest.sink import Signal
from droidscope.model.otlp import STATUS_ERROR, Batch, Event, Link, LogRecord, Resource, Span, SumPoint
from ingest.otlp import SECOND_NS, SPAN, START_NS, TRACE, attributes, log, logs, metrics, span, traces, value

PLAIN_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def decoded(request, signal=Signal.TRACES):
    return decode(signal, request.SerializeToString())


def typed(plain):
    """
    A value whose equality distinguishes 1 from 1.0 and from True.
    """
    if isinstance(plain, list):
        return [typed(item) for item in plain]
    if isinstance(plain, dict):
        return {key: typed(item) for key, item in plain.items()}
    return type(plain), plain


# --- spans


def test_a_span_arrives_whole():
    """
    Every field of a span, its events, its links, its resource and its scope survive.
    """
    request = traces(
        span(
            "implement",
            {"orchestrator.kind": "task", "gen_ai.usage.input_tokens": 0},
            parent_span_id=b"parentid",
            kind=SpanMessage.SPAN_KIND_CLIENT,
            status=Status(code=Status.STATUS_CODE_ERROR, message="timed out"),
            events=[SpanMessage.Event(name="conflict", time_unix_nano=7, attributes=attributes({"n": 1.5}))],
            links=[SpanMessage.Link(trace_id=TRACE, span_id=SPAN, attributes=attributes({"why": "retry"}))],
        ),
        scope="autogen",
    )

    (decoded_span,) = decoded(request).spans

    resource = decoded_span.resource
    assert resource.attributes == {"service.name": "orchestra"}
    assert decoded_span == Span(
        trace_id=TRACE,
        span_id=SPAN,
        parent_id=b"parentid",
        name="implement",
        kind=SpanMessage.SPAN_KIND_CLIENT,
        start_ns=START_NS,
        end_ns=START_NS + SECOND_NS,
        status=STATUS_ERROR,
        status_message="timed out",
        attributes={"orchestrator.kind": "task", "gen_ai.usage.input_tokens": 0},
        resource=resource,
        scope="autogen",
        events=decoded_span.events,
        links=decoded_span.links,
    )
    (event,) = decoded_span.events
    (link,) = decoded_span.links
    assert (event.name, event.time_ns, event.attributes) == ("conflict", 7, {"n": 1.5})
    assert (link.trace_id, link.span_id, link.attributes) == (TRACE, SPAN, {"why": "retry"})
    assert isinstance(event, Event)
    assert isinstance(link, Link)


def test_spans_of_a_resource_share_it():
    """
    The resource is decoded once and is one object for all its spans.
    """
    first, second = decoded(traces(span("a"), span("b"))).spans

    assert isinstance(first.resource, Resource)
    assert first.resource is second.resource


@given(st.dictionaries(st.text(), PLAIN_VALUES, max_size=5))
def test_attributes_keep_value_and_type(plain):
    """
    Whatever OTLP can express comes back as it was sent: falsy, nested, empty, integer or float.
    """
    (decoded_span,) = decoded(traces(span("task", plain))).spans

    assert typed(decoded_span.attributes) == typed(plain)


@pytest.mark.parametrize(
    ("bad", "shown"),
    [
        ({"trace_id": b""}, "trace_id is empty; it must be 16 bytes"),
        ({"trace_id": bytes(16)}, f"trace_id is {'00' * 16}; it must be 16 bytes, not all zero"),
        ({"trace_id": TRACE[:15]}, f"trace_id is {TRACE[:15].hex()}; it must be 16 bytes"),
        ({"span_id": b""}, "span_id is empty; it must be 8 bytes"),
        ({"span_id": bytes(8)}, f"span_id is {'00' * 8}; it must be 8 bytes, not all zero"),
        ({"parent_span_id": b"abc"}, "parent_span_id is 616263; it must be 8 bytes"),
        ({"parent_span_id": bytes(5)}, "parent_span_id is 0000000000; it must be 8 bytes"),
        ({"trace_id": bytes(5000)}, "trace_id is 5000 bytes long; it must be 16 bytes"),
    ],
)
def test_a_span_with_bad_ids_is_rejected_alone(bad, shown):
    """
    Its neighbours stay, the rejection is counted, and the message names span, value and expectation.
    """
    batch = decoded(traces(span("before"), span("broken", **bad), span("after")))

    assert [good.name for good in batch.spans] == ["before", "after"]
    assert batch.rejected == {"bad_ids": 1}
    assert batch.message.startswith(f"span 'broken': {shown}")


def test_a_parent_of_zeros_is_no_parent():
    """
    Eight zero bytes mean that there is no parent.
    """
    (root,) = decoded(traces(span(parent_span_id=bytes(8)))).spans

    assert root.parent_id == b""


@pytest.mark.parametrize(
    ("start_ns", "end_ns", "reason"),
    [(0, START_NS, "no_time"), (START_NS, 0, "no_time"), (START_NS, START_NS - 1, "time_backwards")],
)
def test_a_span_with_impossible_times_is_rejected_alone(start_ns, end_ns, reason):
    """
    The message names the span, its start and its end.
    """
    odd = span("odd", start_time_unix_nano=start_ns, end_time_unix_nano=end_ns)

    batch = decoded(traces(odd, span("good")))

    assert [good.name for good in batch.spans] == ["good"]
    assert batch.rejected == {reason: 1}
    assert f"span 'odd' starts at {start_ns} and ends at {end_ns}" in batch.message


def test_a_span_may_take_no_time():
    """
    Start and end may be equal.
    """
    batch = decoded(traces(span(end_time_unix_nano=START_NS)))

    assert len(batch.spans) == 1
    assert batch.message == ""


def test_the_message_is_of_the_first_fault():
    """
    All faults are counted by reason; the first one is described.
    """
    batch = decoded(
        traces(span("one", trace_id=b""), span("two", end_time_unix_nano=1), span("three", span_id=b""))
    )

    assert batch.rejected == {"bad_ids": 2, "time_backwards": 1}
    assert batch.message.startswith("span 'one'")


def test_a_long_name_is_not_repeated_whole():
    """
    A message stays short, whatever the name.
    """
    batch = decoded(traces(span("x" * 100_000, trace_id=b"")))

    assert len(batch.message) < 300


# --- logs


def test_a_log_record_arrives_whole():
    """
    Every field of a log record survives.
    """
    request = logs(
        log(
            "orchestrator.started",
            {"orchestrator.session.id": "s-1"},
            trace_id=TRACE,
            span_id=SPAN,
            severity_number=9,
            body=value({"what": ["session"]}),
        )
    )

    (record,) = decoded(request, Signal.LOGS).logs

    assert record == LogRecord(
        trace_id=TRACE,
        span_id=SPAN,
        event_name="orchestrator.started",
        time_ns=START_NS,
        severity=9,
        body={"what": ["session"]},
        attributes={"orchestrator.session.id": "s-1"},
        resource=record.resource,
        scope="droidscope",
    )
    assert record.resource.attributes == {"service.name": "orchestra"}


def test_a_log_record_needs_no_ids_and_no_body():
    """
    Ids that are absent or all zero are empty; a body that is absent is None.
    """
    batch = decoded(logs(log(), log(trace_id=bytes(16), span_id=bytes(8))), Signal.LOGS)

    assert [(record.trace_id, record.span_id, record.body) for record in batch.logs] == [(b"", b"", None)] * 2


def test_the_observed_time_stands_in():
    """
    A record without a time of its own has the time at which it was observed.
    """
    (record,) = decoded(logs(log(time_unix_nano=0, observed_time_unix_nano=5)), Signal.LOGS).logs

    assert record.time_ns == 5


@pytest.mark.parametrize(
    ("bad", "reason"),
    [({"trace_id": b"x"}, "bad_ids"), ({"span_id": b"x"}, "bad_ids"), ({"time_unix_nano": 0}, "no_time")],
)
def test_a_bad_log_record_is_rejected_alone(bad, reason):
    """
    Ids of a wrong length or no time at all cost that record only.
    """
    batch = decoded(logs(log("bad", **bad), log("good")), Signal.LOGS)

    assert [record.event_name for record in batch.logs] == ["good"]
    assert batch.rejected == {reason: 1}
    assert batch.message.startswith("log record 'bad'")


# --- metrics


def points_of(*items):
    return decoded(metrics(*items), Signal.METRICS)


def test_a_sum_arrives_whole():
    """
    Every field of a sum's point survives; integers become floats.
    """
    point = NumberDataPoint(
        attributes=attributes({"kind": "task"}), start_time_unix_nano=1, time_unix_nano=2, as_int=3
    )
    metric = Metric(
        name="records", sum=Sum(data_points=[point], aggregation_temporality=2, is_monotonic=True)
    )

    (decoded_point,) = points_of(metric).points

    assert decoded_point == SumPoint(
        name="records",
        value=3.0,
        start_ns=1,
        time_ns=2,
        temporality=2,
        monotonic=True,
        attributes={"kind": "task"},
        resource=decoded_point.resource,
        scope="droidscope",
    )
    assert isinstance(decoded_point.value, float)


def test_a_gauge_has_no_temporality():
    """
    Points of gauges are taken as well, also where they are 0.
    """
    metric = Metric(name="depth", gauge=Gauge(data_points=[NumberDataPoint(time_unix_nano=2, as_double=0.0)]))

    (point,) = points_of(metric).points

    assert (point.value, point.temporality, point.monotonic) == (0.0, 0, False)


def test_other_points_count_as_ignored():
    """
    Histograms and points without a value are neither kept nor rejected.
    """
    histogram = Metric(name="duration", histogram=Histogram(data_points=[HistogramDataPoint()] * 3))
    unrecorded = Metric(name="gap", sum=Sum(data_points=[NumberDataPoint(time_unix_nano=2, flags=1)]))

    batch = points_of(histogram, unrecorded, Metric(name="empty"))

    assert batch == Batch(ignored=4)


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        (NumberDataPoint(as_int=1), "no_time"),
        (NumberDataPoint(time_unix_nano=1, as_double=float("nan")), "not_finite"),
        (NumberDataPoint(time_unix_nano=1, as_double=float("-inf")), "not_finite"),
    ],
)
def test_a_bad_point_is_rejected_alone(point, reason):
    """
    A point without a time, or one nobody can add up, costs itself only.
    """
    good = NumberDataPoint(time_unix_nano=1, as_int=4)

    batch = points_of(Metric(name="records", sum=Sum(data_points=[point, good])))

    assert [kept.value for kept in batch.points] == [4.0]
    assert batch.rejected == {reason: 1}
    assert "metric 'records'" in batch.message


# --- whole bodies


@pytest.mark.parametrize("signal", list(Signal))
def test_an_empty_body_is_an_empty_request(signal):
    """
    No bytes are a valid message without content.
    """
    assert decode(signal, b"") == Batch()


def test_a_body_of_something_else_is_malformed():
    """
    The error names the message that was expected.
    """
    with pytest.raises(MalformedError, match="12 bytes is no ExportTraceServiceRequest") as raised:
        decode(Signal.TRACES, b"not protobuf")

    assert raised.value.reason == "malformed_protobuf"


def test_text_that_is_no_utf8_is_malformed():
    """
    Protobuf's strings are UTF-8; a body that breaks this is refused, not repaired.
    """
    body = traces(span("plain")).SerializeToString().replace(b"plain", b"\xff\xfe\xfd\xfc\xfb")

    with pytest.raises(MalformedError):
        decode(Signal.TRACES, body)


def field(number, content):
    """
    A protobuf field of bytes, by hand: protobuf's own encoder refuses to nest deeper than it reads.
    """
    length = len(content)
    return bytes([number << 3 | 2, length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14]) + content


def nested_attribute(levels):
    """
    A request of one span without ids, whose attribute is a list of a list of ... that many levels.
    """
    content = field(1, b"leaf")
    for _ in range(levels):
        content = field(5, field(1, content))
    return field(1, field(2, field(2, field(9, field(1, b"deep") + field(2, content)))))


def test_nesting_within_reason_decodes():
    """
    Forty lists within each other are one attribute of one span, here one without ids.
    """
    batch = decode(Signal.TRACES, nested_attribute(40))

    assert batch.rejected == {"bad_ids": 1}


def test_nesting_without_end_is_malformed():
    """
    A body that nests deeper than protobuf follows is refused and harms nobody.
    """
    with pytest.raises(MalformedError):
        decode(Signal.TRACES, nested_attribute(400))


@given(st.sampled_from(list(Signal)), st.binary(max_size=200))
def test_random_bytes_decode_or_are_malformed(signal, body):
    """
    No body whatsoever raises anything but MalformedError.
    """
    try:
        batch = decode(signal, body)
    except MalformedError:
        return

    assert isinstance(batch, Batch)


@given(st.data())
def test_damaged_requests_decode_or_are_malformed(data):
    """
    Nor does a real request with some of its bytes changed; and every span stays accounted for.
    """
    body = bytearray(traces(span("a", {"n": 1, "s": "text"}), span("b")).SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))

    try:
        batch = decode(Signal.TRACES, bytes(body))
    except MalformedError:
        return

    request = ExportTraceServiceRequest.FromString(bytes(body))
    items = sum(len(scope.spans) for group in request.resource_spans for scope in group.scope_spans)
    assert len(batch.spans) + sum(batch.rejected.values()) == items
