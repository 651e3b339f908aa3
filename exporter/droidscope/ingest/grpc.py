"""
OTLP over gRPC: the three Export methods on grpcio's threaded server, over raw bytes.

A generic handler without a deserializer hands over the bytes as they came, so the only parsing is
the sink's. grpcio gunzips and bounds messages itself, before and after decompression: one that is
too large is answered with RESOURCE_EXHAUSTED and never seen here.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from droidscope.errors import ConfigError, MalformedError, OverloadedError, RefusedError
from droidscope.ingest.exports import EXPORTS
from droidscope.ingest.refusals import refusal_of
from droidscope.ingest.sink import Limits, PortMeter, Receipt, Signal, Sink, Transport
from droidscope.units import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS = 32
"""
Requests that wait for the disk at the same time; one group commit acknowledges them together.
"""
CONCURRENT_REQUESTS = 1024
"""
Requests in flight, most of them waiting for a thread. grpcio answers one more with
RESOURCE_EXHAUSTED, which senders do not retry: so the sink's own limit must be met first.
"""
STATUS_DETAILS = "grpc-status-details-bin"
MAX_PORT = 65535


class OtlpGrpc:
    """
    The gRPC port. Refusals are counted by reason, acknowledged requests are timed.
    """

    def __init__(
        self,
        sink: Sink,
        address: str,
        limits: Limits,
        meter: PortMeter,
        *,
        threads: int = THREADS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sink = sink
        self._address = address
        self._limits = limits
        self._meter = meter
        self._clock = clock
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="otlp-grpc")
        self._server = grpc.server(
            self._threads,
            maximum_concurrent_rpcs=max(CONCURRENT_REQUESTS, threads),
            options=[
                ("grpc.max_receive_message_length", limits.max_body_bytes),
                # Otherwise a second exporter would bind the same port and take half of the requests.
                ("grpc.so_reuseport", 0),
            ],
        )
        self._server.add_generic_rpc_handlers(tuple(self._handler(signal) for signal in EXPORTS))

    def start(self) -> int:
        """
        Listen and serve; returns the bound port, which matters where the address has port 0.

        Raises:
            ConfigError: If the address cannot be bound.
        """
        port = self._address.rpartition(":")[2]
        # grpcio takes ports modulo 65536.
        if not port.isdecimal() or int(port) > MAX_PORT:
            msg = f"the OTLP/gRPC address is {self._address!r}; it must be host:port, port 0 to {MAX_PORT}"
            raise ConfigError(msg)
        try:
            bound: int = self._server.add_insecure_port(self._address)
        except RuntimeError as error:
            msg = f"the OTLP/gRPC address {self._address} cannot be bound; it is in use or not of this host"
            raise ConfigError(msg) from error
        self._server.start()
        return bound

    def stop(self, grace_seconds: float = 5.0) -> None:
        """
        Accept nothing more, give requests under way *grace_seconds*, and return when all is still.
        """
        self._server.stop(grace_seconds).wait()
        self._threads.shutdown()

    def _handler(self, signal: Signal) -> Any:  # noqa: ANN401 - grpcio has no types
        export = grpc.unary_unary_rpc_method_handler(partial(self._export, signal))
        return grpc.method_handlers_generic_handler(EXPORTS[signal].service, {"Export": export})

    def _export(self, signal: Signal, body: bytes, context: Any) -> bytes:  # noqa: ANN401 - likewise
        received_at = self._clock()
        try:
            receipt = self._submit(signal, body)
        except Exception as error:  # noqa: BLE001 - the room's edge: whatever happens, the sender gets an answer
            refusal = refusal_of(error)
            self._meter.rejected(refusal.reason, 1)
            return _refuse(refusal, context)
        self._meter.ingest_seconds(self._clock() - received_at)
        return EXPORTS[signal].response_to(receipt).SerializeToString()

    def _submit(self, signal: Signal, body: bytes) -> Receipt:
        return self._sink.submit(signal, body, Transport.GRPC).result(self._limits.acknowledge_seconds)


def _refuse(refusal: RefusedError, context: Any) -> bytes:  # noqa: ANN401 - grpcio has no types
    """
    Set status and details; the returned body is never sent.
    """
    code = _code_of(refusal)
    status = Status(code=code.value[0], message=str(refusal))
    if isinstance(refusal, OverloadedError):
        status.details.add().Pack(RetryInfo(retry_delay=_duration(refusal.retry_after_seconds)))
    context.set_trailing_metadata(((STATUS_DETAILS, status.SerializeToString()),))
    context.set_code(code)
    context.set_details(str(refusal))
    return b""


def _code_of(refusal: RefusedError) -> grpc.StatusCode:
    match refusal:
        case MalformedError():
            return grpc.StatusCode.INVALID_ARGUMENT
        case OverloadedError():
            return grpc.StatusCode.UNAVAILABLE
        case _:
            return grpc.StatusCode.INTERNAL


def _duration(seconds: float) -> Duration:
    return Duration(seconds=int(seconds), nanos=round(seconds % 1 * SECOND_NS) % SECOND_NS)
