"""
The gRPC port: what it takes in, what it refuses and how it answers.
"""

from __future__ import annotations

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from structlog.testing import capture_logs

from droidscope.errors import ConfigError, OverloadedError, StoreError
from droidscope.ingest.grpc import OtlpGrpc
from droidscope.ingest.sink import Limits, Signal, Transport
from ingest.conftest import LIMITS
from ingest.fakes import never
from ingest.otlp import log, logs, metrics, span, traces

EXPORT_TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@pytest.fixture
def channel(grpc_port):
    with grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
        yield channel


def refused(channel, request, **options):
    """
    Export, and return the error it must end in.
    """
    with pytest.raises(grpc.RpcError) as raised:
        TraceServiceStub(channel).Export(request, timeout=10, **options)
    return raised.value


def status_of(error):
    """
    The google.rpc.Status in an error's details.
    """
    return Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
@pytest.mark.parametrize(
    ("signal", "stub", "request_"),
    [
        (Signal.TRACES, TraceServiceStub, traces(span())),
        (Signal.LOGS, LogsServiceStub, logs(log())),
        (Signal.METRICS, MetricsServiceStub, metrics()),
    ],
)
def test_each_signal_has_its_service(channel, sink, meter, signal, stub, request_, compression):
    """
    The sink gets the very bytes, decompressed, and the sender an empty success.
    """
    response = stub(channel).Export(request_, timeout=10, compression=compression)

    assert not response.HasField("partial_success")
    assert sink.requests == [(signal, request_.SerializeToString(), Transport.GRPC)]
    assert len(meter.durations) == 1


def test_a_bad_span_does_not_cost_the_good_one(channel, sink):
    """
    The call succeeds, and the answer counts and describes what was rejected.
    """
    request = traces(span("bad", span_id=bytes(8)), span("good"))

    partial = TraceServiceStub(channel).Export(request, timeout=10).partial_success

    assert partial.rejected_spans == 1
    assert partial.error_message.startswith("span 'bad': span_id is 0000000000000000")
    assert [kept.name for kept in sink.spans] == ["good"]


def test_a_malformed_request_is_an_invalid_argument(channel, meter):
    """
    It must not be retried, and the message names what was expected.
    """
    with pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary(EXPORT_TRACES)(b"not protobuf", timeout=10)

    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "is no ExportTraceServiceRequest" in raised.value.details()
    assert status_of(raised.value).details == []
    assert meter.refused == {"malformed_protobuf": 1}


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_message_over_the_limit_is_refused(channel, sink, compression):
    """
    The limit holds before and after decompression, so that a bomb is none.
    """
    request = traces(span("x" * (LIMITS.max_body_bytes + 1)))

    error = refused(channel, request, compression=compression)

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert sink.requests == []


def test_overload_asks_to_retry(channel, sink, meter):
    """
    UNAVAILABLE carries the delay in its details; the next try goes through.
    """
    sink.faults = [OverloadedError("queue_full", "the queue holds 64 MiB", 2.5)]

    error = refused(channel, traces(span()))
    again = TraceServiceStub(channel).Export(traces(span()), timeout=10)

    status = status_of(error)
    retry = RetryInfo()
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert error.details() == status.message == "the queue holds 64 MiB"
    assert status.code == grpc.StatusCode.UNAVAILABLE.value[0]
    assert status.details[0].Unpack(retry)
    assert (retry.retry_delay.seconds, retry.retry_delay.nanos) == (2, 500_000_000)
    assert not again.HasField("partial_success")
    assert meter.refused == {"queue_full": 1}


def test_a_failing_store_asks_to_retry_and_keeps_its_paths(channel, sink, meter):
    """
    The sender learns when to come back, not what the disk is called.
    """
    sink.faults = [StoreError("/var/lib/droidscope/log: No space left on device")]

    error = refused(channel, traces(span()))

    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert len(status_of(error).details) == 1
    assert "/var" not in error.details()
    assert meter.refused == {"store_failed": 1}


def test_an_internal_error_is_logged_and_not_answered(channel, sink, meter):
    """
    INTERNAL has no details of what happened; the log has.
    """
    sink.faults = [ZeroDivisionError("secret")]

    with capture_logs() as logs:
        error = refused(channel, traces(span()))

    assert error.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in error.details()
    assert "secret" in str(logs)
    assert meter.refused == {"internal": 1}


def test_a_silent_sink_asks_to_retry(sink, meter):
    """
    What is not durable in time is refused for now, so that a stuck disk does not hold the threads.
    """
    sink.faults = [never]
    server = OtlpGrpc(sink, "127.0.0.1:0", Limits(acknowledge_seconds=0.01), meter, threads=1)
    port = server.start()

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        error = refused(channel, traces(span()))
    server.stop(0)

    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert meter.refused == {"acknowledge_timeout": 1}


def test_other_methods_are_unimplemented(channel):
    """
    What is not OTLP's is not served.
    """
    with pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Import")(b"", timeout=10)

    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_port_is_served_once(grpc_port, sink, meter):
    """
    A second exporter on the same port stops at its start, naming the address.
    """
    second = OtlpGrpc(sink, f"127.0.0.1:{grpc_port}", LIMITS, meter)

    with pytest.raises(ConfigError, match=f"127.0.0.1:{grpc_port} cannot be bound"):
        second.start()


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:65536", "127.0.0.1:otlp", ""])
def test_an_address_needs_a_port(sink, meter, address):
    """
    What grpcio would bind somewhere else, or not report clearly, is an error of configuration.
    """
    with pytest.raises(ConfigError, match="must be host:port"):
        OtlpGrpc(sink, address, LIMITS, meter).start()
