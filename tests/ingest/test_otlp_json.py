"""
OTLP/JSON means the same as protobuf.
"""

from __future__ import annotations

import json
from base64 import b64decode

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar, Metric, NumberDataPoint, Sum
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from droidscope.errors import MalformedError
from droidscope.ingest.decode import decode
from droidscope.ingest.otlp_json import protobuf_of_json
from droidscope.ingest.sink import Signal
from ingest.otlp import SPAN, TRACE, attributes, log, logs, metrics, span, traces

IDS = {"traceId", "spanId", "parentSpanId"}
PLAIN = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.binary(),
    st.lists(st.text(), max_size=3),
)
TIMES = st.integers(0, 2**64 - 1)
SPANS = st.builds(
    span,
    st.text(),
    st.dictionaries(st.text(), PLAIN, max_size=4),
    trace_id=st.binary(max_size=17),
    span_id=st.binary(max_size=9),
    parent_span_id=st.binary(max_size=9),
    kind=st.sampled_from(Span.SpanKind.values()),
    start_time_unix_nano=TIMES,
    end_time_unix_nano=TIMES,
    links=st.lists(st.builds(Span.Link, trace_id=st.just(TRACE), span_id=st.just(SPAN)), max_size=2),
)


def as_json(request):
    """
    The request in OTLP/JSON: protobuf's mapping with numbers for enums and hexadecimal ids.
    """
    content = json_format.MessageToDict(request, use_integers_for_enums=True)
    return json.dumps(_with_hex_ids(content)).encode()


def _with_hex_ids(content):
    if isinstance(content, dict):
        return {
            key: b64decode(item).hex() if key in IDS else _with_hex_ids(item) for key, item in content.items()
        }
    return [_with_hex_ids(item) for item in content] if isinstance(content, list) else content


@given(st.lists(SPANS, max_size=3))
def test_traces_in_json_decode_like_protobuf(spans):
    """
    The same spans, good and bad, give the same batch in either encoding.
    """
    request = traces(*spans)

    body = protobuf_of_json(Signal.TRACES, as_json(request))

    assert body == request.SerializeToString()


EXAMPLE = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]},
            "scopeSpans": [
                {
                    "scope": {"name": "my.library", "version": "1.0.0"},
                    "spans": [
                        {
                            "traceId": "5B8EFFF798038103D269B633813FC60C",
                            "spanId": "eee19b7ec3c1b174",
                            "parentSpanId": None,
                            "name": "I'm a server span",
                            "startTimeUnixNano": "1544712660000000000",
                            "endTimeUnixNano": "1544712661000000000",
                            "kind": 2,
                            "attributes": [
                                {"key": "traceId", "value": {"stringValue": "not an id"}},
                                {"key": "count", "value": {"intValue": "7"}},
                            ],
                            "inventedLater": {"by": ["somebody"]},
                        }
                    ],
                }
            ],
        }
    ]
}


def test_the_specification_s_example_decodes():
    """
    Hexadecimal ids of either case, times as strings, enums as numbers, as the specification writes it.
    """
    body = json.dumps(EXAMPLE).encode()

    (decoded,) = decode(Signal.TRACES, protobuf_of_json(Signal.TRACES, body)).spans

    assert decoded.trace_id == bytes.fromhex("5B8EFFF798038103D269B633813FC60C")
    assert decoded.span_id == bytes.fromhex("eee19b7ec3c1b174")
    assert decoded.parent_id == b""
    assert decoded.start_ns == 1544712660000000000
    assert decoded.kind == 2
    assert decoded.attributes == {"traceId": "not an id", "count": 7}
    assert decoded.resource.attributes == {"service.name": "my.service"}


def test_logs_in_json_decode_like_protobuf():
    """
    The ids of log records are hexadecimal as well.
    """
    request = logs(log("orchestrator.started", {"n": 1}, trace_id=TRACE, span_id=SPAN))

    assert protobuf_of_json(Signal.LOGS, as_json(request)) == request.SerializeToString()


def test_metrics_in_json_decode_like_protobuf():
    """
    So are those of exemplars.
    """
    point = NumberDataPoint(
        attributes=attributes({"kind": "task"}),
        time_unix_nano=2,
        as_int=3,
        exemplars=[Exemplar(trace_id=TRACE, span_id=SPAN, as_double=1.0)],
    )
    request = metrics(Metric(name="records", sum=Sum(data_points=[point], is_monotonic=True)))

    assert protobuf_of_json(Signal.METRICS, as_json(request)) == request.SerializeToString()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"[]", "Expected `object`"),
        (b'{"resourceSpans": 3}', "resourceSpans"),
        (b'{"resourceSpans": [null]}', "resourceSpans"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": 5}]}]}]}', "name"),
        (
            b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "W47/95gDgQPSabYzgT/GDA=="}]}]}]}',
            "traceId is 'W47/95gDgQPSabYzgT/GDA=='; it must be hexadecimal",
        ),
        (
            b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"spanId": 17}]}]}]}',
            "spanId is 17; it must be hexadecimal",
        ),
        (b'{"resourceSpans": ' + b"[" * 100_000, "recursion"),
    ],
)
def test_what_is_no_request_in_json_is_malformed(body, message):
    """
    The error names what was found.
    """
    with pytest.raises(MalformedError, match="is no ExportTraceServiceRequest in JSON") as raised:
        protobuf_of_json(Signal.TRACES, body)

    assert raised.value.reason == "malformed_json"
    assert message in str(raised.value)


KEYS = st.sampled_from(["resourceSpans", "scopeSpans", "spans", "traceId", "name", "attributes", "kind", "x"])
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(st.sampled_from(list(Signal)), ANY_JSON)
def test_any_json_is_a_request_or_malformed(signal, content):
    """
    No JSON whatsoever raises anything but MalformedError, and what is accepted decodes.
    """
    try:
        body = protobuf_of_json(signal, json.dumps(content).encode())
    except MalformedError:
        return

    decode(signal, body)
