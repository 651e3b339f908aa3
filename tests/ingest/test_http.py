"""
The HTTP port: what it takes in, what it refuses and how it answers.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from http.client import HTTPConnection

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint
from structlog.testing import capture_logs

from droidscope.errors import MalformedError, OverloadedError, StoreError
from droidscope.ingest.http import JSON, PROTOBUF, OtlpHttp
from droidscope.ingest.sink import Limits, Signal, Transport
from ingest.conftest import LIMITS
from ingest.fakes import never
from ingest.otlp import log, logs, metrics, span, traces

GOOD = traces(span("task")).SerializeToString()
ONE_OF_TWO = traces(span("good"), span("bad", trace_id=b"")).SerializeToString()
JSON_GOOD = b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "task"}]}]}]}'


class Response:
    """
    What came back: status, headers and body.
    """

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def message(self):
        """
        The message of a refusal, in whichever encoding it came.
        """
        if self.headers["content-type"] == PROTOBUF:
            return Status.FromString(self.body).message
        return json.loads(self.body)["message"]


@pytest.fixture
def post(http_port):
    """
    Send one request to the served port.
    """
    connection = HTTPConnection("127.0.0.1", http_port, timeout=10)

    def send(body, path="/v1/traces", method="POST", **headers):
        headers = {"content-type": PROTOBUF} | {
            name.replace("_", "-"): text for name, text in headers.items()
        }
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return Response(response.status, response.headers, response.read())

    yield send
    connection.close()


async def call(app, *events, headers=()):
    """
    Call the application with these events as the request's body; a further one never comes.
    """
    waiting = list(events)
    sent = []

    async def receive():
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    async def send(event):
        sent.append(event)

    headers = [(b"content-type", PROTOBUF.encode()), *headers]
    await app({"type": "http", "method": "POST", "path": "/v1/traces", "headers": headers}, receive, send)
    if not sent:
        return None
    start, body = sent
    headers = {name.decode(): text.decode() for name, text in start["headers"]}
    return Response(start["status"], headers, body["body"])


def chunk(body, *, more=False):
    return {"type": "http.request", "body": body, "more_body": more}


DISCONNECT = {"type": "http.disconnect"}


# --- taken in


@pytest.mark.parametrize(
    ("signal", "request_"),
    [
        (Signal.TRACES, traces(span())),
        (Signal.LOGS, logs(log())),
        (
            Signal.METRICS,
            metrics(Metric(name="n", gauge=Gauge(data_points=[NumberDataPoint(time_unix_nano=1, as_int=1)]))),
        ),
    ],
)
def test_each_signal_has_its_path(post, sink, meter, signal, request_):
    """
    The sink gets the very bytes, and the sender an empty success.
    """
    body = request_.SerializeToString()

    response = post(body, f"/v1/{signal}")

    assert (response.status, response.body) == (200, b"")
    assert response.headers["content-type"] == PROTOBUF
    assert sink.requests == [(signal, body, Transport.HTTP)]
    assert len(meter.durations) == 1
    assert not meter.refused


def test_gzip_is_undone(post, sink):
    """
    The sink never sees an encoding.
    """
    response = post(gzip.compress(GOOD), content_encoding="gzip")

    assert response.status == 200
    assert sink.requests[0][1] == GOOD


@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_json_is_answered_in_json(post, encoding):
    """
    Protobuf is made of it on the way in; parameters of the content type do not matter.
    """
    body = gzip.compress(JSON_GOOD) if encoding else JSON_GOOD
    headers = {"content_encoding": encoding} if encoding else {}

    response = post(body, content_type="Application/JSON; charset=utf-8", **headers)

    assert response.status == 200
    assert response.headers["content-type"] == JSON
    partial = json.loads(response.body)["partialSuccess"]
    assert partial["rejectedSpans"] == "1"
    assert "trace_id is empty" in partial["errorMessage"]


def test_a_bad_span_does_not_cost_the_good_one(post, sink):
    """
    The request succeeds, and the answer counts and describes what was rejected.
    """
    response = post(ONE_OF_TWO)

    partial = ExportTraceServiceResponse.FromString(response.body).partial_success
    assert response.status == 200
    assert partial.rejected_spans == 1
    assert partial.error_message.startswith("span 'bad': trace_id is empty")
    assert [kept.name for kept in sink.spans] == ["good"]


def test_one_connection_serves_many_requests(post):
    """
    A refusal in between does not end the connection, even if its body was not read.
    """
    statuses = [post(GOOD).status, post(bytes(900_000), content_type="text/plain").status, post(GOOD).status]

    assert statuses == [200, 415, 200]


async def test_time_is_counted_from_the_last_byte(sink, meter):
    """
    A slow sender does not make our acknowledgement slow.
    """
    clock = iter([100.0, 100.25]).__next__
    app = OtlpHttp(sink, LIMITS, meter, clock)

    await call(app, chunk(GOOD[:10], more=True), chunk(GOOD[10:]))

    assert meter.durations == [0.25]


# --- refused for what it is


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason", "message"),
    [
        (b"not protobuf", {}, 400, "malformed_protobuf", "is no ExportTraceServiceRequest in protobuf"),
        (b"{", {"content_type": JSON}, 400, "malformed_json", "is no ExportTraceServiceRequest in JSON"),
        (GOOD, {"content_encoding": "gzip"}, 400, "malformed_gzip", "is no gzip"),
        (gzip.compress(GOOD)[:-4], {"content_encoding": "gzip"}, 400, "malformed_gzip", "cut short"),
        (
            GOOD,
            {"content_encoding": "zstd"},
            415,
            "unsupported_encoding",
            "is 'zstd'; it must be gzip or identity",
        ),
        (GOOD, {"content_type": "text/plain"}, 415, "unsupported_media_type", "content-type is 'text/plain'"),
        (GOOD, {"content_type": ""}, 415, "unsupported_media_type", "content-type is ''"),
    ],
)
def test_a_refusal_names_its_reason_and_is_counted(post, meter, body, headers, status, reason, message):
    """
    Status, reason and message fit, in the encoding of the request where it is supported.
    """
    response = post(body, **headers)

    assert response.status == status
    assert message in response.message
    assert response.headers["content-type"] == (PROTOBUF if "content_type" not in headers else JSON)
    assert meter.refused == {reason: 1}
    assert meter.durations == []


def test_an_unknown_encoding_learns_the_known_ones(post):
    """
    The header is for a sender that can choose.
    """
    assert post(GOOD, content_encoding="br").headers["accept-encoding"] == "gzip, identity"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_post_is_allowed(post, sink, method):
    """
    Other methods learn which one is.
    """
    response = post(None, method=method)

    assert (response.status, response.headers["allow"]) == (405, "POST")
    assert sink.requests == []


def test_other_paths_are_not_found(post):
    """
    The answer names the paths there are.
    """
    response = post(GOOD, "/v1/profiles")

    assert response.status == 404
    assert "/v1/traces, /v1/metrics, /v1/logs" in response.message


# --- refused for its size


def test_a_body_over_the_limit_is_refused_before_it_is_read(post, sink, meter):
    """
    The declared length is enough; the sender, who sends all the same, still gets the answer.
    """
    response = post(bytes(LIMITS.max_body_bytes + 1))

    assert response.status == 413
    assert f"has {LIMITS.max_body_bytes + 1} bytes; at most {LIMITS.max_body_bytes}" in response.message
    assert meter.refused == {"too_large": 1}
    assert sink.requests == []


def test_a_chunked_body_over_the_limit_is_refused(post, sink):
    """
    Without a declared length the limit holds while reading.
    """
    response = post(iter([bytes(LIMITS.max_body_bytes), b"x"]))

    assert response.status == 413
    assert sink.requests == []


def test_a_chunked_body_within_the_limit_is_taken_in(post, sink):
    """
    Chunks are put together.
    """
    response = post(iter([GOOD[:7], GOOD[7:]]))

    assert response.status == 200
    assert sink.requests[0][1] == GOOD


def test_a_gzip_bomb_is_refused(post, sink, meter):
    """
    The limit holds after decompression as well.
    """
    response = post(gzip.compress(bytes(LIMITS.max_body_bytes + 1)), content_encoding="gzip")

    assert response.status == 413
    assert meter.refused == {"too_large": 1}
    assert sink.requests == []


async def test_a_body_of_the_limit_is_taken_in(sink, meter):
    """
    The limit itself is allowed; one byte less of a limit refuses the same body.
    """
    exact = OtlpHttp(sink, Limits(max_body_bytes=len(GOOD)), meter)
    short = OtlpHttp(sink, Limits(max_body_bytes=len(GOOD) - 1), meter)

    assert (await call(exact, chunk(GOOD))).status == 200
    assert (await call(short, chunk(GOOD))).status == 413


# --- refused for now


def test_overload_asks_to_retry(post, sink, meter):
    """
    503 with the delay, rounded up to whole seconds; the next try goes through.
    """
    sink.faults = [OverloadedError("queue_full", "the queue holds 64 MiB", 2.4)]

    first, second = post(GOOD), post(GOOD)

    assert (first.status, first.headers["retry-after"]) == (503, "3")
    assert first.message == "the queue holds 64 MiB"
    assert second.status == 200
    assert meter.refused == {"queue_full": 1}


def test_a_sink_may_refuse_at_once(post, sink):
    """
    An overload that submit itself raises is answered alike, with at least a second of delay.
    """

    def full():
        raise OverloadedError("queue_full", "the queue is full", 0.01)

    sink.faults = [full]

    response = post(GOOD)

    assert (response.status, response.headers["retry-after"]) == (503, "1")


def test_a_failing_store_asks_to_retry_and_keeps_its_paths(post, sink, meter):
    """
    The sender learns when to come back, not what the disk is called.
    """
    sink.faults = [StoreError("/var/lib/droidscope/log: No space left on device")]

    response = post(GOOD)

    assert response.status == 503
    assert int(response.headers["retry-after"]) >= 1
    assert "/var" not in response.message
    assert meter.refused == {"store_failed": 1}


async def test_a_silent_sink_asks_to_retry(sink, meter):
    """
    What is not durable in time is refused for now; the sink's future is left alone, and may still resolve.
    """
    futures = []
    sink.faults = [lambda: futures.append(never()) or futures[0]]
    app = OtlpHttp(sink, Limits(acknowledge_seconds=0.01), meter)

    response = await call(app, chunk(GOOD))

    assert response.status == 503
    assert meter.refused == {"acknowledge_timeout": 1}
    assert not futures[0].cancelled()


def test_an_internal_error_is_logged_and_not_answered(post, sink, meter):
    """
    500 has no details of what happened; the log has.
    """
    sink.faults = [ZeroDivisionError("secret")]

    with capture_logs() as logs:
        response = post(GOOD)

    assert response.status == 500
    assert "secret" not in response.message
    assert "secret" in str(logs)
    assert meter.refused == {"internal": 1}


def test_malformed_by_the_sink_is_malformed(post, sink, meter):
    """
    The sink's own reason and message reach counter and sender.
    """
    sink.faults = [MalformedError("odd", "the request is odd")]

    response = post(GOOD)

    assert (response.status, response.message) == (400, "the request is odd")
    assert meter.refused == {"odd": 1}


# --- senders that stop


async def test_a_slow_sender_is_cut_off(sink, meter):
    """
    A body that does not come within its time is answered with 408 and the end of the connection.
    """
    app = OtlpHttp(sink, Limits(read_seconds=0.01), meter)

    response = await call(app, chunk(GOOD[:10], more=True))

    assert (response.status, response.headers["connection"]) == (408, "close")
    assert meter.refused == {"read_timeout": 1}


async def test_a_sender_who_leaves_gets_no_answer(sink, meter):
    """
    A body cut by a disconnect is counted, and nothing of it is kept.
    """
    app = OtlpHttp(sink, LIMITS, meter)

    response = await call(app, chunk(GOOD[:10], more=True), DISCONNECT)

    assert response is None
    assert meter.refused == {"disconnected": 1}
    assert sink.requests == []


def test_the_port_survives_a_broken_connection(http_port, post, sink):
    """
    After a sender that hung up within its body, the next one is served.
    """
    with socket.create_connection(("127.0.0.1", http_port)) as broken:
        head = (
            f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\nContent-Length: 999\r\n\r\n"
        )
        broken.sendall(head.encode() + GOOD)

    assert post(GOOD).status == 200
    assert len(sink.requests) == 1


async def test_other_scopes_are_ignored(sink, meter):
    """
    A lifespan is left without an answer, which servers read as "not supported".
    """
    app = OtlpHttp(sink, LIMITS, meter)

    await app({"type": "lifespan"}, receive=None, send=None)

    assert not meter.refused
